"""`Use`: the tokens of a flow in requests of somebody else's client, refreshed before they expire.

It holds no token: it asks the flow, under the flow's own lock, so that any number of threads that find a token expired
cause one refresh, and each of them goes on with the new token. The old one is dropped by the flow when the new one is
there, and not before. A refresh token that was refused is not shown again: with replay detection that would end a grant
that may still be alive elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import RLock
from typing import Protocol

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.choices import TOKEN_PLACES, TOKEN_USES, TokenPlace, TokenUse
from mcp_oauth_nb.protocol.flow import Tokens, need
from mcp_oauth_nb.protocol.jwt import numeric_date, read_jwt
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.wire.auth import Bearing, TokenAuth
from mcp_oauth_nb.wire.overheard import Overheard

SOON_S = 30.0
"""A token that expires within this time is refreshed before it is used,"""
SOON = 0.1
"""or within this share of its life, where that is shorter: else a token for a minute would be refreshed at once."""
UNSENT = ("address", "dns", "connect", "tls")
"""Failures before a server has read anything. After any other one it may have replaced the refresh token."""
NO_REFRESH = "a grant without a refresh token"


class Refreshing(Protocol):
    """A flow with tokens: a `Debugger`, or an `OAuth2`."""

    lock: RLock

    @property
    def tokens(self) -> Tokens | None: ...

    def refresh(self) -> Report: ...

    def now_s(self) -> float: ...

    def ended_s(self, exchange: int) -> float: ...

    def overhear(self, overheard: Overheard) -> None: ...


@dataclass(repr=False)
class Use:
    """Which token goes into a request, where it stands there, and whether it is refreshed in time.

    Attributes:
        flow: whose tokens they are.
        token: the access token, or the ID token where an API wants that.
        header_prefix: what stands before it in the Authorization header; may be empty.
        token_in: the header, or the parameter ``access_token`` of the URL's query (RFC 6750 2.3).
        auto_refresh: refresh a token that expires before it is used; None does so where there is a refresh token.
        expires_at_s: when tokens that were not issued in this flow expire, in seconds since 1970; None where nobody
            knows.
    """

    flow: Refreshing
    token: TokenUse = "access_token"
    header_prefix: str = "Bearer"
    token_in: TokenPlace = "header"
    auto_refresh: bool | None = None
    expires_at_s: float | None = None
    _refused: set[str] = field(default_factory=set)

    def __repr__(self) -> str:
        return f"<Use of the {self.token} in the {self.token_in}>"

    @property
    def auth(self) -> TokenAuth:
        """For ``httpx.Client(auth=...)`` and ``httpx.AsyncClient(auth=...)``."""
        return TokenAuth(self)

    @property
    def expiry_s(self) -> float | None:
        """When the access token expires, in seconds since 1970; None where nothing tells."""
        held = self.flow.tokens
        return None if held is None else self._expiry_of(held)

    @property
    def refreshes(self) -> bool:
        """Whether a token that expires is refreshed before it is used."""
        held = self.flow.tokens
        return held is not None and bool(held.refresh_token) and self.auto_refresh is not False

    def change(
        self,
        *,
        token: str | None = None,
        header_prefix: str | None = None,
        token_in: str | None = None,
        auto_refresh: bool | None = None,
    ) -> None:
        """Change what is named; all of it or nothing.

        Raises:
            BadSetting: there is no such token or place, or no refresh token to refresh with.
        """
        held = self.flow.tokens
        if token is not None:
            check_one_of("use", token, TOKEN_USES)
            if token == "id_token" and held is not None and held.id_token is None:
                raise BadSetting("use", "'id_token', and none was issued", "'access_token', or the scope openid")
        if token_in is not None:
            check_one_of("token_in", token_in, TOKEN_PLACES)
        if header_prefix is not None and not _is_prefix(header_prefix):
            raise BadSetting("header_prefix", brief(header_prefix), "a word such as 'Bearer', or an empty text")
        if auto_refresh and held is not None and held.refresh_token is None:
            raise BadSetting("auto_refresh", f"True, and {NO_REFRESH}", "a grant with one; the scope may decide it")
        self.token = token or self.token  # type: ignore[assignment]
        self.token_in = token_in or self.token_in  # type: ignore[assignment]
        self.header_prefix = self.header_prefix if header_prefix is None else header_prefix
        self.auto_refresh = self.auto_refresh if auto_refresh is None else auto_refresh

    # -- what a request asks for ----------------------------------------------------------------------------------

    def bearing(self) -> Bearing:
        """The token to use now; refreshed first where it is about to expire.

        Raises:
            NotYet: there are no tokens yet.
            BadSetting: the token is bound to a key, so that it is of no use by itself.
        """
        with self.flow.lock:
            self.renew()
            return self._bearing(self._held())

    def renew(self) -> None:
        """Refresh the token if it is about to expire.

        Raises:
            NotYet: there are no tokens yet.
        """
        with self.flow.lock:
            held = self._held()
            if self._is_due(held):
                self._refresh(held)

    def after_refusal(self, used: Bearing) -> Bearing | None:
        """Another token than the one that was refused: the one that is there by now, or a new one."""
        with self.flow.lock:
            now = self._bearing(self._held())
            if now.token != used.token:
                return now
            if self.refreshes:
                self._refresh(self._held())
            now = self._bearing(self._held())
            return now if now.token != used.token else None

    def heard(self, overheard: Overheard, used: Bearing) -> None:
        """Record a request that used the token."""
        self.flow.overhear(overheard)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _held(self) -> Tokens:
        return need(self.flow.tokens, "access token", "dbg.run()")

    def _bearing(self, held: Tokens) -> Bearing:
        if held.token_type.lower() == "dpop":
            expected = "a bearer token: ask without dpop=True"
            raise BadSetting("auth", "a token that is bound to the key of this run (DPoP)", expected)
        token = held.access_token if self.token == "access_token" else held.id_token
        return Bearing(need(token, "ID token", "dbg.run()"), self.header_prefix, self.token_in)

    def _is_due(self, held: Tokens) -> bool:
        expiry = self._expiry_of(held)
        if not self.refreshes or expiry is None:
            return False
        soon = SOON_S if held.expires_in_s is None else min(SOON_S, held.expires_in_s * SOON)
        return self.flow.now_s() >= expiry - soon

    def _expiry_of(self, held: Tokens) -> float | None:
        """By the answer of the token endpoint; else by what was said with the token, or by what it says itself."""
        if held.exchange and held.expires_in_s is not None:
            return self.flow.ended_s(held.exchange) + held.expires_in_s
        if not held.exchange and self.expires_at_s is not None:
            return self.expires_at_s
        jwt = read_jwt(held.access_token)
        return numeric_date(jwt.claims.get("exp")) if jwt else None

    def _refresh(self, held: Tokens) -> None:
        """Why it failed stands in the report of the step. Only a try that never reached the server is made again."""
        if held.refresh_token is None or held.refresh_token in self._refused:
            return
        sent = self.flow.refresh().exchanges
        failure = sent[-1].failure if sent else None
        if self._held() is held and (failure is None or failure.kind not in UNSENT):
            self._refused.add(held.refresh_token)


def check_one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    """Refuse what is not among the known ones.

    Raises:
        BadSetting: the value is none of those.
    """
    if value not in known:
        raise BadSetting(name, brief(value), "one of " + ", ".join(known))


def _is_prefix(value: object) -> bool:
    return isinstance(value, str) and all(33 <= ord(one) < 127 for one in value)
