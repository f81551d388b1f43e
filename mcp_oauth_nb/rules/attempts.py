"""What every well-known location gave, read from the captured exchanges of the probe alone.

So the same reading comes from a trace that was saved: the locations are worked out anew from the URL that was typed,
the challenge and the issuers that the documents name, and each exchange is found among them by its URL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mcp_oauth_nb.protocol.locations import DocumentKind, Location, resource_locations, server_locations
from mcp_oauth_nb.protocol.probes import WELL_KNOWN
from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.wellknown import PROTECTED_RESOURCE
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import Members, named_metadata_url, resource_document, server_document, text, texts
from mcp_oauth_nb.rules.rule import Case, Who
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, kind_of

Verdict = Literal[
    "document fits",
    "another spelling",
    "parent path",
    "wrong resource",
    "wrong issuer",
    "not JSON",
    "HTML page",
    "not found",
    "redirect",
    "blocked",
    "address refused",
    "no answer",
    "refused",
]
IDENTITY: dict[DocumentKind, str] = {"resource": "resource", "server": "issuer"}
"""The member in which a document says what it is about."""
UNKNOWN = "not known any more"


@dataclass(frozen=True, repr=False)
class Attempt:
    """One location with what it gave.

    Attributes:
        exchange: the exchange.
        location: the location, with who reads it.
        verdict: what to make of the answer.
        taken: the flow took its document from this very URL.
    """

    exchange: Exchange
    location: Location
    verdict: Verdict
    taken: bool = False

    def __repr__(self) -> str:
        return f"<Attempt {self.location!r} {self.verdict}>"

    @property
    def document(self) -> Members | None:
        """The JSON object that came with 200; None for anything else."""
        return _document(self.exchange)

    @property
    def identity(self) -> str | None:
        """What the document says it is about."""
        return text((self.document or {}).get(IDENTITY[self.location.document]))

    @property
    def subject(self) -> str:
        """What the document is a copy for: what it names, where that fits its URL, else what its URL stands for.

        A trailing slash makes no other subject: documents that differ in it are copies that differ.
        """
        named = (self.identity or "").removesuffix("/")
        fitting = [one.removesuffix("/") for one in self.location.identifiers]
        return named if named and (named in fitting or self.verdict == "document fits") else fitting[0]

    @property
    def who(self) -> Who:
        """Who has to see to the document."""
        return MCP_SERVER if self.location.document == "resource" else AUTHORIZATION_SERVER


def attempts(case: Case) -> tuple[Attempt, ...]:
    """Every location that the probe asked, in the order of asking; empty where it did not run."""
    asked = case.exchanges(WELL_KNOWN)
    if not asked:
        return ()
    known = {location.url: location for location in all_locations(case)}
    took = {pair[0].request.url for pair in (resource_document(case), server_document(case)) if pair}
    made = []
    for exchange in asked:
        url = exchange.request.url
        location = known.get(url) or _unknown(case, url)
        made.append(Attempt(exchange, location, _verdict(case, exchange, location), url in took))
    return tuple(made)


def all_locations(case: Case) -> tuple[Location, ...]:
    """Every location there is for what the trace knows, also those that were too many to be asked."""
    issuers = [
        issuer
        for step in ("resource_metadata", WELL_KNOWN)
        for _, document in case.documents(step)
        for issuer in texts(document.get("authorization_servers"))
    ]
    return (*resource_locations(case.url, named_metadata_url(case)), *server_locations(case.url, issuers))


def copies(found: Sequence[Attempt]) -> Iterator[tuple[Attempt, ...]]:
    """Documents that ought to be the same, two or more at a time: of one kind, about one resource or issuer."""
    groups: dict[tuple[str, str], list[Attempt]] = {}
    for one in found:
        if one.document is not None:
            groups.setdefault((one.location.document, one.subject), []).append(one)
    yield from (tuple(group) for group in groups.values() if len(group) > 1)


def is_same(one: object, other: object) -> bool:
    """Whether two members say the same; in an array of texts the order says nothing."""
    if (
        isinstance(one, list)
        and isinstance(other, list)
        and len(one) == len(texts(one))
        and len(other) == len(texts(other))
    ):
        return sorted(texts(one)) == sorted(texts(other))
    return type(one) is type(other) and one == other


def _document(exchange: Exchange) -> Members | None:
    return exchange.document if exchange.status == 200 and exchange.failure is None else None


def _unknown(case: Case, url: str) -> Location:
    """A location that nothing leads to any more, because what named it was asked for again since."""
    return Location(url, "resource" if PROTECTED_RESOURCE in url else "server", (UNKNOWN,), (case.url,), guessed=True)


def _verdict(case: Case, exchange: Exchange, location: Location) -> Verdict:
    if exchange.failure is not None or exchange.response is None:
        return "address refused" if exchange.failure and exchange.failure.kind == "address" else "no answer"
    kind = kind_of(exchange)
    if kind == "object":
        return _fit(case, exchange, location) if exchange.status == 200 else "refused"
    return _VERDICTS.get(kind, "refused")


_VERDICTS: dict[str, Verdict] = {
    "redirect": "redirect",
    "asks for credentials": "blocked",
    "forbidden": "blocked",
    "gateway error": "blocked",
    "server error": "blocked",
    "not found": "not found",
    "empty": "not JSON",
    "page": "HTML page",
    "not JSON": "not JSON",
    "not an object": "not JSON",
}


def _fit(case: Case, exchange: Exchange, location: Location) -> Verdict:
    """Whether a document names what its URL was built from (RFC 9728 3.3, RFC 8414 3.3)."""
    named = text((exchange.document or {}).get(IDENTITY[location.document]))
    if named in location.identifiers:
        return "document fits"
    if location.document == "resource":
        match = resource_match(named, location.identifiers[0], case.url)
        return "another spelling" if match == "spelling" else "parent path" if match == "parent" else "wrong resource"
    any_issuer = location.guessed and len(location.identifiers) == 1
    return "document fits" if any_issuer and named else "wrong issuer"
