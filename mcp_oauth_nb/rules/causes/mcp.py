"""What may stand behind a refusal that is none of the token's: the way to the server, the session, another hop."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.presented import (
    edge,
    page,
    presented,
    quoting,
    refusal,
    shown_in,
    succeeded_before,
)
from mcp_oauth_nb.rules.conversation import posted
from mcp_oauth_nb.rules.evidence import challenges, is_edited, sent_json, sent_token, texts, without_token
from mcp_oauth_nb.rules.resource import error_of, refused_in_success
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.token_claims import scopes_in
from mcp_oauth_nb.rules.words import MCP_SERVER, came, shown

REJECTED, FORBIDDEN, LOST = "token-rejected", "insufficient-scope", "session-lost"
SESSIONS = Spec("MCP 2025-11-25", "Session Management")
_OWNER = re.compile(r"(?i)session|owner|caller")
_ORIGIN = re.compile(r"(?i)\borigin\b|\bcors\b")


def _session(exchange: Exchange) -> str | None:
    return exchange.request.header("mcp-session-id")


def _answered_inside(case: Case, exchange: Exchange) -> list[Exchange]:
    """Requests that were answered in the same session before; a notification proves nothing of a session."""
    earlier = succeeded_before(case, exchange)
    return [one for one in earlier if _session(one) == _session(exchange) and "id" in sent_json(one)]


def _names_error(exchange: Exchange) -> bool:
    return any(item.get("error") for item in challenges(exchange).items)


# --- somebody in between ----------------------------------------------------------------------------------------------


@suspect(
    "authorization-header-removed",
    of=REJECTED,
    step="",
    who="gateway",
    summary="The MCP server answers as it does without any token: the Authorization header may be lost on the way.",
    fix="Have the proxy or gateway pass on the Authorization header to this path, and the server read it there.",
    spec=Spec("RFC 9110", "11.6.2"),
    apart="A token that cannot be good is answered with error=invalid_token where it arrives.",
    call="dbg.probe('garbage_token')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one, bare = shown_in(case, finding), without_token(case)
    if one is None or one.response is None or bare is None or bare.response is None or _names_error(one):
        return
    if sent_token(one) is None or succeeded_before(case, one) or page(one):
        return
    if _refusal(bare) != _refusal(one):
        return
    quote = one.response.header("www-authenticate") or "no WWW-Authenticate"
    same = line(one, "header:WWW-Authenticate", f"as without a token: {quote}")
    probed = case.answered("garbage_token")
    if any(_refusal(other) != _refusal(one) for other in probed):
        return
    again = tuple(line(other, "header:WWW-Authenticate", "and as with a token that cannot be good") for other in probed)
    yield Fit("likely", (same, *again, *edge(one)))


def _refusal(exchange: Exchange) -> tuple[int | None, str | None]:
    """What a refusal says: its status and its challenge."""
    return exchange.status, exchange.response.header("www-authenticate") if exchange.response else None


@suspect(
    "token-lost-behind-gateway",
    of=REJECTED,
    step="",
    who="gateway",
    summary="The gateway accepts the token, and a server behind it is asked without one.",
    fix="Check the token at the gateway, and have it attach a token of its own to what it asks of the server behind.",
    spec=Spec("MCP 2025-11-25", "Access Token Privilege Restriction"),
    apart="Listing the tools works with the same token and session, calling one does not.",
    call="dbg.mcp('tools/list')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    if one is None or _names_error(one):
        return
    earlier = [before for before in succeeded_before(case, one) if _session(before) == _session(one)]
    if earlier:
        worked = sent_json(earlier[-1]).get("method")
        lines = (
            line(earlier[-1], "status", f"{earlier[-1].status} for {shown(worked)}"),
            line(one, "status", came(one)),
        )
        yield Fit("likely", (*lines, *_other_hop(earlier[-1], one)))


def _other_hop(first: Exchange, second: Exchange) -> tuple[Line, ...]:
    """The Server header of an answer, where it is another than that of an earlier one."""
    names = [one.response.header("server") if one.response else None for one in (first, second)]
    return (line(second, "header:Server", f"{names[1]}; before {names[0]}"),) if names[0] != names[1] else ()


@suspect(
    "refusal-under-success",
    of=REJECTED,
    step="",
    who=MCP_SERVER,
    summary="The MCP server refuses the access token in a JSON-RPC error with a status of success: no client reads "
    "from it that it has to refresh or to authorize again.",
    fix='Answer 401 with a challenge in which error="invalid_token"; then see whether its words about the token hold.',
    spec=Spec("MCP 2025-11-25", "Token Handling"),
    apart="A token that cannot be good gets the same answer.",
    call="dbg.probe('garbage_token')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    if one is not None and refused_in_success(one):
        message = shown((error_of(one) or {}).get("message"))
        yield Fit("certain", (line(one, "status", str(one.status)), line(one, "body:/error/message", message)))


@suspect(
    "edge-demands-login",
    of=REJECTED,
    step="",
    who="gateway",
    summary="Something in front of the MCP server wants a login of its own, and does not know the token.",
    fix="Exempt the MCP endpoint, in all its spellings, from the login of the proxy in front; the server checks tokens "
    "itself.",
    spec=Spec("RFC 9110", "11.6.1"),
    apart="The log of the MCP server shows no request at that moment.",
    call="dbg.probe('without_token')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    if one is None or not page(one) or challenges(one).bearer():
        return
    yield Fit("likely", (*page(one), *edge(one)))


# --- the session ------------------------------------------------------------------------------------------------------


@suspect(
    "session-unknown-as-401",
    of=REJECTED,
    step="",
    who=MCP_SERVER,
    summary="The token is good; the MCP server does not know the session, and says so with 401.",
    fix="Answer 404 to a session that is not known, once the token was checked: clients then open a new one.",
    spec=SESSIONS,
    apart="The same token without a session id is accepted.",
    call="dbg.mcp()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    session = _session(one) if one else None
    if one is None or session is None or _owners(case, one, session):
        return
    earlier = succeeded_before(case, one)
    bare = [before for before in earlier if _session(before) is None]
    within = [before for before in _answered_inside(case, one) if before.step == one.step]
    told = quoting(one, _OWNER)
    if bare and (told or not within) and (told or _names_error(one)):
        accepted = line(bare[-1], "status", f"{bare[-1].status} for the same token without a session id")
        yield Fit("likely", (accepted, line(one, "status", came(one)), *told))


def _owners(case: Case, exchange: Exchange, session: str) -> list[Exchange]:
    """Requests that worked in this session before, with another token."""
    token = sent_token(exchange)
    earlier = [one for one in posted(case) if one.id < exchange.id and (one.status or 0) // 100 == 2]
    opened = [one for one in earlier if one.response and one.response.header("mcp-session-id") == session]
    inside = [one for one in earlier if _session(one) == session]
    return [one for one in (*opened, *inside) if sent_token(one) not in (token, None)]


@suspect(
    "session-bound-to-token",
    of=(REJECTED, FORBIDDEN),
    step="refresh",
    who=MCP_SERVER,
    summary="The session is bound to the very access token that opened it, so that a refresh ends it.",
    fix="Bind sessions to issuer, subject and client of the token, and not to its text.",
    spec=SESSIONS,
    apart="The new token works in a new session, and the old session fails from the refresh on.",
    call="dbg.mcp()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    session = _session(one) if one else None
    owners = _owners(case, one, session) if one and session else []
    if one is not None and owners and not succeeded_before(case, one):
        before = line(owners[-1], "status", f"{owners[-1].status} in this session, with another token")
        yield Fit("likely", (before, line(one, "status", came(one)), *quoting(one, _OWNER)))


@suspect(
    "sessions-not-shared",
    of=LOST,
    step="",
    who=MCP_SERVER,
    summary="The session is gone with the first request in it: several instances answer, and do not share sessions.",
    fix="Share sessions between the instances, send each session to its instance, or run the server without sessions.",
    spec=SESSIONS,
    apart="Some of several tries in a row reach the instance that knows the session.",
    call="dbg.probe('second_fetch')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    if one is None or one.edited:
        return
    if not _answered_inside(case, one):
        yield Fit("likely", (line(one, "status", f"404 to {shown(sent_json(one).get('method'))}, the first in it"),))


@suspect(
    "session-ended",
    of=LOST,
    step="",
    who="user",
    summary="The MCP server ended the session, or was started anew, after it had worked.",
    fix="Open a new session: dbg.mcp(). Where sessions end often, see at the server how long it keeps them.",
    spec=SESSIONS,
    apart="A new session works for as long as the first one did.",
    call="dbg.mcp()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    if one is None:
        return
    inside = _answered_inside(case, one)
    if inside:
        yield Fit("likely", (line(inside[-1], "status", f"{inside[-1].status} in the same session"),))


# --- a refusal with 403 -----------------------------------------------------------------------------------------------


@suspect(
    "scope-in-another-shape",
    of=(FORBIDDEN, "scope-challenged-again"),
    step="token",
    who=MCP_SERVER,
    summary="The access token holds the scope, written in a way that the MCP server does not read.",
    fix="Read scopes from scope as a text and as an array, and from scp as well.",
    spec=Spec("RFC 9068", "2.2.3"),
    apart="The same scopes in scope, separated by spaces, are accepted.",
    call="dbg.details",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    refused = refusal(case, token.token) if token else None
    held = scopes_in(token.jwt.claims) if token and token.jwt else None
    if token is None or refused is None or held is None or held.shape == "scope":
        return
    bearer = challenges(refused).bearer()
    wanted = frozenset(((bearer.get("scope") if bearer else None) or "").split())
    if wanted and wanted <= held.names:
        named = texts([bearer.get("scope")]) if bearer else ()
        told = token.told(f"{held.shape}: {' '.join(sorted(held.names))}")
        yield Fit("likely", (told, *(line(refused, "header:WWW-Authenticate", f"scope={one}") for one in named)))


@suspect(
    "origin-refused",
    of=FORBIDDEN,
    step="",
    who=MCP_SERVER,
    summary="The MCP server refuses the web page that the request comes from, and not the token.",
    fix="Add the client's origin to those that the MCP server allows; clients that are no browser send none.",
    spec=Spec("MCP 2025-11-25", "Security Warning"),
    apart="The same request without Origin works.",
    call="dbg.probe('origin')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    origin = one.request.header("origin") if one else None
    if one is not None and origin and not challenges(one).bearer():
        told = quoting(one, _ORIGIN)
        yield Fit("likely", (line(one, "header:Origin", origin), line(one, "status", came(one)), *told))


@suspect(
    "token-from-elsewhere",
    of=REJECTED,
    step="token",
    who="user",
    summary="The access token was not issued in this session: it may belong to another server or route.",
    fix="Authorize at this very URL, and use the token that is issued then: a token works for the resource it is for.",
    spec=Spec("MCP 2025-11-25", "Token Audience Binding and Validation"),
    apart="A token that is issued for this URL works.",
    call="dbg.authorize()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    if token is not None and token.source is None and not is_edited(token.exchange, "authorization"):
        yield Fit("possible" if token.jwt else "likely", (token.told("a token that no answer here carried"),))
