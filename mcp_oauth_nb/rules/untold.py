"""Recordings that hold only a part of what went over the wire, as the rules may read them.

A log of another tool may leave out bodies or headers. A rule that looked for something there would find nothing, and
take the gap for a breach. So rules read such exchanges through a guard: to read what is not told raises `NotTold`, and
the rule counts as *not tested*, whatever it was going to look for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from mcp_oauth_nb.records import Exchange, Headers, Parsed, Request, Response, Trace

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
    kind = SENT["request headers" in one.untold, "request body" in one.untold]
    request = kind(sent.method, sent.url, sent.headers, sent.body)
    if came is None:
        return replace(one, request=request)
    made = CAME["response headers" in one.untold, "response body" in one.untold]
    response = made(came.status, came.reason, came.headers, came.body, came.truncated, came.http_version)
    return replace(one, request=request, response=response)


class _Headless:
    """A message whose header fields are told in part: those that stand here did go; of others nothing is known."""

    def __getattribute__(self, name: str) -> Any:
        if name == "headers":
            raise NotTold
        return super().__getattribute__(name)

    def header(self, name: str) -> str:
        return ", ".join(self.header_lines(name))

    def header_lines(self, name: str) -> tuple[str, ...]:
        headers: Headers = object.__getattribute__(self, "headers")
        found = tuple(value for key, value in headers if key.lower() == name.lower())
        return found or _untold()

    @property
    def media_type(self) -> str:
        return self.header("content-type").partition(";")[0].strip().lower()


class _Bodiless:
    def __getattribute__(self, name: str) -> Any:
        if name in ("body", "parsed"):
            raise NotTold
        return super().__getattribute__(name)


class _Partial:
    """An answer of whose JSON object some members are told; without any, nothing of the body is known."""

    def __getattribute__(self, name: str) -> Any:
        if name == "body":
            raise NotTold
        return super().__getattribute__(name)

    @property
    def parsed(self) -> Parsed:
        value = Response(200, body=object.__getattribute__(self, "body")).parsed.value
        return Parsed(_SomeMembers(value)) if isinstance(value, dict) else _untold()


class _HeadlessRequest(_Headless, Request):
    pass


class _BodilessRequest(_Bodiless, Request):
    pass


class _BareRequest(_Headless, _Bodiless, Request):
    pass


class _HeadlessResponse(_Headless, Response):
    pass


class _PartialResponse(_Partial, Response):
    pass


class _BareResponse(_Headless, _Partial, Response):
    pass


SENT: Mapping[tuple[bool, bool], type[Request]] = {
    (False, False): Request,
    (True, False): _HeadlessRequest,
    (False, True): _BodilessRequest,
    (True, True): _BareRequest,
}
CAME: Mapping[tuple[bool, bool], type[Response]] = {
    (False, False): Response,
    (True, False): _HeadlessResponse,
    (False, True): _PartialResponse,
    (True, True): _BareResponse,
}
"""By whether the headers are untold, and the body."""


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
