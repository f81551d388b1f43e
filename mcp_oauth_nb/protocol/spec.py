"""Where a rule or step is written down."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Spec:
    """A document and a section of it: ``Spec("RFC 9728", "3.3")`` or ``Spec("MCP 2025-11-25", "Error Handling")``."""

    document: str
    section: str = ""

    def __str__(self) -> str:
        mark = "§" if self.section[:1].isdigit() else ""
        return f"{self.document} {mark}{self.section}".strip()

    @property
    def url(self) -> str:
        """Where to read it."""
        kind, _, number = self.document.partition(" ")
        if kind == "RFC":
            anchor = f"#section-{self.section}" if self.section[:1].isdigit() else ""
            return f"https://www.rfc-editor.org/rfc/rfc{number}{anchor}"
        if kind == "MCP":
            return f"{_MCP}{number}/basic/authorization"
        if self.document == "CIMD":
            return "https://datatracker.ietf.org/doc/html/draft-ietf-oauth-client-id-metadata-document-00"
        if self.document == "OAuth 2.1":
            return "https://datatracker.ietf.org/doc/html/draft-ietf-oauth-v2-1-13"
        if self.document == "OIDC Core":
            anchor = _CORE.get(self.section, "")
            return f"https://openid.net/specs/openid-connect-core-1_0.html{anchor}"
        return "https://openid.net/specs/openid-connect-discovery-1_0.html"
