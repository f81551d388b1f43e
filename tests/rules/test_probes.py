"""Rules about probes at their edges: what decides nothing is not tested, and nothing that comes makes one raise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import ISSUER, REDIRECT_URI, URL, jwt, token_answer

from mcp_oauth_nb.protocol.probes import INVALID_ORIGIN, PROBES, UNREGISTERED_REDIRECT
from mcp_oauth_nb.records import Response, Trace
from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.rule import RULES
from rules.probe_specimens import (
    BREAKING,
    CLEAN,
    MODERN,
    OPENED,
    OTHER,
    asked,
    bare,
    foreign,
    garbage,
    in_query,
    origin,
    probe,
    redeemed,
    shown,
    stream,
    verifier,
    version,
)

ABOUT_PROBES = [rule for rule in BREAKING if RULES[rule].step in PROBES]


def outcome(rule: str, trace: Trace) -> str:
    return judge(trace).outcomes[rule]


def level(rule: str, trace: Trace) -> str:
    return next(finding.level for finding in judge(trace).findings if finding.rule == rule)


@pytest.mark.parametrize("rule", ABOUT_PROBES)
def test_without_the_probe_it_is_not_tested(rule: str) -> None:
    trace = CLEAN[rule]
    without = replace(trace, runs=tuple(run for run in trace.runs if run.step != RULES[rule].step))
    assert outcome(rule, without) == "not tested"


@pytest.mark.parametrize("rule", ABOUT_PROBES)
def test_what_came_of_the_ordinary_flow_breaks_no_rule_about_a_probe(rule: str) -> None:
    assert [finding.rule for finding in judge(CLEAN[rule]).findings if finding.rule in ABOUT_PROBES] == []


HOSTILE = (
    Response(302, headers=(("Location", "http://["), ("WWW-Authenticate", "Bearer ="))),
    Response(200, body=b'{"keys": [1, {"d": []}, null], "redirect_uris": 7, "access_token": [], "active": "x"}'),
    Response(200, headers=(("Content-Type", "text/event-stream"),), body=b'data: {"error": []}\n\ndata: [1]\n\n'),
    Response(500, body=b"\xff" * 100),
)  # fmt: skip


@pytest.mark.parametrize("response", HOSTILE)
@pytest.mark.parametrize("rule", ABOUT_PROBES)
def test_nothing_that_comes_makes_a_rule_raise(rule: str, response: Response) -> None:
    trace = BREAKING[rule]
    exchanges = [replace(one, response=response) if one.step in PROBES else one for one in trace.exchanges]
    verdict = judge(replace(trace, exchanges=tuple(exchanges)))
    assert not [reason for reason in verdict.reasons.values() if "could not read" in reason]


def test_a_401_before_the_check_of_the_origin_decides_nothing() -> None:
    assert outcome("origin-unchecked", origin(401)) == "not tested"
    assert outcome("origin-unchecked", origin(403)) == "passed"


def test_the_origin_matters_more_since_2025_11_25() -> None:
    assert level("origin-unchecked", origin(200, "2025-06-18")) == "SHOULD"
    assert level("origin-unchecked", origin(200, "2025-11-25")) == "MUST"
    assert level("origin-unchecked", origin(400)) == "SHOULD", "refused all the same"


def test_both_requests_with_an_origin_are_looked_at() -> None:
    given = (("Origin", INVALID_ORIGIN),)
    served = asked("origin", 200, OPENED, token="Bearer access-1", sent=given)
    assert outcome("origin-unchecked", probe("origin", asked("origin", 403, sent=given), served)) == "failed"


def test_an_opaque_token_for_another_resource_is_less_certain_than_a_named_audience() -> None:
    assert level("foreign-token-accepted", foreign(200)) == "SHOULD"
    assert level("foreign-token-accepted", foreign(200, jwt(aud=[OTHER]))) == "MUST"


def test_a_token_that_names_this_server_all_the_same_shows_nothing() -> None:
    assert outcome("foreign-token-accepted", foreign(200, jwt(aud=[OTHER, URL]))) == "not tested"


def test_a_token_that_was_asked_for_no_other_resource_shows_nothing() -> None:
    answer = redeemed("wrong_audience", body=token_answer(access_token="t"), resource=None)
    sent = asked("wrong_audience", 200, OPENED, token="Bearer t")
    assert outcome("foreign-token-accepted", probe("wrong_audience", answer, sent)) == "not tested"


def test_an_error_of_the_server_leaves_the_verifier_open() -> None:
    assert outcome("wrong-verifier-accepted", verifier("wrong_verifier", 500, code_verifier="x" * 43)) == "not tested"


def test_the_right_verifier_proves_nothing() -> None:
    assert outcome("wrong-verifier-accepted", verifier("wrong_verifier", 200)) == "not tested"


def test_a_code_that_gave_nothing_at_first_is_not_used_twice() -> None:
    refused = redeemed("code_replay", 400, {"error": "invalid_grant"})
    assert outcome("code-works-twice", probe("code_replay", refused, redeemed("code_replay"))) == "not tested"
    other = redeemed("code_replay", code="another-code")
    assert outcome("code-works-twice", probe("code_replay", redeemed("code_replay"), other)) == "not tested"


@pytest.mark.parametrize(("status", "location"), [(200, ""), (302, f"{ISSUER}/login"), (503, ""), (302, REDIRECT_URI)])
def test_a_page_or_a_login_leaves_the_redirect_open(status: int, location: str) -> None:
    came = shown("unregistered_redirect", status, location, redirect_uri=UNREGISTERED_REDIRECT)
    assert outcome("unregistered-redirect-taken", probe("unregistered_redirect", came)) == "not tested"


def test_a_token_in_the_query_of_an_open_server_shows_nothing() -> None:
    trace = in_query(200)
    first = replace(trace.exchanges[0], response=Response(200, body=b'{"jsonrpc":"2.0","id":1,"result":{}}'))
    assert outcome("query-token-accepted", replace(trace, exchanges=(first, *trace.exchanges[1:]))) == "not tested"


@pytest.mark.parametrize("status", [200, 403, 405])
def test_the_stream_by_get_is_of_older_versions(status: int) -> None:
    trace = stream("get_stream", status, token="Bearer access-1", protocol=MODERN)
    assert outcome("stream-refused", trace) == "not tested"


def test_a_400_must_name_the_version_since_2026_07_28() -> None:
    assert outcome("version-not-refused", version(400, -32602)) == "failed"


def test_a_gateway_in_front_is_named_as_such() -> None:
    finding = next(one for one in judge(bare("accept", 503, b"", token="Bearer t")).findings)
    assert finding.who == "gateway"


def test_a_missing_verifier_explains_a_wrong_one() -> None:
    report = diagnose(BREAKING["missing-verifier-accepted"])
    assert report.cause.rule == "missing-verifier-accepted"


def test_a_token_that_cannot_be_good_and_is_refused_under_success_is_not_served() -> None:
    refusal = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32001, "message": "Unauthorized"}}
    served, refused = (
        next(one.summary for one in judge(garbage(200, body)).findings if one.rule == "invalid-token-status")
        for body in (b"{}", refusal)
    )
    assert "serves whoever" in served
    assert "refused, but not with 401" in refused
