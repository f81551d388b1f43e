"""Every grant of `OAuth2` through a certified authorization server, and tokens that are kept, refreshed and shared.

They are run by: python -m pytest -m oidc tests/oidc
"""

from __future__ import annotations

import itertools

import httpx
import pytest
from amendments import refuses as refused_with
from leaks import assert_no_leak, shown
from test_using import together

from mcp_oauth_nb import OAuth2, diagnose, load
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.device import SLOW_DOWN, SLOWER_S
from tests.grants.test_rows import PASSPHRASE, expired
from tests.oidc.grants import Front, plain
from tests.oidc.person import approves, refuses, types
from tests.oidc.server import Oidc

pytestmark = [
    pytest.mark.oidc,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
NONCE = "a-nonce-of-our-own"
SOMEBODY = {"hello": "somebody"}


def healthy(flow: OAuth2, **run) -> OAuth2:
    """The flow once it went the whole way without a finding."""
    report = flow.run(**run)
    assert (report.status, report.findings) == ("passed", ()), render(report)["text/plain"]
    assert [one.step for one in flow.trace.runs if one.achieved] == list(flow.route(**run))
    return flow


def get(url, auth) -> httpx.Response:
    with httpx.Client(auth=auth, timeout=60) as client:
        return client.get(url)


def polls(flow: OAuth2) -> list[str]:
    """What came of each question with the device code: an error, or a token."""
    return [(one.document or {}).get("error", "token") for one in flow.exchanges if one.step == "token"]


def refreshes(flow: OAuth2) -> int:
    return sum(one.step == "refresh" for one in flow.exchanges)


@pytest.fixture
def code(asking: Oidc) -> OAuth2:
    """A flow with tokens, a refresh token and an ID token among them."""
    return healthy(plain(asking, "confidential", browser="follow"))


# --- the device grant -------------------------------------------------------------------------------------------------


def test_grant_type_device(asking: Oidc):
    """Nothing between us and the server: it names no interval, so that the first question comes after 5 s."""
    flow = healthy(plain(asking, "device", grant="device", browser=approves))
    assert flow.exchanges[-1].document == SOMEBODY
    assert polls(flow) == ["token"]
    assert flow.tokens.id_token
    assert flow.refresh().status == "passed"


def test_a_person_who_types_the_code(asking: Oidc):
    with Front(asking) as front:
        flow = front.plain("device", grant="device")
        flow.server_metadata()
        flow.device()
        typing = types(lambda: flow.known.device.user_code)
        typing(flow.known.device.verification_uri)
        assert flow.token().status == "passed"
    secret = flow.known.device
    assert_no_leak(shown(flow), [secret.device_code, secret.user_code, flow.tokens.access_token])


def test_a_device_that_asks_in_vain_asks_again(asking: Oidc):
    with Front(asking, late=True) as front:
        flow = healthy(front.plain("device", grant="device", browser=lambda url: url))
    assert polls(flow)[0] == "authorization_pending"
    assert polls(flow)[-1] == "token"


def test_a_device_that_is_told_to_slow_down_does(asking: Oidc):
    with Front(asking, "token", _slowed, late=True) as front:
        flow = healthy(front.plain("device", grant="device", browser=lambda url: url))
    first, second = (one for one in flow.exchanges if one.step == "token")
    assert polls(flow) == [SLOW_DOWN, "token"]
    assert (second.started - first.started).total_seconds() >= SLOWER_S


def _slowed(answer):
    return refused_with(400, SLOW_DOWN)(answer) if answer.status == 400 else answer


def test_a_person_who_says_no(asking: Oidc):
    with Front(asking) as front:
        report = front.plain("device", grant="device", browser=refuses).run()
    assert (report.failing_step, report.cause.rule, report.cause.who) == ("token", "token-refused", "user")
    assert "access_denied" in report.cause.observed
    assert "said no" in report.cause.fix


def test_a_code_that_nobody_typed_in_time(asking: Oidc):
    report = plain(asking, "hasty", grant="device", browser=lambda url: url).run()
    assert (report.failing_step, report.cause.rule, report.cause.who) == ("token", "token-refused", "user")
    assert "expired_token" in report.cause.observed
    assert "in time" in report.cause.fix


def test_a_device_says_what_its_token_is_for(asking: Oidc):
    """The server refuses a resource that was not named when the grant was asked for (RFC 8707 2.2)."""
    with Front(asking) as front:
        flow = healthy(front.plain("device", grant="device", browser=approves))
    assert flow.tokens.scope == "mcp:tools"
    assert "typed URL" in render(flow.diagnose())["text/plain"]
    assert "✗ URL identity" not in render(flow.diagnose())["text/plain"]


# --- a client by itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "way"),
    [("service", "Authorization: Basic"), ("posting", "client_secret:"), ("keyed", "client_assertion:")],
)
def test_grant_type_client_credentials(asking: Oidc, client: str, way: str):
    target = {"resource": asking.url, "scope": "mcp:tools"}
    flow = healthy(plain(asking, client, grant="client_credentials", **target))
    assert flow.exchanges[-1].document == {"hello": client}
    assert way in render(flow.diagnose())["text/plain"]
    assert flow.tokens.refresh_token is None


