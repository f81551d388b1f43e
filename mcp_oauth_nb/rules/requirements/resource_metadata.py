"""Protected resource metadata."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("PRM-01", "MCP server", "- M M M", ""),
    Requirement("PRM-02", "MCP server", "- m M* M*", ""),
    Requirement("PRM-03", "client", "- M M M", ""),
    Requirement("PRM-04", "MCP server", "- m m m", ""),
    Requirement("PRM-05", "MCP server", "- m m m", ""),
    Requirement("PRM-06", "client", "- m m m", ""),
    Requirement("PRM-07", "MCP server", "- M M M", ""),
    Requirement("PRM-08", "MCP server", "- m m m", ""),
    Requirement("PRM-09", "MCP server", "- s s s", ""),
    Requirement("PRM-10", "MCP server", "- - - SN", ""),
    Requirement("PRM-11", "MCP server", "- D D D", ""),
    Requirement("PRM-12", "MCP server", "- D D D", ""),
    Requirement("PRM-13", "MCP server", "- m m m", ""),
    Requirement("PRM-14", "MCP server", "- m m m", ""),
    Requirement("PRM-15", "client", "- D D D", ""),
    Requirement("PRM-16", "client", "- s s s", ""),
    Requirement("PRM-17", "client", "- m m m", ""),
    Requirement("PRM-18", "both", "- s s s", ""),
)
