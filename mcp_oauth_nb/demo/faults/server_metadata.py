"""Faults of where the authorization server metadata is, and of the issuer that it names."""

import json
from dataclasses import replace

from ..answers import Answer, Asked
from ..fault import answers, instead
from ..oauth import RESOURCE_METADATA, SERVER_METADATA
from .challenge import PAGE, at_the_edge

OTHER = "https://other.example"
TENANT = "/tenant"
OPENID = "/.well-known/openid-configuration"
EVERY_SERVER_METADATA = (f"{SERVER_METADATA}*", f"{OPENID}*", f"*{OPENID}")


def here(asked: Asked, path: str = "") -> str:
    """A URL on this server."""
    return f"http://{asked.header('host')}{path}"


@instead(
    "metadata-html",
    *EVERY_SERVER_METADATA,
    phase="server_metadata",
    summary="The authorization server's metadata URL answers with a login page instead of JSON.",
    trips="server-metadata-missing",
    cause="page-in-place-of-server-metadata",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(
        200, "<!doctype html><title>Sign in</title><h1>Sign in</h1><p>Please sign in to continue.</p>"
    )


@instead(
    "no-server-metadata",
    *EVERY_SERVER_METADATA,
    phase="server_metadata",
    summary="The authorization server publishes no metadata: every URL of it gives 404.",
    trips="server-metadata-missing",
    cause="server-metadata-not-published",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(404, {"error": "not_found"})


@instead(
    "server-metadata-behind-login",
    *EVERY_SERVER_METADATA,
    phase="server_metadata",
    summary="The authorization server's metadata can be read only with credentials.",
    trips="server-metadata-missing",
    cause="server-metadata-behind-login",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(401, {"message": "Sign in"})


@instead(
    "firewall-refuses-server-metadata",
    *EVERY_SERVER_METADATA,
    phase="server_metadata",
    summary="A firewall takes the client for a bot and refuses the authorization server's metadata.",
    trips="server-metadata-missing",
    cause="edge-refuses-server-metadata",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return at_the_edge(403, "Just a moment...")


@instead(
    "authorization-server-down",
    *EVERY_SERVER_METADATA,
    phase="server_metadata",
    summary="The gateway has lost the authorization server behind it.",
    trips="server-metadata-missing",
    cause="gateway-without-authorization-server",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(502, PAGE.format("Bad gateway"))


@instead(
    "server-metadata-crashes",
    *EVERY_SERVER_METADATA,
    phase="server_metadata",
    summary="The authorization server fails while it makes its metadata.",
    trips="server-metadata-missing",
    cause="server-metadata-crashes",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(500, {"message": "the public URL is not configured"})


@answers(
    "metadata-behind-path",
    RESOURCE_METADATA,
    SERVER_METADATA,
    f"{TENANT}{SERVER_METADATA}",
    phase="server_metadata",
    summary="The issuer has a path, and its metadata stands behind that path, where no client looks.",
    trips="server-metadata-missing",
    cause="metadata-behind-path",
    who="authorization server",
    then=("well_known",),
)
def _(asked: Asked, answer: Answer) -> Answer:
    if asked.path == RESOURCE_METADATA:
        return answer.patched(authorization_servers=[here(asked, TENANT)])
    if asked.path == SERVER_METADATA:
        return Answer.of_json(404, {"error": "not_found"})
    return Answer.of_json(200, described(asked, here(asked, TENANT)))


@answers(
    "metadata-at-root-only",
    RESOURCE_METADATA,
    SERVER_METADATA,
    phase="server_metadata",
    summary="The issuer has a path, but its metadata stands at the root of the host.",
    trips="server-metadata-missing",
    cause="metadata-at-root-only",
    who="authorization server",
    then=("well_known",),
)
def _(asked: Asked, answer: Answer) -> Answer:
    if asked.path == RESOURCE_METADATA:
        return answer.patched(authorization_servers=[here(asked, TENANT)])
    return answer.patched(issuer=here(asked, TENANT))


def described(asked: Asked, issuer: str) -> dict[str, object]:
    """Metadata that is in order."""
    return {
        "issuer": issuer,
        "authorization_endpoint": here(asked, "/authorize"),
        "token_endpoint": here(asked, "/token"),
        "registration_endpoint": here(asked, "/register"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "client_id_metadata_document_supported": True,
    }


@instead(
    "only-openid-metadata",
    *EVERY_SERVER_METADATA,
    phase="server_metadata",
    summary="There is only an OpenID Connect document, and the client's protocol version does not look for it.",
    trips="server-metadata-missing",
    cause="only-openid-metadata",
    who="authorization server",
    how={"protocol": "2025-06-18"},
    then=("well_known",),
)
def _(asked: Asked) -> Answer | None:
    if asked.path == OPENID:
        return Answer.of_json(200, described(asked, here(asked)))
    return Answer.of_json(404, {"error": "not_found"})


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
    "metadata-issuer-with-slash",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The issuer in the metadata has a slash at its end that the listed one has not.",
    trips="issuer-mismatch",
    cause="issuer-with-slash",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(issuer=here(asked, "/"))


@answers(
    "issuer-of-inner-address",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The issuer in the metadata is the authorization server's address behind its proxy.",
    trips="issuer-mismatch",
    cause="issuer-of-inner-address",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(issuer="https://login.internal")


@answers(
    "issuer-with-other-path",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The MCP server lists the host of the authorization server, whose issuer has a path.",
    trips="issuer-mismatch",
    cause="issuer-with-other-path",
    caused_in="resource_metadata",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(issuer=here(asked, TENANT))


@answers(
    "issuer-placeholder",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The issuer in the metadata is a pattern with a placeholder for the tenant.",
    trips="issuer-mismatch",
    cause="issuer-placeholder",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(issuer=here(asked, "/{tenantid}/v2.0"))


@answers(
    "server-metadata-empty",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata URL answers 200 with an empty object.",
    trips="server-metadata-incomplete",
    cause="metadata-placeholder",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return Answer.of_json(200, {})


@answers(
    "server-metadata-null-member",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata writes a member that it does not have as null.",
    trips="server-metadata-empty-members",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return replace(answer, body=json.dumps({**(answer.json or {}), "jwks_uri": None}).encode())
