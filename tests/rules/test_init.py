"""Tests for `judge`: order, folding, the last resort, and rules that fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from factories import Piece, asm, failed, prm, resource_document, server_document, tflow, token_request, unauthenticated

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.judging import MODULES, STEP_ORDER
from mcp_oauth_nb.rules.rule import RULES, Case, Report, Seen


def test_order_is_that_of_the_flow_then_of_the_level() -> None:
    trace = tflow(
        unauthenticated(401, 'Bearer error="x", scope="a"'),
        Piece("resource_metadata", (resource_document(prm(resource="https://mcp.example.com/mcp/")),)),
        Piece("server_metadata", (server_document(asm(code_challenge_methods_supported=None), headers=()),)),
        upto="server_metadata",
    )
    report = diagnose(trace)
    assert [(finding.step, finding.level) for finding in report.findings] == [
        ("challenge", "SHOULD"),
        ("resource_metadata", "SHOULD"),
        ("server_metadata", "MUST"),
        ("server_metadata", "SHOULD"),
    ]
    assert report.cause is not None
    assert report.cause.rule == "s256-not-advertised"


def test_same_breach_in_two_exchanges_is_one_finding() -> None:
    twice = failed("token", *[token_request(400, {"error": "invalid_grant"})] * 2)
    (finding,) = diagnose(tflow(twice)).findings
    assert finding.rule == "token-refused"


def test_consequence_in_an_earlier_step_is_not_folded() -> None:
    silent = failed("token", replace(token_request(), response=None))
    missing = Piece("resource_metadata", (resource_document(b"", status=404),))
    findings = diagnose(tflow(missing, silent, upto="token")).findings
    assert {finding.rule: finding.explains for finding in findings}["resource-metadata-missing"] == ()
    assert findings[0].rule == "resource-metadata-missing"


def test_rule_that_raises_is_not_tested_and_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(case: Case, evidence: object) -> Iterator[Seen]:
        raise LookupError("secret text of a server")

    monkeypatch.setitem(RULES, "challenge-missing", replace(RULES["challenge-missing"], check=broken))
    verdict = judge(tflow(upto="challenge"))
    assert verdict.outcomes["challenge-missing"] == "not tested"
    assert verdict.reasons["challenge-missing"] == "the rule could not read this trace (LookupError)"
    assert verdict.outcomes["unauthenticated-status"] == "passed"


def test_last_resort_is_silent_where_a_must_speaks() -> None:
    verdict = judge(tflow(failed("token", token_request(400, {"error": "invalid_grant"}))))
    assert [finding.rule for finding in verdict.findings] == ["token-refused"]
    assert verdict.outcomes["unexpected-answer"] == "passed"


def test_report_of_one_step_has_its_findings_only() -> None:
    trace = tflow(unauthenticated(401, 'Bearer error="x", scope="a"'), upto="register")
    assert Report(trace, "challenge", judge=judge).status == "warned"
    assert Report(trace, "register", judge=judge).findings == ()
    assert Report(trace, "register", judge=judge).status == "passed"
    assert Report(trace, "token", judge=judge).status == "incomplete"


def test_rules_stand_in_modules_that_are_listed() -> None:
    listed = {module.__name__ for module in MODULES}
    assert {rule.check.__module__ for rule in RULES.values()} == listed


def test_steps_are_named_once() -> None:
    assert len(set(STEP_ORDER)) == len(STEP_ORDER)
    assert diagnose(Trace()).findings == ()


class TestDiagnose:
    def test_takes_whatever_has_a_trace(self) -> None:
        trace = tflow(upto="server_metadata")
        whole = diagnose(trace)
        assert len(trace.exchanges) == 3
        for holder in (whole, Report(trace, step="challenge"), SimpleNamespace(trace=trace)):
            again = diagnose(holder)
            assert (again.trace, again.step, again.route, again.verdict) == (trace, None, whole.route, whole.verdict)

    @pytest.mark.parametrize("wrong", [None, 3, "incident.json", Path("flow.har"), Trace, Report, [], {"trace": 1}])
    def test_refuses_the_rest(self, wrong: object) -> None:
        with pytest.raises(BadSetting, match=r"diagnose\(run\).*a Trace, or what has one.*diagnose\(load\("):
            diagnose(wrong)

    def test_repeats_nothing_of_a_text(self) -> None:
        with pytest.raises(BadSetting) as refused:
            diagnose("k3y-0f-th3-gat3way")
        assert "k3y" not in str(refused.value)
