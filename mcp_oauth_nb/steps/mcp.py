"""Requests to the MCP server itself, with the token: the opening, the tools, and one tool called by name.

Two refusals are not the end. With 403 insufficient_scope the server asks for more: the client authorizes again for the
scope of the challenge. With 401 for a token that worked before, something has changed behind the server: the client
discovers afresh. Both are bounded by the number of authorization requests in the whole flow, so that nothing loops.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Any

from mcp_oauth_nb.protocol.challenge import Challenge, parse_challenges
from mcp_oauth_nb.protocol.elicitation import InputNeeded, needed
from mcp_oauth_nb.protocol.flow import Challenged, Flow, Outcome, Session, need
from mcp_oauth_nb.protocol.jsonrpc import answer
from mcp_oauth_nb.protocol.profiles import spoken
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Step, Stopped, Want, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.authorization import authorize, callback, pkce
from mcp_oauth_nb.steps.discovery import resource_metadata, server_metadata
from mcp_oauth_nb.steps.messages import later_call, opening
from mcp_oauth_nb.steps.registration import register
from mcp_oauth_nb.steps.sending import send_to_resource
from mcp_oauth_nb.steps.tokens import REPLAY_REFUSED, token
from mcp_oauth_nb.steps.words import answered, brief, unanswered

WITH_TOKEN = "the URL you typed, with the access token"
MOST_AUTHORIZATIONS = 3
"""Authorization requests in one flow, the first one included (MCP: a few tries, then give up)."""

Asked = Generator[Want, Exchange, tuple[Flow, Exchange, str]]
"""Ends with the flow, the last answer, and why it was not tried again (empty where it succeeded)."""


@step(title="Authenticated MCP request", spec=Spec("MCP 2025-11-25", "Access Token Usage"))
def mcp(flow: Flow) -> Wants:
    """Open the conversation with the token, list the tools, and call the one tool that the settings name, if any."""
    flow, opened = yield from opening(flow, need(flow.tokens, "access token", "dbg.token()"), WITH_TOKEN)
    session = _session(flow, opened)
    if session is None:
        return Stopped(_refused(opened, 1))
    flow = flow.learn(session=session)
    if flow.profile.conversation == "handshake":
        told = later_call(flow, flow.tokens, session, "notifications/initialized", None, None, WITH_TOKEN)
        flow, _ = yield from send_to_resource(flow, flow.tokens, told)
    flow, listed, given_up = yield from ask(flow, "tools/list", {}, 2)
    if (wanted := _needed(listed, 2, "tools/list", {})) is not None:
        return Stopped(wanted.told, flow.learn(input_needed=wanted))
    tools = _tools(listed)
    if tools is None:
        return Stopped(given_up or _refused(listed, 2), flow)
    flow = flow.learn(session=replace(session, tools=tools))
    tool = flow.settings.tool
    if tool is not None:
        flow, called, given_up = yield from ask(flow, "tools/call", tool.params, 3)
        if (wanted := _needed(called, 3, "tools/call", tool.params)) is not None:
            return Stopped(wanted.told, flow.learn(input_needed=wanted))
        if not _has_result(called, 3):
            return Stopped(given_up or _refused(called, 3), flow)
    return flow.learn(input_needed=None)


def ask(flow: Flow, method: str, params: Mapping[str, Any], request_id: int) -> Asked:
    """Send a request, and again after a step-up or a fresh discovery, as long as the server says what it wants."""
    while True:
        worked = bool(flow.session)
        call = later_call(flow, flow.tokens, flow.session, method, params, request_id, WITH_TOKEN)
        flow, exchange = yield from send_to_resource(flow, flow.tokens, call, request_id)
        bearer = _challenge(exchange)
        if exchange.status == 403 and bearer is not None and bearer.get("error") == "insufficient_scope":
            result = yield from _step_up(flow, bearer)
        elif exchange.status == 401 and bearer is not None and worked:
            result = yield from _discover_again(flow, exchange)
        else:
            return flow, exchange, ""
        if isinstance(result, Stopped):
            return result.flow or flow, exchange, result.reason
        flow = result


def _step_up(flow: Flow, bearer: Challenge) -> Wants:
    """Authorize again for the challenged scope; from 2026-07-28 on together with what was asked for before."""
    asked = flow.authorization or (flow.tokens if flow.settings.grant != "authorization_code" else None)
    earlier = ((asked.scope if asked else None) or "").split()
    challenged = (bearer.get("scope") or "").split()
    wanted = [*earlier, *(one for one in challenged if one not in earlier)]
    if not flow.profile.adds_earlier_scopes and not flow.settings.auto:
        wanted = challenged
    before = (earlier, (flow.step_up_scope or "").split())
    if not challenged or any(set(wanted) == set(one) for one in before):
        return Stopped("the scope of the challenge was granted or asked for before: asking again would not end")
    return (yield from _authorize_again(flow.learn(step_up_scope=" ".join(wanted))))


def _discover_again(flow: Flow, refused: Exchange) -> Wants:
    """A token that worked is refused: read the metadata again, register where that leads elsewhere, and authorize."""
    lines = refused.response.header_lines("www-authenticate") if refused.response else ()
    challenged = Challenged(401, parse_challenges(lines), refused.id)
    issuer = flow.server_metadata.text("issuer") if flow.server_metadata else None
    current: Flow | Stopped = flow.learn(challenge=challenged, step_up_scope=None)
    for one in (resource_metadata, server_metadata):
        assert isinstance(current, Flow)
        current = yield from one.run(current)
        if isinstance(current, Stopped):
            return Stopped(current.reason)  # half a discovery must not stand beside the tokens of the one before
    assert isinstance(current, Flow)
    if current.server_metadata is not None and current.server_metadata.text("issuer") != issuer:
        current = yield from register.run(current)
        if isinstance(current, Stopped):
            return current
    return (yield from _authorize_again(current))


def _authorize_again(flow: Flow) -> Wants:
    if flow.rounds >= MOST_AUTHORIZATIONS:
        return Stopped(f"{flow.rounds} authorization requests were made for one operation: it is given up")
    current: Flow | Stopped = flow
    for one in (pkce, authorize, callback, token) if flow.settings.grant == "authorization_code" else (token,):
        assert isinstance(current, Flow)
        current = yield from one.run(current)
        if isinstance(current, Stopped):
            return current
    return current


def _challenge(exchange: Exchange) -> Challenge | None:
    if exchange.response is None:
        return None
    return parse_challenges(exchange.response.header_lines("www-authenticate")).bearer()


def call_step(method: str, params: Mapping[str, Any]) -> Step:
    """A step that sends one MCP request of the user's choice within the session."""
    spec = Spec("MCP 2025-11-25", "Access Token Usage")
    return Step("call", f"MCP request {method}", spec, _one(method, params), aside=True)


