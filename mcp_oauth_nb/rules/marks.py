"""Marks: what recorders, and tools that clean recordings, put in the places of what they leave out.

A mark says that something stood there, and nothing of what: what is compared with it, decoded or measured is not told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_oauth_nb.records import Exchange, Headers, Part

_WORDS = "redacted|removed|masked|hidden|sanitized|scrubbed|filtered"
_MARK = re.compile(rf"(?i)[\[<({{]*[\w .-]*(?:{_WORDS})[\w .-]*[\])}}>]*|[*\u2022\u2026]{{3,}}|x{{4,32}}")
LONGEST = 200
"""Characters of a mark."""
BEARER = ("bearer", "dpop")
"""Schemes of which a mark says all that is asked: that there was a token (RFC 6750 2.1, RFC 9449 7.1)."""


def is_mark(value: str) -> bool:
    """Whether a mark stands in the place of a value."""
    return len(value) <= LONGEST and bool(_MARK.fullmatch(value))


def is_marked_header(name: str, value: str) -> bool:
    """Whether a mark stands in the place of a header field's value, or behind the scheme of credentials."""
    if is_mark(value):
        return True
    scheme, _, rest = value.partition(" ")
    return name.lower() == "authorization" and scheme.lower() not in BEARER and is_mark(rest.strip())


def marked_members(value: object) -> tuple[str, ...]:
    """The members of an object in whose places there are marks."""
    members: Mapping[Any, Any] = value if isinstance(value, Mapping) else {}
    return tuple(name for name, member in members.items() if isinstance(member, str) and is_mark(member))


def parts_with_marks(one: Exchange) -> Iterator[Part]:
    """The parts of an exchange that hold marks."""
    sent, came = one.request, one.response
    if _marked(sent.headers):
        yield "request headers"
    if marked_members(sent.query):
        yield "request query"
    if marked_members(sent.parsed.value) or marked_members(sent.form) or is_mark(_text(sent.body)):
        yield "request body"
    if came is not None and _marked(came.headers):
        yield "response headers"
    if came is not None and (marked_members(came.parsed.value) or is_mark(_text(came.body))):
        yield "response body"


def _marked(headers: Headers) -> bool:
    return any(is_marked_header(name, value) for name, value in headers)


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace").strip() if len(body) <= LONGEST else ""