@pytest.mark.parametrize(("client", "auth"), [("service", "basic"), ("posting", "body")])
def test_a_secret_and_the_way_it_is_sent(asking: Oidc, client: str, auth: str):
    known = getattr(asking, client)
    named = {"client_id": known.client_id, "client_secret": known.secret, "client_auth": auth}
    usual = {"grant": "client_credentials", "issuer": asking.issuer, "api_url": asking.api}
    healthy(OAuth2(**usual, **named))


# --- a code, an ID token ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["public", "confidential"])
@pytest.mark.parametrize("endpoints", ["issuer", "by hand"])
def test_grant_type_authorization_code_with_pkce(asking: Oidc, client: str, endpoints: str):
    typed = {"issuer": None, **asking.endpoints} if endpoints == "by hand" else {}
    typed.pop("device_url", None)
    flow = healthy(plain(asking, client, browser="follow", **typed), afterwards=True)
    assert flow.tokens.id_token


def test_the_id_token_is_shown_and_its_nonce_checked(asking: Oidc):
    flow = healthy(plain(asking, "confidential", browser="follow", nonce=NONCE))
    outcomes = flow.diagnose().verdict.outcomes
    names = ("malformed", "issuer", "audience", "expired", "nonce")
    assert {outcomes[f"id-token-{name}"] for name in names} == {"passed"}
    claims = render(flow.details)["text/plain"].partition("ID token")[2]
    assert f"iss: {asking.issuer}" in claims
    assert "aud: confidential" in claims
    assert_no_leak(shown(flow), [flow.tokens.id_token, flow.tokens.access_token, flow.tokens.refresh_token])


def test_the_id_token_in_the_place_of_the_access_token(asking: Oidc):
    flow = plain(asking, "confidential", browser="follow", use="id_token")
    report = flow.run()
    assert (report.status, [one.rule for one in report.findings]) == ("warned", ["id-token-shown-to-api"])
    answer = get(asking.api, flow.auth)
    assert answer.json() == SOMEBODY
    assert answer.request.headers["Authorization"] == f"Bearer {flow.tokens.id_token}"


# --- refreshing -------------------------------------------------------------------------------------------------------


def test_a_refresh_token_is_replaced(code: OAuth2):
    old = code.tokens
    assert code.refresh().status == "passed"
    assert code.tokens.refresh_token not in (None, old.refresh_token)
    assert code.tokens.access_token != old.access_token
    assert code.diagnose().findings == ()


@pytest.mark.parametrize("uses", [2, 100])
def test_many_uses_of_an_expired_token_cause_one_refresh(asking: Oidc, code: OAuth2, uses: int):
    """A refresh token that is shown twice ends the grant here, so that one too many would show."""
    expired(code)
    with httpx.Client(auth=code.auth, timeout=60) as client:
        assert together(lambda: client.get(asking.api).status_code, uses) == [200] * uses
    assert refreshes(code) == 1
    assert code.refresh().status == "passed"


