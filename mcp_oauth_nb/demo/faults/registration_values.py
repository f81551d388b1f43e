"""Faults of what is registered: the server refuses a value, or the client asks for what it cannot have."""

from ..answers import Answer, Asked
from ..fault import answers, asked_wrongly, instead
from ..oauth import REGISTER, SERVER_METADATA, oauth_error

WRONG = "invalid_client_metadata"


def _sent(asked: Asked, name: str) -> object:
    document = asked.json
    return document.get(name) if isinstance(document, dict) else None


@instead(
    "private-scheme-refused",
    REGISTER,
    phase="register",
    summary="The server refuses a redirect URI with an app's own scheme.",
    trips="registration-refused",
    cause="private-scheme-refused",
    who="authorization server",
    edits={"register": {"json": {"redirect_uris": ["com.example.editor://oauth/callback"]}}},
)
def _(asked: Asked) -> Answer | None:
    return oauth_error(400, "invalid_redirect_uri", "redirect URIs must use https or loopback http")


asked_wrongly(
    "redirect-on-plain-http",
    phase="register",
    summary="The client registers a redirect URI on plain http that is not on its own machine.",
    trips="registration-refused",
    cause="redirect-on-plain-http",
    who="user",
    edits={"register": {"json": {"redirect_uris": ["http://callback.example:8765/callback"]}}},
    also=("redirect-uri-insecure",),
)


@instead(
    "application-type-unsaid",
    REGISTER,
    phase="register",
    summary="The client does not say that it is a native application, and is held to the rules for web applications.",
    trips="registration-refused",
    cause="application-type-unsaid",
    who="client",
    how={"protocol": "2025-11-25"},
    edits={"register": {"json": {"application_type": None}}},
)
def _(asked: Asked) -> Answer | None:
    if _sent(asked, "application_type") == "native":
        return None
    return oauth_error(400, "invalid_redirect_uri", "web clients must use https redirect URIs")


@instead(
    "method-listed-but-refused",
    REGISTER,
    phase="register",
    summary="The metadata lists public clients, but registration refuses them.",
    trips="registration-refused",
    cause="method-listed-but-refused",
    caused_in="server_metadata",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return oauth_error(400, WRONG, "token_endpoint_auth_method must be client_secret_basic")


@answers(
    "method-not-listed",
    SERVER_METADATA,
    REGISTER,
    phase="register",
    summary="The client registers as a public one, which the metadata does not list and registration refuses.",
    trips="registration-refused",
    cause="method-not-listed",
    who="client",
    how={"client_auth_method": "none"},
)
def _(asked: Asked, answer: Answer) -> Answer:
    if asked.path == SERVER_METADATA:
        return answer.patched(token_endpoint_auth_methods_supported=["client_secret_basic"])
    return oauth_error(400, WRONG, "token_endpoint_auth_method must be client_secret_basic")


@instead(
    "scope-refused-at-registration",
    REGISTER,
    phase="register",
    summary="The client registers with a scope that the server does not know.",
    trips="registration-refused",
    cause="scope-refused-at-registration",
    who="client",
    edits={"register": {"json": {"scope": "https://api.example.com/everything"}}},
)
def _(asked: Asked) -> Answer | None:
    return oauth_error(400, WRONG, "unsupported scope; known is mcp:tools")


@instead(
    "scope-wanted-at-registration",
    REGISTER,
    phase="register",
    summary="The server refuses a registration that names no scope.",
    trips="registration-refused",
    cause="scope-wanted-at-registration",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return oauth_error(400, WRONG, "scope is required") if _sent(asked, "scope") is None else None


@instead(
    "refresh-grant-refused",
    REGISTER,
    phase="register",
    summary="The server refuses to register a client with the grant for refresh tokens.",
    trips="registration-refused",
    cause="grant-refused-at-registration",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return oauth_error(400, WRONG, "grant_types may hold authorization_code only")


@instead(
    "software-statement-wanted",
    REGISTER,
    phase="register",
    summary="The server registers software only that somebody it trusts has vouched for.",
    trips="registration-refused",
    cause="software-statement-wanted",
    who="user",
)
def _(asked: Asked) -> Answer | None:
    return oauth_error(400, WRONG, "a software_statement is required")


@instead(
    "software-statement-refused",
    REGISTER,
    phase="register",
    summary="The server does not accept the software statement.",
    trips="registration-refused",
    cause="software-statement-refused",
    who="user",
    how={"software_statement": "e30.e30.c2lnbmF0dXJl"},
)
def _(asked: Asked) -> Answer | None:
    return oauth_error(400, "invalid_software_statement", "the issuer of the statement is not trusted")


@instead(
    "registration-refused-as-text",
    REGISTER,
    phase="register",
    summary="The server refuses the registration with plain text, from which no client can read the reason.",
    trips="registration-refused",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer(400, (("content-type", "text/plain"),), b"Bad Request")
