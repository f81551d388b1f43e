"""Tests for the rules about the token endpoint's answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import (
    ACCESS,
    CODE,
    HTML,
    ISSUER,
    NOON,
    PAGE,
    URL,
    Piece,
    came_back,
    failed,
    jwt,
    mcp_request,
    refresh_request,
    rpc,
    tflow,
    token_answer,
    token_request,
)

from mcp_oauth_nb.records import Exchange, Failure
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding

UNSENDABLE = "the header field Authorization holds what none can, so that nothing was sent to https://mcp.example.com"


def found(sent: Exchange, *, achieved: bool = True) -> dict[str, Finding]:
    piece = Piece("token", (sent,), achieved, "" if achieved else "stopped")
    return {finding.rule: finding for finding in diagnose(tflow(piece, upto="token")).findings}


ERRORS = {
    "invalid_grant": "authorization server",
    "invalid_client": "client",
    "invalid_request": "client",
    "invalid_target": "authorization server",
    "invalid_scope": "client",
    "unauthorized_client": "authorization server",
    "unsupported_grant_type": "authorization server",
}


def test_every_error_has_its_own_fix() -> None:
    findings = {error: found(token_request(400, {"error": error}), achieved=False) for error in ERRORS}
    assert all(list(one) == ["token-refused"] for one in findings.values())
    assert {error: one["token-refused"].who for error, one in findings.items()} == ERRORS
    assert len({one["token-refused"].fix for one in findings.values()}) == len(ERRORS)
    told = {error: one["token-refused"] for error, one in findings.items()}
    assert all(error in one.summary or one.cause == "resource-unknown" for error, one in told.items())


@pytest.mark.parametrize(
    ("token", "seen"),
    [
        ("abc\nX-Evil: 1", "line breaks or other control characters: 1"),
        ("abc\x7f\r\n", "line breaks or other control characters: 3"),
        (" abc", "a blank around it"),
    ],
)
def test_a_token_that_no_header_holds_is_told_and_not_shown(token: str, seen: str) -> None:
    finding = found(token_request(body=token_answer(access_token=token)))["access-token-unsendable"]
    assert (finding.level, finding.observed, finding.who) == ("MUST", seen, "authorization server")


@pytest.mark.parametrize("token", [ACCESS, "abc+/._~-==", "7|user:grant", jwt(), "‹access_token#a7ee39 50 chars›"])
def test_a_token_that_can_be_sent_or_was_masked_is_none(token: str) -> None:
    assert "access-token-unsendable" not in found(token_request(body=token_answer(access_token=token)))


def test_a_token_that_no_header_holds_explains_why_nothing_could_be_sent() -> None:
    strange = Piece("token", (token_request(body=token_answer(access_token="abc\ndef")),))
    sent = replace(mcp_request(rpc("initialize")), response=None, failure=Failure("header", UNSENDABLE))
    report = diagnose(tflow(strange, failed("mcp", sent)))
    assert [(one.rule, one.who) for one in report.findings] == [
        ("access-token-unsendable", "authorization server"),
        ("unreachable", "authorization server"),
    ]
    edited = replace(sent, edited=("headers.Authorization",))
    assert diagnose(tflow(failed("mcp", edited))).findings[0].who == "user"


def test_answer_that_is_no_oauth_claims_no_cause() -> None:
    finding = found(token_request(502, PAGE, headers=HTML), achieved=False)["token-refused"]
    assert finding.who == "gateway"
    assert finding.cause == "gateway-without-server"
    assert "no OAuth answer" not in found(token_request(400, b""), achieved=False)["token-refused"].summary


def test_error_with_status_200_is_a_refusal() -> None:
    findings = found(token_request(200, {"error": "bad_code"}), achieved=False)
    assert list(findings) == ["token-refused", "token-error-malformed"]


def test_request_changed_by_hand_is_the_users() -> None:
    sent = token_request(400, {"error": "invalid_grant"}, edited=("form.code",), code="x")
    finding = found(sent, achieved=False)["token-refused"]
    assert finding.who == "user"
    assert "form.code" in finding.fix


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"access_token": None}, "body:/access_token"),
        ({"access_token": 7}, "body:/access_token"),
        ({"token_type": None}, "body:/token_type"),
        ({"token_type": "mac"}, "body:/token_type"),
    ],
)
def test_answer_without_a_usable_token(changes: dict[str, object], part: str) -> None:
    finding = found(token_request(body=token_answer(**changes)), achieved=False)["token-answer-invalid"]
    assert (finding.level, finding.part) == ("MUST", part)


def test_token_type_is_read_in_any_case() -> None:
    assert found(token_request(body=token_answer(token_type="bEARER"))) == {}


def test_form_in_place_of_json_is_recognised() -> None:
    finding = found(token_request(body=b"access_token=secret-1&token_type=bearer"), achieved=False)
    assert "form" in finding["token-answer-invalid"].fix
    assert "secret-1" not in str(finding)


@pytest.mark.parametrize("expires", [None, "900", True])
def test_lifetime_must_be_a_number(expires: object) -> None:
    findings = found(token_request(body=token_answer(expires_in=expires)))
    assert [(rule, one.level) for rule, one in findings.items()] == [("token-expiry-missing", "SHOULD")]


@pytest.mark.parametrize(
    ("expires", "is_usable"),
    [(0, False), (-5, False), (1e300, False), (10**12, False), (3600.5, False), (3600.0, True), (1, True)],
)
def test_lifetime_must_be_one_to_count_with(expires: float, is_usable: bool) -> None:
    findings = found(token_request(body=token_answer(expires_in=expires)))
    wanted = [] if is_usable else [("token-expiry-unusable", "SHOULD")]
    assert [(rule, one.level) for rule, one in findings.items()] == wanted


@pytest.mark.parametrize("scope", [["mcp:tools"], {"mcp:tools": True}, 5])
def test_scope_is_one_string(scope: object) -> None:
    assert found(token_request(body=token_answer(scope=scope)))["token-scope-malformed"].level == "MUST"


def test_a_token_beside_an_error_is_told_and_an_empty_error_is_none() -> None:
    assert list(found(token_request(body=token_answer(error="invalid_grant")))) == ["token-and-error"]
    assert found(token_request(body=token_answer(error=""))) == {}


@pytest.mark.parametrize(("minutes", "complains"), [(9, False), (25, True)])
def test_a_code_that_is_good_for_more_than_ten_minutes(minutes: int, complains: bool) -> None:
    findings = found(replace(token_request(), started=NOON + timedelta(minutes=minutes)))
    assert list(findings) == (["code-lives-long"] if complains else [])
    assert not complains or findings["code-lives-long"].observed == "200 after 25 minutes"


def test_the_time_for_which_the_redirect_was_waited_for_is_not_counted() -> None:
    waited = Piece("callback", (replace(came_back(), elapsed_ms=20 * 60_000),))
    late = Piece("token", (replace(token_request(), started=NOON + timedelta(minutes=25)),))
    assert diagnose(tflow(waited, late, upto="token")).findings == ()


def test_refresh_is_judged_by_the_same_rules_in_its_own_step() -> None:
    piece = Piece("refresh", (refresh_request(body=token_answer(access_token="new", expires_in=None)),))
    report = diagnose(tflow(piece, upto="refresh"))
    assert {(one.rule, one.step) for one in report.findings} >= {("token-expiry-missing", "refresh")}


@pytest.mark.parametrize(
    ("audience", "complains"),
    [
        (URL, False),
        ([URL], False),
        (["https://else.example", URL], False),
        (f"{URL}/", True),
        ("https://mcp.example.com", True),
        ("https://else.example", True),
        ([ISSUER], True),
        ("client-1", True),
    ],
)
def test_audience_of_a_jwt(audience: object, complains: bool) -> None:
    findings = found(token_request(body=token_answer(access_token=jwt(aud=audience))))
    assert ("token-audience" in findings) is complains


def test_wrong_audience_leads_where_the_token_is_then_rejected() -> None:
    token = jwt(aud="https://else.example")
    issued = Piece("token", (token_request(body=token_answer(access_token=token)),))
    rejected = failed("mcp", mcp_request(rpc("initialize"), 401, token=token))
    report = diagnose(tflow(issued, rejected))
    assert [one.rule for one in report.findings] == ["token-audience", "token-rejected"]
    assert report.failing_step == "mcp"
    assert report.cause is not None
    assert report.cause.rule == "token-audience"


def test_no_secret_stands_in_a_finding() -> None:
    findings = found(token_request(200, token_answer(token_type="x"), headers=(), code_verifier="secret-verifier"))
    assert len(findings) > 2
    assert not any(secret in str(findings) for secret in (ACCESS, CODE, "secret-verifier"))
