"""One request to the MCP server, and what a client does before it takes no for an answer.

With 403 insufficient_scope the server asks for more: the client authorizes again for the scope of the challenge. With
401 for a token that worked before, something has changed behind the server: the client discovers afresh. Both are
bounded by the number of authorization requests in the whole flow, so that nothing loops. An event stream that ends
before the answer is resumed behind its last event, as long as the deadline of one request allows.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from mcp_oauth_nb.protocol.challenge import Challenge, parse_challenges
from mcp_oauth_nb.protocol.flow import Challenged, Flow, Tokens
from mcp_oauth_nb.protocol.jsonrpc import answer, where_to_resume
from mcp_oauth_nb.protocol.step import Pause, Stopped, Want, Wants
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.authorization import authorize, callback, pkce
from mcp_oauth_nb.steps.discovery import resource_metadata, server_metadata
from mcp_oauth_nb.steps.messages import later_call, opening, resuming_call
from mcp_oauth_nb.steps.registration import register
from mcp_oauth_nb.steps.sending import send_to_resource
from mcp_oauth_nb.steps.tokens import token

WITH_TOKEN = "the URL you typed, with the access token"
MOST_AUTHORIZATIONS = 3
"""Authorization requests in one flow, the first one included (MCP: a few tries, then give up)."""
MOST_RESUMPTIONS = 5
"""How often one event stream is resumed."""
USUAL_RETRY_S = 1.0
"""How long to wait before a stream is resumed where the server does not say."""
GIVEN_TOKEN = (
    "the server wants another authorization, and this flow has no client to ask for it: its access token was given. "
    "Give one with the scope of the challenge, or run the flow without access_token="
)

Asked = Generator[Want, Exchange, tuple[Flow, Exchange, str]]
"""Ends with the flow, the last answer, and why it was not tried again (empty where it succeeded)."""
Sent = Generator[Want, Exchange, tuple[Flow, Exchange]]


def ask(flow: Flow, method: str, params: Mapping[str, Any], request_id: int) -> Asked:
    """Send a request, and again after a step-up or a fresh discovery, as long as the server says what it wants."""
    return _until_refused(flow, lambda now: send_once(now, now.tokens, method, params, request_id), worked=True)


def ask_to_open(flow: Flow) -> Asked:
    """Open the conversation, again after a step-up. A token that is refused here has never worked."""
    return _until_refused(flow, lambda now: opening(now, now.tokens, WITH_TOKEN), worked=False)


def send_once(flow: Flow, tokens: Tokens | None, method: str, params: Mapping[str, Any], request_id: int) -> Sent:
    """Send a request within the session; its event stream is resumed where it ends too early."""
    call = later_call(flow, tokens, flow.session, method, params, request_id, WITH_TOKEN)
    flow, exchange = yield from send_to_resource(flow, tokens, call, request_id)
    return (yield from _resumed(flow, exchange, request_id))


def _until_refused(flow: Flow, send: Callable[[Flow], Sent], *, worked: bool) -> Asked:
    while True:
        flow, exchange = yield from send(flow)
        bearer = _challenge(exchange)
        if exchange.status == 403 and bearer is not None and bearer.get("error") == "insufficient_scope":
            result = yield from _step_up(flow, bearer)
        elif exchange.status == 401 and worked:
            result = yield from _discover_again(flow, exchange)
        else:
            return flow, exchange, ""
        if isinstance(result, Stopped):
            return result.flow or flow, exchange, result.reason
        flow = result


def _resumed(flow: Flow, exchange: Exchange, request_id: int) -> Sent:
    """The answer to a request, from as many pieces of its stream as it takes (MCP 2025-11-25, Resumability).

    Without a handshake nothing is resumed. The last piece is handed back where no answer came, or what refused it.
    """
    spent_s = exchange.elapsed_ms / 1000
    for _ in range(MOST_RESUMPTIONS if flow.profile.conversation == "handshake" else 0):
        last = where_to_resume(exchange.response) if exchange.response else None
        if last is None or last.id is None or exchange.response is None or answer(exchange.response, request_id):
            break
        wait_s = USUAL_RETRY_S if last.retry_ms is None else last.retry_ms / 1000
        spent_s += wait_s
        if spent_s >= flow.settings.step_timeout_s:
            break
        yield Pause(wait_s)
        call = resuming_call(flow, last.id, f"the event stream of exchange {exchange.id} ended before the answer")
        flow, exchange = yield from send_to_resource(flow, flow.tokens, call, request_id)
        spent_s += exchange.elapsed_ms / 1000
    return flow, exchange


def _step_up(flow: Flow, bearer: Challenge) -> Wants:
    """Authorize again for the challenged scope; from 2026-07-28 on together with what was asked for before."""
    asked = flow.authorization or (flow.tokens if flow.settings.grant != "authorization_code" else None)
    earlier = ((asked.scope if asked else None) or "").split()
    challenged = (bearer.get("scope") or "").split()
    wanted = [*earlier, *(one for one in challenged if one not in earlier)]
    if not flow.profile.adds_earlier_scopes and not flow.settings.auto:
        wanted = challenged
    if not challenged:
        return Stopped("the challenge with insufficient_scope names no scope to ask for")
    before = (earlier, (flow.step_up_scope or "").split())
    if any(set(wanted) == set(one) for one in before):
        return Stopped("the scope of the challenge was granted or asked for before: asking again would not end")
    return (yield from _authorize_again(flow.learn(step_up_scope=" ".join(wanted))))


def _discover_again(flow: Flow, refused: Exchange) -> Wants:
    """A token that worked is refused: read the metadata again, register where that leads elsewhere, and authorize."""
    if flow.client is None:
        return Stopped(GIVEN_TOKEN)
    lines = refused.response.header_lines("www-authenticate") if refused.response else ()
    challenged = Challenged(401, parse_challenges(lines), refused.id)
    issuer = flow.server_metadata.text("issuer") if flow.server_metadata else None
    current: Flow | Stopped = flow.learn(challenge=challenged, step_up_scope=None)
    for one in (resource_metadata, server_metadata):
        assert isinstance(current, Flow)
        current = yield from one.run(current)
        if isinstance(current, Stopped):
            return Stopped(current.reason)  # half a discovery must not stand beside the tokens of the one before
        if current.era is not flow.era:
            return Stopped("no protected resource metadata was found for the refused token, as there was before")
    assert isinstance(current, Flow)
    if current.server_metadata is not None and current.server_metadata.text("issuer") != issuer:
        current = yield from register.run(current)
        if isinstance(current, Stopped):
            return current
    return (yield from _authorize_again(current))


def _authorize_again(flow: Flow) -> Wants:
    if flow.client is None:
        return Stopped(GIVEN_TOKEN)
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
