"""Suspects behind protected resource metadata that is not there, not readable, or another server's."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import PROTECTED_RESOURCE, resource_metadata_candidates, same_origin, split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.edges import answered_by_edge, edge_lines, page_lines
from mcp_oauth_nb.rules.evidence import challenges, named_metadata_url, resource_document, text, texts, without_token
from mcp_oauth_nb.rules.hosts import host_of, is_inside
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.words import capped, kind_of

MISSING = "resource-metadata-missing"
MISMATCH = "resource-mismatch"
LOCATED = Spec("RFC 9728", "3.1")
ANSWERED = Spec("RFC 9728", "3.2")
VALIDATED = Spec("RFC 9728", "3.3")
_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\x78\x9c", "deflate"))


def _tried(case: Case) -> tuple[Exchange, ...]:
    return case.answered("resource_metadata")


def _status(exchange: Exchange) -> Line:
    return line(exchange, "status", str(exchange.status))


def _url(exchange: Exchange) -> Line:
    return line(exchange, "url", capped(exchange.request.url, 160))


@suspect(
    "metadata-url-wrong",
    of=MISSING,
    step="challenge",
    who="MCP server",
    summary="The challenge names a metadata URL at which nothing is published.",
    fix="Name the URL that is served: /.well-known/oauth-protected-resource goes between the host and the endpoint's "
    "path, not behind it.",
    spec=LOCATED,
    apart="A well-known URL that is built by the rule gives the document.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    named = named_metadata_url(case)
    asked = [one for one in _tried(case) if one.request.url == named and one.status in (404, 405, 410)]
    if named is None or not asked:
        return
    elsewhere = [one for one in case.answered("well_known") if _is_metadata(one)]
    lines = (_url(asked[0]), _status(asked[0]))
    if elsewhere:
        yield Fit("certain", (*lines, _url(elsewhere[0])))
    elif named not in {one.url for one in resource_metadata_candidates(case.url)}:
        yield Fit("likely", lines)
    elif not case.answered("well_known"):
        yield Fit("possible", lines)


def _is_metadata(exchange: Exchange) -> bool:
    found = exchange.document or {}
    return exchange.status == 200 and PROTECTED_RESOURCE in exchange.request.url and "resource" in found


@suspect(
    "metadata-not-published",
    of=MISSING,
    step="resource_metadata",
    who="MCP server",
    summary="The MCP server publishes no protected resource metadata: every URL where it may be gives 404.",
    fix="Publish the document at /.well-known/oauth-protected-resource with the endpoint's path behind it, and have "
    "the hosting forward /.well-known/ to the server.",
    spec=LOCATED,
    apart="All URLs at which clients look were asked, and the server answered each of them.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    tried = _tried(case)
    if not tried or any(one.status not in (404, 410) for one in tried):
        return
    if any(_is_metadata(one) for one in case.answered("well_known")):
        return
    asked = {one.request.url for one in (*tried, *case.answered("well_known"))}
    if asked >= {one.url for one in resource_metadata_candidates(case.url)}:
        yield Fit("likely", tuple(_url(one) for one in tried[:3]))
    else:
        yield Fit("possible", tuple(_url(one) for one in tried[:3]))


@suspect(
    "metadata-behind-login",
    of=MISSING,
    step="resource_metadata",
    who="MCP server",
    summary="The URL of the metadata asks for a token itself, so that nobody learns how to get one.",
    fix="Exempt everything under /.well-known/oauth- from authentication, in the server and in front of it.",
    spec=LOCATED,
    apart="The metadata URL asks for credentials itself.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    for one in _tried(case):
        if one.status == 401:
            bearer = challenges(one).bearer()
            named = bearer.get("resource_metadata") if bearer else None
            own = (line(one, "header:WWW-Authenticate", "a challenge that names this URL"),)
            yield Fit("likely", (_url(one), _status(one), *(own if named == one.request.url else ())))
            return


def _location(exchange: Exchange) -> str:
    return (exchange.response.header("location") or "") if exchange.response else ""


def _is_sent_to_login(exchange: Exchange) -> bool:
    """Whether a request for metadata is redirected to another host, as by a login in front of everything."""
    there = _location(exchange)
    return kind_of(exchange) == "redirect" and bool(host_of(there)) and host_of(there) != host_of(exchange.request.url)


@suspect(
    "edge-refuses-discovery",
    of=MISSING,
    step="resource_metadata",
    who="gateway",
    summary="A firewall, gateway or login in front does not let the request for metadata through.",
    fix="Exclude /.well-known/oauth- and the OAuth endpoints from bot rules, and have clients send a User-Agent.",
    spec=ANSWERED,
    apart="With the User-Agent of a browser, or from another network, the document comes.",
    call='dbg.resource_metadata(headers={"User-Agent": "Mozilla/5.0"})',
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    for one in _tried(case):
        if _is_sent_to_login(one):
            yield Fit("likely", (_url(one), _status(one), line(one, "header:Location", capped(_location(one), 160))))
            return
        if one.status not in (403, 406, 429, 451):
            continue
        lines = answered_by_edge(one)
        endpoint = without_token(case)
        app = (_status(endpoint),) if endpoint and not page_lines(endpoint) else ()
        if lines or (page_lines(one) and app):
            yield Fit("likely", (_url(one), _status(one), *(lines or page_lines(one)), *app))
        else:
            yield Fit("possible", (_url(one), _status(one), *edge_lines(one)))
        return


@suspect(
    "page-in-place-of-metadata",
    of=MISSING,
    step="resource_metadata",
    who="MCP server",
    summary="A page for people answers in place of the metadata: a catch-all route of the web front end.",
    fix="Route /.well-known/ to the MCP server in front of the catch-all route, and answer 404 with JSON where "
    "nothing is published.",
    spec=ANSWERED,
    apart="Any invented path on this host gives the same page.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    for one in _tried(case):
        if kind_of(one) == "page":
            yield Fit("likely", (_url(one), _status(one), *page_lines(one)))
            return


@suspect(
    "compressed-without-saying",
    of=MISSING,
    step="resource_metadata",
    who="MCP server",
    summary="The metadata arrives compressed without a Content-Encoding that says so, or compressed twice.",
    fix="Send the document uncompressed, or with the Content-Encoding that it has; see which proxy compresses it.",
    spec=Spec("RFC 9110", "8.4"),
    apart="The body begins with the first bytes of a compressed file.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    for one in _tried(case):
        body = one.response.body if one.response and one.status == 200 else b""
        for start, name in _COMPRESSED:
            if body.startswith(start):
                yield Fit("certain", (_url(one), line(one, "body:", f"{start.hex(' ')}, as {name} begins")))
                return


@suspect(
    "resource-spelled-differently",
    of=MISMATCH,
    step="resource_metadata",
    who="MCP server",
    summary="The resource and the URL that was typed differ in spelling only (a slash, case or default port).",
    fix="Publish as resource, and hand out to users, one spelling of the URL, without a slash at its end.",
    spec=VALIDATED,
    apart="Typed as the document spells it, the URL fits.",
    call='Debugger("...")',
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _graded(case, "spelling")


@suspect(
    "resource-is-parent",
    of=MISMATCH,
    step="resource_metadata",
    who="MCP server",
    summary="The resource names only the host, or a path above the MCP endpoint, so that strict clients refuse it.",
    fix="Publish the endpoint's full URL as resource, at the well-known URL that has the endpoint's path in it.",
    spec=VALIDATED,
    apart="The path of the resource is the beginning of the endpoint's path.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _graded(case, "parent")


def _graded(case: Case, wanted: str) -> Iterator[Fit]:
    found = resource_document(case)
    resource = text(found[1].get("resource")) if found else None
    if found and resource and resource_match(resource, case.url, case.url) == wanted:
        yield Fit("certain", (line(found[0], "body:/resource", capped(resource, 160)), _url(found[0])))


@suspect(
    "resource-of-inner-address",
    of=MISMATCH,
    step="resource_metadata",
    who="MCP server",
    summary="The resource is the address that the MCP server has behind its proxy, not its public URL.",
    fix="Set the server's public base URL, or have it trust X-Forwarded-Proto and X-Forwarded-Host of its proxy.",
    spec=VALIDATED,
    apart="The resource has the endpoint's path with an inner host, or plain http, in front of it.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = resource_document(case)
    resource = text(found[1].get("resource")) if found else None
    here, there = split(case.url), split(resource or "")
    if not found or not resource or not here or not there or same_origin(resource, case.url):
        return
    same_host = here.origin.partition("://")[2].lower() == there.origin.partition("://")[2].lower()
    if same_host or (is_inside(resource) and not is_inside(case.url)):
        yield Fit("likely", (line(found[0], "body:/resource", capped(resource, 160)),))


@suspect(
    "issuer-is-the-resource",
    of="server-metadata-missing",
    step="resource_metadata",
    who="MCP server",
    summary="The protected resource metadata names the MCP server itself as its authorization server, and it is none.",
    fix="List the issuer of the real authorization server in authorization_servers.",
    spec=Spec("RFC 9728", "2"),
    apart="The entry lies on the MCP server's own origin, and nothing there describes an authorization server.",
    call='Debugger(url, authorization_server="...")',
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found, tried = resource_document(case), case.answered("server_metadata")
    issuers = texts(found[1].get("authorization_servers")) if found else ()
    if not found or not issuers or not tried or any(one.status not in (404, 405, 410) for one in tried):
        return
    if same_origin(issuers[0], case.url):
        own = issuers[0].rstrip("/") == case.url.rstrip("/")
        quote = line(found[0], "body:/authorization_servers/0", capped(issuers[0], 160))
        yield Fit("likely" if own else "possible", (quote, *(_status(one) for one in tried[:2])))
