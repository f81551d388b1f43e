"""Requests with the token."""

from __future__ import annotations

import json

import pytest
from playbook import play

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.protocol.flow import Session, Tokens, ToolCall
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.steps.insisting import MOST_RESUMPTIONS
from mcp_oauth_nb.steps.mcp import MOST_PAGES, call_step, mcp, revoked

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

    def test_a_tool_that_failed_was_not_called_with_success(self) -> None:
        flow = known("tokens", tool=ToolCall("echo"))
        begun = play(mcp, flow).gets(200, INITIALIZED).gets(202).gets(200, LISTED)
        begun.gets(200, {"id": 3, "result": {"isError": True, "content": []}})
        assert begun.stops("the tool echo answered that it failed", session={"tools": ("echo", "add")})

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
        play(call_step("x", {}), known("session")).gets(500).stops("got 500")

    def test_a_session_that_has_ended_is_begun_anew(self) -> None:
        begun = play(call_step("tools/list", {}), known("session")).gets(404)
        begun.sends("POST", URL, json={"method": "initialize"}, headers=TOKEN | {"Mcp-Session-Id": None})
        begun.gets(200, INITIALIZED, SESSION)
        renewed = {"Mcp-Session-Id": "s-1"}
        begun.sends("POST", URL, json={"method": "notifications/initialized"}, headers=renewed).gets(202)
        begun.sends("POST", URL, json={"method": "tools/list"}, headers=renewed, answer_id=10)
        begun.gets(200, {"id": 10, "result": {}})
        begun.learns(session={"id": "s-1", "tools": ("echo",)}, called={"summary": "tools/list answered"})

    def test_a_second_404_is_the_end(self) -> None:
        begun = play(call_step("x", {}), known("session")).gets(404).gets(200, INITIALIZED, SESSION).gets(202)
        assert begun.gets(404).stops("got 404", session={"id": "s-1"})
        play(call_step("x", {}), known("session")).gets(404).gets(500).stops("got 500")

    def test_no_session_and_an_unknown_method_are_no_end_of_one(self) -> None:
        alone = known("session", facts={"session": Session("2025-11-25")})
        play(call_step("x", {}), alone).gets(404).stops("got 404")
        unknown = {"id": 10, "error": {"code": -32601}}
        play(call_step("x", {}), known("session")).gets(404, unknown).stops("-32601")


class TestPages:
    def begun(self):
        return play(mcp, known("tokens")).gets(200, INITIALIZED).gets(202)

    def page(self, number: int, cursor: object = None, *names: str):
        listed = {"tools": [{"name": name} for name in names], "nextCursor": cursor}
        return {"id": number, "result": listed}

    def test_all_pages_are_fetched(self) -> None:
        begun = self.begun().sends("POST", URL, json={"params": {}}, answer_id=2).gets(200, self.page(2, "p2", "a"))
        begun.sends("POST", URL, json={"method": "tools/list", "params": {"cursor": "p2"}}, answer_id=11)
        begun.gets(200, self.page(11, "p3", "b")).sends("POST", URL, json={"params": {"cursor": "p3"}}, answer_id=12)
        begun.gets(200, self.page(12, None, "c")).learns(session={"tools": ("a", "b", "c"), "more_tools": False})

    @pytest.mark.parametrize("cursor", ["", 5, None, ["x"]])
    def test_what_is_no_cursor(self, cursor: object) -> None:
        self.begun().gets(200, self.page(2, cursor, "a")).learns(session={"tools": ("a",), "more_tools": False})

    def test_a_cursor_that_came_before_leads_round(self) -> None:
        begun = self.begun().gets(200, self.page(2, "p2", "a")).gets(200, self.page(11, "p2", "b"))
        learned = begun.learns(session={"tools": ("a", "b"), "more_tools": True})
        assert dict(learned.session.shown())["tools"] == "a, b (and more: the list goes on)"

    def test_a_list_without_end_is_left_and_said(self) -> None:
        begun = self.begun().gets(200, self.page(2, "c2", "a"))
        for number in range(MOST_PAGES - 1):
            begun.gets(200, self.page(11 + number, f"further {number}", "a"))
        begun.learns(session={"tools": ("a",) * MOST_PAGES, "more_tools": True})

    def test_a_page_that_is_refused_keeps_what_came(self) -> None:
        begun = self.begun().gets(200, self.page(2, "p2", "a")).gets(500)
        assert begun.stops("got 500", session={"tools": ("a",), "more_tools": True})


