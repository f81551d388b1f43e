"""From the events that a log of curl tells to exchanges, with what the log leaves out named as such.

Pure: the two kinds of logs are read into the same events, one line of a header or one piece of a body each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mcp_oauth_nb.evidence.curl_commands import Command
from mcp_oauth_nb.records import Exchange, Failure, FailureKind, Headers, Part, Request, Response, read_json
from mcp_oauth_nb.rules.classify import OTHER
from mcp_oauth_nb.vault import Vault

Kind = Literal["info", "error", "command", "sent header", "sent data", "came header", "came data", "withheld"]
MOST = 10_000
"""Transfers; of a longer log the rest is left out."""
LINE_END = 2
"""Bytes of a line break at the end of a body, at most."""
_REQUEST = re.compile(r"([A-Za-z][A-Za-z-]{0,30}) (\S+) HTTP/[\d.]{1,4}")
_STATUS = re.compile(r"(HTTP/[\d.]{1,4}) (\d{3})(?: (.*))?")
_CONNECTED = re.compile(r"(?:Connected to|Established connection to) (\S+) \((\S+?)\)? port (\d+)")
_SECURE = re.compile(r"TLSv1|SSL connection using|ALPN[,:]|SSL certificate|OpenSSL/|schannel|GnuTLS|server certificate")
_EXIT = re.compile(r"curl: \((\d{1,3})\) ?(.*)")
_BY_EXIT: Mapping[int, FailureKind] = {
    **dict.fromkeys((1, 3), "url"),
    **dict.fromkeys((5, 6), "dns"),
    7: "connect",
    28: "timeout",
    **dict.fromkeys((35, 51, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98), "tls"),
    **dict.fromkeys((8, 16, 18, 47, 52, 55, 56, 61, 92, 95, 97), "protocol"),
}
"""What curl's exit codes say of where it broke (curl.1, EXIT CODES); the others are none of the network's."""
_BY_WORDS: tuple[tuple[FailureKind, re.Pattern[str]], ...] = (
    ("dns", re.compile(r"Could not resolve|Resolving timed out")),
    ("timeout", re.compile(r"timed out", re.IGNORECASE)),
    ("connect", re.compile(r"Failed to connect|Couldn't connect")),
    (
        "tls",
        re.compile(r"SSL certificate problem|SSL: no alternative|SSL routines|TLS alert|unable to get local issuer"),
    ),
    ("protocol", re.compile(r"Empty reply from server|Recv failure|Send failure|Connection reset")),
)
"""The same in curl's own words, for logs of ``curl -s``, which does not say the code."""
_HOST_IN_ERROR = re.compile(r"(?:resolve host: |connect to )([\w.-]*\w|\[[^\]\s]{1,60}\])(?: port (\d{1,5}))?")


@dataclass(frozen=True)
class Event:
    """One thing that a log tells. `data` is a line without its end, or a piece of a body."""

    kind: Kind
    data: bytes = b""
    command: Command | None = None

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


@dataclass
class _Transfer:
    method: str
    target: str
    sent_headers: list[tuple[str, str]] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    status: int = 0
    version: str = ""
    reason: str = ""
    came_headers: list[tuple[str, str]] = field(default_factory=list)
    came: list[bytes] = field(default_factory=list)
    withheld: bool = False
    secure: bool = False
    command: Command | None = None


def exchanges_of(events: Iterable[Event], vault: Vault) -> tuple[Exchange, ...]:
    """The exchanges that a log of curl tells, in its order; each names what the log does not hold."""
    reading = _Reading(vault)
    for event in events:
        reading.take(event)
        if len(reading.found) >= MOST:
            break
    reading.end()
    return tuple(reading.found)


