"""Rules for how the MCP server refuses a bad token and a malformed request: what probes bring to light."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import challenges, sent_token
from mcp_oauth_nb.rules.resource import refused_in_success
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import MCP_SERVER, came, fix_for, quoted


def _with_bad_token(case: Case) -> list[Exchange]:
    return [one for one in case.answered("garbage_token") if sent_token(one)]


@rule(
    "invalid-token-status",
    step="garbage_token",
    level=MUST,
    who=MCP_SERVER,
    summary="A token that nobody issued was refused, but not with 401.",
    fix='Answer 401 with error="invalid_token" to every token that is unknown, expired or meant for somebody else.',
    spec=Spec("MCP 2025-11-25", "Token Handling"),
    over=Selector(_with_bad_token, "no token that nobody issued was sent yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status == 401 or exchange.status is None:
        return
    summary, fix = "", ""
    if exchange.status // 100 == 2 and not refused_in_success(exchange):
        summary = "The MCP server serves whoever sends any text as a token."
        fix = "Validate each access token (issuer, audience, signature or introspection, expiry) before serving."
    elif exchange.status >= 500:
        fix = fix_for(exchange, "a 401")
    yield Seen(exchange, "status", "401", came(exchange), summary, fix)


@rule(
    "invalid-token-unnamed",
    step="garbage_token",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The 401 to a bad token does not say that the token is the reason.",
    fix='Add error="invalid_token" to the challenge where a token was sent: clients then refresh it.',
    spec=Spec("RFC 6750", "3.1"),
    over=Selector(
        lambda case: [one for one in _with_bad_token(case) if one.status == 401],
        "no token that nobody issued was refused with 401 yet",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    errors = [item.get("error") for item in challenges(exchange).items]
    if "invalid_token" not in errors:
        named = next((error for error in errors if error), None)
        seen = f"error={quoted(named, 60)}" if named else "a 401 without error"
        yield Seen(exchange, "header:WWW-Authenticate", 'a challenge with error="invalid_token"', seen)


def _malformed(case: Case) -> list[Exchange]:
    """Answers to credentials that cannot be read. A 401 tells nothing: the token may have been looked at first."""
    return [one for one in case.answered("malformed_authorization") if one.status not in (401, 403, 429)]


@rule(
    "malformed-authorization-status",
    step="malformed_authorization",
    level=SHOULD,
    who=MCP_SERVER,
    summary="A request that carries its token in two ways was not answered with 400.",
    fix="Answer 400 with error=invalid_request where a token comes in more than one way.",
    spec=Spec("RFC 6750", "3.1"),
    over=Selector(_malformed, "no request with its token in two ways was sent yet, or the token was looked at first"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 400:
        yield Seen(exchange, "status", "400", came(exchange))
