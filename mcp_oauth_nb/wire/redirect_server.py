"""The server of one redirect: a page that never changes for it, and not found for everything else.

Beside it may stand documents that are meant for everybody.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mcp_oauth_nb.wire.fragment_page import MOST_BYTES, PAGE, POLICY

_PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Back to the notebook</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;color:#1f2328;
background:#fff}h1{font-size:1.3rem}</style></head><body><h1>The redirect has arrived.</h1>
<p>The notebook has received the authorization response. You can close this tab and go on there.</p></body></html>"""
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class RedirectServer(ThreadingHTTPServer):
    """Answers on one socket, in a thread of its own, until it is told to stop.

    Args:
        held: a listening socket.
        path: the path of the redirect URI.
        hosts: what may stand in the Host header.
        take: is handed the query of a redirect; False where it is none.
        documents: JSON to answer with, by path; asked for without a query.
        take_fragment: is handed the fragment of a redirect; None where no fragment is expected.
    """

    daemon_threads = True
    timeout = 0.1

    def __init__(
        self,
        held: socket.socket,
        path: str,
        hosts: frozenset[str],
        take: Callable[[str], bool],
        documents: Mapping[str, bytes],
        take_fragment: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(held.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = held
        self.path, self.hosts, self.take, self.documents = path, hosts, take, documents
        self.take_fragment = take_fragment
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
    """Takes a GET on the redirect path and on those of the documents, and a fragment; anything else is not found."""

    server: RedirectServer
    timeout = 5
    server_version, sys_version = "notebook", ""

    def do_GET(self) -> None:
        asked, _, query = self.path.partition("?")
        known_host = self._is_known_host()
        if known_host and self.path in self.server.documents:
            self._answer(200, self.server.documents[self.path], "application/json")
        elif asked == self.server.path and known_host and self.server.take(query):
            self._answer(200, _PAGE)
        elif asked == self.server.path and known_host and self.server.take_fragment is not None:
            self._answer(200, PAGE, policy=POLICY)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """The fragment, from our own page in the same browser and from nowhere else."""
        take, length = self.server.take_fragment, self.headers.get("Content-Length", "")
        is_ours = self.path.partition("?")[0] == self.server.path and self._is_known_host() and self._is_same_origin()
        fits = length.isascii() and length.isdecimal() and len(length) < 9 and 0 < int(length) <= MOST_BYTES
        if take is None or not is_ours or not fits:
            self.send_error(404)
        elif take(self.rfile.read(int(length)).decode("utf-8", "replace")):
            self._answer(200, b"")
        else:
            self.send_error(404)

    def _is_known_host(self) -> bool:
        return self.headers.get("Host", "").lower() in self.server.hosts or "x-forwarded-for" in self.headers

    def _is_same_origin(self) -> bool:
        """Every browser names the origin of a page that posts; another page is not to hand us its own token."""
        _, _, authority = self.headers.get("Origin", "").partition("://")
        return bool(authority) and authority.lower() == self.headers.get("Host", "").lower()

    def send_error(self, *_: object, **__: object) -> None:
        """Whatever is wrong with a request is not found: the default page would repeat parts of it."""
        self.close_connection = True
        self._answer(404, b"")

    def _answer(
        self, status: int, page: bytes, media_type: str = "text/html; charset=utf-8", *, policy: str = ""
    ) -> None:
        self.send_response(status)
        own = {"Content-Security-Policy": policy} if policy else {}
        for name, value in {"Content-Type": media_type, **_HEADERS, **own}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Nothing is logged: the request line holds the code."""
