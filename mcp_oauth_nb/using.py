"""`Use`: the tokens of a flow in requests of somebody else's client, refreshed before they expire.

It holds no token: it asks the flow, under the flow's own lock, so that any number of threads that find a token expired
cause one refresh, and each of them goes on with the new token. The old one is dropped by the flow when the new one is
there, and not before. A refresh token that was refused is not shown again: with replay detection that would end a grant
that may still be alive elsewhere. An overload, an error of the server, or no answer is no refusal, and tried again
after a while. A new token that helps no more than the old one is not replaced by another.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import RLock
from typing import Protocol

from mcp_oauth_nb.arguments import brief, check_prefix
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.choices import NOT_AVAILABLE, TOKEN_PLACES, TOKEN_USES, TokenPlace, TokenUse
from mcp_oauth_nb.protocol.fields import is_field_value
from mcp_oauth_nb.protocol.flow import Tokens, need
from mcp_oauth_nb.protocol.jwt import numeric_date, read_jwt
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.wire.auth import Bearing, TokenAuth
from mcp_oauth_nb.wire.overheard import Overheard

SOON_S = 30.0
"""A token that expires within this time is refreshed before it is used,"""
SOON = 0.1
"""or within this share of its life, where that is shorter: else a token for a minute would be refreshed at once."""
NO_REFRESH = "a grant without a refresh token"
REFUSED = "the refresh was refused"
LONGEST_PAUSE_S = 60.0
"""Between two tries of a refresh that the server did not get to,"""
LONGEST_ASKED_S = 300.0
"""or that it asked to be made later (Retry-After, RFC 9110 10.2.3)."""


class Refreshing(Protocol):
    """A flow with tokens: a `Debugger`, or an `OAuth2`."""

    lock: RLock

    @property
    def tokens(self) -> Tokens | None: ...

    def refresh(self) -> Report: ...

    def catch_up(self) -> bool: ...

    def renewing(self) -> AbstractContextManager[bool]: ...

    def now_s(self) -> float: ...

    def ended_s(self, exchange: int) -> float: ...

    def overhear(self, overheard: Overheard) -> None: ...


@dataclass
class Pause:
    """How long a refresh is left alone that the server did not get to: not at all at first, then ever longer."""

    failures: int = 0
    begins_s: float = 0.0
    ends_s: float = 0.0

    def failed(self, now_s: float, asked_s: float) -> None:
        """One more try was in vain; the server asked for so many seconds."""
        own_s = 0.0 if self.failures == 0 else min(2.0 ** (self.failures - 1), LONGEST_PAUSE_S)
        self.failures, self.begins_s = min(self.failures + 1, 10), now_s
        self.ends_s = now_s + max(own_s, asked_s)

    def is_on(self, now_s: float) -> bool:
        """Whether to wait; a clock that was set back is no reason to."""
        return self.begins_s <= now_s < self.ends_s


@dataclass(repr=False)
class Use:
    """Which token goes into a request, where it stands there, and whether it is refreshed in time.

    Attributes:
        flow: whose tokens they are.
        token: the access token, or the ID token where an API wants that.
        header_prefix: what stands before it in the Authorization header; may be empty.
        token_in: the header, or the parameter ``access_token`` of the URL's query (RFC 6750 2.3).
        auto_refresh: refresh a token that expires before it is used; None does so where there is a refresh token.
        obstacle: why nothing can be refreshed although there is a refresh token; empty where it can.
    """

    flow: Refreshing
    token: TokenUse = "access_token"
    header_prefix: str = "Bearer"
    token_in: TokenPlace = "header"
    auto_refresh: bool | None = None
    obstacle: str = ""
    _refused: set[tuple[str, str]] = field(default_factory=set)
    _pause: Pause = field(default_factory=Pause)
    _due_at_once: str = ""
    _after_refusal: str = ""

    def __repr__(self) -> str:
        unmet = bool(self.auto_refresh) and self.flow.tokens is not None and not self.refreshes
        told = f", auto-refresh {NOT_AVAILABLE}: {self.obstacle or NO_REFRESH}" if unmet else ""
        return f"<Use of the {self.token} in the {self.token_in}{told}>"

    @property
    def auth(self) -> TokenAuth:
        """For ``httpx.Client(auth=...)`` and ``httpx.AsyncClient(auth=...)``."""
        return TokenAuth(self)

    @property
    def expiry_s(self) -> float | None:
        """When the token that is used expires, in seconds since 1970; None where nothing tells."""
        held = self.flow.tokens
        return None if held is None else self.expiry_of(held)

    @property
    def refreshes(self) -> bool:
        """Whether a token that expires is refreshed before it is used."""
        held = self.flow.tokens
        return held is not None and bool(held.refresh_token) and self.auto_refresh is not False and not self.obstacle

    @property
    def stopped(self) -> str:
        """Why tokens are no longer refreshed by themselves; empty where they are, or were not to be."""
        held = self.flow.tokens
        return REFUSED if held is not None and self.refreshes and _pair(held) in self._refused else ""

    def change(
        self,
        *,
        token: str | None = None,
        header_prefix: str | None = None,
        token_in: str | None = None,
        auto_refresh: bool | None = None,
    ) -> None:
        """Change what is named; all of it or nothing. ``auto_refresh=True`` also tries again after a refusal.

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
        if header_prefix is not None:
            check_prefix(header_prefix)
        if auto_refresh is not None and not isinstance(auto_refresh, bool):
            raise BadSetting("auto_refresh", brief(auto_refresh), "True or False")
        if auto_refresh and held is not None and held.refresh_token is None:
            raise BadSetting("auto_refresh", f"True, and {NO_REFRESH}", "a grant with one; the scope may decide it")
        if auto_refresh and self.obstacle:
            raise BadSetting("auto_refresh", f"True, and {self.obstacle}", "a token that can be refreshed")
        self.token = token or self.token  # type: ignore[assignment]
        self.token_in = token_in or self.token_in  # type: ignore[assignment]
        self.header_prefix = self.header_prefix if header_prefix is None else header_prefix
        if auto_refresh is not None:
            self.auto_refresh = auto_refresh
            self._refused.clear()

    # -- what a request asks for ----------------------------------------------------------------------------------

    def bearing(self) -> Bearing:
        """The token to use now; refreshed first where it is about to expire.

        Raises:
            NotYet: there are no tokens yet.
            BadSetting: the token is bound to a key, so that it is of no use by itself; or no header can hold it.
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
            self.flow.catch_up()
            held = self._held()
            if self._is_due(held) and held.access_token != self._due_at_once:
                self._refresh(held)

    def after_refusal(self, used: Bearing) -> Bearing | None:
        """Another token than the one that was refused: the one that is there by now, or a new one.

        A token that came of a refusal, and is refused itself, is not replaced before it expires: it is not the token.
        """
        with self.flow.lock:
            self.flow.catch_up()
            now = self._bearing(self._held())
            if now.token != used.token:
                return now
            held = self._held()
            if self.refreshes and held.access_token != self._after_refusal:
                self._refresh(held)
                if self._held() is not held:
                    self._after_refusal = self._held().access_token
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
        bearing = Bearing(need(token, "ID token", "dbg.run()"), self.header_prefix, self.token_in)
        if bearing.place == "header" and not is_field_value(bearing.token):
            seen = "a token with characters that no header can hold, such as a line break"
            raise BadSetting("auth", seen, "one that can be sent", "dbg.diagnose() says who has to mend it.")
        return bearing

    def _is_due(self, held: Tokens) -> bool:
        expiry = self.expiry_of(held)
        if not self.refreshes or expiry is None:
            return False
        life_s = self._life_s(held)
        soon = SOON_S if life_s is None else min(SOON_S, life_s * SOON)
        return self.flow.now_s() >= expiry - soon

    def expiry_of(self, held: Tokens) -> float | None:
        """When the one of these tokens that is used expires, in seconds since 1970; None where nothing tells.

        The ID token says it itself (OIDC Core 2); of the access token the answer of the token endpoint does, else what
        was said with it, or what it says itself.
        """
        if self.token == "id_token":
            return _claimed_s(held.id_token, "exp")
        if held.exchange and held.expires_in_s is not None:
            return self.flow.ended_s(held.exchange) + held.expires_in_s
        return _claimed_s(held.access_token, "exp") if held.expires_at_s is None else held.expires_at_s

    def _life_s(self, held: Tokens) -> float | None:
        """For how long the token was issued; None where nothing tells."""
        if self.token == "access_token":
            return held.expires_in_s
        issued, expires = _claimed_s(held.id_token, "iat"), _claimed_s(held.id_token, "exp")
        return None if issued is None or expires is None else max(0.0, expires - issued)

    def _refresh(self, held: Tokens) -> None:
        """Take what somebody else has refreshed, else refresh. Why it failed stands in the report of the step."""
        if held.refresh_token is None or _pair(held) in self._refused or self._pause.is_on(self.flow.now_s()):
            return
        with self.flow.renewing() as is_newer:
            sent = () if is_newer else self.flow.refresh().exchanges
        now, last = self._held(), sent[-1] if sent else None
        if now is not held:
            self._pause = Pause()
            self._due_at_once = now.access_token if self._is_due(now) else ""
        elif last is not None and _is_no_refusal(last):
            self._pause.failed(self.flow.now_s(), _asked_s(last))
        else:
            self._refused.add(_pair(held))


def _pair(held: Tokens) -> tuple[str, str]:
    """A refused refresh token with the access token beside it: a later success brings another pair."""
    return held.refresh_token or "", held.access_token


def _is_no_refusal(exchange: Exchange) -> bool:
    """The server had no time, or an error, or gave no answer; if it had replaced the token, then all is lost anyway."""
    status = exchange.status
    return exchange.failure is not None or status is None or status in (408, 429) or status >= 500


def _asked_s(exchange: Exchange) -> float:
    """How long the server asks to wait, in seconds (RFC 9110 10.2.3); a date is not read."""
    asked = (exchange.response.header("retry-after") or "") if exchange.response else ""
    return min(float(asked), LONGEST_ASKED_S) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0.0


def _claimed_s(token: str | None, claim: str) -> float | None:
    jwt = read_jwt(token) if token else None
    return numeric_date(jwt.claims.get(claim)) if jwt else None


def check_one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    """Refuse what is not among the known ones.

    Raises:
        BadSetting: the value is none of those.
    """
    if value not in known:
        raise BadSetting(name, brief(value), "one of " + ", ".join(known))
