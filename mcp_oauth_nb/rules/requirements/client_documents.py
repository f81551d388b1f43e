"""Client ID metadata documents."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("CIMD-01", "client", "- - M M", ""),
    Requirement("CIMD-02", "client", "- - m m", ""),
    Requirement("CIMD-03", "client", "- - M M", ""),
    Requirement("CIMD-04", "client", "- - M M", ""),
    Requirement("CIMD-05", "client", "- - mn mn", ""),
    Requirement("CIMD-06", "client", "- - D D", ""),
    Requirement("CIMD-07", "client", "- - S S", ""),
    Requirement("CIMD-08", "authorization server", "- - S S", ""),
    Requirement("CIMD-09", "authorization server", "- - M M", ""),
    Requirement("CIMD-10", "authorization server", "- - S S", ""),
    Requirement("CIMD-11", "authorization server", "- - M M", ""),
    Requirement("CIMD-12", "client", "- - s s", ""),
)
