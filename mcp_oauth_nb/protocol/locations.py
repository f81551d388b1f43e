"""Every location at which a metadata document may be, with who reads it there: the order of each protocol version.

`wellknown` builds the URLs that clients ask. Here stand those as well that no version asks and that servers use all the
same, because a document at such a place is why "the metadata is published" and "no client finds it" are both true.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from mcp_oauth_nb.protocol.profiles import PROFILES, spoken
from mcp_oauth_nb.protocol.wellknown import (
    AUTHORIZATION_SERVER,
    OPENID_CONFIGURATION,
    PROTECTED_RESOURCE,
    Candidate,
    Parts,
    resource_metadata_candidates,
    server_metadata_candidates,
    split,
)

DocumentKind = Literal["resource", "server"]
"""Protected resource metadata (RFC 9728), or authorization server metadata (RFC 8414, OpenID Connect Discovery)."""
Places = tuple[tuple[str, int], ...]
"""Protocol versions, each with a place in its order, counted from 1."""

MOST = 24
"""Locations that are asked in one go. What is left out first are the other spellings of a trailing slash."""
OWN_ORIGIN = "own origin"
CHALLENGED = "only where the challenge names no URL"
NOBODY = "no protocol version asks here"

_SPOKEN = tuple(profile for name, profile in PROFILES.items() if spoken(name) == name)
"""One row for each version that goes over the wire."""


class Location(NamedTuple):
    """One URL at which a document may be.

    Attributes:
        url: what is asked.
        document: which document it would be.
        kinds: how the URL is built, such as ``path`` or ``rfc8414-insert``; several where they lead to one URL.
        identifiers: what the document may name as its ``resource`` or ``issuer``; the one the URL was built from first.
        readers: the protocol versions that ask here, and as which in their order.
        remark: why a usual location is not asked this time; empty for all others.
        guessed: the issuer is only assumed, so that a document may name any where none is known.
    """

    url: str
    document: DocumentKind
    kinds: tuple[str, ...]
    identifiers: tuple[str, ...]
    readers: Places = ()
    remark: str = ""
    guessed: bool = False

    def __repr__(self) -> str:
        return f"<Location {self.document} {' '.join(self.kinds)}>"

    @property
    def is_usual(self) -> bool:
        """Whether some version asks here, or would without a URL in the challenge."""
        return bool(self.readers or self.remark)

    @property
    def readership(self) -> str:
        """Who reads a document that is here, in words."""
        versions = [version for version, _ in self.readers]
        if not versions:
            return self.remark or NOBODY
        known = [profile.version for profile in _SPOKEN]
        if len(versions) > 1 and versions == known[known.index(versions[0]) :]:
            return f"read by clients of {versions[0]} and later"
        return f"read by clients of {', '.join(versions)}"


def resource_locations(url: str, named: str | None) -> tuple[Location, ...]:
    """Where the protected resource metadata of the MCP server may be.

    Args:
        url: the MCP server's URL as typed.
        named: the URL that its challenge names, if it names one.
    """
    usual = resource_metadata_candidates(url)
    found = [Location(named, "resource", ("challenge",), (url,), _resource_places(1))] if named else []
    for place, one in enumerate(usual, 1):
        if one.kind == "root":
            found += _respelled(url)
        readers = () if named else _resource_places(place)
        identifiers = _distinct((one.identifier, url))
        found.append(Location(one.url, "resource", (one.kind,), identifiers, readers, CHALLENGED if named else ""))
    return _merged([*found, *_behind_the_path(url)])


def _respelled(url: str) -> Iterable[Location]:
    """The inserted URL of the same resource in fewer characters: without the trailing slash, without the query."""
    parts = split(url)
    if parts is None:
        return
    bare = parts.path.removesuffix("/")
    for path, query, how in ((bare, parts.query, "slash"), (parts.path, "", "query")):
        if bare and path + query != parts.path + parts.query:
            inserted = parts.origin + PROTECTED_RESOURCE + path + query
            yield Location(inserted, "resource", (f"path without {how}",), (parts.origin + path + query, url))


def _behind_the_path(url: str) -> Iterable[Location]:
    """Where a document stands that was appended instead of inserted, or inserted for the path with a slash."""
    parts = split(url)
    if parts is None or not parts.path.strip("/"):
        return
    yield Location(parts.origin + parts.path.removesuffix("/") + PROTECTED_RESOURCE, "resource", ("append",), (url,))
    if not parts.path.endswith("/"):
        spelled, how = _other_slash(PROTECTED_RESOURCE, parts, parts.query)
        yield Location(spelled, "resource", (f"path {how}",), (url,))


def server_locations(url: str, issuers: Iterable[str]) -> tuple[Location, ...]:
    """Where the metadata of these issuers may be, and that of the MCP server's own origin (MCP 2025-03-26).

    Args:
        url: the MCP server's URL as typed.
        issuers: those that the protected resource metadata names, as far as it is known.
    """
    issuers = _distinct(issuer for issuer in issuers if split(issuer) is not None)
    usual = [location for issuer in issuers for location in _of_issuer(issuer)]
    parts = split(url)
    own = _of_own_origin(parts.origin, issuers) if parts else ()
    unusual = [location for issuer in issuers for location in _unusual(issuer)]
    spelled = [location for issuer in issuers for location in _spelled(issuer)]
    return _merged([*usual, *own, *unusual, *spelled])


def _of_issuer(issuer: str) -> Iterable[Location]:
    candidates = server_metadata_candidates(issuer)
    for one in candidates:
        yield Location(one.url, "server", (one.kind,), (issuer,), _server_places(one, candidates, modern=True))


def _of_own_origin(origin: str, issuers: Sequence[str]) -> Iterable[Location]:
    candidates = server_metadata_candidates(origin)
    identifiers = _distinct((origin, *issuers))
    for one in candidates:
        readers = _server_places(one, candidates, modern=False)
        kind = f"{one.kind} of the {OWN_ORIGIN}"
        yield Location(one.url, "server", (kind,), identifiers, readers, guessed=True)


def _unusual(issuer: str) -> Iterable[Location]:
    """Real-world locations of an issuer with a path that no specification names."""
    parts = split(issuer)
    path = parts.path.removesuffix("/") if parts else ""
    if parts is None or not path:
        return
    yield Location(parts.origin + path + AUTHORIZATION_SERVER, "server", ("rfc8414-append",), (issuer,))
    root = Candidate(parts.origin + AUTHORIZATION_SERVER, "rfc8414-root", parts.origin)
    yield Location(root.url, "server", (root.kind,), (root.identifier, issuer))


def _spelled(issuer: str) -> Iterable[Location]:
    parts = split(issuer)
    if parts is None or not parts.path.strip("/"):
        return
    bare = parts._replace(path=parts.path.removesuffix("/"))
    for kind, name in (("rfc8414-insert", AUTHORIZATION_SERVER), ("oidc-insert", OPENID_CONFIGURATION)):
        url, how = _other_slash(name, bare, "")
        yield Location(url, "server", (f"{kind} {how}",), (issuer,))


def _other_slash(name: str, parts: Parts, query: str) -> tuple[str, str]:
    """The inserted URL with the trailing slash that the usual one lacks, or without the one that it has."""
    bare = parts.path.removesuffix("/")
    path, how = (bare, "without slash") if parts.path != bare else (f"{bare}/", "with slash")
    return parts.origin + name + path + query, how


def _resource_places(place: int) -> Places:
    return tuple((profile.version, place) for profile in _SPOKEN if profile.has_resource_metadata)


def _server_places(one: Candidate, all_: Sequence[Candidate], *, modern: bool) -> Places:
    """Which versions ask for this candidate, and as which: those that are told the issuer, or those that assume it."""
    places = []
    for profile in _SPOKEN:
        kinds = [candidate.kind for candidate in all_ if candidate.kind in profile.server_metadata_kinds]
        if profile.has_resource_metadata is modern and one.kind in kinds:
            places.append((profile.version, kinds.index(one.kind) + 1))
    return tuple(places)


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _merged(found: Iterable[Location]) -> tuple[Location, ...]:
    """Each URL once, with all that leads to it: kinds, identifiers and readers."""
    merged: dict[str, Location] = {}
    for one in found:
        first = merged.get(one.url)
        if first is None:
            merged[one.url] = one
            continue
        places = {**dict(one.readers), **dict(first.readers)}
        merged[one.url] = Location(
            one.url,
            one.document,
            _distinct((*first.kinds, *one.kinds)),
            _distinct((*first.identifiers, *one.identifiers)),
            tuple(sorted(places.items())),
            "" if places else first.remark or one.remark,
            first.guessed and one.guessed,
        )
    return tuple(merged.values())
