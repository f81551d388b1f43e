"""Requests to the MCP server itself, with the token: the opening, the tools, and one tool called by name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Any

from mcp_oauth_nb.protocol.elicitation import InputNeeded, needed
from mcp_oauth_nb.protocol.flow import Flow, Outcome, Session, Tokens, need
from mcp_oauth_nb.protocol.jsonrpc import answer
from mcp_oauth_nb.protocol.mirroring import mirrored_arguments
from mcp_oauth_nb.protocol.profiles import KNOWN_VERSIONS, spoken
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Send, Step, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.insisting import WITH_TOKEN, ask, ask_to_open, send_once
from mcp_oauth_nb.steps.messages import METHOD_NOT_FOUND, later_call, opening, ours_in_meta
from mcp_oauth_nb.steps.sending import send_to_resource
from mcp_oauth_nb.steps.tokens import REPLAY_REFUSED
from mcp_oauth_nb.steps.words import answered, brief, unanswered

NEW_SESSION = "the session was answered with 404: a new one is opened, with the access token"
MOST_PAGES = 20
"""Pages of a list of tools that are fetched."""
LIST_ID, CALL_ID, ONE_ID, NEXT_PAGE_ID = 2, 3, 10, 11
"""Ids of the requests in a conversation, which begins with 1; every further page of the list has the next one."""


@step(title="Authenticated MCP request", spec=Spec("MCP 2025-11-25", "Access Token Usage"))
def mcp(flow: Flow) -> Wants:
    """Open the conversation with the token, list the tools, and call the one tool that the settings name, if any."""
    need(flow.tokens, "access token", "dbg.token()")
    rounds = flow.rounds
    flow, opened, given_up = yield from ask_to_open(flow)
    session = _session(flow, opened)
    if session is None:
        return Stopped(given_up or _refused(opened, 1), None if flow.rounds == rounds else flow)
    if session.protocol_version not in ("", *KNOWN_VERSIONS) and not flow.lenient:
        chosen = brief(repr(session.protocol_version))
        return Stopped(f"the server chose protocol version {chosen}, which is not spoken here")
    flow = yield from _begun(flow, session)
    listed = yield from _list_tools(flow)
    if isinstance(listed, Stopped) or flow.settings.tool is None:
        return listed
    return (yield from _call_tool(listed, flow.settings.tool.name, flow.settings.tool.params))


def _begun(flow: Flow, session: Session) -> Generator[Send, Exchange, Flow]:
    """Go on in a session that was opened; where there is a handshake, this is its last message."""
    flow = flow.learn(session=session)
    if flow.profile.conversation == "handshake":
        told = later_call(flow, flow.tokens, session, "notifications/initialized", None, None, WITH_TOKEN)
        flow, _ = yield from send_to_resource(flow, flow.tokens, told)
    return flow


def _list_tools(flow: Flow) -> Wants:
    """The tools, page by page: a server may cut the list anywhere (MCP pagination)."""
    params: dict[str, Any] = {}
    seen: list[str] = []
    while True:
        request_id = NEXT_PAGE_ID + len(seen) - 1 if seen else LIST_ID
        flow, listed, given_up = yield from ask(flow, "tools/list", params, request_id)
        if (wanted := _needed(listed, request_id, "tools/list", params)) is not None:
            return Stopped(wanted.told, flow.learn(input_needed=wanted))
        result = _result(listed, request_id)
        if result is None:
            return Stopped(given_up or _refused(listed, request_id), flow)
        cursor = result.get("nextCursor")
        goes_on = isinstance(cursor, str) and bool(cursor)
        session = need(flow.session, "MCP session", "dbg.mcp()")
        flow = flow.learn(session=replace(_with_tools(session, result), more_tools=goes_on), input_needed=None)
        # A cursor that came before would lead round and round.
        if not isinstance(cursor, str) or not goes_on or cursor in seen or len(seen) == MOST_PAGES - 1:
            return flow
        seen.append(cursor)
        params = {"cursor": cursor}


def _call_tool(flow: Flow, name: str, params: Mapping[str, Any]) -> Wants:
    """Call the tool that the user named. A tool that answers that it failed has not shown that it can be called."""
    flow, called, given_up = yield from ask(flow, "tools/call", params, CALL_ID)
    if (wanted := _needed(called, CALL_ID, "tools/call", params)) is not None:
        return Stopped(wanted.told, flow.learn(input_needed=wanted))
    result = _result(called, CALL_ID)
    if result is None:
        return Stopped(given_up or _refused(called, CALL_ID), flow)
    if result.get("isError") is True:
        return Stopped(f"the tool {brief(name)} answered that it failed", flow)
    return flow.learn(input_needed=None)


def call_step(method: str, params: Mapping[str, Any]) -> Step:
    """A step that sends one MCP request of the user's choice within the session."""
    spec = Spec("MCP 2025-11-25", "Access Token Usage")
    return Step("call", f"MCP request {method}", spec, _one(method, params), aside=True)


