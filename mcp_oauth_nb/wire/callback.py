"""Where the browser comes back to: a loopback listener, and what may be pasted instead (RFC 8252 7.3, 8.3).

The listener answers with a page that never changes and echoes nothing; whatever is not the redirect is not found. Of
the redirect it keeps only the parameters of an authorization response, and no header at all: behind a Jupyter proxy the
headers carry the Jupyter session's cookie.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
import weakref
from functools import partial
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl, urlencode

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.client_document import LOCAL, LOCAL_PATH
from mcp_oauth_nb.protocol.step import BARE_CODE
from mcp_oauth_nb.protocol.wellknown import is_loopback, split
from mcp_oauth_nb.records import Request

_HOLDING: weakref.WeakValueDictionary[int, Listener] = weakref.WeakValueDictionary()
"""Who holds which fixed port in this process. A cell that is run again makes a new debugger while the old one is still
alive: the new one takes the port over, because only one of them is waiting for a redirect."""
KEPT = ("code", "state", "iss", "error", "error_description", "error_uri")
"""The parameters of an authorization response (RFC 6749 4.1.2, RFC 9207 2); everything else is dropped on arrival."""
KEPT_AT_ONCE = (*KEPT, "access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token")
"""Those of a response that brings the token itself (RFC 6749 4.2.2, OIDC Core 3.2.2.5), and one that it must not."""


class Arrived(NamedTuple):
    """A redirect that reached us; `note` says what is special about it, to be kept in the evidence."""

    request: Request
    note: tuple[str, ...] = ()


class Stoppable(Protocol):
    """What a listener must be able to do with its servers."""

    def stop(self) -> None: ...


class Listener:
    """Holds a loopback port for a redirect URI and, once started, hands on what reaches it.

    Args:
        redirect_uri: a loopback URI to listen on, or None for a free port of the system on 127.0.0.1.
        in_fragment: the response is expected in the fragment, which a page has to hand over.

    Attributes:
        redirect_uri: the URI to register and to send.
        reachable: a listener holds its port. False where the port is taken or the URI is not on this machine; the
            redirect is then pasted.
        problem: why it is not reachable, in words.
    """

    def __init__(self, redirect_uri: str | None = None, *, in_fragment: bool = False) -> None:
        self.problem, self.in_fragment = "", in_fragment
        self._sockets: list[socket.socket] = []
        self._servers: list[Stoppable] = []
        self.arrived: queue.Queue[Arrived] = queue.Queue()
        self.documents: dict[str, bytes] = {}
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

    @property
    def bound(self) -> tuple[str, ...]:
        """What is really listened on, such as ``127.0.0.1:8765 (IPv4)``; nothing once it is closed."""
        told = []
        for held in self._sockets:
            with contextlib.suppress(OSError):  # another thread gave it back meanwhile
                host, port = held.getsockname()[:2]
                told.append(f"{f'[{host}]' if ':' in host else host}:{port} (IPv{6 if ':' in host else 4})")
        return tuple(told)

    def _hold(self, redirect_uri: str) -> None:
        if not is_loopback(redirect_uri):
            self.problem = "the redirect URI is not on this machine"
            return
        if not redirect_uri.lower().startswith("http:"):
            self.problem = "the redirect URI is https, and nothing here has a certificate for it"
            return
        host, port = _host_and_port(redirect_uri)
        earlier = _HOLDING.get(port)
        if earlier is not None:
            earlier.close()
            earlier.problem = f"port {port} was taken over by a later flow of this notebook"
        reasons = []
        for family in ("127.0.0.1", "::1") if host == "localhost" else (host,):
            try:
                self._sockets.append(_bind(family, port))
            except OSError as error:
                reasons.append(error.strerror or str(error))
        if not self._sockets:
            self.problem = f"port {port} cannot be listened on ({reasons[0]})"
            return
        _HOLDING[port] = self

    def start(self) -> None:
        """Begin to answer, on daemon threads. Once is enough."""
        if self._servers:
            return
        from mcp_oauth_nb.wire.redirect_server import RedirectServer  # noqa: PLC0415 - only who waits needs a server

        parts = split(self.redirect_uri)
        path, hosts = (parts.path if parts else "") or "/", _hosts(self.redirect_uri)
        for held in self._sockets:
            handle = partial(take, self.arrived, self.redirect_uri, at_once=self.in_fragment)
            fragment = partial(take_fragment, self.arrived, self.redirect_uri) if self.in_fragment else None
            server = RedirectServer(held, path, hosts, handle, self.documents, fragment)
            self._servers.append(server)
            server.thread.start()

    def beside(self, path: str) -> str | None:
        """The URL of another path of the redirect URI's host and port; None where nothing is listened on."""
        parts = split(self.redirect_uri) if self.reachable else None
        return parts.origin + path if parts else None

    def publish(self, path: str, document: bytes) -> None:
        """Serve this JSON at a path of its own, to whoever asks, from the start on."""
        self.documents[path] = document

    def offer(self, pasted: str) -> None:
        """Hand on what the user pasted: the whole URL, its query string, or the bare code. It goes before all else."""
        arrived = read_pasted(pasted, self.redirect_uri, in_fragment=self.in_fragment)
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


