"""What an `OAuth2` may be given, and the choices that come of it. What cannot work together is refused here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp_oauth_nb.arguments import brief, check_prefix, check_texts, check_tokens
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.choices import (
    ARGUMENTS,
    PKCE_METHODS,
    TOKEN_PLACES,
    TOKEN_USES,
    Choices,
    PkceMethod,
    TokenPlace,
    TokenUse,
)
from mcp_oauth_nb.protocol.flow import Client
from mcp_oauth_nb.protocol.grants import Grant
from mcp_oauth_nb.protocol.parameters import Parameter, read_parameters
from mcp_oauth_nb.protocol.pkce import VERIFIER
from mcp_oauth_nb.protocol.wellknown import split

PlainGrant = Literal[
    "authorization_code", "authorization_code_pkce", "implicit", "password", "client_credentials", "device"
]
ClientAuth = Literal["basic", "body", "none"]
Parameters = Sequence[Parameter] | Mapping[str, Any] | None
GRANTS: Mapping[str, Grant] = {
    "authorization_code": "authorization_code",
    "authorization_code_pkce": "authorization_code",
    "implicit": "implicit",
    "password": "password",
    "client_credentials": "client_credentials",
    "device": "device",
}
"""The grants by the names that a user gives, and as the engine calls them: PKCE is no grant of its own there."""
IN_THE_BROWSER = ("authorization_code", "authorization_code_pkce", "implicit")
RESPONSE_TYPES = ("token", "id_token token")
"""What the implicit grant may ask for (RFC 6749 4.2.1, OIDC Core 3.2.2.1)."""
AUTH_METHODS: Mapping[str, str] = {
    "basic": "client_secret_basic",
    "body": "client_secret_post",
    "none": "none",
}
ENDPOINTS: Mapping[str, str] = {argument: member for member, argument in ARGUMENTS.items()}
"""The arguments that name an endpoint, and the member of metadata that each stands for."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    "authorization_code": ("authorization_url", "token_url"),
    "authorization_code_pkce": ("authorization_url", "token_url"),
    "implicit": ("authorization_url",),
    "password": ("token_url",),
    "client_credentials": ("token_url",),
    "device": ("device_url", "token_url"),
}
"""The endpoints that each grant cannot do without."""
ONLY_FOR: Mapping[str, tuple[str, ...]] = {
    "code_verifier": ("authorization_code_pkce",),
    "username": ("password",),
    "password": ("password",),
    "device_url": ("device",),
    "response_type": ("implicit",),
    "nonce": IN_THE_BROWSER,
    "state": IN_THE_BROWSER,
    "authorization_params": IN_THE_BROWSER,
    "token_params": tuple(name for name in GRANTS if name != "implicit"),
    "refresh_params": tuple(name for name in GRANTS if name != "implicit"),
}
"""Arguments that make sense with some grants only."""


@dataclass(frozen=True, repr=False)
class Given:
    """The arguments of an `OAuth2` that are about its flow, as they were typed."""

    grant: PlainGrant
    urls: Mapping[str, str | None]
    issuer: str | None
    refresh_url: str | None
    api_url: str | None
    access_token: str | None = field(repr=False)
    pkce_method: PkceMethod
    code_verifier: str | None = field(repr=False)
    response_type: str | None
    state: str | None = field(repr=False)
    nonce: str | None
    scope: str | None
    resource: str | Sequence[str] | None
    audience: str | Sequence[str] | None
    username: str | None
    password: str | None = field(repr=False)
    authorization_params: Parameters = field(repr=False)
    token_params: Parameters = field(repr=False)
    refresh_params: Parameters = field(repr=False)
    header_prefix: str
    token_in: TokenPlace
    use: TokenUse

    def __repr__(self) -> str:
        return f"<Given for {self.grant}>"

    @property
    def typed(self) -> tuple[str, ...]:
        """Every URL that was typed, the ones that say most about the flow first."""
        named = (self.api_url, self.issuer, *self.urls.values(), self.refresh_url)
        return tuple(url for url in named if url)


