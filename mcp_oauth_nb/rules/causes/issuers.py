"""Suspects behind metadata that names another issuer than the one it was looked up for, or none at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import same_origin
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import shown_in
from mcp_oauth_nb.rules.evidence import expected_issuer, resource_document, server_document, text, texts
from mcp_oauth_nb.rules.hosts import host_of, is_inside
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, capped

MISMATCH = "issuer-mismatch"
VALIDATED = Spec("RFC 8414", "3.3")


def _named(case: Case, finding: Finding) -> tuple[Exchange, str, str] | None:
    """The document with the issuer that it names and the one that was looked up."""
    exchange, wanted = shown_in(case, finding), expected_issuer(case)
    issuer = text((exchange.document or {}).get("issuer")) if exchange else None
    return (exchange, issuer, wanted) if exchange and issuer and wanted else None


def _both(case: Case, exchange: Exchange, issuer: str, wanted: str) -> tuple[Line, ...]:
    published = resource_document(case)
    rows = [line(exchange, "body:/issuer", capped(issuer, 160))]
    if published and wanted in texts(published[1].get("authorization_servers")):
        rows.insert(0, line(published[0], "body:/authorization_servers", capped(wanted, 160)))
    return tuple(rows)


@suspect(
    "issuer-with-slash",
    of=MISMATCH,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The issuer and the entry in authorization_servers differ by a slash at the end only.",
    fix="Publish one and the same text, best without the slash, in issuer, in iss and in authorization_servers.",
    spec=VALIDATED,
    apart="Without the slash at the end both are the same text.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _named(case, finding)
    if found and found[1].rstrip("/") == found[2].rstrip("/"):
        yield Fit("certain", _both(case, *found))


@suspect(
    "issuer-of-inner-address",
    of=MISMATCH,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The issuer is the address that the authorization server has behind its proxy, not its public one.",
    fix="Set the authorization server's public URL, or have it trust X-Forwarded-Proto and X-Forwarded-Host.",
    spec=VALIDATED,
    apart="The issuer differs in http for https, or has an inner host.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _named(case, finding)
    if found is None or found[1].rstrip("/") == found[2].rstrip("/"):
        return
    exchange, issuer, wanted = found
    same_rest = re.sub(r"^https?:", "", issuer).rstrip("/") == re.sub(r"^https?:", "", wanted).rstrip("/")
    hidden = is_inside(issuer) and host_of(issuer) != host_of(wanted)
    if same_rest or hidden:
        yield Fit("likely", _both(case, exchange, issuer, wanted))


@suspect(
    "issuer-placeholder",
    of=MISMATCH,
    step="server_metadata",
    who=MCP_SERVER,
    summary="The issuer is a pattern for many tenants, which equals no issuer that could be listed.",
    fix="List the issuer of one tenant in authorization_servers, whose metadata names it letter by letter.",
    spec=VALIDATED,
    apart="The issuer holds a placeholder in braces.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _named(case, finding)
    if found and re.search(r"\{\w+\}", found[1]):
        yield Fit("certain", _both(case, *found))


@suspect(
    "issuer-with-other-path",
    of=MISMATCH,
    step="resource_metadata",
    who=MCP_SERVER,
    summary="The MCP server lists the authorization server under another path than its issuer has.",
    fix="Copy the issuer from the authorization server's metadata into authorization_servers letter by letter, with "
    "its path (realm, tenant or server id).",
    spec=VALIDATED,
    apart="Both are on the same host, and only the paths differ.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _named(case, finding)
    if not found or found[1].rstrip("/") == found[2].rstrip("/") or "{" in found[1]:
        return
    if same_origin(found[1], found[2]):
        yield Fit("likely", _both(case, *found))


@suspect(
    "listed-issuer-outdated",
    of=MISMATCH,
    step="resource_metadata",
    who=MCP_SERVER,
    summary="The MCP server lists an address of the authorization server that is not its issuer, such as an old name.",
    fix="Copy the issuer from the authorization server's metadata into authorization_servers letter by letter.",
    spec=VALIDATED,
    apart="The metadata of the issuer that the document names is there, and names that same issuer.",
    call='Debugger(url, authorization_server="...")',
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _named(case, finding)
    if found and not same_origin(found[1], found[2]) and not is_inside(found[1]):
        yield Fit("possible", _both(case, *found))


@suspect(
    "metadata-placeholder",
    of="server-metadata-incomplete",
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The metadata URL answers 200 with an object in which nothing is filled in.",
    fix="Fill in the metadata, or answer 404 where there is none, so that clients try the next URL.",
    spec=Spec("RFC 8414", "3.2"),
    apart="Every member that a client needs is missing or empty.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = server_document(case)
    if found and finding.part == "body:":
        yield Fit("likely", (line(found[0], "status", "200"), line(found[0], "body:", finding.observed)))
