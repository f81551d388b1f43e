"""Stands before a server on loopback and keeps every request as it came in, byte for byte.

The server behind knows nothing of it: in what it says, its own address is exchanged for that of the recorder, and the
other way round in what it is asked. With `apart` the authorization server gets an address of its own, although one
process serves both; a request that goes to the wrong one of the two then shows.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from wire.raw import RawServer, response

from mcp_oauth_nb.demo.answers import Answer

RESOURCE, AUTHORIZATION = "MCP server", "authorization server"
ANSWER_S = 20.0
OF_THE_RESOURCE = rb"(?=(?:/|%2F)mcp\b|/\.well-known/oauth-protected-resource)"
"""What follows the address where it is the MCP server's: its endpoint, or the document about it."""


@dataclass(eq=False)
class Asked:
    """One request as a server received it.

    Attributes:
        where: which of the two servers was asked.
        method: GET, POST, DELETE.
        target: path and query, as in the request line.
        headers: in order, repeated ones kept.
        body: as it came.
        status: what was answered; None where nothing was.
    """

    where: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int | None = None

    @classmethod
    def read(cls, where: str, raw: bytes) -> Asked:
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = (line.partition(":") for line in lines)
        return cls(where, method, target, tuple((name, value.strip()) for name, _, value in pairs), body)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @cached_property
    def form(self) -> list[tuple[str, str]]:
        if self.header("content-type") != "application/x-www-form-urlencoded":
            return []
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    @cached_property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body) if self.header("content-type") == "application/json" else {}

    def header(self, name: str) -> str | None:
        """The value of a header that may come once only."""
        values = [value for key, value in self.headers if key.lower() == name]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def basic(self) -> tuple[str, str] | None:
        """Client id and secret of HTTP Basic, form-decoded (RFC 6749 2.3.1)."""
        scheme, _, value = (self.header("authorization") or "").partition(" ")
        if scheme != "Basic":
            return None
        name, _, secret = base64.b64decode(value).decode().partition(":")
        return unquote_plus(name), unquote_plus(secret)

    @property
    def kind(self) -> str:
        """What the body is: an MCP method, a grant, JSON, or nothing."""
        if "jsonrpc" in self.json:
            return str(self.json["method"])
        if self.form:
            return dict(self.form).get("grant_type", "form")
        return "JSON" if self.json else "nothing" if not self.body else "something else"

    @property
    def line(self) -> tuple[str, str, str, str]:
        return self.where, self.method, self.path, self.kind


Instead = Callable[[Asked], bytes | None]
"""Answers in place of the server behind; None lets it answer."""
Amend = Callable[[Asked, Answer], Answer]
"""Changes an answer of the server behind, in which that server's own addresses still stand."""


