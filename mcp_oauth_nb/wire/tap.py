"""Listens to a client of httpx or httpx2 at its transport: the one place that every request of it goes through.

Event hooks would not do. They see the requests of an `auth` flow and the hops of a redirect, but no failure, and a
request only before its body is streamed; and to read an answer in a hook is to read it in the client's place. So the
transport and the mounts of the client are replaced by ones that hand everything on, and put back in the end. That these
stand in ``_transport`` and ``_mounts`` is not promised by httpx, yet so in 0.27, 0.28 and httpx2; a client without them
is refused.

What is sent and received stays the same: a body passes piece by piece while the client reads it, and no sooner.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable
from typing import Any

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.wire.failing import LIBRARIES
from mcp_oauth_nb.wire.overheard import Overheard
from mcp_oauth_nb.wire.passing import Listening, Note, Passing, PassingAsync, PassingSync, SentNote

# --- transports -------------------------------------------------------------------------------------------------------


class Tapped:
    """A transport that tells of each request and hands it on."""

    passing: type[Passing]
    library: Any

    def __init__(self, inner: Any, listening: Listening) -> None:
        self.inner, self.listening = inner, listening

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def _begun(self, request: Any) -> tuple[Overheard | None, Any]:
        """The record of a request, and its own stream where another one stands in for the time of sending."""
        overheard = self.listening.begins(request, self.library)
        if overheard is None:
            return None, None
        try:
            overheard.sends(request.content)
        except self.library.RequestNotRead:
            own = request.stream
            request.stream = self.passing(own, SentNote(overheard, self.listening))
            return overheard, own
        return overheard, None

    def _answered(self, response: Any, overheard: Overheard) -> Any:
        overheard.is_answered(response)
        if response.is_stream_consumed:  # made in this process, by a mock: there is nothing left to pass on
            overheard.holds(response.content)
        else:
            response.stream = self.passing(response.stream, Note(overheard, self.listening))
        self.listening.changed(overheard)
        return response

    def _broke(self, overheard: Overheard, error: BaseException) -> None:
        overheard.breaks(error)
        self.listening.changed(overheard)


class TappedSync(Tapped):
    """Of a client without ``await``."""

    def handle_request(self, request: Any) -> Any:
        overheard, own = self._begun(request)
        if overheard is None:
            return self.inner.handle_request(request)
        try:
            response = self.inner.handle_request(request)
        except BaseException as error:
            self._broke(overheard, error)
            raise
        finally:
            if own is not None:
                request.stream = own
        return self._answered(response, overheard)

    def close(self) -> None:
        self.inner.close()

    def __enter__(self) -> TappedSync:
        self.inner.__enter__()
        return self

    def __exit__(self, *why: Any) -> None:
        self.inner.__exit__(*why)


class TappedAsync(Tapped):
    """Of a client with ``await``."""

    async def handle_async_request(self, request: Any) -> Any:
        overheard, own = self._begun(request)
        if overheard is None:
            return await self.inner.handle_async_request(request)
        try:
            response = await self.inner.handle_async_request(request)
        except BaseException as error:
            self._broke(overheard, error)
            raise
        finally:
            if own is not None:
                request.stream = own
        return self._answered(response, overheard)

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def __aenter__(self) -> TappedAsync:
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *why: Any) -> None:
        await self.inner.__aexit__(*why)


@functools.cache
def _tapping(library: Any, *, is_async: bool) -> type[Tapped]:
    """The transport for a library, derived from its own base classes: httpx asserts that a stream is one of its own."""
    bases: tuple[type[Tapped], type[Passing]] = (TappedAsync, PassingAsync) if is_async else (TappedSync, PassingSync)
    prefix = "Async" if is_async else ""
    passing = type("Passing", (bases[1], getattr(library, f"{prefix}{'' if is_async else 'Sync'}ByteStream")), {})
    members = {"passing": passing, "library": library}
    return type("Tapped", (bases[0], getattr(library, f"{prefix}BaseTransport")), members)


# --- clients ----------------------------------------------------------------------------------------------------------


def library_of(thing: object) -> str | None:
    """``httpx`` or ``httpx2``, where the type of a thing comes from there; else None."""
    roots = (kind.__module__.partition(".")[0] for kind in type(thing).__mro__)
    return next((root for root in roots if root in LIBRARIES), None)


def check_client(client: Any) -> None:
    """Refuse what cannot be listened to.

    Raises:
        BadSetting: it is no client of httpx or httpx2.
    """
    is_one = not isinstance(client, type) and library_of(client) in sys.modules
    if not is_one or not hasattr(client, "_transport") or not isinstance(getattr(client, "_mounts", None), dict):
        seen = f"the class {client.__name__}" if isinstance(client, type) else f"a {type(client).__name__}"
        raise BadSetting("client", seen, "a Client or AsyncClient of httpx or httpx2", "record(httpx.Client())")


def tap(client: Any, listening: Listening) -> Callable[[], None]:
    """Listen to a client that `check_client` has let through, from now on; returns the call that ends it."""
    library = sys.modules[library_of(client) or ""]
    tapped = _tapping(library, is_async=hasattr(client, "aclose"))
    made = {id(one): tapped(one, listening) for one in (client._transport, *client._mounts.values()) if one is not None}
    client._transport = made[id(client._transport)]
    client._mounts.update({key: made[id(one)] for key, one in client._mounts.items() if one is not None})
    known = weakref.ref(client)

    def is_ours(transport: object) -> bool:
        return isinstance(transport, Tapped) and transport.listening is listening

    def end() -> None:
        """Put back what was there; what somebody else has put in its place since stays."""
        held = known()
        if held is None:
            return
        if is_ours(held._transport):
            held._transport = held._transport.inner
        for key, one in list(held._mounts.items()):
            if is_ours(one):
                held._mounts[key] = one.inner

    return end
