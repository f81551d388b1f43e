"""Getting a client id."""

from __future__ import annotations

import pytest
from playbook import play

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.protocol.flow import Client
from mcp_oauth_nb.steps.registration import register

from .flows import ISSUER, REDIRECT, document, known, server_document

ENDPOINT = f"{ISSUER}/register"


def test_needs_metadata() -> None:
    with pytest.raises(NotYet, match=r"dbg\.server_metadata\(\)"):
        play(register, known("resource_metadata"))


def test_registers_a_public_native_client() -> None:
    body = {
        "client_name": "mcp-oauth-nb",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "scope": None,
    }
    begun = play(register, known("server_metadata")).sends("POST", ENDPOINT, json=body)
    begun.gets(201, {"client_id": "abc"}).learns(
        client={
            "client_id": "abc",
            "secret": None,
            "auth_method": "none",
            "source": "registered dynamically (the metadata names a registration_endpoint; "
            "client ID metadata documents are not announced)",
            "exchange": 1,
        }
    )


def test_the_users_scope_is_registered() -> None:
    play(register, known("server_metadata", scope="a b")).sends("POST", ENDPOINT, json={"scope": "a b"})


@pytest.mark.parametrize(
    ("answer", "secret", "method"),
    [
        ({"client_secret": "s"}, "s", "client_secret_basic"),
        ({"client_secret": "s", "token_endpoint_auth_method": "client_secret_post"}, "s", "client_secret_post"),
        ({"client_secret": "s", "token_endpoint_auth_method": "private_key_jwt"}, "s", "client_secret_basic"),
        ({"client_secret": "s", "token_endpoint_auth_method": "none"}, "s", "none"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, None, "none"),
        ({"client_secret": 5, "token_endpoint_auth_method": ["none"]}, None, "none"),
        ({"client_secret": "", "token_endpoint_auth_method": {"a": 1}}, None, "none"),
    ],
)
def test_what_the_answer_says_about_authentication(answer, secret, method: str) -> None:
    begun = play(register, known("server_metadata")).gets(200, {"client_id": "abc"} | answer)
    begun.learns(client={"secret": secret, "auth_method": method})


@pytest.mark.parametrize("client_id", [None, 5, "", "  ", ["x"], {"a": 1}, True])
def test_no_usable_client_id(client_id) -> None:
    begun = play(register, known("server_metadata")).gets(201, {"client_id": client_id})
    begun.stops("expected 201 with a client_id, got 201 without one")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"error": "invalid_redirect_uri"}, "got 400 (invalid_redirect_uri)"),
        (403, {"error": {"a": 1}}, "got 403"),
        (500, b"<html>", "got 500"),
        (302, b"", "got 302"),
        (201, b"", "got 201"),
        (200, [{"client_id": "x"}], "got 200"),
        (400, {"error": "long " * 1000}, "…)"),
        (400, {"error": "two\r\nlines"}, "(two lines)"),
    ],
)
def test_refused(status: int, body, said: str) -> None:
    play(register, known("server_metadata")).gets(status, body).stops(said)


def test_no_answer() -> None:
    play(register, known("server_metadata")).fails("connect").stops("a connect failure")


def test_an_answer_that_broke_off_registers_nothing() -> None:
    begun = play(register, known("server_metadata")).fails("protocol", after=b'{"client_id": "abc"}')
    begun.stops("a protocol failure")


@pytest.mark.parametrize("endpoint", [None, 5, ["x"], {"a": 1}])
def test_no_endpoint(endpoint) -> None:
    metadata = document(server_document(registration_endpoint=endpoint))
    play(register, known("server_metadata", facts={"server_metadata": metadata})).stops("client=Client('id')")


@pytest.mark.parametrize(
    ("client", "offered", "method"),
    [
        (Client("id"), None, "none"),
        (Client("id", secret="s"), None, "client_secret_basic"),
        (Client("id", secret="s"), ["client_secret_post"], "client_secret_post"),
        (Client("id", secret="s"), ["client_secret_post", "client_secret_basic"], "client_secret_basic"),
        (Client("id", secret="s"), ["private_key_jwt"], "client_secret_basic"),
        (Client("id", secret="s"), "client_secret_post", "client_secret_basic"),
        (Client("id", secret="s", auth_method="client_secret_post"), ["client_secret_basic"], "client_secret_post"),
    ],
)
def test_a_client_of_the_users_own_needs_no_request(client: Client, offered, method: str) -> None:
    metadata = document(server_document(token_endpoint_auth_methods_supported=offered))
    flow = known("server_metadata", facts={"server_metadata": metadata}, client=client)
    play(register, flow).learns(
        client={"client_id": "id", "auth_method": method, "source": "pre-registered (a client was given)"}
    )
