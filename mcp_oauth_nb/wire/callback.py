"""Where the browser comes back to: a loopback listener, and what may be pasted instead (RFC 8252 7.3, 8.3).

The listener answers with a page that never changes and echoes nothing. Of the redirect it keeps only the parameters of
an authorization response, and no header at all: behind a Jupyter proxy the headers carry the Jupyter session's cookie.
"""

from __future__ import annotations

import queue
import socket
import threading
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
        self._servers: list[ThreadingHTTPServer] = []
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
        host, port = _host_and_port(redirect_uri)
        if not is_loopback(redirect_uri):
            self.problem = "the redirect URI is not on this machine"
            return
        try:
            for family in ("127.0.0.1", "::1") if host == "localhost" else (host,):
                self._sockets.append(_bind(family, port))
        except OSError as error:
            if not self._sockets:
                self.problem = f"port {port} cannot be listened on ({error.strerror})"

    def start(self) -> None:
        """Begin to answer, on daemon threads. Once is enough."""
        if self._servers:
            return
        for held in self._sockets:
            server = _server(held, self.redirect_uri, self.arrived)
            self._servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.1,), name="redirect listener", daemon=True).start()

    def offer(self, pasted: str) -> None:
        """Hand on what the user pasted: the whole URL, its query string, or the bare code."""
        self.arrived.put(read_pasted(pasted, self.redirect_uri))

    def wait(self, timeout_s: float, stop: threading.Event | None = None) -> Arrived | None:
        """The next redirect; None after `timeout_s` seconds or once `stop` is set. Interruptible."""
        left = timeout_s
        while left > 0 and not (stop is not None and stop.is_set()):
            try:
                return self.arrived.get(timeout=min(0.1, left))
            except queue.Empty:
                left -= 0.1
        return None

    def close(self) -> None:
        """Give the port back."""
        self._closing()


def read_pasted(pasted: str, redirect_uri: str) -> Arrived:
    """Read a pasted URL, query string or bare code as the redirect it stands for.

    Raises:
        BadSetting: it is empty, or a URL or query without code and without error.
    """
    text = pasted.strip().strip("'\"")
    query = text.partition("#")[0].partition("?")[2] if "?" in text else text
    if "=" not in query and "://" not in text and text:
        return Arrived(Request("GET", _with_query(redirect_uri, [("code", text)])), (BARE_CODE,))
    pairs = [pair for pair in parse_qsl(query, errors="replace") if pair[0] in KEPT]
    if not {"code", "error"} & {name for name, _ in pairs}:
        expected = "the address the browser ended on, its query string, or the bare code"
        raise BadSetting("the pasted redirect", f"{len(text)} characters without code= or error=", expected)
    base = text.partition("?")[0] if "://" in text.partition("?")[0] else redirect_uri
    return Arrived(Request("GET", _with_query(base, pairs)))


def _with_query(base: str, pairs: list[tuple[str, str]]) -> str:
    return f"{base}{'&' if '?' in base else '?'}{urlencode(pairs, errors='replace')}"


def _host_and_port(redirect_uri: str) -> tuple[str, int]:
    parts = split(redirect_uri)
    authority = parts.origin.partition("://")[2].rpartition("@")[2] if parts else ""
    host, _, port = authority.rpartition(":") if not authority.endswith("]") and ":" in authority else (authority, "", "")
    return (host or authority).strip("[]").lower(), int(port) if port.isdigit() else 80


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


def _server(held: socket.socket, redirect_uri: str, arrived: queue.Queue[Arrived]) -> ThreadingHTTPServer:
    parts = split(redirect_uri)
    path = (parts.path if parts else "") or "/"
    port = held.getsockname()[1]
    hosts = {f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")} | ({"localhost"} if port == 80 else set())

    class Handler(BaseHTTPRequestHandler):
        """Answers one GET on the redirect path; anything else is not found."""

        timeout = 5
        server_version, sys_version = "notebook", ""

        def do_GET(self) -> None:
            asked, _, query = self.path.partition("?")
            pairs = [pair for pair in parse_qsl(query, errors="replace") if pair[0] in KEPT]
            known_host = self.headers.get("Host", "").lower() in hosts or "x-forwarded-for" in self.headers
            if asked != path or not pairs or not known_host:
                self._answer(404, b"")
                return
            arrived.put(Arrived(Request("GET", _with_query(redirect_uri, pairs))))
            self._answer(200, _PAGE)

        def _answer(self, status: int, page: bytes) -> None:
            self.send_response(status)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Nothing is logged: the request line holds the code."""

    server = _Quiet(held.getsockname()[:2], Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = held
    server.daemon_threads = True
    return server


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A browser that hangs up is nobody's news; the default prints a traceback into some cell."""


def _close(sockets: list[socket.socket], servers: list[ThreadingHTTPServer]) -> None:
    for server in servers:
        server.shutdown()
        server.server_close()
    for held in sockets:
        held.close()
