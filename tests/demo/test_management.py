"""Reading and removing a registration at the demo server."""

import httpx
import pytest

from mcp_oauth_nb.demo import DemoServer

from .walker import REDIRECT, Walker


@pytest.fixture
def registered(walker: Walker) -> dict[str, str]:
    answer = walker.register()
    assert answer.status_code == 201
    return dict(answer.json())


def manage(method: str, registered: dict[str, str], token: str | None = None) -> httpx.Response:
    bearer = f"Bearer {registered['registration_access_token'] if token is None else token}"
    return httpx.request(method, registered["registration_client_uri"], headers={"Authorization": bearer})


def test_the_answer_to_a_registration_says_where(registered: dict[str, str], server: DemoServer) -> None:
    assert registered["registration_client_uri"] == f"{server.issuer}/register/{registered['client_id']}"
    assert registered["registration_access_token"] in server.secrets_issued()


def test_what_is_read_is_what_was_registered(registered: dict[str, str]) -> None:
    answer = manage("GET", registered)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json() == registered
    assert answer.json()["redirect_uris"] == [REDIRECT]


def test_a_removed_client_is_gone_with_its_tokens(walker: Walker, registered: dict[str, str]) -> None:
    tokens = walker.tokens()
    answer = manage("DELETE", registered)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not walker.works(tokens["access_token"])
    assert walker.refresh(tokens["refresh_token"]).status_code == 401
    assert walker.request().status_code == 400
    assert [manage(method, registered).status_code for method in ("GET", "DELETE")] == [401, 401]


def test_the_tokens_of_others_stay(walker: Walker, registered: dict[str, str], server: DemoServer) -> None:
    with Walker(server) as other:
        other.register()
        kept = other.tokens()["access_token"]
        manage("DELETE", registered)
        assert other.works(kept)


@pytest.mark.parametrize("token", ["x", "wrong", "\u00e9".encode().decode("latin-1")])
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_only_with_its_own_token(method: str, token: str, registered: dict[str, str], walker: Walker) -> None:
    headers = {"Authorization": f"Bearer {token}".encode("latin-1")}
    answer = httpx.request(method, registered["registration_client_uri"], headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert walker.request().status_code == 302


def test_a_token_for_one_client_is_none_for_another(walker: Walker, registered: dict[str, str]) -> None:
    other = walker.register().json()
    assert manage("DELETE", registered, other["registration_access_token"]).status_code == 401


def test_clients_registered_by_hand_cannot_be_managed(server: DemoServer) -> None:
    assert httpx.delete(f"{server.issuer}/register/{server.public_client.client_id}").status_code == 401


def test_changing_is_not_offered(registered: dict[str, str]) -> None:
    answer = manage("PUT", registered)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, DELETE")
