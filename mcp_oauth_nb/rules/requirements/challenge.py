"""The challenge of a 401 or 403."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("CH-01", "MCP server", "M M M M", ""),
    Requirement("CH-02", "MCP server", "- M M* M*", ""),
    Requirement("CH-03", "MCP server", "m m m m", ""),
    Requirement("CH-04", "MCP server", "m m m m", ""),
    Requirement("CH-05", "MCP server", "sn sn sn sn", ""),
    Requirement("CH-06", "MCP server", "- - S S", ""),
    Requirement("CH-07", "MCP server", "mn mn mn mn", ""),
    Requirement("CH-08", "MCP server", "mn mn mn mn", ""),
    Requirement("CH-09", "client", "- M M M", ""),
    Requirement("CH-10", "MCP server", "- m m m", ""),
    Requirement("CH-11", "MCP server", "- m m m", ""),
    Requirement("CH-12", "MCP server", "- - - SN", ""),
    Requirement(
        "CH-13",
        "MCP server",
        "M M M M",
        "A token that is invalid or has expired is answered with 401.",
        rules=("garbage-token-accepted", "garbage-token-status"),
    ),
    Requirement(
        "CH-14",
        "MCP server",
        "s s s s",
        "The 401 for an invalid token names the error invalid_token.",
        rules=("invalid-token-not-said",),
    ),
    Requirement(
        "CH-15",
        "MCP server",
        "M M M M",
        "Credentials that are malformed are answered with 400.",
        rules=("malformed-authorization-answer",),
    ),
    Requirement("CH-16", "client", "- - M M", ""),
    Requirement("CH-17", "client", "- - MN MN", ""),
)
