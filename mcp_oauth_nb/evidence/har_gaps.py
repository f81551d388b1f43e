"""What a HAR of another tool does not hold although it went over the wire.

Recorders drop bodies (an option of Firefox, a limit of Chrome, every capture without content), and who hands a HAR on
puts marks in the places of secrets. HAR has no field for either, so it is told from the sizes that stand beside a body,
and from the marks themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mcp_oauth_nb.records import Exchange, Headers, Part
from mcp_oauth_nb.rules.marks import parts_with_marks

WITH_BODY = ("POST", "PUT", "PATCH")
"""Methods whose requests mean nothing without a body (RFC 9110 9.3)."""
WITHOUT_BODY = (204, 205, 304)
"""Answers that have none (RFC 9110 15)."""


def with_gaps(one: Exchange, entry: Mapping[str, Any]) -> Exchange:
    """The exchange that an entry amounts to, with what the entry leaves out named in `untold`."""
    left_out = {*_not_kept(one, entry), *parts_with_marks(one)}
    return replace(one, untold=tuple(sorted(left_out))) if left_out else one


def _not_kept(one: Exchange, entry: Mapping[str, Any]) -> Iterator[Part]:
    sent, came = entry.get("request"), entry.get("response")
    if not _notes_headers(sent):
        yield "request headers"
    if not one.request.body and _had_body(_sizes(sent, one.request.headers), one.request.method in WITH_BODY):
        yield "request body"
    if one.response is not None and not _notes_headers(came):
        yield "response headers"
    if one.response is None or one.response.body or one.request.method == "HEAD":
        return
    content = came.get("content") if isinstance(came, Mapping) else None
    says_empty = isinstance(content, Mapping) and content.get("text") == ""
    sizes = [*_sizes(came, one.response.headers), *_sizes(content, ())]
    if one.status not in WITHOUT_BODY and _had_body(sizes, not says_empty):
        yield "response body"


def _notes_headers(told: object) -> bool:
    """Whether header fields were noted at all: no message of HTTP goes without any, but for those made by hand."""
    return isinstance(told, Mapping) and bool(told.get("headers"))


def _had_body(sizes: list[int], usual: bool) -> bool:
    """Whether there was one, by what is said of its size; where nothing is said, what is usual."""
    return any(sizes) if sizes else usual


def _sizes(told: object, headers: Headers) -> list[int]:
    """What is said of the size of a body, in bytes; -1 stands for what a recorder does not know (HAR 1.2)."""
    members = told if isinstance(told, Mapping) else {}
    said = [size for name in ("bodySize", "size") if type(size := members.get(name)) is int and size >= 0]
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    return [*said, *(int(one) for one in lengths if one.isdecimal() and len(one) < 12)]
