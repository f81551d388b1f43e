"""MCP requests as bytes would have them, in both conversations.

Up to 2025-11-25 a session begins with ``initialize`` and later requests name the negotiated version and the session.
From 2026-07-28 on every request is complete in itself: version, client and capabilities stand in ``_meta``, and method
and name in headers as well.
"""

from __future__ import annotations

import base64
from collections.abc import Generator, Mapping
from typing import Any

from mcp_oauth_nb.protocol.flow import Era, Flow, Session, Tokens
from mcp_oauth_nb.protocol.grants import EXTENSIONS
from mcp_oauth_nb.protocol.jsonrpc import answer, request
from mcp_oauth_nb.protocol.profiles import LATEST_HANDSHAKE, MODERN, PROFILES, Profile, spoken
from mcp_oauth_nb.protocol.step import Call, Send
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.sending import authorization, send_to_resource

ACCEPT = ("Accept", "application/json, text/event-stream")
CLIENT_INFO = {"name": "mcp-oauth-nb", "version": "0.1.0"}
META = "io.modelcontextprotocol/"
UNSUPPORTED_VERSION = (-32022, -32004)
"""JSON-RPC code of "unsupported protocol version", and the number it had before release."""
MODERN_CODES = (*UNSUPPORTED_VERSION, -32020, -32021, -32001, -32003, -32602)
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Methods whose subject is repeated in the header ``Mcp-Name``."""

Opened = Generator[Send, Exchange, tuple[Flow, Exchange]]


def opening(flow: Flow, tokens: Tokens | None, why: str) -> Opened:
    """The first request of a conversation; where the version is to be told from the server, also the telling.

    A client that speaks both sends the modern request first and falls back to ``initialize`` when a server refuses it
    without any word of the modern protocol. A 401 tells nothing about the version: it stays open until the token.
    """
    if not flow.settings.auto or flow.era is not None:
        flow, exchange = yield from send_to_resource(flow, tokens, opening_call(flow, flow.profile, tokens, why), 1)
        return _negotiated(flow, exchange), exchange
    flow, exchange = yield from send_to_resource(flow, tokens, opening_call(flow, MODERN, tokens, why), 1)
    era = _told_by(exchange)
    if era is None:
        return flow, exchange
    flow = flow.learn(era=era)
    if era.profile is MODERN and exchange.status is not None and exchange.status // 100 == 2:
        return flow, exchange
    flow, exchange = yield from send_to_resource(flow, tokens, opening_call(flow, era.profile, tokens, why), 1)
    return _negotiated(flow, exchange), exchange


def opening_call(flow: Flow, profile: Profile, tokens: Tokens | None, why: str) -> Call:
    """``initialize``, or ``server/discover`` where there is no handshake."""
    handshake = tokens is not None
    if profile.conversation == "per request":
        return _complete(flow, profile, tokens, "server/discover", {}, 1, why, handshake=handshake)
    params = {"protocolVersion": spoken(profile.version), "capabilities": {}, "clientInfo": CLIENT_INFO}
    # The version stands in the body only: a server that rejects unknown header values would never negotiate.
    headers = (ACCEPT, *authorization(flow, tokens))
    body = request("initialize", params, 1)
    return Call("POST", flow.settings.url, headers, json=body, why=why, handshake=handshake)


def later_call(
    flow: Flow,
    tokens: Tokens | None,
    session: Session | None,
    method: str,
    params: Mapping[str, Any] | None,
    request_id: int | None,
    why: str,
) -> Call:
    """Any request after the opening one; a notification when `request_id` is None."""
    profile = flow.profile
    if profile.conversation == "per request":
        return _complete(flow, profile, tokens, method, params or {}, request_id, why)
    headers = [ACCEPT, *authorization(flow, tokens)]
    if profile.version_header:
        negotiated = session.protocol_version if session else ""
        headers.append((profile.version_header, negotiated or profile.version))
    if session and session.id:
        headers.append(("Mcp-Session-Id", session.id))
    body = request(method, params, request_id)
    return Call("POST", flow.settings.url, tuple(headers), json=body, why=why, handshake=request_id is None)


def _complete(
    flow: Flow,
    profile: Profile,
    tokens: Tokens | None,
    method: str,
    params: Mapping[str, Any],
    request_id: int | None,
    why: str,
    *,
    handshake: bool = False,
) -> Call:
    """A request that is complete in itself (MCP 2026-07-28)."""
    version = spoken(profile.version)
    extension = EXTENSIONS.get(flow.settings.grant)
    capabilities: dict[str, Any] = {"extensions": {extension: {}}} if extension else {}
    meta = {
        f"{META}protocolVersion": version,
        f"{META}clientInfo": CLIENT_INFO,
        f"{META}clientCapabilities": capabilities,
    }
    headers = [ACCEPT, *authorization(flow, tokens), (profile.version_header, version), ("Mcp-Method", method)]
    subject = params.get(NAMED.get(method, ""))
    if isinstance(subject, str):
        headers.append(("Mcp-Name", header_text(subject)))
    body = request(method, {**params, "_meta": meta}, request_id)
    return Call("POST", flow.settings.url, tuple(headers), json=body, why=why, handshake=handshake)


def header_text(value: str) -> str:
    """A value as a header may carry it: as it is when plainly visible ASCII, else base64 between its marks."""
    plain = value.isascii() and value.isprintable() and value == value.strip() and not value.startswith("=?")
    if plain and value:
        return value
    return f"=?base64?{base64.b64encode(value.encode('utf-8', 'replace')).decode()}?="


def _told_by(exchange: Exchange) -> Era | None:
    """What the answer to a modern request says about the server's era; None where it says nothing."""
    if exchange.response is None or exchange.failure is not None or exchange.status in (401, 403):
        return None
    message = answer(exchange.response, 1) or {}
    error = message.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    status = exchange.response.status
    if status // 100 == 2 and "result" in message:
        return Era(MODERN, "server/discover was answered", exchange.id)
    if code in UNSUPPORTED_VERSION and isinstance(error, dict):
        return _supported(error, exchange.id)
    if code in MODERN_CODES or status // 100 not in (2, 4):
        return None
    return Era(LATEST_HANDSHAKE, f"a request without handshake was refused with {status}", exchange.id)


def _supported(error: Mapping[str, Any], exchange: int) -> Era | None:
    """The newest version that both sides know, from the list that the server sent."""
    data = error.get("data")
    listed = data.get("supported") if isinstance(data, dict) else None
    known = [name for name in PROFILES if isinstance(listed, list) and name in listed]
    return Era(PROFILES[known[-1]], "the newest version that the server lists", exchange) if known else None


def _negotiated(flow: Flow, exchange: Exchange) -> Flow:
    """Take the version that a server chose in its answer to ``initialize`` (MCP lifecycle)."""
    if not flow.settings.auto or exchange.response is None or exchange.failure is not None:
        return flow
    result = (answer(exchange.response, 1) or {}).get("result")
    chosen = result.get("protocolVersion") if isinstance(result, dict) else None
    if not isinstance(chosen, str) or chosen not in PROFILES or chosen == flow.profile.version:
        return flow
    return flow.learn(era=Era(PROFILES[chosen], "the server chose it in its answer to initialize", exchange.id))
