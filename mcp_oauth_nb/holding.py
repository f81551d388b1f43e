"""`TokenHolder`: what a flow is to whoever uses its tokens, and to whoever else holds tokens of the same grant."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcp_oauth_nb.family import Family
from mcp_oauth_nb.protocol.flow import Flow, Tokens
from mcp_oauth_nb.redact import learn_settings
from mcp_oauth_nb.wire.driver import Driver
from mcp_oauth_nb.wire.learning import LearningVault
from mcp_oauth_nb.wire.overheard import Overheard

OF_OTHERS = "your own client, with the token of this flow"
"""Who sends what `TokenHolder.overhear` records."""
REFUSING = (401, 403)
"""The statuses by which an API says no to a token (RFC 6750 3.1). Any other answer is the API's own business."""


class TokenHolder:
    """The flow so far with its tokens, and the family of those tokens where somebody else holds some as well."""

    def __init__(self, flow: Flow, driver: Driver, vault: LearningVault, verify: bool | str | Path) -> None:
        self._vault = vault
        self._driver = driver
        self._flow = flow
        self._verify = verify
        self._caught_up = False
        self.family: Family | None = None
        """Who else holds tokens of this grant; None while nobody does."""
        self.lock = threading.RLock()
        """One step at a time, whoever asks: two that begin at once would each forget what the other has learned."""

    @property
    def tokens(self) -> Tokens | None:
        """The tokens as they were issued last; None before. Their repr shows none of them."""
        return self._flow.tokens

    @property
    def known(self) -> Flow:
        """All that is known so far; secrets in plain, so never for display."""
        return self._flow

    def hold(self, tokens: Tokens) -> None:
        """Take tokens from elsewhere in the place of those that were issued here."""
        for kind in ("access_token", "refresh_token", "id_token"):
            if secret := getattr(tokens, kind):
                self._vault.learn(secret, kind)
        with self.lock:
            self._flow = self._flow.learn(tokens=tokens)

    def lasting(self, tokens: Tokens) -> Tokens:
        """Tokens of this flow for whoever does not know its exchanges, with the time at which they expire."""
        expires_at_s = tokens.expires_at_s
        if tokens.exchange and tokens.expires_in_s is not None:
            expires_at_s = self.ended_s(tokens.exchange) + tokens.expires_in_s
        return replace(tokens, exchange=0, expires_at_s=expires_at_s)

    def catch_up(self) -> bool:
        """Take the newest tokens of the grant where somebody else has refreshed it; whether it was so."""
        family = self.family
        if family is None or not family.has_replaced(self._flow.tokens):
            return False
        with self.lock:
            self.hold(family.newest)
            self._caught_up = True
        return True

    @contextlib.contextmanager
    def renewing(self) -> Iterator[bool]:
        """Nobody else refreshes the grant meanwhile; tells whether somebody had, so that newer tokens are here now.

        Raises:
            BadSetting: another process does not let go of the grant.
        """
        with self.lock, contextlib.ExitStack() as held:
            family = self.family if self.family and self.family.knows(self._flow.tokens) else None
            if family is not None:
                held.enter_context(family.alone())
            taken = self.catch_up()
            before = self._flow.tokens
            try:
                yield taken
            finally:
                now = self._flow.tokens
                if family is not None and now is not None and now is not before and now is not family.newest:
                    family.renew(self.lasting(now))

    @property
    def reaching(self) -> dict[str, Any]:
        """The arguments by which another flow reaches the same servers."""
        wire = self._driver.wire
        hosts = wire.guard.allowed_hosts if wire.guard else ()
        return {"verify": self._verify, "allow_hosts": sorted(hosts), "step_timeout_s": wire.timeout_s}

    def knows(self, secret: str) -> bool:
        """Whether this is a secret of this flow."""
        return secret in self._vault.values()

    def now_s(self) -> float:
        """The time in seconds since 1970, by the clock that the flow goes by."""
        return self._flow.settings.clock()

    def ended_s(self, exchange: int) -> float:
        """When the exchange of this number was over, in seconds since 1970."""
        found = self._driver.exchanges[exchange - 1]
        return found.started.timestamp() + found.elapsed_ms / 1000

    def overhear(self, overheard: Overheard) -> None:
        """Record a request of somebody else's client that used the tokens; its own headers are masked as ours are."""
        heard = overheard.exchange(self._vault)
        learn_settings(self._vault, dict(heard.request.headers), "")
        self._driver.overhear("api", heard, OF_OTHERS, REFUSING)
