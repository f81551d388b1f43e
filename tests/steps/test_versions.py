"""One set of steps, a row per protocol version: what differs on the wire, and how a version is told."""

from __future__ import annotations

from typing import Any

import pytest
from playbook import play

from mcp_oauth_nb.protocol.challenge import parse_challenges
from mcp_oauth_nb.protocol.flow import Challenged, Flow, Session, ToolCall
from mcp_oauth_nb.protocol.mirroring import header_text
from mcp_oauth_nb.protocol.profiles import MODERN, PROFILES
from mcp_oauth_nb.steps.discovery import challenge, resource_metadata, server_metadata
from mcp_oauth_nb.steps.mcp import call_step, mcp

from .flows import ISSUER, PRM, REDIRECT, URL, known, server_document

ORIGIN = URL.removesuffix("/mcp")
META = "io.modelcontextprotocol/"
CHALLENGE = (("WWW-Authenticate", f'Bearer resource_metadata="{PRM}/mcp", scope="mcp:tools"'),)
DISCOVERED = {"jsonrpc": "2.0", "id": 1, "result": {"_meta": {f"{META}serverInfo": {"name": "modern"}}}}
LISTED = {"jsonrpc": "2.0", "id": 2, "result": {"tools": [{"name": "echo"}]}}
CALLED = {"jsonrpc": "2.0", "id": 3, "result": {"content": []}}
TOKEN = {"Authorization": "Bearer the-access-token"}


def at(version: str, upto: str = "", **changes: Any) -> Flow:
    return known(upto, profile=PROFILES[version], **changes)


def automatic(upto: str = "", **changes: Any) -> Flow:
    return known(upto, profile=MODERN, auto=True, **changes)


def refused(code: int, **data: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "no", "data": data}}


