"""How a client authenticates at the token endpoint and at those around it, by the method it is registered with."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.flow import PRIVATE_KEY_JWT, Client, Flow
from mcp_oauth_nb.protocol.proofs import ASSERTION_TYPE, client_assertion
from mcp_oauth_nb.protocol.step import Pairs


def credentials(flow: Flow, client: Client, endpoint: str) -> tuple[Pairs, Pairs]:
    """Headers and form members that authenticate a client (RFC 6749 2.3.1: id and secret are form-encoded in Basic)."""
    secret = client.secret or ""
    match client.auth_method:
        case "client_secret_basic":
            pair = f"{quote_plus(client.client_id)}:{quote_plus(secret)}".encode()
            return (("Authorization", "Basic " + base64.b64encode(pair).decode()),), ()
        case "client_secret_post":
            return (), (("client_id", client.client_id), ("client_secret", secret))
        case method if method == PRIVATE_KEY_JWT:
            assertion = _assertion(flow, client, endpoint)
            return (), (("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion))
    return (), (("client_id", client.client_id),)


def misplaced(client: Client | None, issuer: str | None) -> str:
    """Why a client must not show itself to an issuer; empty where it may.

    What one authorization server gave out is its own: the id, the secret and the tokens go to no other (MCP 2026-07-28,
    Authorization Server Binding). The URL of a metadata document is nobody's, and good for all.
    """
    if client is None or client.issuer is None or issuer is None or client.issuer == issuer:
        return ""
    return "the client belongs to another authorization server, so that nothing of it is sent to this one"


def _assertion(flow: Flow, client: Client, endpoint: str) -> str:
    """Signed anew for every request, and meant for the issuer; for the endpoint where no issuer is known."""
    settings = flow.settings
    if settings.client_key is None:
        raise BadSetting("client", "no private key", "a key for private_key_jwt", "Client('id', private_key=pem)")
    audience = client.issuer or endpoint
    now, entropy = settings.clock(), settings.entropy(16)
    return client_assertion(settings.client_key, client.client_id, audience, now=now, entropy=entropy)
