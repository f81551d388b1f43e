"""Authorization server metadata."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("ASM-01", "authorization server", "S M M M", ""),
    Requirement("ASM-02", "client", "M M M M", ""),
    Requirement("ASM-03", "client", "M m M M", ""),
    Requirement("ASM-04", "client", "m m m M", ""),
    Requirement("ASM-05", "authorization server", "m m m m", ""),
    Requirement("ASM-06", "authorization server", "m m m m", ""),
    Requirement("ASM-07", "client", "- - M M", ""),
    Requirement("ASM-08", "authorization server", "- - M M", ""),
    Requirement("ASM-09", "authorization server", "m m m m", ""),
    Requirement("ASM-10", "authorization server", "m m m m", ""),
    Requirement("ASM-11", "authorization server", "m m m m", ""),
    Requirement("ASM-12", "authorization server", "- - m m", ""),
    Requirement("ASM-13", "authorization server", "m m m m", ""),
    Requirement("ASM-14", "authorization server", "m m m m", ""),
    Requirement("ASM-15", "client", "M - - -", ""),
    Requirement("ASM-16", "both", "M - - -", ""),
    Requirement("ASM-17", "client", "S - - -", ""),
    Requirement("ASM-18", "authorization server", "- - s s", ""),
    Requirement("ASM-19", "authorization server", "D D D D", ""),
    Requirement("ASM-20", "authorization server", "- - - M", ""),
)
