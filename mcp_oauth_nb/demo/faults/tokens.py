"""Faults of the token endpoint."""

from dataclasses import replace
from urllib.parse import urlencode

from ..answers import Answer, Asked
from ..fault import answers, asked_wrongly, behaves, instead
from ..grants import Behaviour
from ..oauth import REGISTER, TOKEN, oauth_error, unknown_client

NO_ONE_ASKED = {"client_secret": "secret-nobody-asked-for", "client_secret_expires_at": 0}
OWN_TYPE = {"token_type": "bot"}

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
    who="client",
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
)
def _(asked: Asked, answer: Answer) -> Answer:
    if asked.path == REGISTER:
        return answer.patched(**NO_ONE_ASKED)
    return unknown_client("client authentication is required")


@instead(
    "client-forgotten",
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


# --- answers of somebody else -----------------------------------------------------------------------------------------


@instead(
    "token-endpoint-502",
    TOKEN,
    phase="token",
    summary="A proxy in front of the token endpoint answers 502 with an HTML page.",
    trips="token-refused",
    cause="gateway-without-server",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    page = (
        "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
    )
    return Answer.of_html(502, page) if asked.method == "POST" else None


@instead(
    "token-endpoint-blocked",
    TOKEN,
    phase="token",
    summary="A firewall in front of the token endpoint takes the client for a bot.",
    trips="token-refused",
    cause="edge-blocks",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    page = Answer.of_html(403, "<!doctype html><title>Attention Required!</title><h1>You have been blocked</h1>")
    return page.with_header("server", "cloudflare").with_header("cf-ray", "8f0c0ffee0000000-FRA")


@instead(
    "token-endpoint-404",
    TOKEN,
    phase="token",
    summary="There is no token endpoint where the metadata says it is.",
    trips="token-refused",
    cause="token-endpoint-elsewhere",
    caused_in="server_metadata",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(404, "<!doctype html><title>Not Found</title><h1>Not Found</h1>")


@instead(
    "token-endpoint-500",
    TOKEN,
    phase="token",
    summary="The token endpoint fails whatever it is asked.",
    trips="token-refused",
    cause="server-crashes",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer(500, (("content-type", "text/plain"),), b"Internal Server Error")


@instead(
    "token-error-in-own-form",
    TOKEN,
    phase="token",
    summary="The token endpoint writes its errors in a form of its own.",
    trips="token-refused",
    cause="error-of-another-form",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(401, [{"errorCode": "E0000004", "errorSummary": "Bad credentials"}])


@instead(
    "token-error-with-200",
    TOKEN,
    phase="token",
    summary="The token endpoint delivers its errors with the status 200.",
    trips="token-refused",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    document = {"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
    return Answer.of_json(200, document, cache_control="no-store")


# --- tokens in another form -------------------------------------------------------------------------------------------


@answers(
    "token-nested",
    TOKEN,
    phase="token",
    summary="The token stands inside another object of the answer.",
    trips="token-answer-invalid",
    cause="token-nested",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    token = (answer.json or {}).get("access_token")
    return answer.patched(ok=True, authed_user={"access_token": token}, access_token=None, refresh_token=None)


@answers(
    "token-type-own",
    TOKEN,
    phase="token",
    summary="The answer calls the token by a type of its own.",
    trips="token-answer-invalid",
    cause="token-type-own",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(**OWN_TYPE)


@answers(
    "token-as-form",
    TOKEN,
    phase="token",
    summary="The token comes as a form in place of JSON.",
    trips="token-answer-invalid",
    cause="token-as-form",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    body = urlencode(answer.json or {}).encode()
    return replace(answer, body=body).with_header("content-type", "application/x-www-form-urlencoded")


@instead(
    "token-page",
    TOKEN,
    phase="token",
    summary="A page for people answers in place of the token endpoint.",
    trips="token-answer-invalid",
    cause="token-route-shows-page",
    caused_in="server_metadata",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(200, "<!doctype html><title>Welcome</title><div id=root></div>")


@answers(
    "expiry-as-text",
    TOKEN,
    phase="token",
    summary="The lifetime of the token is given as text.",
    trips="token-expiry-missing",
    cause="expiry-as-text",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(expires_in="900")


@answers(
    "no-expiry",
    TOKEN,
    phase="token",
    summary="The lifetime of the token is not told.",
    trips="token-expiry-missing",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(expires_in=None)


@answers(
    "token-cacheable",
    TOKEN,
    phase="token",
    summary="The answer with the token may be cached.",
    trips="token-cacheable",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.without_header("cache-control").without_header("pragma")


@answers(
    "scope-narrowed",
    TOKEN,
    phase="token",
    summary="The token is granted less scope than was asked for.",
    trips="scope-narrowed",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(scope="mcp:read")
