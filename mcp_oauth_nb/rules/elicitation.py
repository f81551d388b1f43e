"""Rules for a server that wants something of the user before it answers: the token is fine, and a person is needed."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.elicitation import INPUT_REQUIRED, URL_ELICITATION, InputNeeded, needed
from mcp_oauth_nb.protocol.jsonrpc import messages
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import sent_json, text
from mcp_oauth_nb.rules.resource import WITH_TOKEN
from mcp_oauth_nb.rules.rule import MAY, MUST, SHOULD, Case, Seen, rule
from mcp_oauth_nb.rules.words import MCP_SERVER, quoted


def wanted(exchange: Exchange) -> InputNeeded | None:
    """What an answer wants of the user; None where it wants nothing."""
    method = text(sent_json(exchange).get("method")) or ""
    found = (needed(one, method) for one in messages(exchange.response)) if exchange.response else iter(())
    return next((one for one in found if one is not None), None)


def _told(what: InputNeeded) -> str:
    """Message and address of each wish; an address that is none to open is not repeated."""
    each = ((quoted(wish.message) if wish.message else "no message", wish.url or wish.wants) for wish in what.wishes)
    return "; ".join(f"{message}, {rest}" for message, rest in each) or "nothing"


@rule(
    "url-elicitation-required",
    step="mcp",
    level=MUST,
    who="user",
    summary="The MCP server needs the user's consent at another service; the access token is fine.",
    fix="Open the address that the server gives, if you trust it, do what it asks for, then send the request again.",
    spec=Spec("MCP 2025-11-25", "URL Mode Elicitation"),
    over=WITH_TOKEN,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    what = wanted(exchange)
    if what is not None and what.shape != INPUT_REQUIRED:
        yield Seen(exchange, "body:/error/code", "a result", f"error {URL_ELICITATION}: {_told(what)}")


@rule(
    "url-elicitation-outdated",
    step="mcp",
    level={"2025-03-26": SHOULD, "2025-11-25": MAY, "2026-07-28": MUST},
    who=MCP_SERVER,
    summary="The MCP server answers with error -32042, which only MCP 2025-11-25 knows.",
    fix='Where the client speaks MCP 2026-07-28, answer with a result of resultType "input_required" in its place.',
    spec=Spec("MCP 2026-07-28", "Result Responses"),
    over=WITH_TOKEN,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    what = wanted(exchange)
    if what is not None and what.shape != INPUT_REQUIRED:
        yield Seen(exchange, "body:/error/code", "a code of this protocol version", str(URL_ELICITATION))


@rule(
    "input-required",
    step="mcp",
    level=MUST,
    who="user",
    summary="The MCP server wants input of the user before it answers; the access token is fine.",
    fix="Do what the server asks for, if you trust it, then send the request again with the answers: "
    "dbg.mcp(*dbg.input_needed.answered({...})).",
    spec=Spec("MCP 2026-07-28", "Result Responses"),
    over=WITH_TOKEN,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    what = wanted(exchange)
    if what is not None and what.shape == INPUT_REQUIRED:
        yield Seen(exchange, "body:/result/resultType", "a result that is complete", f"{INPUT_REQUIRED}: {_told(what)}")
