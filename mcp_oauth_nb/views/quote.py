"""Quotes: the very line of an exchange that a finding points at, masked, as it stood on the wire."""

from __future__ import annotations

import json
import re
from typing import Any

from mcp_oauth_nb.records import read_json
from mcp_oauth_nb.redact import Shown
from mcp_oauth_nb.views.body import mask_again, read_body, read_pairs
from mcp_oauth_nb.views.exchange import outcome

TELLING_HEADERS = ("www-authenticate", "proxy-authenticate", "retry-after", "location")
"""Header fields in which a refusal or a redirect says what is wanted."""
_TITLE = re.compile(r"(?is)<title[^>]{0,100}>.{1,200}?</title>")
LONGEST_QUOTE = 400
"""Characters of a quoted member; the exchange has the whole of it."""


def quote(shown: Shown, part: str) -> str:
    """The line that `part` names, written as in `Seen`: ``status``, ``url``, ``failure``, ``header:…`` or ``body:…``.

    What is not there is said not to be there: that a header is missing is evidence as well.
    """
    kind, _, name = part.partition(":")
    if kind == "header":
        return _header(shown, name)
    if kind == "body":
        return _member(shown, name)
    if kind == "url":
        return f"{shown.request.method} {shown.request.url}"
    return outcome(shown)


def refusal(shown: Shown) -> tuple[str, ...]:
    """What an answer other than a success says of itself: its telling header fields, and its error or first line."""
    response = shown.response
    if response is None or response.status < 300:
        return ()
    told = [f"{name}: {value}" for name, value in response.headers if name.lower() in TELLING_HEADERS]
    return (*map(_cut, told), *(_cut(line) for line in _opening(shown) if line))


def _opening(shown: Shown) -> list[str]:
    """The error of a JSON body, else the whole of it; the title of a page; of anything else the first line."""
    response = shown.response
    value = read_json(response.body).value if response is not None else None
    if response is None or isinstance(value, (dict, list)):
        names = [name for name in ("error", "error_description") if isinstance(value, dict) and name in value]
        return [_member(shown, f"/{name}") for name in names] or [_member(shown, "")]
    body = read_body(shown.vault, response.body, response.media_type)
    title = _TITLE.search(body.text) if body else None
    if title:
        return [title[0]]
    return [line for line in (body.text if body else "").splitlines() if line.strip()][:1]


def _header(shown: Shown, name: str) -> str:
    received = shown.response.headers if shown.response else ()
    for headers in (received, shown.request.headers):
        lines = [f"{key}: {value}" for key, value in headers if key.lower() == name.lower()]
        if lines:
            return _cut("; ".join(lines))
    return f"(no {name} header)"


def _member(shown: Shown, pointer: str) -> str:
    """The member of the answer's body; of the request's where only that has it."""
    name = pointer.rpartition("/")[2]
    for message in (shown.response, shown.request):
        if message is None or not message.body:
            continue
        found, value = _at(read_json(message.body).value, pointer)
        if found:
            written = _written(mask_again(shown.vault, value, name))
            return _cut(f'"{name}": {written}' if name else written)
        form = read_pairs(shown.vault, message.body.decode("utf-8", "replace"))
        lines = [f"{key}={value}" for key, value in form if name and key == name]
        if lines:
            return _cut("&".join(lines))
    if shown.response is not None and not shown.response.body:
        return "(the body is empty)"
    return f"(no {pointer} in the body)" if name else outcome(shown)


def _at(value: Any, pointer: str) -> tuple[bool, Any]:
    """Whether a JSON pointer (RFC 6901) leads somewhere in a value, and where."""
    for step in filter(None, pointer.split("/")):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return False, None
    return value is not None or bool(pointer.strip("/")), value


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE]}…"
