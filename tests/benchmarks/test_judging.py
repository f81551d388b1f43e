"""What rules and derived tables cost: little over a short trace, and no more per exchange over a long one."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from factories import HEALTHY, tflow

from mcp_oauth_nb.facts import FLOW, tables_for
from mcp_oauth_nb.records import Exchange, Run, Trace
from mcp_oauth_nb.rules import judge

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

SHORT_MS, GROWTH = 5.0, 1.6
"""Milliseconds for all rules over a short trace; how much dearer an exchange may be in a trace ten times as long."""


def tables(trace: Trace) -> object:
    """All tables of the whole flow."""
    return tables_for(trace, FLOW)


def best_ms(trace: Trace, times: int, read: Callable[[Trace], object] = judge) -> float:
    """The fastest of several readings, which says most about the code and least about the machine."""
    took = []
    for _ in range(times):
        # What was parsed is kept by the records, so that each reading gets records that nobody has read.
        fresh = replace(trace, exchanges=tuple(_unread(one) for one in trace.exchanges))
        gc.collect()
        begun = time.process_time()
        read(fresh)
        took.append((time.process_time() - begun) * 1000)
    return min(took)


def _unread(one: Exchange) -> Exchange:
    return replace(one, request=replace(one.request), response=replace(one.response) if one.response else None)


def short() -> Trace:
    """A healthy flow cut to eight exchanges."""
    for piece in reversed(HEALTHY):
        trace = tflow(upto=piece.step)
        if len(trace.exchanges) <= 8:
            return trace
    raise AssertionError("no step has so few exchanges")


def long(length: int) -> Trace:
    """A healthy flow with so many further calls that there are so many exchanges."""
    flow = tflow()
    last = [one for one in flow.exchanges if one.step == "mcp"][-1]
    first = len(flow.exchanges) + 1
    calls = tuple(replace(last, id=number, step="call") for number in range(first, length + 1))
    run = Run("call", tuple(one.id for one in calls), achieved=True)
    return replace(flow, exchanges=(*flow.exchanges, *calls), runs=(*flow.runs, run))


def test_a_short_trace_is_judged_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    trace = short()
    took = best_ms(trace, 50)
    with capsys.disabled():
        print(f"\nall rules over {len(trace.exchanges)} exchanges: {took:.2f} ms")  # noqa: T201
    assert took < SHORT_MS


def test_a_long_trace_costs_no_more_per_exchange(capsys: pytest.CaptureFixture[str]) -> None:
    some, many = best_ms(long(800), 5), best_ms(long(8_000), 3)
    with capsys.disabled():
        print(f"\nall rules over 800 exchanges: {some:.0f} ms; over 8,000: {many:.0f} ms")  # noqa: T201
    assert many / some < 10 * GROWTH


def test_tables_of_a_short_trace_are_there_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    took = best_ms(short(), 50, tables)
    with capsys.disabled():
        print(f"\nall tables over {len(short().exchanges)} exchanges: {took:.2f} ms")  # noqa: T201
    assert took < SHORT_MS


def test_tables_of_a_long_trace_cost_no_more_per_exchange(capsys: pytest.CaptureFixture[str]) -> None:
    some, many = best_ms(long(800), 5, tables), best_ms(long(8_000), 3, tables)
    with capsys.disabled():
        print(f"\nall tables over 800 exchanges: {some:.0f} ms; over 8,000: {many:.0f} ms")  # noqa: T201
    assert many / some < 10 * GROWTH
