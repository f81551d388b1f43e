"""`record`: one line that hooks a client of yours, and what it did as a `Recording`, judged like a flow of ours.

Nothing is sent here and nothing changed in what your client sends. What the recording cannot tell, because your client
never read it or it went through a browser, is *not tested*.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mcp_oauth_nb.views  # noqa: F401 - registers the displays: a recording needs no debugger
from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.mime import Bundle, Framed, frame_of, render
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.recording.clients import new_client
from mcp_oauth_nb.recording.redirects import (
    CallbackHandler,
    Handlers,
    RedirectHandler,
    hook_provider,
    redirect_from,
    wrapped,
)
from mcp_oauth_nb.records import Exchange, Request, Trace
from mcp_oauth_nb.redact import learn_settings
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.classify import FROM_HANDLER, MOST_EXCHANGES
from mcp_oauth_nb.rules.evidence import query
from mcp_oauth_nb.rules.recorded import trace_of
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.telltale import PUBLIC_HEADERS
from mcp_oauth_nb.wire.learning import LearningVault
from mcp_oauth_nb.wire.overheard import Overheard
from mcp_oauth_nb.wire.surroundings import versions
from mcp_oauth_nb.wire.tap import tap

MOST_BYTES = 256 * 1024 * 1024
"""Of bodies; what comes later is recorded without."""


def record(*clients: Any) -> Recording:
    """Record what these clients send and receive from now on, until ``stop()`` or the end of a ``with`` block.

    An OAuth provider of the MCP SDK or of FastMCP that a client has as its ``auth`` is hooked as well, so that the
    authorization request and the redirect, which go through a browser, are there too.

    Args:
        clients: ``Client`` or ``AsyncClient`` of httpx or httpx2. None where you do not hold the client: then pass
            ``recording.client_factory`` to whoever makes it.

    Raises:
        BadSetting: one of them is something else.
    """
    recording = Recording()
    try:
        for client in clients:
            recording.add(client)
    except BadSetting:
        recording.stop()
        raise
    return recording


class Recording(Framed):
    """What clients did while they were recorded. `record` makes one; it can be looked at at any time, from any thread.

    As the last line of a cell it shows the report of `diagnose`.
    """

    def __init__(self) -> None:
        self._vault = RecordingVault(self._changed_since)
        self._lock = threading.Lock()
        self._seen: list[Overheard | Exchange] = []
        self._changed: deque[Overheard | Exchange] = deque()
        self._waiting: set[int] = set()
        self._bytes = 0
        self._left_out = 0
        self._is_on = True
        self._hooks = ExitStack()
        self._clients: weakref.WeakSet[Any] = weakref.WeakSet()

    def __repr__(self) -> str:
        left_out = f", {self._left_out} more left out" if self._left_out else ""
        return f"<Recording of {len(self._seen)} exchanges{left_out}, {'on' if self._is_on else 'stopped'}>"

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *why: object) -> None:
        self.stop()

    # -- what is recorded ------------------------------------------------------------------------------------------

    def add(self, client: Any) -> Any:
        """Record a further client; returns it.

        Raises:
            BadSetting: it is no client of httpx or httpx2, or the recording was stopped.
        """
        if not self._is_on:
            raise BadSetting("add(client)", "a recording that was stopped", "a new one", "record(client)")
        hashable = getattr(type(client), "__hash__", None) is not None
        if hashable and not isinstance(client, type) and client in self._clients:
            return client
        self._hooks.callback(tap(client, self))
        self._clients.add(client)
        own = {name: value for name, value in client.headers.items() if name.lower() not in PUBLIC_HEADERS}
        learn_settings(self._vault, own, "")
        end = hook_provider(client.auth, self)
        if end is not None:
            self._hooks.callback(end)
        return client

    def client_factory(self, **arguments: Any) -> Any:
        """Make a client that is recorded: the ``httpx_client_factory`` of the MCP SDK's and FastMCP's transports.

        Args:
            arguments: as the transport hands them over: ``headers``, ``timeout``, ``auth`` and others.
        """
        client = new_client(**arguments)
        return self.add(client) if self._is_on else client

    def stop(self) -> None:
        """Record no further request, and put the clients back as they were. What is on its way is recorded to its end.

        What was recorded stays. Again is harmless.
        """
        self._is_on = False
        self._hooks.close()

    # -- the leg through the browser -------------------------------------------------------------------------------

    def authorization(self, url: str) -> None:
        """Note the authorization request: the URL that your client opens in a browser.

        Raises:
            BadSetting: it is no http(s) URL.
        """
        if not isinstance(url, str) or split(url) is None:
            raise BadSetting("authorization(url)", brief(url), "the URL that was opened in a browser")
        self.sent(url)

    def redirect(self, url: str) -> None:
        """Note the authorization response: the whole URL that the browser came back to your client with.

        Raises:
            BadSetting: it is no URL with a query or fragment.
        """
        if not isinstance(url, str) or ":" not in url or not ("?" in url or "#" in url):
            expected = "the whole URL that the browser came back with, query included"
            raise BadSetting("redirect(url)", brief(url), expected)
        self._note(Request("GET", url), direction="in")

    def handlers(self, redirect_handler: RedirectHandler, callback_handler: CallbackHandler) -> Handlers:
        """The same two handlers, with what passes through them noted: for an ``OAuthClientProvider`` of the MCP SDK.

        Of the redirect the second handler hands on parts only. To have all of it judged call `redirect` in it.

        Raises:
            BadSetting: one of them cannot be called.
        """
        for name, handler in zip(Handlers._fields, (redirect_handler, callback_handler), strict=True):
            if not callable(handler):
                raise BadSetting(name, f"a {type(handler).__name__}", "a function")
        return wrapped(redirect_handler, callback_handler, self)

    def sent(self, url: str) -> None:
        """Note an authorization request without a look at it: what a client opens is evidence, whatever it is."""
        self._note(Request("GET", str(url)))

    def came_back(self, result: object) -> None:
        """Note the redirect that a callback handler's result tells of, unless the handler noted all of it."""
        for one in reversed(tuple(self._seen)):
            if isinstance(one, Exchange):
                url = redirect_from(result, query(one).get("redirect_uri", "")) if one.direction == "out" else ""
                if url:
                    self._note(Request("GET", url), direction="in", why=FROM_HANDLER)
                return

    def _note(self, request: Request, **rest: Any) -> None:
        exchange = Exchange(id=1, step="", request=request, started=datetime.now(UTC), vault=self._vault, **rest)
        self._append(exchange)

    # -- what is made of it ----------------------------------------------------------------------------------------

    @property
    def trace(self) -> Trace:
        """Everything so far, each exchange with its step, in the order in which the requests were begun."""
        exchanges = [self._exchange(one) for one in tuple(self._seen)]
        followed = {one.request.url for one in exchanges if one.response is not None or one.failure is not None}
        told = [one for one in exchanges if not (_is_link(one) and one.request.url in followed)]
        trace = trace_of(told, self._vault, versions())
        learn_settings(self._vault, {}, trace.settings.get("url", ""))
        return trace

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The exchanges of `trace`."""
        return self.trace.exchanges

    def diagnose(self) -> Report:
        """The verdict over everything so far: failing step, probable cause, who must act, the fix."""
        return diagnose(self.trace)

    def save(self, path: str | Path) -> Path:
        """Write everything so far to a file, without a secret: ``.ipynb``, ``.json``, ``.md`` or ``.html``.

        Raises:
            BadSetting: another suffix, a file that cannot be written, or ``.html`` without nbconvert.
        """
        from mcp_oauth_nb.evidence.save import save  # noqa: PLC0415 - what only saving needs, and a good deal of it

        return save(self.diagnose(), path)

    def har(self, path: str | Path | None = None) -> Mapping[str, Any]:
        """Every exchange as an HTTP archive (HAR 1.2), secrets masked; with a path it is written there.

        Raises:
            BadSetting: it cannot be written there.
        """
        from mcp_oauth_nb.evidence.har import har_of  # noqa: PLC0415 - what only a HAR needs

        return har_of(self.trace, path)

    # -- for the wire ----------------------------------------------------------------------------------------------

    def begins(self, request: Any, library: Any) -> Overheard | None:
        """A client is about to send a request."""
        if not self._is_on:
            return None
        overheard = Overheard(request, library)
        return overheard if self._append(overheard) else None

    def changed(self, one: Overheard | Exchange) -> None:
        """There is more to know of one of them; its secrets are learned before anything is shown."""
        with self._lock:
            if id(one) not in self._waiting:
                self._waiting.add(id(one))
                self._changed.append(one)

    def room(self) -> int:
        """How many bytes of bodies may still be kept."""
        return MOST_BYTES - self._bytes

    def kept(self, length: int) -> None:
        """So many bytes of a body were kept."""
        with self._lock:
            self._bytes += length

    # -- inside ----------------------------------------------------------------------------------------------------

    def _append(self, one: Overheard | Exchange) -> bool:
        with self._lock:
            if len(self._seen) >= MOST_EXCHANGES:
                self._left_out += 1
                return False
            self._seen.append(one)
        self.changed(one)
        return True

    def _exchange(self, one: Overheard | Exchange) -> Exchange:
        return one if isinstance(one, Exchange) else one.exchange(self._vault)

    def _changed_since(self) -> list[Exchange]:
        """What is to be read for secrets."""
        with self._lock:
            changed = list(self._changed)
            self._changed.clear()
            self._waiting.clear()
        return [self._exchange(one) for one in changed]


class RecordingVault(LearningVault):
    """A vault that asks what has changed before it tells anything."""

    def __init__(self, changed: Callable[[], list[Exchange]]) -> None:
        super().__init__()
        self._ask = changed

    def _catch_up(self) -> None:
        with self._reading:  # no thread tells anything between the asking and the noting
            for exchange in self._ask():
                self.note(exchange)
            super()._catch_up()


def _is_link(one: Exchange) -> bool:
    """Whether it was noted as opened in a browser, and nothing more is known of it."""
    return one.direction == "out" and one.response is None and one.failure is None


@render.register
def _(recording: Recording) -> Bundle:
    return render(recording.diagnose())


@frame_of.register
def _(recording: Recording) -> Any:
    return frame_of(recording.trace)