class TestPerRequest:
    def test_every_request_is_complete_in_itself(self) -> None:
        modern = {"MCP-Protocol-Version": "2026-07-28"}
        meta = {f"{META}protocolVersion": "2026-07-28", f"{META}clientCapabilities": {}}
        begun = play(mcp, at("2026-07-28", "tokens", tool=ToolCall("grüße", {"a": 1})))
        begun.sends("POST", URL, json={"method": "server/discover"}, headers=TOKEN | modern | {"Mcp-Session-Id": None})
        assert meta.items() <= begun._want.call.json["params"]["_meta"].items()
        begun.gets(200, DISCOVERED)
        begun.sends("POST", URL, json={"method": "tools/list"}, headers=modern | {"Mcp-Method": "tools/list"})
        begun.gets(200, LISTED)
        begun.sends("POST", URL, headers={"Mcp-Method": "tools/call", "Mcp-Name": "=?base64?Z3LDvMOfZQ==?="})
        learned = begun.gets(200, CALLED).learns(session={"server_name": "modern", "id": None, "tools": ("echo",)})
        assert learned.session.protocol_version == "2026-07-28"

    def test_draft_speaks_the_newest_published_version(self) -> None:
        begun = play(challenge, at("draft"))
        begun.sends("POST", URL, headers={"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "server/discover"})
        begun.gets(401, b"", CHALLENGE).learns(challenge={"status": 401})

    def test_a_server_that_protects_its_tools_only_is_asked_for_them(self) -> None:
        begun = play(challenge, at("2026-07-28")).gets(200, DISCOVERED)
        begun.sends("POST", URL, json={"method": "tools/list"}, headers={"Authorization": None})
        begun.gets(401, b"", CHALLENGE).learns(challenge={"status": 401})

    @pytest.mark.parametrize(
        ("value", "sent"),
        [
            ("echo", "echo"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded", "=?base64?IHBhZGRlZA==?="),
            ("=?base64?", "=?base64?PT9iYXNlNjQ/?="),
            ("", "=?base64??="),
        ],
    )
    def test_names_in_headers(self, value: str, sent: str) -> None:
        assert header_text(value) == sent

    def test_arguments_that_the_schema_marks_are_repeated_in_headers(self) -> None:
        region = {"type": "string", "x-mcp-header": "Region"}
        tools = [{"name": "run", "inputSchema": {"properties": {"region": region}}}, {"name": "other"}]
        tool = ToolCall("run", {"region": "eu", "q": 1})
        begun = play(mcp, at("2026-07-28", "tokens", tool=tool)).gets(200, DISCOVERED)
        begun.gets(200, {"id": 2, "result": {"tools": tools}}).sends("POST", URL, headers={"Mcp-Param-Region": "eu"})
        learned = begun.gets(200, CALLED).learns()
        for name, arguments, sent in (
            ("run", {"region": "ü"}, "=?base64?w7w=?="),
            ("run", {}, None),
            ("other", {}, None),
        ):
            called = play(call_step("tools/call", {"name": name, "arguments": arguments}), learned)
            called.sends("POST", URL, headers={"Mcp-Name": name, "Mcp-Param-Region": sent})

    def test_the_users_own_members_of_meta_are_sent_as_well(self) -> None:
        given = {"progressToken": 1, f"{META}clientInfo": {"name": "mine"}}
        called = play(call_step("tools/call", {"name": "echo", "_meta": given}), at("2026-07-28", "session"))
        sent = called._want.call.json["params"]["_meta"]
        assert sent["progressToken"] == 1
        assert sent[f"{META}clientInfo"]["name"] == "mcp-oauth-nb"
        learned = called.gets(200, {"id": 10, "result": {}}).learns()
        assert f"{META}clientInfo" in dict(learned.called.shown())["replaced in _meta"]

    @pytest.mark.parametrize("auto", [True, False])
    def test_a_server_without_discovery_is_asked_for_its_tools(self, auto: bool) -> None:
        flow = automatic("tokens") if auto else at("2026-07-28", "tokens")
        begun = play(mcp, flow).sends("POST", URL, json={"method": "server/discover"}).gets(404, refused(-32601))
        begun.sends("POST", URL, json={"method": "tools/list"}, headers=TOKEN | {"Mcp-Method": "tools/list"})
        begun.gets(200, LISTED | {"id": 1}).sends("POST", URL, json={"method": "tools/list"}).gets(200, LISTED)
        assert begun.learns(session={"tools": ("echo",), "id": None}).profile is MODERN

    def test_without_a_token_too(self) -> None:
        begun = play(challenge, automatic()).gets(404, refused(-32601))
        begun.sends("POST", URL, json={"method": "tools/list"}, headers={"Authorization": None})
        assert begun.gets(401, b"", CHALLENGE).learns(challenge={"status": 401}).profile is MODERN


class TestBeforeResourceMetadata:
    def test_nothing_is_asked_for_it(self) -> None:
        assert play(resource_metadata, at("2025-03-26", "challenge")).learns(resource_metadata=None)

    def test_the_issuer_is_the_servers_own_origin(self) -> None:
        begun = play(server_metadata, at("2025-03-26", "challenge"))
        headers = {"MCP-Protocol-Version": "2025-03-26"}
        begun.sends("GET", f"{ORIGIN}/.well-known/oauth-authorization-server", headers=headers)
        found = server_document(issuer="https://another.example", code_challenge_methods_supported=None)
        begun.gets(200, found).learns(server_metadata={"kind": "rfc8414"})

    def test_without_metadata_the_default_endpoints_are_taken(self) -> None:
        learned = play(server_metadata, at("2025-03-26", "challenge")).gets(404).learns()
        assert learned.server_metadata.kind == "default endpoints"
        assert learned.server_metadata.value == {
            "authorization_endpoint": f"{ORIGIN}/authorize",
            "token_endpoint": f"{ORIGIN}/token",
            "registration_endpoint": f"{ORIGIN}/register",
        }

    def test_a_server_error_is_no_invitation_to_guess(self) -> None:
        play(server_metadata, at("2025-03-26", "challenge")).gets(503).stops("status 503")


class TestServerMetadata:
    def test_2025_06_18_knows_no_openid_document(self) -> None:
        begun = play(server_metadata, at("2025-06-18", "resource_metadata")).gets(404)
        begun.stops("the last URL gave status 404")

    def test_the_authorization_server_of_the_settings(self) -> None:
        flow = known("resource_metadata", authorization_server="https://unknown.example")
        play(server_metadata, flow).stops("not among `authorization_servers`")
        begun = play(server_metadata, known("resource_metadata", authorization_server=ISSUER))
        begun.gets(200, server_document()).learns(server_metadata={"identifier": ISSUER})


class TestTelling:
    def test_a_401_leaves_the_version_open(self) -> None:
        begun = play(challenge, automatic()).sends("POST", URL, headers={"Mcp-Method": "server/discover"})
        begun.gets(401, b"", CHALLENGE).learns(era=None)

    @pytest.mark.parametrize("status", [400, 404, 405, 415])
    def test_a_refusal_without_a_modern_word_means_a_handshake(self, status: int) -> None:
        begun = play(challenge, automatic()).gets(status)
        begun.sends("POST", URL, json={"method": "initialize"}, headers={"Mcp-Method": None})
        learned = begun.gets(401, b"", CHALLENGE).learns(challenge={"status": 401})
        assert learned.profile.version == "2025-11-25"
        assert str(status) in learned.era.why

    @pytest.mark.parametrize("status", [200, 404, 422])
    @pytest.mark.parametrize("code", [-32602, -32020, -32022, -32001])
    def test_codes_of_the_modern_protocol_count_with_400_only(self, code: int, status: int) -> None:
        begun = play(mcp, automatic("tokens")).gets(status, refused(code))
        begun.sends("POST", URL, json={"method": "initialize"})

    @pytest.mark.parametrize("code", [-32602, -32020, -32021])
    def test_a_modern_server_that_lacks_something_is_not_asked_in_the_old_way(self, code: int) -> None:
        play(mcp, automatic("tokens")).gets(400, refused(code)).stops(str(code))

    def test_the_newest_version_that_both_know(self) -> None:
        listed = refused(-32022, supported=["2025-06-18", "2025-11-25", "2099-01-01"])
        begun = play(challenge, automatic()).gets(400, listed).sends("POST", URL, json={"method": "initialize"})
        assert begun.gets(401, b"", CHALLENGE).learns().profile.version == "2025-11-25"

    def test_the_version_that_the_server_chose(self) -> None:
        begun = play(mcp, automatic("tokens")).gets(400).sends("POST", URL, json={"method": "initialize"})
        begun.gets(200, {"id": 1, "result": {"protocolVersion": "2025-06-18"}})
        begun.sends("POST", URL, json={"method": "notifications/initialized"}).gets(202).gets(200, LISTED)
        assert begun.learns(session={"protocol_version": "2025-06-18"}).profile.version == "2025-06-18"

    def test_no_resource_metadata_anywhere_means_the_oldest(self) -> None:
        learned = play(resource_metadata, automatic("challenge")).gets(404).gets(404).learns(resource_metadata=None)
        assert learned.profile.version == "2025-03-26"
        assert learned.era.exchange == 2

    def test_a_server_error_does_not(self) -> None:
        play(resource_metadata, automatic("challenge")).gets(404).gets(500).stops("status 500")

    def test_a_named_url_that_is_not_there_does_not_either(self) -> None:
        named = Challenged(401, parse_challenges([CHALLENGE[0][1]]), 1)
        play(resource_metadata, automatic("challenge").learn(challenge=named)).gets(404).stops("status 404")


class TestStepUp:
    SCOPE = (("WWW-Authenticate", 'Bearer error="insufficient_scope", scope="mcp:write"'),)

    def begun(self, version: str) -> Any:
        flow = at(version, "session", tool=ToolCall("echo")).learn(session=None, rounds=1)
        begun = play(mcp, flow)
        if version == "2026-07-28":
            return begun.gets(200, DISCOVERED).gets(200, LISTED)
        return begun.gets(200, {"id": 1, "result": {"protocolVersion": version}}).gets(202).gets(200, LISTED)

    @pytest.mark.parametrize(("version", "scope"), [("2025-11-25", "mcp:write"), ("2026-07-28", "mcp:tools mcp:write")])
    def test_authorizes_again_and_repeats_the_call(self, version: str, scope: str) -> None:
        begun = self.begun(version).gets(403, b"", self.SCOPE)
        begun.opens(f"{ISSUER}/authorize", {"scope": scope})
        state = dict(begun._want.call.params)["state"]
        begun.opened().awaits(REDIRECT).arrives(f"{REDIRECT}?code=second&state={state}&iss={ISSUER}")
        begun.sends("POST", f"{ISSUER}/token", form={"code": "second"}).gets(200, {"access_token": "wider"})
        begun.sends("POST", URL, json={"method": "tools/call"}, headers={"Authorization": "Bearer wider"})
        learned = begun.gets(200, CALLED).learns(tokens={"access_token": "wider"})
        assert learned.rounds == 2
        rows = dict(learned.authorization.scopes)
        assert rows["scope of the step-up"] == rows["scope requested"] == scope
        assert "insufficient_scope" in rows["scope chosen because"]

    @pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
    def test_the_opening_is_repeated_as_well(self, version: str) -> None:
        begun = play(mcp, at(version, "tokens").learn(rounds=1)).gets(403, b"", self.SCOPE)
        begun.opens(f"{ISSUER}/authorize")
        state = dict(begun._want.call.params)["state"]
        begun.opened().awaits(REDIRECT).arrives(f"{REDIRECT}?code=second&state={state}&iss={ISSUER}")
        begun.gets(200, {"access_token": "wider"})
        method = "initialize" if version == "2025-11-25" else "server/discover"
        begun.sends("POST", URL, json={"method": method}, headers={"Authorization": "Bearer wider"})
        assert begun.gets(403, b"", self.SCOPE).stops("would not end", tokens={"access_token": "wider"}).rounds == 2

    def test_a_challenge_without_a_scope_says_nothing_to_ask_for(self) -> None:
        unnamed = (("WWW-Authenticate", 'Bearer error="insufficient_scope"'),)
        play(mcp, at("2025-11-25", "tokens")).gets(403, b"", unnamed).stops("names no scope")

    def test_the_opening_gives_up_too(self) -> None:
        flow = at("2025-11-25", "tokens").learn(rounds=3)
        play(mcp, flow).gets(403, b"", self.SCOPE).stops("3 authorization requests")

    def test_a_server_that_takes_bound_tokens_only_asks_by_its_own_scheme(self) -> None:
        scope = (("WWW-Authenticate", 'DPoP error="insufficient_scope", scope="mcp:write", algs="ES256"'),)
        self.begun("2025-11-25").gets(403, b"", scope).opens(f"{ISSUER}/authorize", {"scope": "mcp:write"})

    def test_gives_up_after_three_authorizations(self) -> None:
        flow = at("2025-11-25", "session", tool=ToolCall("echo")).learn(session=None, rounds=3)
        begun = play(mcp, flow).gets(200, {"id": 1, "result": {"protocolVersion": "2025-11-25"}}).gets(202)
        begun.gets(200, LISTED).gets(403, b"", self.SCOPE)
        assert begun.stops("3 authorization requests", session={"tools": ("echo",)})

    def test_the_same_scope_again_would_not_end(self) -> None:
        flow = at("2025-11-25", "session", tool=ToolCall("echo")).learn(session=None, step_up_scope="mcp:write")
        begun = play(mcp, flow).gets(200, {"id": 1, "result": {"protocolVersion": "2025-11-25"}}).gets(202)
        begun.gets(200, LISTED).gets(403, b"", self.SCOPE)
        assert begun.stops("would not end", session={"tools": ("echo",)})

    @pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
    def test_neither_would_the_scope_of_the_first_request(self, version: str) -> None:
        same = (("WWW-Authenticate", 'Bearer error="insufficient_scope", scope="mcp:tools"'),)
        self.begun(version).gets(403, b"", same).stops("would not end", session={"tools": ("echo",)})


class TestMovedServer:
    def test_a_token_that_worked_and_is_refused_leads_to_fresh_discovery(self) -> None:
        other = "https://moved.example"
        flow = at("2026-07-28", "session", tool=ToolCall("echo")).learn(session=None, rounds=1)
        begun = play(mcp, flow).gets(200, DISCOVERED).gets(200, LISTED).gets(401, b"", CHALLENGE)
        begun.sends("GET", f"{PRM}/mcp").gets(200, {"resource": URL, "authorization_servers": [other]})
        begun.sends("GET", f"{other}/.well-known/oauth-authorization-server")
        begun.gets(200, server_document(issuer=other, registration_endpoint=f"{other}/register"))
        begun.sends("POST", f"{other}/register").gets(201, {"client_id": "at-the-new-one"})
        begun.opens(f"{ISSUER}/authorize", {"client_id": "at-the-new-one"})

    def test_so_does_a_refusal_without_a_challenge(self) -> None:
        flow = at("2026-07-28", "session", tool=ToolCall("echo")).learn(session=None, rounds=1)
        begun = play(mcp, flow).gets(200, DISCOVERED).gets(200, LISTED).gets(401)
        begun.sends("GET", f"{PRM}/mcp").gets(200, {"resource": URL, "authorization_servers": [ISSUER]})

    def test_a_version_is_not_told_anew_by_it(self) -> None:
        flow = automatic("session", tool=ToolCall("echo")).learn(session=None, rounds=1)
        begun = play(mcp, flow).gets(200, DISCOVERED).gets(200, LISTED).gets(401).gets(404).gets(404)
        begun.stops("no protected resource metadata", session={"tools": ("echo",)})

    def test_a_token_that_never_worked_does_not(self) -> None:
        play(mcp, at("2026-07-28", "tokens")).gets(401, b"", CHALLENGE).stops("got 401")

    def test_a_single_call_of_the_user_does_not_either(self) -> None:
        play(call_step("tools/list", {}), known("session")).gets(401, b"", CHALLENGE).stops("got 401")


def test_a_session_of_the_old_wire_is_not_asked_of_the_new_one() -> None:
    flow = at("2026-07-28", "tokens").learn(session=Session("2025-11-25", "left-over"))
    play(mcp, flow).sends("POST", URL, headers={"Mcp-Session-Id": None})
