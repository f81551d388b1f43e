"""One row per protocol version. A version is data: no step has a copy per version, it asks its row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Conversation = Literal["handshake", "per request"]
"""How requests after the token look: ``initialize`` first and a session, or every request complete in itself."""

_RFC8414 = ("rfc8414", "rfc8414-insert")
_RFC8414_AND_OIDC = ("rfc8414", "oidc", "rfc8414-insert", "oidc-insert", "oidc-append")


@dataclass(frozen=True)
class Profile:
    """What one revision of MCP authorization asks for.

    Attributes:
        version: the revision, as sent in ``protocolVersion``.
        conversation: how MCP requests look.
        has_resource_metadata: the resource names its authorization server; else it is the MCP server's own origin.
        default_endpoints: without any metadata ``/authorize``, ``/token`` and ``/register`` of that origin are taken.
        server_metadata_kinds: which constructions of `wellknown.server_metadata_candidates` it knows, tried in order.
        sends_resource: the resource indicator goes into authorization and token requests.
        requires_s256_advertised: without S256 in the metadata a client must refuse to go on.
        metadata_version_header: metadata requests say the protocol version too.
        version_header: header that carries the negotiated version after ``initialize``; empty where there is none.
        knows_client_documents: a client may be identified by the URL of its metadata document.
        adds_earlier_scopes: a step-up asks for the scopes asked for before as well.
        asks_offline_access: ``offline_access`` may be added where the authorization server lists it.
        issuer_level: how grave it is when ``iss`` in the authorization response does not fit; it is always checked.
    """

    version: str
    conversation: Conversation = "handshake"
    has_resource_metadata: bool = True
    default_endpoints: bool = False
    server_metadata_kinds: tuple[str, ...] = _RFC8414_AND_OIDC
    sends_resource: bool = True
    requires_s256_advertised: bool = True
    metadata_version_header: bool = False
    version_header: str = "MCP-Protocol-Version"
    knows_client_documents: bool = True
    adds_earlier_scopes: bool = False
    asks_offline_access: bool = False
    issuer_level: Literal["SHOULD", "MUST"] = "SHOULD"


_2026_07_28 = Profile(
    "2026-07-28",
    conversation="per request",
    adds_earlier_scopes=True,
    asks_offline_access=True,
    issuer_level="MUST",
)

PROFILES = {
    profile.version: profile
    for profile in (
        Profile(
            "2025-03-26",
            has_resource_metadata=False,
            default_endpoints=True,
            server_metadata_kinds=_RFC8414,
            sends_resource=False,
            requires_s256_advertised=False,
            metadata_version_header=True,
            version_header="",
            knows_client_documents=False,
        ),
        Profile(
            "2025-06-18",
            server_metadata_kinds=_RFC8414,
            requires_s256_advertised=False,
            knows_client_documents=False,
        ),
        Profile("2025-11-25"),
        _2026_07_28,
        replace(_2026_07_28, version="draft"),
    )
}
"""The versions that can be asked for by name. ``draft`` is the text of 2026-07-28 today, and a row of its own."""

PLAIN = Profile(
    "oauth2",
    has_resource_metadata=False,
    sends_resource=False,
    requires_s256_advertised=False,
    version_header="",
    knows_client_documents=False,
)
"""OAuth 2.0 for an API that is no MCP server: no version of MCP, so it stands beside the table of those."""
AUTO = "auto"
"""Tell the version from the server's answers."""
MODERN = PROFILES["2026-07-28"]
LATEST_HANDSHAKE = PROFILES["2025-11-25"]
LATEST = LATEST_HANDSHAKE.version
OLDEST = PROFILES["2025-03-26"]


KNOWN_VERSIONS = ("2024-11-05", *(version for version in PROFILES if version != "draft"))
"""What a server may agree to: the versions with a profile, and the one before authorization was written down."""


def is_per_request(version: str) -> bool:
    """Whether every request of a version is complete in itself; False for a version that is not known."""
    return version in PROFILES and PROFILES[version].conversation == "per request"


def spoken(version: str) -> str:
    """The version as it goes over the wire."""
    return MODERN.version if version == "draft" else version
