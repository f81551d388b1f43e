"""The client credentials grant of the demo server."""

import pytest

from mcp_oauth_nb.demo import DemoServer

from .walker import Walker


@pytest.fixture
def machine(server: DemoServer):
    with Walker(server, server.confidential_client) as walker:
        yield walker


def ask(walker: Walker, **bent: str | None):
    form = {"grant_type": "client_credentials", "resource": walker.server.url} | bent
    return walker.post("/token", **form)


def test_it_is_advertised(walker: Walker) -> None:
    document = walker.get("/.well-known/oauth-authorization-server").json()
    assert document["grant_types_supported"] == ["authorization_code", "refresh_token", "client_credentials"]


def test_a_token_that_works_and_cannot_be_refreshed(machine: Walker, server: DemoServer) -> None:
    answer = ask(machine)
    document = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert document == {
        "access_token": document["access_token"],
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "mcp:tools",
    }
    assert machine.works(document["access_token"])
    assert document["access_token"] in server.secrets_issued()
    assert machine.post("/revoke", token=document["access_token"]).status_code == 200
    assert not machine.works(document["access_token"])


@pytest.mark.parametrize(
    ("bent", "error"),
    [
        ({"scope": "mcp:admin"}, (400, "invalid_scope")),
        ({"resource": None}, (400, "invalid_request")),
        ({"resource": "https://other.example/mcp"}, (400, "invalid_target")),
        ({"client_secret": "x"}, (400, "invalid_request")),
    ],
)
def test_a_wrong_request(machine: Walker, bent: dict[str, str | None], error: tuple[int, str]) -> None:
    answer = ask(machine, **bent)
    assert (answer.status_code, answer.json()["error"]) == error


def test_the_scope_may_be_named(machine: Walker) -> None:
    assert ask(machine, scope="mcp:tools").status_code == 200


def test_a_wrong_secret(machine: Walker) -> None:
    machine.secret = "wrong"
    answer = ask(machine)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "www-authenticate" in answer.headers


def test_the_secret_in_the_body_of_a_client_registered_for_basic(machine: Walker) -> None:
    secret, machine.secret = machine.secret, None
    assert ask(machine, client_secret=secret).status_code == 401


def test_an_unknown_client(machine: Walker) -> None:
    machine.client_id = "nobody"
    assert ask(machine).status_code == 401


def test_public_and_registered_clients_may_not(walker: Walker) -> None:
    assert ask(walker).json()["error"] == "unauthorized_client"
    grants = ["authorization_code", "refresh_token", "client_credentials"]
    walker.register(token_endpoint_auth_method="client_secret_basic", grant_types=grants)
    assert walker.secret
    assert ask(walker).json()["error"] == "unauthorized_client"
