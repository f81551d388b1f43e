"""What holds everywhere: transport, hosts, origin."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("GEN-01", "MCP server", "Y Y Y Y", ""),
    Requirement("GEN-02", "authorization server", "M M M M", ""),
    Requirement("GEN-03", "client", "M M M M", ""),
    Requirement("GEN-04", "MCP server", "m m m m", ""),
    Requirement("GEN-05", "both", "SN SN SN SN", ""),
    Requirement(
        "GEN-06",
        "MCP server",
        "M M M M",
        "The server checks the Origin header, and answers 403 where a foreign one is there.",
        rules=("origin-not-checked",),
    ),
    Requirement("GEN-07", "authorization server", "M M M M", ""),
    Requirement("GEN-08", "MCP server", "M - - -", ""),
)
