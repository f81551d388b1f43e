"""What holds for every rule, and for `judge` whatever a server sends."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import pytest
from factories import HEALTHY, NOON, Piece, failed, texchange, tflow, ttrace
from hypothesis import given, settings
from hypothesis import strategies as st
from rules.specimens import BREAKING, CLEAN, HEALTHY_FLOW

from mcp_oauth_nb.protocol.probes import ASKED_BESIDE
from mcp_oauth_nb.records import Exchange, Failure, Request, Response, Trace
from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.judging import STEP_ORDER
from mcp_oauth_nb.rules.rule import ANY, RULES, Case

WHO = {"MCP server", "API", "authorization server", "client", "gateway", "network", "user", "nobody known"}


def test_every_rule_has_a_breaking_and_a_clean_trace_and_the_other_way_round() -> None:
    assert set(BREAKING) == set(RULES) == set(CLEAN)


@pytest.mark.parametrize("rule", RULES)
def test_breaking_trace_breaks_the_rule(rule: str) -> None:
    verdict = judge(BREAKING[rule])
    assert rule in {finding.rule for finding in verdict.findings}
    assert verdict.outcomes[rule] in ("warned", "failed")


@pytest.mark.parametrize("rule", RULES)
def test_clean_trace_passes_the_rule(rule: str) -> None:
    assert judge(CLEAN[rule]).outcomes[rule] == "passed"


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_declaration(rule: object) -> None:
    declared = RULES[rule.id]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+|unreachable", declared.id)
    assert declared.step in (*STEP_ORDER, ANY)
    assert declared.who in WHO
    assert re.fullmatch(r"https://\S+", declared.spec.url)
    assert declared.spec.section
    assert set(declared.explains) <= set(RULES) - {declared.id}
    for sentence in (declared.summary, declared.fix):
        assert re.fullmatch(r"[A-Z].+\.", sentence), sentence
    assert re.fullmatch(r"[a-z].+[^.]", declared.over.missing), declared.over.missing


def every_finding() -> list[tuple[str, object]]:
    return [(rule, finding) for rule, trace in BREAKING.items() for finding in judge(trace).findings]


@pytest.mark.parametrize(("rule", "finding"), every_finding())
def test_findings_are_fit_to_be_read(rule: str, finding: object) -> None:
    trace = BREAKING[rule]
    assert re.fullmatch(r"[A-Za-z\"].+\.", finding.summary), finding.summary
    assert re.fullmatch(r"[A-Z].+\.", finding.fix), finding.fix
    assert 0 < len(finding.expected) <= 300
    assert 0 < len(finding.observed) <= 300
    assert finding.who in WHO
    assert finding.step in STEP_ORDER
    assert finding.exchange in range(len(trace.exchanges) + 1)
    assert re.fullmatch(r"status|url|failure|header:[A-Za-z-]+|body:(/.+)?", finding.part)


def test_healthy_flow_trips_nothing() -> None:
    report = diagnose(HEALTHY_FLOW)
    assert report.findings == ()
    assert report.status == "passed"
    assert report.cause is None
    untested = {rule for rule, outcome in report.verdict.outcomes.items() if outcome == "not tested"}
    assert untested <= {rule for rule, trace in CLEAN.items() if trace != HEALTHY_FLOW}


def test_nothing_passes_on_an_empty_trace() -> None:
    verdict = judge(Trace())
    assert set(verdict.outcomes.values()) == {"not tested"}
    assert set(verdict.reasons) == set(RULES)
    assert all(verdict.reasons.values())
    assert diagnose(Trace()).status == "incomplete"


@pytest.mark.parametrize("upto", [piece.step for piece in HEALTHY])
def test_healthy_flow_cut_anywhere_trips_nothing(upto: str) -> None:
    report = diagnose(tflow(upto=upto))
    assert report.findings == ()
    assert report.status == ("incomplete" if STEP_ORDER.index(upto) < STEP_ORDER.index("mcp") else "passed")


STATUSES = (200, 204, 302, 400, 401, 403, 404, 405, 410, 429, 500, 502, 503)
BODIES_OF_ANY_KIND = (b"", b"<html>", b"{", b"[]", b"{}", b'{"error":"x"}', b"null")
FAILURES = ("url", "header", "address", "dns", "connect", "tls", "timeout", "protocol")


@pytest.mark.parametrize("piece", HEALTHY, ids=lambda piece: piece.step)
def test_a_step_that_failed_always_says_why(piece: Piece) -> None:
    for status, body in product(STATUSES, BODIES_OF_ANY_KIND):
        sent = [replace(one, response=Response(status, body=body), direction="out") for one in piece.exchanges]
        assert_explained(piece.step, sent)
    for kind in FAILURES:
        sent = [replace(one, response=None, failure=Failure(kind, "no"), direction="out") for one in piece.exchanges]
        assert_explained(piece.step, sent)
    assert_explained(piece.step, [])


def assert_explained(step: str, sent: list[Exchange]) -> None:
    report = diagnose(tflow(failed(step, *sent), upto=step))
    level = "SHOULD" if step in ASKED_BESIDE else "MUST"
    assert level in {finding.level for finding in report.findings if finding.step == step}, step
    assert report.failing_step == (None if step in ASKED_BESIDE else step)
    assert report.cause is not None


HOSTILE = (
    b"",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"a":' * 5_000,
    b'{"resource": {"a": 1}, "authorization_servers": [1, null, "::"], "issuer": [], "error": {}, "client_id": 7}',
    b'{"access_token": "a.b.c", "expires_in": 1e999, "token_type": [], "refresh_token": {}, "error": true}',
    b'{"access_token": "e30.eyJhdWQiOlsxXX0.x", "expires_in": "soon"}',
    b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32042, "data": {"elicitations": [1, {"url": 2}]}}}',
    b'{"id": 1, "result": [], "error": null}',
    b'data: {"id":1,"error":{"code":[]}}\n\n',
    b"9" * 10_000,
    b'"\\ud800"',
    b'{"issuer": "\\ud800", "error": "\\ud800", "authorization_servers": ["\\ud800"], "redirect_uris": ["\\ud800"]}',
)
BODIES = st.one_of(st.sampled_from(HOSTILE), st.binary(max_size=200))
TEXT = st.text(max_size=60)
FIELDS = st.sampled_from(
    ["WWW-Authenticate", "Content-Type", "Location", "Cache-Control", "Mcp-Session-Id", "Authorization", "X"]
)
HEADERS = st.lists(
    st.tuples(FIELDS, st.one_of(TEXT, st.sampled_from(["Bearer", "text/event-stream", "text/html", "Bearer a.e30.c"]))),
    max_size=4,
).map(tuple)
URLS = st.one_of(
    TEXT,
    st.sampled_from(
        ["http://[", "https://x:99999999/", "https://mcp.example.com/mcp?a=%ff&state=%00", "//", "http://a#b?c"]
    ),
)


@st.composite
def exchanges(draw: st.DrawFn, step: str) -> Exchange:
    response = draw(st.none() | st.builds(Response, st.integers(100, 599), TEXT, HEADERS, BODIES, st.booleans()))
    failure = None
    if response is None and draw(st.booleans()):
        failure = Failure(draw(st.sampled_from(FAILURES)), draw(TEXT))
    request = Request(draw(st.sampled_from(["GET", "POST"])), draw(URLS), draw(HEADERS), draw(BODIES))
    started = draw(st.sampled_from([NOON, NOON.replace(tzinfo=None), NOON.min]))
    direction = draw(st.sampled_from(["out", "in"]))
    return replace(texchange(step, "x", None), request=request, response=response, failure=failure, started=started,
                   direction=direction)  # fmt: skip


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """The healthy flow, with some of its steps replaced by hostile ones."""
    pieces = []
    for piece in HEALTHY:
        if draw(st.booleans()):
            pieces.append(piece)
        elif draw(st.booleans()):
            hostile = tuple(
                replace(one, response=Response(draw(st.integers(200, 503)), "", draw(HEADERS), draw(BODIES)))
                for one in piece.exchanges
            )
            pieces.append(Piece(piece.step, hostile, draw(st.booleans()), draw(TEXT)))
        else:
            made = tuple(draw(st.lists(exchanges(piece.step), max_size=3)))
            pieces.append(Piece(piece.step, made, draw(st.booleans()), draw(TEXT)))
    return ttrace(*pieces, url=draw(URLS))


@settings(max_examples=150, deadline=None)
@given(traces())
def test_no_rule_raises_whatever_comes(trace: Trace) -> None:
    case = Case(trace)
    for rule in RULES.values():
        for piece in rule.over.pick(case):
            list(rule.check(case, piece))
    verdict = judge(trace)
    assert set(verdict.outcomes) == set(RULES)
    assert not [reason for reason in verdict.reasons.values() if "could not read" in reason]
    for run in trace.runs:
        waits = run.achieved or run.stopped.startswith("waiting")
        level = "SHOULD" if run.step in ASKED_BESIDE else "MUST"
        assert waits or any(one.step == run.step and one.level == level for one in verdict.findings)
    assert all(len(one.observed) <= 300 and one.step in STEP_ORDER for one in verdict.findings)
