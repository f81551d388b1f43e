"""Faults of the MCP server behind a good token."""

from dataclasses import replace

from ..fault import behaves
from ..grants import Behaviour


@behaves(
    "token-rejected",
    phase="mcp",
    summary="The MCP server refuses a fresh and valid access token with 401 invalid_token.",
    trips="token-rejected",
    who="MCP server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, accepts_access_tokens=False)
