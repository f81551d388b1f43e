"""Recordings that hold only a part of what went over the wire, as the rules may read them.

A log of another tool may leave out bodies or headers. A rule that looked for something there would find nothing, and
take the gap for a breach. So rules read such exchanges through a guard: to read what is not told raises `NotTold`, and
the rule counts as *not tested*, whatever it was going to look for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any, NoReturn, TypeVar, cast

from mcp_oauth_nb.records import Exchange, Headers, Parsed, Request, Response, Trace
from mcp_oauth_nb.rules.marks import is_marked_header, marked_members

Message = TypeVar("Message", Request, Response)
WHY = "the recording does not hold what this rule looks at"


class NotTold(LookupError):
    """A rule read what the recording does not hold."""


def guarded(trace: Trace) -> Trace:
    """The trace with a guard before everything that its exchanges do not tell; the same one where they tell all."""
    if not any(one.untold for one in trace.exchanges):
        return trace
    return replace(trace, exchanges=tuple(guarded_exchange(one) for one in trace.exchanges))


def guarded_exchange(one: Exchange) -> Exchange:
    """An exchange with a guard before what it does not tell."""
    sent, came = one.request, one.response
    kind = SENT["request headers" in one.untold, "request query" in one.untold, "request body" in one.untold]
    request = kind(sent.method, sent.url, sent.headers, sent.body)
    if came is None:
        return replace(one, request=request)
    made = CAME["response headers" in one.untold, "response body" in one.untold]
    response = made(came.status, came.reason, came.headers, came.body, came.truncated, came.http_version)
    return replace(one, request=request, response=response)


class _Headless:
    """A message whose header fields are told in part: those that stand here did go; of others nothing is known.

    Where marks stand in the places of some, those are what is not told.
    """

    def __getattribute__(self, name: str) -> Any:
        if name == "headers":
            raise NotTold
        return super().__getattribute__(name)

    def header(self, name: str) -> str | None:
        return ", ".join(lines) if (lines := self.header_lines(name)) else None

    def header_lines(self, name: str) -> tuple[str, ...]:
        headers: Headers = object.__getattribute__(self, "headers")
        marked = {key.lower() for key, value in headers if is_marked_header(key, value)}
        found = tuple(value for key, value in headers if key.lower() == name.lower())
        is_told = name.lower() not in marked if marked else bool(found)
        return found if is_told else _untold()

    @property
    def media_type(self) -> str:
        return (self.header("content-type") or "").partition(";")[0].strip().lower()


class _Queryless:
    """A request in whose query there are marks."""

    @property
    def query(self) -> Mapping[str, str]:
        return _but_for_marks(Request("GET", object.__getattribute__(self, "url")).query)


class _Bodiless:
    """A request whose body is not told; where marks stand in it, its other members are."""

    def __getattribute__(self, name: str) -> Any:
        return _bare(self).body if name == "body" else super().__getattribute__(name)

    @property
    def form(self) -> Mapping[str, str]:
        return _but_for_marks(_bare(self).form)

    @property
    def parsed(self) -> Parsed:
        value = _bare(self).parsed.value
        return Parsed(_but_for_marks(value) if isinstance(value, dict) else value)


def _bare(guarded_one: object) -> Request:
    """A body that has marks, without its guard."""
    bare = Request("POST", "", body=object.__getattribute__(guarded_one, "body"))
    return bare if marked_members(bare.form) or marked_members(bare.parsed.value) else _untold()


class _Partial:
    """An answer of whose JSON object some members are told; without any, nothing of the body is known.

    Where marks stand in it, every member is told but for those.
    """

    def __getattribute__(self, name: str) -> Any:
        if name == "body":
            raise NotTold
        return super().__getattribute__(name)

    @property
    def parsed(self) -> Parsed:
        value = Response(200, body=object.__getattribute__(self, "body")).parsed.value
        if marked_members(value):
            return Parsed(_but_for_marks(value))
        return Parsed(_SomeMembers(value)) if isinstance(value, dict) else _untold()


def _guards(kind: type[Message], *guards: type) -> Mapping[tuple[bool, ...], type[Message]]:
    """The kinds of a message, by whether each of the guards stands before it."""
    made: dict[tuple[bool, ...], type[Message]] = {}
    for told in product((False, True), repeat=len(guards)):
        before: tuple[type, ...] = tuple(guard for guard, stands in zip(guards, told, strict=True) if stands)
        made[told] = cast("type[Message]", type(f"_Guarded{kind.__name__}", (*before, kind), {})) if before else kind
    return made


SENT = _guards(Request, _Headless, _Queryless, _Bodiless)
"""By whether the headers, the query and the body are untold."""
CAME = _guards(Response, _Headless, _Partial)
"""By whether the headers and the body are untold."""


def _but_for_marks(members: Mapping[str, Any]) -> dict[str, Any]:
    return _Unmarked(members, marked_members(members))


class _Unmarked(dict[str, Any]):
    """The members of which some are marks: that one of those is there is told, and not what it is."""

    def __init__(self, members: Mapping[str, Any], marked: Collection[str]) -> None:
        super().__init__(members)
        self._marked = frozenset(marked)

    def __getitem__(self, name: str) -> Any:
        return _untold() if name in self._marked else super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return _untold() if name in self._marked else super().get(name, default)

    def __iter__(self) -> Iterator[str]:  # what copies a dictionary asks each member by its name then
        return super().__iter__()

    def items(self) -> Any:
        return {name: self[name] for name in self}.items()

    def values(self) -> Any:
        return {name: self[name] for name in self}.values()


class _SomeMembers(dict[str, Any]):
    """The members that are told; to ask for another one, or for all there are, is to ask for what is not told."""

    def __missing__(self, name: str) -> NoReturn:
        _untold()

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or _untold()

    def __iter__(self) -> Iterator[str]:
        _untold()

    def __len__(self) -> int:  # noqa: PLE0303 - it returns nothing at all
        _untold()

    def __bool__(self) -> bool:
        return True

    def keys(self) -> Any:
        _untold()

    def items(self) -> Any:
        _untold()

    def values(self) -> Any:
        _untold()


def _untold() -> NoReturn:
    raise NotTold
