"""What a step is and all that it can want.

A step is a generator: it yields what it wants (`Send`, `Open`, `AwaitRedirect`, `Pause`), is handed the `Exchange`
that came of it, and returns the `Flow` with what it learned, or `Stopped` with the reason why it could not. It reads
like the conversation it holds and touches no socket, clock or source of entropy, so that a test can play the other
side.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.fields import FRAMING, is_field_value, is_token
from mcp_oauth_nb.protocol.flow import Flow
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange, Request

Pairs = tuple[tuple[str, str], ...]
BARE_CODE = "bare code pasted: state and iss could not be checked"
"""Marks a redirect of which only the code is known."""
Edits = Mapping[str, Any]
"""A user's changes to one part of a request: name to new value, or to None to remove it."""


@dataclass(frozen=True, repr=False)
class Call:
    """The intent of a request, before it is bytes.

    Attributes:
        params: query parameters, put behind the query that `url` already has.
        form: members of a form body; None where there is none.
        json: a JSON object as body; None where there is none.
        why: which document or person sends us to `url`, in words.
        handshake: part of an opening exchange, which a user's ``json=`` does not mean.
    """

    method: str
    url: str
    headers: Pairs = ()
    params: Pairs = ()
    form: Pairs | None = None
    json: Mapping[str, Any] | None = None
    why: str = ""
    edited: tuple[str, ...] = ()
    handshake: bool = False

    def __repr__(self) -> str:
        return f"<Call {self.method}>"

    @classmethod
    def get(cls, url: str, *, why: str = "", headers: Pairs = (("Accept", "application/json"),)) -> Call:
        """A GET for a JSON document."""
        return cls("GET", url, headers, why=why)

    @classmethod
    def post_form(cls, url: str, form: Iterable[tuple[str, str | None]], *, why: str, headers: Pairs = ()) -> Call:
        """A POST of a form; members whose value is None are left out."""
        members = tuple((name, value) for name, value in form if value is not None)
        return cls("POST", url, (("Accept", "application/json"), *headers), form=members, why=why)

    def request(self) -> Request:
        """The bytes to send. Text that is not encodable is sent with replacement characters, never raised."""
        headers, body = list(self.headers), b""
        if self.form is not None:
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
            body = urlencode(self.form, errors="replace").encode()
        elif self.json is not None:
            headers.append(("Content-Type", "application/json"))
            body = json.dumps(self.json, separators=(",", ":")).encode()
        return Request(self.method, self.full_url(), tuple(headers), body)

    def full_url(self) -> str:
        """The URL with its query parameters; one that the URL already has is kept (RFC 6749 3.1)."""
        if not self.params:
            return self.url
        base, _, fragment = self.url.partition("#")
        glue = "" if base.endswith(("?", "&")) else "&" if "?" in base else "?"
        query = urlencode(self.params, errors="replace", quote_via=quote)
        return base + glue + query + (f"#{fragment}" if fragment else "")


@dataclass(frozen=True)
class Override:
    """What the user changes in the requests of one step; merged here and nowhere else, and marked in the evidence."""

    params: Edits = field(default_factory=dict, repr=False)
    form: Edits = field(default_factory=dict, repr=False)
    headers: Edits = field(default_factory=dict, repr=False)
    json: Edits = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for part in ("params", "form", "headers", "json"):
            if not isinstance(getattr(self, part), Mapping):
                seen = type(getattr(self, part)).__name__
                raise BadSetting(f"{part}=", f"a {seen}", "a mapping of names to values, None to remove one")
        for name, value in self.headers.items():
            _check_name(name)
            if value is not None and name.lower() in FRAMING:
                raise BadSetting(f"headers[{name!r}]", "a header that is worked out of the body", "another header")
            for _, text in _values(name, value):
                if not is_field_value(text):
                    raise BadSetting(f"headers[{name!r}]", _unfit(text), "one line of visible text")
        try:
            json.dumps(dict(self.json))
        except (TypeError, ValueError, RecursionError):
            raise BadSetting("json=", "a value that JSON cannot hold", "text, numbers, lists and mappings") from None

    def __bool__(self) -> bool:
        return bool(self.params or self.form or self.headers or self.json)

    def apply(self, call: Call) -> Call:
        """The call with the user's changes in it, each named in `Call.edited`."""
        edited = [f"params.{name}" for name in self.params] + [f"headers.{name}" for name in self.headers]
        url, params = _without_parameters(call.url, self.params), _edit(call.params, self.params)
        call = replace(call, url=url, params=params, headers=_edit(call.headers, self.headers, fold=True))
        if call.form is not None and self.form:
            call = replace(call, form=_edit(call.form, self.form))
            edited += [f"form.{name}" for name in self.form]
        if call.json is not None and self.json and not call.handshake:
            removed = {name for name, value in self.json.items() if value is None}
            merged = {**call.json, **self.json}
            call = replace(call, json={name: value for name, value in merged.items() if name not in removed})
            edited += [f"json.{name}" for name in self.json]
        return replace(call, edited=(*call.edited, *edited))