def test_refreshing_by_hand_meanwhile_does_not_lose_the_grant(asking: Oidc, code: OAuth2):
    expired(code)
    turns = itertools.count()
    with httpx.Client(auth=code.auth, timeout=60) as client:

        def either() -> object:
            return client.get(asking.api).status_code if next(turns) % 2 else code.refresh().status

        assert set(together(either, 20)) == {200, "passed"}
    assert code.refresh().status == "passed"


def test_a_replayed_refresh_token_ends_the_grant(asking: Oidc, code: OAuth2, tmp_path):
    code.refresh()
    assert code.replay().status == "passed"
    assert get(asking.api, code.auth).status_code == 401
    api = code.api().cause
    assert (api.rule, api.cause, api.who) == ("api-refused", "grant-ended-by-replay", "user")
    cause = code.refresh().cause
    assert (cause.rule, cause.cause, cause.caused_in) == ("refresh-refused", "grant-ended-by-replay", "replay")
    saved = diagnose(load(code.save(tmp_path / "it.json")))
    assert (saved.cause.cause, saved.failing_step) == ("grant-ended-by-replay", code.diagnose().failing_step)
    assert code.run().status == "passed", "a new authorization helps, as the fix says"


def test_a_revoked_grant_is_named_behind_the_refusal_of_the_api(code: OAuth2):
    assert code.revoke().status == "passed"
    cause = code.api().cause
    assert (cause.rule, cause.cause, cause.who) == ("api-refused", "grant-revoked", "user")


# --- kept and shared --------------------------------------------------------------------------------------------------


def test_a_kept_token_is_used_refreshed_and_revoked(asking: Oidc, code: OAuth2, tokens):
    alice = tokens.add("alice", code)
    assert get(asking.api, tokens.auth).json() == SOMEBODY
    first = alice.tokens.refresh_token
    assert alice.refresh().status == "passed"
    assert alice.tokens.refresh_token != first
    assert get(asking.api, tokens.auth).status_code == 200
    assert alice.introspect().status == "passed"
    assert tokens.delete("alice", revoke=True).status == "passed"
    assert get(asking.api, alice.auth).status_code == 401


def test_a_device_has_its_token_kept(asking: Oidc, tokens):
    with Front(asking) as front:
        flow = healthy(front.plain("device", grant="device", browser=approves))
        alice = tokens.add("alice", flow)
        assert alice.refresh().status == "passed"
        assert get(asking.api, tokens.auth).json() == SOMEBODY


def test_a_keyring_keeps_the_newest(asking: Oidc, code: OAuth2, tokens, ring):
    tokens.add("alice", code)
    kept = tokens.keep("alice")
    assert kept.refresh().status == "passed"
    again = type(tokens)().recall("alice")
    assert again["alice"].tokens.refresh_token == kept.tokens.refresh_token
    assert get(asking.api, again.auth).status_code == 200
    assert again["alice"].refresh().status == "passed"
    assert kept.refresh().status == "passed", "it took the newer tokens, and showed no spent one"
    assert kept.tokens.refresh_token == again["alice"].tokens.refresh_token


@pytest.mark.parametrize("with_refresh", [False, True])
def test_a_token_is_shared(asking: Oidc, code: OAuth2, tokens, tmp_path, with_refresh: bool):
    tokens.add("alice", code)
    file = tmp_path / "alice.token"
    tokens.share("alice", file, PASSPHRASE, with_refresh=with_refresh)
    assert code.tokens.access_token not in file.read_text()
    colleague = type(tokens)()
    taken = colleague.take(file, PASSPHRASE)
    assert get(asking.api, colleague.auth).json() == SOMEBODY
    assert taken.auto_refresh is with_refresh
    if with_refresh:
        assert taken.refresh().status == "passed"
