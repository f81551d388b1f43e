"""A vault that reads what was recorded when somebody looks, not while the flow runs.

Searching every header and body for secrets costs a fifth of what the requests cost, and a run that nobody looks at
needs none of it. Nothing can be shown without asking the vault, so the vault is the place where to catch up; until it
has, every other thread that asks waits.
"""

from __future__ import annotations

import threading
from collections import deque

from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.redact import learn
from mcp_oauth_nb.vault import Vault


class LearningVault(Vault):
    """A vault with exchanges it has yet to read. Every public method reads them first."""

    def __init__(self, key: bytes | Vault | None = None) -> None:
        super().__init__(key)
        self._unread: deque[Exchange] = deque()
        self._reading = threading.RLock()
        self._is_reading = False

    def note(self, exchange: Exchange) -> None:
        """Read this exchange before anything else is told."""
        self._unread.append(exchange)

    def _catch_up(self) -> None:
        """An exchange stays in line until it has been read, so that no thread overtakes the one that is reading it."""
        if not self._unread:
            return
        with self._reading:
            if self._is_reading:
                return
            self._is_reading = True
            try:
                while self._unread:
                    learn(self._unread[0])
                    self._unread.popleft()
            finally:
                self._is_reading = False

    def __repr__(self) -> str:
        self._catch_up()
        return super().__repr__()

    def __len__(self) -> int:
        self._catch_up()
        return super().__len__()

    def learn(self, value: str, kind: str) -> None:
        self._catch_up()
        super().learn(value, kind)

    def has_met(self, text: str) -> bool:
        self._catch_up()
        return super().has_met(text)

    def meet(self, text: str) -> None:
        self._catch_up()
        super().meet(text)

    def shares_tags_with(self, other: Vault) -> bool:
        self._catch_up()
        return super().shares_tags_with(other)

    def hide(self, name: str) -> None:
        self._catch_up()
        super().hide(name)

    def hides(self, name: str) -> bool:
        self._catch_up()
        return super().hides(name)

    @property
    def hidden(self) -> tuple[str, ...]:
        self._catch_up()
        return super().hidden

    def behind(self, tag: str) -> str | None:
        self._catch_up()
        return super().behind(tag)

    def kind(self, value: str) -> str:
        self._catch_up()
        return super().kind(value)

    def values(self) -> tuple[str, ...]:
        self._catch_up()
        return super().values()

    def tag(self, value: str, kind: str) -> str:
        self._catch_up()
        return super().tag(value, kind)

    def mask(self, text: str, *, cut: bool = False) -> str:
        self._catch_up()
        return super().mask(text, cut=cut)
