"""Rules for the MCP session: its id, its protocol version, its notifications."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_oauth_nb.protocol.jsonrpc import messages
from mcp_oauth_nb.protocol.profiles import KNOWN_VERSIONS, LATEST
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import is_edited, sent_json, text, without_version_questions
from mcp_oauth_nb.rules.resource import allowed_later, answered_with_token, is_notification, requests, stopped_at
from mcp_oauth_nb.rules.rule import MAY, MUST, SHOULD, Case, Seen, Selector, rule, since
from mcp_oauth_nb.rules.words import MCP_SERVER, came, shown

META_VERSION = "io.modelcontextprotocol/protocolVersion"


@rule(
    "session-not-sent",
    step="mcp",
    level={"2025-03-26": MUST, "2026-07-28": MAY},
    who="client",
    summary="A request left out the session id that the server gave.",
    fix="Repeat Mcp-Session-Id from the answer to initialize in every later request.",
    spec=Spec("MCP 2025-11-25", "Session Management"),
    over=Selector(
        lambda case: [one for one in _after_the_opening(case) if case.once(_session)],
        "no MCP request was made in a session with an id yet",
    ),
    explains=("mcp-error", "notification-status"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.request.header("mcp-session-id") is None:
        who = sender(exchange, "mcp-session-id")
        yield Seen(exchange, "header:Mcp-Session-Id", "Mcp-Session-Id", "no such header", who=who)


def _after_the_opening(case: Case) -> list[Exchange]:
    return [one for one in without_version_questions(case, requests(case)) if not _is_initialize(one)]


def _is_initialize(exchange: Exchange) -> bool:
    return sent_json(exchange).get("method") == "initialize"


def _session(case: Case) -> str | None:
    for one in case.answered("mcp"):
        if one.response is not None and _is_initialize(one):
            return one.response.header("mcp-session-id")
    return None


@rule(
    "version-header-missing",
    step="mcp",
    level=since("2025-06-18", before=MAY),
    who="client",
    summary="A request does not name the protocol version in its header.",
    fix="Send MCP-Protocol-Version with every request after initialize; where requests are complete in themselves, "
    "with all of them, and the same value as in _meta.",
    spec=Spec("MCP 2025-11-25", "Protocol Version Header"),
    over=Selector(
        _after_the_opening,
        "no MCP request after initialize was made yet",
    ),
    explains=("mcp-error", "notification-status"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    header, who = exchange.request.header("mcp-protocol-version"), sender(exchange, "mcp-protocol-version")
    inside = _meta_version(exchange)
    if header is None:
        yield Seen(exchange, "header:MCP-Protocol-Version", "MCP-Protocol-Version", "no such header", who=who)
    elif inside is not None and header != inside:
        summary = "The protocol version in the header is not the one in the body."
        yield Seen(exchange, "header:MCP-Protocol-Version", shown(inside), shown(header), summary, who=who)


def _meta_version(exchange: Exchange) -> str | None:
    params = sent_json(exchange).get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return text(meta.get(META_VERSION)) if isinstance(meta, dict) else None


@rule(
    "session-lost",
    step="mcp",
    level=MUST,
    who=MCP_SERVER,
    summary="The MCP server does not know the session any more that it opened.",
    fix="Run mcp again for a new session. If it happens at once, instances of the server may not share sessions.",
    spec=Spec("MCP 2025-11-25", "Session Management"),
    over=Selector(
        lambda case: [one for one in answered_with_token(case) if one.request.header("mcp-session-id")],
        "no MCP request in a session with an id was answered yet",
    ),
    explains=("mcp-error", "notification-status"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status == 404 and not allowed_later(case, exchange):
        edited = is_edited(exchange, "mcp-session-id")
        yield Seen(exchange, "status", "200", came(exchange), who="user" if edited else None)


def _opened(case: Case) -> list[tuple[Exchange, Mapping[str, Any]]]:
    pairs = [(one, message) for one in answered_with_token(case) if one.response for message in messages(one.response)]
    return [
        (one, message["result"])
        for one, message in pairs
        if _is_initialize(one) and isinstance(message.get("result"), dict)
    ]


@rule(
    "version-unsupported",
    step="mcp",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The MCP server agreed to a protocol version that is not known here.",
    fix="Answer initialize with the version that was asked for, or with another published one.",
    spec=Spec("MCP 2025-11-25", "Version Negotiation"),
    over=Selector(_opened, "initialize with a token has not succeeded yet"),
    explains=("mcp-error", "notification-status"),
)
def _(case: Case, found: tuple[Exchange, Mapping[str, Any]]) -> Iterator[Seen]:
    version = found[1].get("protocolVersion")
    if version not in KNOWN_VERSIONS:
        seen = shown(version) if "protocolVersion" in found[1] else "no protocolVersion"
        wanted = case.version or LATEST
        # Where the client went no further, this is what stopped it.
        level = MUST if stopped_at(case, found[0]) else None
        yield Seen(found[0], "body:/result/protocolVersion", wanted, seen, level=level)


@rule(
    "notification-status",
    step="mcp",
    level=SHOULD,
    who=MCP_SERVER,
    summary="A notification was not answered with 202.",
    fix="Answer accepted notifications with 202 and an empty body.",
    spec=Spec("MCP 2025-11-25", "Sending Messages to the Server"),
    over=Selector(
        lambda case: [one for one in answered_with_token(case) if is_notification(one)],
        "no notification was answered yet",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status not in (202, 401, 403):
        yield Seen(exchange, "status", "202", came(exchange))
