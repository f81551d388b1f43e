"""The access token itself."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("AT-01", "authorization server", "- s s s", ""),
    Requirement("AT-02", "authorization server", "s s s s", ""),
    Requirement("AT-03", "authorization server", "s s s s", ""),
    Requirement("AT-04", "authorization server", "s s s s", ""),
    Requirement("AT-05", "authorization server", "s s s s", ""),
    Requirement("AT-06", "client", "m m m m", ""),
    Requirement("AT-07", "authorization server", "Y Y Y Y", ""),
)
