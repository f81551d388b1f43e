"""Faults of the authorization server metadata."""

from ..answers import Answer, Asked
from ..fault import answers, instead
from ..oauth import SERVER_METADATA

OTHER = "https://other.example"
EVERY_SERVER_METADATA = (
    f"{SERVER_METADATA}*",
    "/.well-known/openid-configuration*",
    "*/.well-known/openid-configuration",
)


@instead(
    "metadata-html",
    *EVERY_SERVER_METADATA,
    phase="server_metadata",
    summary="The authorization server's metadata URL answers with a login page instead of JSON.",
    trips="server-metadata-missing",
    who="authorization server",
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
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(issuer=OTHER)


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
