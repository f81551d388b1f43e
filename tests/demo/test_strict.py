"""What a strict reader asks of the endpoints, and what hostile input gets."""

import base64
import json
from typing import Any

import httpx
import pytest

from mcp_oauth_nb.demo import DemoServer

from .walker import ACCEPT, PROTOCOL, Walker, message_of


def test_the_metadata_is_complete(server: DemoServer, walker: Walker) -> None:
    document = walker.get("/.well-known/oauth-authorization-server").json()
    assert document["issuer"] == server.issuer
    for name in ("authorization", "token", "registration", "revocation"):
        assert document[f"{name}_endpoint"].startswith(server.issuer + "/")
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["response_types_supported"] == ["code"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["scopes_supported"] == ["mcp:tools"]
    methods = {"none", "client_secret_basic", "client_secret_post"}
    assert set(document["token_endpoint_auth_methods_supported"]) == methods
    assert set(document["revocation_endpoint_auth_methods_supported"]) == methods


@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic", None])
def test_registration_says_what_was_registered(server: DemoServer, walker: Walker, method: str | None) -> None:
    members = {"token_endpoint_auth_method": method} if method else {}
    body = {"redirect_uris": ["http://127.0.0.1:8765/callback"], "client_name": "walker", **members}
    answer = walker.http.post(server.issuer + "/register", json=body)
    document = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert document["token_endpoint_auth_method"] == (method or "client_secret_basic")
    assert document["redirect_uris"] == ["http://127.0.0.1:8765/callback"]
    assert ("client_secret" in document) == (method != "none")
    assert document.get("client_secret_expires_at") == (None if method == "none" else 0)
    assert set(document["grant_types"]) == {"authorization_code", "refresh_token"}


def test_grant_types_that_are_not_offered_are_struck_out(walker: Walker) -> None:
    document = walker.register(grant_types=["authorization_code", "implicit"]).json()
    assert document["grant_types"] == ["authorization_code"]


def test_client_secret_post_goes_in_the_body(walker: Walker) -> None:
    secret = walker.register(token_endpoint_auth_method="client_secret_post").json()["client_secret"]
    walker.secret = None
    code = walker.authorize()["code"]
    assert walker.token(code, client_secret="wrong").json()["error"] == "invalid_client"
    tokens = walker.token(code, client_secret=secret).json()
    assert walker.works(tokens["access_token"])
    assert walker.post("/revoke", token=tokens["access_token"], client_secret=secret).status_code == 200
    assert not walker.works(tokens["access_token"])


@pytest.mark.parametrize("path", ["/token", "/revoke"])
@pytest.mark.parametrize(
    "case", ["wrong secret", "no secret", "unknown client", "unreadable", "not registered for basic"]
)
def test_failed_client_authentication_gets_a_challenge(server: DemoServer, path: str, case: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x", "resource": server.url}
    confidential = server.confidential_client.client_id
    options: dict[str, dict[str, Any]] = {
        "wrong secret": {"auth": (confidential, "wrong")},
        "no secret": {},
        "unknown client": {"auth": ("nobody", "x")},
        "unreadable": {"headers": {"authorization": "Basic ###"}},
        "not registered for basic": {"auth": (server.public_client.client_id, "x")},
    }
    data = form | ({"client_id": confidential} if case == "no secret" else {})
    answer = httpx.post(server.issuer + path, data=data, **options[case])
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_two_authentication_methods_at_once_are_refused(server: DemoServer) -> None:
    secret = server.confidential_client.client_secret or ""
    auth = (server.confidential_client.client_id, secret)
    answer = httpx.post(server.issuer + "/token", data={"client_secret": secret}, auth=auth)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_refusal_of_the_mcp_endpoint_says_why(server: DemoServer, walker: Walker) -> None:
    metadata = f'resource_metadata="{server.issuer}/.well-known/oauth-protected-resource/mcp"'
    garbage = walker.mcp(token="garbage")
    assert garbage.status_code == 401
    assert garbage.headers["www-authenticate"].startswith('Bearer error="invalid_token", ')
    assert metadata in garbage.headers["www-authenticate"]
    anonymous = walker.mcp()
    assert "error" not in anonymous.headers["www-authenticate"] and "error" not in anonymous.json()


def test_too_little_scope_is_403_with_the_scope_that_is_needed(server: DemoServer, walker: Walker) -> None:
    token = walker.tokens()["access_token"]
    server._provider._access[token][0].scopes = ["mcp:nothing"]
    answer = walker.mcp(token=token)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="mcp:tools"' in answer.headers["www-authenticate"]


def test_a_token_for_another_resource_is_refused(server: DemoServer, walker: Walker) -> None:
    token = walker.tokens()["access_token"]
    server._provider._access[token][0].resource = "https://other.example/mcp"
    assert not walker.works(token)


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_the_asked_protocol_version_is_agreed(walker: Walker, version: str) -> None:
    answer = walker.mcp(token=walker.tokens()["access_token"], protocolVersion=version)
    assert message_of(answer)["result"]["protocolVersion"] == version


def test_the_protocol_without_handshake_is_spoken(server: DemoServer, walker: Walker) -> None:
    version, key = "2026-07-28", "io.modelcontextprotocol/"
    meta = {
        key + "protocolVersion": version,
        key + "clientInfo": {"name": "w", "version": "1"},
        key + "clientCapabilities": {},
    }
    headers = {"accept": ACCEPT, "mcp-protocol-version": version, "mcp-method": "server/discover"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}}
    assert walker.http.post(server.url, json=body, headers=headers).status_code == 401
    headers["authorization"] = f"Bearer {walker.tokens()['access_token']}"
    answer = walker.http.post(server.url, json=body, headers=headers)
    assert answer.status_code == 200
    assert version in message_of(answer)["result"]["supportedVersions"]


def test_a_session_can_be_deleted_and_needs_its_token(server: DemoServer, walker: Walker) -> None:
    token = walker.tokens()["access_token"]
    session = walker.mcp(token=token).headers["mcp-session-id"]
    assert walker.mcp("tools/list", None, session).status_code == 401
    headers = {"authorization": f"Bearer {token}", "mcp-session-id": session, "mcp-protocol-version": PROTOCOL}
    assert walker.http.delete(server.url, headers=headers).status_code == 200
    assert walker.mcp("tools/list", token, session).status_code == 404


@pytest.mark.parametrize(
    ("tool", "arguments", "text", "wrong"),
    [
        ("echo", {"text": "<b>"}, "<b>", False),
        ("add", {"a": 1.5, "b": 2}, "3.5", False),
        ("add", {"a": "x", "b": 2}, "the arguments do not fit the tool add", True),
        ("nothing", {}, "there is no such tool", True),
    ],
)
def test_tools(walker: Walker, tool: str, arguments: dict[str, Any], text: str, wrong: bool) -> None:
    token = walker.tokens()["access_token"]
    session = walker.mcp(token=token).headers["mcp-session-id"]
    result = message_of(walker.mcp("tools/call", token, session, name=tool, arguments=arguments))["result"]
    assert (result["content"][0]["text"], result["isError"]) == (text, wrong)


def test_whoami_names_client_user_and_scopes_but_no_token(server: DemoServer, walker: Walker) -> None:
    token = walker.tokens()["access_token"]
    session = walker.mcp(token=token).headers["mcp-session-id"]
    answer = walker.mcp("tools/call", token, session, name="whoami", arguments={})
    assert message_of(answer)["result"]["content"][0]["text"] == (
        f"client {walker.client_id}, user demo-user, scopes mcp:tools"
    )
    assert not [secret for secret in server.secrets_issued() if secret in answer.text]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "invalid_client_metadata"),
        (b"[]", "invalid_client_metadata"),
        (b"\xff\xfe", "invalid_client_metadata"),
        (b"[" * 30_000, "invalid_client_metadata"),
        (b"{}", "invalid_redirect_uri"),
        (b'{"redirect_uris": []}', "invalid_redirect_uri"),
        (b'{"redirect_uris": [null]}', "invalid_redirect_uri"),
        (b'{"redirect_uris": ["javascript:alert(1)"]}', "invalid_redirect_uri"),
        (b'{"redirect_uris": ["http://evil.example/cb"]}', "invalid_redirect_uri"),
        (b'{"redirect_uris": ["https://a.example/cb#x"]}', "invalid_redirect_uri"),
        (b'{"redirect_uris": ["https://a.example/\\ud800"]}', "invalid_redirect_uri"),
        (b'{"redirect_uris": ["https://a.example/"], "client_name": "\\ud800"}', "invalid_client_metadata"),
        (b'{"redirect_uris": ["https://a.example/"], "client_name": 7}', "invalid_client_metadata"),
        (b'{"redirect_uris": ["https://a.example/"], "scope": "root"}', "invalid_client_metadata"),
        (b'{"redirect_uris": ["https://a.example/"], "grant_types": ["implicit"]}', "invalid_client_metadata"),
        (
            b'{"redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "magic"}',
            "invalid_client_metadata",
        ),
    ],
)
def test_a_wrong_registration_is_refused_by_name(server: DemoServer, body: bytes, error: str) -> None:
    answer = httpx.post(server.issuer + "/register", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    said = answer.json()["error_description"]
    assert said.isascii() and said.isprintable() and '"' not in said and "\\" not in said


HOSTILE = [
    b"",
    b"=",
    b"&&&",
    b"%zz=%",
    b"\xff\x00=\xfe",
    b"a" * 60_000,
    b"client_id=a&client_id=b",
    b"client_id=%ff%00",
]


@pytest.mark.parametrize("path", ["/token", "/revoke", "/register", "/consent", "/authorize", "/mcp", "/nothing"])
@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", ""]
)
def test_hostile_bodies_are_refused_without_a_crash(server: DemoServer, path: str, kind: str) -> None:
    with httpx.Client(headers={"content-type": kind, "accept": ACCEPT}) as client:
        statuses = {client.post(server.issuer + path, content=body).status_code for body in HOSTILE}
    assert statuses <= {400, 401, 404, 405, 415}


