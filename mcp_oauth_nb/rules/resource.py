"""Rules for MCP requests with a token."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from mcp_oauth_nb.protocol.challenge import Challenge
from mcp_oauth_nb.protocol.elicitation import URL_ELICITATION
from mcp_oauth_nb.protocol.jsonrpc import EVENT_STREAM, messages
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import (
    OPENINGS,
    challenges,
    is_edited,
    sent_json,
    sent_token,
    without_nonces,
    without_version_questions,
)
from mcp_oauth_nb.rules.rule import MUST, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.timeline import Operation, operation
from mcp_oauth_nb.rules.tokens import issued
from mcp_oauth_nb.rules.words import MCP_SERVER, came, fix_for, quoted, shown, who_answered

NO_REFUSALS = (-32700, -32601, -32602, -32603, URL_ELICITATION)
"""Errors that speak of the message, of the server's own trouble, or of something that is wanted first."""
ASK_FURTHER = ("tools/call", "resources/read", "prompts/get")
"""Methods that may ask another service in turn, which may refuse the MCP server."""
_REFUSAL = re.compile(
    r"(?i)\W*(unauthori[sz]ed|unauthenticated|not (authori[sz]ed|authenticated)|authentication (is )?(required|failed)"
    r"|(the )?(invalid|expired|missing|revoked) (access |bearer )?token"
    r"|(the )?(access |bearer )?token (has |is |was )?(expired|invalid|revoked|missing|not (valid|active)))"
)
"""How a message begins that refuses who asks."""
HEADER_MISMATCH = -32020
"""JSON-RPC code of a request whose headers do not repeat its body, which is its client's mistake (MCP 2026-07-28)."""


def requests(case: Case) -> list[Exchange]:
    """What was posted to the MCP server after authorization; a step-up posts to the authorization server as well."""
    posted = [one for one in case.exchanges("mcp", "call") if one.request.method == "POST"]
    return [one for one in posted if one.request.url == case.url or operation(one) is not None]


def answered_with_token(case: Case) -> list[Exchange]:
    """MCP requests that carried a token and have a response."""
    return case.once(_answered_with_token)


def _answered_with_token(case: Case) -> list[Exchange]:
    judged = without_version_questions(case, without_nonces(case, case.answered("mcp", "call")))
    return [one for one in judged if sent_token(one)]


WITH_TOKEN = Selector(answered_with_token, "no MCP request with a token was answered yet")


def error_of(exchange: Exchange) -> Mapping[str, Any] | None:
    """The JSON-RPC error that a response carries."""
    for message in messages(exchange.response) if exchange.response else ():
        if isinstance(message.get("error"), dict):
            error: Mapping[str, Any] = message["error"]
            return error
    return None


def refused_in_success(exchange: Exchange) -> bool:
    """Whether an answer refuses the token in a JSON-RPC error under a status of success.

    What a tool, a resource or a prompt says may be of another service that it asked, unless it speaks of the token.
    """
    if (exchange.status or 0) // 100 != 2 or exchange.untold:
        return False
    error = error_of(exchange)
    if error is None or not isinstance(error.get("message"), str) or error.get("code") in NO_REFUSALS:
        return False
    said = _REFUSAL.match(error["message"])
    asks_further = sent_json(exchange).get("method") in ASK_FURTHER
    return said is not None and (not asks_further or "token" in error["message"].lower())


def is_notification(exchange: Exchange) -> bool:
    """Whether a JSON-RPC notification was sent, which gets no result."""
    sent = sent_json(exchange)
    return "method" in sent and "id" not in sent


