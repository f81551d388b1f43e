"""The identity of the resource: one URL in many places, which all have to be the same string (RFC 8707, RFC 9728)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

from mcp_oauth_nb.facts.comparison import COLUMNS, Place, clipped, numbered, outcome, rows
from mcp_oauth_nb.facts.issued import COVERED, is_covered, issued
from mcp_oauth_nb.facts.table import FLOW, Cell, Table, derived, worst
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.protocol.wellknown import PROTECTED_RESOURCE, resource_metadata_candidates
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    form,
    named_metadata_url,
    query,
    resource_document,
    text,
    texts,
    without_token,
)
from mcp_oauth_nb.rules.rule import Case
from mcp_oauth_nb.rules.words import ASKED_OF_MCP_SERVER

TYPED, PUBLISHED, CHOSEN = "the URL you typed", "resource in the metadata", "resource and audience of the settings"
MOST_AUDIENCES, MOST_REDIRECTS = 8, 8


@derived("urls", steps=("resource_metadata", FLOW))
def _(case: Case) -> Table | None:
    """Where the resource is named, each place held against the one that it has to equal."""
    if not case.url or not case.exchanges():
        return None
    places = tuple(_places(case))
    moved = tuple(_moved(case))
    made = (*rows(places[:1]), *_named(case), *rows(places[1:]), *moved)
    title = f"URL identity: {outcome(places)}"
    if moved:
        title += f"; the MCP server redirects {'once' if len(moved) == 1 else f'{len(moved)} times'}"
    return Table(title, COLUMNS, made, mark=worst(row[2].mark for row in made))


def _places(case: Case) -> Iterator[Place]:
    yield Place("typed URL", case.url)
    found = resource_document(case)
    published = text(found[1].get("resource")) if found else None
    if found:
        yield Place(PUBLISHED, published, found[0].id, TYPED, (case.url,))
    wanted, against = _wanted(case, published)
    asked = authorization_request(case)
    if asked:
        yield Place("resource at authorize", query(asked).get("resource"), asked.id, against, wanted)
    for step in ("token", "refresh"):
        for one in case.exchanges(step)[-1:]:
            yield Place(f"resource at {step}", form(one).get("resource"), one.id, against, wanted)
    yield from _audiences(case, wanted, against)


def _wanted(case: Case, published: str | None) -> tuple[tuple[str, ...], str]:
    """What names the resource, and who says so. A plain API may have another identifier than its URL (RFC 8707 2)."""
    if published is not None:
        return (published,), PUBLISHED
    settings = case.trace.settings
    if settings.get("protocol") != PLAIN.version:
        return (case.url,), TYPED
    return tuple(f"{settings.get('resource', '')} {settings.get('audience', '')}".split()), CHOSEN


def _audiences(case: Case, wanted: tuple[str, ...], against: str) -> Iterator[Place]:
    for one in issued(case):
        if not one.name.startswith("access token") or "aud" not in one.claims:
            continue
        claim = one.claims["aud"]
        values = (claim,) if isinstance(claim, str) else texts(claim)[:MOST_AUDIENCES]
        fitting = [value for value in values if value in wanted]  # one that fits is enough (RFC 7519 4.1.3)
        for value in fitting or values:
            shown = COVERED if is_covered(case, value) else value
            yield Place(f"aud of the {one.name}", shown, one.exchange.id, against, wanted)


def _named(case: Case) -> Iterator[tuple[Cell, ...]]:
    """The metadata URL of the challenge: no identifier, but built from one."""
    named = named_metadata_url(case)
    if named is None:
        return
    built = {candidate.url: candidate.kind for candidate in resource_metadata_candidates(case.url)}
    if named in built:
        cell = Cell(f"well-known URL of {TYPED} ({built[named]})", "good")
    elif PROTECTED_RESOURCE in named:
        cell = Cell(f"well-known URL of something else than {TYPED}", "warn")
    else:
        cell = Cell("no well-known URL", "warn")
    asked = without_token(case)
    yield Cell("resource_metadata URL"), Cell(clipped(named), wire=True), cell, numbered(asked.id if asked else 0)


def _moved(case: Case) -> Iterator[tuple[Cell, ...]]:
    """Redirects of the MCP server: what comes behind is asked of another URL than the one that tokens are for."""
    seen: set[tuple[str, str]] = set()
    for one in case.answered(*ASKED_OF_MCP_SERVER):
        location = one.response.header("location") if one.response and one.response.status // 100 == 3 else None
        if not location or (one.request.url, location) in seen or len(seen) >= MOST_REDIRECTS:
            continue
        seen.add((one.request.url, location))
        place = Place(f"Location of {one.step}", _joined(one, location), one.id, "the URL asked", (one.request.url,))
        yield from rows([place])


def _joined(exchange: Exchange, location: str) -> str:
    try:
        return urljoin(exchange.request.url, location)
    except ValueError:
        return location
