"""Grants: what a client shows the token endpoint in order to get an access token, and the steps that this takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.protocol.wellknown import split

Grant = Literal[
    "authorization_code", "client_credentials", "jwt_bearer", "enterprise", "implicit", "password", "device"
]
GRANTS: tuple[Grant, ...] = ("authorization_code", "client_credentials", "jwt_bearer", "enterprise")
"""The grants of MCP: RFC 6749 4.1 and 4.4, RFC 7523 2.1, and MCP's enterprise-managed authorization."""
IN_THE_BROWSER = ("pkce", "authorize", "callback")
"""The steps that only the authorization code grant has."""

EXTENSIONS = {
    "client_credentials": "io.modelcontextprotocol/oauth-client-credentials",
    "enterprise": "io.modelcontextprotocol/enterprise-managed-authorization",
}
"""The published MCP extension that a grant belongs to; a client declares the one it uses."""

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"


@dataclass(frozen=True, repr=False)
class Enterprise:
    """What enterprise-managed authorization needs of the identity provider.

    Args:
        idp_token_endpoint: where the identity provider exchanges tokens (RFC 8693).
        idp_client_id: the client as the identity provider knows it.
        id_token: the user's ID token from single sign-on.
        idp_client_secret: its secret there, sent as HTTP Basic; None for a public client.

    Raises:
        BadSetting: the endpoint is no http(s) URL, or something is missing.
    """

    idp_token_endpoint: str
    idp_client_id: str
    id_token: str = field(repr=False)
    idp_client_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        endpoint = self.idp_token_endpoint
        if not isinstance(endpoint, str) or split(endpoint) is None:
            raise BadSetting("Enterprise(idp_token_endpoint=)", "something else", "an http(s) URL")
        for name in ("idp_client_id", "id_token"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                seen = "no text" if isinstance(value, str) else f"a {type(value).__name__}"
                raise BadSetting(f"Enterprise({name}=)", seen, "text from the identity provider")

    def __repr__(self) -> str:
        return "<Enterprise>"


ROUTE = (
    "challenge",
    "resource_metadata",
    "server_metadata",
    "register",
    "pkce",
    "authorize",
    "callback",
    "token",
    "mcp",
)
"""The steps of the main flow, in order: when the last one passes, the handshake is complete. It stands here because
the steps take it and the rules judge by it, and neither knows the other."""


AFTERWARDS = ("refresh", "replay", "revoke", "revoked")
"""What a token goes through later; ``replay`` and ``revoked`` are probes."""


def route_of(steps: tuple[str, ...], grant: str) -> tuple[str, ...]:
    """Those of these steps that a grant takes."""
    return steps if grant == "authorization_code" else tuple(step for step in steps if step not in IN_THE_BROWSER)


PLAIN_GRANTS: Mapping[str, tuple[str, ...]] = {
    "authorization_code": ("pkce", "authorize", "callback", "token"),
    "implicit": ("authorize", "callback"),
    "password": ("token",),
    "client_credentials": ("token",),
    "device": ("device", "token"),
}
"""The steps that lead to a token of a plain OAuth 2.0 API, by grant (RFC 6749 4, RFC 8628)."""
PLAIN_STEPS = ("device", "api")
"""The steps that only a plain OAuth 2.0 API has."""


def plain_route(grant: str, *, metadata: bool, pkce: bool, api: bool) -> tuple[str, ...]:
    """The route to a plain OAuth 2.0 API.

    Args:
        grant: what a token is asked for with.
        metadata: the endpoints are read from metadata.
        pkce: the authorization code is asked for with PKCE.
        api: there is an API to try the token at.
    """
    asked = PLAIN_GRANTS.get(grant, ())
    steps = asked if pkce else tuple(step for step in asked if step != "pkce")
    return (("server_metadata",) if metadata else ()) + steps + (("api",) if api else ())


def route_told(settings: Mapping[str, str]) -> tuple[str, ...]:
    """The route that the settings of a trace tell of."""
    grant = settings.get("grant", "authorization_code")
    if settings.get("protocol") != PLAIN.version:
        return route_of(ROUTE, grant)
    return plain_route(grant, metadata="issuer" in settings, pkce="pkce" in settings, api="api_url" in settings)
