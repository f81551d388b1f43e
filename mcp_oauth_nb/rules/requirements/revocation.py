"""Revocation and introspection."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("RV-01", "authorization server", "m m m m", ""),
    Requirement("RV-02", "authorization server", "m m m m", ""),
    Requirement(
        "RV-03",
        "authorization server",
        "m m m m",
        "Introspection demands authorization, and its answer says whether the token is active.",
        rules=("introspection-open",),
    ),
)
