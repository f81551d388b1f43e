"""Sends one request and turns whatever happens into data.

It speaks through httpx's transport rather than its client: a client adds headers, cookies, redirects, netrc and log
lines of its own, and a debugger must send exactly what it shows. Three limits hold for every request: one deadline for
connecting, sending and reading together (httpx's timeouts are per read, so a server that drips bytes never ends), a
number of bytes counted after decompression, and no redirect is followed. httpcore's debug log carries headers, so it
is silent for requests of ours and stays as it was for everybody else's.
"""

from __future__ import annotations

import functools
import logging
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpcore
import httpx

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.jsonrpc import EVENT_STREAM, holds_answer
from mcp_oauth_nb.protocol.wellknown import is_loopback
from mcp_oauth_nb.records import Failure, FailureKind, Request, Response, origin_of

BODY_BYTES = 1_048_576
"""How much of a body is kept, counted after decompression."""
DEFAULT_HEADERS = (
    ("User-Agent", "mcp-oauth-nb/0.1.0"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
)
_sending = threading.local()


class Sent(NamedTuple):
    """What came of a request: as it was really sent, with its response and the failure that ended it, if any."""

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

    Raises:
        BadSetting: the CA bundle cannot be read, or the timeout is no positive number.
    """

    def __init__(self, *, verify: bool | str | Path = True, timeout_s: float = 30) -> None:
        if not isinstance(timeout_s, (int, float)) or isinstance(timeout_s, bool) or not timeout_s > 0:
            raise BadSetting("step_timeout_s", repr(timeout_s), "a number of seconds above 0")
        self.timeout_s = float(timeout_s)
        self._ssl = _ssl_context(verify if isinstance(verify, bool) else str(verify))
        self._local = threading.local()
        self._transports: list[_Transport] = []

    def send(self, request: Request, *, answer_id: int | str | None = None) -> Sent:
        """Send a request and read its answer. Never raises for anything a server or a URL can do."""
        started, clock = datetime.now(UTC), time.perf_counter()
        _sending.now, response, sent = True, None, request
        try:
            built, sent = _build(request)
            transport = self._transport(request.url)
            transport.deadline.at = time.monotonic() + self.timeout_s
            incoming = _Incoming(transport.handle_request(built), answer_id)
            try:
                incoming.read()
            finally:
                response = incoming.response()
                incoming.close()
            failure = None
        except Exception as error:
            failure = _failure(error, request.url, self.timeout_s)
        finally:
            _sending.now = False
        return Sent(sent, response, failure, started, (time.perf_counter() - clock) * 1000)

    def close(self) -> None:
        """Close every connection."""
        while self._transports:
            self._transports.pop().close()

    def _transport(self, url: str) -> _Transport:
        proxy = _proxy_for(url)
        kept: dict[str | None, _Transport] = self._local.__dict__.setdefault("kept", {})
        if proxy not in kept:
            kept[proxy] = _Transport(self._ssl, proxy)
            self._transports.append(kept[proxy])
        return kept[proxy]


class _Deadline:
    """A moment (monotonic clock) after which nothing waits any more."""

    at = float("inf")

    def left(self, timeout: float | None) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return left if timeout is None else min(left, timeout)


class _Stream(httpcore.NetworkStream):
    """A stream whose every wait ends at the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
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
        return _Stream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    """Connects under the deadline."""

    def __init__(self, deadline: _Deadline) -> None:
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
        left = self._deadline.left(timeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options), self._deadline)


class _Transport(httpx.HTTPTransport):
    """httpx's transport over a pool of ours, which is the one thing its constructor does not let through."""

    def __init__(self, context: ssl.SSLContext, proxy: str | None) -> None:
        super().__init__(verify=context)
        self.deadline = _Deadline()
        backend = _Backend(self.deadline)
        if proxy is None:
            self._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=backend)
        else:
            self._pool = httpcore.HTTPProxy(_proxy_url(proxy), ssl_context=context, network_backend=backend)


