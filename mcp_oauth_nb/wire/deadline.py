"""One deadline for a whole request: looking the name up, connecting, TLS, sending and reading together.

httpx's timeouts are per read and per address, so that a server which drips bytes, or a name with two dead addresses,
is waited for without end. Every wait of these streams ends at one moment instead. The look-up runs in a thread of its
own, because a resolver can be neither timed nor interrupted.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore


class Deadline:
    """A moment (monotonic clock) after which nothing waits any more."""

    at = float("inf")

    def in_(self, seconds: float) -> None:
        """Set it so many seconds from now."""
        self.at = time.monotonic() + seconds

    def sooner(self, seconds: float) -> None:
        """Bring it forward to so many seconds from now; never put it off."""
        self.at = min(self.at, time.monotonic() + seconds)

    def left(self, timeout: float | None = None) -> float:
        """Seconds until then, or `timeout` if that is shorter.

        Raises:
            httpcore.ReadTimeout: there are none.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return left if timeout is None else min(left, timeout)


class TimedStream(httpcore.NetworkStream):
    """A stream whose every wait ends at the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return TimedStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class TimedBackend(httpcore.SyncBackend):
    """Looks names up and connects under the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _looked_up(host, port, self._deadline)
        for tried, address in enumerate(addresses):
            share = self._deadline.left(timeout) / (len(addresses) - tried)  # a dead address leaves time for the next
            try:
                inner = super().connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if tried + 1 == len(addresses):
                    raise
            else:
                return TimedStream(inner, self._deadline)
        raise httpcore.ConnectError("the name has no address")


def _looked_up(host: str, port: int, deadline: Deadline) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    answered: queue.SimpleQueue[list[str] | OSError | UnicodeError] = queue.SimpleQueue()
    threading.Thread(target=_ask, args=(host, port, answered), name="name look-up", daemon=True).start()
    try:
        answer = answered.get(timeout=deadline.left())
    except queue.Empty:
        raise httpcore.ConnectTimeout("the name was not resolved in time") from None
    try:
        if isinstance(answer, list):
            return answer
        raise answer
    except (OSError, UnicodeError) as error:  # raised here so that it is the context: httpcore drops the cause
        raise httpcore.ConnectError("the name does not resolve") from error


def _ask(host: str, port: int, answered: queue.SimpleQueue[list[str] | OSError | UnicodeError]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        answered.put(error)
    else:
        answered.put(list(dict.fromkeys(str(address[0]) for *_, address in found)))
