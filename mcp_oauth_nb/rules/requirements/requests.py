"""MCP requests with a token."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("RS-01", "client", "M M M M", ""),
    Requirement("RS-02", "client", "MN MN MN MN", ""),
    Requirement("RS-03", "MCP server", "M M M M", ""),
    Requirement("RS-04", "MCP server", "- M M M", ""),
    Requirement("RS-05", "MCP server", "- MN MN MN", ""),
    Requirement("RS-06", "client", "- MN MN MN", ""),
    Requirement("RS-07", "client", "M M M M", ""),
    Requirement("RS-08", "client", "- M M M", ""),
    Requirement("RS-09", "MCP server", "- M M M", ""),
    Requirement("RS-10", "MCP server", "- S S Y", ""),
    Requirement("RS-11", "client", "M M M -", ""),
    Requirement("RS-12", "client", "M M M -", ""),
    Requirement("RS-13", "client", "- - - M", ""),
    Requirement("RS-14", "client", "- - - M", ""),
    Requirement("RS-15", "client", "- - - M", ""),
    Requirement("RS-16", "MCP server", "M M M M", ""),
    Requirement("RS-17", "MCP server", "M M M M", ""),
    Requirement("RS-18", "MCP server", "- - - M", ""),
    Requirement("RS-19", "MCP server", "- - - M", ""),
    Requirement("RS-20", "MCP server", "- - - S", ""),
    Requirement("RS-21", "MCP server", "M M M -", ""),
    Requirement("RS-22", "client", "M M M -", ""),
    Requirement("RS-23", "MCP server", "MN MN MN MN", ""),
    Requirement("RS-24", "MCP server", "- - - M", ""),
    Requirement("RS-25", "both", "M M M -", ""),
    Requirement("RS-26", "MCP server", "M M M M", ""),
)