@rule(
    "token-not-sent",
    step="mcp",
    level=MUST,
    who="client",
    summary="A request to the MCP server carried no bearer token.",
    fix="Send Authorization: Bearer with every request to the MCP server.",
    spec=Spec("MCP 2025-11-25", "Token Requirements"),
    over=Selector(requests, "no MCP request was made after authorization yet"),
    explains=("unexpected-answer",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if sent_token(exchange) is None:
        header = "another scheme" if exchange.request.header("authorization") else "no Authorization header"
        who = sender(exchange, "authorization")
        yield Seen(exchange, "header:Authorization", "Bearer and the access token", header, who=who)


@rule(
    "token-rejected",
    step="mcp",
    level=MUST,
    who=MCP_SERVER,
    summary="The MCP server refused the access token.",
    fix="Find out at the MCP server why: its log says which check failed (issuer, audience, signature key, expiry).",
    spec=Spec("RFC 6750", "3.1"),
    over=WITH_TOKEN,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if refused_in_success(exchange):
        error = error_of(exchange) or {}
        seen = f"{exchange.status} with JSON-RPC error {error.get('code')}: {shown(error.get('message'))}"
        yield Seen(exchange, "body:/error", "a result, or 401 where the token is bad", seen)
        return
    if exchange.status != 401:
        return
    bearer = challenges(exchange).bearer()
    who, summary, fix = _why_rejected(case, exchange, bearer)
    other = _other_schemes(exchange)
    seen = f"{came(exchange)}{_told(bearer)}" + (f", challenge for {other}" if other else "")
    yield Seen(exchange, "status", "200", seen, summary, fix, who)


def _why_rejected(case: Case, exchange: Exchange, bearer: Challenge | None) -> tuple[Who | None, str, str]:
    if is_edited(exchange, "authorization"):
        return "user", "The MCP server refused the Authorization header that was changed by hand.", "Send it unchanged."
    late_s = _seconds_too_late(case, exchange)
    if late_s is not None:
        summary = f"The access token had expired {late_s:.0f} s before it was used."
        return "user", summary, "Get a new one: dbg.refresh(), or run authorize, callback and token again."
    if other := _other_schemes(exchange):
        summary = f"Whoever answered wants other credentials than an access token: {other}."
        fix = (
            "Let Authorization: Bearer pass to the MCP server: a gateway in front of it, or the server, wants a login."
        )
        return "gateway", summary, fix
    if bearer is None or bearer.get("error") is None:
        summary = "The MCP server answered as if no token had been sent."
        fix = "See whether a proxy removes the Authorization header, and whether the server reads it for this path."
        return MCP_SERVER, summary, fix
    return None, "", ""


def _other_schemes(exchange: Exchange) -> str:
    """The schemes that an answer asks for, where none of them is for access tokens; else empty.

    A protected resource has to name the scheme that it takes (RFC 6750 3): who names another one is hardly it.
    """
    schemes = [item.scheme for item in challenges(exchange).items]
    if not schemes or any(scheme.lower() in ("bearer", "dpop") for scheme in schemes):
        return ""
    return ", ".join(quoted(scheme, 30) for scheme in schemes[:3])


def _seconds_too_late(case: Case, exchange: Exchange) -> float | None:
    for source, document in issued(case, "token", "refresh"):
        lifetime = document.get("expires_in")
        if document["access_token"] != sent_token(exchange) or not isinstance(lifetime, (int, float)):
            continue
        if (source.started.tzinfo is None) != (exchange.started.tzinfo is None) or not 0 <= lifetime < 1e9:
            continue
        late = exchange.started - source.started - timedelta(seconds=lifetime)
        return late.total_seconds() if late > timedelta(0) else None
    return None


def _told(bearer: Challenge | None) -> str:
    """What the challenge says, to be put behind what came."""
    if bearer is None:
        return ""
    names = [name for name in ("error", "error_description", "scope") if bearer.get(name)]
    said = ", ".join(f"{name}={quoted(bearer.get(name) or '', 100)}" for name in names)
    return f", challenge with {said}" if said else ", challenge without error"


@rule(
    "insufficient-scope",
    step="mcp",
    level=MUST,
    who="user",
    summary="The access token has too little scope for this request.",
    fix="Ask for the scope that the server names: authorize again with it.",
    spec=Spec("MCP 2025-11-25", "Scope Challenge Handling"),
    over=WITH_TOKEN,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 403 or allowed_later(case, exchange):
        return
    bearer = challenges(exchange).bearer()
    seen = f"{came(exchange)}{_told(bearer)}"
    if bearer is not None and bearer.get("error") == "insufficient_scope":
        scope = bearer.get("scope")
        asked = f"scope={quoted(scope, 100)}" if scope else "the scope that the server's documentation names"
        fix = f"Authorize again with {asked}."
        yield Seen(exchange, "status", "200", seen, fix=fix)
        return
    yield Seen(
        exchange,
        "status",
        expected="200, or 403 with error=insufficient_scope",
        observed=seen,
        summary="The MCP server forbids the request and does not say which scope is missing.",
        fix="Where rights are missing, say so in a challenge with error and scope; otherwise see what else refuses: a "
        "host or origin check, a firewall, a policy.",
        who=MCP_SERVER,
    )


def resumes(exchange: Exchange) -> bool:
    """Whether a request asks for the rest of an event stream (MCP resumability)."""
    return exchange.request.method == "GET" and exchange.request.header("last-event-id") is not None


def _is_resumed(case: Case, exchange: Exchange) -> bool:
    """Whether an event stream without the answer was taken up again: then the last piece of it is to be judged."""
    if exchange.response is None or exchange.response.media_type != EVENT_STREAM or exchange.status != 200:
        return False
    later = (one for one in case.answered(exchange.step) if one.id > exchange.id and one.request.url == case.url)
    return any(resumes(one) and one.status == 200 for one in later) and error_of(exchange) is None


def stopped_at(case: Case, exchange: Exchange) -> bool:
    """Whether a step went no further than this exchange."""
    run = case.runs.get(exchange.step)
    return run is not None and not run.achieved and run.exchanges[-1:] == (exchange.id,)


def allowed_later(case: Case, exchange: Exchange) -> bool:
    """Whether the same operation succeeded later in the step: the client stepped up, and nothing is left to mend."""
    return case.once(_last_success).get((exchange.step, _asked(exchange)), 0) > exchange.id


def _asked(exchange: Exchange) -> Operation | None:
    """The operation that a request is for; the ways to open a conversation are one and the same."""
    asked = operation(exchange)
    return Operation(OPENINGS[0], "") if asked is not None and asked.method in OPENINGS else asked


def _last_success(case: Case) -> dict[tuple[str, Operation | None], int]:
    """By step and operation: the last exchange in which it succeeded."""
    sent = [(one, _asked(one)) for one in case.answered("mcp", "call")]
    return {(one.step, asked): one.id for one, asked in sent if asked and (one.status or 0) // 100 == 2}


@rule(
    "mcp-error",
    step="mcp",
    level=MUST,
    who=MCP_SERVER,
    summary="The MCP server accepted the token but gave no result.",
    fix="Look up the error at the MCP server; its log says more.",
    spec=Spec("MCP 2025-11-25", "Sending Messages to the Server"),
    over=WITH_TOKEN,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    response = exchange.response
    if response is None or is_notification(exchange) or exchange.status in (401, 403) or refused_in_success(exchange):
        return
    if exchange.status == 404 and exchange.request.header("mcp-session-id"):
        return
    is_post = exchange.request.method == "POST"
    if _is_resumed(case, exchange) or not (is_post or (resumes(exchange) and exchange.status == 200)):
        return
    method = shown(sent_json(exchange).get("method")) if is_post else "a resumed request"
    error = error_of(exchange)
    if error is not None:
        if error.get("code") != URL_ELICITATION:
            code, said = shown(error.get("code")).removeprefix("the number "), shown(error.get("message"))
            summary = f"The MCP server answered {method} with a JSON-RPC error."
            seen = f"{exchange.status} with JSON-RPC error {code}: {said}"
            edited = is_edited(exchange, "method") or is_edited(exchange, "params")
            who: Who = "client" if edited or error.get("code") == HEADER_MISMATCH else MCP_SERVER
            yield Seen(exchange, "body:/error", "a result", seen, summary, who=who)
        return
    if response.status // 100 == 2 and any(isinstance(one.get("result"), dict) for one in messages(response)):
        return
    if response.media_type == EVENT_STREAM and response.status == 200:
        summary = f"The event stream ended without an answer to {method}."
        fix = "Keep the stream open until the answer is sent; see whether a proxy buffers it or cuts it off."
        yield Seen(exchange, "body:", "a result", "an event stream without the answer", summary, fix)
        return
    summary = f"The MCP server gave no JSON-RPC answer to {method}."
    fix, who = fix_for(exchange, "a JSON-RPC answer"), who_answered(exchange)
    yield Seen(exchange, "status", "200 with a result", came(exchange), summary, fix, who)
