"""Extensions."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "EXT-01",
        "authorization server",
        "- - m m",
        "The metadata says how a client that acts for itself authenticates, and with which algorithms.",
        rules=("client-credentials-undocumented",),
    ),
    Requirement(
        "EXT-02",
        "client",
        "- - m m",
        "A client that acts for itself authenticates in exactly one way, and names the resource.",
        rules=("client-credentials-malformed", "resource-not-sent"),
    ),
    Requirement(
        "EXT-03",
        "client",
        "- - m m",
        "The assertion of a client names the client twice, the server it is for, and when it ends.",
        rules=("client-assertion-claims",),
    ),
    Requirement(
        "EXT-04",
        "both",
        "- - - m",
        "An extension in use is declared in the requests.",
        rules=("extension-not-declared",),
    ),
    Requirement(
        "EXT-05",
        "client",
        "- - m m",
        "The exchange at the identity provider asks for an identity assertion grant for this server.",
        rules=("token-exchange-malformed",),
    ),
    Requirement(
        "EXT-06",
        "authorization server",
        "- - m m",
        "The identity provider answers with an identity assertion grant that has all its claims.",
        rules=("token-exchange-answer",),
    ),
    Requirement(
        "EXT-07",
        "both",
        "- - m m",
        "The identity assertion grant is for the authorization server and the client that show and take it.",
        rules=("identity-grant-differs",),
    ),
    Requirement(
        "EXT-08",
        "both",
        "- - - m",
        "A proof fits its request and is used once, and a token bound to a key goes along with one.",
        rules=("dpop-proof-invalid", "dpop-scheme", "dpop-algorithms-foreign", "dpop-algorithm-unlisted"),
    ),
    Requirement(
        "EXT-09",
        "both",
        "- - - m",
        "A server that wants a nonce gives one, and the client tries once more with it.",
        rules=("dpop-nonce-missing", "dpop-nonce-unused"),
    ),
    Requirement(
        "EXT-10",
        "client",
        "- - - m",
        "A client whose assertion was refused does not try again.",
        rules=("assertion-retried",),
    ),
)
