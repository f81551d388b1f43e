"""Rules in a flow without MCP: which hold, how grave they are, and in whose words they speak."""

from __future__ import annotations

import pytest

from mcp_oauth_nb.protocol.profiles import PLAIN, PROFILES
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import judge
from mcp_oauth_nb.rules.outside import NO_MCP, PLACES, held_by, reworded
from mcp_oauth_nb.rules.rule import MAY, MUST, RULES, SHOULD, level_in
from rules.plain_specimens import PLAIN_BREAKING
from rules.specimens import BREAKING


def outside(trace: Trace) -> Trace:
    """The same trace, as of a flow without MCP."""
    return Trace(trace.exchanges, trace.runs, {**trace.settings, "protocol": PLAIN.version}, trace.vault)


def test_plain_oauth_is_no_version_of_mcp() -> None:
    assert PLAIN.version not in PROFILES
    assert PLAIN not in PROFILES.values()


def test_what_is_placed_elsewhere_is_a_rule_and_no_place_is_of_mcp() -> None:
    assert set(PLACES) <= set(RULES)
    assert not [rule for rule, (_, spec) in PLACES.items() if spec.document.startswith("MCP")]


def test_without_mcp_the_least_level_holds() -> None:
    assert level_in({"2025-03-26": SHOULD, "2025-06-18": MUST, "2025-11-25": MAY}, PLAIN.version) == MAY
    assert level_in({"2025-03-26": SHOULD, "2025-06-18": MUST}, PLAIN.version) == SHOULD
    assert level_in(MUST, PLAIN.version) == MUST


@pytest.mark.parametrize("rule", [rule for rule in BREAKING if rule not in PLAIN_BREAKING])
def test_a_breach_of_what_only_mcp_asks_for_is_not_told(rule: str) -> None:
    verdict = judge(outside(BREAKING[rule]))
    if held_by(RULES[rule]) is None:
        assert verdict.outcomes[rule] == "not tested"
        assert verdict.reasons[rule] == NO_MCP
    assert not [one for one in verdict.findings if one.spec.document.startswith("MCP")]
    assert not [one for one in verdict.findings if "MCP server" in one.summary + one.fix + one.expected]
    assert not [one for one in verdict.findings if one.who == "MCP server" or one.versions]
    for one in (suspect for finding in verdict.findings for suspect in finding.suspects):
        assert not one.spec.document.startswith("MCP")
        assert "MCP server" not in one.summary + one.fix + one.apart


def test_an_mcp_server_is_an_api_there() -> None:
    assert (
        reworded("Debugger(url, verify='ca.pem') asks the MCP server.") == "OAuth2(..., verify='ca.pem') asks the API."
    )