@dataclass(frozen=True)
class Send:
    """Send this. `answer_id` is the JSON-RPC id to stop reading an event stream at; None reads to the end.

    With `opening` an event stream is not read: that it opens is the answer.
    """

    call: Call
    answer_id: int | str | None = None
    opening: bool = False


@dataclass(frozen=True)
class Open:
    """Have the user's browser open this."""

    call: Call


@dataclass(frozen=True)
class AwaitRedirect:
    """Wait until the browser that was sent to `url` comes back to `redirect_uri`."""

    redirect_uri: str = field(repr=False)
    url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Pause:
    """Let so many seconds pass, while a person does something at `url`, or a server where there is no URL.

    Nothing is handed back for it.
    """

    seconds: float
    url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Stopped:
    """The step could not get what it is for. `flow` keeps what it learned on the way, when it learned anything."""

    reason: str = field(repr=False)
    flow: Flow | None = None


Want = Send | Open | AwaitRedirect | Pause
Wants = Generator[Want, Exchange, Flow | Stopped]


@dataclass(frozen=True)
class Step:
    """A named step: `run` makes its generator.

    A probe sends what an ordinary client would not, and is opt-in. A step aside stands beside the route: it starts from
    the flow as it is now and rewinds nothing.
    """

    name: str
    title: str
    spec: Spec
    run: Callable[[Flow], Wants] = field(repr=False)
    probe: bool = False
    aside: bool = False


def step(
    *, title: str, spec: Spec, probe: bool = False, aside: bool = False
) -> Callable[[Callable[[Flow], Wants]], Step]:
    """Declare a step; its name is the function's."""

    def declare(run: Callable[[Flow], Wants]) -> Step:
        return Step(run.__name__, title, spec, run, probe, aside)

    return declare


def _edit(pairs: Pairs, edits: Edits, *, fold: bool = False) -> Pairs:
    """Replace in place, remove where None, append what is new. A list value repeats the name."""

    def key(name: str) -> str:
        return name.lower() if fold else name

    wanted = {key(str(name)): (str(name), value) for name, value in edits.items()}
    result: list[tuple[str, str]] = []
    done: set[str] = set()
    for name, old in pairs:
        if key(name) not in wanted:
            result.append((name, old))
        elif key(name) not in done:
            done.add(key(name))
            result += _values(*wanted[key(name)])
    for folded, (name, value) in wanted.items():
        if folded not in done:
            result += _values(name, value)
    return tuple(result)


def _without_parameters(url: str, edits: Edits) -> str:
    """The URL without the parameters in its own query that the user edits; every other byte stays."""
    base, question, query = url.partition("#")[0].partition("?")
    kept = [pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) not in edits]
    if len(kept) == len(query.split("&")):
        return url
    return base + (question if kept else "") + "&".join(kept) + url[len(base + question + query) :]


def _values(name: str, value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    many = value if isinstance(value, (list, tuple)) else [value]
    return [(name, str(one)) for one in many]


def _check_name(name: object) -> None:
    """The name itself is not repeated: where it is none, it may be a secret in the wrong place."""
    expected = "a name of letters, digits and hyphens, such as 'X-Api-Key'"
    if not isinstance(name, str):
        raise BadSetting("headers=", f"a name that is a {type(name).__name__}", expected)
    if not is_token(name):
        wrong = next((c for c in name if not is_token(c)), "")
        raise BadSetting("headers=", f"a name with {wrong!r} in it" if wrong else "an empty name", expected)


def _unfit(text: str) -> str:
    if any((ord(c) < 32 and c != "\t") or ord(c) == 127 for c in text):
        return "a line break or control character"
    return "white space at its beginning or end"
