"""Saved or as HAR, and loaded, every fault of the demo gives the report that the live run gave, and no secret."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from jsonschema import Draft202012Validator
from leaks import assert_no_leak
from staging import report_on

from mcp_oauth_nb import Report, diagnose, load_har
from mcp_oauth_nb.demo import FAULTS, Fault
from mcp_oauth_nb.evidence.document import from_json, schema, to_json
from mcp_oauth_nb.evidence.har import har_of
from mcp_oauth_nb.evidence.search import search
from mcp_oauth_nb.facts import table_of
from mcp_oauth_nb.facts.table import TABLES
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.views.tables import TableView

SOMETHING = "there is nothing to be found of this"
"""Some faults show before there is any secret."""


def told(report: Report) -> Iterator[tuple[str, ...]]:
    """All that a report says, as it is shown."""
    vault, cause = report.trace.vault, report.cause
    yield report.status, report.failing_step or "", cause.cause if cause else ""
    for one in report.findings:
        words = (one.summary, one.expected, one.observed, one.fix)
        yield one.rule, one.step, one.level, one.cause, one.caused_in, *(mask_text(vault, word) for word in words)
        for suspect in one.suspects:
            yield suspect.cause, suspect.confidence


def tables(trace: Trace) -> dict[str, str]:
    made = {name: table_of(trace, name) for name in TABLES}
    return {name: render(TableView(one, trace.vault))["text/plain"] for name, one in made.items() if one is not None}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_saved_fault_is_diagnosed_as_live(fault: Fault) -> None:
    live = report_on(fault)
    text = to_json(live.trace)
    loaded = diagnose(from_json(text))
    assert list(told(loaded)) == list(told(live))
    assert loaded.verdict.outcomes == live.verdict.outcomes
    assert tables(loaded.trace) == tables(live.trace)
    secrets = [SOMETHING, *(one for one in live.trace.vault.values() if len(one) >= 12)]
    assert_no_leak([text, to_json(loaded.trace), raw(loaded.trace)], secrets)
    assert list(Draft202012Validator(schema()).iter_errors(json.loads(text))) == []
    assert search(text, [live.trace.vault])[1] == [], "what is saved is let out"


def raw(trace: Trace) -> str:
    """Everything that a trace holds, unmasked."""
    held = [dict(trace.settings), trace.runs and [vars(run) for run in trace.runs], trace.vault.values()]
    for one in trace.exchanges:
        held += [vars(one.request), vars(one.response) if one.response else None, one.why, one.edited]
    return repr(held)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_in_a_har_of_ours_is_diagnosed_as_live(fault: Fault) -> None:
    live = report_on(fault)
    text = har_of(live.trace).text
    loaded = diagnose(load_har(json.loads(text)))
    assert list(told(loaded)) == list(told(live))
    assert loaded.verdict.outcomes == live.verdict.outcomes
    secrets = [SOMETHING, *(one for one in live.trace.vault.values() if len(one) >= 12)]
    assert_no_leak([text, har_of(loaded.trace).text, raw(loaded.trace)], secrets)
