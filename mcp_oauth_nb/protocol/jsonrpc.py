"""JSON-RPC messages of the MCP Streamable HTTP transport, whether they come as JSON or as an event stream.

The event stream reader follows the HTML standard's rules: a BOM may lead, lines end with CR, LF or CRLF, a line that
starts with a colon is a comment, ``data`` lines join with LF, an event without any ``data`` line is not dispatched, and
an unfinished event at the end of the stream is thrown away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_oauth_nb.records import Response, read_json

EVENT_STREAM = "text/event-stream"
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Event:
    """One event of a stream.

    Attributes:
        data: the joined text.
        event: the event's name.
        id: the last id that was set, in this event or before it.
        retry_ms: the last waiting time that was set, milliseconds.
    """

    data: str = field(repr=False)
    event: str = field(default="message", repr=False)
    id: str | None = field(default=None, repr=False)
    retry_ms: int | None = None


def events(body: bytes) -> Iterator[Event]:
    """The finished events of an event stream."""
    return (event for event, has_data in _blocks(body) if has_data)


def _blocks(body: bytes) -> Iterator[tuple[Event, bool]]:
    """What stands before each blank line, and whether it has ``data``: id and waiting time count also without any."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    data: list[str] = []
    name, identifier, retry_ms = "", None, None
    for line in _LINE_END.split(text)[:-1]:
        if not line:
            yield Event("\n".join(data), name or "message", identifier, retry_ms), bool(data)
            data, name = [], ""
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            data.append(value)
        elif key == "event":
            name = value
        elif key == "id" and "\0" not in value:
            identifier = value
        elif key == "retry" and value.isascii() and value.isdigit() and len(value) < 10:
            retry_ms = int(value)


def where_to_resume(response: Response) -> Event | None:
    """The last event of a stream, which names the id to resume behind; None where a stream cannot be resumed.

    An empty id takes back the one before it, and one that no header can carry cannot be sent back (HTML standard).
    """
    if response.media_type != EVENT_STREAM or response.status != 200:
        return None
    *_, last = (None, *(event for event, _ in _blocks(response.body)))
    return last if last is not None and last.id and last.id.isprintable() else None


def messages(response: Response) -> tuple[Mapping[str, Any], ...]:
    """Every JSON-RPC message in a body, in order; what is no JSON object is left out (batches are unrolled)."""
    if response.media_type != EVENT_STREAM:
        return tuple(_objects(response.parsed.value))
    found: list[Mapping[str, Any]] = []
    for event in events(response.body):
        found += _objects(read_json(event.data).value)
    return tuple(found)


def answer(response: Response, request_id: int | str) -> Mapping[str, Any] | None:
    """The message that answers a request: it carries the request's id and a result or an error."""
    for message in messages(response):
        if _is_same_id(message.get("id"), request_id) and ("result" in message or "error" in message):
            return message
    return None


def holds_answer(body: bytes, request_id: int | str) -> bool:
    """Whether an event stream, as far as it was received, already holds the answer to a request."""
    return answer(Response(200, headers=(("content-type", EVENT_STREAM),), body=body), request_id) is not None


def request(method: str, params: Mapping[str, Any] | None, request_id: int | str | None) -> dict[str, Any]:
    """A JSON-RPC request, or a notification when `request_id` is None."""
    message: dict[str, Any] = {"jsonrpc": "2.0"}
    if request_id is not None:
        message["id"] = request_id
    message["method"] = method
    if params is not None:
        message["params"] = dict(params)
    return message


def _is_same_id(one: object, other: int | str) -> bool:
    """Ids are equal as JSON: 1 is neither "1" nor true, although Python says that it is True."""
    return one == other and not isinstance(one, bool)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one