def _one(method: str, params: Mapping[str, Any]) -> Callable[[Flow], Wants]:
    """Just this one request: somebody who tries things out wants to see the refusal, not a second authorization.

    Only a session that has ended since is begun anew: a server may end one at any time (MCP session management).
    """

    def run(flow: Flow) -> Wants:
        tokens = need(flow.tokens, "access token", "dbg.token()")
        session = need(flow.session, "MCP session", "dbg.mcp()")
        after, exchange = yield from send_once(flow, tokens, method, params, ONE_ID)
        if session.id and _has_ended(exchange):
            again = yield from _open_anew(after, tokens, session)
            if isinstance(again, Stopped):
                return again
            after, exchange = yield from send_once(again, tokens, method, params, ONE_ID)
        if (wanted := _needed(exchange, ONE_ID, method, params)) is not None:
            outcome = Outcome(f"{method}: input required", exchange.id)
            return Stopped(wanted.told, after.learn(called=outcome, input_needed=wanted))
        if not _has_result(exchange, ONE_ID):
            return Stopped(_refused(exchange, ONE_ID), None if after is flow else after)
        replaced = ", ".join(ours_in_meta(after, params))
        details = (("replaced in _meta", f"{replaced}: this client says them itself"),) if replaced else ()
        return after.learn(called=Outcome(f"{method} answered", exchange.id, details), input_needed=None)

    return run


def _has_ended(exchange: Exchange) -> bool:
    """Whether a server says that it does not know the session, and not the method, nor one that the user made up."""
    error = _error(exchange, ONE_ID)
    made_up = any(part.lower() == "headers.mcp-session-id" for part in exchange.edited)
    return exchange.status == 404 and error.get("code") != METHOD_NOT_FOUND and not made_up


def _open_anew(flow: Flow, tokens: Tokens, ended: Session) -> Wants:
    """A new session in the place of one that has ended, with the tools that were listed (MCP session management)."""
    flow, opened = yield from opening(flow.learn(session=None), tokens, NEW_SESSION)
    session = _session(flow, opened)
    if session is None:
        return Stopped(_refused(opened, 1))
    session = replace(session, tools=ended.tools, more_tools=ended.more_tools, mirrored=ended.mirrored)
    return (yield from _begun(flow, session))


@step(title="MCP request after revocation", spec=Spec("RFC 7009", "2"), probe=True)
def revoked(flow: Flow) -> Wants:
    """Use the revoked access token. A refusal with 401 is the healthy outcome, a result the unhealthy one.

    Any other answer, a 500 or a page of HTML, leaves the question open. So does a 401 after a refused replay, which may
    have ended the grant before it was revoked.
    """
    need(flow.revoked, "revocation", "dbg.revoke()")
    tokens = need(flow.tokens, "access token", "dbg.token()")
    _, exchange = yield from opening(flow, tokens, "the URL you typed, with the revoked token")
    if exchange.status == 401:
        doubt = " (or because the refused replay had ended the grant)" if _ended_by_replay(flow) else ""
        return flow.learn(after_revocation=Outcome(f"revoked access token refused with 401{doubt}", exchange.id))
    if _has_result(exchange, 1):
        return flow.learn(after_revocation=Outcome("revoked access token still accepted", exchange.id))
    return Stopped(_failed(exchange) or f"expected 401, got {answered(exchange)}")


def _ended_by_replay(flow: Flow) -> bool:
    """Whether a replay was refused before: a careful server then ends the grant (OAuth 2.1 4.3.1)."""
    return flow.replayed is not None and REPLAY_REFUSED in flow.replayed.summary


def _session(flow: Flow, opened: Exchange) -> Session | None:
    result = _result(opened, 1)
    if opened.response is None or result is None:
        return None
    if flow.profile.conversation == "per request":
        meta = result.get("_meta")
        info = meta.get("io.modelcontextprotocol/serverInfo") if isinstance(meta, dict) else None
        return Session(spoken(flow.profile.version), None, _name(info), exchange=opened.id)
    version = result.get("protocolVersion")
    return Session(
        protocol_version=version if isinstance(version, str) else "",
        id=opened.response.header("mcp-session-id"),
        server_name=_name(result.get("serverInfo")),
        exchange=opened.id,
    )


def _name(info: object) -> str:
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) else ""


def _with_tools(session: Session, result: Mapping[str, Any]) -> Session:
    """The session with the tools of one more page."""
    listed = result.get("tools")
    tools = [tool for tool in listed if isinstance(tool, dict)] if isinstance(listed, list) else []
    names = [str(tool.get("name", "")) for tool in tools]
    schemas = zip(names, (mirrored_arguments(tool.get("inputSchema")) for tool in tools), strict=True)
    return replace(session, tools=(*session.tools, *names), mirrored={**session.mirrored, **dict(schemas)})


def _result(exchange: Exchange, request_id: int) -> Mapping[str, Any] | None:
    if exchange.response is None or exchange.response.status // 100 != 2:
        return None
    result = (answer(exchange.response, request_id) or {}).get("result")
    return result if isinstance(result, dict) else None


def _needed(exchange: Exchange, request_id: int, method: str, params: Mapping[str, Any]) -> InputNeeded | None:
    """What the server wants of the user before it answers; None where it wants nothing."""
    message = answer(exchange.response, request_id) if exchange.response else None
    return needed(message, method, params, exchange.id) if message else None


def _has_result(exchange: Exchange, request_id: int) -> bool:
    return _result(exchange, request_id) is not None


def _refused(exchange: Exchange, request_id: int) -> str:
    error = _error(exchange, request_id)
    if error:
        return f"expected a result, got {exchange.status} with JSON-RPC error {brief(error.get('code'))}"
    return _failed(exchange) or f"expected a JSON-RPC result, got {answered(exchange)}"


def _error(exchange: Exchange, request_id: int) -> Mapping[str, Any]:
    """The JSON-RPC error that answers a request; empty where there is none."""
    error = (answer(exchange.response, request_id) or {}).get("error") if exchange.response else None
    return error if isinstance(error, dict) else {}


def _failed(exchange: Exchange) -> str:
    return unanswered(exchange) if exchange.failure or exchange.response is None else ""
