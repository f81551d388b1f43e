"""The authorization response."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "AR-01",
        "client",
        "- S S S",
        "A response without the state that was sent is discarded.",
        rules=("state-ignored",),
    ),
    Requirement(
        "AR-02",
        "authorization server",
        "m m m m",
        "State comes back as it was sent.",
        rules=("state-mismatch",),
    ),
    Requirement(
        "AR-03",
        "client",
        "- - - M",
        "The issuer of a response is checked before its code goes anywhere.",
        rules=("iss-mismatch",),
    ),
    Requirement(
        "AR-04",
        "client",
        "- - - MN",
        "The issuer of a response is compared as plain text, without any normalisation.",
        rules=("iss-mismatch",),
    ),
    Requirement(
        "AR-05",
        "authorization server",
        "- - - S",
        "Each authorization response names its issuer, errors included.",
        rules=("iss-not-sent",),
    ),
    Requirement(
        "AR-06",
        "client",
        "- - - MN",
        "The text of an error from a wrong issuer is neither shown nor acted on.",
        unobservable="what a client shows to its user does not travel over HTTP",
    ),
    Requirement(
        "AR-07",
        "authorization server",
        "m m m m",
        "The query of the redirect URI carries either a code or an error.",
        rules=("code-missing", "code-and-error", "response-parameter-repeated"),
    ),
    Requirement(
        "AR-08",
        "authorization server",
        "s s s s",
        "A code lives for ten minutes at most.",
        rules=("code-lives-long",),
    ),
    Requirement(
        "AR-09",
        "authorization server",
        "m m m m",
        "The error and its description use the permitted characters only.",
        rules=("error-characters",),
    ),
)
