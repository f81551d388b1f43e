"""Rules for the form of the MCP server's answers: their media type, their id, and what every result has to say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_oauth_nb.protocol.jsonrpc import EVENT_STREAM, messages
from mcp_oauth_nb.protocol.profiles import MODERN
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.conversation import is_modern
from mcp_oauth_nb.rules.evidence import at_least, sent_json, text
from mcp_oauth_nb.rules.resource import answered_with_token, error_of, stopped_at
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import MCP_SERVER, came, quoted, shown

RESULT_TYPES = ("complete", "input_required")
NOT_FOUND = -32601
_OF_AUTHORIZATION = re.compile(
    r"(?i)\b40[13]\b|unauthori[sz]ed|unauthenticated|forbidden|invalid_token|insufficient_scope|(?:access|bearer) token"
    r"|\btoken (?:is |was |has )?(?:expired|invalid|missing|revoked|rejected)|(?:expired|invalid|missing) token\b"
)
"""What a tool says of a refused or missing token."""
_STREAM = (b"data:", b"event:", b"id:", b":")


def _answered(case: Case) -> list[Exchange]:
    """Requests that were answered with success, and want more than a 202."""
    return [one for one in answered_with_token(case) if (one.status or 0) // 100 == 2 and "id" in sent_json(one)]


@rule(
    "mcp-media-type",
    step="mcp",
    level=MUST,
    who=MCP_SERVER,
    summary="The MCP server does not say in Content-Type what its answer is.",
    fix="Send application/json with one JSON object, or text/event-stream with events.",
    spec=Spec("MCP 2025-11-25", "Sending Messages to the Server"),
    over=Selector(_answered, "no MCP request with a token was answered with success yet"),
    explains=("mcp-error",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    response = exchange.response
    if response is None or response.media_type in ("application/json", EVENT_STREAM):
        return
    if messages(response) or response.body.lstrip().startswith(_STREAM):
        seen = quoted(response.media_type) if response.media_type else "no Content-Type"
        yield Seen(exchange, "header:Content-Type", "application/json or text/event-stream", seen)


@rule(
    "response-misdirected",
    step="mcp",
    level=MUST,
    who=MCP_SERVER,
    summary="The answer is not one to the request that was sent.",
    fix="Repeat the id of the request, with its type, and send either a result or an error with it.",
    spec=Spec("MCP 2025-11-25", "Result Responses"),
    over=Selector(_answered, "no MCP request with a token was answered with success yet"),
    explains=("mcp-error",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    """An error whose id is null says that the request could not be read, which is an answer too."""
    wanted = sent_json(exchange).get("id")
    found = [one for one in messages(exchange.response) if _answers(one)] if exchange.response else []
    mine = [one for one in found if _is_same(one.get("id"), wanted)]
    for one in mine:
        if "result" in one and "error" in one:
            summary = "The answer has both a result and an error."
            yield Seen(exchange, "body:/error", "a result or an error", "both", summary)
            return
    others = [one for one in found if one.get("id") is not None]
    if not mine and others:
        yield Seen(exchange, "body:/id", shown(wanted), shown(others[0].get("id")))


def _answers(message: Mapping[str, Any]) -> bool:
    return "method" not in message and ("result" in message or "error" in message)


def _is_same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _modern_results(case: Case) -> list[tuple[Exchange, Mapping[str, Any]]]:
    found: list[tuple[Exchange, Mapping[str, Any]]] = []
    for one in _answered(case):
        if is_modern(case, one) and one.response is not None:
            results = (message.get("result") for message in messages(one.response))
            found += [(one, result) for result in results if isinstance(result, dict)]
    return found


@rule(
    "result-type-missing",
    step="mcp",
    level=MUST,
    who=MCP_SERVER,
    summary="A result does not say whether it is complete.",
    fix='Put resultType into every result: "complete", or "input_required" where something is wanted first.',
    spec=Spec("MCP 2026-07-28", "Result Responses"),
    over=Selector(_modern_results, "no result was received in the protocol without a handshake"),
)
def _(case: Case, found: tuple[Exchange, Mapping[str, Any]]) -> Iterator[Seen]:
    exchange, result = found
    kind = result.get("resultType")
    if kind not in RESULT_TYPES:
        seen = shown(kind) if "resultType" in result else "no resultType"
        yield Seen(exchange, "body:/result/resultType", " or ".join(RESULT_TYPES), seen)


def _discoveries(case: Case) -> list[Exchange]:
    """Openings without a handshake, except those that found out by asking that the server wants one."""
    asked = [one for one in answered_with_token(case) if sent_json(one).get("method") == "server/discover"]
    told_by_asking = "protocol told" in case.trace.settings and not at_least(case, MODERN.version)
    return [] if told_by_asking else asked


@rule(
    "discover-missing",
    step="mcp",
    level=MUST,
    who=MCP_SERVER,
    summary="The MCP server does not know server/discover, which every server of MCP 2026-07-28 has.",
    fix="Serve server/discover; or, where the server speaks an older version, ask it in that: "
    "Debugger(url, protocol='2025-11-25').",
    spec=Spec("MCP 2026-07-28", "Discovery"),
    over=Selector(_discoveries, "server/discover was not asked for in a version that was chosen by hand"),
    explains=("mcp-error",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    code = (error_of(exchange) or {}).get("code")
    if code == NOT_FOUND:
        yield Seen(exchange, "body:/error/code", "a result", f"{came(exchange)}, error {NOT_FOUND}")


def _tool_results(case: Case) -> list[tuple[Exchange, Mapping[str, Any]]]:
    """What the calls of tools were answered with."""
    found: list[tuple[Exchange, Mapping[str, Any]]] = []
    for one in _answered(case):
        if sent_json(one).get("method") == "tools/call" and one.response is not None:
            results = (message.get("result") for message in messages(one.response))
            found += [(one, result) for result in results if isinstance(result, dict)]
    return found


@rule(
    "tool-failed",
    step="mcp",
    level=SHOULD,
    who="user",
    summary="The token is good, and the tool answered that it failed.",
    fix="Read what the tool says: its arguments may be wrong, or what it needs behind the MCP server.",
    spec=Spec("MCP 2025-11-25", "Error Handling"),
    over=Selector(_tool_results, "no tool has answered a call yet"),
)
def _(case: Case, found: tuple[Exchange, Mapping[str, Any]]) -> Iterator[Seen]:
    exchange, result = found
    if result.get("isError") is not True:
        return
    level, said = MUST if stopped_at(case, exchange) else None, _said(result)
    seen = f"isError: true, {quoted(said, 200) if said else 'no text'}"
    if _OF_AUTHORIZATION.search(said[:5000]):
        fix = "Refuse with 401 and a challenge, or with 403 where a right is missing: a client acts on nothing else."
        summary = "An authorization failure is hidden in the result of a tool."
        yield Seen(exchange, "body:/result/content", "401 or 403", seen, summary, fix, MCP_SERVER, level=level)
    else:
        yield Seen(exchange, "body:/result/isError", "a result without isError", seen, level=level)


def _said(result: Mapping[str, Any]) -> str:
    """The text of a tool's result."""
    content = result.get("content")
    parts = content if isinstance(content, list) else []
    return "\n".join(text(part.get("text")) or "" for part in parts if isinstance(part, dict)).strip()
