"""The flow through oidc-provider: a certified authorization server, of which every complaint would be ours.

They are run by: python -m pytest -m oidc tests/oidc
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http.cookies import SimpleCookie

import pytest
from leaks import assert_no_leak, shown

from mcp_oauth_nb import Client, Debugger
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.steps import AFTERWARDS, ROUTE
from mcp_oauth_nb.steps.inspection import Which
from tests.oidc.server import Oidc, oidc_server

pytestmark = [
    pytest.mark.oidc,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
CLIENTS = ("registered", "public", "confidential")
ADD = ("add", {"a": 2, "b": 40})


def walk(server: Oidc, client: str, *, afterwards: bool = False, protocol: str = "auto") -> Debugger:
    """A debugger that went the whole way, as one of three clients."""
    known: dict[str, Client] = {"public": server.public, "confidential": server.confidential}
    dbg = Debugger(
        server.url, client=known.get(client), browser="follow", tool=ADD, step_timeout_s=20, protocol=protocol
    )
    dbg.run(afterwards=afterwards)
    return dbg


def achieved(dbg: Debugger) -> list[str]:
    return [run.step for run in dbg.trace.runs if run.achieved]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_whole_flow_passes(oidc: Oidc, client: str):
    dbg = walk(oidc, client)
    assert achieved(dbg) == list(ROUTE)
    assert dbg.diagnose().findings == ()
    assert dbg.diagnose().status == "passed"


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", "2026-07-28"])
def test_every_version_that_names_its_authorization_server_passes(oidc: Oidc, version: str):
    dbg = walk(oidc, "public", protocol=version)
    assert dbg.diagnose().status == "passed"
    assert dbg.diagnose().findings == ()


@pytest.mark.parametrize("client", CLIENTS)
def test_tokens_are_refreshed_replaced_and_revoked(asking: Oidc, client: str):
    dbg = walk(asking, client, afterwards=True)
    assert achieved(dbg) == [*ROUTE, *AFTERWARDS]
    assert dbg.diagnose().findings == ()


def test_a_machine_gets_a_token_with_its_own_credentials(oidc: Oidc):
    dbg = Debugger(oidc.url, client=oidc.service, grant="client_credentials", tool=ADD, step_timeout_s=20)
    assert dbg.run().status == "passed"
    assert dbg.diagnose().findings == ()


def test_the_resource_indicator_ends_up_in_the_token(oidc: Oidc):
    token = walk(oidc, "public")._flow.tokens.access_token
    claims = json.loads(_decoded(token.split(".")[1]))
    assert (claims["iss"], claims["aud"], claims["scope"]) == (oidc.issuer, oidc.url, "mcp:tools")


def as_openid(server: Oidc, scope: str, **settings: str) -> Debugger:
    """A debugger that went the whole way and asked for an ID token."""
    dbg = Debugger(server.url, client=server.confidential, scope=scope, browser="follow", step_timeout_s=20, **settings)
    dbg.run()
    return dbg


@pytest.mark.parametrize("rule", ["malformed", "issuer", "audience", "expired"])
def test_an_id_token_is_read_and_found_right(oidc: Oidc, rule: str):
    dbg = as_openid(oidc, "openid mcp:tools")
    assert dbg.tokens.id_token
    assert dbg.diagnose().findings == ()
    assert dbg.diagnose().verdict.outcomes[f"id-token-{rule}"] == "passed"


def test_the_nonce_comes_back_in_the_id_token(oidc: Oidc):
    dbg = as_openid(oidc, "openid mcp:tools")
    dbg.authorize(params={"nonce": "a-nonce-of-our-own"})
    dbg.callback()
    dbg.token()
    assert dbg.diagnose().verdict.outcomes["id-token-nonce"] == "passed"


def test_what_the_tokens_say_of_themselves(oidc: Oidc):
    dbg = as_openid(oidc, "openid mcp:tools")
    text = render(dbg.details)["text/plain"]
    access, identity = text.split("ID token")
    assert f"aud: {oidc.url}" in access
    assert "aud: confidential" in identity
    assert text.count(f"iss: {oidc.issuer}") == text.count("signature not verified") == 2
    for token in (dbg.tokens.access_token, dbg.tokens.id_token):
        assert not [at for at in range(len(token) - 12) if token[at : at + 12] in "".join(render(dbg.details).values())]
    assert_no_leak(shown(dbg), [dbg.tokens.access_token, dbg.tokens.id_token])


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_token_is_introspected(asking: Oidc, client: str, which: Which):
    dbg = walk(asking, client)
    assert dbg.introspect(which).status == "passed"
    outcomes = dbg.diagnose().verdict.outcomes
    assert outcomes["introspection-inactive"] == "passed"
    assert outcomes["introspection-audience"] == ("passed" if which == "access_token" else "not tested")
    assert dbg.diagnose().findings == ()


def test_a_token_that_cannot_be_introspected_is_named(oidc: Oidc):
    """It does not keep JWTs, and says so."""
    report = walk(oidc, "confidential")
    finding = report.introspect().cause
    assert finding.rule == "introspection-refused"
    assert "dbg.details" in finding.fix


def test_userinfo_speaks_of_the_subject_of_the_id_token(oidc: Oidc):
    """Only a token for no resource in particular may be used there."""
    dbg = as_openid(oidc, "openid", resource="")
    assert dbg.userinfo().status == "passed"
    assert dbg.diagnose().verdict.outcomes["userinfo-subject"] == "passed"


def test_userinfo_refuses_a_token_for_the_mcp_server(asking: Oidc):
    report = as_openid(asking, "openid mcp:tools").userinfo()
    assert report.cause.rule == "userinfo-refused"
    assert "by design" in report.cause.fix


def test_a_registration_is_read_and_removed(oidc: Oidc):
    dbg = walk(oidc, "registered")
    assert [dbg.registration().status for _ in range(2)] == ["passed", "passed"]
    assert dbg.unregister().status == "passed"
    assert dbg.diagnose().findings == ()
    assert dbg.refresh().status == "failed"
    assert_no_leak(shown(dbg), [dbg.client.management_token])


def test_the_tool_answers(oidc: Oidc):
    dbg = walk(oidc, "registered")
    assert b"42" in dbg.exchanges[-1].response.body


def test_a_token_is_refreshed_and_the_old_one_refused(oidc: Oidc):
    dbg = walk(oidc, "registered", afterwards=True)
    assert achieved(dbg)[: len(ROUTE) + 2] == [*ROUTE, "refresh", "replay"]


def test_a_token_that_cannot_be_revoked_is_named(oidc: Oidc):
    """It revokes refresh tokens, and refuses to revoke JWTs (RFC 7009 2.2.1)."""
    report = walk(oidc, "registered", afterwards=True).diagnose()
    assert [finding.rule for finding in report.findings] == ["revocation-refused"]
    assert "unsupported_token_type" in report.findings[0].observed
    assert report.status == "warned"
    assert report.verdict.outcomes["revoked-token-accepted"] == "not tested"


def test_a_slash_too_many_is_named():
    """The MCP server writes the issuer by way of a URL type, which adds a slash."""
    with oidc_server("jwt", slash=True) as server:
        report = walk(server, "registered").diagnose()
    assert report.failing_step == "server_metadata"
    assert report.cause.rule == "issuer-mismatch"
    assert report.cause.expected.startswith(f"{server.issuer}/")


def test_a_wrong_secret_is_named(oidc: Oidc):
    wrong = Client(oidc.confidential.client_id, "not the secret at all", "client_secret_basic")
    report = Debugger(oidc.url, client=wrong, browser="follow", step_timeout_s=20).run()
    assert report.failing_step == "token"
    assert "invalid_client" in report.cause.observed


def test_a_resource_that_the_server_does_not_know_is_named(oidc: Oidc):
    dbg = Debugger(oidc.url, client=oidc.public, resource="https://elsewhere.example/mcp", browser="follow")
    report = dbg.run()
    assert (report.failing_step, report.cause.rule) == ("authorize", "resource-sent-wrong")
    refused = [finding for finding in report.findings if finding.step == "callback"]
    assert refused
    assert all("invalid_target" in finding.observed and finding.rule in report.cause.explains for finding in refused)


@pytest.mark.parametrize("client", CLIENTS)
def test_nothing_that_is_shown_holds_a_secret(asking: Oidc, client: str):
    dbg = walk(asking, client, afterwards=True)
    flow = dbg._flow
    issued = [flow.tokens.access_token, flow.tokens.refresh_token, flow.old_refresh_token, flow.code.code]
    assert_no_leak(shown(dbg), [*issued, flow.pkce.verifier, flow.authorization.state, *_kept_by_the_browser(dbg)])


def _kept_by_the_browser(dbg: Debugger) -> Iterator[str]:
    """Its session cookies, the client's secret, and what the client could be changed with (RFC 7592)."""
    for exchange in dbg.exchanges:
        for line in exchange.response.header_lines("set-cookie") if exchange.response else ():
            yield from (morsel.value for morsel in SimpleCookie(line).values() if morsel.value)
        if exchange.step == "register":
            yield exchange.document["registration_access_token"]
    if dbg._flow.client.secret:
        yield dbg._flow.client.secret


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
