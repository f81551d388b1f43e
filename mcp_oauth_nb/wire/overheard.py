"""One request of somebody else's client while it happens, and the exchange that it amounts to at any moment.

What is noted on the way is what lies there anyway: references and copies of bytes. Nothing is decoded, decompressed or
parsed before somebody looks, so that a strange answer cannot break the client, and a request costs little more.

What the client did not read is not known here either. An answer without the body that it must have is left out, rather
than judged as empty; an event stream holds the events that came before the client turned away.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from mcp_oauth_nb.protocol.jsonrpc import EVENT_STREAM
from mcp_oauth_nb.records import Exchange, Failure, Request, Response, origin_of
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.wire.failing import LIBRARIES, failure_of
from mcp_oauth_nb.wire.incoming import BODY_BYTES, Unreadable, decoded, inflater

PIECE = 4096
"""Bytes that are decompressed at once where no limit can be set."""
WITHOUT_BODY = (202, 204, 205)
"""Answers of success that mean what they mean without a body."""
ENOUGH = (EVENT_STREAM, "text/html")
"""What a body of these types begins with is enough: the events that came, or that it is a page."""


class Overheard:
    """What is known of one request so far. Its methods are called by whoever carries it, in one thread or task.

    Args:
        request: the request as the client hands it to its transport, of httpx or httpx2.
        library: the module that the client is of.
    """

    def __init__(self, request: Any, library: Any) -> None:
        self.url = str(request.url)
        self._library = library
        self._method: str = request.method
        self._headers = list(request.headers.raw)
        self._timeouts = request.extensions.get("timeout") or {}
        self._sent = bytearray()
        self._head: tuple[int, list[tuple[bytes, bytes]], dict[str, Any]] | None = None
        self._received = bytearray()
        self._is_decoded = False
        self._is_cut = False
        self._has_ended = False
        self._failure: Failure | None = None
        self._gave_up = ""
        self._started, self._clock = datetime.now(UTC), time.perf_counter()
        self._elapsed_ms = 0.0

    def __repr__(self) -> str:
        return f"<Overheard {self._method} {origin_of(self.url)}>"

    # -- while it happens ------------------------------------------------------------------------------------------

    def sends(self, chunk: bytes) -> None:
        """A piece of the request's body. One that is larger than what is kept is not kept at all."""
        self._sent += chunk[: BODY_BYTES + 1 - len(self._sent)]

    def is_answered(self, response: Any) -> None:
        """The head of the response is here."""
        self._head = (response.status_code, list(response.headers.raw), dict(response.extensions))
        self._now()

    def holds(self, body: bytes) -> None:
        """The whole body is here, decompressed: the answer was made in this process."""
        self._is_decoded = True
        self.receives(body, len(body))
        self.ends()

    def receives(self, chunk: bytes, room: int) -> int:
        """A piece of the response's body, of which at most `room` bytes may be kept; returns how many were."""
        kept = chunk[: max(0, min(room, BODY_BYTES - len(self._received)))]
        self._received += kept
        self._is_cut = self._is_cut or len(kept) < len(chunk)
        self._now()
        return len(kept)

    def ends(self) -> None:
        """The response has been read to its end."""
        self._has_ended = True
        self._now()

    def breaks(self, error: BaseException) -> None:
        """The client was handed this exception in place of an answer, or of the rest of one."""
        self._now()
        where = origin_of(self.url)
        if not isinstance(error, Exception):  # cancelled or interrupted: nothing that a server did
            self._gave_up = f"the client stopped waiting after {self._elapsed_ms / 1000:.1f} s"
        elif any(kind.__module__.partition(".")[0] in LIBRARIES for kind in type(error).__mro__):
            limit_s, begun, headers = self._limit_s(error), self._head is not None, decoded(self._headers)
            self._failure = failure_of(error, where, limit_s, begun=begun, headers=headers)
        elif isinstance(error, OSError):
            self._failure = failure_of(error, where, self._elapsed_ms / 1000, begun=self._head is not None)
        else:
            self._failure = Failure("protocol", f"no answer from {where}: the client raised {type(error).__name__}")

    def _now(self) -> None:
        self._elapsed_ms = (time.perf_counter() - self._clock) * 1000

    def _limit_s(self, error: BaseException) -> float:
        """The time limit that an exception of httpx speaks of; the time it took where the client set none."""
        named = type(error).__name__.removesuffix("Timeout").lower()
        limit = self._timeouts.get(named)
        return float(limit) if isinstance(limit, (int, float)) else round(self._elapsed_ms / 1000, 1)

    # -- when somebody looks ---------------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come."""
        return self._has_ended or self._failure is not None

    def exchange(self, vault: Vault) -> Exchange:
        """What it amounts to now; its step is for others to tell."""
        body = bytes(self._sent) if len(self._sent) <= BODY_BYTES else b""
        request = Request(self._method, self.url, decoded(self._headers), body)
        response, failure, why = self._answer()
        return Exchange(
            id=1,
            step="",
            request=request,
            response=response,
            failure=failure,
            started=self._started,
            elapsed_ms=self._elapsed_ms,
            why=why,
            vault=vault,
        )

    def _answer(self) -> tuple[Response | None, Failure | None, str]:
        if self._head is None:
            return None, self._failure, self._gave_up
        status, raw, extensions = self._head
        body, is_cut, failure = self._body(bytes(self._received))
        is_whole = self._has_ended or _is_empty(self._method, status, raw)
        response = Response(
            status,
            _text(extensions.get("reason_phrase")),
            decoded(raw),
            body,
            truncated=is_cut or not is_whole,
            http_version=_text(extensions.get("http_version")) or "HTTP/1.1",
        )
        failure = self._failure or failure
        tells_enough = response.media_type in ENOUGH or status // 100 != 2 or status in WITHOUT_BODY
        if failure or is_whole or self._is_cut or tells_enough:
            return response, failure, ""
        return None, None, f"answered with {status}; the client has not read the body to its end"

    def _body(self, raw: bytes) -> tuple[bytes, bool, Failure | None]:
        """The body, decompressed up to the limit; whether it goes on; why it cannot be decompressed."""
        assert self._head is not None
        encoding = "" if self._is_decoded else _value(self._head[1], b"content-encoding")
        try:
            try:
                inflate = inflater(encoding)
            except Unreadable:  # br, zstd, several layers: the client's own library knows, where anybody does
                body = _limited(self._unpacked(raw, encoding))
            else:
                body = inflate.some(raw, BODY_BYTES + 1) if inflate and raw else raw
        except (Unreadable, self._library.DecodingError) as error:
            reason = error if isinstance(error, Unreadable) else Unreadable("it is not what content-encoding says")
            return b"", self._is_cut, failure_of(reason, origin_of(self.url), 0, begun=True)
        return body[:BODY_BYTES], self._is_cut or len(body) > BODY_BYTES, None

    def _unpacked(self, raw: bytes, encoding: str) -> Iterator[bytes]:
        pieces = (raw[at : at + PIECE] for at in range(0, len(raw), PIECE))
        answer = self._library.Response(200, headers={"content-encoding": encoding}, content=pieces)
        return iter(answer.iter_bytes())


def _limited(pieces: Iterable[bytes]) -> bytes:
    """The pieces joined, up to the first that lies behind the limit."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > BODY_BYTES:
            break
    return bytes(body)


def _is_empty(method: str, status: int, raw: list[tuple[bytes, bytes]]) -> bool:
    """Whether there is no body, whoever reads it (RFC 9110 6.4.1)."""
    return method == "HEAD" or status in (204, 304) or _value(raw, b"content-length").strip() == "0"


def _value(raw: list[tuple[bytes, bytes]], name: bytes) -> str:
    return ", ".join(value.decode("latin-1") for key, value in raw if key.lower() == name)


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""
