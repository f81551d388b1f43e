"""Faults of what comes after a refresh: replay, revocation, use of what was revoked."""

from dataclasses import replace

from ..answers import Answer, Asked
from ..fault import answers, asked_wrongly, behaves, instead
from ..grants import Behaviour
from ..oauth import REVOKE, SERVER_METADATA, oauth_error, unknown_client


@behaves(
    "replay-accepted",
    phase="replay",
    summary="A refresh token that was already replaced still works.",
    trips="replay-accepted",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, refuses_spent_refresh_tokens=False)


@answers(
    "no-revocation-endpoint",
    SERVER_METADATA,
    phase="revoke",
    summary="The authorization server offers no way to revoke a token.",
    trips="revocation-endpoint-missing",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(revocation_endpoint=None)


@instead(
    "revocation-404",
    REVOKE,
    phase="revoke",
    summary="The metadata names a revocation endpoint at which there is nothing.",
    trips="revocation-refused",
    cause="revocation-endpoint-dead",
    caused_in="server_metadata",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(404, "<!doctype html><title>Not found</title><h1>Not found</h1>")


@instead(
    "revocation-503",
    REVOKE,
    phase="revoke",
    summary="The revocation endpoint is overloaded and asks to come back later.",
    trips="revocation-refused",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(503, {"message": "busy"}, retry_after="60")


@instead(
    "revocation-client-refused",
    REVOKE,
    phase="revoke",
    summary="The revocation endpoint does not recognise the client that the token endpoint knows.",
    trips="revocation-refused",
    who="client",
)
def _(asked: Asked) -> Answer | None:
    return unknown_client("there is no such client")


@instead(
    "access-tokens-irrevocable",
    REVOKE,
    phase="revoke",
    summary="The authorization server revokes refresh tokens but no access tokens.",
    trips="revocation-refused",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    is_access_token = dict(asked.form).get("token_type_hint") == "access_token"
    return (
        oauth_error(400, "unsupported_token_type", "Access tokens run out by themselves") if is_access_token else None
    )


asked_wrongly(
    "other-token-revoked",
    phase="revoke",
    summary="The client revokes something that is none of its tokens, and takes the 200 for success.",
    trips="revoked-another-token",
    who="user",
    edits={"revoke": {"form": {"token": "a-value-that-was-never-issued"}}},
    then=("revoke", "revoked"),
)


@behaves(
    "revocation-ignored",
    phase="revoked",
    summary="The revocation endpoint answers 200, but the revoked token goes on working.",
    trips="revoked-token-accepted",
    who="MCP server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, honours_revocation=False)


@behaves(
    "revocation-not-carried-out",
    phase="refresh",
    summary="The revocation endpoint answers 200, but the revoked refresh token still gets new tokens.",
    trips="revoked-refresh-token-accepted",
    who="authorization server",
    then=("revoke", "refresh"),
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, honours_revocation=False)


@behaves(
    "self-contained-token",
    phase="revoked",
    summary="The access token is a JWT that works until it runs out, whatever was revoked.",
    trips="revoked-token-accepted",
    cause="self-contained-token",
    caused_in="token",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, issues_self_contained_tokens=True)
