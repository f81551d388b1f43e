"""Two identifiers side by side: byte for byte first, then what is left of the difference once both are normalised.

Identifiers of OAuth are compared as strings (RFC 3986 6.2.1), so that a slash or a capital letter parts two URLs which
a browser takes for one. Which of the two it is decides who has to mend what, and is said here in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from mcp_oauth_nb.facts.table import Cell
from mcp_oauth_nb.rules.words import capped

LONGEST = 300
"""Characters of an identifier in a cell."""
ABSENT = "(absent)"
_PORTS = {"http": "80", "https": "443"}
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<slashes>//)?(?P<user>[^/?#@]*@)?"
    r"(?P<host>\[[^\]/?#]*\]|[^/?#:]*)?(?::(?P<port>[^/?#]*))?(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?:#.*)?",
    re.DOTALL,
)


class Address(NamedTuple):
    """The components of a URL as written; `port` is empty where none is, `query` has its question mark."""

    scheme: str
    host: str
    port: str
    path: str
    query: str

    @property
    def real_port(self) -> str:
        """The port that is meant: the default one where none is written."""
        return self.port or _PORTS.get(self.scheme.lower(), "")


class Difference(NamedTuple):
    """Where two texts part.

    Attributes:
        at: the first character that differs, counted from 1.
        here: that character of the first text, in words.
        there: that of the second.
        only: what alone makes the difference, once both are normalised; empty where they differ all the same.
        part: the first component that differs; empty where they are no URLs.
    """

    at: int
    here: str
    there: str
    only: str
    part: str = ""

    def __str__(self) -> str:
        where = f" ({self.part})" if self.part else ""
        said = f"differs at character {self.at}{where}: {self.here} against {self.there}"
        return f"{said}; equal after normalisation: differs only by {self.only}" if self.only else said

    @property
    def brief(self) -> str:
        """The same in fewer words, for a title."""
        told = f"only by {self.only}" if self.only else f"{self.here} against {self.there}"
        return f"differs at character {self.at}: {told}"


def address(url: str) -> Address | None:
    """A URL in components; None for what is none. Those without an authority, such as ``app:/back``, have no host."""
    match = _URL.fullmatch(url)
    if match is None or (not match["slashes"] and (match["host"] or match["port"])):
        return _without_authority(url)
    return Address(match["scheme"], match["host"] or "", match["port"] or "", match["path"], match["query"] or "")


def _without_authority(url: str) -> Address | None:
    scheme, colon, rest = url.partition("#")[0].partition(":")
    path, question, query = rest.partition("?")
    return Address(scheme, "", "", path, question + query) if colon and scheme.isalnum() and scheme.isascii() else None


def difference(one: str, other: str) -> Difference | None:
    """How two texts differ; None where they are equal, character for character."""
    if one == other:
        return None
    at = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(one), len(other)) if at is None else at
    return Difference(at + 1, _character(one, at), _character(other, at), _only(one, other), _part(one, other))


def _part(one: str, other: str) -> str:
    ours, theirs = address(one), address(other)
    if ours is None or theirs is None:
        return ""
    return next((name for name, a, b in zip(Address._fields, ours, theirs, strict=True) if a != b), "")


def _character(value: str, at: int) -> str:
    if at >= len(value):
        return "the end"
    character = value[at]
    if character == " ":
        return "a blank"
    named = f" (U+{ord(character):04X})" if not character.isascii() or not character.isprintable() else ""
    return f'"{character}"{named}'


def _only(one: str, other: str) -> str:
    """Which differences in spelling make up the whole difference, in words; empty where there is more."""
    if one.strip() == other.strip():
        return "blanks around it"
    ours, theirs = address(one.strip()), address(other.strip())
    if ours is None or theirs is None or _normal(ours) != _normal(theirs) or "#" in one + other:
        return ""
    spelled = (
        ("case of the scheme", ours.scheme != theirs.scheme),
        ("case of the host", ours.host != theirs.host),
        ("the default port", ours.port != theirs.port),
        ("a trailing slash", _slashed(ours.path) != _slashed(theirs.path)),
        (
            "percent-encoding",
            ours.path.removesuffix("/") != theirs.path.removesuffix("/") or ours.query != theirs.query,
        ),
        ("blanks around it", (one, other) != (one.strip(), other.strip())),
    )
    return " and ".join(name for name, holds in spelled if holds)


def _slashed(path: str) -> bool:
    return path.endswith("/")


def _normal(one: Address) -> tuple[str, ...]:
    path = unquote(one.path.removesuffix("/"))
    return one.scheme.lower(), one.host.lower().removesuffix("."), one.real_port, path, unquote(one.query)


class Place(NamedTuple):
    """One place in which an identifier stands.

    Attributes:
        name: what the place is called.
        value: the identifier; None where the place has none.
        exchange: the exchange that shows it; 0 for none.
        against: the place it has to equal; empty for the one that all are held against.
        expected: the identifiers of which it has to be one; empty where there is nothing to hold it against.
    """

    name: str
    value: str | None
    exchange: int = 0
    against: str = ""
    expected: tuple[str, ...] = ()

    @property
    def is_judged(self) -> bool:
        """Whether there is something on both sides."""
        return self.value is not None and bool(self.expected)

    @property
    def apart(self) -> Difference | None:
        """How it differs from the identifier that it is nearest to; None where it equals one or is not judged."""
        if self.value is None or not self.expected or self.value in self.expected:
            return None
        found = [one for one in (difference(self.value, expected) for expected in self.expected) if one]
        return max(found, key=lambda one: (bool(one.only), one.at))


COLUMNS = ("place", "value", "compared", "exchange")


def rows(places: Iterable[Place]) -> tuple[tuple[Cell, ...], ...]:
    """The places as rows of a table with `COLUMNS`."""
    return tuple(
        (Cell(one.name), Cell(clipped(one.value), wire=one.value is not None), compared(one), numbered(one.exchange))
        for one in places
    )


def compared(one: Place) -> Cell:
    """How a place stands to the one that it has to equal."""
    apart = one.apart
    if apart is not None:
        return Cell(f"{apart}, compared with {one.against}", "warn" if apart.only else "bad")
    return Cell(f"equal to {one.against}", "good") if one.is_judged else Cell("")


def outcome(places: Iterable[Place]) -> str:
    """The places in a few words: ``5 places, all equal``, or which one differs first, and where."""
    there = [one for one in places if one.value is not None]
    differing = [one for one in there if one.apart]
    counted = "1 place" if len(there) == 1 else f"{len(there)} places"
    if not differing:
        return f"{counted}, all equal" if any(one.is_judged for one in there) else f"{counted}, nothing to compare"
    gravest = min(differing, key=lambda one: bool(one.apart and one.apart.only))
    more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
    return f"{counted}; {gravest.name} {gravest.apart.brief if gravest.apart else ''}{more}"


def clipped(value: str | None, longest: int = LONGEST) -> str:
    """A value for a cell; what is too long ends in three dots, and what is not there says so."""
    if value is None:
        return ABSENT
    return capped(value, longest)


def numbered(exchange: int) -> Cell:
    """An exchange by its number; empty for none."""
    return Cell(f"#{exchange}" if exchange else "")
