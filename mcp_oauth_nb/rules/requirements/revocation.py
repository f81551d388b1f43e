"""Revocation and introspection."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "RV-01",
        "authorization server",
        "m m m m",
        "The revocation endpoint takes a form with token and answers 200, also for a token that it does not know.",
        rules=("revocation-endpoint-missing", "revocation-refused", "revoked-another-token"),
    ),
    Requirement(
        "RV-02",
        "authorization server",
        "m m m m",
        "A revoked refresh token gets no more tokens, and the access token should end with it.",
        rules=("revoked-token-accepted", "revoked-refresh-token-accepted", "refresh-survives-revocation"),
    ),
    Requirement(
        "RV-03",
        "authorization server",
        "m m m m",
        "Introspection asks who wants to know, and says whether the token is active.",
        rules=("introspection-open", "introspection-refused", "introspection-answer-invalid"),
    ),
)
