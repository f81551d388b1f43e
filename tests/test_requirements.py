"""The requirements and the rules: a contract that holds both ways."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rules.specimens import BREAKING, CLEAN

from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import judge
from mcp_oauth_nb.rules.requirements import BEYOND, REQUIREMENTS, decided_by
from mcp_oauth_nb.rules.requirements.row import LEVELS, VERSIONS, Requirement
from mcp_oauth_nb.rules.rule import RULES
from mcp_oauth_nb.steps import STEPS

GROUPS = {
    "GEN": 8,
    "CH": 17,
    "PRM": 18,
    "ASM": 20,
    "REG": 18,
    "CIMD": 12,
    "AZ": 21,
    "AR": 9,
    "TK": 16,
    "RF": 7,
    "AT": 7,
    "RS": 26,
    "SU": 6,
    "RV": 3,
    "EXT": 10,
}
"""How many requirements there are of each kind."""


def test_none_is_missing_and_none_is_there_twice() -> None:
    numbered = [f"{group}-{number:02}" for group, many in GROUPS.items() for number in range(1, many + 1)]
    assert list(REQUIREMENTS) == numbered


@pytest.mark.parametrize("row", REQUIREMENTS.values(), ids=REQUIREMENTS)
def test_a_requirement_is_decided_by_rules_or_says_why_not(row: Requirement) -> None:
    assert re.fullmatch(r"[A-Z`].+\.", row.says)
    assert bool(row.rules) != bool(row.unobservable)
    assert set(row.rules) <= set(RULES)
    assert not row.unobservable or re.fullmatch(r"[a-z].{15,}[^.]", row.unobservable)


@pytest.mark.parametrize("row", REQUIREMENTS.values(), ids=REQUIREMENTS)
def test_a_requirement_has_a_level_in_every_version(row: Requirement) -> None:
    assert len(row.levels.split()) == len(VERSIONS)
    assert {row.level(version) for version in PROFILES} <= LEVELS


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_decides_a_requirement_or_says_why_it_exists(rule: str) -> None:
    assert bool(decided_by(rule)) != (rule in BEYOND)


ASKED = {name for name, declared in STEPS.items() if declared.probe}
"""Steps that ask what an ordinary client would not."""


def without_probes(trace: Trace) -> Trace:
    return replace(trace, runs=tuple(run for run in trace.runs if run.step not in ASKED))


def decides_without_probes(rule: str) -> bool:
    """Whether a rule still comes to its outcome on a trace of which the probes are left out."""
    broken, held = (judge(without_probes(trace)).outcomes[rule] for trace in (BREAKING[rule], CLEAN[rule]))
    return broken in ("warned", "failed") or held == "passed"


@pytest.mark.parametrize("row", [row for row in REQUIREMENTS.values() if row.rules], ids=lambda row: row.id)
def test_a_requirement_is_decided_by_an_ordinary_flow_or_says_that_only_a_probe_decides_it(row: Requirement) -> None:
    assert row.probe_only is not any(decides_without_probes(rule) for rule in row.rules)


def test_what_nothing_decides_is_decided_by_no_probe_either() -> None:
    assert [row.id for row in REQUIREMENTS.values() if row.unobservable and row.probe_only] == []
    assert sum(row.probe_only for row in REQUIREMENTS.values()) > 0


def test_what_is_beyond_is_a_rule() -> None:
    assert set(BEYOND) <= set(RULES)
