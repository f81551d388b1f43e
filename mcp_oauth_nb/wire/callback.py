"""Where the browser comes back to: a loopback listener, and what may be pasted instead (RFC 8252 7.3, 8.3).

The listener answers with a page that never changes and echoes nothing; whatever is not the redirect is not found. Of the redirect it keeps only the parameters of
an authorization response, and no header at all: behind a Jupyter proxy the headers carry the Jupyter session's cookie.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.step import BARE_CODE
from mcp_oauth_nb.protocol.wellknown import is_loopback, split
from mcp_oauth_nb.records import Request

KEPT = ("code", "state", "iss", "error", "error_description", "error_uri")
"""The parameters of an authorization response (RFC 6749 4.1.2, RFC 9207 2); everything else is dropped on arrival."""

_PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Back to the notebook</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;color:#1f2328;
background:#fff}h1{font-size:1.3rem}</style></head><body><h1>The redirect has arrived.</h1>
<p>The notebook has received the authorization response. You can close this tab and go on there.</p></body></html>"""
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Arrived(NamedTuple):
    """A redirect that reached us; `note` says what is special about it, to be kept in the evidence."""

    request: Request
    note: tuple[str, ...] = ()


class Listener:
    """Holds a loopback port for a redirect URI and, once started, hands on what reaches it.

    Args:
        redirect_uri: a loopback URI to listen on, or None for a free port of the system on 127.0.0.1.

    Attributes:
        redirect_uri: the URI to register and to send.
        reachable: a listener holds its port. False where the port is taken or the URI is not on this machine; the
            redirect is then pasted.
        problem: why it is not reachable, in words.
    """

    def __init__(self, redirect_uri: str | None = None) -> None:
        self.problem = ""
        self._sockets: list[socket.socket] = []
        self._servers: list[_Server] = []
        self.arrived: queue.Queue[Arrived] = queue.Queue()
        self._closing = weakref.finalize(self, _close, self._sockets, self._servers)
        if redirect_uri is None:
            held = _bind("127.0.0.1", 0)
            self._sockets.append(held)
            redirect_uri = f"http://127.0.0.1:{held.getsockname()[1]}/callback"
        else:
            self._hold(redirect_uri)
        self.redirect_uri = redirect_uri

    @property
    def reachable(self) -> bool:
        return bool(self._sockets)

    def _hold(self, redirect_uri: str) -> None:
        if not is_loopback(redirect_uri):
            self.problem = "the redirect URI is not on this machine"
            return
        if not redirect_uri.lower().startswith("http:"):
            self.problem = "the redirect URI is https, and nothing here has a certificate for it"
            return
        host, port = _host_and_port(redirect_uri)
        reasons = []
        for family in ("127.0.0.1", "::1") if host == "localhost" else (host,):
            try:
                self._sockets.append(_bind(family, port))
            except OSError as error:
                reasons.append(error.strerror or str(error))
        if not self._sockets:
            self.problem = f"port {port} cannot be listened on ({reasons[0]})"

    def start(self) -> None:
        """Begin to answer, on daemon threads. Once is enough."""
        if self._servers:
            return
        for held in self._sockets:
            server = _Server(held, self.redirect_uri, self.arrived)
            self._servers.append(server)
            server.thread.start()

    def offer(self, pasted: str) -> None:
        """Hand on what the user pasted: the whole URL, its query string, or the bare code. It goes before all else."""
        arrived = read_pasted(pasted, self.redirect_uri)
        self.forget()
        self.arrived.put(arrived)

    def forget(self) -> None:
        """Drop redirects that nobody has waited for: they belong to an attempt that was given up."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.arrived.get_nowait()

    def wait(self, timeout_s: float, stop: threading.Event | None = None) -> Arrived | None:
        """The next redirect; None after `timeout_s` seconds or once `stop` is set. Interruptible."""
        until = time.monotonic() + timeout_s
        while not (stop is not None and stop.is_set()):
            left = until - time.monotonic()
            try:
                return self.arrived.get(timeout=min(0.1, left)) if left > 0 else self.arrived.get_nowait()
            except queue.Empty:
                if left <= 0:
                    return None
        return None

    def close(self) -> None:
        """Give the port back."""
        self._closing()


def read_pasted(pasted: object, redirect_uri: str) -> Arrived:
    """Read a pasted URL, query string or bare code as the redirect it stands for.

    Raises:
        BadSetting: it is no text, it is empty, or it is a URL or query without code and without error.
    """
    expected = "the address the browser ended on, its query string, or the bare code"
    if not isinstance(pasted, str):
        raise BadSetting("the redirect", f"a {type(pasted).__name__}", expected)
    text = pasted.strip().strip("'\"<>").strip()
    base, mark, behind = text.partition("#")[0].partition("?")
    is_address = "://" in base
    query = behind if mark else "" if is_address else base
    pairs = _kept(query) if "=" in query else []
    if {"code", "error"} & {name for name, _ in pairs}:
        return Arrived(Request("GET", _with_query(base if is_address else redirect_uri, pairs)))
    if is_address or mark or not _is_code(text):
        raise BadSetting("the pasted redirect", f"{len(text)} characters without code= or error=", expected)
    return Arrived(Request("GET", _with_query(redirect_uri, [("code", text)])), (BARE_CODE,))


def _is_code(text: str) -> bool:
    """A code is visible ASCII (RFC 6749 A.11). One with an equals sign in its middle is a query that lacks its code."""
    return bool(text) and all(33 <= ord(c) < 127 for c in text) and "=" not in text.rstrip("=")


def _kept(query: str) -> list[tuple[str, str]]:
    """The parameters of an authorization response; names and values as sent, the rest dropped."""
    return [pair for pair in parse_qsl(query, keep_blank_values=True, errors="replace") if pair[0] in KEPT]


def _with_query(base: str, pairs: list[tuple[str, str]]) -> str:
    return f"{base}{'&' if '?' in base else '?'}{urlencode(pairs, errors='replace')}"


def _host_and_port(redirect_uri: str) -> tuple[str, int]:
    """Of a loopback URI. A port that is no number is one that cannot be bound."""
    parts = split(redirect_uri)
    authority = parts.origin.partition("://")[2].rpartition("@")[2] if parts else ""
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = authority.partition(":")
    number = int(port) if port.isascii() and port.isdecimal() and len(port) < 7 else 0
    return host.lower(), (number or -1) if port else 80


def _bind(host: str, port: int) -> socket.socket:
    held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((host, port))
        held.listen(16)
    except (OSError, OverflowError) as error:
        held.close()
        raise error if isinstance(error, OSError) else OSError(0, "no such port") from None
    return held


class _Server(ThreadingHTTPServer):
    """Answers on one socket, in a thread of its own, until it is told to stop."""

    daemon_threads = True
    timeout = 0.1

    def __init__(self, held: socket.socket, redirect_uri: str, arrived: queue.Queue[Arrived]) -> None:
        super().__init__(held.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = held
        parts = split(redirect_uri)
        self.redirect_uri, self.arrived = redirect_uri, arrived
        self.path = (parts.path if parts else "") or "/"
        host, port = _host_and_port(redirect_uri)
        named = {host if ":" not in host else f"[{host}]", "127.0.0.1", "localhost", "[::1]"}
        self.hosts = {f"{name}:{port}" for name in named} | (named if port == 80 else set())
        self.stopping = False
        self.thread = threading.Thread(target=self._serve, name="redirect listener", daemon=True)

    def _serve(self) -> None:
        """`serve_forever` is not used: its `shutdown` waits without end when the garbage collector calls it here."""
        with contextlib.suppress(OSError, ValueError):
            while not self.stopping:
                self.handle_request()

    def stop(self) -> None:
        """Return once nothing is served any more."""
        self.stopping = True
        if self.thread.is_alive() and self.thread is not threading.current_thread():
            self.thread.join(1)

    def handle_error(self, *_: object) -> None:
        """A browser that hangs up is nobody's news; the default prints a traceback into some cell."""


class _Handler(BaseHTTPRequestHandler):
    """Takes a GET on the redirect path; anything else is not found."""

    server: _Server
    timeout = 5
    server_version, sys_version = "notebook", ""

    def do_GET(self) -> None:
        asked, _, query = self.path.partition("?")
        pairs = _kept(query)
        known_host = self.headers.get("Host", "").lower() in self.server.hosts or "x-forwarded-for" in self.headers
        if asked != self.server.path or not pairs or not known_host:
            self.send_error(404)
            return
        self.server.arrived.put(Arrived(Request("GET", _with_query(self.server.redirect_uri, pairs))))
        self._answer(200, _PAGE)

    def send_error(self, *_: object, **__: object) -> None:
        """Whatever is wrong with a request is not found: the default page would repeat parts of it."""
        self.close_connection = True
        self._answer(404, b"")

    def _answer(self, status: int, page: bytes) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Nothing is logged: the request line holds the code."""


def _close(sockets: list[socket.socket], servers: list[_Server]) -> None:
    for server in servers:
        server.stop()
    for held in sockets:
        held.close()
    sockets.clear()
