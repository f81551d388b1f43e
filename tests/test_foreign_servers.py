"""Servers that nobody here wrote, each with one defect that a proxy put into it: the diagnosis names that defect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from amendments import says
from fastmcp_server import Second, second_server
from foreign_defects import AS, DEFECTS, MERELY_WARNED, leading, met
from recorder import Asked, Recorder

from mcp_oauth_nb import Debugger, Report
from mcp_oauth_nb.demo.answers import Answer
from mcp_oauth_nb.rules.rule import Finding

pytest.importorskip("fastmcp")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
TRUE_WARNINGS = {"iss-not-sent", "refresh-error-status"}
"""What this server does not do as it should: it leaves out `iss`, and refuses a refresh with 401 in place of 400."""


@pytest.fixture(scope="module")
def server() -> Iterator[Second]:
    with second_server() as running:
        yield running


def assert_told(finding: Finding, report: Report) -> None:
    assert finding.fix.endswith(".")
    assert finding.summary
    assert finding.exchange in {one.id for one in report.trace.exchanges}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_diagnosed(server: Second, name: str) -> None:
    defect = DEFECTS[name]
    with Recorder(server.url, apart=True, amend=defect.amend()) as recorder:
        report = met(Debugger(recorder.url, client_auth_method="none", browser="follow", step_timeout_s=10), defect)
    found, led = leading(report, defect.led.rule), defect.led
    assert (found.rule, found.cause, found.who, found.caused_in) == (led.rule, led.cause, led.who, led.caused_in)
    if name in MERELY_WARNED:
        assert (report.status, found.step) == ("warned", led.step)
    else:
        assert (report.status, report.failing_step) == ("failed", led.step)
    assert_told(found, report)


@pytest.mark.parametrize("protocol", ["auto", "2025-06-18", "2025-11-25", "2026-07-28"])
def test_untouched_nothing_fails(server: Second, protocol: str) -> None:
    with Recorder(server.url, apart=True, amend=lambda _, answer: answer) as recorder:
        dbg = Debugger(recorder.url, client_auth_method="none", browser="follow", protocol=protocol, step_timeout_s=10)
        dbg.run()
        dbg.refresh()
        report = dbg.replay()
    assert dbg.diagnose().status in ("passed", "warned"), dbg.diagnose().findings
    assert {finding.rule for finding in dbg.diagnose().findings} <= TRUE_WARNINGS
    assert report.trace.run("replay").achieved


def test_a_session_that_is_forgotten_at_once(server: Second) -> None:
    def forget(asked: Asked, answer: Answer) -> Answer:
        return says(404)(answer) if asked.header("mcp-session-id") else answer

    with Recorder(server.url, apart=True, amend=forget) as recorder:
        report = Debugger(
            recorder.url, client_auth_method="none", browser="follow", protocol="2025-11-25", step_timeout_s=10
        ).run()
    assert report.failing_step == "mcp"
    assert (report.cause.rule, report.cause.cause) == ("session-lost", "sessions-not-shared")
    assert report.cause.who == "MCP server"


def test_its_own_defect_shows_through_the_proxy(server: Second) -> None:
    """Its revocation endpoint asks public clients for a secret."""
    with Recorder(server.url, apart=True, amend=lambda _, answer: answer) as recorder:
        dbg = Debugger(recorder.url, client_auth_method="none", browser="follow", step_timeout_s=10)
        dbg.run()
        dbg.revoke()
    assert (dbg.diagnose().cause.rule, dbg.diagnose().cause.who) == ("revocation-refused", AS)


def test_each_error_code_has_a_fix_of_its_own(server: Second) -> None:
    fixes = {}
    for name in (name for name in DEFECTS if name.startswith("authorize-") and "_" in name):
        with Recorder(server.url, apart=True, amend=DEFECTS[name].amend()) as recorder:
            report = Debugger(recorder.url, client_auth_method="none", browser="follow", step_timeout_s=10).run()
        assert name.removeprefix("authorize-") in report.cause.observed
        fixes.setdefault(report.cause.fix, []).append(name)
    assert [names for names in fixes.values() if len(names) > 1] == []
