"""Collects what clients and their handlers tell, from any thread or task, and makes a trace of it when one is wanted.

The order is that in which the requests were begun, so that what a slow answer belongs to does not depend on it. Secrets
are learned when somebody looks; no text is masked before all that was told by then has been read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mcp_oauth_nb.recording.redirects import redirect_from
from mcp_oauth_nb.records import Exchange, Request, Trace
from mcp_oauth_nb.redact import learn_settings
from mcp_oauth_nb.rules.classify import MOST_EXCHANGES
from mcp_oauth_nb.rules.evidence import FROM_HANDLER, query
from mcp_oauth_nb.rules.recorded import trace_of
from mcp_oauth_nb.wire.learning import LearningVault
from mcp_oauth_nb.wire.overheard import Overheard
from mcp_oauth_nb.wire.surroundings import versions

MOST_BYTES = 256 * 1024 * 1024
"""Of bodies; what comes later is recorded without."""
Told = Overheard | Exchange
"""A request of a client, or what a handler told of the leg through the browser."""


class Collector:
    """All that was told so far.

    Attributes:
        is_on: further requests are wanted.
        left_out: how many requests came after the list was full.
    """

    def __init__(self) -> None:
        self.is_on = True
        self.left_out = 0
        self.vault = RecordingVault(self._changed_since)
        self._lock = threading.Lock()
        self._told: list[Told] = []
        self._changed: dict[int, Told] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._told)

    # -- told by transports ----------------------------------------------------------------------------------------

    def begins(self, request: Any, library: Any) -> Overheard | None:
        """A client is about to send a request."""
        overheard = Overheard(request, library) if self.is_on else None
        return overheard if overheard is not None and self._append(overheard) else None

    def changed(self, one: Told) -> None:
        """There is more to know of one of them."""
        with self._lock:
            self._changed[id(one)] = one

    def room(self) -> int:
        """How many bytes of bodies may still be kept."""
        return MOST_BYTES - self._bytes

    def kept(self, length: int) -> None:
        """So many bytes of a body were kept."""
        with self._lock:
            self._bytes += length

    # -- told by handlers ------------------------------------------------------------------------------------------

    def sent(self, url: str) -> None:
        """The authorization request that was opened in a browser, without a look at it: whatever it is is evidence."""
        if self.is_on:
            self._note(Request("GET", str(url)))

    def arrived(self, url: str) -> None:
        """The authorization response, as it came back."""
        if self.is_on:
            self._note(Request("GET", url), direction="in")

    def came_back(self, result: object) -> None:
        """What a callback handler made of the redirect, unless it has told all of it."""
        last = next((one for one in reversed(tuple(self._told)) if isinstance(one, Exchange)), None)
        if not self.is_on or last is None or last.direction == "in":
            return
        url = redirect_from(result, query(last).get("redirect_uri", ""))
        if url:
            self._note(Request("GET", url), direction="in", why=FROM_HANDLER)

    def _note(self, request: Request, **rest: Any) -> None:
        self._append(Exchange(id=1, step="", request=request, started=datetime.now(UTC), vault=self.vault, **rest))

    def _append(self, one: Told) -> bool:
        with self._lock:
            if len(self._told) >= MOST_EXCHANGES:
                self.left_out += 1
                return False
            self._told.append(one)
            self._changed[id(one)] = one
        return True

    # -- when somebody looks ---------------------------------------------------------------------------------------

    def trace(self) -> Trace:
        """Everything so far, each exchange with its step."""
        with self._lock:
            told = tuple(self._told)
        trace = trace_of(map(self._exchange, _without_links(told)), self.vault, versions())
        learn_settings(self.vault, {}, trace.settings.get("url", ""))
        return trace

    def _exchange(self, one: Told) -> Exchange:
        return one if isinstance(one, Exchange) else one.exchange(self.vault)

    def _changed_since(self) -> list[Exchange]:
        """What has not been read for secrets yet."""
        if not self._changed:
            return []
        with self._lock:
            changed, self._changed = self._changed, {}
        return list(map(self._exchange, changed.values()))


def _without_links(told: Iterable[Told]) -> Iterator[Told]:
    """Without those authorization requests that the client then made itself: they are there with their answer."""
    made = {one.url for one in told if isinstance(one, Overheard)}
    return (one for one in told if not (isinstance(one, Exchange) and one.direction == "out" and _url(one) in made))


def _url(one: Exchange) -> str:
    return one.request.url


class RecordingVault(LearningVault):
    """A vault that asks what was told since, before it tells anything itself.

    Every header that is not plainly public counts as the user's own, as in a flow of ours: nobody tells which are.
    """

    def __init__(self, changed: Callable[[], Iterable[Exchange]]) -> None:
        super().__init__()
        self._ask = changed

    def _catch_up(self) -> None:
        with self._reading:  # no other thread is told anything between the asking and the reading
            for exchange in self._ask():
                self.note(exchange)
                learn_settings(self, _headers(exchange.request), "")
            super()._catch_up()


def _headers(request: Request) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in request.headers:
        found.setdefault(name, []).append(value)
    return found
