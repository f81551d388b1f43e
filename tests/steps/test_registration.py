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
            "client ID metadata documents are not announced; "
            "token_endpoint_auth_method none: the metadata lists no methods)",
            "exchange": 1,
        }
    )


def test_the_users_scope_is_registered() -> None:
    play(register, known("server_metadata", scope="a b")).sends("POST", ENDPOINT, json={"scope": "a b"})


def published(**members):
    """A flow whose authorization server publishes this."""
    return known("server_metadata", facts={"server_metadata": document(server_document(**members))})


@pytest.mark.parametrize(
    ("listed", "method", "why"),
    [
        (["client_secret_basic", "none"], "none", "listed in the metadata"),
        (["client_secret_basic"], "client_secret_basic", "listed in the metadata, which has no none"),
        (["client_secret_post"], "client_secret_post", "listed in the metadata, which has no none"),
        (
            ["client_secret_post", "client_secret_basic"],
            "client_secret_post",
            "listed in the metadata, which has no none",
        ),
        (["private_key_jwt"], "none", "the metadata lists no method that a client without a key has"),
        (None, "none", "the metadata lists no methods"),
        ([], "none", "the metadata lists no methods"),
        ("client_secret_basic", "none", "the metadata lists no methods"),
        ([5], "none", "the metadata lists no methods"),
    ],
)
def test_authenticates_as_the_metadata_lists(listed, method: str, why: str) -> None:
    begun = play(register, published(token_endpoint_auth_methods_supported=listed))
    begun.sends("POST", ENDPOINT, json={"token_endpoint_auth_method": method})
    flow = begun.gets(201, {"client_id": "abc", "client_secret": "s", "token_endpoint_auth_method": method}).learns()
    assert flow.client.source.endswith(f"; token_endpoint_auth_method {method}: {why})")
    assert flow.client.auth_method == method


def test_the_settings_go_before_the_list() -> None:
    listed = document(server_document(token_endpoint_auth_methods_supported=["none"]))
    flow = known("server_metadata", facts={"server_metadata": listed}, client_auth_method="client_secret_post")
    begun = play(register, flow).sends("POST", ENDPOINT, json={"token_endpoint_auth_method": "client_secret_post"})
    learned = begun.gets(201, {"client_id": "abc", "client_secret": "s"}).learns()
    assert "client_secret_post: as the settings say" in learned.client.source


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        (["authorization_code"], ["authorization_code"]),
        (["authorization_code", "refresh_token"], ["authorization_code", "refresh_token"]),
        (["client_credentials"], ["authorization_code"]),
        (None, ["authorization_code", "refresh_token"]),
        ("authorization_code", ["authorization_code", "refresh_token"]),
    ],
)
def test_refresh_tokens_are_asked_for_where_there_are_any(listed, asked: list[str]) -> None:
    begun = play(register, published(grant_types_supported=listed)).sends("POST", ENDPOINT, json={"grant_types": asked})
    flow = begun.gets(201, {"client_id": "abc"}).learns()
    assert ("without refresh_token, which the metadata does not list" in flow.client.source) is (len(asked) == 1)


@pytest.mark.parametrize("method", ["private_key_jwt", "client_secret_jwt", "tls_client_auth", "magic " * 50])
@pytest.mark.parametrize("secret", [{"client_secret": "s"}, {}])
def test_a_method_that_the_client_does_not_have_is_not_gone_on_with(method: str, secret: dict[str, str]) -> None:
    answer = {"client_id": "abc", "token_endpoint_auth_method": method, **secret}
    begun = play(register, known("server_metadata")).gets(201, answer)
    begun.stops("it can authenticate by none, client_secret_basic, client_secret_post only")
    lenient = play(register, known("server_metadata", on_violation="continue")).gets(201, answer)
    lenient.learns(client={"auth_method": "client_secret_basic" if secret else "none"})


@pytest.mark.parametrize(
    ("answer", "secret", "method"),
    [
        ({"client_secret": "s"}, "s", "client_secret_basic"),
        ({"client_secret": "s", "token_endpoint_auth_method": "client_secret_post"}, "s", "client_secret_post"),
        ({"client_secret": "s", "token_endpoint_auth_method": "none"}, "s", "none"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, None, "none"),
        ({"client_secret": 5, "token_endpoint_auth_method": ["none"]}, None, "none"),
        ({"client_secret": "s", "token_endpoint_auth_method": ""}, "s", "client_secret_basic"),
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
