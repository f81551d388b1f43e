"""Every fault of the demo leads to the rule that it names, at the step that it breaks; a healthy server trips none."""

from __future__ import annotations

import pytest

from mcp_oauth_nb import Debugger, Report
from mcp_oauth_nb.demo import FAULTS, DemoServer, Fault
from mcp_oauth_nb.protocol.profiles import AUTO, PROFILES

LATE = ("revoke", "revoked")
"""Steps that a refused replay would spoil: it ends the grant before they are reached."""


def verdict(fault: Fault | None, protocol: str = AUTO) -> Report:
    with DemoServer(fault.name if fault else None, require_resource=protocol != "2025-03-26") as server:
        dbg = Debugger(server.url, browser="follow", protocol=protocol, tool=("echo", {"text": "hello"}))
        if fault is None or fault.phase not in LATE:
            return dbg.run(afterwards=True)
        dbg.run()
        dbg.revoke()
        dbg.revoked()
        return dbg.diagnose()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_leads_to_its_rule_and_to_no_other(fault: Fault) -> None:
    report = verdict(fault)
    assert report.status == "failed"
    assert report.failing_step == fault.phase
    assert [finding.rule for finding in report.findings] == [fault.trips]
    assert report.cause is not None
    assert (report.cause.rule, report.cause.level) == (fault.trips, "MUST")
    assert report.cause.fix


@pytest.mark.parametrize("protocol", [AUTO, *PROFILES])
def test_a_healthy_server_trips_no_rule(protocol: str) -> None:
    report = verdict(None, protocol)
    assert report.status == "passed"
    assert report.findings == ()


@pytest.mark.parametrize("protocol", [AUTO, "2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("place", ["at the server", "local"])
def test_a_healthy_server_that_reads_a_metadata_document_trips_no_rule(protocol: str, place: str) -> None:
    with DemoServer() as server:
        url = server.client_document_url if place == "at the server" else place
        dbg = Debugger(server.url, browser="follow", protocol=protocol, registration="cimd", client_metadata_url=url)
        dbg.run(afterwards=True)
        dbg.client_document_check()
        report = dbg.diagnose()
        assert report.status == "passed"
        assert report.findings == ()
        assert not any(seen.path == "/register" for seen in server.log)
