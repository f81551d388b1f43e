"""The authorization response."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("AR-01", "client", "- S S S", ""),
    Requirement("AR-02", "authorization server", "m m m m", ""),
    Requirement("AR-03", "client", "- - - M", ""),
    Requirement("AR-04", "client", "- - - MN", ""),
    Requirement("AR-05", "authorization server", "- - - S", ""),
    Requirement("AR-06", "client", "- - - MN", ""),
    Requirement("AR-07", "authorization server", "m m m m", ""),
    Requirement("AR-08", "authorization server", "s s s s", ""),
    Requirement("AR-09", "authorization server", "m m m m", ""),
)
