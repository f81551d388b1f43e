"""What is run again goes on with the tokens that are left: a refresh or a revocation cannot be undone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from leaks import assert_no_leak, shown
from staging import TOOL, played

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.demo import FAULTS, DemoServer


@pytest.fixture
def dbg() -> Iterator[Debugger]:
    with DemoServer() as server:
        walked = Debugger(server.url, browser="follow")
        walked.run()
        yield walked


def held(dbg: Debugger) -> str:
    assert dbg.tokens is not None
    return dbg.tokens.access_token


def steps(dbg: Debugger) -> list[str]:
    return [run.step for run in dbg.trace.runs][-4:]


def test_refreshing_twice_shows_the_newest_refresh_token(dbg: Debugger) -> None:
    dbg.refresh()
    first = held(dbg)
    assert dbg.refresh().status == "passed"
    assert held(dbg) != first
    assert dbg.mcp().status == "passed"


def test_mcp_again_after_a_refresh_uses_the_new_token(dbg: Debugger) -> None:
    old = held(dbg)
    dbg.refresh()
    new = held(dbg)
    assert dbg.mcp().status == "passed"
    sent = {one.request.header("authorization") for one in dbg.trace.exchanges[-2:]}
    assert (sent == {f"Bearer {new}"}) and (new != old)
    assert held(dbg) == new
    assert steps(dbg) == ["callback", "token", "refresh", "mcp"]


def test_mcp_again_after_a_revocation_knows_why_it_is_refused(dbg: Debugger) -> None:
    dbg.revoke()
    report = dbg.mcp()
    assert report.status == "failed"
    assert report.cause is not None
    assert (report.cause.cause, report.cause.who) == ("grant-revoked", "user")
    assert steps(dbg) == ["callback", "token", "revoke", "mcp"]
    dbg.authorize()
    dbg.callback()
    dbg.token()
    assert dbg.mcp().status == "passed"
    assert "revoke" not in steps(dbg)


def test_refresh_after_a_refused_replay_names_the_replay(dbg: Debugger) -> None:
    dbg.refresh()
    dbg.replay()
    report = dbg.refresh()
    assert report.cause is not None
    assert report.cause.cause == "grant-ended-by-replay"


def test_a_refusal_after_a_refused_replay_says_that_it_proves_little(dbg: Debugger) -> None:
    for call in (dbg.refresh, dbg.replay, dbg.revoke, dbg.revoked):
        assert call().status == "passed"
    assert "the refused replay had ended the grant" in dict(dbg.trace.runs[-1].learned)["outcome"]
    assert dbg.diagnose().verdict.outcomes["revoked-token-accepted"] == "not tested"


def test_a_refusal_without_a_replay_is_a_proof(dbg: Debugger) -> None:
    for call in (dbg.refresh, dbg.revoke, dbg.revoked):
        assert call().status == "passed"
    assert dict(dbg.trace.runs[-1].learned)["outcome"] == "revoked access token refused with 401"
    assert dbg.diagnose().verdict.outcomes["revoked-token-accepted"] == "passed"


def test_the_whole_run_goes_on_without_a_refresh_token() -> None:
    with DemoServer("no-refresh-token") as server:
        report = Debugger(server.url, browser="follow").run(afterwards=True)
        assert report.status == "passed"
        assert [run.step for run in report.trace.runs][-3:] == ["mcp", "revoke", "revoked"]


@pytest.mark.parametrize(
    "name",
    [
        "self-contained-token",
        "granted-scope-challenged",
        "refresh-by-another-client",
        "grant-revoked-elsewhere",
        "refresh-after-revocation",
        "other-token-revoked",
    ],
)
def test_suspects_and_their_lines_show_no_secret(name: str) -> None:
    fault = FAULTS[name]
    with DemoServer(name) as server:
        dbg = Debugger(server.url, **{"browser": "follow", "tool": TOOL, **fault.how})
        assert played(dbg, fault).findings
        assert_no_leak(shown(dbg), server.secrets_issued())