class TestResumption:
    BEGUN = b"id: e1\nretry: 2500\ndata:\n\n"

    def begun(self, version: str = "2025-11-25", **settings):
        begun = play(mcp, known("tokens", profile=PROFILES[version], **settings))
        opened = INITIALIZED | {"result": {"protocolVersion": version}}
        return begun.gets(200, opened, SESSION).gets(202).sends("POST", URL, json={"method": "tools/list"})

    def test_a_stream_is_resumed_behind_its_last_event(self) -> None:
        begun = self.begun().gets(200, self.BEGUN, STREAM).pauses(2.5)
        headers = TOKEN | {"Accept": "text/event-stream", "Last-Event-ID": "e1", "Mcp-Session-Id": "s-1"}
        begun.sends("GET", URL, headers=headers | {"MCP-Protocol-Version": "2025-11-25"}, answer_id=2)
        begun.gets(200, b"id: e2\ndata: {}\n\n", STREAM).pauses(1).sends("GET", URL, headers={"Last-Event-ID": "e2"})
        begun.gets(200, stream(LISTED), STREAM).learns(session={"tools": ("echo", "add")})

    def test_only_so_often(self) -> None:
        begun = self.begun().gets(200, b"id: e1\nretry: 1\n\n", STREAM)
        for _ in range(MOST_RESUMPTIONS):
            begun.pauses(0.001).sends("GET", URL).gets(200, b"id: e1\nretry: 1\n\n", STREAM)
        assert begun.stops("got 200 text/event-stream", session={"id": "s-1"})

    def test_no_longer_than_the_deadline_of_a_request(self) -> None:
        begun = self.begun(step_timeout_s=4.0).gets(200, self.BEGUN, STREAM).pauses(2.5).gets(200, self.BEGUN, STREAM)
        assert begun.stops("got 200 text/event-stream", session={"id": "s-1"})

    def test_a_server_that_does_not_resume(self) -> None:
        begun = self.begun().gets(200, self.BEGUN, STREAM).pauses(2.5).sends("GET", URL).gets(405)
        assert begun.stops("got 405", session={"id": "s-1"})

    def test_a_stream_without_an_id_cannot_be_resumed(self) -> None:
        assert self.begun().gets(200, b"data: {}\n\n", STREAM).stops("got 200", session={"id": "s-1"})

    def test_without_a_handshake_nothing_is_resumed(self) -> None:
        begun = play(mcp, known("tokens", profile=PROFILES["2026-07-28"])).gets(200, {"id": 1, "result": {}})
        assert begun.gets(200, self.BEGUN, STREAM).stops("got 200", session={"id": None})


class TestVersionChosen:
    @pytest.mark.parametrize("chosen", ["banana", "2026-11-01", "DRAFT-2026-v1", "2025-11-25 ", "2025-11-25\r\nX: 1"])
    def test_one_that_is_not_spoken_ends_it(self, chosen: str) -> None:
        begun = play(mcp, known("tokens")).gets(200, INITIALIZED | {"result": {"protocolVersion": chosen}})
        begun.stops(repr(chosen))

    @pytest.mark.parametrize("chosen", ["2024-11-05", "2025-03-26", "2026-07-28"])
    def test_one_that_was_published_does_not(self, chosen: str) -> None:
        begun = play(mcp, known("tokens")).gets(200, INITIALIZED | {"result": {"protocolVersion": chosen}})
        begun.sends("POST", URL, headers={"MCP-Protocol-Version": chosen})

    @pytest.mark.parametrize(
        ("chosen", "sent"), [("banana", "banana"), ("a\r\nX: 1", "2025-11-25"), ("", "2025-11-25")]
    )
    def test_who_goes_on_all_the_same_sends_what_a_header_can_carry(self, chosen: str, sent: str) -> None:
        begun = play(mcp, known("tokens", on_violation="continue"))
        begun.gets(200, INITIALIZED | {"result": {"protocolVersion": chosen}})
        begun.sends("POST", URL, headers={"MCP-Protocol-Version": sent})


class TestGivenToken:
    SCOPE = (("WWW-Authenticate", 'Bearer error="insufficient_scope", scope="mcp:admin"'),)

    @pytest.mark.parametrize(("status", "headers"), [(403, SCOPE), (401, ())])
    def test_nobody_is_there_to_authorize_again(self, status: int, headers) -> None:
        flow = known(facts={"tokens": Tokens("the-access-token")})
        begun = play(mcp, flow).gets(200, INITIALIZED).gets(202).gets(status, b"", headers)
        assert begun.stops("its access token was given", session={"tools": ()})

    def test_at_the_opening(self) -> None:
        flow = known(facts={"tokens": Tokens("the-access-token")})
        play(mcp, flow).gets(403, b"", self.SCOPE).stops("its access token was given")


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
