"""Faults of access tokens: what they say of themselves, and what the MCP server makes of it."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..answers import Answer, Asked
from ..fault import asked_wrongly, behaves, instead
from ..grants import Behaviour, Claims
from ..jwts import unvouched
from ..oauth import MCP, RESOURCE_METADATA

OTHER = "https://other.example"
GUID = "6f1c2d34-5a7b-4c8d-9e0f-1a2b3c4d5e6f"
SPENT = unvouched(iat=1_600_000_000, exp=1_600_003_600)
"""A token that ran out years ago; nobody signed it, and it opens nothing."""


def telling(**changes: Any) -> Callable[[Behaviour], Behaviour]:
    """Tokens are JSON Web Tokens with these claims in place of the right ones; None leaves one out."""

    def told(claims: Claims) -> Claims:
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    return lambda behaviour: replace(behaviour, access_kind="signed", claims=told)


# --- whom it is meant for ---------------------------------------------------------------------------------------------


@behaves(
    "audience-respelled",
    phase="mcp",
    summary="The token's audience has a slash at its end that the resource has not.",
    trips="token-audience",
    cause="audience-respelled",
    caused_in="token",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, access_kind="signed", claims=lambda claims: {**claims, "aud": f"{claims['aud']}/"})


behaves(
    "audience-default",
    phase="mcp",
    summary="The authorization server ignores the resource and makes the token out to a default audience.",
    trips="token-audience",
    cause="audience-default",
    caused_in="token",
    who="authorization server",
)(telling(aud="account"))
behaves(
    "audience-missing",
    phase="mcp",
    summary="The token does not say whom it is meant for.",
    trips="token-audience",
    cause="audience-default",
    caused_in="token",
    who="authorization server",
)(telling(aud=None))
behaves(
    "audience-application",
    phase="mcp",
    summary="The token is made out to the id of an application, and the MCP server expects its URL.",
    trips="token-audience",
    cause="audience-application",
    caused_in="token",
    who="MCP server",
)(telling(aud=f"api://{GUID}"))
behaves(
    "audience-of-another",
    phase="mcp",
    summary="The token is made out to another MCP server.",
    trips="token-audience",
    cause="audience-of-another",
    caused_in="token",
    who="authorization server",
)(telling(aud=f"{OTHER}/mcp"))


@behaves(
    "audience-unchecked",
    phase="mcp",
    summary="The MCP server accepts a token that is made out to another one.",
    trips="other-audience-accepted",
    who="MCP server",
    also=("token-audience",),
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(telling(aud=f"{OTHER}/mcp")(behaviour), expected_audience="")


@behaves(
    "expected-audience-differs",
    phase="mcp",
    summary="The MCP server expects its inner URL as audience, and publishes the outer one.",
    trips="token-rejected",
    cause="expected-audience-differs",
    caused_in="resource_metadata",
    who="MCP server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, access_kind="signed", expected_audience="http://mcp.internal:8080/mcp")


# --- who issued it ----------------------------------------------------------------------------------------------------

behaves(
    "issuer-of-another-tenant",
    phase="mcp",
    summary="The token is issued under the name of another tenant than the metadata.",
    trips="token-issuer",
    cause="issuer-of-another-tenant",
    caused_in="token",
    who="authorization server",
)(telling(iss=f"{OTHER}/tenant-2"))
behaves(
    "issuer-of-older-version",
    phase="mcp",
    summary="The identity provider issues tokens of its first version, under its old issuer.",
    trips="token-issuer",
    cause="issuer-of-older-version",
    caused_in="token",
    who="user",
)(telling(iss=f"https://sts.windows.net/{GUID}/", ver="1.0"))

# --- what kind of token it is -----------------------------------------------------------------------------------------


@behaves(
    "opaque-token",
    phase="mcp",
    summary="The token is a mere reference, and the MCP server expects one that it can read.",
    trips="token-rejected",
    cause="opaque-token",
    caused_in="token",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, expects_jwts=True)


@behaves(
    "encrypted-token",
    phase="mcp",
    summary="The token is encrypted for somebody else than the MCP server.",
    trips="token-rejected",
    cause="encrypted-token",
    caused_in="token",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, access_kind="encrypted")


@behaves(
    "symmetric-signature",
    phase="mcp",
    summary="The token is signed with a shared secret, and the MCP server checks with the published key.",
    trips="token-rejected",
    cause="symmetric-signature",
    caused_in="token",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, access_kind="symmetric")


@behaves(
    "unsigned-token",
    phase="token",
    summary="The token is not signed.",
    trips="token-unsigned",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, access_kind="unsigned")


# --- when it works ----------------------------------------------------------------------------------------------------


@behaves(
    "token-from-the-future",
    phase="mcp",
    summary="The clock of the authorization server is two minutes ahead, so that its tokens begin in the future.",
    trips="token-times",
    cause="token-from-the-future",
    caused_in="token",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    def ahead(claims: Claims) -> Claims:
        return {**claims, **dict.fromkeys(("iat", "nbf"), claims["iat"] + 120), "exp": claims["exp"] + 60}

    return replace(behaviour, access_kind="signed", claims=ahead)


@behaves(
    "token-expired-at-once",
    phase="mcp",
    summary="The token has run out when it is issued.",
    trips="token-times",
    cause="token-expired-at-once",
    caused_in="token",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, access_kind="signed", claims=lambda claims: {**claims, "exp": int(time.time()) - 1})


@behaves(
    "token-ends-early",
    phase="token",
    summary="The token runs out long before its answer says.",
    trips="token-times",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, access_kind="signed", claims=lambda claims: {**claims, "exp": claims["iat"] + 60})


asked_wrongly(
    "expired-token-used",
    phase="mcp",
    summary="The client goes on with a token that ran out long ago.",
    trips="token-rejected",
    cause="token-expired",
    who="user",
    edits={"mcp": {"headers": {"Authorization": f"Bearer {SPENT}"}}},
)


@instead(
    "expired-token-redirected",
    MCP,
    phase="mcp",
    summary="A request with a token that has run out is redirected to a login page.",
    trips="mcp-error",
    cause="expired-token-redirected",
    who="MCP server",
    edits={"mcp": {"headers": {"Authorization": f"Bearer {SPENT}"}}},
)
def _(asked: Asked) -> Answer | None:
    return Answer(307, (("location", f"http://{asked.header('host')}/login"),)) if asked.bearer == SPENT else None


# --- what it may do ---------------------------------------------------------------------------------------------------


behaves(
    "token-scope-differs",
    phase="token",
    summary="The token holds more scopes than its answer says.",
    trips="token-scope-differs",
    who="authorization server",
)(telling(scope="mcp:tools mcp:admin"))
behaves(
    "scope-in-another-shape",
    phase="mcp",
    summary="The token holds its scopes in scp, as an array, and the MCP server reads scope only.",
    trips="scope-challenged-again",
    cause="scope-in-another-shape",
    caused_in="token",
    who="MCP server",
)(telling(scope=None, scp=["mcp:tools"]))


@instead(
    "unannounced-scope-demanded",
    MCP,
    phase="mcp",
    summary="The MCP server wants a scope that it told nobody of, and calls tokens without it invalid.",
    trips="token-rejected",
    cause="missing-scope-as-401",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    if asked.bearer is None:
        return None
    where = f"http://{asked.header('host')}{RESOURCE_METADATA}"
    told = 'error="invalid_token", error_description="The token lacks the scope profile"'
    answer = Answer.of_json(401, {"error": "invalid_token"})
    return answer.with_header("www-authenticate", f'Bearer {told}, resource_metadata="{where}"')
