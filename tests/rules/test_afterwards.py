"""Tests for the rules about refresh, replay and revocation."""

from __future__ import annotations

import pytest
from factories import (
    NEXT_REFRESH,
    REFRESH,
    Piece,
    failed,
    refresh_request,
    revocation,
    tflow,
    token_answer,
)

from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.rule import Finding


def found(piece: Piece, *others: Piece) -> dict[str, Finding]:
    trace = tflow(piece, *others, upto=piece.step)
    return {finding.rule: finding for finding in diagnose(trace).findings}


@pytest.mark.parametrize(("new", "complains"), [(NEXT_REFRESH, False), (REFRESH, True), (None, True)])
def test_public_client_gets_a_new_refresh_token(new: str | None, complains: bool) -> None:
    findings = found(Piece("refresh", (refresh_request(body=token_answer(refresh_token=new)),)))
    assert list(findings) == (["refresh-not-rotated"] if complains else [])


def test_confidential_client_may_keep_its_refresh_token() -> None:
    kept = refresh_request(body=token_answer(), client_secret="s3cret")
    assert found(Piece("refresh", (kept,))) == {}
    assert judge(tflow(Piece("refresh", (kept,)), upto="refresh")).outcomes["refresh-not-rotated"] == "not tested"


def test_refresh_with_nothing_in_hand_for_another_reason_is_left_to_the_last_resort() -> None:
    assert list(found(failed("refresh", stopped="no token_endpoint"))) == ["unexpected-answer"]


@pytest.mark.parametrize("status", [400, 401])
def test_refused_replay_is_healthy(status: int) -> None:
    piece = Piece("replay", (refresh_request("replay", status, {"error": "invalid_grant"}),))
    assert judge(tflow(piece, upto="replay")).outcomes["replay-accepted"] == "passed"


def test_replay_that_proves_nothing_is_not_tested() -> None:
    crashed = Piece("replay", (refresh_request("replay", 500, b""),))
    assert judge(tflow(crashed, upto="replay")).outcomes["replay-accepted"] == "not tested"
    same = Piece("refresh", (refresh_request(body=token_answer()),))
    again = Piece("replay", (refresh_request("replay"),))
    assert judge(tflow(same, again, upto="replay")).outcomes["replay-accepted"] == "not tested"


@pytest.mark.parametrize(
    ("status", "body", "who", "hint"),
    [
        (400, {"error": "unsupported_token_type"}, "authorization server", "until they expire"),
        (401, {"error": "invalid_client"}, "client", "authenticates"),
        (503, b"", "authorization server", "Retry-After"),
        (404, b"", "authorization server", "Serve"),
        (502, b"", "gateway", "gateway"),
    ],
)
def test_refused_revocation(status: int, body: bytes, who: str, hint: str) -> None:
    finding = found(failed("revoke", revocation(status, body)))["revocation-refused"]
    assert finding.who == who
    assert hint in finding.fix
    assert (finding.cause == "revocation-endpoint-dead") is (status == 404)


def test_a_refresh_token_has_to_be_revocable() -> None:
    """RFC 7009 2: refresh tokens must be, access tokens should be."""
    answer = {"error": "unsupported_token_type"}
    for sent in (revocation(400, answer, hint="refresh_token"), revocation(400, answer, hint="", token=REFRESH)):
        (finding,) = found(failed("revoke", sent)).values()
        assert (finding.rule, finding.level) == ("revocation-refused", "MUST")
        assert "refresh tokens" in finding.fix
    assert found(failed("revoke", revocation(400, answer)))["revocation-refused"].level == "SHOULD"


def test_a_revocation_answered_otherwise_than_200_wants_the_status_and_no_body() -> None:
    finding = found(failed("revoke", revocation(204)))["revocation-refused"]
    assert "status 200" in finding.fix
    assert "does not matter" in finding.fix
