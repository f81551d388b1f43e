"""Rules for what the MCP server makes of tokens that must not work, and of good ones that are dressed otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import form, jwt_claims, query, sent_token, texts
from mcp_oauth_nb.rules.probes.evidence import (
    at_server,
    gives_result,
    is_protected,
    probed,
)
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, rule
from mcp_oauth_nb.rules.words import MCP_SERVER, came

REFUSAL = 'Answer 401 with a challenge that says error="invalid_token" to every token that your own check refuses.'


def _bare(exchange: Exchange) -> bool:
    return exchange.request.header("authorization") is None


@rule(
    "token-not-demanded",
    step="without_token",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The MCP server lists its tools without a token, although it demands one to begin with.",
    fix="Demand the token for every request to this URL, whatever its method, not for the first one only.",
    spec=Spec("MCP 2025-11-25", "Access Token Usage"),
    over=probed("without_token", lambda case, one: _bare(one) and is_protected(case)),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if gives_result(exchange):
        yield Seen(exchange, "status", "401", came(exchange))


_GARBAGE = probed("garbage_token", lambda case, one: sent_token(one) is not None)


@rule(
    "scheme-case",
    step="wrong_scheme_case",
    level=SHOULD,
    who=MCP_SERVER,
    summary="A good token is refused because its scheme is written `bearer`.",
    fix="Compare the name of the authentication scheme without regard to case.",
    spec=Spec("RFC 9110", "11.1"),
    over=probed("wrong_scheme_case", lambda case, one: sent_token(one) is not None and _works(case)),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status in (400, 401, 403):
        yield Seen(exchange, "status", "the answer that `Bearer` gets", came(exchange))


def _works(case: Case) -> bool:
    """Whether the token worked when it was sent as it should be."""
    return "mcp" in case.runs and case.runs["mcp"].achieved


@rule(
    "query-token-accepted",
    step="token_in_query",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The MCP server accepts a token in the URL, where logs, proxies and histories keep it.",
    fix="Take tokens from the Authorization header alone.",
    spec=Spec("RFC 6750", "2.3"),
    over=probed(
        "token_in_query",
        lambda case, one: at_server(case, one) and "access_token" in query(one) and _bare(one) and is_protected(case),
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if gives_result(exchange):
        yield Seen(exchange, "status", "400 or 401", came(exchange))


@rule(
    "unprotected-twin",
    step="token_elsewhere",
    level=SHOULD,
    who=MCP_SERVER,
    summary="An MCP server answers at the root of the same origin, without any token.",
    fix="Protect that route as well, or do not serve MCP there.",
    spec=Spec("MCP 2025-11-25", "Access Token Usage"),
    over=probed("token_elsewhere", lambda case, one: _bare(one) and is_protected(case)),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if gives_result(exchange):
        yield Seen(exchange, "status", "401, 404 or 405", came(exchange))


@rule(
    "session-is-enough",
    step="session_only",
    level=MUST,
    who=MCP_SERVER,
    summary="The id of a session is enough: the MCP server answers without the token.",
    fix="Check the token of every request; let the session id choose the session, and never stand for who speaks.",
    spec=Spec("MCP 2025-11-25", "Access Token Usage"),
    over=probed("session_only", lambda case, one: _bare(one) and bool(one.request.header("mcp-session-id"))),
    explains=("token-not-demanded",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if gives_result(exchange):
        yield Seen(exchange, "status", "401", came(exchange))


@rule(
    "foreign-token-accepted",
    step="wrong_audience",
    level=MUST,
    who=MCP_SERVER,
    summary="The MCP server accepts a token that was issued for another resource.",
    fix="Accept a token only where its audience names this very server.",
    spec=Spec("MCP 2025-11-25", "Token Audience Binding and Validation"),
    over=probed(
        "wrong_audience",
        lambda case, one: at_server(case, one) and _is_foreign(case, one),
        "no token for another resource was issued and sent here (dbg.probe('wrong_audience')); a server that issues "
        "none cannot be tested",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    """An opaque token may have been issued for this server all the same, with no heed paid to what was asked."""
    if not gives_result(exchange):
        return
    is_named = "aud" in jwt_claims(sent_token(exchange) or "")
    yield Seen(
        exchange,
        "status",
        "401",
        came(exchange),
        summary="" if is_named else "The MCP server accepts a token that was asked for another resource.",
        fix=""
        if is_named
        else "Issue a token for the resource that is asked for, or none; and accept it nowhere else.",
        level=None if is_named else SHOULD,
    )


def _is_foreign(case: Case, exchange: Exchange) -> bool:
    """Whether the token was asked for something else, and does not itself name this server."""
    token = sent_token(exchange)
    if token is None:
        return False
    asked = [form(one).get("resource") for one in case.answered("wrong_audience") if _issued(one, token)]
    if not asked or asked[-1] in (None, case.url):
        return False
    named = jwt_claims(token).get("aud")
    audiences = (named,) if isinstance(named, str) else texts(named)
    return all(resource_match(one, case.url, case.url) == "other" for one in audiences)


def _issued(exchange: Exchange, token: str) -> bool:
    return (exchange.document or {}).get("access_token") == token
