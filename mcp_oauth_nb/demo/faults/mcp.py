"""Faults of the MCP server behind a good token, and of what stands in front of it."""

from dataclasses import replace

from ..answers import Answer, Asked
from ..fault import answers, asked_wrongly, behaves, instead
from ..grants import Behaviour
from ..oauth import MCP, RESOURCE_METADATA
from ..provider import SCOPE

HANDSHAKE = {"protocol": "2025-11-25"}
"""Sessions are found in the protocol with a handshake only."""


def method(asked: Asked) -> str:
    """What an MCP request asks for, told by the header that MCP 2026-07-28 puts on every request."""
    return asked.header("mcp-method") if asked.method == "POST" and asked.bearer is not None else ""


def challenged(asked: Asked, told: str = "") -> Answer:
    """A 401 with a challenge."""
    where = f'resource_metadata="http://{asked.header("host")}{RESOURCE_METADATA}", scope="{SCOPE}"'
    answer = Answer.of_json(401, {"message": "Authorization required"})
    return answer.with_header("www-authenticate", f"Bearer {told}{where}")


def failed(code: int, message: str, status: int = 200) -> Answer:
    """A JSON-RPC error."""
    error = {"code": code, "message": message}
    return Answer.of_json(status, {"jsonrpc": "2.0", "id": 1, "error": error})


@behaves(
    "token-rejected",
    phase="mcp",
    summary="The MCP server refuses a fresh and valid access token with 401 invalid_token.",
    trips="token-rejected",
    who="MCP server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, accepts_access_tokens=False)


asked_wrongly(
    "upstream-not-connected",
    phase="mcp",
    summary="A tool needs another service, to which the user has not yet agreed.",
    trips="url-elicitation-required",
    who="user",
    how={**HANDSHAKE, "tool": ("connect", {})},
)


# --- on the way to it -------------------------------------------------------------------------------------------------


@instead(
    "slash-redirected",
    MCP,
    phase="mcp",
    summary="The MCP endpoint redirects requests with a token to the same URL with a slash at its end.",
    trips="mcp-error",
    cause="slash-redirected",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    return Answer(307, (("location", f"{MCP}/"),)) if asked.bearer else None


@instead(
    "redirect-loses-token",
    MCP,
    phase="mcp",
    summary="The MCP endpoint redirects to the name that its machine has behind the proxy.",
    trips="mcp-error",
    cause="redirect-loses-token",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return Answer(307, (("location", f"http://mcp.internal:8080{MCP}/"),)) if asked.bearer else None


@instead(
    "login-page-in-front",
    MCP,
    phase="mcp",
    summary="A single sign-on in front of the MCP server redirects requests with a token to its own login.",
    trips="mcp-error",
    cause="login-page-in-front",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    location = ("location", "https://login.example/start?back=mcp")
    return Answer(302, (location, ("via", "1.1 edge"))) if asked.bearer else None


@instead(
    "edge-demands-login",
    MCP,
    phase="mcp",
    summary="A proxy in front of the MCP server refuses requests with a token with a page of its own.",
    trips="token-rejected",
    cause="edge-demands-login",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    page = "<!doctype html><title>Sign in to continue</title><h1>Sign in to continue</h1>"
    return Answer.of_html(401, page).with_header("via", "1.1 edge") if asked.bearer else None


@instead(
    "authorization-header-removed",
    MCP,
    phase="mcp",
    summary="A proxy in front of the MCP server removes the Authorization header.",
    trips="token-rejected",
    cause="authorization-header-removed",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return challenged(asked) if asked.bearer else None


@instead(
    "token-lost-behind-gateway",
    MCP,
    phase="mcp",
    summary="A gateway answers lists itself, and asks the server behind it without the token when a tool is called.",
    trips="token-rejected",
    cause="token-lost-behind-gateway",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    refused = Answer.of_json(401, {"message": "Unauthorized"}).with_header("server", "backend")
    return refused if method(asked) == "tools/call" else None


@instead(
    "accept-changed-on-the-way",
    MCP,
    phase="mcp",
    summary="A proxy replaces the Accept header, and the MCP server refuses what is left of it with 406.",
    trips="mcp-error",
    cause="accept-changed-on-the-way",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return failed(-32600, "Not Acceptable: Client must accept text/event-stream", 406) if asked.bearer else None


@instead(
    "too-many-requests",
    MCP,
    phase="mcp",
    summary="The MCP server wants fewer requests.",
    trips="mcp-error",
    cause="too-many-requests",
    who="user",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(429, {"message": "slow down"}, retry_after="30") if asked.bearer else None


@instead(
    "endpoint-takes-no-post",
    MCP,
    phase="mcp",
    summary="The URL is that of an older transport, which takes no POST.",
    trips="mcp-error",
    cause="endpoint-takes-no-post",
    who="user",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(405, {"message": "use GET"}, allow="GET") if asked.bearer else None


# --- its answers ------------------------------------------------------------------------------------------------------


@answers(
    "answer-without-media-type",
    MCP,
    phase="mcp",
    summary="Answers of the MCP server are declared to be plain text.",
    trips="mcp-media-type",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.with_header("content-type", "text/plain") if answer.status == 200 else answer


@answers(
    "answer-with-another-id",
    MCP,
    phase="mcp",
    summary="Answers of the MCP server do not carry the id of their request.",
    trips="response-misdirected",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return replace(answer, body=answer.body.replace(b'"id":', b'"id":9')) if answer.status == 200 else answer


@answers(
    "result-type-missing",
    MCP,
    phase="mcp",
    summary="Results of the MCP server do not say whether they are complete.",
    trips="result-type-missing",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return replace(answer, body=answer.body.replace(b'"resultType"', b'"kind"')) if answer.status == 200 else answer


@instead(
    "discover-missing",
    MCP,
    phase="mcp",
    summary="A server of MCP 2026-07-28 does not know server/discover.",
    trips="discover-missing",
    who="MCP server",
    how={"protocol": "2026-07-28"},
)
def _(asked: Asked) -> Answer | None:
    return failed(-32601, "Method not found", 404) if method(asked) == "server/discover" else None


@answers(
    "version-never-published",
    MCP,
    phase="mcp",
    summary="The MCP server agrees to a protocol version that there never was.",
    trips="version-unsupported",
    who="MCP server",
    how=HANDSHAKE,
)
def _(asked: Asked, answer: Answer) -> Answer:
    return replace(
        answer, body=answer.body.replace(b'"protocolVersion":"2025-11-25"', b'"protocolVersion":"1900-01-01"')
    )


@answers(
    "notification-answered-200",
    MCP,
    phase="mcp",
    summary="The MCP server answers notifications with 200.",
    trips="notification-status",
    who="MCP server",
    how=HANDSHAKE,
)
def _(asked: Asked, answer: Answer) -> Answer:
    return replace(answer, status=200) if answer.status == 202 else answer
