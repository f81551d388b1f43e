"""`record`: one line that hooks a client of yours, and what it did as a `Recording`, judged like a flow of ours.

Nothing is sent here and nothing changed in what your client sends. What the recording cannot tell, because your client
never read it or it went through a browser, is *not tested*.
"""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from typing import Any

from mcp_oauth_nb.carrying import Carrier
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.mime import Bundle, Framed, frame_of, render
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.recording.clients import new_client
from mcp_oauth_nb.recording.collecting import Collector
from mcp_oauth_nb.recording.redirects import CallbackHandler, Handlers, RedirectHandler, hook_provider, wrapped
from mcp_oauth_nb.records import Exchange, Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.wire.tap import check_client, tap


def record(*clients: Any) -> Recording:
    """Record what these clients send and receive from now on, until ``stop()`` or the end of a ``with`` block.

    An OAuth provider of the MCP SDK or of FastMCP that a client has as its ``auth`` is hooked as well, so that the
    authorization request and the redirect, which go through a browser, are there too.

    Args:
        clients: ``Client`` or ``AsyncClient`` of httpx or httpx2. None where you do not hold the client: then pass
            ``recording.client_factory`` to whoever makes it.

    Raises:
        BadSetting: one of them is something else; then none is hooked.
    """
    for client in clients:
        check_client(client)
    recording = Recording()
    for client in clients:
        recording.add(client)
    return recording


class Recording(Carrier, Framed):
    """What clients did while they were recorded. `record` makes one; it can be looked at at any time, from any thread.

    As the last line of a cell it shows the report of `diagnose`.
    """

    def __init__(self) -> None:
        self._collector = Collector()
        self._hooks = ExitStack()
        self._clients: weakref.WeakSet[Any] = weakref.WeakSet()

    def __repr__(self) -> str:
        told = self._collector
        left_out = f", {told.left_out} more left out" if told.left_out else ""
        return f"<Recording of {len(told)} exchanges{left_out}, {'on' if told.is_on else 'stopped'}>"

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
        check_client(client)
        if not self._collector.is_on:
            raise BadSetting("add(client)", "a recording that was stopped", "a new one", "record(client)")
        if client not in self._clients:
            self._clients.add(client)
            self._hooks.callback(tap(client, self._collector))
            end = hook_provider(client.auth, self._collector)
            if end is not None:
                self._hooks.callback(end)
        return client

    def client_factory(self, **arguments: Any) -> Any:
        """Make a client that is recorded: the ``httpx_client_factory`` of the MCP SDK's and FastMCP's transports.

        Args:
            arguments: as the transport hands them over: ``headers``, ``timeout``, ``auth`` and others.
        """
        client = new_client(**arguments)
        return self.add(client) if self._collector.is_on else client

    def stop(self) -> None:
        """Record no further request, and put the clients back as they were. What is on its way is recorded to its end.

        What was recorded stays. Again is harmless.
        """
        self._collector.is_on = False
        self._hooks.close()

    # -- the leg through the browser -------------------------------------------------------------------------------

    def authorization(self, url: str) -> None:
        """Note the authorization request: the URL that your client opens in a browser.

        Raises:
            BadSetting: it is no http(s) URL.
        """
        if not isinstance(url, str) or split(url) is None:
            raise BadSetting("authorization(url)", _seen(url), "the http(s) URL that was opened in a browser")
        self._collector.sent(url)

    def redirect(self, url: str) -> None:
        """Note the authorization response: the whole URL that the browser came back to your client with.

        Raises:
            BadSetting: it is no URL with a query or fragment.
        """
        if not isinstance(url, str) or ":" not in url or not ("?" in url or "#" in url):
            expected = "the whole URL that the browser came back with, query included"
            raise BadSetting("redirect(url)", _seen(url), expected)
        self._collector.arrived(url)

    def handlers(self, redirect_handler: RedirectHandler, callback_handler: CallbackHandler) -> Handlers:
        """The same two handlers, with what passes through them noted: for an ``OAuthClientProvider`` of the MCP SDK.

        Of the redirect the second handler hands on parts only. To have all of it judged call `redirect` in it.

        Raises:
            BadSetting: one of them cannot be called.
        """
        for name, handler in zip(Handlers._fields, (redirect_handler, callback_handler), strict=True):
            if not callable(handler):
                raise BadSetting(name, f"a {type(handler).__name__}", "a function")
        return wrapped(redirect_handler, callback_handler, self._collector)

    # -- what is made of it ----------------------------------------------------------------------------------------

    @property
    def trace(self) -> Trace:
        """Everything so far, each exchange with its step, in the order in which the requests were begun."""
        return self._collector.trace()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The exchanges of `trace`."""
        return self.trace.exchanges

    def diagnose(self) -> Report:
        """The verdict over everything so far: failing step, probable cause, who must act, the fix."""
        return diagnose(self.trace)


def _seen(value: object) -> str:
    """A value as an error may tell of it: it may be a code, so that nothing of it is repeated."""
    return f"text of {len(value)} characters" if isinstance(value, str) else f"a {type(value).__name__}"


@render.register
def _(recording: Recording) -> Bundle:
    return render(recording.diagnose())


@frame_of.register
def _(recording: Recording) -> Any:
    return frame_of(recording.trace)
