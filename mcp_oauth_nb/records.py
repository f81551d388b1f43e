"""What went over the wire, frozen: `Request`, `Response`, `Failure`, `Exchange`, `Run`, `Trace`.

Everything is kept as it was received: bytes, header order, repeated headers, strings that are no URL at all. Nothing
here judges or repairs. A record's ``repr`` shows step, method, host and status only: a plain dataclass repr prints
every field, so that the last line of a cell would write a bearer token into the saved notebook.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import parse_qsl

from mcp_oauth_nb.mime import Displayable, Framed
from mcp_oauth_nb.vault import TAG, Vault

Headers = tuple[tuple[str, str], ...]
"""Header fields in the order they went or came, names as written, repeats kept."""

DEEPEST = 200
"""JSON may be nested this deep; ours and everybody's is below ten."""
_TOO_DEEP = "the JSON is nested too deeply to be read"
_HOST = re.compile(r"[^\s\x00-\x20\x7f-\xa0\\<>\"']{1,255}")

NEVER = datetime.min.replace(tzinfo=UTC)
"""The time of an exchange that has not taken place."""
Part = Literal["request headers", "request query", "request body", "response headers", "response body"]
"""A part of an exchange that a recording may leave out."""
FailureKind = Literal["url", "header", "address", "dns", "connect", "tls", "timeout", "protocol"]


@dataclass(frozen=True)
class Parsed:
    """What a body reads as. `value` is None where `problem` says why nothing could be read."""

    value: Any = field(repr=False)
    problem: str = ""
    repeated: tuple[str, ...] = field(default=(), repr=False)
    """Member names that stand twice in one object; the last value counts, as in most parsers."""


@dataclass(frozen=True, repr=False)
class Request:
    """One HTTP request as it was sent. `url` is the exact string; `body` the exact bytes."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""

    def __repr__(self) -> str:
        return f"<Request {self.method} {origin_of(self.url)}>"

    def header(self, name: str) -> str | None:
        """The value of a header field, repeats joined with ``", "``; None where absent."""
        return _joined(self.headers, name)

    @cached_property
    def parsed(self) -> Parsed:
        """The body read as JSON; see `read_json`."""
        return read_json(self.body)

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The parameters of the URL's query; the last value of a repeated one."""
        return _pairs(self.url.partition("#")[0].partition("?")[2])

    @cached_property
    def form(self) -> Mapping[str, str]:
        """The body read as a form; the last value of a repeated member."""
        return _pairs(self.body.decode("utf-8", "replace"))


def _pairs(encoded: str) -> Mapping[str, str]:
    return MappingProxyType(dict(parse_qsl(encoded, keep_blank_values=True)))


@dataclass(frozen=True, repr=False)
class Response:
    """One HTTP response as it was received.

    Attributes:
        status: the status code.
        reason: the reason phrase, server text.
        headers: the header fields, repeats kept.
        body: the decompressed body, at most as many bytes as the wire keeps.
        truncated: the body went on behind what `body` holds.
        http_version: such as ``HTTP/1.1``.
    """

    status: int
    reason: str = ""
    headers: Headers = ()
    body: bytes = b""
    truncated: bool = False
    http_version: str = "HTTP/1.1"

    def __repr__(self) -> str:
        return f"<Response {self.status} {len(self.body)} bytes>"

    def header(self, name: str) -> str | None:
        """The value of a header field, repeats joined with ``", "``; None where absent."""
        return _joined(self.headers, name)

    def header_lines(self, name: str) -> tuple[str, ...]:
        """The values of a header field, one per line received."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())

    @cached_property
    def parsed(self) -> Parsed:
        """The body read as JSON; see `read_json`."""
        return read_json(self.body)

    @property
    def media_type(self) -> str:
        """The media type in lower case without parameters; empty where no Content-Type was sent."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Failure:
    """Why there is no response. `kind` says where it broke; `message` what was seen, in words."""

    kind: FailureKind
    message: str = field(repr=False)


