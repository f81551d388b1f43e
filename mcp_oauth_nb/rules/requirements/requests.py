"""MCP requests with a token."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("RS-01", "client", "M M M M", ""),
    Requirement("RS-02", "client", "MN MN MN MN", ""),
    Requirement(
        "RS-03",
        "MCP server",
        "M M M M",
        "The server validates the access token before it answers.",
        rules=("invalid-token-status", "token-not-demanded", "unprotected-twin", "stream-not-protected"),
    ),
    Requirement(
        "RS-04",
        "MCP server",
        "- M M M",
        "Only tokens that were issued for this very server are accepted.",
        rules=("foreign-token-accepted",),
    ),
    Requirement("RS-05", "MCP server", "- MN MN MN", ""),
    Requirement("RS-06", "client", "- MN MN MN", ""),
    Requirement("RS-07", "client", "M M M M", ""),
    Requirement("RS-08", "client", "- M M M", ""),
    Requirement(
        "RS-09",
        "MCP server",
        "- M M M",
        "A protocol version that is invalid or not supported is answered with 400.",
        rules=("version-not-refused",),
    ),
    Requirement("RS-10", "MCP server", "- S S Y", ""),
    Requirement("RS-11", "client", "M M M -", ""),
    Requirement("RS-12", "client", "M M M -", ""),
    Requirement("RS-13", "client", "- - - M", ""),
    Requirement("RS-14", "client", "- - - M", ""),
    Requirement("RS-15", "client", "- - - M", ""),
    Requirement("RS-16", "MCP server", "M M M M", ""),
    Requirement("RS-17", "MCP server", "M M M M", ""),
    Requirement("RS-18", "MCP server", "- - - M", ""),
    Requirement(
        "RS-19",
        "MCP server",
        "- - - M",
        "A method that the server does not know is answered with 404 and error -32601.",
        rules=("unknown-method-answer",),
    ),
    Requirement(
        "RS-20",
        "MCP server",
        "- - - S",
        "GET and DELETE at the endpoint are answered with 405.",
        rules=("get-delete-answered",),
    ),
    Requirement("RS-21", "MCP server", "M M M -", ""),
    Requirement("RS-22", "client", "M M M -", ""),
    Requirement(
        "RS-23",
        "MCP server",
        "MN MN MN MN",
        "A session id is never taken for authentication.",
        rules=("session-is-enough",),
    ),
    Requirement("RS-24", "MCP server", "- - - M", ""),
    Requirement(
        "RS-25",
        "both",
        "M M M -",
        "GET with the token opens an event stream, or is answered with 405.",
        rules=("stream-refused",),
    ),
    Requirement("RS-26", "MCP server", "M M M M", ""),
)
