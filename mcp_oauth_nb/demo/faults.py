"""The faults the demo server can be given, in the order of the flow. How to write one is told in `fault`."""

from dataclasses import replace

from .answers import Answer, Asked
from .fault import FAULTS, Fault, answers, behaves, instead, named
from .grants import Behaviour
from .oauth import CONSENT, MCP, REGISTER, RESOURCE_METADATA, SERVER_METADATA, TOKEN

__all__ = ["FAULTS", "Fault", "named"]

EVERY_SERVER_METADATA = (
    f"{SERVER_METADATA}*",
    "/.well-known/openid-configuration*",
    "*/.well-known/openid-configuration",
)
OTHER = "https://other.example"


@answers(
    "no-challenge",
    MCP,
    phase="challenge",
    summary="The 401 comes without a WWW-Authenticate header, so it does not say where the metadata is.",
    trips="challenge-missing",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.without_header("www-authenticate") if answer.status == 401 else answer


@answers(
    "wrong-resource",
    RESOURCE_METADATA,
    phase="resource_metadata",
    summary="The protected resource metadata names the URL of another server as its resource.",
    trips="resource-mismatch",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(resource=f"{OTHER}/mcp")


@instead(
    "metadata-html",
    *EVERY_SERVER_METADATA,
    phase="server_metadata",
    summary="The authorization server's metadata URL answers with a login page instead of JSON.",
    trips="server-metadata-missing",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(
        200, "<!doctype html><title>Sign in</title><h1>Sign in</h1><p>Please sign in to continue.</p>"
    )


@answers(
    "issuer-mismatch",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The authorization server's metadata gives another issuer than the one it was asked for.",
    trips="issuer-mismatch",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(issuer=OTHER)


@answers(
    "no-s256",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata offers only the plain PKCE method, not S256.",
    trips="s256-not-advertised",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(code_challenge_methods_supported=["plain"])


@instead(
    "registration-refused",
    REGISTER,
    phase="register",
    summary="Dynamic registration is advertised, but every registration is refused with 403.",
    trips="registration-refused",
)
def _(asked: Asked) -> Answer | None:
    document = {"error": "access_denied", "error_description": "Registration is limited to approved clients"}
    return Answer.of_json(403, document, cache_control="no-store") if asked.method == "POST" else None


@answers(
    "access-denied",
    CONSENT,
    phase="callback",
    summary="The browser comes back with error=access_denied although the user agreed.",
    trips="authorization-error",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(
        code=None, error="access_denied", error_description="A policy of this organisation refuses the client"
    )


@answers(
    "wrong-state",
    CONSENT,
    phase="callback",
    summary="The redirect carries another state than the one the client sent.",
    trips="state-mismatch",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(state="not-the-state-you-sent")


@behaves(
    "code-expired",
    phase="token",
    summary="Authorization codes have already expired when they are issued.",
    trips="token-refused",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, code_lifetime_s=-1)


@instead(
    "token-endpoint-502",
    TOKEN,
    phase="token",
    summary="A proxy in front of the token endpoint answers 502 with an HTML page.",
    trips="token-refused",
)
def _(asked: Asked) -> Answer | None:
    page = (
        "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
    )
    return Answer.of_html(502, page) if asked.method == "POST" else None


@behaves(
    "token-rejected",
    phase="mcp",
    summary="The MCP server refuses a fresh and valid access token with 401 invalid_token.",
    trips="token-rejected",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, accepts_access_tokens=False)


@behaves(
    "no-rotation",
    phase="refresh",
    summary="Refreshing gives the same refresh token back instead of a new one.",
    trips="refresh-not-rotated",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, rotates_refresh_tokens=False)


@behaves(
    "replay-accepted",
    phase="replay",
    summary="A refresh token that was already replaced still works.",
    trips="replay-accepted",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, refuses_spent_refresh_tokens=False)


@behaves(
    "revocation-ignored",
    phase="revoked",
    summary="The revocation endpoint answers 200, but the revoked token goes on working.",
    trips="revoked-token-accepted",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, honours_revocation=False)
