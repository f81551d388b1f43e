"""The plain server: every grant as the RFCs say, refusals too, and the pages that a person sees."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from mcp_oauth_nb import OAuth2, PlainServer

BACK = "http://127.0.0.1:9/callback"
BROWSER = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def server():
    with PlainServer() as running:
        yield running


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.issuer, timeout=10) as made:
        yield made


def known(server):
    return {"client_id": server.client_id, "client_secret": server.client_secret}


GRANTS = {
    "authorization_code_pkce": {"browser": "follow"},
    "authorization_code": {"browser": "follow"},
    "implicit": {"browser": "follow", "response_type": "id_token token", "nonce": "a-nonce-0123"},
    "password": {},
    "client_credentials": {},
    "device": {"browser": httpx.get},
}


@pytest.mark.parametrize("grant", GRANTS)
def test_every_grant_passes_every_rule(grant, server):
    given = GRANTS[grant] | (known(server) if grant != "implicit" else {"client_id": server.client_id})
    if grant == "password":
        given |= {"username": server.username, "password": server.password}
    oauth = OAuth2(issuer=server.issuer, grant=grant, api_url=server.api_url, scope="read openid", **given)
    report = oauth.run(afterwards=True)
    assert report.failing_step is None
    assert {finding.level for finding in report.findings} <= {"SHOULD", "SHOULD NOT"}


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "authorization_code", "code": "unknown"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, "invalid_grant"),
        ({"grant_type": "password", "username": "demo-user", "password": "wrong"}, "invalid_grant"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "invalid_grant"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
    ],
)
def test_what_it_refuses(form, error, server, client):
    answer = client.post("/token", data=form | known(server))
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_clients_it_does_not_know(server, client):
    grant = {"grant_type": "client_credentials"}
    for form, auth in (
        ({}, None),
        ({"client_id": server.client_id, "client_secret": "wrong"}, None),
        ({}, (server.client_id, "wrong")),
    ):
        assert client.post("/token", data=grant | form, auth=auth).status_code == 401
    broken = client.post("/token", data=grant, headers={"Authorization": "Basic %%%"})
    assert broken.status_code == 401
    public = client.post("/token", data=grant | {"client_id": server.client_id})
    assert public.json() == {"error": "unauthorized_client"}
    assert client.post("/introspect", data={"client_id": server.client_id}).status_code == 401
    assert client.post("/device", data={}).status_code == 401
    assert client.post("/revoke", data={}).status_code == 401


def test_a_wrong_verifier_or_redirect_uri_is_refused(server, client):
    asked = {"response_type": "code", "client_id": server.client_id, "redirect_uri": BACK}
    for more, sent in (
        ({"code_challenge": "a", "code_challenge_method": "S256"}, {"code_verifier": "b", "redirect_uri": BACK}),
        ({}, {"redirect_uri": BACK + "/other"}),
        ({}, {"redirect_uri": BACK, "code_verifier": "b"}),
    ):
        location = client.get("/authorize", params=asked | more).headers["location"]
        code = parse_qs(urlsplit(location).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, **sent}
        assert client.post("/token", data=form | known(server)).status_code == 400


def test_a_redirect_elsewhere_is_not_followed(server, client):
    asked = {"response_type": "code", "client_id": server.client_id, "redirect_uri": "https://evil.example/"}
    assert client.get("/authorize", params=asked).status_code == 400
    assert client.post("/consent", data=asked | {"decision": "authorize"}).status_code == 400
    assert client.get("/authorize", params=asked | {"client_id": "other"}).status_code == 400


def test_a_person_is_asked_and_may_deny(server, client):
    asked = {"response_type": "token", "client_id": server.client_id, "redirect_uri": BACK, "state": '"><script>'}
    page = client.get("/authorize", params=asked, headers=BROWSER)
    assert "Authorize" in page.text
    assert "<script>" not in page.text
    denied = client.post("/consent", data=asked | {"decision": "deny"})
    assert denied.status_code == 303
    assert "error=access_denied" in urlsplit(denied.headers["location"]).fragment
    granted = client.post("/consent", data=asked | {"decision": "authorize"})
    assert "access_token=" in urlsplit(granted.headers["location"]).fragment


def test_a_person_types_the_code_of_a_device(server, client):
    device = client.post("/device", data=known(server)).json()
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device["device_code"]}
    assert client.post("/token", data=form | known(server)).json() == {"error": "authorization_pending"}
    assert "Connect a device" in client.get("/activate", headers=BROWSER).text
    assert client.post("/activate", data={"user_code": "none", "decision": "authorize"}).status_code == 400
    typed = {"user_code": device["user_code"].lower(), "decision": "deny"}
    assert "Done" in client.post("/activate", data=typed).text
    assert client.post("/token", data=form | known(server)).json() == {"error": "access_denied"}


def test_a_token_lives_until_it_is_revoked_or_over(server, client):
    token = client.post("/token", data={"grant_type": "client_credentials"} | known(server)).json()["access_token"]
    assert client.get("/api/me", params={"access_token": token}).json()["sub"] == server.client_id
    assert client.get("/api/me").headers["www-authenticate"] == 'Bearer realm="api"'
    told = client.post("/introspect", data=known(server) | {"token": token}).json()
    assert told["active"]
    assert client.post("/revoke", data=known(server) | {"token": token}).status_code == 200
    assert "invalid_token" in client.get("/api/me", params={"access_token": token}).headers["www-authenticate"]
    with PlainServer(access_token_lifetime_s=-1) as short:
        form = {"grant_type": "client_credentials"} | known(short)
        token = httpx.post(short.issuer + "/token", data=form).json()["access_token"]
        assert httpx.get(short.api_url, headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_what_it_shows_holds_no_secret():
    server = PlainServer()
    assert "running" in repr(server)
    server.stop()
    server.stop()
    shown = repr(server) + "".join(server._repr_mimebundle_().values())
    assert "stopped" in shown
    assert not any(secret in shown for secret in server.secrets_issued())
