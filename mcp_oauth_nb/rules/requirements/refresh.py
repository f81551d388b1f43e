"""Refreshing."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("RF-01", "client", "- M M M", ""),
    Requirement("RF-02", "authorization server", "S M M M", ""),
    Requirement("RF-03", "client", "m m m m", ""),
    Requirement("RF-04", "client", "mn mn mn mn", ""),
    Requirement("RF-05", "client", "- - - MN", ""),
    Requirement("RF-06", "client", "m m m M", ""),
    Requirement("RF-07", "authorization server", "m m m m", ""),
)
