"""Suspects behind authorization server metadata that is not there where clients look."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import OPENID_CONFIGURATION, split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.attempts import attempts
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.edges import edge_lines
from mcp_oauth_nb.rules.evidence import expected_issuer
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, capped, kind_of

MISSING = "server-metadata-missing"
LOCATED, ANSWERED = Spec("RFC 8414", "3.1"), Spec("RFC 8414", "3.2")
EVERYWHERE = "dbg.well_known()"
REFUSALS = (403, 406, 429, 451)
"""Statuses with which something in front of a server turns clients away."""


def _tried(case: Case) -> tuple[Exchange, ...]:
    return case.answered("server_metadata")


def _lines(exchange: Exchange) -> tuple[Line, ...]:
    return line(exchange, "url", capped(exchange.request.url, 160)), line(exchange, "status", str(exchange.status))


def _is_edge(exchange: Exchange) -> bool:
    """A page, or a refusal that is no JSON, with the marks of something in front of the server."""
    return bool(edge_lines(exchange)) and exchange.status in REFUSALS and exchange.document is None


@suspect(
    "edge-refuses-server-metadata",
    of=MISSING,
    step="server_metadata",
    who="gateway",
    summary="A firewall or gateway in front of the authorization server refuses the request for its metadata.",
    fix="Exclude /.well-known/ and the OAuth endpoints from bot rules: clients are programs and solve no challenge.",
    spec=ANSWERED,
    apart="With the User-Agent of a browser, or from another network, the document comes.",
    call='dbg.server_metadata(headers={"User-Agent": "Mozilla/5.0"})',
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    for one in _tried(case):
        if one.status in REFUSALS:
            yield Fit("likely" if _is_edge(one) else "possible", (*_lines(one), *edge_lines(one)))
            return


@suspect(
    "server-metadata-behind-login",
    of=MISSING,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The metadata can be read only by those who are signed in already.",
    fix="Exempt everything under /.well-known/ from authentication: the metadata is public.",
    spec=LOCATED,
    apart="The metadata URL asks for credentials itself.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    for one in _tried(case):
        if one.status == 401:
            yield Fit("likely", _lines(one))
            return


@suspect(
    "page-in-place-of-server-metadata",
    of=MISSING,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="A page for people answers in place of the metadata: a login page, or a catch-all route of the front end.",
    fix="Route /.well-known/ to the authorization server in front of the catch-all route and of any login.",
    spec=ANSWERED,
    apart="Any invented path on this host gives the same page.",
    call=EVERYWHERE,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    for one in _tried(case):
        if kind_of(one) == "page":
            yield Fit("likely", (*_lines(one), line(one, "header:Content-Type", "text/html")))
            return


@suspect(
    "gateway-without-authorization-server",
    of=MISSING,
    step="server_metadata",
    who="gateway",
    summary="The gateway answers, but the authorization server behind it does not.",
    fix="Bring up the authorization server, or correct the gateway's route to it.",
    spec=ANSWERED,
    apart="Asked past the gateway, the authorization server answers or does not.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    for one in _tried(case):
        if one.status in (502, 503, 504):
            yield Fit("likely", (*_lines(one), *edge_lines(one)))
            return


@suspect(
    "server-metadata-crashes",
    of=MISSING,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server fails while it makes its metadata.",
    fix="Read the authorization server's log for this request; often its public URL or its keys are not configured.",
    spec=ANSWERED,
    apart="The answer is an error of the server and no refusal.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    for one in _tried(case):
        if one.status in (500, 501):
            yield Fit("likely", _lines(one))
            return


def _elsewhere(case: Case, *kinds: str) -> Exchange | None:
    """A location of these kinds at which the probe found a document of the issuer."""
    issuer = (expected_issuer(case) or "").removesuffix("/")
    for one in attempts(case):
        fits = one.document is not None and (one.identity or "").removesuffix("/") == issuer
        if fits and one.location.document == "server" and set(kinds) & set(one.location.kinds):
            return one.exchange
    return None


@suspect(
    "metadata-behind-path",
    of=MISSING,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The metadata stands behind the issuer's path, but clients insert the well-known name in front of it.",
    fix="Serve the document at the URL with /.well-known/oauth-authorization-server between host and path.",
    spec=LOCATED,
    apart="The URL with the well-known name behind the path gives the document.",
    call=EVERYWHERE,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _misplaced(case, "rfc8414-append")


@suspect(
    "metadata-at-root-only",
    of=MISSING,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The issuer has a path, but its metadata stands at the root of the host, where no client asks.",
    fix="Serve the same document at the well-known URL with the issuer's path behind it.",
    spec=LOCATED,
    apart="The root URL gives a document whose issuer has this path.",
    call=EVERYWHERE,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _misplaced(case, "rfc8414-root")


def _misplaced(case: Case, kind: str) -> Iterator[Fit]:
    parts = split(expected_issuer(case) or "")
    if parts is None or not parts.path.strip("/"):
        return
    there = _elsewhere(case, kind)
    if there is not None:
        yield Fit("certain", (*(_lines(_tried(case)[0]) if _tried(case) else ()), *_lines(there)))
    elif not case.exchanges("well_known") and _all_missing(case):
        yield Fit("possible", _lines(_tried(case)[0]))


def _all_missing(case: Case) -> bool:
    return bool(_tried(case)) and all(one.status in (404, 405, 410) for one in _tried(case))


@suspect(
    "only-openid-metadata",
    of=MISSING,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="There is only an OpenID Connect document, which clients of this protocol version do not look for.",
    fix="Serve it at /.well-known/oauth-authorization-server too, or use clients of MCP 2025-11-25 or later.",
    spec=LOCATED,
    apart="The OpenID Connect location gives the document.",
    call=EVERYWHERE,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    there = _elsewhere(case, "oidc", "oidc-insert", "oidc-append")
    if there is not None and not any(OPENID_CONFIGURATION in one.request.url for one in _tried(case)):
        yield Fit("certain", _lines(there))


@suspect(
    "server-metadata-not-published",
    of=MISSING,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server publishes no metadata: every URL where clients look gives 404.",
    fix="Publish the metadata at /.well-known/oauth-authorization-server, with the issuer's path behind it.",
    spec=LOCATED,
    apart="All locations were asked, and none has the document.",
    call=EVERYWHERE,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    if not _all_missing(case):
        return
    found_none = bool(attempts(case)) and not any(
        one.document is not None and one.location.document == "server" for one in attempts(case)
    )
    parts = split(expected_issuer(case) or "")
    has_path = parts is not None and bool(parts.path.strip("/"))
    likely = found_none or not has_path
    yield Fit("likely" if likely else "possible", tuple(row for one in _tried(case)[:2] for row in _lines(one)))