def choices_of(given: Given) -> Choices:
    """The choices that the arguments come to.

    Raises:
        BadSetting: an argument cannot work, or not together with the others.
    """
    _check_urls(given)
    _check_grant(given)
    _check_words(given)
    is_implicit = given.grant == "implicit"
    return Choices(
        issuer=given.issuer,
        endpoints={ENDPOINTS[name]: url for name, url in given.urls.items() if url is not None},
        refresh_url=given.refresh_url,
        pkce_method=given.pkce_method if given.grant == "authorization_code_pkce" else None,
        code_verifier=given.code_verifier,
        response_type=_response_type(given) if is_implicit else "code",
        state=given.state,
        nonce=given.nonce,
        resources=_several("resource", given.resource),
        audiences=_several("audience", given.audience),
        username=given.username,
        password=given.password,
        authorization_parameters=_of_link(given.authorization_params),
        token_parameters=read_parameters("token_params", given.token_params, "body"),
        refresh_parameters=_of_refresh(given.refresh_params),
        header_prefix=given.header_prefix,
        token_in=given.token_in,
        use=given.use,
    )


def client_of(
    client: Client | None, client_id: str | None, secret: str | None, auth: ClientAuth | None, *, needed: bool
) -> Client | None:
    """The client that the arguments name; None where there is none.

    An empty secret is one all the same: some providers want Basic credentials with nothing behind the colon.

    Raises:
        BadSetting: id, secret and way to authenticate do not fit.
    """
    check_texts(client_id=client_id, client_secret=secret)
    if auth is not None and auth not in AUTH_METHODS:
        raise BadSetting("client_auth", brief(auth), "one of " + ", ".join(AUTH_METHODS))
    if client is not None:
        _check_client(client, client_id, secret, auth)
        return client
    if not client_id:
        if needed or secret or auth not in (None, "none"):
            raise BadSetting("client_id", "none", "the id that the authorization server gave out", "client_id='...'")
        return None
    if auth in ("basic", "body") and secret is None:
        mend = "client_secret=getpass(), or client_secret='' to send an empty one"
        raise BadSetting("client_secret", "none", f"a secret for client_auth={auth!r}", mend)
    if auth == "none" and secret:
        raise BadSetting("client_auth", "'none' with a client_secret", "'basic' or 'body', or no secret")
    method = AUTH_METHODS[auth or ("basic" if secret else "none")]
    return Client(client_id, secret, method, "given")


def _check_client(client: object, client_id: object, secret: object, auth: object) -> None:
    if not isinstance(client, Client):
        raise BadSetting("client", f"a {type(client).__name__}", "Client('id', private_key=pem)", "or client_id='id'")
    if client_id is not None or secret is not None or auth is not None:
        raise BadSetting("client", "one beside client_id, client_secret or client_auth", "either it or those")


def _check_urls(given: Given) -> None:
    named = {**given.urls, "issuer": given.issuer, "refresh_url": given.refresh_url, "api_url": given.api_url}
    for name, url in named.items():
        if url is not None and not _is_url(url):
            raise BadSetting(name, brief(url), "an http(s) URL without fragment")
    if given.issuer and ("/.well-known/" in given.issuer or "?" in given.issuer):
        raise BadSetting("issuer", "the URL of a document", "the issuer alone, such as 'https://login.example.com'")


def _is_url(url: object) -> bool:
    return isinstance(url, str) and split(url) is not None and "#" not in url and all(ord(c) > 32 for c in url)


