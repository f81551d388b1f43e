"""Candidate metadata URLs, built from strings exactly as they were typed or received.

Nothing is normalised: a URL library lower-cases the host, drops a default port or resolves dot segments, and then the
bytes that a server published can no longer be compared. The two RFCs treat a trailing slash differently: RFC 9728 3.1
drops only the slash directly behind the host, RFC 8414 3.1 drops the one at the end of the issuer's path.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PROTECTED_RESOURCE = "/.well-known/oauth-protected-resource"
AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"
OPENID_CONFIGURATION = "/.well-known/openid-configuration"
PATH_SCOPED = "path-scoped"
"""The kind of a candidate that only who asked for it by name tries."""

_URL = re.compile(r"(https?://[^/?#\\]+)(/[^?#]*|)(\?[^#]*)?(#.*)?", re.DOTALL | re.IGNORECASE | re.ASCII)


class Candidate(NamedTuple):
    """One place where a document may be.

    `kind` names the construction; `identifier` is the value that the document must carry in return (``resource`` or
    ``issuer``), because it was what the URL was built from.
    """

    url: str
    kind: str
    identifier: str

    def __repr__(self) -> str:
        return f"<Candidate {self.kind}>"


class Parts(NamedTuple):
    """A URL cut, not interpreted: `origin` with scheme and authority, `path`, `query` with its question mark."""

    origin: str
    path: str
    query: str

    def __repr__(self) -> str:
        return "<Parts of a URL>"


def split(url: str) -> Parts | None:
    """Cut an http(s) URL into parts; None for anything that is none."""
    match = _URL.fullmatch(url)
    return Parts(match[1], match[2], match[3] or "") if match else None


def resource_metadata_candidates(url: str) -> tuple[Candidate, ...]:
    """Where the metadata of a protected resource may be: path-inserted first, then root (RFC 9728 3.1)."""
    parts = split(url)
    if parts is None:
        return ()
    root = Candidate(parts.origin + PROTECTED_RESOURCE, "root", parts.origin)
    path = "" if parts.path == "/" else parts.path
    if not path and not parts.query:
        return (root,)
    inserted = Candidate(parts.origin + PROTECTED_RESOURCE + path + parts.query, "path", url.partition("#")[0])
    return (inserted, root)


def server_metadata_candidates(issuer: str) -> tuple[Candidate, ...]:
    """Where the metadata of an issuer may be (RFC 8414 3.1, OpenID Connect Discovery 4), in the order of MCP."""
    parts = split(issuer)
    if parts is None:
        return ()
    path = parts.path.removesuffix("/")
    if not path:
        return (
            Candidate(parts.origin + AUTHORIZATION_SERVER, "rfc8414", issuer),
            Candidate(parts.origin + OPENID_CONFIGURATION, "oidc", issuer),
        )
    return (
        Candidate(parts.origin + AUTHORIZATION_SERVER + path, "rfc8414-insert", issuer),
        Candidate(parts.origin + OPENID_CONFIGURATION + path, "oidc-insert", issuer),
        Candidate(parts.origin + path + OPENID_CONFIGURATION, "oidc-append", issuer),
    )


def path_scoped_candidates(issuer: str, url: str) -> tuple[Candidate, ...]:
    """Where a server keeps the metadata of an issuer without path that has one document for each MCP server.

    No specification leads there: RFC 8414 3.1 inserts the issuer's path, not the resource's. The document may name the
    issuer, or the issuer with the MCP server's path, which is then the identifier that the URL is built from.

    Args:
        issuer: the issuer; there are no candidates for one with a path.
        url: the MCP server's URL; there are none for one without a path.
    """
    parts, resource = split(issuer), split(url)
    path = resource.path.removesuffix("/") if resource else ""
    if parts is None or not path or parts.path not in ("", "/"):
        return ()
    where = (AUTHORIZATION_SERVER + path, OPENID_CONFIGURATION + path, path + OPENID_CONFIGURATION)
    return tuple(Candidate(parts.origin + one, PATH_SCOPED, parts.origin + path) for one in where)


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine by name: localhost, 127.0.0.0/8 or [::1]."""
    parts = split(url)
    if parts is None:
        return False
    host = parts.origin.partition("://")[2].rpartition("@")[2]
    host = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    return host.lower() in ("localhost", "[::1]") or bool(re.fullmatch(r"127(\.[0-9]{1,3}){3}", host))


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs share scheme, host and port, case and default port aside."""
    first, second = split(one), split(other)
    return first is not None and second is not None and _canonical(first.origin) == _canonical(second.origin)


def _canonical(origin: str) -> str:
    scheme, _, host = origin.lower().partition("://")
    default = {"http": ":80", "https": ":443"}[scheme]
    return f"{scheme}://{host.rpartition('@')[2].removesuffix(default)}"
