"""Rules for what the MCP endpoint makes of origins, methods and headers that it did not expect."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

from mcp_oauth_nb.protocol.jsonrpc import EVENT_STREAM
from mcp_oauth_nb.protocol.probes import INVALID_ORIGIN, UNKNOWN_METHOD, UNKNOWN_VERSION
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import same_origin
from mcp_oauth_nb.records import Exchange, origin_of
from mcp_oauth_nb.rules.evidence import sent_json, sent_token
from mcp_oauth_nb.rules.probes.evidence import (
    gives_result,
    is_modern,
    is_protected,
    probed,
    rpc_error,
    who_refused,
)
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, rule
from mcp_oauth_nb.rules.words import MCP_SERVER, came

BEFORE_403 = ("2025-03-26", "2025-06-18")
"""Versions that ask for the check of the Origin and do not yet say how to refuse."""


def _decides(case: Case, exchange: Exchange) -> bool:
    """A 401 may come before the check of the Origin, so that it says nothing of it."""
    return exchange.request.header("origin") == INVALID_ORIGIN and exchange.status not in (401, 429)


@rule(
    "slash-redirect-leaves",
    step="slash",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The other spelling of the URL redirects away from this origin: a client loses its token on the way.",
    fix="Redirect to the scheme and host that clients use, or answer at both spellings; tell the server of its proxy.",
    spec=Spec("RFC 9110", "15.4"),
    over=probed("slash", lambda case, one: True),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    target = _target(exchange)
    if target is not None and not same_origin(target, exchange.request.url):
        yield Seen(exchange, "header:Location", f"a URL at {origin_of(exchange.request.url)}", origin_of(target))


def _target(exchange: Exchange) -> str | None:
    response = exchange.response
    location = response.header("location") if response is not None and response.status // 100 == 3 else None
    try:
        return urljoin(exchange.request.url, location) if location else None
    except ValueError:
        return None


@rule(
    "accept-falls-over",
    step="accept",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The MCP server falls over a request that accepts JSON alone.",
    fix="Answer 406 where the Accept header lacks a type that you need.",
    spec=Spec("RFC 9110", "12.5.1"),
    over=probed("accept", lambda case, one: sent_token(one) is not None),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if (exchange.status or 0) >= 500:
        yield Seen(exchange, "status", "406, or JSON", came(exchange), who=who_refused(exchange))


@rule(
    "stream-refused",
    step="get_stream",
    level=MUST,
    who=MCP_SERVER,
    summary="GET with the good token neither opens an event stream nor is answered with 405.",
    fix="Answer GET with text/event-stream, or with 405 where you offer no stream; take the same tokens as for POST.",
    spec=Spec("MCP 2025-11-25", "Listening for Messages from the Server"),
    over=probed("get_stream", lambda case, one: one.request.method == "GET" and not is_modern(case)),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    streams = exchange.status == 200 and exchange.response is not None and exchange.response.media_type == EVENT_STREAM
    if streams or exchange.status == 405:
        return
    refused = exchange.status in (401, 403) or exchange.status == 200
    yield Seen(
        exchange,
        "status",
        "200 with text/event-stream, or 405",
        came(exchange),
        who=who_refused(exchange),
        level=None if refused else SHOULD,
    )


@rule(
    "stream-not-protected",
    step="post_get",
    level=MUST,
    who=MCP_SERVER,
    summary="GET opens an event stream without a token, although POST demands one.",
    fix="Demand the token for every request to this URL, whatever its method.",
    spec=Spec("MCP 2025-11-25", "Access Token Usage"),
    over=probed(
        "post_get", lambda case, one: one.request.method == "GET" and not sent_token(one) and is_protected(case)
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    response = exchange.response
    if response is not None and response.status == 200 and response.media_type == EVENT_STREAM:
        yield Seen(exchange, "status", "401, or 405", came(exchange))


@rule(
    "get-delete-answered",
    step="get_and_delete",
    level=SHOULD,
    who=MCP_SERVER,
    summary="GET or DELETE at the MCP endpoint is not answered with 405.",
    fix="Answer 405 to every method but POST: there is no stream and no session any more.",
    spec=Spec("MCP 2026-07-28", "Streamable HTTP"),
    over=probed("get_and_delete", lambda case, one: one.request.method in ("GET", "DELETE") and is_modern(case)),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 405:
        seen = f"{exchange.request.method}: {came(exchange)}"
        yield Seen(exchange, "status", "405", seen, who=who_refused(exchange))


def _names_no_version(case: Case, exchange: Exchange) -> bool:
    """A refusal of the token or of the sender says nothing of the version."""
    named = exchange.request.header("mcp-protocol-version") == UNKNOWN_VERSION
    return named and exchange.status not in (401, 403, 429)


@rule(
    "version-not-refused",
    step="unknown_version",
    level=MUST,
    who=MCP_SERVER,
    summary="A protocol version that there never was is not refused with 400.",
    fix="Answer 400 where the protocol version in the header is none that you support.",
    spec=Spec("MCP 2025-11-25", "Protocol Version Header"),
    over=probed("unknown_version", _names_no_version),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 400:
        yield Seen(exchange, "status", "400", came(exchange), who=who_refused(exchange))
    elif is_modern(case) and rpc_error(exchange) != -32022:
        seen = f"error {rpc_error(exchange)}" if isinstance(rpc_error(exchange), int) else "no such error"
        yield Seen(
            exchange,
            "body:/error/code",
            "-32022, with the versions that are supported",
            seen,
            summary="The refusal of an unknown protocol version does not say that it is the version.",
            fix="Answer JSON-RPC error -32022 and list the supported versions in its data.",
        )


@rule(
    "unknown-method-answer",
    step="unknown_method",
    level=SHOULD,
    who=MCP_SERVER,
    summary="A method that there is not is not answered with 404 and JSON-RPC error -32601.",
    fix="Answer 404 with JSON-RPC error -32601 to methods that you do not know.",
    spec=Spec("MCP 2026-07-28", "Streamable HTTP"),
    over=probed(
        "unknown_method",
        lambda case, one: (
            sent_json(one).get("method") == UNKNOWN_METHOD and is_modern(case) and one.status not in (401, 403, 429)
        ),
        "no unknown method was called in the protocol version 2026-07-28 (dbg.probe('unknown_method'))",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 404 or rpc_error(exchange) != -32601:
        level = MUST if gives_result(exchange) else None
        who = who_refused(exchange)
        yield Seen(exchange, "status", "404 with error -32601", came(exchange), who=who, level=level)
