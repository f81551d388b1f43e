"""A server by somebody else: FastMCP with its in-memory OAuth provider, as its package ships it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastmcp_server import second_server
from leaks import assert_no_leak, shown

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.steps import ROUTE

pytest.importorskip("fastmcp")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The MCP endpoint."""
    with second_server() as server:
        yield server.url


@pytest.fixture(scope="module")
def dbg(url: str) -> Debugger:
    """A debugger that went the whole way once."""
    made = Debugger(url, client_auth_method="none", browser="follow", step_timeout_s=20)
    made.run(afterwards=True)
    return made


def test_the_whole_flow_passes(url: str) -> None:
    dbg = Debugger(url, client_auth_method="none", browser="follow", step_timeout_s=20)
    report = dbg.run()
    assert [run.step for run in dbg.trace.runs if run.achieved] == list(ROUTE)
    advice = [(finding.rule, finding.level) for finding in report.findings]
    assert advice == [("iss-not-sent", "SHOULD")], "an authorization server should say who it is, from 2026-07-28 on"
    assert report.status == "warned"


def test_a_token_is_refreshed_and_the_old_one_refused(dbg: Debugger) -> None:
    achieved = [run.step for run in dbg.trace.runs if run.achieved]
    assert achieved == [*ROUTE, "refresh", "replay"]


def test_its_defect_is_found_and_named(dbg: Debugger) -> None:
    """Its revocation endpoint asks public clients for a secret (RFC 7009 2.1 says that they identify themselves)."""
    report = dbg.diagnose()
    assert report.failing_step == "revoke"
    assert report.cause.rule == "revocation-refused"
    assert report.cause.who == "authorization server"
    assert "client_secret" in report.cause.observed
    assert [finding.rule for finding in report.findings if finding.level == "MUST"] == ["revocation-refused"]


def test_a_tool_can_be_called(url: str) -> None:
    dbg = Debugger(url, client_auth_method="none", browser="follow", step_timeout_s=20)
    dbg.run()
    assert dbg.mcp("tools/call", {"name": "add", "arguments": {"a": 2, "b": 40}}).status in ("passed", "warned")
    assert b"42" in dbg.exchanges[-1].response.body
    assert dbg._flow.session.tools == ("add",)


def test_nothing_that_is_shown_holds_a_secret(dbg: Debugger) -> None:
    tokens = dbg._flow.tokens
    issued = [tokens.access_token, tokens.refresh_token, dbg._flow.old_refresh_token, dbg._flow.code.code]
    assert_no_leak(shown(dbg), [*issued, dbg._flow.pkce.verifier, dbg._flow.authorization.state])


def test_an_audit_says_what_is_wrong_with_it_and_nothing_else(url: str) -> None:
    """No check of Origin or resource, plain http registered, no iss, and refusals with the wrong status."""
    audit = Debugger(url, client_auth_method="none", browser="follow", step_timeout_s=20).audit()
    found = {check.rule: check.outcome for check in audit.checks if check.outcome in ("failed", "warned")}
    assert found == {
        "revocation-refused": "failed",
        "origin-unchecked": "failed",
        "plain-redirect-registered": "failed",
        "foreign-token-accepted": "warned",
        "iss-not-sent": "warned",
        "refresh-error-status": "warned",
    }
    assert audit.score <= 59
