"""Listens to a client of httpx or httpx2 at its transport: the one place that every request of it goes through.

Event hooks would not do. They see the requests of an `auth` flow and the hops of a redirect, but no failure, and a
request only before its body is streamed; and to read an answer in a hook is to read it in the client's place. So the
transport and the mounts of the client are replaced by ones that hand everything on, and put back in the end. That these
stand in ``_transport`` and ``_mounts`` is not promised by httpx, yet so in every version since 0.18 and in httpx2;
a client without them is refused.

What is sent and received stays the same: a body passes piece by piece while the client reads it, and no sooner.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.wire.failing import LIBRARIES
from mcp_oauth_nb.wire.overheard import Overheard


class Listening(Protocol):
    """Who is told of requests."""

    def begins(self, request: Any, library: Any) -> Overheard | None:
        """A request is about to be sent. None: this one is not listened to."""

    def changed(self, overheard: Overheard) -> None:
        """There is more to know of a request."""

    def room(self) -> int:
        """How many bytes of bodies may still be kept."""

    def kept(self, length: int) -> None:
        """So many bytes of a body were kept."""


# --- bodies -----------------------------------------------------------------------------------------------------------


class Passing:
    """A stream that hands on what the stream behind it holds, as it is asked for."""

    def __init__(self, inner: Any, note: Note) -> None:
        self._inner, self._note = inner, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class PassingSync(Passing):
    """Of a client without ``await``."""

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._inner:
                self._note.chunk(chunk)
                yield chunk
        except GeneratorExit:  # the client turned away
            raise
        except BaseException as error:
            self._note.broke(error)
            raise
        self._note.ended()

    def close(self) -> None:
        self._inner.close()


class PassingAsync(Passing):
    """Of a client with ``await``."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._inner.__aiter__()
        try:
            async for chunk in stream:
                self._note.chunk(chunk)
                yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            self._note.broke(error)
            raise
        else:
            self._note.ended()
        finally:
            if hasattr(stream, "aclose"):  # left to the garbage collector, it would be closed in no task at all
                await stream.aclose()

    async def aclose(self) -> None:
        await self._inner.aclose()


class Note:
    """What a stream says of itself."""

    def __init__(self, overheard: Overheard, listening: Listening) -> None:
        self.overheard, self.listening = overheard, listening

    def chunk(self, chunk: bytes) -> None:
        self.listening.kept(self.overheard.receives(chunk, self.listening.room()))
        self.listening.changed(self.overheard)

    def ended(self) -> None:
        self.overheard.ends()
        self.listening.changed(self.overheard)

    def broke(self, error: BaseException) -> None:
        self.overheard.breaks(error)
        self.listening.changed(self.overheard)


class SentNote(Note):
    """Of the body of a request: only its pieces count, what breaks it ends the whole request."""

    def chunk(self, chunk: bytes) -> None:
        self.overheard.sends(chunk)

    def ended(self) -> None:
        pass

    def broke(self, error: BaseException) -> None:
        pass


# --- transports -------------------------------------------------------------------------------------------------------


class Tapped:
    """A transport that tells of each request and hands it on."""

    passing: type[Passing]
    library: Any

    def __init__(self, inner: Any, listening: Listening) -> None:
        self.inner, self._listening = inner, listening

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def _begun(self, request: Any) -> tuple[Overheard | None, Any]:
        """The record of a request, and its own stream where another one stands in for the time of sending."""
        overheard = self._listening.begins(request, self.library)
        if overheard is None:
            return None, None
        try:
            overheard.sends(request.content)
        except self.library.RequestNotRead:
            own = request.stream
            request.stream = self.passing(own, SentNote(overheard, self._listening))
            return overheard, own
        return overheard, None

    def _answered(self, response: Any, overheard: Overheard) -> Any:
        overheard.is_answered(response)
        if response.is_stream_consumed:  # made in this process, by a mock: there is nothing left to pass on
            overheard.holds(response.content)
        else:
            response.stream = self.passing(response.stream, Note(overheard, self._listening))
        self._listening.changed(overheard)
        return response

    def _broke(self, overheard: Overheard, error: BaseException) -> None:
        overheard.breaks(error)
        self._listening.changed(overheard)


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


def tap(client: Any, listening: Listening) -> Callable[[], None]:
    """Listen to a client from now on; returns the call that ends it.

    Raises:
        BadSetting: it is no client of httpx or httpx2.
    """
    name = library_of(client)
    is_async = hasattr(client, "aclose")
    if name is None or not hasattr(client, "_transport") or not isinstance(getattr(client, "_mounts", None), dict):
        seen = f"the class {client.__name__}" if isinstance(client, type) else f"a {type(client).__name__}"
        expected = "a Client or AsyncClient of httpx or httpx2"
        raise BadSetting("record(client)", seen, expected, "record(httpx.Client())")
    tapped = _tapping(sys.modules[name], is_async=is_async)
    made = {id(one): tapped(one, listening) for one in (client._transport, *client._mounts.values()) if one is not None}
    client._transport = made[id(client._transport)]
    client._mounts.update({key: made[id(one)] for key, one in client._mounts.items() if one is not None})
    ours, known = set(map(id, made.values())), weakref.ref(client)

    def end() -> None:
        """Put back what was there; what somebody else has put in its place since stays."""
        held = known()
        if held is None:
            return
        if id(held._transport) in ours:
            held._transport = held._transport.inner
        for key, one in list(held._mounts.items()):
            if id(one) in ours:
                held._mounts[key] = one.inner

    return end
