"""Tests for the rules about access tokens, and about how client and MCP server speak with each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import ACCESS, URL, initialized, listed, mcp_request, notified, result, rpc, rpc_error

from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.conversation import accepts_both, plain
from mcp_oauth_nb.rules.rule import Finding
from mcp_oauth_nb.rules.token_claims import scopes_in, seconds
from rules.mcp_specimens import AT_NOON, OURS, TOOL, asked, issued_as, modern, opened_with, speaking, stream, with_token


def found(trace: Trace) -> dict[str, Finding]:
    return {finding.rule: finding for finding in diagnose(trace).findings}


@pytest.mark.parametrize(
    ("header", "fits"),
    [
        ("application/json, text/event-stream", True),
        ("text/event-stream;q=0.9,Application/JSON; charset=utf-8", True),
        ("application/json", False),
        ("*/*", False),
        (None, False),
    ],
)
def test_both_kinds_of_answer_are_accepted(header: str | None, fits: bool) -> None:
    assert accepts_both(header) is fits


@pytest.mark.parametrize(
    ("header", "text"),
    [("echo", "echo"), ("=?base64?w6Q=?=", "\u00e4"), ("=?base64?%%%?=", "=?base64?%%%?="), ("=?base64?", "=?base64?")],
)
def test_a_header_in_base64_is_read(header: str, text: str) -> None:
    assert plain(header) == text


@pytest.mark.parametrize(
    ("claims", "shape", "names"),
    [
        ({"scope": "a b"}, "scope", {"a", "b"}),
        ({"scope": ["a"]}, "scope as an array", {"a"}),
        ({"scp": "a"}, "scp", {"a"}),
        ({"scp": ["a", 1]}, "scp as an array", {"a"}),
    ],
)
def test_scopes_are_read_in_every_shape(claims: dict[str, object], shape: str, names: set[str]) -> None:
    held = scopes_in(claims)
    assert held is not None
    assert (held.shape, held.names) == (shape, names)
    assert scopes_in({"scope": 7}) is None


@pytest.mark.parametrize(
    ("value", "read"), [(7, 7.0), (7.5, 7.5), (True, None), ("7", None), (1e300, None), (None, None)]
)
def test_times_are_numbers_of_seconds(value: object, read: float | None) -> None:
    assert seconds(value) == read


@pytest.mark.parametrize(
    ("changes", "answer", "complains"),
    [
        ({}, {}, False),
        ({"iat": AT_NOON + 4}, {}, False),
        ({"exp": AT_NOON + 950}, {}, False),
        ({"exp": AT_NOON + 3600}, {}, True),
        ({"exp": AT_NOON + 3600}, {"expires_in": None}, False),
        ({"exp": None, "iat": None}, {}, False),
        ({"nbf": AT_NOON + 600}, {}, True),
    ],
)
def test_times_in_a_token(changes: dict[str, object], answer: dict[str, object], complains: bool) -> None:
    assert ("token-times" in found(with_token(issued_as(**changes), **answer))) is complains


def test_a_token_that_looks_like_an_id_token_is_a_warning() -> None:
    token = issued_as(aud="client-1", nonce="n")
    sent = mcp_request(rpc("initialize"), 401, b"{}", token=token)
    assert found(asked(sent, achieved=False))["id-token-sent"].level == "SHOULD"
    plain_token = mcp_request(rpc("initialize"), 401, b"{}", token=issued_as(aud="client-1"))
    assert "id-token-sent" not in found(asked(plain_token, achieved=False))


def test_an_application_id_that_is_accepted_is_the_servers_own_business() -> None:
    token = issued_as(aud="6f1c2d34-5a7b-4c8d-9e0f-1a2b3c4d5e6f")
    assert "other-audience-accepted" not in found(with_token(token, *opened_with(token)))
    assert judge(with_token(OURS, *opened_with(OURS))).outcomes["other-audience-accepted"] == "passed"


def test_a_token_in_a_url_under_any_name_is_seen_and_not_repeated() -> None:
    finding = found(asked(*opened_with(ACCESS), stream(url=f"{URL}?key={ACCESS}")))["token-in-url"]
    assert ACCESS not in finding.observed
    assert "token-in-url" not in found(asked(*opened_with(ACCESS), stream(url=f"{URL}?key=1")))


def test_a_stream_at_another_place_needs_no_token() -> None:
    assert "token-only-posted" not in found(asked(*opened_with(ACCESS), stream(token=None, url=f"{URL}/health")))


def test_the_order_of_a_handshake() -> None:
    assert "initialize-not-first" in found(asked(initialized(), listed()))
    assert "initialize-not-first" not in found(
        asked(initialized(), mcp_request(rpc("ping", 5), body=result(5)), notified(), listed())
    )
    assert "initialize-not-first" not in found(speaking(modern("tools/list")))


def test_an_error_whose_id_is_null_is_an_answer() -> None:
    unread = {**rpc_error(-32700), "id": None}
    assert "response-misdirected" not in found(asked(initialized(), notified(), listed(body=unread), achieved=False))
    both = {**result(2), "error": {"code": 1, "message": "no"}}
    assert "both" in found(asked(initialized(), notified(), listed(body=both)))["response-misdirected"].observed
    text = result(2, tools=[]) | {"id": "2"}
    assert "response-misdirected" in found(asked(initialized(), notified(), listed(body=text), achieved=False))


def test_headers_repeat_the_body_also_in_base64() -> None:
    told = (("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?ZWNobw==?="))
    assert "method-header-differs" not in found(speaking(modern("tools/call", told=told, **TOOL)))
    missing = found(speaking(modern("tools/call", told=(("Mcp-Method", "tools/call"),), **TOOL)))
    assert missing["method-header-differs"].part == "header:Mcp-Name"


def test_a_server_that_was_asked_which_version_it_speaks_may_lack_the_discovery() -> None:
    trace = speaking(modern("server/discover", body={**rpc_error(-32601), "id": 1}, status=404), achieved=False)
    told = replace(trace, settings={**trace.settings, "protocol told": "not told yet"})
    assert "discover-missing" in found(trace)
    assert "discover-missing" not in found(told)
