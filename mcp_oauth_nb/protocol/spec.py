"""Where a rule or step is written down, in the protocol version that is in force."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MCP = "https://modelcontextprotocol.io/specification/"
_CORE = {
    "2": "#IDToken",
    "3.1.3.7": "#IDTokenValidation",
    "5.3": "#UserInfo",
    "5.3.2": "#UserInfoResponse",
    "5.3.3": "#UserInfoError",
}
"""The anchors of sections of OpenID Connect Core 1.0."""
_FLOW = "basic/authorization"
_DISCOVERY = f"{_FLOW}/authorization-server-discovery"
_REGISTRATION = f"{_FLOW}/client-registration"
_SECURITY = f"{_FLOW}/security-considerations"
_TRANSPORT = "basic/transports"
_STREAMABLE = f"{_TRANSPORT}/streamable-http"
FIRST, SECOND, THIRD, FOURTH = "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"

Places = Mapping[str, tuple[str, str]]
_SECTIONS: Mapping[str, Places] = {
    "Protocol Requirements": {FIRST: (_FLOW, "Protocol Requirements")},
    "Overview": {FIRST: (_FLOW, "Overview")},
    "Authorization Flow": {FIRST: (_FLOW, "Authorization Flow")},
    "Error Handling": {FIRST: (_FLOW, "Error Handling")},
    "Access Token Usage": {FIRST: (_FLOW, "Access Token Usage")},
    "Token Requirements": {FIRST: (_FLOW, "Token Requirements")},
    "Token Handling": {FIRST: (_FLOW, "Token Handling")},
    "Authorization Server Location": {
        SECOND: (_FLOW, "Authorization Server Location"),
        FOURTH: (_DISCOVERY, "Authorization Server Location"),
    },
    "Protected Resource Metadata Discovery Requirements": {
        SECOND: (_FLOW, "Authorization Server Location"),
        THIRD: (_FLOW, "Protected Resource Metadata Discovery Requirements"),
        FOURTH: (_DISCOVERY, "Protected Resource Metadata Discovery Requirements"),
    },
    "Authorization Server Metadata Discovery": {
        FIRST: (_FLOW, "Server Metadata Discovery"),
        SECOND: (_FLOW, "Server Metadata Discovery"),
        THIRD: (_FLOW, "Authorization Server Metadata Discovery"),
        FOURTH: (_DISCOVERY, "Authorization Server Metadata Discovery"),
    },
    "Client Registration Approaches": {
        FIRST: (_FLOW, "Dynamic Client Registration"),
        THIRD: (_FLOW, "Client Registration Approaches"),
        FOURTH: (_REGISTRATION, ""),
    },
    "Client ID Metadata Documents": {
        THIRD: (_FLOW, "Client ID Metadata Documents"),
        FOURTH: (_REGISTRATION, "Client ID Metadata Documents"),
    },
    "Canonical Server URI": {SECOND: (_FLOW, "Canonical Server URI")},
    "Security Warning": {FIRST: (_TRANSPORT, "Security Warning"), FOURTH: (_STREAMABLE, "Security Warning")},
    "Streamable HTTP": {FIRST: (_TRANSPORT, "Streamable HTTP"), FOURTH: (_STREAMABLE, "")},
    "Listening for Messages from the Server": {
        FIRST: (_TRANSPORT, "Listening for Messages from the Server"),
        FOURTH: (_STREAMABLE, ""),
    },
    "Token Audience Binding and Validation": {
        SECOND: (_FLOW, "Token Audience Binding and Validation"),
        FOURTH: (_SECURITY, "Token Audience Binding and Validation"),
    },
    "Step-Up Authorization Flow": {THIRD: (_FLOW, "Step-Up Authorization Flow")},
    "Refresh Tokens": {FOURTH: (_FLOW, "Refresh Tokens")},
    "Authorization Extensions": {FOURTH: (_FLOW, "Authorization Extensions")},
    "Resource Parameter Implementation": {SECOND: (_FLOW, "Resource Parameter Implementation")},
    "Scope Selection Strategy": {THIRD: (_FLOW, "Scope Selection Strategy")},
    "Scope Challenge Handling": {FIRST: (_FLOW, "Error Handling"), THIRD: (_FLOW, "Scope Challenge Handling")},
    "Authorization Response Validation": {FOURTH: (_FLOW, "Authorization Response Validation")},
    "Application Type and Redirect URI Constraints": {
        FOURTH: (_REGISTRATION, "Application Type and Redirect URI Constraints")
    },
    "Communication Security": {
        FIRST: (_FLOW, "Security Considerations"),
        SECOND: (_FLOW, "Communication Security"),
        FOURTH: (_SECURITY, "Communication Security"),
    },
    "Authorization Code Protection": {
        FIRST: (_FLOW, "Implementation Requirements"),
        SECOND: (_FLOW, "Authorization Code Protection"),
        FOURTH: (_SECURITY, "Authorization Code Protection"),
    },
    "Open Redirection": {
        FIRST: (_FLOW, "Security Considerations"),
        SECOND: (_FLOW, "Open Redirection"),
        FOURTH: (_SECURITY, "Open Redirection"),
    },
    "Token Theft": {
        FIRST: (_FLOW, "Implementation Requirements"),
        SECOND: (_FLOW, "Token Theft"),
        FOURTH: (_SECURITY, "Token Theft"),
    },
    "Sending Messages to the Server": {
        FIRST: (_TRANSPORT, "Sending Messages to the Server"),
        FOURTH: (_STREAMABLE, "Sending Messages"),
    },
    "Session Management": {FIRST: (_TRANSPORT, "Session Management")},
    "Protocol Version Header": {
        SECOND: (_TRANSPORT, "Protocol Version Header"),
        FOURTH: (_STREAMABLE, "Protocol Version Header"),
    },
    "Discovery": {FOURTH: ("server/discover", "Request")},
    "Initialization": {FIRST: ("basic/lifecycle", "Initialization")},
    "Request Metadata": {FOURTH: (_STREAMABLE, "Request Metadata")},
    "Standard Request Headers": {FOURTH: (_STREAMABLE, "Standard Request Headers")},
    "Version Negotiation": {FIRST: ("basic/lifecycle", "Version Negotiation"), FOURTH: ("basic/versioning", "")},
    "URL Mode Elicitation": {THIRD: ("client/elicitation", "URL Mode Elicitation Requests")},
    "Result Responses": {FIRST: ("basic", "Responses"), THIRD: ("basic", "Result Responses")},
}
"""Sections of the MCP specification by the name that rules use: from which version on which page and heading it is."""
_LAST = {"Session Management": THIRD, "Initialization": THIRD}
"""Sections that a later version dropped: the last version that has them."""


@dataclass(frozen=True)
class Spec:
    """A document and a section of it: ``Spec("RFC 9728", "3.3")`` or ``Spec("MCP 2025-11-25", "Error Handling")``."""

    document: str
    section: str = ""

    def __str__(self) -> str:
        mark = "§" if self.section[:1].isdigit() else ""
        return f"{self.document} {mark}{self.section}".strip()

    def at(self, version: str) -> Spec:
        """The same place in another version of MCP; itself where that version has no such section, or for an RFC."""
        kind, _, _ = self.document.partition(" ")
        known = version and kind == "MCP" and _place(self.section, version)
        return Spec(f"MCP {version}", self.section) if known else self

    @property
    def url(self) -> str:
        """Where to read it: the page of the very version, with the heading where it is known."""
        kind, _, number = self.document.partition(" ")
        if kind == "RFC":
            anchor = f"#section-{self.section}" if self.section[:1].isdigit() else ""
            return f"https://www.rfc-editor.org/rfc/rfc{number}{anchor}"
        if kind == "MCP":
            page, heading = _place(self.section, number) or (_FLOW, "")
            anchor = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
            return f"{_MCP}{number}/{page}" + (f"#{anchor}" if anchor else "")
        if self.document == "CIMD":
            return "https://datatracker.ietf.org/doc/html/draft-ietf-oauth-client-id-metadata-document-00"
        if self.document == "OAuth 2.1":
            return "https://datatracker.ietf.org/doc/html/draft-ietf-oauth-v2-1-13"
        if self.document == "OIDC Core":
            anchor = _CORE.get(self.section, "")
            return f"https://openid.net/specs/openid-connect-core-1_0.html{anchor}"
        return "https://openid.net/specs/openid-connect-discovery-1_0.html"


def _place(section: str, version: str) -> tuple[str, str] | None:
    """Page and heading of a section in a version; None where it has none. ``draft`` sorts behind every date."""
    if version > _LAST.get(section, version):
        return None
    places = _SECTIONS.get(section, {})
    begun = [first for first in places if first <= version]
    return places[max(begun)] if begun else None
