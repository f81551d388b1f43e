"""MCP requests as bytes would have them, in both conversations.

Up to 2025-11-25 a session begins with ``initialize`` and later requests name the negotiated version and the session.
From 2026-07-28 on every request is complete in itself: version, client and capabilities stand in ``_meta``, and method
and name in headers as well.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from mcp_oauth_nb.protocol.flow import Era, Flow, Session, Tokens
from mcp_oauth_nb.protocol.grants import EXTENSIONS
from mcp_oauth_nb.protocol.jsonrpc import EVENT_STREAM, answer, request
from mcp_oauth_nb.protocol.mirroring import NAMED, argument_headers, header_text
from mcp_oauth_nb.protocol.profiles import LATEST_HANDSHAKE, MODERN, PROFILES, Profile, spoken
from mcp_oauth_nb.protocol.step import Call, Send
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.sending import authorization, send_to_resource

ACCEPT = ("Accept", "application/json, text/event-stream")
CLIENT_INFO = {"name": "mcp-oauth-nb", "version": "0.1.0"}
META = "io.modelcontextprotocol/"
OF_CLIENT = (f"{META}protocolVersion", f"{META}clientInfo", f"{META}clientCapabilities")
"""What a client says of itself in ``_meta`` of every request."""
UNSUPPORTED_VERSION = (-32022, -32004)
"""JSON-RPC code of "unsupported protocol version", and the number it had before release."""
MODERN_CODES = (*UNSUPPORTED_VERSION, -32020, -32021, -32001, -32003, -32602)
"""What a server of the modern protocol says with status 400; with any other status the codes mean something else."""
METHOD_NOT_FOUND = -32601

Opened = Generator[Send, Exchange, tuple[Flow, Exchange]]


def opening(flow: Flow, tokens: Tokens | None, why: str) -> Opened:
    """The first request of a conversation; where the version is to be told from the server, also the telling.

    A client that speaks both sends the modern request first and falls back to ``initialize`` when a server refuses it
    without any word of the modern protocol. A 401 tells nothing about the version: it stays open until the token.
    A modern server that lacks ``server/discover`` is asked for its tools in its place.
    """
    open_yet = flow.settings.auto and flow.era is None
    profile = MODERN if open_yet else flow.profile
    flow, exchange = yield from send_to_resource(flow, tokens, opening_call(flow, profile, tokens, why), 1)
    era = _told_by(exchange) if open_yet else flow.era
    if open_yet and era is not None:
        flow = flow.learn(era=era)
        if era.profile is not MODERN or not (_is_success(exchange) or _lacks_discovery(exchange)):
            again = opening_call(flow, era.profile, tokens, why)
            flow, exchange = yield from send_to_resource(flow, tokens, again, 1)
    if flow.profile.conversation == "handshake":
        return _negotiated(flow, exchange), exchange
    if _lacks_discovery(exchange):
        instead = later_call(flow, tokens, None, "tools/list", {}, 1, why)
        instead = replace(instead, handshake=tokens is not None)
        flow, exchange = yield from send_to_resource(flow, tokens, instead, 1)
    return flow, exchange


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
        # A version that no header can carry is a finding already, and goes on only where the user says so.
        is_sendable = bool(negotiated) and header_text(negotiated) == negotiated
        headers.append((profile.version_header, negotiated if is_sendable else profile.version))
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
    meta: dict[str, Any] = dict(zip(OF_CLIENT, (version, CLIENT_INFO, capabilities), strict=True))
    headers = [ACCEPT, *authorization(flow, tokens), (profile.version_header, version), ("Mcp-Method", method)]
    subject = params.get(NAMED.get(method, ""))
    if isinstance(subject, str):
        headers.append(("Mcp-Name", header_text(subject)))
        mirrored = flow.session.mirrored if flow.session and method == "tools/call" else {}
        headers += argument_headers(mirrored.get(subject, {}), params.get("arguments"))
    given = params.get("_meta")
    meta = {**given, **meta} if isinstance(given, Mapping) else meta
    body = request(method, {**params, "_meta": meta}, request_id)
    return Call("POST", flow.settings.url, tuple(headers), json=body, why=why, handshake=handshake)


def ours_in_meta(flow: Flow, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Members of the user's own ``_meta`` in whose place stands what the client has to say there itself."""
    given = params.get("_meta")
    if flow.profile.conversation != "per request" or not isinstance(given, Mapping):
        return ()
    return tuple(name for name in OF_CLIENT if name in given)


def resuming_call(flow: Flow, event_id: str, why: str) -> Call:
    """Ask for what an event stream had still to say behind an event (MCP 2025-11-25, Resumability and Redelivery)."""
    like = later_call(flow, flow.tokens, flow.session, "", None, None, why)
    headers = tuple(pair for pair in like.headers if pair != ACCEPT)
    return Call("GET", like.url, (("Accept", EVENT_STREAM), *headers, ("Last-Event-ID", event_id)), why=why)


def _told_by(exchange: Exchange) -> Era | None:
    """What the answer to a modern request says about the server's era; None where it says nothing."""
    if exchange.response is None or exchange.failure is not None or exchange.status in (401, 403):
        return None
    error, status = _error(exchange), exchange.response.status
    code = error.get("code")
    if status // 100 == 2 and "result" in (answer(exchange.response, 1) or {}):
        return Era(MODERN, "server/discover was answered", exchange.id)
    if _lacks_discovery(exchange):
        return Era(MODERN, f"server/discover was refused with {status} and {METHOD_NOT_FOUND}", exchange.id)
    if status == 400 and code in UNSUPPORTED_VERSION:
        return _supported(error, exchange.id)
    if (status == 400 and code in MODERN_CODES) or status // 100 not in (2, 4):
        return None
    return Era(LATEST_HANDSHAKE, f"a request without handshake was refused with {status}", exchange.id)


def _lacks_discovery(exchange: Exchange) -> bool:
    """Whether a server of the modern protocol does not know ``server/discover``: 404 with a word of JSON-RPC."""
    return exchange.status == 404 and _error(exchange).get("code") == METHOD_NOT_FOUND


def _is_success(exchange: Exchange) -> bool:
    return exchange.status is not None and exchange.status // 100 == 2


def _error(exchange: Exchange) -> Mapping[str, Any]:
    """The JSON-RPC error that answers the opening request; empty where there is none."""
    error = (answer(exchange.response, 1) or {}).get("error") if exchange.response else None
    return error if isinstance(error, dict) else {}


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
