"""Introspection (RFC 7662), which the SDK does not know.

It is for clients that authenticate, as section 2.1 asks: a public client could be anybody who found a token. Each
learns about its own tokens only; of any other it hears that it is not active (section 2.2).
"""

from .answers import FORM, Answer, Asked
from .machine import is_authentic
from .oauth import INTROSPECT, oauth_error, unknown_client
from .provider import Provider


def introspection(asked: Asked, provider: Provider) -> Answer | None:
    """The answer to an introspection request; None for every other request."""
    if asked.path != INTROSPECT:
        return None
    if asked.method != "POST":
        return oauth_error(405, "invalid_request", "use POST").with_header("allow", "POST")
    form = dict(asked.form)
    if asked.media_type != FORM or not form.get("token"):
        return oauth_error(400, "invalid_request", f"the body must be {FORM} with a token")
    client_id = asked.basic[0] if asked.basic else form.get("client_id", "")
    client = provider.clients.get(client_id)
    if client is None or client.client_secret is None or not is_authentic(asked, client):
        return unknown_client("only a client that authenticates may ask")
    return Answer.of_json(200, _said(provider, form["token"], client_id), cache_control="no-store")


def _said(provider: Provider, token: str, client_id: str) -> dict[str, object]:
    """What is told about a token (RFC 7662 section 2.2)."""
    found = provider.known(token)
    if found is None or found[0].client_id != client_id:
        return {"active": False}
    kept, expires_at = found
    said = {
        "active": True,
        "iss": provider.issuer,
        "sub": kept.subject,
        "aud": kept.resource,
        "client_id": kept.client_id,
        "scope": " ".join(kept.scopes),
        "token_type": None if expires_at is None else "Bearer",
        "exp": expires_at,
    }
    return {name: value for name, value in said.items() if value is not None}
