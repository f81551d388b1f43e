"""Refreshing."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "RF-01",
        "client",
        "- M M M",
        "A refresh names the resource that the tokens are for.",
        rules=("resource-not-sent",),
    ),
    Requirement(
        "RF-02",
        "authorization server",
        "S M M M",
        "A public client gets a new refresh token with every refresh, unless its tokens are bound to a key.",
        rules=("refresh-not-rotated",),
    ),
    Requirement(
        "RF-03",
        "client",
        "m m m m",
        "A client keeps the newest refresh token, and the one it has where no new one came.",
        rules=("refresh-token-reused", "login-instead-of-refresh"),
    ),
    Requirement(
        "RF-04",
        "client",
        "mn mn mn mn",
        "A refresh asks for no scope beyond that of the original grant.",
        rules=("refresh-scope-widened",),
    ),
    Requirement(
        "RF-05",
        "client",
        "- - - MN",
        "A client does not count on being given a refresh token.",
        rules=("refresh-without-token", "refresh-token-missing"),
    ),
    Requirement(
        "RF-06",
        "client",
        "m m m M",
        "A refresh token goes to the authorization server alone, in the body of a request.",
        rules=("refresh-token-exposed",),
    ),
    Requirement(
        "RF-07",
        "authorization server",
        "m m m m",
        "A refresh token that was replaced, or is invalid for another reason, is refused with invalid_grant.",
        rules=("replay-accepted", "refresh-refused", "refresh-error-status"),
    ),
)
