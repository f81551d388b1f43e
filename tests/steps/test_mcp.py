"""Requests with the token."""

from __future__ import annotations

import json

import pytest
from playbook import play

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.protocol.flow import ToolCall
from mcp_oauth_nb.steps.mcp import call_step, mcp, revoked

from .flows import URL, known

TOKEN = {"Authorization": "Bearer the-access-token"}
INITIALIZED = {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-06-18", "serverInfo": {"name": "srv"}}}
LISTED = {"jsonrpc": "2.0", "id": 2, "result": {"tools": [{"name": "echo"}, {"name": "add"}]}}
CALLED = {"jsonrpc": "2.0", "id": 3, "result": {"content": []}}
SESSION = (("Content-Type", "application/json"), ("Mcp-Session-Id", "s-1"))
STREAM = (("Content-Type", "text/event-stream; charset=utf-8"),)


def stream(*messages) -> bytes:
    return b": hello\r\n\r\n" + b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in messages)


class TestMcp:
    def test_needs_a_token(self) -> None:
        with pytest.raises(NotYet, match=r"dbg\.token\(\)"):
            play(mcp, known("code"))

    def test_the_handshake_and_the_list(self) -> None:
        later = TOKEN | {"Mcp-Session-Id": "s-1", "MCP-Protocol-Version": "2025-06-18"}
        begun = play(mcp, known("tokens"))
        first = TOKEN | {"Mcp-Session-Id": None, "MCP-Protocol-Version": None}
        begun.sends("POST", URL, json={"method": "initialize"}, headers=first, answer_id=1)
        begun.gets(200, INITIALIZED, SESSION)
        begun.sends("POST", URL, json={"method": "notifications/initialized", "id": None}, headers=later).gets(202)
        begun.sends("POST", URL, json={"method": "tools/list"}, headers=later, answer_id=2).gets(200, LISTED)
        begun.learns(
            session={
                "protocol_version": "2025-06-18",
                "id": "s-1",
                "server_name": "srv",
                "tools": ("echo", "add"),
                "exchange": 1,
            }
        )

    def test_as_event_streams_without_session(self) -> None:
        begun = play(mcp, known("tokens")).gets(200, stream({"method": "notifications/x"}, INITIALIZED), STREAM)
        begun.sends("POST", URL, headers={"Mcp-Session-Id": None}).gets(202)
        begun.gets(200, stream(LISTED), STREAM).learns(session={"id": None, "tools": ("echo", "add")})

    def test_in_a_batch(self) -> None:
        begun = play(mcp, known("tokens")).gets(200, [5, {"id": 7, "result": {}}, INITIALIZED]).gets(202)
        begun.gets(200, [LISTED, None]).learns(session={"tools": ("echo", "add")})

    @pytest.mark.parametrize(
        ("status", "body", "said"),
        [
            (401, b"", "got 401"),
            (403, {"error": "insufficient_scope"}, "got 403 application/json"),
            (500, b"", "got 500"),
            (200, b"", "without a media type"),
            (200, b"<html>", "got 200"),
            (200, {"id": "1", "result": {}}, "got 200"),
            (200, {"id": True, "result": {}}, "got 200"),
            (200, {"id": 1, "result": "x"}, "got 200"),
            (200, {"id": 1, "error": {"code": -32042}}, "with JSON-RPC error -32042"),
            (200, {"id": 1, "error": {"code": {"a": ["long"] * 99}}}, "…"),
            (200, {"id": 1, "error": "text"}, "got 200"),
            (200, {"id": {"a": 1}, "result": {}}, "got 200"),
            (202, INITIALIZED, ""),
        ],
    )
    def test_no_session(self, status: int, body, said: str) -> None:
        begun = play(mcp, known("tokens")).gets(status, body)
        if status == 202:
            begun.sends("POST", URL)
        else:
            begun.stops(said)

    def test_no_answer(self) -> None:
        play(mcp, known("tokens")).fails("timeout").stops("a timeout failure")

    def test_a_stream_that_broke_off_before_the_answer(self) -> None:
        play(mcp, known("tokens")).fails("protocol", after=b"").stops("a protocol failure")

    @pytest.mark.parametrize(
        "result",
        [{}, {"protocolVersion": 5, "serverInfo": "x"}, {"serverInfo": {"name": ["x"]}}, {"protocolVersion": None}],
    )
    def test_an_odd_handshake_is_still_one(self, result) -> None:
        begun = play(mcp, known("tokens")).gets(200, INITIALIZED | {"result": result}).gets(202)
        begun.sends("POST", URL, headers={"MCP-Protocol-Version": "2025-11-25"}).gets(200, LISTED)
        begun.learns(session={"protocol_version": "", "server_name": ""})

    @pytest.mark.parametrize(
        ("tools", "names"),
        [("x", ()), ({"a": 1}, ()), (None, ()), ([5, None, {"name": ["x"]}, {}], ("['x']", "")), ([], ())],
    )
    def test_odd_lists(self, tools, names) -> None:
        begun = play(mcp, known("tokens")).gets(200, INITIALIZED).gets(202)
        begun.gets(200, {"id": 2, "result": {"tools": tools}}).learns(session={"tools": names})

    def test_the_list_refused_keeps_the_session(self) -> None:
        begun = play(mcp, known("tokens")).gets(200, INITIALIZED, SESSION).gets(202).gets(403)
        begun.stops("got 403", session={"id": "s-1", "tools": ()})

    def test_a_hostile_session_id_goes_back_as_it_came(self) -> None:
        headers = (("Content-Type", "application/json"), ("mcp-session-id", "\x1b[31m\x00é"))
        begun = play(mcp, known("tokens")).gets(200, INITIALIZED, headers)
        begun.sends("POST", URL, headers={"Mcp-Session-Id": "\x1b[31m\x00é"})

    def test_the_named_tool_is_called(self) -> None:
        flow = known("tokens", tool=ToolCall("echo", {"text": "hi"}))
        begun = play(mcp, flow).gets(200, INITIALIZED).gets(202).gets(200, LISTED)
        params = {"name": "echo", "arguments": {"text": "hi"}}
        begun.sends("POST", URL, json={"method": "tools/call", "params": params}, answer_id=3)
        begun.gets(200, CALLED).learns(session={"tools": ("echo", "add")})

    def test_the_tool_refused(self) -> None:
        flow = known("tokens", tool=ToolCall("echo"))
        begun = play(mcp, flow).gets(200, INITIALIZED).gets(202).gets(200, LISTED)
        begun.gets(200, {"id": 3, "error": {"code": -32601}}).stops("-32601", session={"tools": ("echo", "add")})


