"""The places of the server and the errors of OAuth, in the words of the RFCs."""

import re

from .answers import Answer, with_query
from .provider import Provider

MCP = "/mcp"
RESOURCE_METADATA = "/.well-known/oauth-protected-resource/mcp"
SERVER_METADATA = "/.well-known/oauth-authorization-server"
AUTHORIZE, TOKEN, REGISTER, REVOKE, CONSENT = "/authorize", "/token", "/register", "/revoke", "/consent"
INTROSPECT = "/introspect"

BASIC = "client_secret_basic"
BASIC_CHALLENGE = 'Basic realm="demo", charset="UTF-8"'
UNSPEAKABLE = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]+")
"""Characters that error_description must not hold (RFC 6749 section 5.2)."""


def oauth_error(status: int, error: str, description: str) -> Answer:
    """An error as RFC 6749 section 5.2 writes it."""
    return Answer.of_json(status, {"error": error, "error_description": description}, cache_control="no-store")


def redirected(target: str, state: str | None, provider: Provider, error: str, description: str) -> Answer:
    """An authorization error response (RFC 6749 section 4.1.2.1) with iss (RFC 9207 section 2)."""
    said = UNSPEAKABLE.sub(" ", description)
    location = with_query(target, error=error, error_description=said, state=state or None, iss=provider.issuer)
    return Answer(302, (("location", location), ("cache-control", "no-store")))


def unknown_client(description: str) -> Answer:
    """Failed client authentication (RFC 6749 section 5.2); a 401 carries a challenge (RFC 9110 section 15.5.2)."""
    return oauth_error(401, "invalid_client", description).with_header("www-authenticate", BASIC_CHALLENGE)
