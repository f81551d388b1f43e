"""What Postman's OAuth 2.0 page offers, row by row, against a server that others wrote.

Each test has the name of its row there; the README's table names the call. What reached the server is asked of the
server itself.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest

from mcp_oauth_nb import BadSetting, OAuth2, Parameter, load
from mcp_oauth_nb.protocol.pkce import s256

VERIFIER = "a-verifier-of-my-own-that-is-long-enough-0123456789"
PASSPHRASE = "correct horse battery"
AUTHORIZE, TOKEN, API = "/o/authorize/", "/o/token/", "/api/"
LOOSE = "/o/loose/"
"""Another token endpoint, which does not mind parameters in its URL."""


def last(django, path):
    return django.asked(path)[-1]


def rules_of(flow):
    return {finding.rule for finding in flow.diagnose().findings}


def get(url, auth):
    with httpx.Client(auth=auth) as client:
        return client.get(url)


# --- grant types ------------------------------------------------------------------------------------------------------


def test_grant_type_authorization_code(make, django):
    flow = make("code", grant="authorization_code")
    assert flow.run().status in ("passed", "warned")
    assert "code_challenge" not in last(django, AUTHORIZE)["query"]
    assert flow.tokens.refresh_token


def test_grant_type_authorization_code_with_pkce(make, django):
    flow = make("public")
    assert flow.run().status == "passed"
    assert last(django, AUTHORIZE)["query"]["code_challenge_method"] == ["S256"]


def test_grant_type_implicit(make, django):
    flow = make("implicit")
    assert flow.run().status in ("passed", "warned")
    assert last(django, AUTHORIZE)["query"]["response_type"] == ["token"]
    assert flow.tokens.access_token
    assert flow.tokens.refresh_token is None


def test_grant_type_password_credentials(make, django):
    flow = make("password")
    assert flow.run().status in ("passed", "warned")
    assert last(django, TOKEN)["form"]["username"] == [django.user]


def test_grant_type_client_credentials(make, django):
    flow = make("service")
    assert flow.run().status == "passed"
    assert last(django, TOKEN)["form"]["grant_type"] == ["client_credentials"]


# --- configure new token ----------------------------------------------------------------------------------------------


def test_token_name(make, tokens):
    flow = make("service")
    flow.run()
    assert tokens.add("nightly job", flow).name == "nightly job"


def test_callback_url(make, django):
    flow = make("code", redirect_uri="http://127.0.0.1:8917/callback")
    assert flow.run().status == "passed"
    assert last(django, AUTHORIZE)["query"]["redirect_uri"] == ["http://127.0.0.1:8917/callback"]


def test_callback_url_not_provided(make, django):
    assert make("code").run().status == "passed"
    sent = urlsplit(last(django, AUTHORIZE)["query"]["redirect_uri"][0])
    assert sent.hostname == "127.0.0.1"
    assert sent.port


@pytest.mark.parametrize("client", ["code", "implicit"])
def test_authorize_using_browser(make, client):
    """A person opens the link; the page that the browser ends on hands the answer to the notebook."""
    flow = make(client, browser=None, callback_timeout_s=30)
    link = flow.authorize()
    opened = httpx.get(link.url, follow_redirects=False)
    location = opened.headers["location"]
    if client == "code":
        assert httpx.get(location).status_code == 200
    else:
        address, _, fragment = location.partition("#")
        page = httpx.get(address)
        assert "<script" in page.text
        sent = httpx.post(address, content=fragment, headers={"Origin": "http://" + urlsplit(address).netloc})
        assert sent.status_code < 300
    flow.callback()
    if client == "code":
        flow.token()
    assert flow.tokens.access_token
    assert flow.tokens.access_token not in str(link._repr_mimebundle_())


def test_auth_url(make, django):
    flow = make("code", authorization_url=f"{django.origin}/o/authorize/?tenant=one")
    assert flow.run().status == "passed"
    assert last(django, AUTHORIZE)["query"]["tenant"] == ["one"]


def test_access_token_url(make, django):
    before = len(django.asked(TOKEN))
    assert make("service").run().status == "passed"
    assert len(django.asked(TOKEN)) == before + 1


def test_client_id_and_client_secret(make, django):
    flow = make("code", client_secret="a-wrong-secret-of-the-test")
    report = flow.run()
    assert report.status == "failed"
    assert report.failing_step == "token"
    assert "a-wrong-secret" not in str(report._repr_mimebundle_())


def test_scope(make, django):
    flow = make("code", scope="read write")
    assert flow.run().status == "passed"
    assert last(django, AUTHORIZE)["query"]["scope"] == ["read write"]
    assert set(flow.tokens.scope.split()) == {"read", "write"}


def test_state(make, django):
    flow = make("code", state="my-own-state-8f2Kq7Zt4Wx1Vb6N")
    assert flow.run().status == "passed"
    assert last(django, AUTHORIZE)["query"]["state"] == ["my-own-state-8f2Kq7Zt4Wx1Vb6N"]


@pytest.mark.parametrize("way", ["basic", "body"])
def test_client_authentication(make, django, way):
    assert make("service", client_auth=way).run().status == "passed"
    asked = last(django, TOKEN)
    assert ("authorization" in asked["headers"]) is (way == "basic")
    assert ("client_secret" in asked["form"]) is (way == "body")


@pytest.mark.parametrize(("method", "sent"), [("S256", s256(VERIFIER)), ("plain", VERIFIER)])
def test_code_challenge_method_and_code_verifier(make, django, method, sent):
    flow = make("public", pkce_method=method, code_verifier=VERIFIER)
    assert flow.run().status in ("passed", "warned")
    assert last(django, AUTHORIZE)["query"]["code_challenge"] == [sent]
    assert last(django, TOKEN)["form"]["code_verifier"] == [VERIFIER]


@pytest.mark.parametrize("verifier", ["short", "x" * 129, "with a blank " * 5])
def test_code_verifier_that_cannot_be_one(make, verifier):
    with pytest.raises(BadSetting, match="43 to 128"):
        make("public", code_verifier=verifier)


def test_username_and_password(make, django):
    flow = make("password", password="not-the-password-4711")
    assert flow.run().failing_step == "token"
    assert "not-the-password-4711" not in str(flow.diagnose()._repr_mimebundle_())


# --- advanced options -------------------------------------------------------------------------------------------------


def test_refresh_token_url(make, django):
    flow = make("code", refresh_url=f"{django.origin}{LOOSE}")
    flow.run()
    assert flow.refresh().status == "passed"
    assert last(django, LOOSE)["form"]["grant_type"] == ["refresh_token"]


def test_auth_request(make, django):
    assert make("code", authorization_params={"tenant": "one", "hint": ["a", "b"]}).run().status == "warned"
    query = last(django, AUTHORIZE)["query"]
    assert query["hint"] == ["a", "b"]


def test_token_request(make, django):
    parameters = [
        Parameter("in_body", "1"),
        Parameter("in_body", "2"),
        Parameter("in_url", "3", "url"),
        Parameter("X-In-Header", "4", "header"),
    ]
    assert make("service", token_params=parameters, token_url=django.origin + LOOSE).run().status == "warned"
    asked = last(django, LOOSE)
    assert asked["form"]["in_body"] == ["1", "2"]
    assert asked["query"]["in_url"] == ["3"]
    assert asked["headers"]["x-in-header"] == "4"


def test_refresh_request(make, django):
    flow = make(
        "code",
        token_params={"only": "token"},
        refresh_params=[Parameter("only", "refresh", "url")],
        refresh_url=django.origin + LOOSE,
    )
    flow.run()
    assert last(django, TOKEN)["form"]["only"] == ["token"]
    assert flow.refresh().status == "passed"
    asked = last(django, LOOSE)
    assert asked["query"]["only"] == ["refresh"]
    assert "only" not in asked["form"]


def test_multiple_keys_with_the_same_name_are_sent_as_an_array(make, django):
    assert make("service", token_params={"group": ["one", "two", "three"]}).run().status == "warned"
    assert last(django, TOKEN)["form"]["group"] == ["one", "two", "three"]


def test_the_same_parameters_are_used_on_refresh(make, django):
    flow = make("code", token_params={"tenant": "one"})
    flow.run()
    assert flow.refresh().status == "passed"
    assert last(django, TOKEN)["form"]["tenant"] == ["one"]


@pytest.mark.parametrize("client", ["code", "service", "password", "implicit"])
def test_audience_and_resource(make, django, client):
    """With the token request, for the implicit grant with the authorization request."""
    settings = {"audience": "the-api", "resource": django.api}
    assert make(client, **settings).run().status in ("passed", "warned")
    asked = last(django, AUTHORIZE)["query"] if client == "implicit" else last(django, TOKEN)["form"]
    assert asked["audience"] == ["the-api"]
    assert asked["resource"] == [django.api]


# --- using a token ----------------------------------------------------------------------------------------------------


def test_use_token(make, django):
    flow = make("code")
    flow.run()
    answer = get(django.api, flow.auth)
    assert answer.json() == {"hello": django.user}
    assert last(django, API)["headers"]["authorization"] == f"Bearer {flow.tokens.access_token}"


def test_header_prefix(make, django):
    flow = make("service", header_prefix="Token")
    flow.run()
    get(django.api, flow.auth)
    assert last(django, API)["headers"]["authorization"] == f"Token {flow.tokens.access_token}"


def test_auth_details_in_the_request_url(make, django):
    flow = make("service", token_in="url")
    flow.run()
    get(django.api, flow.auth)
    asked = last(django, API)
    assert asked["query"]["access_token"] == [flow.tokens.access_token]
    assert "authorization" not in asked["headers"]


def test_available_tokens(make, django, tokens):
    for name in ("code", "service"):
        flow = make(name)
        flow.run()
        tokens.add(name, flow)
    with httpx.Client(auth=tokens.auth) as client:
        assert client.get(django.api).json() == {"hello": django.user}
        tokens.select("service")
        assert client.get(django.api).json() == {"hello": "nobody"}


def test_manage_tokens(make, tokens):
    flow = make("code")
    flow.run()
    kept = tokens.add("alice", flow)
    shown = kept._repr_mimebundle_()["text/plain"] + kept.details._repr_mimebundle_()["text/plain"]
    assert "scope: read" in shown
    assert "refresh token: yes" in shown
    assert kept.introspect().exchanges


def test_deleting_a_token_does_not_revoke_access(make, django, tokens):
    flow = make("code")
    flow.run()
    kept = tokens.add("alice", flow)
    assert "Deleting is not revoking" in tokens.delete("alice").said
    assert get(django.api, kept.auth).status_code == 200
    tokens.add("alice", flow)
    assert tokens.delete("alice", revoke=True).status == "passed"
    assert get(django.api, flow.auth).status_code in (401, 403)


def test_failure_shows_why_and_can_be_retried(make, django):
    flow = make("code", scope="no-such-scope")
    report = flow.run()
    assert report.failing_step == "callback"
    assert "invalid_scope" in report._repr_mimebundle_()["text/plain"]
    flow.authorize(params={"scope": "read"})
    flow.callback()
    flow.token()
    assert flow.tokens.scope == "read"


def test_timeout_shows_why(make):
    flow = make("code", browser=None, callback_timeout_s=0.2)
    flow.authorize()
    with pytest.raises(TimeoutError, match="no redirect"):
        flow.callback()


# --- refreshing -------------------------------------------------------------------------------------------------------


def test_refresh_by_hand(make):
    flow = make("code")
    flow.run()
    old = flow.tokens.access_token
    assert flow.refresh().status == "passed"
    assert flow.tokens.access_token != old


def expired(flow):
    """Let the flow's clock be past the end of the token, until it is refreshed."""
    old, over = flow.tokens.access_token, flow.use.expiry_s + 1
    flow.now_s = lambda: over if flow.tokens.access_token == old else over - 300


