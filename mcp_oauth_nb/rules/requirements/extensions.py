"""Extensions."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("EXT-01", "authorization server", "- - m m", ""),
    Requirement("EXT-02", "client", "- - m m", ""),
    Requirement("EXT-03", "client", "- - m m", ""),
    Requirement("EXT-04", "both", "- - - m", ""),
    Requirement("EXT-05", "client", "- - m m", ""),
    Requirement("EXT-06", "authorization server", "- - m m", ""),
    Requirement("EXT-07", "both", "- - m m", ""),
    Requirement("EXT-08", "both", "- - - m", ""),
    Requirement("EXT-09", "both", "- - - m", ""),
    Requirement("EXT-10", "client", "- - - m", ""),
)