@dataclass(frozen=True, repr=False)
class Exchange(Displayable):
    """One thing that was tried: a request with its response, or the failure in its place.

    Attributes:
        id: counts from 1 within a trace, in the order of sending.
        step: the name of the step that wanted it.
        request: what was sent (direction "out") or what reached the redirect URI (direction "in").
        response: what came back; None after a failure, for a link opened in a browser, and for a callback.
        failure: why nothing came back.
        direction: "out" for what we sent, "in" for the redirect that reached us.
        started: when it began, UTC.
        elapsed_ms: from the first byte sent to the last byte kept, milliseconds; 0 where a recording does not say it.
        hop: 0, or the number of the redirect within one authorization.
        edited: what the user overrode, such as ``("form.resource",)``; empty for an ordinary request.
        why: which document or person sent us to this URL.
        untold: what a recording of another tool leaves out, of `Part`; what stands there nevertheless is right, but
            nothing follows from what does not. Empty for everything that was recorded here.
        vault: the secrets of the trace, so that any exchange can be shown safely on its own.
    """

    id: int
    step: str
    request: Request
    response: Response | None = None
    failure: Failure | None = None
    direction: Literal["out", "in"] = "out"
    started: datetime = NEVER
    elapsed_ms: float = 0.0
    hop: int = 0
    edited: tuple[str, ...] = ()
    why: str = ""
    untold: tuple[Part, ...] = ()
    vault: Vault = field(default_factory=Vault, compare=False)

    def __repr__(self) -> str:
        came = self.response.status if self.response else self.failure.kind if self.failure else self.direction
        line = f"<Exchange {self.id} {self.step} {self.request.method} {origin_of(self.request.url)} {came}>"
        return self.vault.mask(line)

    @property
    def status(self) -> int | None:
        """The status code of the answer; None where there is no answer."""
        return self.response.status if self.response else None

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The body as a JSON object; None where it is anything else."""
        if self.response is None:
            return None
        value = self.response.parsed.value
        return value if isinstance(value, dict) else None


@dataclass(frozen=True)
class Run:
    """One run of one step: which exchanges it made, whether it got what it is for, and if not, why it stopped.

    Attributes:
        step: the step's name.
        exchanges: ids in order of sending.
        achieved: the step learned the fact it supplies.
        stopped: why it could not go on, in words; empty when it achieved.
        learned: short pairs of name and value that the step learned; may hold secrets, shown masked only.
    """

    step: str
    exchanges: tuple[int, ...] = ()
    achieved: bool = False
    stopped: str = field(default="", repr=False)
    learned: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, repr=False)
class Trace(Framed):
    """All that a debugging session has seen.

    Attributes:
        exchanges: everything that was ever tried, also by runs that were run again since.
        runs: the current run of each step, in order; running a step again drops the runs behind it.
        settings: what the user chose, as text (secrets only as tags).
        vault: the secrets of this trace.
    """

    exchanges: tuple[Exchange, ...] = ()
    runs: tuple[Run, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    vault: Vault = field(default_factory=Vault, compare=False)

    def __repr__(self) -> str:
        return f"<Trace of {len(self.exchanges)} exchanges, {len(self.runs)} steps>"

    def of(self, run: Run) -> tuple[Exchange, ...]:
        """The exchanges of one run. Ids count from 1, so that this is a look-up and not a search."""
        return tuple(self.exchanges[i - 1] for i in run.exchanges)

    def run(self, step: str) -> Run | None:
        """The current run of a step; None where it has not run."""
        return next((run for run in self.runs if run.step == step), None)


def read_json(body: bytes | str) -> Parsed:
    """Read JSON that somebody else wrote, without ever raising.

    Deep nesting, integers of thousands of digits, NaN, a byte order mark and broken UTF-8 are data here. Integers that
    Python refuses to convert are kept as their digits. What is nested deeper than `DEEPEST` counts as unreadable, so
    that whoever walks through a value may do so by recursion.
    """
    repeated: list[str] = []

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(members)
        if len(result) < len(members):
            counted = Counter(name for name, _ in members)
            repeated.extend(sorted(name for name, times in counted.items() if times > 1))
        return result

    try:
        text = (body.decode() if isinstance(body, bytes) else body).removeprefix("\ufeff")
        if not text.strip():
            return Parsed(None, "the body is empty")
        value = json.loads(text, object_pairs_hook=pairs, parse_int=_int_or_digits)
    except UnicodeDecodeError as error:
        return Parsed(None, f"the body is not UTF-8 (byte {error.start})")
    except RecursionError:
        return Parsed(None, _TOO_DEEP)
    except ValueError as error:
        return Parsed(None, f"the body is not JSON ({_where(error)})")
    if _is_too_deep(value):
        return Parsed(None, _TOO_DEEP)
    return Parsed(value, "", tuple(repeated))


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL as written; ``(not a URL)`` for anything else. Never the path, query or user."""
    scheme, separator, rest = TAG.sub("", url).partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if not separator or not scheme.isalpha() or not _HOST.fullmatch(authority):
        return "(not a URL)"
    return f"{scheme}://{authority}"


def _is_too_deep(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _members(one)]
        if not level:
            return False
    return True


def _members(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _where(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    return "a value is out of range"


def _int_or_digits(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


def _joined(headers: Headers, name: str) -> str | None:
    values = [value for key, value in headers if key.lower() == name.lower()]
    return ", ".join(values) if values else None


def current_exchanges(trace: Trace) -> Iterator[Exchange]:
    """The exchanges of the current runs, in the order of the steps."""
    for run in trace.runs:
        yield from trace.of(run)
