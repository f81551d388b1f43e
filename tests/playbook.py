"""Plays the other side of a step: no server, no socket, no clock.

    play(resource_metadata, flow).sends("GET", url).gets(404).sends("GET", other).gets(200, prm()).learns(...)

Every call is compared at once; a difference is shown with the conversation so far, ``-`` for what the test expected and
``+`` for what the step did.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from mcp_oauth_nb.protocol.flow import Flow
from mcp_oauth_nb.protocol.step import AwaitRedirect, Open, Pause, Send, Step, Stopped
from mcp_oauth_nb.records import Exchange, Failure, FailureKind, Headers, Request, Response

JSON: Headers = (("Content-Type", "application/json"),)
Members = Mapping[str, Any]


class Play:
    """One conversation with one step."""

    def __init__(self, step: Step, flow: Flow, *, first_id: int = 1) -> None:
        self._steps = step.run(flow)
        self._told = [f"  {step.name}"]
        self._id = first_id
        self._want: Any = None
        self._result: Any = None
        self._step = step.name
        self._advance(None)

    # -- what the step does ---------------------------------------------------------------------------------------

    def sends(
        self,
        method: str,
        url: str,
        *,
        form: Members | None = None,
        json: Members | None = None,
        headers: Members | None = None,
        answer_id: int | None = None,
    ) -> Play:
        """It sends this. Of form, JSON and headers only the given members are compared; None means absent."""
        self._is(Send, f"sends {method} {url}")
        request = self._want.call.request()
        self._same("request", f"{method} {url}", f"{request.method} {request.url}")
        self._members("form", form, dict(parse_qsl(request.body.decode(), keep_blank_values=True)))
        self._members("json", json, self._want.call.json or {})
        self._members("header", headers, dict(request.headers))
        if answer_id is not None:
            self._same("answer id", answer_id, self._want.answer_id)
        return self

    def opens(self, url: str, params: Members | None = None) -> Play:
        """It has this opened in a browser."""
        self._is(Open, f"opens {url}")
        full = self._want.call.full_url()
        self._same("url", url, full.partition("?")[0])
        self._members("parameter", params, dict(parse_qsl(full.partition("?")[2], keep_blank_values=True)))
        return self

    def awaits(self, redirect_uri: str) -> Play:
        """It waits for the browser to come back here."""
        self._is(AwaitRedirect, f"awaits {redirect_uri}")
        self._same("redirect URI", redirect_uri, self._want.redirect_uri)
        return self

    def pauses(self, seconds: float) -> Play:
        """It lets so many seconds pass; none do here."""
        self._is(Pause, f"pauses {seconds:g} s")
        self._same("seconds", seconds, self._want.seconds)
        self._advance(None)
        return self

    # -- what it is handed ----------------------------------------------------------------------------------------

    def gets(self, status: int, body: Any = b"", headers: Headers | None = None) -> Play:
        """An answer; a body that is no bytes is sent as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = (() if isinstance(body, bytes) else JSON) if headers is None else headers
        return self._hand(f"gets {status}", response=Response(status, "", given, raw))

    def fails(self, kind: FailureKind, *, after: bytes | None = None) -> Play:
        """No answer; or one that broke off after these bytes of a 200."""
        response = None if after is None else Response(200, "", JSON, after)
        return self._hand(f"fails: {kind}", failure=Failure(kind, f"a {kind} failure"), response=response)

    def opened(self, *, failure: FailureKind | None = None) -> Play:
        """The browser was sent there."""
        return self._hand("opened", failure=Failure(failure, f"a {failure} failure") if failure else None)

    def arrives(self, url: str, *, note: Iterable[str] = ()) -> Play:
        """The redirect comes."""
        self._want = replace(self._want, redirect_uri=url)
        return self._hand(f"arrives {url}", direction="in", edited=tuple(note))

    # -- how it ends ----------------------------------------------------------------------------------------------

    def learns(self, **facts: Any) -> Flow:
        """It ends with these facts: by name, each a value or a mapping of the attributes to compare."""
        self._ended("learns")
        if not isinstance(self._result, Flow):
            self._differ(f"learns {', '.join(facts)}", f"stops: {getattr(self._result, 'reason', self._result)}")
        self._facts(self._result, facts)
        return self._result

    def stops(self, part: str, **facts: Any) -> Flow | None:
        """It stops with a reason that contains `part`, having learned these facts on the way; none when not given."""
        self._ended("stops")
        if not isinstance(self._result, Stopped):
            self._differ(f"stops: …{part}…", "learns")
        if part not in self._result.reason:
            self._differ(f"stops: …{part}…", f"stops: {self._result.reason}")
        if facts:
            assert self._result.flow is not None, self._story("it kept nothing")
            self._facts(self._result.flow, facts)
        else:
            assert self._result.flow is None, self._story("it kept something")
        return self._result.flow

    # -- inside ---------------------------------------------------------------------------------------------------

    def _hand(self, told: str, **rest: Any) -> Play:
        if self._want is None:
            self._differ(told, f"had already ended: {self._result!r}")
        exchange = Exchange(self._id, self._step, self._request(), **rest)
        self._told.append(f"  {told}")
        self._id += 1
        self._advance(exchange)
        return self

    def _request(self) -> Request:
        if isinstance(self._want, AwaitRedirect):
            return Request("GET", self._want.redirect_uri)
        return self._want.call.request()

    def _advance(self, exchange: Exchange | None) -> None:
        try:
            self._want = next(self._steps) if exchange is None else self._steps.send(exchange)
        except StopIteration as ended:
            self._want, self._result = None, ended.value

    def _is(self, kind: type, told: str) -> None:
        if not isinstance(self._want, kind):
            self._differ(told, self._doing())
        self._told.append(f"  {told}")

    def _ended(self, told: str) -> None:
        if self._want is not None:
            self._differ(told, self._doing())

    def _doing(self) -> str:
        if self._want is None:
            reason = getattr(self._result, "reason", None)
            return f"stops: {reason}" if reason is not None else "learns"
        if isinstance(self._want, AwaitRedirect):
            return f"awaits {self._want.redirect_uri}"
        if isinstance(self._want, Pause):
            return f"pauses {self._want.seconds:g} s"
        return f"{'sends' if isinstance(self._want, Send) else 'opens'} {self._want.call.method} {self._want.call.url}"

    def _members(self, what: str, expected: Members | None, actual: Members) -> None:
        for name, value in (expected or {}).items():
            self._same(f"{what} {name}", value, actual.get(name))

    def _facts(self, flow: Flow, facts: Members) -> None:
        for name, expected in facts.items():
            actual = getattr(flow, name)
            if isinstance(expected, Mapping) and not isinstance(actual, Mapping):
                assert actual is not None, self._story(f"nothing was learned of {name}")
                for attribute, value in expected.items():
                    self._same(f"{name}.{attribute}", value, getattr(actual, attribute))
            else:
                self._same(name, expected, actual)

    def _same(self, what: str, expected: object, actual: object) -> None:
        if expected != actual:
            self._differ(f"{what}: {expected!r}", f"{what}: {actual!r}")

    def _differ(self, expected: str, actual: str) -> None:
        raise AssertionError(self._story(f"- {expected}", f"+ {actual}"))

    def _story(self, *lines: str) -> str:
        return "\n".join(["the step went another way", *self._told, *lines])


def play(step: Step, flow: Flow) -> Play:
    """Begin a conversation with a step."""
    return Play(step, flow)
