"""The token request and its answer."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("TK-01", "client", "m m m m", ""),
    Requirement("TK-02", "client", "m m m m", ""),
    Requirement("TK-03", "client", "m m m m", ""),
    Requirement("TK-04", "client", "- M M M", ""),
    Requirement("TK-05", "client", "m m m m", ""),
    Requirement("TK-06", "client", "m m m m", ""),
    Requirement("TK-07", "authorization server", "m m m m", ""),
    Requirement("TK-08", "authorization server", "m m m m", ""),
    Requirement("TK-09", "authorization server", "m m m m", ""),
    Requirement("TK-10", "authorization server", "s s s s", ""),
    Requirement("TK-11", "authorization server", "m m m m", ""),
    Requirement("TK-12", "authorization server", "m m m m", ""),
    Requirement("TK-13", "client", "m m m m", ""),
    Requirement(
        "TK-14",
        "authorization server",
        "m m m m",
        "An authorization code can be redeemed once only.",
        rules=("code-works-twice",),
    ),
    Requirement(
        "TK-15",
        "authorization server",
        "m m m m",
        "A code is redeemed only with the verifier that fits its challenge.",
        rules=("wrong-verifier-accepted", "missing-verifier-accepted"),
    ),
    Requirement("TK-16", "client", "M M M M", ""),
)
