"""Scopes and step-up."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("SU-01", "MCP server", "- - S S", ""),
    Requirement("SU-02", "MCP server", "- - S S", ""),
    Requirement("SU-03", "client", "- - - S", ""),
    Requirement("SU-04", "client", "- - S S", ""),
    Requirement("SU-05", "MCP server", "- - - M", ""),
    Requirement("SU-06", "MCP server", "M M M M", ""),
)
