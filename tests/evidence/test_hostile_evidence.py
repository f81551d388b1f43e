"""Evidence that somebody crafted: it is refused with a word of ours, or read into a trace whose report is displayed."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from factories import NOON
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_oauth_nb import BadSetting, Debugger, NotOurs, diagnose, load
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.evidence.document import document_of, from_json
from mcp_oauth_nb.mime import render

MARKUP = "<img src=x onerror=alert(1)>'\"></details><script>alert(1)</script>"
TAGS = [
    "‹token#000001 9 chars›",
    "‹code#ffffff 999999999 chars›",
    "‹state#000000 0 chars›",
    "‹x#123456 00000012 chars›",
]
ODD: list[Any] = [
    MARKUP, *TAGS, "", "\ud800", "\u202e\u2066 right to left", "\x1b[31m\x00\x07", "x" * 100_000, "x{999999999}",
    "x{99999999}" * 50, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-13-45T99:99:99Z", "noon",
    "http://[::1/", "Basic ‹token#000001 9 chars› (base64)", "Basic a:b (base64)", -1, 0, 2, 10**400, 1.5, -0.0, 1e308,
    float("nan"), float("inf"), True, None, [], {}, [[]], {"a": {"b": MARKUP}}, [MARKUP] * 3, "mcp", "token", "in",
]  # fmt: skip
"""What is put in the place of something else."""


@cache
def valid() -> str:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run(afterwards=True)
        return json.dumps(document_of(dbg.trace, now=NOON))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything in a document."""
    found = [path] if path else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        found += places(member, (*path, key))
    return found


@cache
def every_place() -> list[tuple[Any, ...]]:
    return places(json.loads(valid()))


def mutated(document: Any, path: tuple[Any, ...], how: str, odd: Any) -> None:
    """Change what stands at a place; where a change before has taken the place away, nothing."""
    for key in path[:-1]:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return
    key = path[-1]
    try:
        if how == "remove":
            del document[key]
        elif how == "repeat":
            document.insert(key, copy.deepcopy(document[key]))
        elif how == "rename":
            document[str(odd)[:300]] = document.pop(key)
        elif how == "append" and isinstance(document[key], str) and isinstance(odd, str):
            document[key] += odd
        else:
            document[key] = copy.deepcopy(odd)
    except (KeyError, IndexError, TypeError, AttributeError):
        return


def read(text: str | bytes) -> None:
    """Load it; what comes of it is displayed, and says no markup of the file's."""
    try:
        trace = from_json(text, "crafted.json")
    except (NotOurs, BadSetting):
        return
    report = diagnose(trace)
    shown = render(report)
    assert shown["text/plain"]
    assert "<script" not in shown["text/html"]
    assert "<img src=x" not in shown["text/html"]
    assert "\x1b" not in shown["text/plain"]
    assert "\u202e" not in shown["text/plain"]
    json.dumps(document_of(trace, now=NOON))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_change_is_refused_or_read(data: st.DataObject) -> None:
    document = json.loads(valid())
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from(every_place()))
        how = data.draw(st.sampled_from(["replace", "replace", "append", "remove", "repeat", "rename"]))
        mutated(document, path, how, data.draw(st.sampled_from(ODD)))
    read(json.dumps(document))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_secret_that_is_told_of_is_refused_or_read(data: st.DataObject) -> None:
    """What stands in the place of a tag is made of what the file says of it, which is where most can go wrong."""
    document = json.loads(valid())
    tags = [*document["secrets"], *TAGS]
    shape = {"shape": data.draw(st.sampled_from(["", "x{3}", "x{999999999}", "x{99999999}" * 9, "x{x{3}}", "!" * 9])),
             "letters": data.draw(st.sampled_from([[], ["0-9"], ["g-z", "g-z"]]))}  # fmt: skip
    inside = {"json": {"sub": data.draw(st.sampled_from(tags)), data.draw(st.sampled_from(tags)): [1]},
              "length": data.draw(st.sampled_from([0, 1, 80, 10**9, 10**30]))}  # fmt: skip
    for _ in range(data.draw(st.integers(1, 3))):
        tag = data.draw(st.sampled_from(tags))
        parts = data.draw(st.lists(st.sampled_from([shape, inside]), min_size=1, max_size=5))
        document["secrets"][tag] = {"parts": parts, "known": data.draw(st.booleans())}
        if data.draw(st.booleans()):
            document["secrets"][tag]["hash_of"] = data.draw(st.sampled_from(tags))
        if data.draw(st.booleans()):
            document["secrets"][tag]["sha256"] = data.draw(st.sampled_from(["A" * 43, "-" * 43]))
    document["exchanges"][0]["request"]["headers"].append({"name": "X", "value": " ".join(tags)})
    read(json.dumps(document))


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 6000, b"{}", b"null", b'"\\ud800"',
        b"\x1f\x8b\x08",
        b'{"format": "application/vnd.mcp-oauth-nb.evidence+json", "version": 1e400}',
        b'{"format": "application/vnd.mcp-oauth-nb.evidence+json", "version": ' + b"1" * 6000 + b"}",
        b'{"format": {"a": 1}, "format": 2}',
        b'{"nbformat": 4, "cells": [{"outputs": [{"data": {"application/vnd.mcp-oauth-nb.evidence+json": "x"}}]}]}',
        b'{"nbformat": 4, "cells": {"a": 1}}',
    ],
)  # fmt: skip
def test_no_file_trips_it(text: bytes, tmp_path: Path) -> None:
    file = tmp_path / "crafted.json"
    file.write_bytes(text)
    with pytest.raises((NotOurs, BadSetting)):
        load(file)


def test_a_hundred_tags_inside_each_other_are_no_more_text_than_they_say() -> None:
    document = json.loads(valid())
    chain = [f"‹token#{number:06x} 40 chars›" for number in range(100)]
    for one, inner in zip(chain, [*chain[1:], chain[0]], strict=True):
        document["secrets"][one] = {"parts": [{"json": {"a": inner, "b": inner}, "length": 40}], "known": True}
    document["exchanges"][0]["why"] = chain[0]
    read(json.dumps(document))


def test_a_thousand_times_the_largest_secret_is_refused_or_stays_small() -> None:
    document = json.loads(valid())
    tag = "‹token#00000a 1048576 chars›"
    document["secrets"][tag] = {"parts": [{"shape": "x{1048576}", "letters": ["0-9"]}], "known": True}
    document["exchanges"][0]["why"] = tag * 1000
    try:
        trace = from_json(json.dumps(document), "crafted.json")
    except NotOurs:
        return
    assert len(trace.exchanges[0].why) < 1 << 26
