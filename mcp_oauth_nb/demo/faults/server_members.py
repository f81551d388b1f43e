"""Faults of single members of the authorization server metadata."""

from ..answers import Answer, Asked
from ..fault import answers
from ..oauth import SERVER_METADATA
from .server_metadata import OTHER


@answers(
    "no-s256",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata offers only the plain PKCE method, not S256.",
    trips="s256-not-advertised",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(code_challenge_methods_supported=["plain"])


@answers(
    "pkce-unsaid",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata says nothing of PKCE, although the server supports it.",
    trips="s256-not-advertised",
    who="authorization server",
    how={"protocol": "2025-11-25"},
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(code_challenge_methods_supported=None)


@answers(
    "plain-pkce-offered",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata offers plain beside S256.",
    trips="plain-pkce-offered",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(code_challenge_methods_supported=["plain", "S256"])


@answers(
    "no-code-flow",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata offers the implicit flow alone.",
    trips="code-flow-not-offered",
    who="authorization server",
    also=("old-grants-offered",),
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(response_types_supported=["token"])


@answers(
    "password-grant-offered",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata still offers the password grant.",
    trips="old-grants-offered",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    grants = [*(answer.json or {}).get("grant_types_supported", ()), "password"]
    return answer.patched(grant_types_supported=grants)


@answers(
    "token-endpoint-unnamed",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata names no token endpoint.",
    trips="server-metadata-incomplete",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(token_endpoint=None)


@answers(
    "endpoint-internal",
    SERVER_METADATA,
    phase="register",
    summary="The metadata names a registration endpoint that only the server's own machine can reach.",
    trips="endpoint-internal",
    caused_in="server_metadata",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(registration_endpoint="https://0.0.0.0:1/register")


@answers(
    "endpoint-plain-http",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata names a revocation endpoint on plain http.",
    trips="endpoint-not-https",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(revocation_endpoint="http://other.example/revoke")


@answers(
    "endpoint-relative",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata names the registration endpoint by its path alone.",
    trips="endpoint-malformed",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(registration_endpoint="/register")


@answers(
    "pushed-requests-required",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata says that authorization requests must be pushed first.",
    trips="pushed-request-required",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(
        require_pushed_authorization_requests=True, pushed_authorization_request_endpoint=f"{OTHER}/par"
    )


@answers(
    "document-flag-as-text",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata announces client ID metadata documents with a text in place of true.",
    trips="document-flag-malformed",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(client_id_metadata_document_supported="true")


@answers(
    "server-metadata-as-text",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The authorization server's metadata is served as text/plain.",
    trips="server-metadata-media-type",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.with_header("content-type", "text/plain")
