"""Requests to the MCP server itself, with the token: the handshake, the tools, and one tool called by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcp_oauth_nb.protocol.flow import Flow, Outcome, Session, Tokens, need
from mcp_oauth_nb.protocol.jsonrpc import answer, request
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Step, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.words import answered, brief, unanswered

ACCEPT = ("Accept", "application/json, text/event-stream")
CLIENT_INFO = {"name": "mcp-oauth-nb", "version": "0.1.0"}
WITH_TOKEN = "the URL you typed, with the access token"


def initialize_call(flow: Flow, tokens: Tokens | None, why: str) -> Call:
    """The ``initialize`` request. The version stands in the body only: a header is for later requests."""
    params = {"protocolVersion": flow.settings.profile.version, "capabilities": {}, "clientInfo": CLIENT_INFO}
    body = request("initialize", params, 1)
    return Call("POST", flow.settings.url, (ACCEPT, *_bearer(tokens)), json=body, why=why, handshake=tokens is not None)


def later_call(
    flow: Flow,
    tokens: Tokens | None,
    session_id: str | None,
    method: str,
    params: Mapping[str, Any] | None,
    request_id: int | None,
    why: str,
    *,
    version: str = "",
) -> Call:
    """Any request after ``initialize``: with the negotiated version, and the session id where one was given."""
    profile = flow.settings.profile
    headers = [ACCEPT, *_bearer(tokens)]
    if profile.version_header:
        headers.append((profile.version_header, version or profile.version))
    if session_id:
        headers.append(("Mcp-Session-Id", session_id))
    body = request(method, params, request_id)
    return Call("POST", flow.settings.url, tuple(headers), json=body, why=why, handshake=request_id is None)


@step(title="Authenticated MCP request", spec=Spec("MCP 2025-11-25", "Access Token Usage"))
def mcp(flow: Flow) -> Wants:
    """Open a session with the token, list the tools, and call the one tool that the settings name, if any."""
    tokens = need(flow.tokens, "access token", "dbg.token()")
    opened = yield Send(initialize_call(flow, tokens, WITH_TOKEN), answer_id=1)
    session = _session(opened)
    if session is None:
        return Stopped(_refused(opened, 1))
    version = session.protocol_version
    yield Send(
        later_call(flow, tokens, session.id, "notifications/initialized", None, None, WITH_TOKEN, version=version)
    )
    call = later_call(flow, tokens, session.id, "tools/list", {}, 2, WITH_TOKEN, version=version)
    listed = yield Send(call, answer_id=2)
    tools = _tools(listed)
    if tools is None:
        return Stopped(_refused(listed, 2), flow.learn(session=session))
    session = Session(version, session.id, session.server_name, tools, opened.id)
    tool = flow.settings.tool
    if tool is not None:
        params = {"name": tool.name, "arguments": dict(tool.arguments)}
        call = later_call(flow, tokens, session.id, "tools/call", params, 3, WITH_TOKEN, version=version)
        called = yield Send(call, answer_id=3)
        if not _has_result(called, 3):
            return Stopped(_refused(called, 3), flow.learn(session=session))
    return flow.learn(session=session)


def call_step(method: str, params: Mapping[str, Any]) -> Step:
    """A step that sends one MCP request of the user's choice within the session."""
    return Step("call", f"MCP request {method}", Spec("MCP 2025-11-25", "Access Token Usage"), _one(method, params))


def _one(method: str, params: Mapping[str, Any]) -> Callable[[Flow], Wants]:
    def run(flow: Flow) -> Wants:
        tokens = need(flow.tokens, "access token", "dbg.token()")
        session = need(flow.session, "MCP session", "dbg.mcp()")
        version = session.protocol_version
        call = later_call(flow, tokens, session.id, method, params, 10, WITH_TOKEN, version=version)
        exchange = yield Send(call, answer_id=10)
        if not _has_result(exchange, 10):
            return Stopped(_refused(exchange, 10))
        return flow.learn(called=Outcome(f"{method} answered", exchange.id))

    return run


@step(title="MCP request after revocation", spec=Spec("RFC 7009", "2"), probe=True)
def revoked(flow: Flow) -> Wants:
    """Use the revoked access token. A refusal with 401 is the healthy outcome, a result the unhealthy one.

    Any other answer, a 500 or a page of HTML, leaves the question open.
    """
    need(flow.revoked, "revocation", "dbg.revoke()")
    tokens = need(flow.tokens, "access token", "dbg.token()")
    exchange = yield Send(initialize_call(flow, tokens, "the URL you typed, with the revoked token"), answer_id=1)
    if exchange.status == 401:
        return flow.learn(after_revocation=Outcome("revoked access token refused with 401", exchange.id))
    if _has_result(exchange, 1):
        return flow.learn(after_revocation=Outcome("revoked access token still accepted", exchange.id))
    return Stopped(_failed(exchange) or f"expected 401, got {answered(exchange)}")


def _bearer(tokens: Tokens | None) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {tokens.access_token}"),) if tokens else ()


def _session(exchange: Exchange) -> Session | None:
    result = _result(exchange, 1)
    if exchange.response is None or result is None:
        return None
    version, info = result.get("protocolVersion"), result.get("serverInfo")
    name = info.get("name") if isinstance(info, dict) else None
    return Session(
        protocol_version=version if isinstance(version, str) else "",
        id=exchange.response.header("mcp-session-id"),
        server_name=name if isinstance(name, str) else "",
        exchange=exchange.id,
    )


def _tools(exchange: Exchange) -> tuple[str, ...] | None:
    result = _result(exchange, 2)
    if result is None:
        return None
    listed = result.get("tools")
    tools = listed if isinstance(listed, list) else []
    return tuple(str(tool.get("name", "")) for tool in tools if isinstance(tool, dict))


def _result(exchange: Exchange, request_id: int) -> Mapping[str, Any] | None:
    if exchange.response is None or exchange.response.status // 100 != 2:
        return None
    result = (answer(exchange.response, request_id) or {}).get("result")
    return result if isinstance(result, dict) else None


def _has_result(exchange: Exchange, request_id: int) -> bool:
    return _result(exchange, request_id) is not None


def _refused(exchange: Exchange, request_id: int) -> str:
    error = (answer(exchange.response, request_id) or {}).get("error") if exchange.response else None
    if isinstance(error, dict):
        return f"expected a result, got {exchange.status} with JSON-RPC error {brief(error.get('code'))}"
    return _failed(exchange) or f"expected a JSON-RPC result, got {answered(exchange)}"


def _failed(exchange: Exchange) -> str:
    return unanswered(exchange) if exchange.failure or exchange.response is None else ""
