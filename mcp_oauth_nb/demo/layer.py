"""The ASGI layer around the SDK's application: it records, is strict, and breaks things on order.

Order for one request: the fault may answer instead, then strictness may refuse, then the SDK answers, then strictness
amends, then the fault may patch. So a fault always has the last word. Answers of the MCP endpoint stream through
untouched unless they are refusals or a fault patches them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .amend import amended
from .answers import Answer, Asked, pairs
from .client_documents import learned
from .clients import received
from .fault import Fault
from .grants import Behaviour
from .introspection import introspection
from .machine import machine_token
from .management import management
from .oauth import MCP, oauth_error
from .provider import Provider
from .strict import adapted, refusal

BODY_LIMIT = 64 * 1024
"""Bytes of a request body that the authorization server reads."""
LOG_LIMIT = 10_000
"""Requests remembered; the oldest half is forgotten beyond that."""
REFUSED = (401, 403)


@dataclass(frozen=True)
class Seen:
    """One request the server received: names only, no value that could be a secret."""

    method: str
    path: str
    query_names: tuple[str, ...]
    form_names: tuple[str, ...]
    header_names: tuple[str, ...]
    status: int | None
    """The status answered; None when the connection was left without an answer."""


@dataclass
class Switch:
    """The fault in force; turned by the user's thread, read once per request by the server's."""

    fault: Fault | None = None

    def behaviour(self) -> Behaviour:
        """What the authorization server should do now."""
        return self.fault.behaviour if self.fault else Behaviour()


class Layer:
    """The outermost ASGI application."""

    def __init__(self, app: ASGIApp, provider: Provider, switch: Switch) -> None:
        self.seen: list[Seen] = []
        self._app = app
        self._provider = provider
        self._switch = switch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked, complete = await read(scope, receive)
        fault = self._switch.fault
        fault = fault if fault and fault.touches(asked.path) else None
        token = received.set(asked)
        try:
            if complete:
                await self._serve(asked, fault, scope, receive, send)
            else:
                await self._deliver(asked, oauth_error(413, "invalid_request", "the body is too large"), receive, send)
        finally:
            received.reset(token)

    async def _serve(self, asked: Asked, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
        answer = fault.reply(asked) if fault and fault.reply else None
        if answer is None:
            answer = readable(asked, await learned(asked, self._provider) or own(asked, self._provider))
        if answer is None:
            patched = bool(fault and fault.patch)
            tape = Tape(send, lambda status: wanted(asked, status, patched), lambda status: self._note(asked, status))
            await self._ask(asked, scope, receive, tape)
            if tape.streamed:
                return
            answer = amended(asked, tape.answer, self._provider)
        if fault and fault.patch:
            answer = fault.patch(asked, answer)
        await self._deliver(asked, answer, receive, send)

    async def _ask(self, asked: Asked, scope: Scope, receive: Receive, tape: "Tape") -> None:
        """Let the SDK answer; what it fails on is answered without a traceback."""
        if asked.path != MCP:
            asked = adapted(asked)
            scope, receive = rewritten(asked, scope), replay(asked.body, receive)
        elif self._switch.behaviour().lets_anybody_begin and not asked.header("authorization"):
            body, _ = await body_of(receive)
            receive = replay(body, receive)
            scope = scope if b"tools/call" in body else as_somebody(scope, self._provider)
        try:
            await self._app(scope, receive, tape)
        except Exception:
            if tape.streamed:
                raise
            tape.answer = oauth_error(500, "server_error", "the request could not be served")

    async def _deliver(self, asked: Asked, answer: Answer, receive: Receive, send: Send) -> None:
        """Send an answer the way it says."""
        if answer.delivery == "never":
            self._note(asked, None)
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await asyncio.sleep(answer.delay_s)
        if answer.delivery == "dropped":
            self._note(asked, None)
            await hang_up(send)
            return
        self._note(asked, answer.status)
        length = () if answer.status in (204, 304) else (("content-length", str(len(answer.body))),)
        headers = [
            (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in answer.headers + length
        ]
        body = answer.body[: len(answer.body) // 2] if answer.delivery == "truncated" else answer.body
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": answer.delivery == "truncated"})

    def _note(self, asked: Asked, status: int | None) -> None:
        self.seen.append(
            Seen(
                asked.method,
                asked.path,
                tuple(name for name, value in asked.query if value),
                tuple(name for name, value in asked.form if value),
                tuple(name for name, _ in asked.headers),
                status,
            )
        )
        if len(self.seen) > LOG_LIMIT:
            del self.seen[: LOG_LIMIT // 2]


class Tape:
    """An ASGI `send` that keeps the answer, or lets it through once its status is known."""

    def __init__(self, send: Send, wanted: Callable[[int], bool], passing: Callable[[int], None]) -> None:
        self.answer = Answer(500)
        self.streamed = False
        self._send = send
        self._wanted = wanted
        self._passing = passing

    async def __call__(self, message: Message) -> None:
        """Take one message of the application."""
        if message["type"] == "http.response.start":
            status = int(message["status"])
            self.streamed = not self._wanted(status)
            if self.streamed:
                self._passing(status)
            self.answer = Answer(status, header_pairs(message["headers"], drop="content-length"))
        elif message["type"] == "http.response.body" and not self.streamed:
            self.answer = replace(self.answer, body=self.answer.body + message.get("body", b""))
        if self.streamed:
            await self._send(message)


def own(asked: Asked, provider: Provider) -> Answer | None:
    """What is answered without the SDK: refusals, and what it does not know; None where it answers."""
    return (
        refusal(asked, provider)
        or machine_token(asked, provider)
        or introspection(asked, provider)
        or management(asked, provider)
    )


def wanted(asked: Asked, status: int, patched: bool) -> bool:
    """Whether an answer is kept whole to be worked on: all but the MCP endpoint's good ones."""
    return asked.path != MCP or status in REFUSED or (patched and asked.method == "POST")


