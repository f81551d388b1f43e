"""A flow that knows as much as a test needs, in one word."""

from __future__ import annotations

from typing import Any

from mcp_oauth_nb.protocol.challenge import parse_challenges
from mcp_oauth_nb.protocol.flow import (
    Authorization,
    AuthorizationCode,
    Challenged,
    Client,
    Document,
    Flow,
    Outcome,
    Session,
    Settings,
    Tokens,
)
from mcp_oauth_nb.protocol.pkce import pkce_from
from mcp_oauth_nb.protocol.profiles import LATEST, PROFILES

URL = "https://mcp.example.com/mcp"
ISSUER = "https://auth.example.com"
PRM = "https://mcp.example.com/.well-known/oauth-protected-resource"
ASM = f"{ISSUER}/.well-known/oauth-authorization-server"
OIDC = f"{ISSUER}/.well-known/openid-configuration"
REDIRECT = "http://127.0.0.1:8765/callback"
STATE = "the-state"
ENTROPY = bytes(range(32))


def resource_document(**changes: Any) -> dict[str, Any]:
    document = {"resource": URL, "authorization_servers": [ISSUER], "scopes_supported": ["mcp:tools", "mcp:read"]}
    return _without_none(document | changes)


def server_document(**changes: Any) -> dict[str, Any]:
    document = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "registration_endpoint": f"{ISSUER}/register",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "code_challenge_methods_supported": ["S256"],
    }
    return _without_none(document | changes)


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


def document(value: dict[str, Any], url: str = ASM, identifier: str = ISSUER) -> Document:
    return Document(value, url, "rfc8414", identifier, 3)


FACTS = {
    "challenge": Challenged(401, parse_challenges([]), 1),
    "resource_metadata": document(resource_document(), f"{PRM}/mcp", URL),
    "server_metadata": document(server_document()),
    "client": Client("the-client", None, "none", "registered dynamically", 4),
    "pkce": pkce_from(ENTROPY),
    "authorization": Authorization(
        f"{ISSUER}/authorize?state={STATE}", STATE, REDIRECT, f"{ISSUER}/token", ISSUER, URL, "mcp:tools", 5
    ),
    "code": AuthorizationCode("the-code", 6),
    "tokens": Tokens("the-access-token", "the-refresh-token", "Bearer", "mcp:tools", 900.0, 7),
    "session": Session("2025-11-25", "the-session", "server", ("echo",), 8),
    "old_refresh_token": "the-old-refresh-token",
    "revoked": Outcome("revocation answered 200", 9),
}
"""A healthy value of every fact, in the order of the flow."""


def settings(**changes: Any) -> Settings:
    given: dict[str, Any] = {
        "url": URL,
        "profile": PROFILES[LATEST],
        "redirect_uri": REDIRECT,
        "entropy": lambda size: ENTROPY[:size],
    }
    return Settings(**(given | changes))


def known(upto: str = "", *, facts: dict[str, Any] | None = None, **changes: Any) -> Flow:
    """A flow with every fact up to this one; `facts` replaces some (None forgets one), the rest are settings."""
    names = list(FACTS)[: list(FACTS).index(upto) + 1] if upto else []
    return Flow(settings(**changes), **({name: FACTS[name] for name in names} | (facts or {})))
