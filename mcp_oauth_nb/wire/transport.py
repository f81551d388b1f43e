"""httpx's transport over connections of ours: with one deadline, and with the environment's proxy.

The deadline holds for a whole request: looking the name up, connecting, TLS, sending and reading together. httpx's
timeouts are per read and per address, so that a server which drips bytes, or a name with two dead addresses, is waited
for without end. The look-up runs in a thread of its own, because a resolver can be neither timed nor interrupted.

A kept connection is given up after a few idle seconds: between two cells pass minutes, and a gateway that forgot the
connection meanwhile would let the next request hang until its deadline.

This module imports httpcore, which costs as much as half of httpx; it is reached when the first `Wire` is made.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import weakref
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from mcp_oauth_nb.wire.addresses import Guard
from mcp_oauth_nb.wire.deadline import Deadline

IDLE_S = 5.0
"""How long a connection is kept for the next request."""


class Transport(httpx.HTTPTransport):
    """A set of connections for one thread; it closes them when it is dropped.

    httpx's transport is used for its translation of errors. Its constructor lets no backend through, so that the pool
    it makes is replaced.
    """

    def __init__(self, context: ssl.SSLContext, proxy: str | None, guard: Guard | None = None) -> None:
        super().__init__(verify=context)
        self.deadline = Deadline()
        # What a proxy resolves to is its user's own business.
        self._pool = _pool(context, proxy, TimedBackend(self.deadline, guard if proxy is None else None))
        weakref.finalize(self, self._pool.close)


def _pool(context: ssl.SSLContext, proxy: str | None, backend: TimedBackend) -> httpcore.ConnectionPool:
    if proxy is None:
        return httpcore.ConnectionPool(ssl_context=context, network_backend=backend, keepalive_expiry=IDLE_S)
    named = httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}")  # takes user and password out of the URL
    return httpcore.HTTPProxy(
        proxy_url=str(named.url),
        proxy_auth=named.raw_auth,
        ssl_context=context,
        network_backend=backend,
        keepalive_expiry=IDLE_S,
    )


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
    """Looks names up and connects under the deadline, to no address that the guard forbids."""

    def __init__(self, deadline: Deadline, guard: Guard | None = None) -> None:
        super().__init__()
        self._deadline, self._guard = deadline, guard

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _looked_up(host, port, self._deadline)
        if self._guard is not None:
            addresses = self._guard.permitted(host, addresses)
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