def _check_grant(given: Given) -> None:
    """What a grant needs must be there, and what only another one takes must not."""
    grant = given.grant
    if not isinstance(grant, str) or grant not in GRANTS:
        raise BadSetting("grant", brief(grant), "one of " + ", ".join(GRANTS))
    told = {**vars(given), **given.urls}
    for name, grants in ONLY_FOR.items():
        if told.get(name) is not None and grant not in grants:
            raise BadSetting(name, f"one with grant {grant!r}", "it with grant " + " or ".join(map(repr, grants)))
    if given.pkce_method not in PKCE_METHODS:
        raise BadSetting("pkce_method", brief(given.pkce_method), "one of " + ", ".join(PKCE_METHODS))
    if given.pkce_method == "plain" and grant != "authorization_code_pkce":
        raise BadSetting("pkce_method", f"'plain' with grant {grant!r}", "it with grant 'authorization_code_pkce'")
    if given.access_token is not None:
        return
    missing = [name for name in NEEDED[grant] if given.urls.get(name) is None]
    if missing and given.issuer is None:
        expected = f"{' and '.join(NEEDED[grant])} for grant {grant!r}, or an issuer to read them from"
        raise BadSetting(missing[0], "none", expected, f"OAuth2({missing[0]}='https://...')")
    if grant == "password" and (not given.username or given.password is None):
        mend = "OAuth2(..., grant='password', username='...', password=getpass())"
        raise BadSetting("username" if not given.username else "password", "none", "both for this grant", mend)


def _check_words(given: Given) -> None:
    check_tokens(access_token=given.access_token)
    check_prefix(given.header_prefix)
    check_texts(
        scope=given.scope,
        state=given.state,
        nonce=given.nonce,
        username=given.username,
        password=given.password,
    )
    verifier = given.code_verifier
    if verifier is not None and not (isinstance(verifier, str) and VERIFIER.fullmatch(verifier)):
        seen = f"{len(verifier)} characters" if isinstance(verifier, str) else f"a {type(verifier).__name__}"
        expected = "43 to 128 letters, digits and the characters - . _ ~ (RFC 7636 4.1)"
        raise BadSetting("code_verifier", seen, expected)
    if given.state == "":
        raise BadSetting("state", "an empty one", "text, or None to have one made")
    if given.token_in not in TOKEN_PLACES:
        raise BadSetting("token_in", brief(given.token_in), "one of " + ", ".join(TOKEN_PLACES))
    if given.use not in TOKEN_USES:
        raise BadSetting("use", brief(given.use), "one of " + ", ".join(TOKEN_USES))
    if given.use == "id_token" and given.access_token is not None:
        raise BadSetting("use", "'id_token' with an access_token", "a flow that issues an ID token")


def _response_type(given: Given) -> str:
    wanted = "token" if given.response_type is None else given.response_type
    ordered = " ".join(sorted(wanted.split())) if isinstance(wanted, str) else ""
    if ordered not in RESPONSE_TYPES:
        raise BadSetting("response_type", brief(wanted), "'token' or 'id_token token'")
    if ordered != "token" and not given.nonce:
        raise BadSetting("nonce", "none", "one for response_type='id_token token' (OIDC Core 3.2.2.1)", "nonce='...'")
    return ordered


def _of_link(given: Parameters) -> tuple[Parameter, ...]:
    """An authorization request is a link in a browser, which has neither body nor headers of ours."""
    read = read_parameters("authorization_params", given, "url")
    elsewhere = next((one.send_in for one in read if one.send_in != "url"), None)
    if elsewhere is not None:
        expected = "send_in='url': a browser opens this request as a link, and a link has neither body nor headers"
        raise BadSetting("authorization_params", f"a Parameter in the {elsewhere}", expected)
    return read


def _of_refresh(given: Parameters) -> tuple[Parameter, ...] | None:
    """None takes those of the token request; an empty list is none at all."""
    return None if given is None else read_parameters("refresh_params", given, "body")


def _several(name: str, given: object) -> tuple[str, ...]:
    """One text or several."""
    if given is None or given == "":
        return ()
    many = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Sequence) else (None,)
    if not all(isinstance(one, str) and one for one in many):
        raise BadSetting(name, f"a {type(given).__name__}", "text, or a list of texts")
    return many
