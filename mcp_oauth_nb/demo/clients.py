"""The clients the authorization server knows, and which redirect URIs each may use.

Redirect URIs are compared as the text the client sent. The SDK compares parsed URLs, which write
`http://localhost:8765` and `http://localhost:8765/` alike; RFC 6749 section 3.1.2.3 asks for simple string comparison.
"""

import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from mcp.shared.auth import InvalidRedirectUriError, OAuthClientInformationFull
from pydantic import AnyUrl, PrivateAttr

from .answers import Asked

received: ContextVar[Asked | None] = ContextVar("received", default=None)
"""The request being served, as the client wrote it; the SDK hands its provider parsed values only."""

LOOPBACK = ("http://127.0.0.1/callback", "http://localhost/callback")
"""What the pre-registered clients are registered with: any port is accepted (RFC 8252 section 7.3)."""

WEB_SCHEMES = ("http", "https")
REFUSED_SCHEMES = ("javascript", "data", "vbscript", "file", "blob", "about")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
_PORT = re.compile(r"^(http://(?:127\.0\.0\.1|localhost)):\d{1,5}(?=/)")


@dataclass(frozen=True)
class DemoClient:
    """A client registered by hand, for those who do not register dynamically."""

    client_id: str
    client_secret: str | None = field(repr=False)
    """None for the public client."""
    redirect_uris: tuple[str, ...] = LOOPBACK
    """Any port may be added to these."""


class Registered(OAuthClientInformationFull):
    """The server's record of a client."""

    _written: tuple[str, ...] = PrivateAttr(default=())
    _any_port: bool = PrivateAttr(default=False)

    @classmethod
    def record(cls, data: dict[str, Any], *, written: tuple[str, ...], any_port: bool = False) -> "Registered":
        """A record that remembers its redirect URIs as written."""
        client = cls.model_validate(data)
        client._written = written
        client._any_port = any_port
        return client

    @property
    def written(self) -> tuple[str, ...]:
        """Its redirect URIs as the text that the client sent."""
        return self._written

    def allows(self, uri: str) -> bool:
        """Whether this text is one of the registered redirect URIs; where it may be, on any port (RFC 8252 7.3)."""
        if uri in self._written:
            return True
        return self._any_port and _without_port(uri) in map(_without_port, self._written)

    def redirect_text(self, asked: str | None) -> str | None:
        """The redirect URI to use, as text; None when there is none the client may use (RFC 6749 section 3.1.2.3)."""
        if asked is None:
            return self._written[0] if len(self._written) == 1 else None
        return asked if self.allows(asked) else None

    def validate_redirect_uri(self, redirect_uri: AnyUrl | None) -> AnyUrl:
        """The check the SDK calls, done on the text of the request instead of the parsed URL."""
        request = received.get()
        written = dict(request.params).get("redirect_uri") if request else None
        parsed = str(redirect_uri) if redirect_uri is not None else None
        text = self.redirect_text(written if written is not None else parsed)
        if text is None:
            raise InvalidRedirectUriError("redirect_uri is not registered for this client")
        return AnyUrl(text)


def _without_port(uri: str) -> str:
    """A loopback URI without its port, which is a port as well; every other URI as it is."""
    return _PORT.sub(r"\1", uri)


def unusable_redirect(uri: object) -> str | None:
    """Why this cannot be a redirect URI; None when it can (RFC 6749 section 3.1.2, RFC 8252 section 7)."""
    if not isinstance(uri, str) or not uri.isascii() or not uri.isprintable() or " " in uri:
        return "a redirect URI must be a string of printable ASCII characters"
    try:
        parts = urlsplit(uri)
        _ = AnyUrl(uri), parts.port
    except ValueError:
        return "a redirect URI must be an absolute URI"
    if "#" in uri:
        return "a redirect URI must not have a fragment"
    if parts.scheme in REFUSED_SCHEMES or (parts.scheme in WEB_SCHEMES and not parts.hostname):
        return "this cannot be a redirect URI"
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        return "http is accepted for loopback hosts only"
    return None