class _Reading:
    """The state of a log while it is read from its first line to its last."""

    def __init__(self, vault: Vault) -> None:
        self.found: list[Exchange] = []
        self._vault = vault
        self._open: _Transfer | None = None
        self._command: Command | None = None
        self._broke: Failure | None = None
        self._secure = False
        self._peer = ""
        self._known_secure: dict[str, bool] = {}

    def take(self, event: Event) -> None:
        if event.kind == "command":
            self.end()
            self._command, self._peer = event.command, ""
        elif event.kind == "info":
            self._note(event.text)
        elif event.kind == "error":
            self._fail(event.text)
        elif event.kind == "sent header" and (line := _REQUEST.fullmatch(event.text)):
            self._begin(line[1].upper(), line[2])
        elif self._open is not None:
            _add(self._open, event)

    def end(self) -> None:
        """Close what is open: a transfer, or a failure for which nothing was ever sent."""
        done, self._open = self._open, None
        broke, self._broke = self._broke, None
        if done is not None and done.method != "CONNECT":
            self.found.append(self._exchange(done, None if done.status else broke))
        elif broke is not None:
            url = self._command.url if self._command else self._url_in(broke.message)
            if url:
                body = self._command.body if self._command else None
                untold: tuple[Part, ...] = ("request headers", *(("request body",) if body is None else ()))
                request = Request(self._command.method if self._command else "GET", url, (), body or b"")
                self.found.append(Exchange(1, OTHER, request, failure=broke, untold=untold, vault=self._vault))
        if done is not None or broke is not None:
            self._command = None

    def _begin(self, method: str, target: str) -> None:
        command = self._command
        self._broke = None if self._open is None else self._broke
        self.end()
        # With -L one command has several transfers, and its data belongs to the first.
        self._open = _Transfer(method, target, secure=self._secure, command=command)

    def _note(self, text: str) -> None:
        if connected := _CONNECTED.search(text):
            if self._open is not None and (self._open.status or self._broke):
                self.end()
            self._secure, self._peer = connected[3] == "443", f"{connected[1]}:{connected[3]}"
        elif _SECURE.search(text):
            self._secure = True
        if failed := next((kind for kind, words in _BY_WORDS if words.search(text)), None):
            self._broke = Failure(failed, f"curl noted: {' '.join(text.split())[:200]}")

    def _fail(self, text: str) -> None:
        match = _EXIT.fullmatch(text)
        kind = _BY_EXIT.get(int(match[1])) if match else None
        if kind is not None:
            self._broke = Failure(kind, f"curl noted: {' '.join(text.split())[:200]}")
        self.end()

    def _url_in(self, said: str) -> str:
        """Where a failed transfer was going, where no command tells: host and port, the scheme by the port."""
        host = _HOST_IN_ERROR.search(said)
        name, port = (host[1], host[2] or "") if host else self._peer.rpartition(":")[::2]
        scheme = "http" if port == "80" else "https"
        return f"{scheme}://{name}{'' if port in ('', '80', '443') else ':' + port}/" if name else ""

    def _exchange(self, one: _Transfer, broke: Failure | None) -> Exchange:
        sent, sent_untold = _sent(one)
        untold: list[Part] = ["request body"] if sent_untold else []
        request = Request(one.method, self._url(one), tuple(one.sent_headers), sent)
        response = None
        if one.status:
            body, body_untold = _body(one)
            untold += ["response body"] if body_untold else []
            response = Response(one.status, one.reason, tuple(one.came_headers), body, http_version=one.version)
        return Exchange(1, OTHER, request, response, broke, untold=tuple(untold), vault=self._vault)

    def _url(self, one: _Transfer) -> str:
        if "://" in one.target:
            return one.target
        host = _header(one.sent_headers, "host") or self._peer
        asked = one.command.url if one.command else ""
        scheme, _, rest = asked.partition("://")
        if rest.lower().startswith(host.lower()) and scheme.lower() in ("http", "https"):
            self._known_secure[host] = scheme.lower() == "https"
        secure = self._known_secure.setdefault(host, one.secure)
        return f"{'https' if secure else 'http'}://{host}{one.target if one.target.startswith('/') else '/'}"


