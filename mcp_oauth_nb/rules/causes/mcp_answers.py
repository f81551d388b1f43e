"""What may stand behind an MCP request that is neither refused for its token nor answered: redirects, limits, hops."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import same_origin, split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import leads_nowhere_else, redirect_target
from mcp_oauth_nb.rules.causes.presented import edge, page, shown_in, succeeded_before
from mcp_oauth_nb.rules.conversation import accepts_both
from mcp_oauth_nb.rules.evidence import is_edited, sent_token
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.token_claims import has_expired
from mcp_oauth_nb.rules.words import MCP_SERVER, came

ERROR = "mcp-error"
REDIRECTS = Spec("RFC 9110", "15.4")


def _told(exchange: Exchange, target: str) -> Line:
    return line(exchange, "header:Location", f"{exchange.status} to {target.partition('?')[0]}")


def _is_same_path(one: str, other: str) -> bool:
    """Whether two URLs have the same path but for a slash at its end."""
    first, second = split(one), split(other)
    return first is not None and second is not None and first.path.rstrip("/") == second.path.rstrip("/")


def _expired(case: Case, exchange: Exchange) -> float | None:
    token = sent_token(exchange)
    return has_expired(case, exchange, token) if token else None


@suspect(
    "slash-redirected",
    of=ERROR,
    step="",
    who=MCP_SERVER,
    summary="The MCP server serves another spelling of the URL and redirects to it, which clients do not follow.",
    fix="Serve the endpoint with and without the slash at its end, and publish the URL that is served; until then type "
    "that one.",
    spec=REDIRECTS,
    apart="The URL of the Location answers without a redirect.",
    call="dbg.probe('slash')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    target = redirect_target(one)
    if one is None or not target or not same_origin(target, one.request.url) or leads_nowhere_else(one):
        return
    if _is_same_path(target, one.request.url):
        yield Fit("certain", (_told(one, target),))


@suspect(
    "redirect-loop",
    of=(ERROR, "unauthenticated-status"),
    step="",
    who=MCP_SERVER,
    summary="The URL redirects to itself: whoever follows goes round in a circle and never gets an answer.",
    fix="Answer at this URL in place of redirecting to it; behind a proxy that ends TLS, tell the server the public "
    "scheme and host (X-Forwarded-Proto and -Host).",
    spec=REDIRECTS,
    apart="The Location is the URL that was asked.",
    call="dbg.probe('slash')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    target = redirect_target(one)
    if one is None or not target or not leads_nowhere_else(one):
        return
    cookie = one.response.header("set-cookie") if one.response else None
    fix = "Exempt the MCP endpoint from what sets a cookie and asks again: MCP clients keep none." if cookie else ""
    yield Fit("certain", (_told(one, target),), fix)


@suspect(
    "redirect-loses-token",
    of=ERROR,
    step="",
    who="gateway",
    summary="The MCP endpoint redirects to another scheme or host, where HTTP libraries leave the token behind.",
    fix="Tell the server behind the proxy its public scheme and host (X-Forwarded-Proto and -Host), and do not "
    "redirect at all.",
    spec=REDIRECTS,
    apart="The second request of the client carries no Authorization header.",
    call="dbg.probe('slash')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    target = redirect_target(one)
    if one is None or not target or same_origin(target, one.request.url):
        return
    if _is_same_path(target, one.request.url):
        yield Fit("likely", (_told(one, target), *edge(one)))


@suspect(
    "expired-token-redirected",
    of=ERROR,
    step="",
    who=MCP_SERVER,
    summary="The token has run out, and the MCP server redirects to a login instead of saying so.",
    fix="Answer 401 with a challenge on the MCP endpoint before anything for browsers can redirect; then refresh.",
    spec=Spec("MCP 2025-11-25", "Token Handling"),
    apart="A fresh token is not redirected.",
    call="dbg.refresh()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    target = redirect_target(one)
    late = _expired(case, one) if one and target else None
    if one is not None and target and late is not None and not _is_same_path(target, one.request.url):
        spent = line(one, "header:Authorization", f"a token that ran out {late:.0f} s before")
        yield Fit("certain", (_told(one, target), spent))


@suspect(
    "login-page-in-front",
    of=ERROR,
    step="",
    who="gateway",
    summary="A login or a protection in front of the MCP server answers in its place; the request does not reach it.",
    fix="Let requests to the MCP endpoint pass, in all spellings of its path and for the addresses of the clients.",
    spec=REDIRECTS,
    apart="The log of the MCP server shows no request at that moment.",
    call="dbg.probe('without_token')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    target = redirect_target(one)
    if one is None:
        return
    if target and not _is_same_path(target, one.request.url):
        yield Fit("likely", (_told(one, target), *edge(one)))
    elif page(one) and (one.status == 200 or (edge(one) and (one.status or 0) < 500)):
        yield Fit("likely", (*page(one), *edge(one)))


@suspect(
    "accept-changed-on-the-way",
    of=ERROR,
    step="",
    who="gateway",
    summary="The request accepts both kinds of answer, and the MCP server says it does not: something on the way "
    "changes the Accept header.",
    fix="Have the proxy pass on Accept as the client sends it.",
    spec=Spec("MCP 2025-11-25", "Sending Messages to the Server"),
    apart="The same request sent to the server directly is not answered with 406.",
    call="dbg.probe('accept')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    if one is not None and one.status == 406 and accepts_both(one.request.header("accept")):
        accepted = line(one, "header:Accept", one.request.header("accept") or "")
        yield Fit("likely", (accepted, line(one, "status", came(one))))


@suspect(
    "too-many-requests",
    of=ERROR,
    step="",
    who="user",
    summary="The MCP server, or a gateway in front of it, wants fewer requests.",
    fix="Wait as long as Retry-After says, then run the step again; the limit is set at the server.",
    spec=Spec("RFC 6585", "4"),
    apart="The same request works after a pause.",
    call="dbg.mcp()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    if one is not None and one.status == 429:
        after = one.response.header("retry-after") if one.response else None
        pause = (line(one, "header:Retry-After", after),) if after else ()
        yield Fit("certain", (line(one, "status", came(one)), *pause))


@suspect(
    "endpoint-takes-no-post",
    of=ERROR,
    step="",
    who="user",
    summary="What answers at this URL takes no POST: it is no endpoint of the streamable transport.",
    fix="Type the URL of the MCP endpoint; one that ends in /sse belongs to the transport of 2024, and has another "
    "beside it.",
    spec=Spec("RFC 9110", "15.5.6"),
    apart="Whether GET opens an event stream there.",
    call="dbg.probe('get_stream')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    if one is not None and one.status == 405 and not succeeded_before(case, one):
        allowed = one.response.header("allow") if one.response else None
        yield Fit("likely", (line(one, "status", f"405, Allow: {allowed or 'not told'}"),))


@suspect(
    "request-changed-by-hand",
    of=ERROR,
    step="",
    who="user",
    summary="The request was changed by hand, and the MCP server does not take it so.",
    fix="Send the request unchanged.",
    spec=Spec("MCP 2025-11-25", "Sending Messages to the Server"),
    apart="The same request without the changes works.",
    call="dbg.mcp()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    if one is None or not one.edited or is_edited(one, "authorization") or (one.status or 0) >= 500:
        return
    yield Fit("possible", (line(one, "status", f"changed: {', '.join(one.edited)}"[:160]),))
