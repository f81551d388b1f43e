"""What every well-known location gave, and where the copies of a document differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcp_oauth_nb.facts.table import Cell, Mark, Table, derived, said
from mcp_oauth_nb.protocol.locations import DocumentKind, Location
from mcp_oauth_nb.protocol.probes import WELL_KNOWN
from mcp_oauth_nb.rules.attempts import Attempt, Verdict, all_locations, attempts, is_same
from mcp_oauth_nb.rules.evidence import Members
from mcp_oauth_nb.rules.rule import Case
from mcp_oauth_nb.vault import Vault

COLUMNS = ("location", "document", "built as", "status", "content type", "ms", "verdict", "asked by", "taken")
SHORT: dict[DocumentKind, str] = {"resource": "resource metadata", "server": "server metadata"}
NAMES: dict[DocumentKind, str] = {
    "resource": "protected resource metadata",
    "server": "authorization server metadata",
}
ORDINALS = ("", "1st", "2nd", "3rd")
MARKS: dict[Verdict, Mark] = {
    "document fits": "good",
    "another spelling": "warn",
    "parent path": "warn",
    "redirect": "warn",
    "address refused": "warn",
    "wrong resource": "bad",
    "wrong issuer": "bad",
    "not JSON": "bad",
    "HTML page": "bad",
    "blocked": "bad",
    "no answer": "bad",
    "refused": "bad",
}


@derived("locations", steps=(WELL_KNOWN,))
def matrix(case: Case) -> Table | None:
    """One row per location: what it gave, who asks there and in which place, and which one the flow took."""
    found = attempts(case)
    if not found:
        return None
    fitting = sum(one.verdict == "document fits" for one in found)
    title = f"Locations of the metadata: {len(found)} asked, {fitting} with a document that fits"
    return Table(title, COLUMNS, tuple(map(_row, found)), tuple(_notes(case, found)))


def _row(one: Attempt) -> tuple[Cell, ...]:
    response = one.exchange.response
    return (
        Cell(one.exchange.request.url, wire=True),
        Cell(SHORT[one.location.document]),
        Cell(", ".join(one.location.kinds)),
        Cell(_came(one)),
        Cell(response.media_type[:80] if response else ""),
        Cell(f"{one.exchange.elapsed_ms:.0f}" if one.exchange.elapsed_ms > 0 else ""),
        Cell(one.verdict, MARKS.get(one.verdict, "")),
        Cell(asked_by(one.location)),
        Cell("taken" if one.taken else "", "good" if one.taken else ""),
    )


def _came(one: Attempt) -> str:
    """The status, with where a redirect leads; or what sort of failure stands in its place."""
    response, failure = one.exchange.response, one.exchange.failure
    if response is None:
        return f"{failure.kind} failure" if failure else "none"
    target = response.header("location") if one.verdict == "redirect" else None
    return f"{response.status} to {target.partition('?')[0][:300]}" if target else str(response.status)


def asked_by(location: Location) -> str:
    """Which versions ask here, and as which: ``1st for 2025-11-25, 2026-07-28``."""
    places: dict[int, list[str]] = {}
    for version, place in location.readers:
        places.setdefault(place, []).append(version)
    told = (f"{_ordinal(place)} for {', '.join(versions)}" for place, versions in sorted(places.items()))
    return "; ".join(told) or location.readership


def _ordinal(place: int) -> str:
    return ORDINALS[place] if place < len(ORDINALS) else f"{place}th"


def _notes(case: Case, found: Sequence[Attempt]) -> Iterator[str]:
    asked = {one.exchange.request.url for one in found}
    left_out = sum(location.url not in asked for location in all_locations(case))
    if left_out:
        yield f"{left_out} further {'location was' if left_out == 1 else 'locations were'} not asked."
    if not any(one.taken for one in found):
        yield "The flow has taken none of these documents (yet)."


@derived("copies", steps=(WELL_KNOWN,))
def differences(case: Case) -> Table | None:
    """The members in which documents of one kind differ, their values side by side; a table for each kind."""
    found = attempts(case)
    if not found:
        return None
    made = [table for kind in NAMES for table in _compared(case, kind, found)]
    if not made:
        return Table("Copies of the metadata", (), notes=("No document was found at more than one location.",))
    first, *others = made
    return Table(first.title, first.columns, first.rows, first.notes, tuple(others))


def _compared(case: Case, kind: DocumentKind, found: Sequence[Attempt]) -> Iterator[Table]:
    """Documents of one kind; those of several authorization servers are no copies of each other."""
    groups: dict[str, list[Attempt]] = {}
    for one in found:
        if one.document is not None and one.location.document == kind:
            groups.setdefault(one.subject if kind == "server" else "", []).append(one)
    several = len(groups) > 1
    for subject, group in groups.items():
        if len(group) > 1:
            yield _difference(case, f"{NAMES[kind]}{f' of {subject}' if several else ''}", group)


def _difference(case: Case, name: str, group: Sequence[Attempt]) -> Table:
    documents = [one.document or {} for one in group]
    members = list(dict.fromkeys(member for document in documents for member in document))
    differing = [member for member in members if not all(_agrees(documents[0], other, member) for other in documents)]
    if not differing:
        return Table(f"Copies of the {name}", (), notes=(f"All {len(group)} copies are equal.",))
    vault = case.trace.vault
    # Headings are ours alone, so the URLs stand in the first row.
    head = (Cell("found at"), *(Cell(one.exchange.request.url, wire=True) for one in group))
    rows = [(Cell(member, wire=True), *(_value(vault, one, member) for one in documents)) for member in differing]
    columns = ("member", *(f"copy {number}" for number in range(1, len(group) + 1)))
    equal = len(members) - len(differing)
    notes = (f"{equal} further {'member is' if equal == 1 else 'members are'} equal everywhere.",) if equal else ()
    return Table(f"Copies of the {name} that differ", columns, (head, *rows), notes)


def _agrees(one: Members, other: Members, member: str) -> bool:
    return (member in one) == (member in other) and is_same(one.get(member), other.get(member))


def _value(vault: Vault, document: Members, member: str) -> Cell:
    if member not in document:
        return Cell("(absent)", "warn")
    return Cell(said(vault, member, document[member]), wire=True)
