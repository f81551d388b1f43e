"""The token request and its answer."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "TK-01",
        "client",
        "m m m m",
        "A token request is a POST with its parameters as a form in the body, and nothing in the URL.",
        rules=("token-request-form",),
    ),
    Requirement(
        "TK-02",
        "client",
        "m m m m",
        "A code is redeemed with its grant type, its verifier and the client that asked for it.",
        rules=("token-request-incomplete", "code-differs", "client-differs", "pkce-mismatch"),
    ),
    Requirement(
        "TK-03",
        "client",
        "m m m m",
        "The token request repeats the redirect URI of the authorization request.",
        rules=("redirect-uri-differs",),
    ),
    Requirement(
        "TK-04",
        "client",
        "- M M M",
        "The token request names the resource of the authorization request.",
        rules=("resource-not-sent", "resource-differs"),
    ),
    Requirement(
        "TK-05",
        "client",
        "m m m m",
        "The verifier has 43 to 128 permitted characters, and its hash is the challenge that was sent.",
        rules=("verifier-malformed", "pkce-mismatch"),
    ),
    Requirement(
        "TK-06",
        "client",
        "m m m m",
        "The client authenticates in one way, the registered one, and writes a Basic header form-encoded.",
        rules=("client-authenticated-twice", "client-authentication-differs", "basic-not-encoded"),
    ),
    Requirement(
        "TK-07",
        "authorization server",
        "m m m m",
        "A token comes with 200 as JSON with access_token and token_type.",
        rules=("token-refused", "token-answer-invalid", "token-and-error", "access-token-unsendable"),
    ),
    Requirement(
        "TK-08",
        "authorization server",
        "m m m m",
        "The token type is Bearer in any case, or DPoP where a proof was sent.",
        rules=("token-answer-invalid", "token-not-bound"),
    ),
    Requirement(
        "TK-09",
        "authorization server",
        "m m m m",
        "An answer with tokens forbids caching.",
        rules=("token-cacheable",),
    ),
    Requirement(
        "TK-10",
        "authorization server",
        "s s s s",
        "The lifetime of a token is told as a JSON number of seconds.",
        rules=("token-expiry-missing", "token-expiry-unusable"),
    ),
    Requirement(
        "TK-11",
        "authorization server",
        "m m m m",
        "The scope is told where it differs from the one that was asked for.",
        rules=("scope-narrowed", "token-scope-malformed"),
    ),
    Requirement(
        "TK-12",
        "authorization server",
        "m m m m",
        "A refusal is 400 or 401 with an OAuth error as JSON.",
        rules=("token-refused", "token-error-malformed", "error-characters"),
    ),
    Requirement(
        "TK-13",
        "client",
        "m m m m",
        "A code goes to the token endpoint of the issuer that was asked, and nowhere else.",
        rules=("token-endpoint-differs",),
    ),
    Requirement(
        "TK-14",
        "authorization server",
        "m m m m",
        "A code works once.",
        rules=("code-works-twice",),
        probe_only=True,
    ),
    Requirement(
        "TK-15",
        "authorization server",
        "m m m m",
        "A code with a wrong verifier, or without one, is refused.",
        rules=("verifier-not-checked", "wrong-verifier-accepted", "missing-verifier-accepted"),
    ),
    Requirement(
        "TK-16",
        "client",
        "M M M M",
        "A client stores tokens safely.",
        unobservable="where a client keeps its tokens does not travel over HTTP",
    ),
)
