"""`Family`: the tokens that descend from one grant by refreshing, for all in this process that hold some of them.

Where a refresh token is replaced at every use, one that is shown twice ends the grant (RFC 9700 4.14.2). So whoever
refreshes does it through the family: nobody else does meanwhile, newer tokens are taken first and never older ones in
the place of newer, and what is kept elsewhere is written before anybody goes on. A generation is the number of
refreshes that lie behind the tokens.

Locks are taken in one order: that of a flow, that of its family, those of what is kept elsewhere. Nothing here takes
the lock of a flow.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

from mcp_oauth_nb.protocol.flow import Tokens


class Keeper(Protocol):
    """Keeps the tokens of a family elsewhere as well, where another process may replace them."""

    name: str

    def alone(self) -> AbstractContextManager[object]:
        """Nobody else touches what is kept meanwhile."""

    def bring(self) -> None:
        """Let the family take what is newer there, and write there what is older."""

    def store(self) -> None:
        """Write the newest tokens there."""


class Family:
    """The newest tokens of one grant, and the memory of those that they replaced.

    Attributes:
        id: what the grant is called in what is kept of it; tells nothing of it.
        at: the token endpoint and the client, without which tokens that are alike are not the same.
        newest: the tokens as they were issued last; their `exchange` is 0 and their `expires_at_s` set where known.
        generation: how often they were refreshed.
        shared: tokens that were handed to others in this session, the newest last.
    """

    def __init__(self, tokens: Tokens, *, at: tuple[str, ...] = (), id: str = "", generation: int = 0) -> None:
        self.id, self.generation = id or secrets.token_hex(8), generation
        self.at, self.newest = at, tokens
        self._keepers: weakref.WeakSet[Keeper] = weakref.WeakSet()
        self.shared: list[Tokens] = []
        self._lock = threading.RLock()
        self._depth = 0
        self._seen = {_mark(tokens)}
        with _listing:
            _LIVING.add(self)

    def __repr__(self) -> str:
        return f"<Family in generation {self.generation}>"

    @property
    def keepers(self) -> tuple[Keeper, ...]:
        """Who keeps the tokens elsewhere."""
        with self._lock:
            return tuple(sorted(self._keepers, key=lambda one: one.name))

    def is_kept_by(self, keeper: Keeper) -> None:
        """From now on somebody keeps the tokens elsewhere."""
        with self._lock:
            self._keepers.add(keeper)

    def knows(self, tokens: Tokens | None) -> bool:
        """Whether these are tokens of this grant, spent ones too."""
        return tokens is not None and _mark(tokens) in self._seen

    def has_replaced(self, tokens: Tokens | None) -> bool:
        """Whether there are newer ones than these."""
        return self.knows(tokens) and tokens is not None and _mark(tokens) != _mark(self.newest)

    def take(self, tokens: Tokens, generation: int) -> None:
        """Take tokens that somebody else has refreshed; older ones are only remembered as such."""
        with self._lock:
            self._seen.add(_mark(tokens))
            if generation > self.generation:
                self.newest, self.generation = tokens, generation

    def renew(self, tokens: Tokens) -> None:
        """Take tokens that were refreshed here, and write them wherever they are kept."""
        with self._lock:
            self.take(tokens, self.generation + 1)
            for keeper in self.keepers:
                keeper.store()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else refreshes the grant meanwhile; what another process has refreshed is here when it begins.

        Raises:
            BadSetting: another process does not let go of what it keeps.
        """
        with self._lock, ExitStack() as held:
            if self._depth == 0:
                keepers = self.keepers
                for keeper in keepers:
                    held.enter_context(keeper.alone())
                for keeper in keepers:
                    keeper.bring()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1


_LIVING: weakref.WeakSet[Family] = weakref.WeakSet()
_listing = threading.Lock()


def family_of(tokens: Tokens, at: tuple[str, ...]) -> Family | None:
    """The family of this process that knows these tokens, of one token endpoint and client."""
    with _listing:
        return next((one for one in _LIVING if one.at == at and one.knows(tokens)), None)


def family_named(id: str) -> Family | None:
    """The family of this process with this id."""
    with _listing:
        return next((one for one in _LIVING if one.id == id), None)


def _mark(tokens: Tokens) -> str:
    """Tells tokens apart without keeping the spent ones: both, as a server may issue one of them again."""
    told = "\n".join((tokens.access_token, tokens.refresh_token or ""))
    return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()
