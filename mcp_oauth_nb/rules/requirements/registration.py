"""Getting a client id."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("REG-01", "both", "S S Y Yd", ""),
    Requirement("REG-02", "both", "- - S S", ""),
    Requirement("REG-03", "client", "- - S S", ""),
    Requirement("REG-04", "client", "- - S S", ""),
    Requirement("REG-05", "client", "m m m m", ""),
    Requirement("REG-06", "authorization server", "m m m m", ""),
    Requirement("REG-07", "authorization server", "m m m m", ""),
    Requirement("REG-08", "authorization server", "m m m m", ""),
    Requirement("REG-09", "both", "m m m m", ""),
    Requirement("REG-10", "authorization server", "m m m m", ""),
    Requirement("REG-11", "client", "- - - M", ""),
    Requirement("REG-12", "client", "- - - S", ""),
    Requirement("REG-13", "client", "- - - M", ""),
    Requirement("REG-14", "client", "- - - S", ""),
    Requirement("REG-15", "client", "- - - M", ""),
    Requirement("REG-16", "client", "- M M M", ""),
    Requirement("REG-17", "authorization server", "m m m m", ""),
    Requirement("REG-18", "authorization server", "s s s s", ""),
)
