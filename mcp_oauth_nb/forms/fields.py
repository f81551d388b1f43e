"""The fields of the form as rows of a table: each is an argument of `OAuth2`, and is there for the grants it suits.

Which grants those are is told by the tables that `OAuth2` itself goes by; here stands only what it takes with every
grant and what is of no use with some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mcp_oauth_nb.oauth2_arguments import AUTH_METHODS, GRANTS, IN_THE_BROWSER, NEEDED, ONLY_FOR, RESPONSE_TYPES
from mcp_oauth_nb.protocol.choices import PKCE_METHODS, TOKEN_PLACES, TOKEN_USES
from mcp_oauth_nb.protocol.parameters import PLACES, Place

Kind = Literal["text", "secret", "words", "choice", "flag", "parameters"]


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes:
        name: the argument of `OAuth2`.
        label: what stands beside it.
        kind: one line of text; one that is secret; several words; one of some; yes or no; custom parameters.
        hint: what stands in it while it is empty, or what it means.
        options: of a choice, label and value; the first one is the default, and an empty value leaves it to `OAuth2`.
        places: of custom parameters, where they can be sent; the first one is the default.
        advanced: it is hidden until advanced options are asked for.
    """

    name: str
    label: str
    kind: Kind
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    places: tuple[Place, ...] = ()
    advanced: bool = False


def _as_they_are(values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((value, value) for value in values)


NAMES_OF_GRANTS: Mapping[str, str] = {
    "authorization_code_pkce": "Authorization code (with PKCE)",
    "authorization_code": "Authorization code",
    "implicit": "Implicit",
    "password": "Password credentials",
    "client_credentials": "Client credentials",
    "device": "Device code",
}
NAMES_OF_AUTH: Mapping[str, str] = {
    "basic": "Send as Basic auth header",
    "body": "Send client credentials in body",
    "none": "None (public client)",
}
NAMES_OF_PLACES: Mapping[str, str] = {"header": "Request header", "url": "Request URL"}
NAMES_OF_USES: Mapping[str, str] = {"access_token": "Access token", "id_token": "ID token"}
LATER_FIRST: tuple[Place, ...] = ("body", *(one for one in PLACES if one != "body"))
FIELDS: tuple[Field, ...] = (
    Field("grant", "Grant type", "choice", options=tuple((NAMES_OF_GRANTS[one], one) for one in NAMES_OF_GRANTS)),
    Field("redirect_uri", "Callback URL", "text", "empty: a free port of this machine"),
    Field(
        "browser",
        "Authorize using browser",
        "flag",
        "Off: this notebook follows the redirects by itself, for servers that consent without a person",
    ),
    Field("issuer", "Issuer", "text", "its metadata names the endpoints that are left empty below"),
    Field("authorization_url", "Auth URL", "text", "https://login.example.com/authorize"),
    Field("token_url", "Access token URL", "text", "https://login.example.com/token"),
    Field("device_url", "Device URL", "text", "https://login.example.com/device"),
    Field("client_id", "Client ID", "text", "as the authorization server knows it"),
    Field("client_secret", "Client secret", "secret", "empty: a public client"),
    Field("username", "Username", "text"),
    Field("password", "Password", "secret"),
    Field("scope", "Scope", "text", "several with blanks between; empty sends none"),
    Field("state", "State", "secret", "empty: a random one for each request"),
    Field("pkce_method", "Code challenge method", "choice", options=_as_they_are(PKCE_METHODS)),
    Field("code_verifier", "Code verifier", "secret", "empty: a new one for each request"),
    Field(
        "client_auth",
        "Client authentication",
        "choice",
        options=(
            ("Basic auth header if there is a secret", ""),
            *((NAMES_OF_AUTH[one], one) for one in AUTH_METHODS),
        ),
    ),
    Field("audience", "Audience", "words", "several with blanks between"),
    Field("resource", "Resource", "words", "URIs with blanks between (RFC 8707)"),
    Field("refresh_url", "Refresh token URL", "text", "empty: the access token URL", advanced=True),
    Field(
        "response_type",
        "Response type",
        "choice",
        options=((RESPONSE_TYPES[0], ""), *_as_they_are(RESPONSE_TYPES[1:])),
        advanced=True,
    ),
    Field("nonce", "Nonce", "secret", "what the ID token has to repeat", advanced=True),
    Field("revocation_url", "Revocation URL", "text", "to revoke tokens (RFC 7009)", advanced=True),
    Field("introspection_url", "Introspection URL", "text", "to ask about tokens (RFC 7662)", advanced=True),
    Field("userinfo_url", "Userinfo URL", "text", "to ask who the user is", advanced=True),
    Field("api_url", "API URL", "text", "tried with the token as the last step", advanced=True),
    Field("header_prefix", "Header prefix", "text", "empty: the token alone", advanced=True),
    Field(
        "token_in",
        "Add token to",
        "choice",
        options=tuple((NAMES_OF_PLACES[one], one) for one in TOKEN_PLACES),
        advanced=True,
    ),
    Field(
        "use", "Use token type", "choice", options=tuple((NAMES_OF_USES[one], one) for one in TOKEN_USES), advanced=True
    ),
    Field(
        "allow_remote_redirect",
        "Callback URL elsewhere",
        "flag",
        "The callback URL is not on this machine: the redirect is then pasted",
        advanced=True,
    ),
    Field("authorization_params", "Auth request", "parameters", places=("url",), advanced=True),
    Field("token_params", "Token request", "parameters", places=LATER_FIRST, advanced=True),
    Field("refresh_params", "Refresh request", "parameters", places=LATER_FIRST, advanced=True),
)
FIELD: Mapping[str, Field] = {one.name: one for one in FIELDS}
DEFAULTS: Mapping[str, str | bool] = {"header_prefix": "Bearer", "browser": True}
"""What a field holds when nothing was filled in; other ones are empty, off, or at their first option."""
WITH_CLIENT = tuple(one for one in GRANTS if one != "implicit")
"""The grants that ask at the token endpoint, where a client authenticates and a refresh is asked for."""
OF_SOME_USE: Mapping[str, tuple[str, ...]] = {
    "redirect_uri": IN_THE_BROWSER,
    "browser": IN_THE_BROWSER,
    "allow_remote_redirect": IN_THE_BROWSER,
    "pkce_method": ("authorization_code_pkce",),
    "client_secret": WITH_CLIENT,
    "client_auth": WITH_CLIENT,
    "refresh_url": WITH_CLIENT,
}
"""The grants with which `OAuth2` takes an argument and has a use for it."""


def suits(name: str, grant: str) -> bool:
    """Whether a field is there for a grant."""
    needing = tuple(one for one, names in NEEDED.items() if name in names)
    return grant in (ONLY_FOR.get(name) or OF_SOME_USE.get(name) or needing or tuple(GRANTS))


def is_needed(name: str, grant: str) -> bool:
    """Whether a grant cannot do without; an issuer may stand for endpoints."""
    return (
        name in NEEDED[grant]
        or (grant == "password" and name in ("username", "password"))
        or (name == "client_id" and grant != "password")
    )
