"""Why there is no answer: an exception of httpx, sorted into what a reader can act on.

httpx2 has the same exceptions under the same names and is not ours to import, so that they are told by name. The text
of an exception may quote a URL with a secret in it; only the texts of causes from sockets and TLS are kept.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable

from mcp_oauth_nb.protocol.fields import is_field_value, is_token
from mcp_oauth_nb.records import Failure, FailureKind, Headers
from mcp_oauth_nb.wire.incoming import Unreadable

LIBRARIES = ("httpx", "httpx2")
OF_THE_URL = ("InvalidURL", "UnsupportedProtocol", "LocalProtocolError")
_KINDS: tuple[tuple[str, FailureKind, str], ...] = (
    ("ConnectError", "connect", "no connection to {}"),
    ("ProxyError", "connect", "the proxy gave no connection to {}"),
    ("NetworkError", "protocol", "{} broke the connection without an answer"),
    ("RemoteProtocolError", "protocol", "no valid HTTP answer from {}"),
)


def failure_of(error: BaseException, where: str, timeout_s: float, *, begun: bool, headers: Headers = ()) -> Failure:
    """The failure that an exception amounts to.

    Args:
        error: of httpx or httpx2, or anything else that was raised while sending or reading.
        where: who was asked, in words that may be shown.
        timeout_s: the time limit, in seconds.
        begun: the answer had begun.
        headers: of the request, to name the one that cannot be sent.
    """
    causes = list(_chain(error))
    if is_a(error, "TimeoutException") or isinstance(error, TimeoutError):
        return Failure("timeout", f"{_late(error, where)} within {timeout_s:g} s")
    if is_a(error, "ConnectError") and any(isinstance(cause, UnicodeError) for cause in causes):
        return Failure("dns", f"the name in {where} is no host name")
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return Failure("dns", f"the name in {where} does not resolve ({cause.strerror})")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failure("tls", f"the certificate of {where} is not trusted here: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return Failure("tls", f"TLS with {where} failed: {cause.reason or 'handshake broke'}")
    kind, what = _kind(error, headers, begun=begun)
    reason = next((f" ({cause.strerror})" for cause in causes if isinstance(cause, OSError) and cause.strerror), "")
    return Failure(kind, what.format(where) + reason)


def _late(error: BaseException, where: str) -> str:
    """What did not happen in time."""
    if is_a(error, "PoolTimeout"):
        return f"the client had no connection to spare for {where}"
    return f"{where} {'let nobody connect' if is_a(error, 'ConnectTimeout') else 'did not answer completely'}"


def is_a(error: BaseException, name: str) -> bool:
    """Whether it is an exception of this name, or one derived from it, of httpx or httpx2."""
    return any(kind.__name__ == name and kind.__module__.partition(".")[0] in LIBRARIES for kind in type(error).__mro__)


def _kind(error: BaseException, headers: Headers, *, begun: bool) -> tuple[FailureKind, str]:
    if isinstance(error, Unreadable):
        return "protocol", f"the body from {{}} cannot be decompressed: {error}"
    if begun:
        return "protocol", "the answer of {} broke off before its end"
    if is_a(error, "RemoteProtocolError") and "disconnected" in str(error):
        return "protocol", "{} closed the connection without an answer"
    for name, kind, words in _KINDS:
        if is_a(error, name):
            return kind, words
    return _unsent(error, headers)


def _unsent(error: BaseException, headers: Headers) -> tuple[FailureKind, str]:
    """Why nothing was sent: what HTTP does not let through is the URL, or a header field."""
    name = type(error).__name__
    if is_a(error, "LocalProtocolError") and "target" not in str(error):
        return "header", f"{_unsendable(headers)}, so that nothing was sent to {{}}"
    if isinstance(error, ValueError) or any(is_a(error, one) for one in OF_THE_URL):
        return "url", f"this is no request that can be sent ({name}), to {{}}"
    return "protocol", f"the request to {{}} ended with {name}"


def _unsendable(headers: Headers) -> str:
    """Which header field HTTP does not let through; no value is told, for it may be a secret."""
    if any(not is_token(name) for name, _ in headers):
        return "the name of a header field is none that HTTP knows"
    for name, value in headers:
        if not is_field_value(value):
            return f"the header field {name} holds what none can, such as a line break, or a blank at its end"
    return "the header fields contradict the request that they stand in"


def _chain(error: BaseException) -> Iterable[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
