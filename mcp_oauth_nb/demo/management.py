"""Reading and removing a dynamic registration (RFC 7592), which the SDK does not know. Changing one is not offered."""

import hmac
from typing import Any

from .answers import Answer, Asked
from .clients import Registered
from .oauth import REGISTER, oauth_error
from .provider import Provider

METHODS = ("GET", "DELETE")


def management(asked: Asked, provider: Provider) -> Answer | None:
    """The answer to a request for one registration; None for every other request."""
    place, _, client_id = asked.path.rpartition("/")
    if place != REGISTER or not client_id:
        return None
    client, token = provider.clients.get(client_id), provider.management.get(client_id)
    if client is None or token is None or not hmac.compare_digest((asked.bearer or "").encode(), token.encode()):
        # The same for a client that is gone (RFC 7592 section 2.1): who asks learns nothing about ids.
        return oauth_error(401, "invalid_token", "unknown client or registration access token").with_header(
            "www-authenticate", 'Bearer error="invalid_token"'
        )
    if asked.method not in METHODS:
        return oauth_error(405, "invalid_request", "a registration can be read and removed").with_header(
            "allow", ", ".join(METHODS)
        )
    if asked.method == "DELETE":
        provider.remove_client(client_id)
        return Answer(204, (("cache-control", "no-store"),))
    return Answer.of_json(200, _registered(client) | managed(client_id, provider), cache_control="no-store")


def managed(client_id: str, provider: Provider) -> dict[str, str]:
    """Where a registration is read and removed, and the token for it (RFC 7592 section 3)."""
    return {
        "registration_client_uri": f"{provider.issuer}{REGISTER}/{client_id}",
        "registration_access_token": provider.management[client_id],
    }


def _registered(client: Registered) -> dict[str, Any]:
    document: dict[str, Any] = client.model_dump(mode="json", exclude_none=True)
    return document | {"redirect_uris": list(client.written)}
