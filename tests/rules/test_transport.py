"""Tests for rules that hold in every step."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    HTML,
    ISSUER,
    PAGE,
    PRM_ROOT_URL,
    PRM_URL,
    URL,
    Piece,
    failed,
    resource_document,
    texchange,
    tflow,
    token_request,
    ttrace,
    unauthenticated,
)

from mcp_oauth_nb.records import Exchange, Response
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding


def only(*pieces: Piece, **settings: str) -> Finding:
    """The one finding of a flow that these pieces end."""
    findings = diagnose(tflow(*pieces, **settings)).findings
    assert {one.rule for one in findings[1:]} <= set(findings[0].explains), [one.rule for one in findings]
    return findings[0]


@pytest.mark.parametrize(
    ("kind", "who", "hint"),
    [
        ("dns", "network", "typing error"),
        ("connect", "network", "Start the server"),
        ("tls", "network", "verify="),
        ("timeout", "network", "time limit"),
        ("protocol", "gateway", "speaks HTTP"),
        ("url", "user", "the URL you typed"),
        ("header", "user", "the arguments of the call"),
    ],
)
def test_each_failure_has_its_own_words(kind: str, who: str, hint: str) -> None:
    finding = only(failed("challenge", texchange("challenge", URL, failure=kind)))
    assert (finding.rule, finding.who, finding.level, finding.part) == ("unreachable", who, "MUST", "failure")
    assert hint in finding.fix
    assert kind in finding.observed


def test_unusable_url_is_the_doing_of_whoever_published_it() -> None:
    exchange = texchange("token", "ftp://x", failure="url", why=f"token_endpoint in {ISSUER}")
    finding = only(failed("token", exchange))
    assert finding.who == "authorization server"
    assert f"token_endpoint in {ISSUER}" in finding.fix


def test_attempt_without_answer_only_warns_where_the_next_one_succeeded() -> None:
    silent = texchange("resource_metadata", PRM_URL, failure="timeout")
    report = diagnose(tflow(Piece("resource_metadata", (silent, resource_document())), upto="resource_metadata"))
    assert [(finding.rule, finding.level) for finding in report.findings] == [("unreachable", "SHOULD")]
    assert report.status_of("resource_metadata") == "warned"


def test_silence_leads_and_what_follows_from_it_is_folded() -> None:
    silent = texchange("resource_metadata", PRM_ROOT_URL, failure="timeout")
    missing = resource_document(b"", PRM_URL, 404)
    plain = unauthenticated(401, 'Bearer scope="mcp:tools"')
    first, second = diagnose(tflow(plain, failed("resource_metadata", missing, silent))).findings
    assert (first.rule, first.explains) == ("unreachable", ("resource-metadata-missing",))
    assert second.rule == "resource-metadata-missing"


ANSWERS = {
    "404": Response(404, "Not Found"),
    "500": Response(500, "Internal Server Error"),
    "502": Response(502, "Bad Gateway", HTML, b"<html>"),
    "page": Response(200, "OK", HTML, PAGE),
    "empty": Response(200, "OK"),
    "not JSON": Response(200, "OK", body=b"{'resource': 1}"),
    "no object": Response(200, "OK", body=b"[]"),
    "redirect": Response(302, "Found", (("Location", "https://login.example/x?state=1"),)),
    "401": Response(401, "Unauthorized"),
    "403": Response(403, "Forbidden"),
    "400": Response(400, "Bad Request"),
}


def step_texts(step: str, sent: Exchange) -> list[Finding]:
    return [only(failed(step, replace(sent, response=answer))) for answer in ANSWERS.values()]


@pytest.mark.parametrize("sent", [resource_document(), token_request()], ids=["resource_metadata", "token"])
def test_answers_that_differ_have_texts_that_differ(sent: Exchange) -> None:
    findings = step_texts(sent.step, sent)
    assert len({finding.observed for finding in findings}) == len(ANSWERS)
    assert len({finding.fix for finding in findings}) >= len(ANSWERS) - 1
    for finding, answer in zip(findings, ANSWERS.values(), strict=True):
        assert str(answer.status) in finding.observed
        assert sent.request.url in finding.observed
    by_kind = dict(zip(ANSWERS, findings, strict=True))
    assert "https://login.example/x" in by_kind["redirect"].observed
    assert "state=1" not in by_kind["redirect"].observed
    assert by_kind["502"].who == "gateway"
    assert '"Sign in"' in by_kind["page"].observed
    assert "line 1 column 2" in by_kind["not JSON"].observed


def test_last_resort_claims_no_cause_and_repeats_why_the_step_stopped() -> None:
    finding = only(failed("authorize", stopped="the metadata names no authorization_endpoint"))
    assert (finding.rule, finding.exchange) == ("unexpected-answer", 0)
    assert finding.observed == "the metadata names no authorization_endpoint"


def test_waiting_for_a_person_is_no_finding() -> None:
    report = diagnose(tflow(failed("callback", stopped="waiting for the redirect")))
    assert report.findings == ()
    assert report.status_of("callback") == "needs you"


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost", "[::1]:80"])
def test_plain_http_on_this_machine_is_fine(host: str) -> None:
    url = f"http://{host}/mcp"
    (asked,) = unauthenticated(401, f'Bearer resource_metadata="{url}", scope="a"').exchanges
    one = replace(asked, request=texchange("challenge", url, method="POST").request)
    report = diagnose(ttrace(Piece("challenge", (one,)), url=url))
    assert report.findings == ()
