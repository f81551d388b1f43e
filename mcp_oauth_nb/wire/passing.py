"""Streams that hand on a body piece by piece, as it is asked for, and tell of each piece.

Laziness stays: nothing is read ahead, and what is not asked for is not read. What the stream behind raises is raised.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

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
