"""One row per protocol version. A version is data: no step has a copy per version, it asks its row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """What one revision of MCP authorization asks for.

    Attributes:
        version: the revision, as sent in ``protocolVersion``.
        server_metadata_kinds: which constructions of `wellknown.server_metadata_candidates` it knows, tried in order.
        sends_resource: the resource indicator goes into authorization and token requests.
        requires_s256_advertised: without S256 in the metadata a client must refuse to go on.
        version_header: header that carries the negotiated version after ``initialize``; empty where there is none.
    """

    version: str
    server_metadata_kinds: tuple[str, ...]
    sends_resource: bool
    requires_s256_advertised: bool
    version_header: str


PROFILES = {
    profile.version: profile
    for profile in (
        Profile(
            version="2025-11-25",
            server_metadata_kinds=("rfc8414", "oidc", "rfc8414-insert", "oidc-insert", "oidc-append"),
            sends_resource=True,
            requires_s256_advertised=True,
            version_header="MCP-Protocol-Version",
        ),
    )
}
"""The versions that can be asked for by name."""

LATEST = "2025-11-25"
