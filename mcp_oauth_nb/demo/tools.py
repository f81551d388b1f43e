"""The MCP side: four harmless tools on the SDK's low-level server.

The low-level server is used because the high-level one configures the root logger, which is not ours to touch.
"""

from typing import Any

import mcp_types as types
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import UrlElicitationRequiredError

NUMBER = {"type": "number"}


def _tool(name: str, description: str, **properties: dict[str, str]) -> types.Tool:
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return types.Tool(name=name, description=description, input_schema=schema)


TOOLS = [
    _tool("echo", "Returns the text it is given.", text={"type": "string"}),
    _tool("add", "Adds two numbers.", a=NUMBER, b=NUMBER),
    _tool("whoami", "Says which client and user the access token stands for, and its scopes."),
    _tool("connect", "Wants the user to agree at another service first, and then says that it is connected."),
]
ELSEWHERE = types.ElicitRequestURLParams(
    message="Connect your calendar first", url="https://calendar.example/connect", elicitation_id="calendar"
)
WISH = "calendar"
"""The name under which the consent is answered, where the protocol has names for it."""
ANSWERED_INSIDE = "2026-07-28"
"""From this version on a wish is part of a result; before it, an error."""


def mcp_server() -> Server[Any]:
    """The MCP server without its transport."""
    return Server(
        "mcp-oauth-nb-demo",
        version="1",
        title="Demo MCP server",
        instructions="A server to practise on: every request needs an access token.",
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
    )


async def _list_tools(
    context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    return types.ListToolsResult(tools=TOOLS)


async def _call_tool(
    context: ServerRequestContext[Any], params: types.CallToolRequestParams
) -> types.CallToolResult | types.InputRequiredResult:
    if params.name == "connect" and not (params.input_responses or {}).get(WISH):
        if context.protocol_version < ANSWERED_INSIDE:
            raise UrlElicitationRequiredError([ELSEWHERE])
        return types.InputRequiredResult(
            input_requests={WISH: types.ElicitRequest(params=ELSEWHERE)}, request_state="asked once"
        )
    try:
        text, wrong = run(params.name, params.arguments or {}), False
    except ValueError as error:
        text, wrong = str(error), True
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=wrong)


def run(name: str, arguments: dict[str, Any]) -> str:
    """The result of a tool as text.

    Raises:
        ValueError: no such tool, or arguments that do not fit.
    """
    match name, arguments:
        case "echo", {"text": str(text)}:
            return text
        case "add", {"a": int() | float() as a, "b": int() | float() as b}:
            return str(a + b)
        case "whoami", _:
            return whoami()
        case "connect", _:
            return "connected"
        case (("echo" | "add"), _):
            raise ValueError(f"the arguments do not fit the tool {name}")
    raise ValueError("there is no such tool")


def whoami() -> str:
    """Client, user and scopes of the token, never the token."""
    token = get_access_token()
    if token is None:
        raise ValueError("nobody is signed in")
    return f"client {token.client_id}, user {token.subject}, scopes {' '.join(token.scopes)}"