class Recorder:
    """Keeps what a server on loopback is asked.

    Args:
        url: an http URL of the server behind, on 127.0.0.1, with its port.
        apart: give the authorization server another address than the MCP server.
        issuer: a URL of the authorization server, where it is another process.
        instead: answers some requests itself.
        amend: changes some answers on their way back; event streams then come in one piece.

    Attributes:
        asked: every request so far, in order, of both servers.
        url: the MCP endpoint as a client must name it.
        issuer: the address of the authorization server.
    """

    def __init__(
        self,
        url: str,
        *,
        apart: bool = False,
        issuer: str | None = None,
        instead: Instead | None = None,
        amend: Amend | None = None,
    ) -> None:
        ports = urlsplit(url).port, urlsplit(issuer or url).port
        self._behind = dict(zip((RESOURCE, AUTHORIZATION), ports, strict=True))
        self._instead, self._amend = instead, amend
        self.asked: list[Asked] = []
        self._open = ExitStack()
        resource = self._listen(RESOURCE)
        authorization = self._listen(AUTHORIZATION) if apart or issuer else resource
        self._ports = {RESOURCE: resource.port, AUTHORIZATION: authorization.port}
        self.origin, self.issuer = resource.url, authorization.url
        self.url = f"{self.origin}/mcp"

    def _listen(self, where: str) -> RawServer:
        return self._open.enter_context(RawServer(lambda connection, raw: self._serve(where, connection, raw)))

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def lines(self) -> list[tuple[str, str, str, str]]:
        return [one.line for one in self.asked]

    def to(self, where: str) -> list[Asked]:
        return [one for one in self.asked if one.where == where]

    def of(self, kind: str) -> list[Asked]:
        return [one for one in self.asked if one.kind == kind]

    def _serve(self, where: str, connection: socket.socket, raw: bytes) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = Asked.read(where, raw)
        self.asked.append(asked)
        answer = self._instead(asked) if self._instead else None
        if answer is not None:
            asked.status = int(answer.split(b" ", 2)[1])
            connection.sendall(self._outward(answer))
            return
        self._forward(asked, Asked.read(where, self._inward(raw)), connection)

    def _forward(self, asked: Asked, inward: Asked, connection: socket.socket) -> None:
        behind = http.client.HTTPConnection("127.0.0.1", self._behind[asked.where], timeout=ANSWER_S)
        try:
            behind.putrequest(inward.method, inward.target, skip_host=True, skip_accept_encoding=True)
            for name, value in inward.headers:
                if name.lower() not in ("content-length", "connection"):
                    behind.putheader(name, value)
            behind.putheader("Connection", "close")
            if inward.body or inward.method == "POST":
                behind.putheader("Content-Length", str(len(inward.body)))
            behind.endheaders(inward.body)
            answer = behind.getresponse()
            asked.status = answer.status
            if self._amend:
                self._deliver(self._amend(inward, _read(answer)), asked, connection)
            else:
                self._pass_on(answer, connection)
        finally:
            behind.close()

    def _pass_on(self, answer: http.client.HTTPResponse, connection: socket.socket) -> None:
        """A whole answer in one piece; a stream as it comes, until the connection ends."""
        dropped = ("content-length", "transfer-encoding", "connection")
        pairs = [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() not in dropped]
        start = [f"HTTP/1.1 {answer.status} {answer.reason}", *pairs]
        if answer.getheader("content-type", "").startswith("text/event-stream"):
            connection.sendall(self._outward("\r\n".join([*start, "Connection: close", "", ""]).encode("latin-1")))
            while piece := answer.read1(65536):
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_RDWR)
            return
        body = self._outward(answer.read())
        lines = [*start, *([] if answer.status == 204 else [f"Content-Length: {len(body)}"]), "", ""]
        connection.sendall(self._outward("\r\n".join(lines).encode("latin-1")) + body)

    def _deliver(self, answer: Answer, asked: Asked, connection: socket.socket) -> None:
        asked.status = answer.status
        if answer.delivery == "dropped":
            connection.shutdown(socket.SHUT_RDWR)
            return
        lines = [f"{name}: {value}" for name, value in answer.headers]
        status = f"{answer.status} {http.client.responses.get(answer.status, 'Unheard Of')}"
        head = response(b"", *lines, status=status).removesuffix(b"Content-Length: 0\r\n\r\n")
        body = self._outward(answer.body)
        length = b"" if answer.status == 204 else b"Content-Length: %d\r\n" % len(body)
        connection.sendall(self._outward(head) + length + b"\r\n" + body)

    def _outward(self, said: bytes) -> bytes:
        shared = len({*self._behind.values()}) == 1
        said = _moved(said, self._behind[RESOURCE], self._ports[RESOURCE], OF_THE_RESOURCE if shared else rb"\b")
        return _moved(said, self._behind[AUTHORIZATION], self._ports[AUTHORIZATION])

    def _inward(self, said: bytes) -> bytes:
        for where, port in self._ports.items():
            said = _moved(said, port, self._behind[where])
        return said


def _read(answer: http.client.HTTPResponse) -> Answer:
    """A whole answer; the headers about its delivery are left to whoever delivers it."""
    dropped = ("content-length", "transfer-encoding", "connection")
    kept = ((name.lower(), value) for name, value in answer.getheaders() if name.lower() not in dropped)
    return Answer(answer.status, tuple(kept), answer.read())


def _moved(said: bytes, here: int, there: int, before: bytes = rb"\b") -> bytes:
    """The text with one port of this machine exchanged for another, also where it is percent-encoded."""
    return re.sub(rb"127\.0\.0\.1(:|%%3A)%d%b" % (here, before), rb"127.0.0.1\g<1>%d" % there, said)
