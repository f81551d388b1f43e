"""The access token itself."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "AT-01",
        "authorization server",
        "- s s s",
        "An access token that is a JWT names the requested resource in aud.",
        rules=("token-audience", "introspection-audience"),
    ),
    Requirement(
        "AT-02",
        "authorization server",
        "s s s s",
        "The iss of an access token is the issuer of the authorization server's metadata.",
        rules=("token-issuer",),
    ),
    Requirement(
        "AT-03",
        "authorization server",
        "s s s s",
        "An access token begins now and not in the future, and ends when its answer says.",
        rules=("token-times",),
    ),
    Requirement(
        "AT-04",
        "authorization server",
        "s s s s",
        "An access token that is a JWT is signed, and says in typ what it is.",
        rules=("token-unsigned",),
    ),
    Requirement(
        "AT-05",
        "authorization server",
        "s s s s",
        "The scopes in an access token are those that its answer grants.",
        rules=("token-scope-differs",),
    ),
    Requirement(
        "AT-06",
        "client",
        "m m m m",
        "An ID token is never sent as an access token.",
        rules=("id-token-sent",),
    ),
    Requirement(
        "AT-07",
        "authorization server",
        "Y Y Y Y",
        "A token that cannot be read can be asked about by introspection.",
        rules=("introspection-inactive", "inspection-not-offered"),
    ),
)
