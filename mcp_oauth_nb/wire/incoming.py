"""A response while it is read: how far it came, and when to stop.

The body is decompressed here and not by httpx, which undoes any number of layers of any size before it hands out a
byte: a few kilobytes of gzip in gzip would fill the memory of a kernel. Here one layer is undone, never further than
to the byte limit.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

import httpx

from mcp_oauth_nb.protocol.jsonrpc import EVENT_STREAM, holds_answer
from mcp_oauth_nb.records import Headers, Response
from mcp_oauth_nb.wire.deadline import Deadline

BODY_BYTES = 1_048_576
"""How much of a body is kept, counted after decompression."""
GRACE_S = 0.05
"""How long an event stream may take to end behind our answer: one that ends leaves its connection usable."""

_EVENT_END = re.compile(rb"(?:\r\n|\n|\r)(?:\r\n|\n|\r)")
_GZIP, _ZLIB, _RAW = 31, 15, -15


class Unreadable(Exception):
    """The body cannot be decompressed; the text says why."""


class Incoming:
    """Reads one response.

    Args:
        source: the response, its body unread.
        answer_id: the JSON-RPC id to stop reading an event stream at; None reads to the end.
        deadline: brought forward once the answer is here.
        opening: leave an event stream unread.
    """

    def __init__(
        self, source: httpx.Response, answer_id: int | str | None, deadline: Deadline, *, opening: bool = False
    ) -> None:
        self._source, self._deadline = source, deadline
        self._answer_id = answer_id if _is_event_stream(source) else None
        self._unread = opening and _is_event_stream(source)
        self._answered = False
        self._searched = 0
        self._body = bytearray()
        self._cut = True

    def read(self) -> None:
        """Read to the end, to the byte limit, or to the answer that an event stream was opened for."""
        if self._unread:
            return
        try:
            self._read()
        except (httpx.TransportError, TimeoutError):
            if not self._answered:
                raise
        self._cut = len(self._body) > BODY_BYTES

    def _read(self) -> None:
        inflate = inflater(self._source.headers.get("content-encoding", ""))
        for chunk in self._source.iter_raw():
            self._body += inflate.some(chunk, BODY_BYTES + 1 - len(self._body)) if inflate else chunk
            if len(self._body) > BODY_BYTES:
                return
            if self._answer_id is not None and not self._answered and self._holds_answer(self._answer_id):
                self._answered = True
                self._deadline.sooner(GRACE_S)
        if inflate and not inflate.ended and self._body:
            raise Unreadable("it ends too early")

    def _holds_answer(self, answer_id: int | str) -> bool:
        """Look at the events that were finished since the last look, so that a long stream is read only once."""
        ends = [match.end() for match in _EVENT_END.finditer(self._body, self._searched)]
        if not ends:
            return False
        finished = bytes(self._body[self._searched : ends[-1]])
        self._searched = ends[-1]
        return holds_answer(finished, answer_id)

    def response(self) -> Response:
        """What has been read so far, as a record."""
        extensions = self._source.extensions
        return Response(
            status=self._source.status_code,
            reason=extensions.get("reason_phrase", b"").decode("latin-1"),
            headers=decoded(self._source.headers.raw),
            body=bytes(self._body[:BODY_BYTES]),
            truncated=self._cut,
            http_version=extensions.get("http_version", b"HTTP/1.1").decode("latin-1"),
        )

    def close(self) -> None:
        self._source.close()


class Inflater:
    """Undoes one layer of gzip or deflate, never more than asked for."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._zlib = zlib.decompressobj(window)
        self._begun = False

    @property
    def ended(self) -> bool:
        return self._zlib.eof

    def some(self, chunk: bytes, most: int) -> bytes:
        """What a further chunk unfolds to, at most so many bytes."""
        try:
            unfolded = self._zlib.decompress(chunk, most)
        except zlib.error as error:
            if self._window == _ZLIB and not self._begun:  # "deflate" without its zlib wrapper is common
                self._window, self._zlib = _RAW, zlib.decompressobj(_RAW)
                return self.some(chunk, most)
            raise Unreadable("it is not what content-encoding says") from error
        self._begun = self._begun or bool(unfolded)
        return unfolded


def inflater(encoding: str) -> Inflater | None:
    """What undoes this content-encoding; None where there is nothing to undo.

    Raises:
        Unreadable: it is none that we can undo within limits.
    """
    named = [name for name in encoding.lower().replace(" ", "").split(",") if name not in ("", "identity")]
    if not named:
        return None
    windows = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
    if len(named) > 1 or named[0] not in windows:
        raise Unreadable("only one layer of gzip or deflate is, as the request said")
    return Inflater(windows[named[0]])


def _is_event_stream(source: httpx.Response) -> bool:
    return str(source.headers.get("content-type", "")).lower().startswith(EVENT_STREAM)


def decoded(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Header fields as text: repeats and order kept, bytes that are no UTF-8 replaced."""
    return tuple((name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in raw)
