"""Conversations with MCP servers that real clients meet: each is held to its end, or says what ended it.

A healthy server stands behind; at one place it is answered for as the servers in question answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from recorder import Asked, Recorder
from wire.raw import response

from mcp_oauth_nb import Debugger, DemoServer
from mcp_oauth_nb.mime import render

Instead = Callable[[Asked], bytes | None]
STREAM = "Content-Type: text/event-stream"


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


def answered(body: dict[str, Any], status: str = "200 OK") -> bytes:
    return response(json.dumps({"jsonrpc": "2.0", **body}).encode(), "Content-Type: application/json", status=status)


def refused(code: int, status: str) -> bytes:
    return answered({"id": 1, "error": {"code": code, "message": "Invalid request parameters"}}, status)


def insufficient(scope: str) -> bytes:
    challenge = f'WWW-Authenticate: Bearer error="insufficient_scope", scope="{scope}"'
    return response(b"", challenge, status="403 Forbidden")


def asked_with_token(one: Asked, kind: str) -> bool:
    return one.path == "/mcp" and one.kind == kind and one.header("authorization") is not None


def kinds(recorder: Recorder) -> list[str]:
    """The methods of the MCP requests with a token."""
    return [one.kind for one in recorder.asked if one.path == "/mcp" and one.header("authorization")]


def test_a_stateless_server_of_the_handshake_refuses_discovery_with_200(server: DemoServer) -> None:
    def instead(one: Asked) -> bytes | None:
        return refused(-32602, "200 OK") if asked_with_token(one, "server/discover") else None

    with Recorder(server.url, instead=instead) as recorder:
        dbg = Debugger(recorder.url, browser="follow")
        assert dbg.run().status == "passed"
        assert dbg.trace.settings["protocol"] == "2025-11-25"
        assert kinds(recorder)[:2] == ["server/discover", "initialize"]


@pytest.mark.parametrize("protocol", ["auto", "2026-07-28"])
def test_a_server_without_discovery_is_used_and_told_of_it(server: DemoServer, protocol: str) -> None:
    def instead(one: Asked) -> bytes | None:
        return refused(-32601, "404 Not Found") if asked_with_token(one, "server/discover") else None

    with Recorder(server.url, instead=instead) as recorder:
        dbg = Debugger(recorder.url, browser="follow", protocol=protocol)
        report = dbg.run()
        assert dbg.trace.run("mcp").achieved
        assert report.cause.rule == "discover-missing"
        assert kinds(recorder) == ["server/discover", "tools/list", "tools/list"]


@pytest.mark.parametrize("protocol", ["auto", "2025-11-25", "2026-07-28"])
def test_a_scope_that_is_missing_at_the_opening_is_asked_for(server: DemoServer, protocol: str) -> None:
    tokens: list[str] = []

    def instead(one: Asked) -> bytes | None:
        token = one.header("authorization")
        if one.path != "/mcp" or token is None:
            return None
        tokens.extend(() if token in tokens else (token,))
        return insufficient("mcp:tools") if token == tokens[0] else None

    with Recorder(server.url, instead=instead) as recorder:
        dbg = Debugger(recorder.url, browser="follow", protocol=protocol, scope="")
        dbg.run()
        assert dbg.trace.run("mcp").achieved
        assert [dict(one.query).get("scope") for one in recorder.asked if one.path == "/authorize"] == [
            None,
            "mcp:tools",
        ]
        assert "insufficient-scope" not in {one.rule for one in dbg.diagnose().findings}


@pytest.mark.parametrize("method", [None, "tools/list"])
def test_a_token_that_was_given_is_reported_on_and_nobody_is_asked(server: DemoServer, method: str | None) -> None:
    got = Debugger(server.url, browser="follow")
    got.run()

    def instead(one: Asked) -> bytes | None:
        return insufficient("mcp:admin") if asked_with_token(one, "tools/list") else None

    with Recorder(server.url, instead=instead) as recorder:
        dbg = Debugger(recorder.url, access_token=got.tokens.access_token)
        report = dbg.mcp(method) if method else dbg.run()
        assert report.status == "failed"
        assert report.cause.rule == "insufficient-scope"
        assert "access_token=" in dbg.trace.run("mcp").stopped
        assert got.tokens.access_token not in render(report)["text/plain"]


@pytest.mark.parametrize("version", ["banana", "2026-11-01", "2025-11-25 ", "2025-11-25\r\nX-Evil: 1"])
def test_a_version_that_nobody_published_is_the_servers_mistake(server: DemoServer, version: str) -> None:
    def instead(one: Asked) -> bytes | None:
        if not asked_with_token(one, "initialize"):
            return None
        return answered({"id": 1, "result": {"protocolVersion": version, "capabilities": {}, "serverInfo": {}}})

    with Recorder(server.url, instead=instead) as recorder:
        report = Debugger(recorder.url, browser="follow", protocol="2025-11-25").run()
        assert (report.status, report.failing_step) == ("failed", "mcp")
        assert (report.cause.rule, report.cause.who) == ("version-unsupported", "MCP server")
        assert kinds(recorder) == ["initialize"]


def test_a_stream_that_ends_early_is_resumed(server: DemoServer) -> None:
    def instead(one: Asked) -> bytes | None:
        if asked_with_token(one, "tools/list"):
            return response(b"id: e1\nretry: 10\ndata:\n\n", STREAM)
        if one.method == "GET" and one.path == "/mcp":
            rest = json.dumps({"jsonrpc": "2.0", "id": 2, "result": {"tools": [{"name": "late"}]}})
            return response(f"id: e2\ndata: {rest}\n\n".encode(), STREAM)
        return None

    with Recorder(server.url, instead=instead) as recorder:
        dbg = Debugger(recorder.url, browser="follow", protocol="2025-11-25")
        assert dbg.run().status == "passed"
        assert "late" in render(dbg.diagnose())["text/plain"]
        assert recorder.asked[-1].header("last-event-id") == "e1"


def test_a_stream_is_not_waited_for_beyond_the_deadline(server: DemoServer) -> None:
    def instead(one: Asked) -> bytes | None:
        is_list = asked_with_token(one, "tools/list")
        return response(b"id: e1\nretry: 20000\ndata:\n\n", STREAM) if is_list else None

    with Recorder(server.url, instead=instead) as recorder:
        report = Debugger(recorder.url, browser="follow", protocol="2025-11-25", step_timeout_s=10).run()
        assert (report.status, report.cause.rule) == ("failed", "mcp-error")
        assert kinds(recorder)[-1] == "tools/list"


def test_a_session_that_ended_since_is_begun_anew(server: DemoServer) -> None:
    ended: list[str] = []

    def instead(one: Asked) -> bytes | None:
        return refused(-32600, "404 Not Found") if one.header("mcp-session-id") in ended else None

    with Recorder(server.url, instead=instead) as recorder:
        dbg = Debugger(recorder.url, browser="follow", protocol="2025-11-25")
        dbg.run()
        ended.append(recorder.asked[-1].header("mcp-session-id"))
        before = len(kinds(recorder))
        assert [dbg.mcp("tools/list").status for _ in range(2)] == ["passed", "passed"]
        opened = ["initialize", "notifications/initialized"]
        assert kinds(recorder)[before:] == ["tools/list", *opened, "tools/list", "tools/list"]


@pytest.mark.parametrize("said", ["401 Unauthorized: invalid_token", "division by zero"])
def test_a_tool_that_answers_with_an_error_is_no_success(server: DemoServer, said: str) -> None:
    def instead(one: Asked) -> bytes | None:
        if not asked_with_token(one, "tools/call"):
            return None
        result = {"isError": True, "content": [{"type": "text", "text": said}]}
        return answered({"id": one.json["id"], "result": result})

    with Recorder(server.url, instead=instead) as recorder:
        dbg = Debugger(recorder.url, browser="follow", protocol="2025-11-25", tool="add")
        report = dbg.run()
        assert (report.status, report.failing_step, report.cause.rule) == ("failed", "mcp", "tool-failed")
        assert said in report.cause.observed
        assert dbg.mcp("tools/call", {"name": "add"}).status == "warned"


@pytest.mark.parametrize("protocol", ["2025-11-25", "2026-07-28"])
def test_a_long_list_of_tools_is_read_to_its_end(server: DemoServer, protocol: str) -> None:
    def instead(one: Asked) -> bytes | None:
        if not asked_with_token(one, "tools/list"):
            return None
        further = "cursor" in (one.json.get("params") or {})
        more = {"tools": [{"name": "second"}]} if further else {"tools": [{"name": "first"}], "nextCursor": "2"}
        return answered({"id": one.json["id"], "result": {"resultType": "complete", **more}})

    with Recorder(server.url, instead=instead) as recorder:
        dbg = Debugger(recorder.url, browser="follow", protocol=protocol)
        assert dbg.run().status == "passed"
        assert "first, second" in render(dbg.diagnose())["text/plain"]
