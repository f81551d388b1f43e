"""Faults of the redirect that answers an authorization request."""

from dataclasses import replace

from ..answers import Answer, Asked
from ..fault import answers
from ..oauth import CONSENT, RESOURCE_METADATA, SERVER_METADATA

OTHER = "https://other.example"

# --- an error in the redirect -----------------------------------------------------------------------------------------


@answers(
    "access-denied",
    CONSENT,
    phase="callback",
    summary="The browser comes back with error=access_denied although the user agreed.",
    trips="authorization-error",
    cause="denied-by-policy",
    caused_in="authorize",
    who="user",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(
        code=None, error="access_denied", error_description="A policy of this organisation refuses the client"
    )


@answers(
    "user-said-no",
    CONSENT,
    phase="callback",
    summary="The user did not agree.",
    trips="authorization-error",
    cause="denied-by-user",
    caused_in="authorize",
    who="user",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(code=None, error="access_denied", error_description="The user refused the request")


@answers(
    "scope-advertised-refused",
    RESOURCE_METADATA,
    SERVER_METADATA,
    CONSENT,
    "/mcp",
    phase="callback",
    summary="The MCP server's metadata lists a scope that the authorization server does not grant.",
    trips="authorization-error",
    cause="scope-advertised-refused",
    who="MCP server",
    caused_in="resource_metadata",
    how={"browser": "follow"},
)
def _(asked: Asked, answer: Answer) -> Answer:
    if asked.path == "/mcp":
        challenge = answer.header("www-authenticate").partition(", scope=")[0]
        return answer.with_header("www-authenticate", challenge) if challenge else answer
    if asked.path == RESOURCE_METADATA:
        return answer.patched(scopes_supported=["mcp:tools", "mcp:admin"])
    if asked.path == SERVER_METADATA:
        return answer.patched(scopes_supported=["mcp:tools"])
    return answer.relocated(code=None, error="invalid_scope")


@answers(
    "resource-unknown",
    CONSENT,
    phase="callback",
    summary="The authorization server does not know the resource of its own MCP server.",
    trips="authorization-error",
    cause="resource-unknown",
    who="authorization server",
    caused_in="authorize",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(code=None, error="invalid_target", error_description="No such API is registered")


@answers(
    "authorization-server-error",
    CONSENT,
    phase="callback",
    summary="The authorization server fails and says so in the redirect.",
    trips="authorization-error",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(code=None, error="server_error", error_description="The identity provider does not answer")


# --- a redirect that is not the one -----------------------------------------------------------------------------------


@answers(
    "wrong-state",
    CONSENT,
    phase="callback",
    summary="The redirect carries another state than the one the client sent.",
    trips="state-mismatch",
    cause="state-changed",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(state="not-the-state-you-sent")


@answers(
    "no-state",
    CONSENT,
    phase="callback",
    summary="The redirect does not bring state back.",
    trips="state-mismatch",
    cause="state-changed",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(state=None)


@answers(
    "issuer-of-another",
    CONSENT,
    phase="callback",
    summary="The redirect names another issuer than the one that was asked.",
    trips="iss-mismatch",
    cause="issuer-of-upstream",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(iss=OTHER)


@answers(
    "issuer-with-slash",
    CONSENT,
    phase="callback",
    summary="The redirect writes the issuer with a slash that the metadata does not have.",
    trips="iss-mismatch",
    cause="issuer-respelled",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(iss=f"http://{asked.header('host')}/")


@answers(
    "issuer-not-sent",
    CONSENT,
    phase="callback",
    summary="The metadata promises iss, and the redirect has none.",
    trips="iss-mismatch",
    cause="issuer-not-sent",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(iss=None)


@answers(
    "code-in-fragment",
    CONSENT,
    phase="callback",
    summary="The code comes in the fragment of the redirect.",
    trips="code-missing",
    cause="code-in-fragment",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.with_header("location", answer.header("location").replace("?", "#", 1))


@answers(
    "no-code",
    CONSENT,
    phase="callback",
    summary="The redirect carries neither a code nor an error.",
    trips="code-missing",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(code=None)


@answers(
    "redirect-307",
    CONSENT,
    phase="callback",
    summary="The redirect back has the status 307, so that a browser sends the form on.",
    trips="redirect-resends-form",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return replace(answer, status=307) if answer.is_redirect else answer


@answers(
    "code-and-error",
    CONSENT,
    phase="callback",
    summary="The redirect carries a code and an error at once.",
    trips="authorization-error",
    who="authorization server",
    also=("code-and-error",),
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.relocated(error="server_error")


@answers(
    "state-sent-twice",
    CONSENT,
    phase="callback",
    summary="The redirect carries two values of state, of which the last is the right one.",
    trips="response-parameter-repeated",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.with_header("location", answer.header("location").replace("?", "?state=another&", 1))
