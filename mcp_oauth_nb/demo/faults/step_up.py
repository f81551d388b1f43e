"""Faults of how the MCP server says that a token may do too little. They show when a tool is called."""

from ..answers import Answer, Asked
from ..fault import instead
from ..oauth import MCP, RESOURCE_METADATA
from ..provider import SCOPE


def is_tool_call(asked: Asked) -> bool:
    """Whether a tool is called with a token; told by the header that MCP 2026-07-28 puts on every request."""
    return asked.method == "POST" and asked.header("mcp-method") == "tools/call" and asked.bearer is not None


def challenged(asked: Asked, status: int, error: str, scope: str | None) -> Answer | None:
    """A refusal of a tool call with a challenge; None for any other request."""
    if not is_tool_call(asked):
        return None
    where = f"http://{asked.header('host')}{RESOURCE_METADATA}"
    named = f', scope="{scope}"' if scope else ""
    answer = Answer.of_json(status, {"error": error, "error_description": "The tool may not be called"})
    return answer.with_header("www-authenticate", f'Bearer error="{error}"{named}, resource_metadata="{where}"')


@instead(
    "granted-scope-challenged",
    MCP,
    phase="mcp",
    summary="A tool call is refused for a scope that the token already has.",
    trips="scope-challenged-again",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    return challenged(asked, 403, "insufficient_scope", SCOPE)


@instead(
    "unknown-scope-challenged",
    MCP,
    phase="mcp",
    summary="A tool call needs a scope that the authorization server does not know.",
    trips="insufficient-scope",
    cause="scope-unknown-to-authorization-server",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    return challenged(asked, 403, "insufficient_scope", "mcp:admin")


@instead(
    "challenge-without-scope",
    MCP,
    phase="mcp",
    summary="A tool call is refused with insufficient_scope, and the challenge does not say which scope is missing.",
    trips="scope-challenge-incomplete",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    return challenged(asked, 403, "insufficient_scope", None)


@instead(
    "forbidden-without-challenge",
    MCP,
    phase="mcp",
    summary="A tool call is refused with 403 and no challenge, so that nobody knows what is missing.",
    trips="insufficient-scope",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(403, {"message": "Forbidden"}) if is_tool_call(asked) else None


@instead(
    "forbidden-by-firewall",
    MCP,
    phase="mcp",
    summary="A firewall in front of the MCP server refuses a tool call with a page of its own.",
    trips="insufficient-scope",
    cause="gateway-forbids",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    page = "<!doctype html><title>Request blocked</title><h1>Request blocked</h1><p>Incident 7.</p>"
    blocked = Answer.of_html(403, page).with_header("server", "edge").with_header("via", "1.1 edge")
    return blocked if is_tool_call(asked) else None


@instead(
    "missing-scope-as-401",
    MCP,
    phase="mcp",
    summary="A tool call with too little scope is refused with 401 in place of 403.",
    trips="refusal-status-swapped",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    return challenged(asked, 401, "insufficient_scope", SCOPE)


@instead(
    "bad-token-as-403",
    MCP,
    phase="mcp",
    summary="A tool call is refused with 403 because of a bad token, in place of 401.",
    trips="refusal-status-swapped",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    return challenged(asked, 403, "invalid_token", None)


@instead(
    "denial-as-500",
    MCP,
    phase="mcp",
    summary="A tool that the user may not call fails with 500, as if the server were broken.",
    trips="mcp-error",
    cause="denial-as-error",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(500, {"message": "authorization policy denied the call"}) if is_tool_call(asked) else None
