"""Introspection at the demo server: for clients that authenticate, about their own tokens."""

import time

import httpx
import pytest

from mcp_oauth_nb.demo import DemoServer

from .walker import Walker


@pytest.fixture
def confidential(server: DemoServer):
    with Walker(server, server.confidential_client) as walker:
        yield walker


def ask(walker: Walker, token: str, **form: str) -> httpx.Response:
    return walker.post("/introspect", token=token, **form)


def test_it_is_advertised_for_those_who_authenticate(walker: Walker, server: DemoServer) -> None:
    document = walker.get("/.well-known/oauth-authorization-server").json()
    assert document["introspection_endpoint"] == f"{server.issuer}/introspect"
    methods = ["client_secret_basic", "client_secret_post"]
    assert document["introspection_endpoint_auth_methods_supported"] == methods


def test_tokens_that_work_are_active(confidential: Walker, server: DemoServer) -> None:
    tokens = confidential.tokens()
    answer = ask(confidential, tokens["access_token"])
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    document = answer.json()
    assert 0 < document.pop("exp") - time.time() <= 900
    assert document == {
        "active": True,
        "iss": server.issuer,
        "sub": document["sub"],
        "aud": server.url,
        "client_id": "demo-confidential",
        "scope": "mcp:tools",
        "token_type": "Bearer",
    }
    refresh = ask(confidential, tokens["refresh_token"]).json()
    assert refresh["active"] is True
    assert not {"exp", "token_type"} & refresh.keys()


def test_tokens_that_do_not_work_are_not(confidential: Walker) -> None:
    old = confidential.tokens()
    new = confidential.refresh(old["refresh_token"]).json()
    inactive = {"active": False}
    assert ask(confidential, "made up").json() == inactive
    assert ask(confidential, old["refresh_token"]).json() == inactive
    assert ask(confidential, new["refresh_token"]).json()["active"] is True
    confidential.post("/revoke", token=new["access_token"])
    assert [ask(confidential, new[name]).json() for name in ("access_token", "refresh_token")] == [inactive] * 2


def test_an_expired_token_is_not_active() -> None:
    with DemoServer(access_token_lifetime_s=-1) as server, Walker(server, server.confidential_client) as walker:
        assert ask(walker, walker.tokens()["access_token"]).json() == {"active": False}


def test_another_client_learns_nothing(walker: Walker, confidential: Walker) -> None:
    assert ask(confidential, walker.tokens()["access_token"]).json() == {"active": False}


def test_a_public_client_may_not_ask(walker: Walker) -> None:
    answer = ask(walker, walker.tokens()["access_token"])
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_wrong_secret(confidential: Walker) -> None:
    confidential.secret = "wrong"
    assert ask(confidential, "token").status_code == 401


def test_odd_requests(confidential: Walker, server: DemoServer) -> None:
    answer = confidential.get("/introspect")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert confidential.post("/introspect").json()["error"] == "invalid_request"
    assert httpx.post(f"{server.issuer}/introspect", json={"token": "x"}).status_code == 400