def _one(method: str, params: Mapping[str, Any]) -> Callable[[Flow], Wants]:
    """Just this one request: somebody who tries things out wants to see the refusal, not a second authorization."""

    def run(flow: Flow) -> Wants:
        tokens = need(flow.tokens, "access token", "dbg.token()")
        session = need(flow.session, "MCP session", "dbg.mcp()")
        call = later_call(flow, tokens, session, method, params, 10, WITH_TOKEN)
        after, exchange = yield from send_to_resource(flow, tokens, call, 10)
        if (wanted := _needed(exchange, 10, method, params)) is not None:
            outcome = Outcome(f"{method}: input required", exchange.id)
            return Stopped(wanted.told, after.learn(called=outcome, input_needed=wanted))
        if not _has_result(exchange, 10):
            return Stopped(_refused(exchange, 10), None if after is flow else after)
        return after.learn(called=Outcome(f"{method} answered", exchange.id), input_needed=None)

    return run


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


def _needed(exchange: Exchange, request_id: int, method: str, params: Mapping[str, Any]) -> InputNeeded | None:
    """What the server wants of the user before it answers; None where it wants nothing."""
    message = answer(exchange.response, request_id) if exchange.response else None
    return needed(message, method, params, exchange.id) if message else None


def _has_result(exchange: Exchange, request_id: int) -> bool:
    return _result(exchange, request_id) is not None


def _refused(exchange: Exchange, request_id: int) -> str:
    error = (answer(exchange.response, request_id) or {}).get("error") if exchange.response else None
    if isinstance(error, dict):
        return f"expected a result, got {exchange.status} with JSON-RPC error {brief(error.get('code'))}"
    return _failed(exchange) or f"expected a JSON-RPC result, got {answered(exchange)}"


def _failed(exchange: Exchange) -> str:
    return unanswered(exchange) if exchange.failure or exchange.response is None else ""