def readable(asked: Asked, answer: Answer | None) -> Answer | None:
    """The refusal, readable for a page in a browser like the SDK's own answers are (CORS)."""
    if answer is None or not asked.header("origin") or answer.is_redirect:
        return answer
    return answer.with_header("access-control-allow-origin", "*")


def header_pairs(raw: Any, drop: str = "") -> tuple[tuple[str, str], ...]:
    """ASGI headers as text."""
    decoded = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw)
    return tuple(pair for pair in decoded if pair[0] != drop)


async def read(scope: Scope, receive: Receive) -> tuple[Asked, bool]:
    """The request, and whether its body was read to the end; the MCP endpoint's body is left unread."""
    asked = Asked(scope["method"], scope["path"], pairs(scope["query_string"]), header_pairs(scope["headers"]))
    if asked.path == MCP:
        return asked, True
    body, complete = await body_of(receive)
    return (replace(asked, body=body) if complete else asked), complete


async def body_of(receive: Receive) -> tuple[bytes, bool]:
    """The body of a request, and whether it was read to the end."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        more = message["type"] == "http.request" and message.get("more_body", False)
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            return bytes(body), False
    return bytes(body), True


def as_somebody(scope: Scope, provider: Provider) -> Scope:
    """The scope of a request without a token, as if it had brought one."""
    token = provider.issue_to_client(next(iter(provider.clients.values()))).access_token
    return {**scope, "headers": [*scope["headers"], (b"authorization", f"Bearer {token}".encode())]}


def rewritten(asked: Asked, scope: Scope) -> Scope:
    """The scope of a request whose parameters were changed."""
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in asked.query).encode()
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    length = (b"content-length", str(len(asked.body)).encode())
    return {**scope, "query_string": query, "headers": [*headers, length]}


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives this body, then whatever comes."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def again() -> Message:
        message = next(messages, None)
        return message if message is not None else await receive()

    return again


async def hang_up(send: Send) -> None:
    """Close the connection without an answer. ASGI has no word for it, so this reaches for uvicorn's transport."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("only uvicorn's connections can be dropped")
    transport.abort()
    await asyncio.sleep(0.01)  # lets uvicorn notice, or it would try to answer 500
