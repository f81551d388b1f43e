"""Tests for the rules about the MCP session."""

from __future__ import annotations

import pytest
from factories import (
    JSON,
    SSE,
    Piece,
    failed,
    initialized,
    listed,
    mcp_request,
    notified,
    result,
    rpc,
    rpc_error,
    sse,
    tflow,
)

from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.rule import Finding


def found(piece: Piece) -> dict[str, Finding]:
    return {finding.rule: finding for finding in diagnose(tflow(piece, upto="mcp")).findings}


def test_session_that_is_gone_is_no_wrong_url() -> None:
    findings = found(failed("mcp", initialized(), notified(), listed(404)))
    assert list(findings) == ["session-lost"]
    assert "instances" in findings["session-lost"].fix


def test_404_without_a_session_is_an_answer_like_any_other() -> None:
    opened = mcp_request(rpc("initialize"), body=result(protocolVersion="2025-11-25"), headers=JSON)
    piece = failed("mcp", opened, notified(session=None), listed(404, session=None))
    assert list(found(piece)) == ["mcp-error"]
    assert judge(tflow(piece)).outcomes["session-not-sent"] == "not tested"


def test_session_left_out_by_hand() -> None:
    edited = ("headers.Mcp-Session-Id",)
    piece = failed("mcp", initialized(), notified(), listed(400, session=None, edited=edited))
    findings = found(piece)
    assert list(findings) == ["session-not-sent", "mcp-error"]
    assert findings["session-not-sent"].who == "user"


@pytest.mark.parametrize(
    ("version", "complains"),
    [("2025-06-18", False), ("2025-11-25", False), ("1900-01-01", True), (None, True), (7, True)],
)
def test_version(version: object, complains: bool) -> None:
    body = sse(result(**({"protocolVersion": version} if version is not None else {})))
    piece = Piece("mcp", (initialized(body), notified(), listed()))
    assert list(found(piece)) == (["version-unsupported"] if complains else [])


def test_notification_may_be_refused_for_the_token_without_a_second_word() -> None:
    piece = failed("mcp", initialized(), notified(401), listed(401))
    assert list(found(piece)) == ["token-rejected"]
    assert list(found(Piece("mcp", (initialized(), notified(200, headers=SSE), listed())))) == ["notification-status"]


REFUSED = (rpc("server/discover"), 400)


@pytest.mark.parametrize("body", [b"", rpc_error(-32600), rpc_error(-32022)])
def test_opening_that_told_the_version_is_no_error_and_in_no_session(body: bytes) -> None:
    asked = mcp_request(*REFUSED, body=body, headers=JSON)
    assert found(Piece("mcp", (asked, initialized(), notified(), listed()))) == {}


def test_opening_that_told_nothing_is_an_error() -> None:
    asked = mcp_request(*REFUSED, headers=JSON)
    assert list(found(failed("mcp", asked))) == ["mcp-error"]
    assert list(found(failed("mcp", asked, listed()))) == ["mcp-error"]
    refused = mcp_request(rpc("server/discover"), 401)
    assert "token-rejected" in found(failed("mcp", refused, initialized(), notified(), listed()))