def test_auto_refresh_access_token(make, django):
    flow = make("code")
    flow.run()
    expired(flow)
    old = flow.tokens.access_token
    assert get(django.api, flow.auth).status_code == 200
    assert flow.tokens.access_token != old


def test_auto_refresh_access_token_off(make, django):
    flow = make("code")
    flow.run()
    flow.use.change(auto_refresh=False)
    expired(flow)
    old = flow.tokens.access_token
    get(django.api, flow.auth)
    assert flow.tokens.access_token == old


def test_auto_refresh_is_not_available_without_a_refresh_token(make, tokens):
    flow = make("service")
    flow.run()
    kept = tokens.add("job", flow)
    assert "not available: no refresh token" in kept._repr_mimebundle_()["text/plain"]
    with pytest.raises(BadSetting, match="without a refresh token"):
        kept.auto_refresh = True


def test_the_expiration_time_is_displayed(make, tokens):
    flow = make("code")
    flow.run()
    kept = tokens.add("alice", flow)
    issued = next(one for one in flow.exchanges if one.step == "token")
    assert kept.expires_at_s == pytest.approx(issued.started.timestamp() + issued.elapsed_ms / 1000 + 600)
    at = datetime.fromtimestamp(kept.expires_at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    for away_s, told in ((123, "in 123 s"), (-60, "expired 60 s ago")):
        now_s = kept.expires_at_s - away_s
        kept.flow.now_s = lambda now_s=now_s: now_s
        assert f"expires: {told} ({at})" in kept._repr_mimebundle_()["text/plain"]


def test_a_hundred_uses_at_once_never_lose_the_grant(make, django):
    """The server ends a grant whose refresh token is shown twice."""
    flow = make("code")
    flow.run()
    expired(flow)
    results: list[int] = []
    with httpx.Client(auth=flow.auth, timeout=60) as client:
        threads = [
            threading.Thread(target=lambda: results.append(client.get(django.api).status_code)) for _ in range(100)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
    assert results == [200] * 100
    assert len([one for one in flow.exchanges if one.step == "refresh"]) == 1
    assert flow.refresh().status == "passed"


# --- sharing and the kind of token ------------------------------------------------------------------------------------


def test_share_access_token(make, django, tokens, tmp_path):
    flow = make("code")
    flow.run()
    tokens.add("alice", flow)
    tokens.share("alice", tmp_path / "alice.token", PASSPHRASE)
    colleague = type(tokens)()
    colleague.take(tmp_path / "alice.token", PASSPHRASE)
    assert get(django.api, colleague.auth).status_code == 200


def test_remove_synced_token(make, django, tokens, tmp_path):
    flow = make("code")
    flow.run()
    tokens.add("alice", flow)
    tokens.share("alice", tmp_path / "alice.token", PASSPHRASE)
    taken = type(tokens)().take(tmp_path / "alice.token", PASSPHRASE)
    assert "cannot be called back" in tokens.unshare("alice").said
    assert tokens.unshare("alice", revoke=True).status == "passed"
    assert get(django.api, taken.auth).status_code in (401, 403)


def test_use_token_type_id_token(make, django):
    flow = make("code", scope="openid read", use="id_token")
    flow.run()
    get(django.api, flow.auth)
    assert last(django, API)["headers"]["authorization"] == f"Bearer {flow.tokens.id_token}"


def test_use_token_type_is_not_available_without_an_id_token(make):
    flow = make("code")
    flow.run()
    with pytest.raises(BadSetting, match="none was issued"):
        flow.use.change(token="id_token")


# --- around it --------------------------------------------------------------------------------------------------------


def test_introspection_and_revocation(make, django):
    flow = make("code", scope="read introspection")
    flow.run()
    assert flow.introspect().status == "passed"
    assert flow.revoke().status == "passed"
    assert get(django.api, flow.auth).status_code in (401, 403)


def test_endpoints_from_metadata(django):
    flow = OAuth2(
        issuer=f"{django.origin}/o", grant="client_credentials", api_url=django.api, **django.clients["service"]
    )
    flow.run()
    assert flow.tokens is not None, flow.diagnose()._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize("client", ["code", "public", "implicit", "password", "service"])
def test_nothing_that_is_kept_of_a_flow_holds_a_secret(make, django, tmp_path, client):
    flow = make(client)
    flow.run(afterwards=True)
    known = {
        value
        for value in (
            *vars(flow.tokens).values(),
            flow.client.secret,
            django.password if client == "password" else None,
            flow.known.pkce.verifier if flow.known.pkce else None,
            flow.known.code.code if flow.known.code else None,
        )
        if isinstance(value, str) and len(value) > 10 and value != "(not said)"
    }
    assert known
    for kind in ("ipynb", "json", "md", "html"):
        text = flow.save(tmp_path / f"it.{kind}").read_text()
        assert not [one for one in known if one in text]
    assert not [one for one in known if one in flow.har()["log"].__repr__() or one in flow.curl().text]
    again = load(tmp_path / "it.json")
    assert [run.step for run in again.runs] == [run.step for run in flow.trace.runs]