def _add(one: _Transfer, event: Event) -> None:
    if event.kind == "sent header":
        _add_header(one.sent_headers, event.text)
    elif event.kind == "sent data":
        one.sent.append(event.data)
    elif event.kind == "withheld":
        one.withheld = one.withheld or bool(one.status)
    elif event.kind == "came header":
        if status := _STATUS.fullmatch(event.text):
            one.version, one.status, one.reason = status[1], int(status[2]), status[3] or ""
            one.came_headers, one.came = [], []
        else:
            _add_header(one.came_headers, event.text)
    elif event.kind == "came data" and one.status:
        one.came.append(event.data)


def _add_header(headers: list[tuple[str, str]], line: str) -> None:
    name, colon, value = line.partition(":")
    if colon and name:
        headers.append((name.strip(), value.strip()))


def _header(headers: Iterable[tuple[str, str]], name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def _sent(one: _Transfer) -> tuple[bytes, bool]:
    """The body that was sent, and whether the log leaves it out. What is not as long as announced is not it."""
    length, body = _header(one.sent_headers, "content-length"), b"".join(one.sent)
    if not body and one.command is not None and one.command.body is not None:
        body = one.command.body
    if not length and not _header(one.sent_headers, "transfer-encoding"):
        return b"", False
    if length.isdecimal() and len(length) < 12:
        return (body, False) if len(body) == int(length) else (b"", True)
    body = _joined_chunks(body)
    return body, not body


def _body(one: _Transfer) -> tuple[bytes, bool]:
    """The body that came, and whether the log leaves it out or shows it in a way that may not be the whole of it."""
    body, headers = b"".join(one.came), tuple(one.came_headers)
    length = _header(headers, "content-length")
    if one.method == "HEAD" or one.status in (204, 304) or length == "0":
        return b"", False
    if _header(headers, "transfer-encoding").lower().startswith("chunked"):
        body = _joined_chunks(body)
    if length.isdecimal() and len(length) < 12 and len(body) >= int(length):
        return _measured(headers, body, int(length))
    if not body.strip():
        is_empty = not (length or one.withheld or _header(headers, "transfer-encoding")) and one.status // 100 != 2
        return b"", not is_empty
    return body, not _is_whole(headers, body, length)


def _measured(headers: Headers, body: bytes, length: int) -> tuple[bytes, bool]:
    """As many bytes as were announced, and whether it is open which of them these are.

    The progress meter begins its lines with a carriage return. Where an editor or a pipe made line breaks of those,
    some stand before the body, and what is cut by its length then lacks its end.
    """
    cut, stripped = body[:length], body.strip()
    is_json = "json" in _header(headers, "content-type").lower() or stripped[:1] in (b"{", b"[")
    if not is_json or len(body) - length <= 1 or not read_json(cut).problem:
        return cut, False
    shifted = body.lstrip()[:length]
    is_all = 0 <= length - len(stripped) <= LINE_END
    return (shifted, False) if is_all or not read_json(shifted).problem else (cut, True)


def _is_whole(headers: Headers, body: bytes, length: str) -> bool:
    """JSON that does not read as such may have been cut, or mixed with what else stood in the terminal."""
    if not read_json(body).problem:
        return True
    is_short = length.isdecimal() and len(length) < 12 and len(body) + 2 < int(length)
    return "json" not in _header(headers, "content-type").lower() and not is_short


def _joined_chunks(raw: bytes) -> bytes:
    """A chunked body without its frame; as it is where it has none, since some versions of curl take it away."""
    pieces, at = [], 0
    while frame := re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]{0,100}\r\n").match(raw, at):
        size = int(frame[1], 16)
        pieces.append(raw[frame.end() : frame.end() + size])
        at = frame.end() + size + 2
        if size == 0:
            return b"".join(pieces)
    return b"".join(pieces) if pieces and at >= len(raw) else raw
