"""Every fault of the demo is diagnosed: right step, cause and party, the fix named. Healthy servers trip nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from staging import TOOL, report_on

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.demo import FAULTS, DemoServer, Fault
from mcp_oauth_nb.protocol.profiles import AUTO, PROFILES
from mcp_oauth_nb.rules.cause import SUSPECTS
from mcp_oauth_nb.rules.rule import RULES, Finding
from mcp_oauth_nb.views.verdict import SURE, Verdict, verdict_text

CERTAIN = frozenset((Path(__file__).parent / "data" / "certain_faults.txt").read_text().split())
"""Faults whose captured lines allow no other cause: where one stands here, the verdict may not become less sure."""


def words_of_others(lead: Finding) -> set[str]:
    """What is to be done about anything but this cause, as declared; words that two causes share are of both."""
    declared = (*RULES.values(), *SUSPECTS.values())
    own = {one.fix for one in declared if one.id == lead.cause}
    return {one.fix for one in declared} - own


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_leads_to_its_cause(fault: Fault, record_property: Callable[[str, object], None]) -> None:
    record_property("fault of step", fault.phase)
    report = report_on(fault)
    lead = report.cause
    assert lead is not None
    assert (lead.rule, lead.cause) == (fault.trips, fault.cause)
    assert (report.failing_step or lead.step, lead.caused_in) == (fault.phase, fault.caused_in)
    assert lead.who == fault.who
    assert lead.fix
    assert lead.fix not in words_of_others(lead), "what is to be done is of this very cause"
    made = Verdict(report, lead)
    assert f"confidence: {SURE[made.confidence]}" in verdict_text(made)
    assert fault.name not in CERTAIN or made.confidence == "certain"
    known = {fault.trips, *fault.also, *lead.explains}
    assert [finding.rule for finding in report.findings if finding.rule not in known] == []


@pytest.mark.parametrize("protocol", [AUTO, *PROFILES])
def test_a_healthy_server_trips_no_rule(protocol: str) -> None:
    with DemoServer(require_resource=protocol != "2025-03-26") as server:
        dbg = Debugger(server.url, browser="follow", protocol=protocol, tool=TOOL)
        report = dbg.run(afterwards=True)
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


def test_every_fault_names_a_rule_and_a_cause_that_there_are() -> None:
    for fault in FAULTS.values():
        assert {fault.trips, *fault.also} <= set(RULES)
        assert fault.cause in {*RULES, *SUSPECTS}
    assert set(FAULTS) > CERTAIN
