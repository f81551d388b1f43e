"""Tests for the rules about access tokens, and about how client and MCP server speak with each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    ACCESS,
    SSE,
    URL,
    initialized,
    listed,
    mcp_request,
    notified,
    result,
    rpc,
    rpc_error,
    sse,
    texchange,
)

from mcp_oauth_nb.protocol.mirroring import plain_text
from mcp_oauth_nb.records import Exchange, Headers, Response, Trace
from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.conversation import accepts_both
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
    assert plain_text(header) == text


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


REGION = {"type": "string", "x-mcp-header": "Region"}
MARKED = {"name": "echo", "inputSchema": {"properties": {"region": REGION, "text": {"type": "string"}}}}


@pytest.mark.parametrize(
    ("arguments", "sent", "seen"),
    [
        ({"region": "eu"}, "eu", None),
        ({"region": "ä"}, "=?base64?w6Q=?=", None),
        ({"text": "x"}, None, None),
        ({"region": "eu"}, None, "no such header"),
        ({"region": "eu"}, "us", '"us"'),
        ({}, "eu", '"eu"'),
    ],
)
def test_headers_repeat_the_arguments_that_the_schema_marks(arguments, sent: str | None, seen: str | None) -> None:
    told = (("Mcp-Method", "tools/call"), ("Mcp-Name", "echo"), *((("mcp-param-region", sent),) if sent else ()))
    listing = modern("tools/list", body=result(1, resultType="complete", tools=[MARKED, {"name": 5}, "x"]))
    call = modern("tools/call", 2, told=told, name="echo", arguments=arguments)
    finding = found(speaking(listing, call)).get("method-header-differs")
    assert (finding.observed if finding else None) == seen
    if finding:
        assert (finding.part, finding.who) == ("header:Mcp-Param-Region", "client")
    assert "method-header-differs" not in found(speaking(call, listing))


def test_a_header_mismatch_is_the_clients_mistake() -> None:
    refused = modern("tools/call", body={**rpc_error(-32020), "id": 1}, status=400, **TOOL)
    assert found(speaking(refused, achieved=False))["mcp-error"].who == "client"


@pytest.mark.parametrize("version", ["2026-11-01", "banana"])
def test_a_version_that_nobody_published_does_not_make_a_request_complete_in_itself(version: str) -> None:
    later = (notified(version=version), listed(version=version))
    findings = found(asked(initialized(sse(result(protocolVersion=version))), *later))
    assert list(findings) == ["version-unsupported"]
    assert findings["version-unsupported"].level == "SHOULD"
    assert "meta-missing" in found(asked(listed(version="2026-07-28", session=None)))


def test_a_version_that_ended_the_conversation_is_why() -> None:
    opened = initialized(sse(result(protocolVersion="banana")))
    findings = found(asked(opened, achieved=False)).values()
    assert [(one.rule, one.level, one.who) for one in findings] == [("version-unsupported", "MUST", "MCP server")]


def resumed(status: int = 200, body: bytes = b"", headers: Headers = SSE) -> Exchange:
    """A request for the rest of an event stream."""
    sent = (("Accept", "text/event-stream"), ("Authorization", f"Bearer {ACCESS}"), ("Last-Event-ID", "e1"))
    return texchange("mcp", URL, status, body, method="GET", sent_headers=sent, headers=headers)


class TestResumedStreams:
    CUT = listed(body=b"id: e1\ndata:\n\n", headers=SSE)

    def rules(self, *sent: Exchange, achieved: bool = True) -> dict[str, Finding]:
        return found(asked(initialized(), notified(), self.CUT, *sent, achieved=achieved))

    def test_a_stream_that_was_resumed_leaves_nothing_to_mend(self) -> None:
        assert self.rules(resumed(body=sse(result(2, tools=[])))) == {}
        assert self.rules(resumed(body=b"id: e2\n\n"), resumed(body=sse(result(2, tools=[])))) == {}

    def test_one_that_never_answers_is_told_once(self) -> None:
        findings = self.rules(resumed(body=b"id: e2\n\n"), achieved=False)
        assert list(findings) == ["mcp-error"]
        assert findings["mcp-error"].observed == "an event stream without the answer"

    def test_a_server_that_does_not_resume_it(self) -> None:
        findings = self.rules(resumed(405, headers=()), achieved=False)
        assert list(findings) == ["mcp-error"]
        assert "tools/list" in findings["mcp-error"].summary

    def test_a_stream_that_stands_alone_needs_no_answer(self) -> None:
        for answer in (stream(), replace(stream(), response=Response(200, "", SSE, b": hello\n\n"))):
            assert "mcp-error" not in found(asked(*opened_with(ACCESS), answer))


class TestFailedTools:
    def called(self, said: str, *, achieved: bool) -> Finding:
        body = result(1, isError=True, resultType="complete", content=[{"type": "text", "text": said}, 5])
        return found(speaking(modern("tools/call", body=body, **TOOL), achieved=achieved))["tool-failed"]

    def test_the_tool_says_why(self) -> None:
        finding = self.called("division by zero", achieved=True)
        assert (finding.level, finding.who) == ("SHOULD", "user")
        assert "division by zero" in finding.observed
        assert self.called("x", achieved=False).level == "MUST"

    @pytest.mark.parametrize("said", ["401 Unauthorized", "the token has expired", "Missing token", "access token?"])
    def test_an_authorization_failure_is_not_for_a_result(self, said: str) -> None:
        finding = self.called(said, achieved=True)
        assert (finding.who, finding.expected) == ("MCP server", "401 or 403")

    @pytest.mark.parametrize("said", ["unexpected token < in JSON", "4011 rows", "no authority"])
    def test_not_every_token_is_one_of_oauth(self, said: str) -> None:
        assert self.called(said, achieved=True).who == "user"


def test_a_session_that_was_begun_anew_leaves_nothing_to_mend() -> None:
    sent = (initialized(), notified(), listed(404), initialized(), notified(), listed())
    assert "session-lost" not in found(asked(*sent))


def test_a_refused_opening_is_allowed_by_any_later_opening() -> None:
    challenged = (("WWW-Authenticate", 'Bearer error="insufficient_scope", scope="mcp:tools mcp:write"'),)
    refused = modern("server/discover", body=b"", status=403)
    assert refused.response is not None
    refused = replace(refused, response=replace(refused.response, headers=challenged))
    assert "insufficient-scope" in found(speaking(refused, achieved=False))
    assert "insufficient-scope" not in found(asked(refused, *opened_with(ACCESS)))


def test_a_server_that_was_asked_which_version_it_speaks_may_lack_the_discovery() -> None:
    trace = speaking(modern("server/discover", body={**rpc_error(-32601), "id": 1}, status=404), achieved=False)
    told = replace(trace, settings={**trace.settings, "protocol told": "not told yet"})
    assert "discover-missing" in found(trace)
    assert "discover-missing" not in found(told)
    modern_all_the_same = replace(trace, settings={**trace.settings, "protocol told": "server/discover was refused"})
    assert "discover-missing" in found(modern_all_the_same)