def local_document_url(listener: Listener, wanted: str | None) -> str | None:
    """The URL that ``"local"`` stands for; any other one as it is.

    Raises:
        BadSetting: nothing is listened on that could serve a document.
    """
    if wanted != LOCAL:
        return wanted
    url = listener.beside(LOCAL_PATH)
    if url is None:
        seen = f"'local', but {listener.problem}"
        raise BadSetting("client_metadata_url", seen, "a redirect_uri on a free port of this machine, or a URL")
    return url


def read_pasted(pasted: object, redirect_uri: str, *, in_fragment: bool = False) -> Arrived:
    """Read a pasted URL, query string or bare code as the redirect it stands for.

    Args:
        pasted: what was pasted.
        redirect_uri: where the browser was to come back to.
        in_fragment: a token is expected, in the fragment of the address.

    Raises:
        BadSetting: it is no text, it is empty, or it is a URL or query without code and without error.
    """
    expected = "the address the browser ended on, its query string, or the bare code"
    if not isinstance(pasted, str):
        raise BadSetting("the redirect", f"a {type(pasted).__name__}", expected)
    text = pasted.strip().strip("'\"<>").strip()
    if in_fragment:
        return _read_at_once(text, redirect_uri)
    base, mark, behind = text.partition("#")[0].partition("?")
    is_address = "://" in base
    query = behind if mark else "" if is_address else base
    pairs = kept(query) if "=" in query else []
    if {"code", "error"} & {name for name, _ in pairs}:
        return Arrived(Request("GET", with_query(base if is_address else redirect_uri, pairs)))
    if is_address or mark or not _is_code(text):
        raise BadSetting("the pasted redirect", f"{len(text)} characters without code= or error=", expected)
    return Arrived(Request("GET", with_query(redirect_uri, [("code", text)])), (BARE_CODE,))


def _is_code(text: str) -> bool:
    """A code is visible ASCII (RFC 6749 A.11). One with an equals sign in its middle is a query that lacks its code."""
    return bool(text) and all(33 <= ord(c) < 127 for c in text) and "=" not in text.rstrip("=")


def _read_at_once(text: str, redirect_uri: str) -> Arrived:
    """The address of a redirect that brings the token in its fragment, or the fragment alone."""
    base, mark, behind = text.partition("#")
    query = base.partition("?")[2]
    fragment = behind if mark else "" if "://" in base else base.removeprefix("?")
    is_address = "://" in base
    for place, found in (("#", kept(fragment, at_once=True)), ("?", kept(query, at_once=True))):
        if {"access_token", "id_token", "error"} & {name for name, _ in found}:
            start = base.partition("?")[0] if is_address else redirect_uri
            url = with_fragment(start, found) if place == "#" else with_query(start, found)
            return Arrived(Request("GET", url))
    expected = "the whole address the browser ended on, with everything behind its #"
    raise BadSetting("the pasted redirect", f"{len(text)} characters without access_token= or error=", expected)


def take(arrived: queue.Queue[Arrived], redirect_uri: str, query: str, *, at_once: bool = False) -> bool:
    """Hand on the redirect with this query; False where it holds no parameter of an authorization response."""
    pairs = kept(query, at_once=at_once)
    if pairs:
        arrived.put(Arrived(Request("GET", with_query(redirect_uri, pairs))))
    return bool(pairs)


def take_fragment(arrived: queue.Queue[Arrived], redirect_uri: str, fragment: str) -> bool:
    """Hand on the redirect with this fragment; False where it holds no parameter of an authorization response."""
    pairs = kept(fragment, at_once=True)
    if pairs:
        arrived.put(Arrived(Request("GET", with_fragment(redirect_uri, pairs))))
    return bool(pairs)


def kept(query: str, *, at_once: bool = False) -> list[tuple[str, str]]:
    """The parameters of an authorization response; names and values as sent, the rest dropped."""
    names = KEPT_AT_ONCE if at_once else KEPT
    return [pair for pair in parse_qsl(query, keep_blank_values=True, errors="replace") if pair[0] in names]


def with_fragment(base: str, pairs: list[tuple[str, str]]) -> str:
    """A URL with these parameters in its fragment."""
    return f"{base}#{urlencode(pairs, errors='replace')}"


def with_query(base: str, pairs: list[tuple[str, str]]) -> str:
    """A URL with these parameters behind the query it has."""
    return f"{base}{'&' if '?' in base else '?'}{urlencode(pairs, errors='replace')}"


def _hosts(redirect_uri: str) -> frozenset[str]:
    """What a browser of this machine writes into its Host header: the URI's own host, or another name of loopback."""
    host, port = _host_and_port(redirect_uri)
    named = {f"[{host}]" if ":" in host else host, "127.0.0.1", "localhost", "[::1]"}
    return frozenset({f"{name}:{port}" for name in named} | (named if port == 80 else set()))


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


def _close(sockets: list[socket.socket], servers: list[Stoppable]) -> None:
    for server in servers:
        server.stop()
    for held in sockets:
        held.close()
    sockets.clear()
