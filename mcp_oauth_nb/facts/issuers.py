"""The identity of the authorization server: its issuer, in every place that names it (RFC 8414 3.3, RFC 9207 2.4)."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.facts.comparison import COLUMNS, Place, clipped, numbered, outcome, rows
from mcp_oauth_nb.facts.issued import COVERED, is_covered, issued
from mcp_oauth_nb.facts.table import FLOW, Cell, Table, derived, worst
from mcp_oauth_nb.protocol.wellknown import server_metadata_candidates
from mcp_oauth_nb.rules.evidence import redirect, resource_document, returned, server_document, text, texts
from mcp_oauth_nb.rules.outside import is_outside
from mcp_oauth_nb.rules.rule import Case

LISTED, PUBLISHED = "the authorization server of the resource", "issuer in the metadata"
SETTING = "the issuer of the settings"
MOST_LISTED = 8


@derived("issuers", steps=("server_metadata", FLOW))
def _(case: Case) -> Table | None:
    """Where the issuer is named, each place held against the one that it has to equal."""
    places = tuple(_places(case))
    if not places:
        return None
    listed = [place for place in places if place.name.startswith("authorization_servers")]
    made = (*rows(listed), *_asked(case), *rows(places[len(listed) :]))
    return Table(f"Issuer identity: {outcome(places)}", COLUMNS, made, mark=worst(row[2].mark for row in made))


def _listed(case: Case) -> tuple[str, ...]:
    """The issuers that the resource lists, the one that was taken first; without MCP the one that was typed."""
    if is_outside(case):
        typed = case.trace.settings.get("issuer")
        return (typed,) if typed else ()
    found = resource_document(case)
    named = list(dict.fromkeys(texts(found[1].get("authorization_servers")))) if found else []
    metadata = server_document(case)
    url = metadata[0].request.url if metadata else None
    took = [one for one in named if any(url == candidate.url for candidate in server_metadata_candidates(one))]
    return tuple(dict.fromkeys((*took, *named)))[:MOST_LISTED]


def _source(case: Case) -> str:
    """Who says which authorization server is meant, in words."""
    return SETTING if is_outside(case) else LISTED


def _places(case: Case) -> Iterator[Place]:
    listed = _listed(case)
    found = resource_document(case)
    if is_outside(case) and listed:
        yield Place(SETTING, listed[0])
    for number, issuer in enumerate(() if is_outside(case) else listed):
        more = "" if number == 0 else f", not taken ({number + 1})"
        yield Place(f"authorization_servers{more}", issuer, found[0].id if found else 0)
    metadata = server_document(case)
    published = text(metadata[1].get("issuer")) if metadata else None
    if metadata:
        yield Place(PUBLISHED, published, metadata[0].id, _source(case), listed[:1])
    if published is None and not listed:
        return
    wanted, against = (published, PUBLISHED) if published is not None else (listed[0], _source(case))
    back = redirect(case)
    if back:
        yield Place("iss of the redirect", returned(case, back).get("iss"), back.id, against, (wanted,))
    for one in issued(case):
        named = text(one.claims.get("iss"))
        if named is not None:
            shown = COVERED if is_covered(case, named) else named
            yield Place(f"iss of the {one.name}", shown, one.exchange.id, against, (wanted,))


def _asked(case: Case) -> Iterator[tuple[Cell, ...]]:
    """The URL that the metadata came from: no issuer, but built from one."""
    metadata = server_document(case)
    if metadata is None:
        return
    url, listed = metadata[0].request.url, _listed(case)[:1]
    built = {one.url: one.kind for issuer in listed for one in server_metadata_candidates(issuer)}
    if url in built:
        cell = Cell(f"well-known URL of {_source(case)} ({built[url]})", "good")
    else:
        cell = Cell(f"no well-known URL of {_source(case)}" if listed else "the resource names no issuer", "warn")
    yield Cell("URL of the metadata"), Cell(clipped(url), wire=True), cell, numbered(metadata[0].id)
