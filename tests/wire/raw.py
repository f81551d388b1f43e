"""A server that speaks bytes: each connection is handed to a function, in a thread, on loopback."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType

Answer = Callable[[socket.socket, bytes], None]
"""Answers one request, whose head and body are given, on one connection."""


class RawServer:
    """Answers every request with `answer`, or whatever comes with `first`; keeps what was asked.

    Attributes:
        url: where it listens.
        asked: the requests, as bytes, in order.
        connections: how many were made.
        stopping: set when the test is over, for answers that never end.
    """

    def __init__(self, answer: Answer, *, context: ssl.SSLContext | None = None, first: bytes = b"") -> None:
        host = "127.0.0.1"
        self._answer, self._context, self._first = answer, context, first
        self.asked: list[bytes] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._listener = socket.create_server((host, 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://{host}:{self.port}"
        self._run(self._accept)

    def __enter__(self) -> RawServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _run(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            if self._context:
                connection = stack.enter_context(self._context.wrap_socket(connection, server_side=True))
                self._open.append(connection)
            if self._first:
                connection.recv(65536)
                connection.sendall(self._first)
                return
            while request := _request(connection):
                self.asked.append(request)
                self._answer(connection, request)

    def drip(self, connection: socket.socket, pieces: list[bytes], *, every_s: float = 0.02) -> None:
        """Send these pieces again and again, until the test is over or the other side has had enough."""
        while not self.stopping.is_set():
            for piece in pieces:
                connection.sendall(piece)
                self.stopping.wait(every_s)


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def says(raw: bytes, *, then_close: bool = False) -> Answer:
    """Answers with these bytes."""

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(raw)
        if then_close:
            connection.shutdown(socket.SHUT_RDWR)

    return answer


def ok(body: bytes = b"hello", *headers: str) -> Answer:
    """A 200 with this body."""
    return says(response(body, *headers))


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body
