"""Every rule says of a trace that was saved and loaded what it says of the trace itself."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator
from rules.specimens import BREAKING, CLEAN
from test_saved_faults import told

from mcp_oauth_nb import Trace, diagnose
from mcp_oauth_nb.evidence.document import from_json, schema, to_json
from mcp_oauth_nb.rules.rule import RULES


def same(trace: Trace) -> None:
    text = to_json(trace)
    assert next(Draft202012Validator(schema()).iter_errors(json.loads(text)), None) is None
    live, loaded = diagnose(trace), diagnose(from_json(text))
    assert loaded.verdict.outcomes == live.verdict.outcomes
    assert list(told(loaded)) == list(told(live))


@pytest.mark.parametrize("rule", RULES)
def test_a_breach_is_found_again(rule: str) -> None:
    same(BREAKING[rule])


@pytest.mark.parametrize("rule", RULES)
def test_a_clean_trace_stays_clean(rule: str) -> None:
    same(CLEAN[rule])
