"""The authorization request."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement("AZ-01", "client", "m m m m", ""),
    Requirement("AZ-02", "client", "M M M M", ""),
    Requirement("AZ-03", "client", "m m M M", ""),
    Requirement("AZ-04", "client", "- - M M", ""),
    Requirement("AZ-05", "client", "m m m m", ""),
    Requirement("AZ-06", "client", "- M M M", ""),
    Requirement("AZ-07", "client", "- M M M", ""),
    Requirement("AZ-08", "client", "- S S S", ""),
    Requirement("AZ-09", "client", "- S S S", ""),
    Requirement("AZ-10", "client", "- - S S", ""),
    Requirement("AZ-11", "client", "- - S S", ""),
    Requirement("AZ-12", "client", "- - - Y", ""),
    Requirement(
        "AZ-13",
        "authorization server",
        "M M M M",
        "A redirect URI must be one that is registered, character for character.",
        rules=("unregistered-redirect-taken",),
    ),
    Requirement("AZ-14", "authorization server", "m m m m", ""),
    Requirement("AZ-15", "client", "- - - M", ""),
    Requirement("AZ-16", "client", "M M M M", ""),
    Requirement("AZ-17", "client", "m m m m", ""),
    Requirement("AZ-18", "authorization server", "mn mn mn mn", ""),
    Requirement("AZ-19", "authorization server", "- s s s", ""),
    Requirement("AZ-20", "authorization server", "- M M M", ""),
    Requirement(
        "AZ-21",
        "authorization server",
        "- S S S",
        "The user is sent on only to redirect URIs that can be trusted.",
        rules=("plain-redirect-registered", "unknown-client-redirected"),
    ),
)
