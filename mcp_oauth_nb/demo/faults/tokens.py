"""Faults of the token request, and of what the token endpoint makes of it."""

from dataclasses import replace

from ..answers import Answer, Asked
from ..fault import answers, asked_wrongly, behaves, instead
from ..grants import Behaviour
from ..oauth import REGISTER, TOKEN, oauth_error, unknown_client

NO_ONE_ASKED = {"client_secret": "secret-nobody-asked-for", "client_secret_expires_at": 0}

# --- what is asked wrongly --------------------------------------------------------------------------------------------

asked_wrongly(
    "verifier-wrong",
    phase="token",
    summary="The token request carries another verifier than the one whose hash was sent.",
    trips="pkce-mismatch",
    who="user",
    edits={"token": {"form": {"code_verifier": "v" * 43}}},
)
asked_wrongly(
    "verifier-short",
    phase="token",
    summary="The token request carries a verifier that is too short to be one.",
    trips="pkce-mismatch",
    who="user",
    edits={"token": {"form": {"code_verifier": "short"}}},
    also=("verifier-malformed",),
)
asked_wrongly(
    "code-garbled",
    phase="token",
    summary="The token request carries a code that was changed on the way.",
    trips="code-differs",
    who="user",
    edits={"token": {"form": {"code": "code_garbled"}}},
)
asked_wrongly(
    "redirect-uri-differs",
    phase="token",
    summary="The token request names another redirect URI than the authorization request.",
    trips="redirect-uri-differs",
    who="user",
    edits={"token": {"form": {"redirect_uri": "http://127.0.0.1:1/callback"}}},
)
asked_wrongly(
    "resource-differs",
    phase="token",
    summary="The token request names another resource than the authorization request.",
    trips="resource-differs",
    who="user",
    edits={"token": {"form": {"resource": "https://other.example/mcp"}}},
)
asked_wrongly(
    "resource-not-repeated",
    phase="token",
    summary="The token request leaves out the resource of the authorization request.",
    trips="resource-not-sent",
    who="user",
    edits={"token": {"form": {"resource": None}}},
)
asked_wrongly(
    "client-differs",
    phase="token",
    summary="The code is redeemed by another client than the one that asked for it.",
    trips="client-differs",
    who="user",
    edits={"token": {"form": {"client_id": "demo-public"}}},
)
asked_wrongly(
    "grant-type-missing",
    phase="token",
    summary="The token request does not say which grant it shows.",
    trips="token-request-incomplete",
    who="user",
    edits={"token": {"form": {"grant_type": None}}},
)
asked_wrongly(
    "form-sent-as-json",
    phase="token",
    summary="The token request declares its form to be JSON.",
    trips="token-request-form",
    who="user",
    edits={"token": {"headers": {"Content-Type": "application/json"}}},
)
asked_wrongly(
    "method-not-registered",
    phase="token",
    summary="A client that registered as a public one sends a secret.",
    trips="client-authentication-differs",
    who="user",
    edits={"token": {"form": {"client_secret": "not-a-secret"}}},
)


# --- the code ---------------------------------------------------------------------------------------------------------


@behaves(
    "code-expired",
    phase="token",
    summary="Authorization codes have already expired when they are issued.",
    trips="token-refused",
    cause="code-lifetime-short",
    caused_in="callback",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, code_lifetime_s=-1)


@instead(
    "code-unknown",
    TOKEN,
    phase="token",
    summary="The token endpoint does not know the code, although it is new and comes as it was issued.",
    trips="token-refused",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return oauth_error(400, "invalid_grant", "authorization code is not known")


@instead(
    "bad-pair-crashes",
    TOKEN,
    phase="token",
    summary="The token endpoint fails with 500 where the verifier does not fit the challenge.",
    trips="pkce-mismatch",
    cause="bad-pair-crashes",
    who="authorization server",
    edits={"token": {"form": {"code_verifier": "v" * 50}}},
)
def _(asked: Asked) -> Answer | None:
    return Answer(500, (("content-type", "text/plain"),), b"Internal Server Error")


@behaves(
    "verifier-not-checked",
    phase="token",
    summary="The token endpoint redeems codes without looking at the verifier.",
    trips="verifier-not-checked",
    who="authorization server",
    edits={"token": {"form": {"code_verifier": "v" * 43}}},
    also=("pkce-mismatch",),
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, checks_verifiers=False)


# --- the client -------------------------------------------------------------------------------------------------------


@answers(
    "secret-for-public-client",
    REGISTER,
    TOKEN,
    phase="token",
    summary="A client that registers without a secret is given one, and refused without it.",
    trips="token-refused",
    cause="secret-demanded",
    caused_in="register",
    who="authorization server",
    also=("registration-method-contradicted",),
)
def _(asked: Asked, answer: Answer) -> Answer:
    if asked.path == REGISTER:
        return answer.patched(**NO_ONE_ASKED)
    return unknown_client("client authentication is required")


@instead(
    "client-unknown-to-tokens",
    TOKEN,
    phase="token",
    summary="The token endpoint does not know the client that was registered a moment ago.",
    trips="token-refused",
    cause="registration-lost",
    caused_in="register",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return oauth_error(401, "invalid_client", "client_id not found")


@instead(
    "resource-unknown-to-tokens",
    TOKEN,
    phase="token",
    summary="The token endpoint does not know the resource that the authorization endpoint took.",
    trips="token-refused",
    cause="resource-unknown",
    caused_in="authorize",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return oauth_error(400, "invalid_target", "no such resource")
