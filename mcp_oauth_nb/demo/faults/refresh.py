"""Faults of refreshing."""

from dataclasses import replace

from ..answers import Answer, Asked
from ..fault import answers, asked_wrongly, behaves, instead
from ..grants import Behaviour
from ..oauth import SERVER_METADATA, TOKEN, oauth_error, unknown_client

OTHER = "https://other.example/mcp"


def is_refresh(asked: Asked) -> bool:
    """Whether tokens are asked for with a refresh token."""
    return asked.method == "POST" and dict(asked.form).get("grant_type") == "refresh_token"


def refused(asked: Asked, error: str, description: str) -> Answer | None:
    """The refusal of a refresh; None for any other request."""
    return oauth_error(400, error, description) if is_refresh(asked) else None


@answers(
    "no-refresh-token",
    TOKEN,
    SERVER_METADATA,
    phase="refresh",
    summary="The authorization server neither offers the refresh_token grant nor issues a refresh token.",
    trips="refresh-token-missing",
    cause="refresh-grant-not-offered",
    caused_in="server_metadata",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    if asked.path == TOKEN:
        return answer.patched(refresh_token=None)
    return answer.patched(grant_types_supported=["authorization_code"])


@answers(
    "no-refresh-token-without-offline-access",
    TOKEN,
    SERVER_METADATA,
    phase="refresh",
    summary="Refresh tokens are issued only to clients that ask for offline_access, and this one does not.",
    trips="refresh-token-missing",
    cause="offline-access-not-asked",
    caused_in="authorize",
    who="client",
    how={"protocol": "2025-11-25"},
)
def _(asked: Asked, answer: Answer) -> Answer:
    if asked.path == TOKEN:
        return answer.patched(refresh_token=None)
    return answer.patched(scopes_supported=["mcp:tools", "offline_access"])


asked_wrongly(
    "refresh-grant-not-registered",
    phase="refresh",
    summary="The client is registered for authorization_code alone, so it gets no refresh token.",
    trips="refresh-token-missing",
    cause="refresh-grant-not-registered",
    caused_in="register",
    who="client",
    edits={"register": {"json": {"grant_types": ["authorization_code"]}}},
)


@behaves(
    "no-rotation",
    phase="refresh",
    summary="Refreshing gives the same refresh token back instead of a new one.",
    trips="refresh-not-rotated",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, rotates_refresh_tokens=False)


@instead(
    "refresh-token-expired",
    TOKEN,
    phase="refresh",
    summary="The refresh token has run out before it is used.",
    trips="refresh-refused",
    cause="refresh-token-expired",
    who="user",
)
def _(asked: Asked) -> Answer | None:
    return refused(asked, "invalid_grant", "The refresh token has expired")


@instead(
    "grant-revoked-elsewhere",
    TOKEN,
    phase="refresh",
    summary="An administrator has revoked the grant, so that the refresh token is of no more use.",
    trips="refresh-refused",
    cause="grant-revoked",
    caused_in="revoke",
    who="user",
)
def _(asked: Asked) -> Answer | None:
    return refused(asked, "invalid_grant", "The grant was revoked by an administrator")


asked_wrongly(
    "refresh-after-revocation",
    phase="refresh",
    summary="The client refreshes with a refresh token that it has revoked itself.",
    trips="refresh-refused",
    cause="grant-revoked",
    caused_in="revoke",
    who="user",
    then=("revoke", "refresh"),
)


@instead(
    "client-forgotten",
    TOKEN,
    phase="refresh",
    summary="The authorization server has lost the registered client by the time of the refresh.",
    trips="refresh-refused",
    cause="client-forgotten",
    caused_in="register",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return unknown_client("there is no such client") if is_refresh(asked) else None


@instead(
    "refresh-grant-forbidden",
    TOKEN,
    phase="refresh",
    summary="The authorization server issues a refresh token that the client may not use.",
    trips="refresh-refused",
    cause="refresh-grant-not-allowed",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return refused(asked, "unauthorized_client", "The client may not use the grant refresh_token")


@instead(
    "refresh-resource-refused",
    TOKEN,
    phase="refresh",
    summary="The authorization server refuses a refresh that names a resource.",
    trips="refresh-refused",
    cause="resource-refused-at-refresh",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    named = dict(asked.form).get("resource")
    return refused(asked, "invalid_request", "Unknown parameter: resource") if named else None


@instead(
    "refresh-rate-limited",
    TOKEN,
    phase="refresh",
    summary="The authorization server limits how often it is asked, and refuses the refresh with 429.",
    trips="refresh-refused",
    cause="too-many-refreshes",
    who="client",
)
def _(asked: Asked) -> Answer | None:
    busy = Answer.of_json(429, {"message": "Too many requests"}, retry_after="30")
    return busy if is_refresh(asked) else None


@instead(
    "refresh-502",
    TOKEN,
    phase="refresh",
    summary="A gateway in front of the token endpoint answers the refresh with 502 and a page.",
    trips="refresh-refused",
    cause="token-endpoint-behind-failing-gateway",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    page = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
    return Answer.of_html(502, page) if is_refresh(asked) else None


@instead(
    "refresh-500",
    TOKEN,
    phase="refresh",
    summary="The authorization server fails while it refreshes; the refresh token is still good.",
    trips="refresh-refused",
    cause="authorization-server-failing",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(500, {"error": "server_error"}) if is_refresh(asked) else None


asked_wrongly(
    "refresh-for-another-resource",
    phase="refresh",
    summary="The client refreshes for another resource than the one it was authorized for.",
    trips="refresh-refused",
    cause="other-resource-at-refresh",
    who="client",
    edits={"refresh": {"form": {"resource": OTHER}}},
)
asked_wrongly(
    "refresh-without-resource",
    phase="refresh",
    summary="The client does not say at refresh which resource the token is for.",
    trips="resource-not-sent",
    who="user",
    edits={"refresh": {"form": {"resource": None}}},
)
asked_wrongly(
    "refresh-without-token",
    phase="refresh",
    summary="The client asks for a refresh without a refresh token.",
    trips="refresh-without-token",
    who="user",
    edits={"refresh": {"form": {"refresh_token": None}}},
)
asked_wrongly(
    "refresh-scope-widened",
    phase="refresh",
    summary="The client asks at refresh for more scope than it was granted.",
    trips="refresh-scope-widened",
    who="user",
    edits={"refresh": {"form": {"scope": "mcp:tools mcp:admin"}}},
)
asked_wrongly(
    "refresh-by-another-client",
    phase="refresh",
    summary="The refresh token is used by another client than the one it was issued to.",
    trips="refresh-client-differs",
    who="user",
    edits={"refresh": {"form": {"client_id": "demo-public"}}},
)


@answers(
    "invalid-grant-as-401",
    TOKEN,
    phase="replay",
    summary="A refresh token that is no longer good is refused with 401, which clients take for their own mistake.",
    trips="refresh-error-status",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    document = answer.json
    refused_grant = isinstance(document, dict) and document.get("error") == "invalid_grant"
    return replace(answer, status=401) if refused_grant else answer
