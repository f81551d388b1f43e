"""Sends one request and turns whatever happens into data.

It speaks through httpx's transport rather than its client: a client adds headers, cookies, redirects, netrc and log
lines of its own, and a debugger must send exactly what it shows. Three limits hold for every request: one deadline for
everything together, a number of bytes counted after decompression, and no redirect is followed. httpcore's debug log
carries headers, so it is silent for requests of ours and stays as it was for everybody else's.
"""

from __future__ import annotations

import functools
import logging
import ssl
import threading
import time
import weakref
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from mcp_oauth_nb.errors import BadSetting, TimeUp
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.records import Failure, Request, Response, origin_of
from mcp_oauth_nb.wire.addresses import Guard, Refused
from mcp_oauth_nb.wire.failing import failure_of
from mcp_oauth_nb.wire.incoming import BODY_BYTES, Incoming, decoded
from mcp_oauth_nb.wire.proxy import proxy_for

__all__ = ["BODY_BYTES", "DEFAULT_HEADERS", "LONGEST_S", "Sent", "Wire", "seconds"]

DEFAULT_HEADERS = (
    ("User-Agent", "mcp-oauth-nb/0.1.0"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
)
LONGEST_S = 86_400.0
"""The longest time that can be waited for anything: a day."""
_sending = threading.local()


class Sent(NamedTuple):
    """What came of a request: as it was really sent, with its response and the failure that ended it, if any.

    Both are there where an answer broke off: the response then holds what had arrived.
    """

    request: Request
    response: Response | None
    failure: Failure | None
    started: datetime
    elapsed_ms: float


class Wire:
    """Sends requests on kept connections, one set of connections per thread.

    Args:
        verify: True for the usual roots, the path of a CA bundle (PEM), or False for no verification at all.
        timeout_s: the deadline of one request, everything included, in seconds.
        guard: which addresses may be asked; None for all of them.

    Raises:
        BadSetting: the CA bundle cannot be read, or the timeout is no positive number.
    """

    def __init__(self, *, verify: bool | str | Path = True, timeout_s: float = 30, guard: Guard | None = None) -> None:
        self.guard = guard
        self.timeout_s = seconds("step_timeout_s", timeout_s)
        self._end: tuple[float, float] | None = None
        self._ssl = _usual_context(verify) if isinstance(verify, bool) else _own_context(verify)
        from mcp_oauth_nb.wire.transport import Transport  # noqa: PLC0415 - brings httpcore, which only sending needs

        self._new_transport = Transport
        self._local = threading.local()
        self._transports: weakref.WeakSet[Transport] = weakref.WeakSet()

    def send(self, request: Request, *, answer_id: int | str | None = None, opening: bool = False) -> Sent:
        """Send a request and read its answer. Nothing that a server or a URL can do raises.

        With `opening` the body of an event stream is left unread.

        Raises:
            TimeUp: the time that `end_in` gave for all requests together is up.
        """
        if self._end is not None and time.monotonic() >= self._end[0]:
            raise TimeUp(self._end[1])
        started, clock = datetime.now(UTC), time.perf_counter()
        _sending.now, response, failure, sent, proxy = True, None, None, request, None
        try:
            proxy = proxy_for(request.url)
            if self.guard is not None:
                self.guard.check_url(request.url, proxied=proxy is not None)
            built, sent = _build(request, proxied=proxy is not None)
            transport = self._transport(proxy)
            transport.deadline.in_(self.timeout_s)
            incoming = Incoming(transport.handle_request(built), answer_id, transport.deadline, opening=opening)
            try:
                incoming.read()
            finally:
                response = incoming.response()
                incoming.close()
        except Refused as refused:
            failure = Failure("address", str(refused))
        except Exception as error:  # noqa: BLE001 - whatever breaks is what this package exists to show
            where, begun = _named(request.url, proxy), response is not None
            failure = failure_of(error, where, self.timeout_s, begun=begun, headers=request.headers)
        finally:
            _sending.now = False
        return Sent(sent, response, failure, started, (time.perf_counter() - clock) * 1000)

    def end_in(self, seconds_: float) -> None:
        """Begin no request any more when so many seconds have passed."""
        self._end = time.monotonic() + seconds_, seconds_

    def close(self) -> None:
        """Close every connection. Dropping the wire does the same."""
        for transport in list(self._transports):
            transport.close()
        self._local = threading.local()

    def _transport(self, proxy: str | None) -> Any:
        kept: dict[str | None, Any] = self._local.__dict__.setdefault("kept", {})
        if proxy not in kept:
            kept[proxy] = self._new_transport(self._ssl, proxy, self.guard)
            self._transports.add(kept[proxy])
        return kept[proxy]


def seconds(name: str, value: object) -> float:
    """A time to wait, as the user gave it.

    Raises:
        BadSetting: it is no number above 0, or longer than a day.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 < value <= LONGEST_S:  # type: ignore[operator]
        seen = repr(value)[:40] if is_number else f"a {type(value).__name__}"
        raise BadSetting(name, seen, f"a number of seconds above 0, at most {LONGEST_S:.0f}")
    return float(value)  # type: ignore[arg-type]


def _build(request: Request, *, proxied: bool) -> tuple[httpx.Request, Request]:
    """The request for the transport, and the record of it with every header that goes out, in the order it goes."""
    if split(request.url) is None:
        raise httpx.UnsupportedProtocol("not an http(s) URL")
    given = {name.lower() for name, _ in request.headers}
    headers = [*request.headers, *((name, value) for name, value in DEFAULT_HEADERS if name.lower() not in given)]
    headers.sort(key=lambda pair: pair[0].lower() != "host")  # h11 writes it first, wherever it stands
    raw = [(name.encode("utf-8", "replace"), value.encode("utf-8", "replace")) for name, value in headers]
    built = httpx.Request(request.method, request.url, headers=raw, content=request.body)
    target = None if proxied else _target(request.url)
    if target is not None:
        built.extensions["target"] = target
    return built, Request(request.method, request.url, decoded(built.headers.raw), request.body)


def _target(url: str) -> bytes | None:
    """Path and query as written, so that the bytes sent are the string shown; httpx would resolve dots and re-encode.

    None where they cannot be sent as they are. A proxy's request line is another one, and is left to httpcore.
    """
    parts = split(url)
    written = f"{parts.path or '/'}{parts.query}" if parts else ""
    return written.encode("ascii") if written and all(33 <= ord(c) < 127 for c in written) else None


@functools.cache
def _usual_context(verify: bool) -> ssl.SSLContext:
    """One context per process: making one costs more than a whole flow on loopback."""
    return httpx.create_ssl_context(verify=verify)


def _own_context(verify: str | Path) -> ssl.SSLContext:
    """A context for the user's bundle, read anew each time: a bundle is mended while the kernel runs."""
    try:
        path = Path(verify or "no path")
        return ssl.create_default_context(capath=path) if path.is_dir() else ssl.create_default_context(cafile=path)
    except (OSError, TypeError, ValueError) as error:
        why = type(error).__name__
        raise BadSetting("verify", f"a CA bundle that cannot be read ({why})", "the path of a PEM file") from None


def _named(url: str, proxy: str | None) -> str:
    through = proxy if proxy is None or "://" in proxy else f"http://{proxy}"
    return origin_of(url) + (f" (through the proxy {origin_of(through)})" if through else "")


class _Quiet(logging.Filter):
    """Drops log records of requests that this module is sending in this thread."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_sending, "now", False)


def _silence(names: Iterable[str], quiet: Any) -> None:
    for name in names:
        logging.getLogger(f"httpcore.{name}").addFilter(quiet)


_silence(("connection", "http11", "http2", "proxy", "socks"), _Quiet())
