"""`Kept`: all that a grant needs to live on without the flow that it came from, and its form as text.

The text holds secrets in plain. It goes into the keyring or through `sealed`, and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from mcp_oauth_nb.arguments import is_prefix
from mcp_oauth_nb.errors import NotOurs
from mcp_oauth_nb.oauth2_arguments import AUTH_METHODS, ENDPOINTS
from mcp_oauth_nb.protocol.choices import TOKEN_PLACES, TOKEN_USES
from mcp_oauth_nb.protocol.flow import PRIVATE_KEY_JWT, Client, Flow, Tokens
from mcp_oauth_nb.protocol.parameters import Parameter
from mcp_oauth_nb.records import read_json
from mcp_oauth_nb.steps.authorization import wanted_resources

FORMAT = "mcp-oauth-nb token"
VERSION = 1
LATEST_S = 1e11
LATER: Mapping[str, str] = {name: member for name, member in ENDPOINTS.items() if name != "device_url"}
"""The endpoints that a grant may need once there are tokens; `OAuth2` takes the other one with its own grant alone."""
EXPECTED = "a token that tokens.share(...) or tokens.keep(...) wrote"


@dataclass(frozen=True, repr=False)
class Kept:
    """A grant: its tokens, how they are used, and what refreshes and revokes them.

    Attributes:
        expires_at_s: when the access token expires, in seconds since 1970; None where nobody knows.
        endpoints: the arguments of `OAuth2` that name endpoints, with their URLs.
        client_auth: how the client authenticates, as `OAuth2` takes it; or ``private_key_jwt``, for a client whose
            private key is never written, so that nothing can be refreshed without it.
        resources: the resource indicators of a refresh, and `audiences` the audiences.
        parameters: name, value and place of the custom parameters of a refresh.
        family: what the grant is called where it is kept; tells nothing of it. `generation` is the number of refreshes
            that lie behind these tokens, by which the newer of two is told.
    """

    name: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    token_type: str = "Bearer"
    scope: str | None = None
    expires_at_s: float | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    client_auth: str | None = None
    resources: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    use: str = "access_token"
    header_prefix: str = "Bearer"
    token_in: str = "header"
    auto_refresh: bool | None = None
    family: str = ""
    generation: int = 0

    def __repr__(self) -> str:
        return "<Kept token>"

    @property
    def tokens(self) -> Tokens:
        """The tokens, as if they had been issued outside of any exchange."""
        return Tokens(
            self.access_token,
            self.refresh_token,
            self.token_type,
            self.scope,
            id_token=self.id_token,
            expires_at_s=self.expires_at_s,
        )

    @property
    def without_refresh(self) -> Kept:
        """The same without what could make new tokens of it: for somebody who is to use this one until it expires.

        Custom parameters go with the refresh, and may be secrets.
        """
        return replace(
            self,
            refresh_token=None,
            client_secret=None,
            client_auth=None,
            parameters=(),
            auto_refresh=None,
            family="",
            generation=0,
        )

    def renewed(self, tokens: Tokens) -> Kept:
        """The same grant with its newest tokens."""
        return replace(
            self,
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            id_token=tokens.id_token,
            token_type=tokens.token_type,
            scope=tokens.scope,
            expires_at_s=tokens.expires_at_s,
        )

    def to_text(self) -> str:
        """As JSON, secrets in plain."""
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)})

    @property
    def at(self) -> tuple[str, ...]:
        """Where the grant lives: the token endpoint, and the client there."""
        return self.endpoints.get("token_url", ""), self.client_id or ""

    def arguments(self, client: Client | None = None) -> dict[str, Any]:
        """The arguments of an `OAuth2` that can refresh and revoke these tokens, for a `client` that has a key."""
        auth = self.client_auth if self.client_auth in AUTH_METHODS else "none"
        known = {
            "client_id": self.client_id,
            "client_secret": (self.client_secret or "") if auth in ("basic", "body") else None,
            "client_auth": auth if self.client_id else None,
        }
        return {
            **{name: url for name, url in self.endpoints.items() if name in LATER or name == "refresh_url"},
            **({"client": client} if client else known),
            "resource": self.resources,
            "audience": self.audiences,
            "token_params": [Parameter(*one) for one in self.parameters],  # type: ignore[arg-type]
            "access_token": self.access_token,
            "header_prefix": self.header_prefix,
            "token_in": self.token_in,
        }


def kept_of(name: str, known: Flow, held: Tokens) -> Kept:
    """The grant that a flow holds, with these tokens of it."""
    metadata, choices = known.server_metadata, known.settings.choices
    client = known.client or known.settings.client
    methods = {method: name for name, method in AUTH_METHODS.items()}
    method = client.auth_method if client else None
    usual = "basic" if client and client.secret else "none"
    endpoints = {name: metadata.text(member) if metadata else None for name, member in LATER.items()}
    return Kept(
        name=name,
        access_token=held.access_token,
        refresh_token=held.refresh_token,
        id_token=held.id_token,
        token_type=held.token_type,
        scope=held.scope,
        expires_at_s=held.expires_at_s,
        endpoints={name: url for name, url in {**endpoints, "refresh_url": choices.refresh_url}.items() if url},
        client_id=client.client_id if client else None,
        client_secret=client.secret if client else None,
        client_auth=PRIVATE_KEY_JWT if method == PRIVATE_KEY_JWT else methods.get(method or "", usual),
        resources=known.authorization.targets if known.authorization else wanted_resources(known),
        audiences=choices.audiences,
        parameters=tuple((one.name, one.value, one.send_in) for one in choices.parameters_of_refresh),
        use=choices.use,
        header_prefix=choices.header_prefix,
        token_in=choices.token_in,
    )


def from_text(text: str, name: str) -> Kept:
    """The grant that `Kept.to_text` wrote.

    Args:
        text: what was written.
        name: how an error calls it.

    Raises:
        NotOurs: it is something else, or of a later version; nothing of it is quoted.
    """
    read = read_json(text)
    told = read.value if isinstance(read.value, dict) else {}
    if told.get("format") != FORMAT:
        raise NotOurs(name, read.problem or "no token of this package", EXPECTED)
    if told.get("version") != VERSION:
        raise NotOurs(name, "a token of another version", f"version {VERSION}")
    given = {one.name: told[one.name] for one in fields(Kept) if one.name in told}
    if not all(_fits(key, value) for key, value in given.items()) or not {"name", "access_token"} <= given.keys():
        raise NotOurs(name, "a token with a member of another kind", EXPECTED)
    if not all(can_go_along(given.get(token)) for token in ("access_token", "id_token")):
        raise NotOurs(name, "a token with characters that no header can carry", EXPECTED)
    for several in ("resources", "audiences"):
        given[several] = tuple(given.get(several, ()))
    given["parameters"] = tuple(tuple(one) for one in given.get("parameters", ()))
    return Kept(**given)


def can_go_along(token: str | None) -> bool:
    """Whether a token can stand in a header (RFC 6750 2.1): visible ASCII, without blanks."""
    return token is None or (token != "" and all(33 <= ord(one) < 127 for one in token))


def _fits(name: str, value: Any) -> bool:
    """Whether a member has the kind that was written."""
    check = _KINDS.get(name, _is_text)
    return (value is None and name not in _NEEDED) or check(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_endpoints(value: Any) -> bool:
    known = {*ENDPOINTS, "refresh_url"}
    return isinstance(value, dict) and value.keys() <= known and all(map(_is_text, value.values()))


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < LATEST_S


def _are_parameters(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, list) and len(one) == 3 and all(map(_is_text, one)) for one in value
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_NEEDED = (
    *("name", "access_token", "token_type", "endpoints", "resources", "audiences", "parameters"),
    *("use", "header_prefix", "token_in", "family", "generation"),
)
_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "endpoints": _are_endpoints,
    "resources": _are_texts,
    "audiences": _are_texts,
    "parameters": _are_parameters,
    "expires_at_s": _is_time,
    "auto_refresh": lambda value: isinstance(value, bool),
    "client_auth": lambda value: value in (*AUTH_METHODS, PRIVATE_KEY_JWT),
    "generation": lambda value: type(value) is int and 0 <= value < LATEST_S,
    "header_prefix": is_prefix,
    "token_in": lambda value: value in TOKEN_PLACES,
    "use": lambda value: value in TOKEN_USES,
}
