"""Faults of the authorization request, and pages in place of the redirect."""

from dataclasses import replace
from urllib.parse import urlsplit

from ..answers import Answer, Asked, with_query
from ..consent import page
from ..fault import answers, asked_wrongly, behaves, instead
from ..grants import Behaviour
from ..oauth import AUTHORIZE, CONSENT, SERVER_METADATA

UPSTREAM = "/upstream/login"
OTHER = "https://other.example"


# --- what is asked wrongly --------------------------------------------------------------------------------------------

asked_wrongly(
    "no-code-challenge",
    phase="authorize",
    summary="The authorization request leaves PKCE out.",
    trips="pkce-not-sent",
    who="user",
    edits={"authorize": {"params": {"code_challenge": None, "code_challenge_method": None}}},
)


@answers(
    "endpoint-query-dropped",
    SERVER_METADATA,
    phase="authorize",
    summary="The authorization endpoint has a query of its own, and the authorization request does not keep it.",
    trips="endpoint-query-lost",
    who="user",
    edits={"authorize": {"params": {"tenant": None}}},
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(authorization_endpoint=f"{answer.json['authorization_endpoint']}?tenant=acme")


asked_wrongly(
    "challenge-padded",
    phase="authorize",
    summary="The code challenge is written in base64 with padding.",
    trips="code-challenge-malformed",
    who="user",
    edits={"authorize": {"params": {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="}}},
)
asked_wrongly(
    "resource-left-out",
    phase="authorize",
    summary="The authorization request does not say which resource the token is for.",
    trips="resource-not-sent",
    who="user",
    edits={"authorize": {"params": {"resource": None}}},
)
asked_wrongly(
    "resource-of-another",
    phase="authorize",
    summary="The authorization request asks for a token for another server.",
    trips="resource-sent-wrong",
    who="user",
    how={"resource": f"{OTHER}/mcp"},
)
asked_wrongly(
    "scope-set-wrongly",
    phase="callback",
    summary="A scope is asked for that no server names.",
    trips="scope-selection",
    who="user",
    caused_in="authorize",
    edits={"authorize": {"params": {"scope": "openid email profile"}}},
)
asked_wrongly(
    "response-type-wrong",
    phase="authorize",
    summary="The authorization request asks for a token in place of a code.",
    trips="authorization-request-incomplete",
    who="user",
    edits={"authorize": {"params": {"response_type": "token"}}},
)
asked_wrongly(
    "state-given-twice",
    phase="authorize",
    summary="The authorization request carries state twice.",
    trips="parameter-repeated",
    who="user",
    edits={"authorize": {"params": {"state": ["a-state-of-enough-characters-1", "a-state-of-enough-characters-1"]}}},
)
asked_wrongly(
    "redirect-uri-of-another",
    phase="authorize",
    summary="The authorization request names a redirect URI that was never registered.",
    trips="redirect-uri-unregistered",
    who="user",
    edits={"authorize": {"params": {"redirect_uri": f"{OTHER}/callback"}}},
)


@answers(
    "s256-unsaid",
    SERVER_METADATA,
    phase="server_metadata",
    summary="The metadata says nothing of PKCE, although the server supports it.",
    trips="s256-not-advertised",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(code_challenge_methods_supported=None)


# --- a page in place of the redirect ----------------------------------------------------------------------------------


@instead(
    "registration-lost",
    AUTHORIZE,
    phase="callback",
    summary="The authorization server forgets its clients as soon as they are registered.",
    trips="authorization-page",
    cause="registration-lost",
    who="authorization server",
    caused_in="register",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(400, "<!doctype html><title>Error</title><h1>Client not found</h1>")


@behaves(
    "loopback-port-compared",
    phase="callback",
    summary="A loopback redirect URI is refused because of its port.",
    trips="authorization-page",
    cause="loopback-port-compared",
    who="authorization server",
    caused_in="authorize",
    edits={"register": {"json": {"redirect_uris": ["http://127.0.0.1:33418/callback"]}}},
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, ignores_loopback_port=False)


@instead(
    "consent-form-blocked",
    CONSENT,
    phase="callback",
    summary="The consent page's policy forbids its form to lead back to the client.",
    trips="authorization-page",
    cause="consent-form-blocked",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return _consent("<form method=post action=/consent><button>Authorize</button></form>") if _is_get(asked) else None


@instead(
    "consent-disabled",
    CONSENT,
    phase="callback",
    summary="The consent page cannot be agreed to before a service behind the gateway is connected.",
    trips="authorization-page",
    cause="consent-disabled",
    who="user",
)
def _(asked: Asked) -> Answer | None:
    text = "<p>Connect the upstream service first.</p><button disabled>Authorize</button>"
    return Answer.of_html(200, f"<!doctype html><title>Authorize</title>{text}") if _is_get(asked) else None


def _is_get(asked: Asked) -> bool:
    return asked.method == "GET"


def _consent(content: str) -> Answer:
    response = page("Authorize", content, 200, "'self'")
    policy = ("content-security-policy", response.headers["content-security-policy"])
    return Answer(200, (("content-type", "text/html; charset=utf-8"), policy), bytes(response.body))


@instead(
    "session-cookie-lost",
    CONSENT,
    phase="callback",
    summary="The page behind the authorization request does not find the session that was begun there.",
    trips="authorization-page",
    cause="session-cookie-lost",
    who="authorization server",
    caused_in="authorize",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(400, "<!doctype html><title>Error</title><h1>Session not found</h1><p>Sign in again.</p>")


@instead(
    "approval-needed",
    CONSENT,
    phase="callback",
    summary="The authorization server shows that an administrator has to agree first.",
    trips="authorization-page",
    cause="denied-by-policy",
    who="user",
    caused_in="authorize",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(403, "<!doctype html><title>Need admin approval</title><p>AADSTS90094: ask your admin.</p>")


@instead(
    "resource-against-scopes",
    AUTHORIZE,
    phase="callback",
    summary="The authorization server refuses a resource beside scopes of another one.",
    trips="authorization-page",
    cause="resource-against-scopes",
    who="authorization server",
    caused_in="authorize",
)
def _(asked: Asked) -> Answer | None:
    text = "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes."
    return Answer.of_html(400, f"<!doctype html><title>Sign in</title><p>{text}</p>")


@instead(
    "resource-sent-upstream",
    AUTHORIZE,
    UPSTREAM,
    phase="callback",
    summary="The authorization server hands resource on to its identity provider, which does not know it.",
    trips="authorization-page",
    cause="resource-sent-upstream",
    who="authorization server",
    caused_in="authorize",
)
def _(asked: Asked) -> Answer | None:
    if asked.path == UPSTREAM:
        return Answer.of_html(400, "<!doctype html><title>Sign in</title><p>AADSTS901002: resource not supported.</p>")
    port = urlsplit(f"//{asked.header('host')}").port
    return Answer(302, (("location", with_query(f"http://localhost:{port}{UPSTREAM}", resource="mcp")),))