class _Incoming:
    """A response while it is read: bytes so far, and whether to stop."""

    def __init__(self, source: httpx.Response, answer_id: int | str | None) -> None:
        self._source, self._answer_id = source, answer_id
        self._body = bytearray()
        self._truncated = True

    def read(self) -> None:
        """Read to the end, to the byte limit, or to the answer that an event stream was opened for."""
        streaming = (self._source.headers.get("content-type") or "").lower().startswith(EVENT_STREAM)
        for chunk in self._source.iter_bytes():
            self._body += chunk
            if len(self._body) > BODY_BYTES:
                return
            if streaming and self._answer_id is not None and holds_answer(bytes(self._body), self._answer_id):
                break
        self._truncated = False

    def response(self) -> Response:
        """What has been read so far, as a record."""
        extensions = self._source.extensions
        return Response(
            status=self._source.status_code,
            reason=extensions.get("reason_phrase", b"").decode("latin-1"),
            headers=_decoded(self._source.headers.raw),
            body=bytes(self._body[:BODY_BYTES]),
            truncated=self._truncated,
            http_version=extensions.get("http_version", b"HTTP/1.1").decode("latin-1"),
        )

    def close(self) -> None:
        self._source.close()


def _build(request: Request) -> tuple[httpx.Request, Request]:
    """The request for the transport, and the record of it with every header that goes out."""
    given = {name.lower() for name, _ in request.headers}
    headers = [*request.headers, *((name, value) for name, value in DEFAULT_HEADERS if name.lower() not in given)]
    raw = [(name.encode("utf-8", "replace"), value.encode("utf-8", "replace")) for name, value in headers]
    built = httpx.Request(request.method, request.url, headers=raw, content=request.body)
    return built, Request(request.method, request.url, _decoded(built.headers.raw), request.body)


def _decoded(raw: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in raw)


@functools.lru_cache(maxsize=8)
def _ssl_context(verify: bool | str) -> ssl.SSLContext:
    """One context per process and setting: making one costs more than a whole flow on loopback."""
    if isinstance(verify, bool):
        return httpx.create_ssl_context(verify=verify)
    try:
        return ssl.create_default_context(cafile=verify) if not Path(verify).is_dir() else _from_folder(verify)
    except (OSError, ssl.SSLError) as error:
        why = type(error).__name__
        raise BadSetting("verify", f"a CA bundle that cannot be read ({why})", "the path of a PEM file") from None


def _from_folder(folder: str) -> ssl.SSLContext:
    return ssl.create_default_context(capath=folder)


def _proxy_for(url: str) -> str | None:
    """The proxy that the environment names for a URL. This machine is never asked for through a proxy."""
    proxies = urllib.request.getproxies_environment()
    if not proxies or is_loopback(url):
        return None
    scheme, _, host = origin_of(url).partition("://")
    if urllib.request.proxy_bypass_environment(host, proxies):
        return None
    return proxies.get(scheme.lower()) or proxies.get("all")


def _proxy_url(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _failure(error: Exception, url: str, timeout_s: float) -> Failure:
    """Sort an exception into what a reader can act on. Its text may quote the URL, so only the cause's text is kept."""
    where, causes = origin_of(url), list(_chain(error))
    if isinstance(error, httpx.TimeoutException | httpcore.TimeoutException):
        return Failure("timeout", f"{where} did not answer completely within {timeout_s:g} s")
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return Failure("dns", f"the name in {where} does not resolve ({cause.strerror})")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failure("tls", f"the certificate of {where} is not trusted here: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return Failure("tls", f"TLS with {where} failed: {cause.reason or 'handshake broke'}")
    kind, what = _kind(error)
    reason = next((f" ({cause.strerror})" for cause in causes if isinstance(cause, OSError) and cause.strerror), "")
    return Failure(kind, f"{what} {where}{reason}")


def _kind(error: Exception) -> tuple[FailureKind, str]:
    if isinstance(error, httpx.ConnectError):
        return "connect", "no connection to"
    if isinstance(error, httpx.ProxyError):
        return "connect", "the proxy gave no connection to"
    if isinstance(error, httpx.NetworkError):
        return "connect", "the connection broke while talking to"
    if isinstance(error, httpx.RemoteProtocolError):
        return "protocol", "no valid HTTP answer from"
    if isinstance(error, httpx.DecodingError):
        return "protocol", "the body could not be decompressed, from"
    return "url", f"this is no request that can be sent ({type(error).__name__}), to"


def _chain(error: BaseException) -> Iterable[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


class _Quiet(logging.Filter):
    """Drops log records of requests that this module is sending in this thread."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_sending, "now", False)


for _name in ("connection", "http11", "http2", "proxy", "socks"):
    logging.getLogger(f"httpcore.{_name}").addFilter(_Quiet())
