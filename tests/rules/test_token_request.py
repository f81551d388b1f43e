"""Tests for the rules about what the client sent to the token endpoint."""

from __future__ import annotations

import pytest
from factories import Piece, authorized, came_back, failed, jwt, refresh_request, tflow, token_request

from mcp_oauth_nb.rules import diagnose, judge


def rules(*pieces: Piece, upto: str = "token") -> list[tuple[str, str]]:
    return [(finding.rule, finding.step) for finding in diagnose(tflow(*pieces, upto=upto)).findings]


@pytest.mark.parametrize("verifier", [None, "another-verifier-of-43-characters-at-the-least"])
def test_wrong_verifier_explains_the_refusal(verifier: str | None) -> None:
    sent = token_request(400, {"error": "invalid_grant"}, edited=("form.code_verifier",), code_verifier=verifier)
    report = diagnose(tflow(failed("token", sent)))
    assert [finding.rule for finding in report.findings] == ["pkce-mismatch", "token-refused"]
    assert report.cause is not None
    assert (report.cause.rule, report.cause.who) == ("pkce-mismatch", "user")


def test_refusal_for_another_reason_is_not_explained() -> None:
    sent = token_request(401, {"error": "invalid_client"}, code_verifier="x" * 43)
    findings = diagnose(tflow(failed("token", sent))).findings
    assert [(one.rule, one.explains) for one in findings] == [("token-refused", ()), ("pkce-mismatch", ())]


def test_verifier_without_a_challenge_is_no_mismatch_of_its_own() -> None:
    asked = authorized(code_challenge=None, code_challenge_method=None)
    sent = Piece("token", (token_request(code_verifier=None),))
    assert {rule for rule, _ in rules(asked, sent)} == {"pkce-not-sent", "pkce-not-required"}


def test_resource_is_asked_of_every_request() -> None:
    pieces = (
        authorized(resource=None),
        Piece("token", (token_request(resource=None),)),
        Piece("refresh", (refresh_request(resource=None),)),
    )
    assert rules(*pieces, upto="refresh") == [
        ("resource-not-sent", "authorize"),
        ("resource-not-sent", "token"),
        ("resource-not-sent", "refresh"),
    ]


def test_missing_resource_explains_only_errors_about_the_request() -> None:
    asked = authorized(("params.resource",), resource=None)
    for error, explains in (("invalid_target", ("authorization-error",)), ("access_denied", ())):
        back = failed("callback", came_back(code=None, error=error))
        first = diagnose(tflow(asked, back)).findings[0]
        assert (first.rule, first.who, first.explains) == ("resource-not-sent", "user", explains)


def test_redirect_uri_must_be_repeated() -> None:
    sent = failed("token", token_request(400, {"error": "invalid_grant"}, redirect_uri=None))
    assert rules(sent) == [("redirect-uri-differs", "token"), ("token-refused", "token")]


@pytest.mark.parametrize("assertion", [jwt(iss="client-1", sub="client-1"), "‹client_assertion#a7ee39 400 chars›"])
def test_beside_an_assertion_no_client_id_is_needed(assertion: str) -> None:
    sent = token_request(client_id=None, client_assertion=assertion)
    assert not {"token-request-incomplete", "client-differs"} & {rule for rule, _ in rules(Piece("token", (sent,)))}


def test_an_assertion_names_its_client() -> None:
    sent = token_request(400, {"error": "invalid_grant"}, client_id=None, client_assertion=jwt(sub="client-2"))
    assert ("client-differs", "token") in rules(failed("token", sent))


def test_without_an_authorization_request_nothing_is_compared() -> None:
    verdict = judge(tflow(Piece("authorize"), upto="token"))
    assert verdict.outcomes["pkce-mismatch"] == "not tested"
    assert verdict.outcomes["redirect-uri-differs"] == "not tested"
