"""Every fault of the demo beside a healthy run: the first difference is in the step of the mistake, or shows it."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from mcp_oauth_nb import Debugger, Report, compare
from mcp_oauth_nb.comparing import ranking
from mcp_oauth_nb.demo import FAULTS, DemoServer, Fault
from mcp_oauth_nb.demo.fault import THEN
from mcp_oauth_nb.practice.stage import arguments, play
from mcp_oauth_nb.steps.probes import PROBES

ELSEWHERE = {
    "no-refresh-token-without-offline-access": "the token answer, which has no refresh token, between the two",
}
"""Faults whose first difference stands in another step, and what it is."""
LEAST_BY_WIRE = 0.85
"""The share that the order of the flow finds alone, without a verdict to point at it."""

Healthy = dict[str, Report]


@pytest.fixture(scope="module")
def healthy() -> Healthy:
    """Runs against healthy servers, by how they were made."""
    return {}


def beside(fault: Fault, known: Healthy) -> Report:
    """A healthy run with the calls that show the fault; who asks wrongly is held against who asks rightly."""
    is_ours = not fault.places and fault.behaviour == type(fault.behaviour)()
    later = THEN.get(fault.phase, tuple(name for name in fault.then if name in PROBES)) if is_ours else fault.then
    asked = replace(fault, how={} if is_ours else fault.how, edits={} if is_ours else fault.edits, then=later)
    key = repr((asked.how, asked.edits, asked.then))
    if key not in known:
        with DemoServer() as server:
            dbg = Debugger(server.url, **arguments(asked, server.issuer))
            play(dbg, asked)
            known[key] = dbg.diagnose()
    return known[key]


def broken(fault: Fault) -> Report:
    with DemoServer(fault.name) as server:
        dbg = Debugger(server.url, **arguments(fault, server.issuer))
        play(dbg, fault)
        return dbg.diagnose()


@pytest.fixture(scope="module")
def by_wire() -> dict[str, bool]:
    """Which faults the order of the flow finds without the verdicts; filled by the test of each fault."""
    return {}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_first_difference_is_where_the_fault_is(
    fault: Fault, healthy: Healthy, by_wire: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = beside(fault, healthy), broken(fault)
    first = compare(a, b, names=("healthy", "broken")).first
    assert first is not None
    assert (first.step in (fault.caused_in, fault.phase)) == (fault.name not in ELSEWHERE)
    monkeypatch.setattr(ranking, "lead", lambda reports: None)
    alone = compare(a, b).first
    by_wire[fault.name] = alone is not None and alone.step in (fault.caused_in, fault.phase)


def test_the_order_of_the_flow_finds_most_without_a_verdict(by_wire: dict[str, bool]) -> None:
    if len(by_wire) < len(FAULTS):
        assert not os.environ.get("CI"), "the tests before it compare every fault, in the same process"
        pytest.skip("only where every fault was compared")
    assert sum(by_wire.values()) / len(by_wire) >= LEAST_BY_WIRE
