"""Tests for the rules about MCP requests with a token."""

from __future__ import annotations

from datetime import timedelta

import pytest
from factories import (
    CHALLENGE,
    HTML,
    NOON,
    PAGE,
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

from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding


def found(*sent: Exchange, step: str = "mcp") -> dict[str, Finding]:
    return {finding.rule: finding for finding in diagnose(tflow(failed(step, *sent), upto=step)).findings}


def rejected(challenge: str | None, **rest: object) -> Finding:
    headers = (("WWW-Authenticate", challenge),) if challenge is not None else ()
    findings = found(mcp_request(rpc("initialize"), 401, headers=headers, **rest))
    assert list(findings) == ["token-rejected"]
    return findings["token-rejected"]


def test_rejection_repeats_what_the_server_said() -> None:
    finding = rejected('Bearer error="invalid_token", error_description="unknown key"')
    assert finding.who == "MCP server"
    assert 'error_description="unknown key"' in finding.observed


def test_answer_as_if_no_token_was_sent_points_at_a_proxy() -> None:
    assert "proxy" in rejected(CHALLENGE).fix
    assert "proxy" in rejected(None).fix


def test_expired_token_is_recognised_by_its_age() -> None:
    late = rejected('Bearer error="invalid_token"', started=NOON + timedelta(seconds=1000))
    assert late.who == "user"
    assert "had run out" in late.summary
    assert "93 s before" in late.suspects[0].lines[0].quote
    assert "refresh" in late.fix


def test_header_changed_by_hand_is_the_users() -> None:
    assert rejected('Bearer error="invalid_token"', edited=("headers.Authorization",), token="garbage").who == "user"


def test_missing_scope_is_named() -> None:
    challenge = 'Bearer error="insufficient_scope", scope="mcp:admin"'
    sent = (initialized(), notified(), listed(403, headers=(("www-authenticate", challenge),)))
    finding = found(*sent)["insufficient-scope"]
    assert (finding.who, finding.cause) == ("client", "scope-never-asked")
    assert "mcp:admin" in finding.fix


def test_bare_403_is_the_servers() -> None:
    assert found(mcp_request(rpc("initialize"), 403))["insufficient-scope"].who == "MCP server"


@pytest.mark.parametrize(
    "data",
    [{"elicitations": [{"mode": "url", "url": "https://third.example/x"}]}, {"authUrl": "https://third.example/x"}],
)
def test_consent_elsewhere_shows_the_address(data: dict[str, object]) -> None:
    body = sse(rpc_error(-32042, **data))
    finding = found(initialized(), notified(), listed(body=body, headers=SSE))
    assert list(finding) == ["url-elicitation-required"]
    assert "https://third.example/x" in finding["url-elicitation-required"].observed


@pytest.mark.parametrize(
    ("status", "body", "headers", "text"),
    [
        (200, rpc_error(-32603, "boom"), None, 'JSON-RPC error -32603: "boom"'),
        (400, rpc_error(-32600, "no session"), None, '400 with JSON-RPC error -32600: "no session"'),
        (200, b": ping\n\n", SSE, "event stream without the answer"),
        (200, PAGE, HTML, '"Sign in"'),
        (200, b"", None, "empty body"),
        (302, b"", (("Location", "https://login.example"),), "https://login.example"),
        (502, PAGE, HTML, "502"),
        (200, {"id": 2, "result": "text"}, None, "200"),
    ],
)
def test_no_result(status: int, body: bytes, headers: object, text: str) -> None:
    findings = found(initialized(), notified(), listed(status, body, headers=headers))
    assert list(findings) == ["mcp-error"]
    assert text in findings["mcp-error"].observed


def test_call_is_judged_by_the_same_rules_in_its_own_step() -> None:
    call = failed("call", mcp_request(rpc("resources/list", 10), 401, step="call"))
    (finding,) = diagnose(tflow(call, upto="call")).findings
    assert (finding.rule, finding.step) == ("token-rejected", "call")


def test_token_left_out_by_hand() -> None:
    sent = mcp_request(rpc("initialize"), 401, token=None, edited=("headers.Authorization",))
    findings = found(sent)
    assert {rule: one.who for rule, one in findings.items()} == {"token-not-sent": "user"}


def test_notifications_before_the_answer_are_fine() -> None:
    body = sse(rpc("notifications/message", None)) + sse(result(2, tools=[]))
    piece = Piece("mcp", (initialized(), notified(), listed(body=body, headers=SSE)))
    assert diagnose(tflow(piece, upto="mcp")).findings == ()


@pytest.mark.parametrize(
    ("challenge", "who"),
    [
        ('Basic realm="x"', "gateway"),
        ("Negotiate", "gateway"),
        ("Bearer", "MCP server"),
        ('Basic, Bearer realm="x"', "MCP server"),
    ],
)
def test_whoever_asks_for_a_password_takes_no_access_tokens(challenge: str, who: str) -> None:
    refused = mcp_request(rpc("initialize"), 401, b"", headers=(("WWW-Authenticate", challenge),))
    finding = diagnose(tflow(failed("mcp", refused), upto="mcp")).cause
    assert (finding.rule, finding.who) == ("token-rejected", who)
    assert ("challenge for" in finding.observed) is (who == "gateway")