@pytest.mark.parametrize(
    "query", ["", "&", "%zz", "client_id=%ff&redirect_uri=%00", "request=%ff", "scope=" + "x" * 20_000]
)
@pytest.mark.parametrize("path", ["/authorize", "/consent", "/token", "/.well-known/oauth-authorization-server"])
def test_hostile_queries_are_answered_without_a_crash(server: DemoServer, path: str, query: str) -> None:
    assert httpx.get(f"{server.issuer}{path}?{query}").status_code in (200, 400, 405)


def test_a_huge_body_is_refused(server: DemoServer) -> None:
    answer = httpx.post(
        server.issuer + "/register", content=b"x" * 100_000, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"jsonrpc":"2.0"}', b"\xff", b"[" * 30_000])
def test_hostile_mcp_messages_are_refused_without_a_crash(server: DemoServer, walker: Walker, body: bytes) -> None:
    headers = {
        "authorization": f"Bearer {walker.tokens()['access_token']}",
        "accept": ACCEPT,
        "content-type": "application/json",
    }
    assert walker.http.post(server.url, content=body, headers=headers).status_code == 400


@pytest.mark.parametrize("value", ["Bearer", "Bearer a b", "bearer \x7f", "Basic eA==", "x" * 10_000])
def test_odd_authorization_headers_are_401(server: DemoServer, value: str) -> None:
    answer = httpx.post(server.url, headers={"authorization": value}, json={})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_repeated_parameters_are_refused(server: DemoServer, walker: Walker) -> None:
    code = walker.authorize()["code"]
    form = f"grant_type=authorization_code&code={code}&code={code}&client_id={walker.client_id}"
    answer = walker.http.post(
        server.issuer + "/token", content=form, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    twice = walker.http.get(str(walker.request().request.url) + "&state=again")
    assert "error=invalid_request" in twice.headers["location"]


def test_basic_credentials_are_read_form_encoded(server: DemoServer) -> None:
    pair = f"{server.confidential_client.client_id}:{server.confidential_client.client_secret}".replace("-", "%2D")
    header = {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    assert httpx.post(server.issuer + "/revoke", data={"token": "x"}, headers=header).status_code == 200


def test_a_browser_page_can_read_metadata_and_errors(server: DemoServer) -> None:
    origin = {"origin": "http://localhost:6274"}
    document = httpx.get(server.issuer + "/.well-known/oauth-authorization-server", headers=origin)
    refused = httpx.post(server.issuer + "/register", content=json.dumps([]), headers=origin)
    assert {answer.headers["access-control-allow-origin"] for answer in (document, refused)} == {"*"}