class TestCall:
    def test_needs_a_session(self) -> None:
        with pytest.raises(NotYet, match=r"dbg\.mcp\(\)"):
            play(call_step("tools/list", {}), known("tokens"))

    def test_one_request_in_the_session(self) -> None:
        begun = play(call_step("resources/list", {"cursor": "x"}), known("session"))
        headers = TOKEN | {"Mcp-Session-Id": "the-session", "MCP-Protocol-Version": "2025-11-25"}
        message = {"method": "resources/list", "params": {"cursor": "x"}, "id": 10}
        begun.sends("POST", URL, json=message, headers=headers, answer_id=10)
        begun.gets(200, {"id": 10, "result": {}}).learns(called={"summary": "resources/list answered"})

    def test_refused(self) -> None:
        play(call_step("x", {}), known("session")).gets(404).stops("got 404")


class TestRevoked:
    def test_needs_a_revocation(self) -> None:
        with pytest.raises(NotYet, match=r"dbg\.revoke\(\)"):
            play(revoked, known("session"))

    def test_refused(self) -> None:
        begun = play(revoked, known("revoked")).sends("POST", URL, json={"method": "initialize"}, headers=TOKEN)
        begun.gets(401).learns(after_revocation={"summary": "revoked access token refused with 401"})

    def test_accepted(self) -> None:
        begun = play(revoked, known("revoked")).gets(200, INITIALIZED)
        begun.learns(after_revocation={"summary": "revoked access token still accepted"})

    @pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (403, b""), (404, b""), (500, b""), (302, b"")])
    def test_neither(self, status: int, body: bytes) -> None:
        play(revoked, known("revoked")).gets(status, body).stops(f"expected 401, got {status}")

    def test_no_answer(self) -> None:
        play(revoked, known("revoked")).fails("connect").stops("a connect failure")
