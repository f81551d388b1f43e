"""Tokens for a client that acts for itself: the client credentials grant, which the SDK's token handler does not know.

It is offered to the confidential client that was registered by hand, and to nobody else (RFC 6749 section 4.4).
"""

import hmac

from .answers import Answer, Asked
from .clients import Registered
from .oauth import BASIC, TOKEN, oauth_error, unknown_client
from .provider import CLIENT_CREDENTIALS, SCOPE, Provider


def machine_token(asked: Asked, provider: Provider) -> Answer | None:
    """The answer to a request with this grant that was not refused before; None for every other request."""
    form = dict(asked.form)
    if (asked.method, asked.path) != ("POST", TOKEN) or form.get("grant_type") != CLIENT_CREDENTIALS:
        return None
    client_id = asked.basic[0] if asked.basic else form.get("client_id", "")
    client = provider.clients.get(client_id)
    if client is None or not is_authentic(asked, client):
        return unknown_client("unknown client, or its authentication failed")
    if CLIENT_CREDENTIALS not in client.grant_types:
        return oauth_error(400, "unauthorized_client", "this client may not use client_credentials")
    if set(form.get("scope", SCOPE).split()) - {SCOPE}:
        return oauth_error(400, "invalid_scope", f"this server knows the scope {SCOPE} only")
    document = provider.issue_to_client(client).model_dump(mode="json", exclude_none=True)
    return Answer.of_json(200, document, cache_control="no-store", pragma="no-cache")


def is_authentic(asked: Asked, client: Registered) -> bool:
    """Whether the client showed its secret in the way it is registered for; a public one has none to show."""
    if client.client_secret is None:
        return True
    shown = asked.basic[1] if asked.basic else dict(asked.form).get("client_secret", "")
    fits = (client.token_endpoint_auth_method == BASIC) == (asked.basic is not None)
    return fits and hmac.compare_digest(shown.encode(), client.client_secret.encode())
