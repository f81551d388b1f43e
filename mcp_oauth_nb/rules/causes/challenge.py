"""Suspects behind a request without a token that was answered otherwise than with a challenge."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.jsonrpc import messages
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import PROTECTED_RESOURCE, is_loopback, split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import leads_nowhere_else
from mcp_oauth_nb.rules.edges import answered_by_edge, edge_lines, page_lines
from mcp_oauth_nb.rules.evidence import challenges, named_metadata_url, without_token
from mcp_oauth_nb.rules.hosts import is_inside
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.words import capped, kind_of

STATUS = "unauthenticated-status"
MISSING = "challenge-missing"
UNAUTHORIZED = Spec("RFC 9110", "15.5.2")
ENDPOINT = Spec("MCP 2025-11-25", "Protocol Requirements")
OF_THE_PROTOCOL = (-32700, -32600, -32601, -32602, -32603, -32022, -32021, -32020, -32004)
"""Errors of JSON-RPC and of the version negotiation: they speak of the message, and not of a login."""
_LOGIN = re.compile(r"(?i)log-?in|sign-?in|/auth|sso|oauth2/start|accounts?\.")
_ADDRESS_CHECK = re.compile(rb"(?i)\b(invalid|forbidden|disallowed|bad|unknown|not allowed)[ -]+(host|origin)\b")


def _status(exchange: Exchange) -> Line:
    return line(exchange, "status", str(exchange.status))


def _location(exchange: Exchange) -> str:
    return (exchange.response.header("location") or "") if exchange.response else ""


def _leads_to_itself(exchange: Exchange) -> bool:
    """Whether a redirect leads to the same endpoint in another spelling: a slash more or less, https for http."""
    here, there = split(exchange.request.url), split(_location(exchange))
    if here is None or there is None:
        relative = _location(exchange).partition("?")[0]
        return bool(here and relative.startswith("/") and relative.rstrip("/") == here.path.rstrip("/"))
    same_host = here.origin.partition("://")[2].lower() == there.origin.partition("://")[2].lower()
    return same_host and here.path.rstrip("/") == there.path.rstrip("/")


@suspect(
    "redirected-to-itself",
    of=STATUS,
    step="challenge",
    who="user",
    summary="The MCP endpoint has another spelling than the URL that was typed: the server redirects there.",
    fix="Type the URL that the Location header names.",
    spec=ENDPOINT,
    apart="The redirect leads to the same path on the same host, so that no login page is meant.",
    call="dbg.probe('slash')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    if exchange and kind_of(exchange) == "redirect" and _leads_to_itself(exchange) and not leads_nowhere_else(exchange):
        yield Fit("certain", (_status(exchange), line(exchange, "header:Location", capped(_location(exchange), 120))))


@suspect(
    "web-app-answers",
    of=STATUS,
    step="challenge",
    who="gateway",
    summary="The request reaches a web site in place of the MCP server: it is answered for people in a browser.",
    fix="Route the MCP path, with and without a slash at its end, to the MCP server, and exclude it from any login.",
    spec=ENDPOINT,
    apart="The same URL with or without its last slash may reach the MCP server; then the route is too narrow.",
    call="dbg.probe('slash')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    if exchange is None:
        return
    kind, location = kind_of(exchange), _location(exchange)
    if kind == "redirect" and not _leads_to_itself(exchange):
        confidence = "likely" if _LOGIN.search(location.partition("?")[0]) else "possible"
        yield Fit(confidence, (_status(exchange), line(exchange, "header:Location", capped(location, 120))))  # type: ignore[arg-type]
    elif kind == "page":
        yield Fit("likely", (_status(exchange), *page_lines(exchange)))


@suspect(
    "wrong-url",
    of=STATUS,
    step="challenge",
    who="user",
    summary="There is no MCP endpoint at the URL that was typed.",
    fix="Take the URL from the documentation of the server: a path such as /mcp may be missing, or too much.",
    spec=ENDPOINT,
    apart="Where a well-known URL of this path gives metadata, the URL is right and the route is missing.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    if exchange is None or exchange.status not in (404, 405, 410):
        return
    looked_up = [*case.answered("well_known"), *case.answered("resource_metadata")]
    metadata = [one for one in looked_up if PROTECTED_RESOURCE in one.request.url]
    if any(one.status == 200 and one.document is not None for one in metadata):
        return
    yield Fit("likely", (_status(exchange), *(_status(one) for one in metadata[:2])))


@suspect(
    "endpoint-not-routed",
    of=STATUS,
    step="challenge",
    who="gateway",
    summary="The metadata of this very URL is served, but nothing answers at the URL: its route is missing.",
    fix="Route POST requests for the MCP path to the MCP server.",
    spec=ENDPOINT,
    apart="The metadata says that the server exists; only its endpoint is not reached.",
    call="dbg.probe('slash')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    if exchange is None or exchange.status not in (404, 405, 410):
        return
    for one in (*case.answered("well_known"), *case.answered("resource_metadata")):
        if one.status == 200 and (one.document or {}).get("resource") == case.url:
            yield Fit("likely", (_status(exchange), line(one, "body:/resource", case.url)))


@suspect(
    "edge-refuses",
    of=STATUS,
    step="challenge",
    who="gateway",
    summary="A firewall or gateway in front of the MCP server refuses the request before the server sees it.",
    fix="Let requests to the MCP path pass the firewall's rules (bots, addresses, countries, missing headers).",
    spec=UNAUTHORIZED,
    apart="The server's own log tells whether the request arrived; from another network the page may not come.",
    call='dbg.challenge(headers={"User-Agent": "Mozilla/5.0"})',
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    if exchange is None or exchange.status not in (400, 403, 406, 429, 451):
        return
    lines = answered_by_edge(exchange)
    if lines:
        yield Fit("likely", (_status(exchange), *lines))
    elif exchange.status in (403, 429) and (marks := edge_lines(exchange)):
        yield Fit("possible", marks)


@suspect(
    "host-or-origin-refused",
    of=STATUS,
    step="challenge",
    who="MCP server",
    summary="The MCP server refuses the host name or origin under which it is asked, before it looks for a token.",
    fix="Add the public host name, and the origins of clients in browsers, to those that the server allows.",
    spec=Spec("MCP 2025-11-25", "Security Warning"),
    apart="Without an Origin header, or with the host name that the server knows, the answer is another one.",
    call='dbg.challenge(headers={"Origin": None})',
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    if exchange is None or exchange.response is None or exchange.status not in (400, 403, 421):
        return
    said = _ADDRESS_CHECK.search(exchange.response.body[:2000])
    if said or exchange.status == 421:
        quote = said.group(0).decode("ascii", "replace") if said else "421"
        yield Fit("likely", (_status(exchange), line(exchange, "body:" if said else "status", quote)))
    elif exchange.status == 403 and exchange.request.header("origin"):
        yield Fit("possible", (_status(exchange), line(exchange, "header:Origin", "sent")))


@suspect(
    "forbidden-to-anybody",
    of=STATUS,
    step="challenge",
    who="MCP server",
    summary="The MCP server answers 403 to a request without a token: it forbids in place of asking for one.",
    fix="Answer anonymous requests with 401 and a Bearer challenge; keep 403 for a token with too little scope.",
    spec=UNAUTHORIZED,
    apart="The answer is the application's own: no page, and no word of a host or an origin.",
    call="dbg.probe('without_token')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    if exchange is None or exchange.response is None or exchange.status != 403 or page_lines(exchange):
        return
    if not _ADDRESS_CHECK.search(exchange.response.body[:2000]) and not exchange.request.header("origin"):
        yield Fit("likely", (_status(exchange),))


@suspect(
    "refusal-as-success",
    of=STATUS,
    step="challenge",
    who="MCP server",
    summary="The MCP server hides that a token is missing in an answer with a status of success.",
    fix="Answer 401 with a Bearer challenge; a JSON-RPC error with status 200 starts no login in any client.",
    spec=UNAUTHORIZED,
    apart="The body speaks of missing authentication while the status says that all is well.",
    call="dbg.probe('without_token')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    if exchange is None or exchange.response is None or exchange.response.status // 100 != 2:
        return
    for message in messages(exchange.response):
        error = message.get("error")
        if isinstance(error, dict) and error.get("code") not in OF_THE_PROTOCOL:
            said = capped(str(error.get("message", "")), 120)
            yield Fit("likely", (_status(exchange), line(exchange, "body:/error/message", said)))


@suspect(
    "challenge-removed-on-the-way",
    of=MISSING,
    step="challenge",
    who="gateway",
    summary="A gateway in front of the MCP server answers or rewrites the 401, and its challenge is lost.",
    fix="Let the gateway pass on the server's own 401 with its WWW-Authenticate header.",
    spec=Spec("RFC 9110", "11.6.1"),
    apart="Asked behind the gateway, the server answers with a challenge.",
    call="dbg.probe('without_token')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    if exchange is None or challenges(exchange).items:
        return
    lines = answered_by_edge(exchange)
    if lines:
        yield Fit("likely", (_status(exchange), *lines))
    elif marks := edge_lines(exchange):
        yield Fit("possible", marks)


@suspect(
    "another-scheme-wanted",
    of=MISSING,
    step="challenge",
    who="gateway",
    summary="The URL asks for another kind of login than OAuth, as a password or single sign-on in front of it does.",
    fix="Take the MCP path out of that protection, so that the MCP server itself can ask for a Bearer token.",
    spec=Spec("RFC 6750", "3"),
    apart="The challenge names a scheme that no MCP client speaks; whoever set it up knows whether it is meant.",
    call="dbg.probe('without_token')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    schemes = [item.scheme for item in challenges(exchange).items if item.scheme] if exchange else []
    if exchange and schemes:
        yield Fit("likely", (line(exchange, "header:WWW-Authenticate", capped(", ".join(schemes), 120)),))


@suspect(
    "no-oauth-here",
    of=MISSING,
    step="challenge",
    who="user",
    summary="The MCP server may not use OAuth at all, but want an API key of its own.",
    fix="See the server's documentation; hand a key in with Debugger(url, headers={...}).",
    spec=ENDPOINT,
    apart="A server with OAuth publishes metadata, if not in the challenge, then at a well-known URL.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    looked_up = case.answered("resource_metadata")
    if exchange and not challenges(exchange).items and not any(one.status == 200 for one in looked_up):
        yield Fit("possible", (_status(exchange), *(_status(one) for one in looked_up[:2])))


@suspect(
    "protected-in-part",
    of="not-protected",
    step="challenge",
    who="MCP server",
    summary="The MCP server publishes how to authorize, but lets anybody begin: clients never learn that a login is "
    "needed for some of its tools.",
    fix="Answer 401 with a challenge to the first request without a token, or at least to every protected tool call.",
    spec=Spec("RFC 9728", "5.1"),
    apart="A tool that is protected answers 401 when it is called without a token.",
    call="dbg.probe('without_token')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    found = next(iter(case.documents("resource_metadata")), None)
    if exchange and found:
        yield Fit("likely", (_status(exchange), line(found[0], "status", "200 with protected resource metadata")))


@suspect(
    "public-url-unknown",
    of=("challenge-metadata-foreign", "challenge-metadata-url"),
    step="challenge",
    who="MCP server",
    summary="The MCP server builds its metadata URL from the address it has behind its proxy, not from its public one.",
    fix="Set the server's public base URL, or have it trust X-Forwarded-Proto and X-Forwarded-Host of its proxy.",
    spec=Spec("RFC 9728", "5.1"),
    apart="The URL names this host with another scheme or port, or an address that only the inner network has.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange, named = without_token(case), named_metadata_url(case)
    here, there = split(case.url), split(named or "")
    if exchange is None or named is None or here is None or there is None:
        return
    same_name = _name(here.origin) == _name(there.origin)
    if same_name or (is_inside(named) and not is_inside(case.url)) or (is_loopback(named) and is_loopback(case.url)):
        yield Fit("likely", (line(exchange, "header:WWW-Authenticate", capped(named, 160)),))


def _name(origin: str) -> str:
    return re.sub(r":\d+$", "", origin.lower().partition("://")[2].rpartition("@")[2])
