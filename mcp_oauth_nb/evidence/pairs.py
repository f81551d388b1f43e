"""Secrets whose name stands beside them with no ``=`` or ``:`` between: in pairs, table cells, on a command line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.evidence.known import Hit
from mcp_oauth_nb.evidence.looks import is_drawn, secret_in_header

_GAP = r"\s{0,20}+"
_QUOTED_NAME = r"b?[\"'](?P<name>[A-Za-z][A-Za-z0-9_.-]{1,60}+)[\"']"
_QUOTED_VALUE = r"b?[\"'](?P<value>[^\"'<>\x00]{8,8192}+)[\"']"
_TUPLE = re.compile(rf"[(\[]{_GAP}{_QUOTED_NAME}{_GAP},{_GAP}{_QUOTED_VALUE}{_GAP},?+{_GAP}[)\]]")
_NAME_MEMBER = rf"[\"']name[\"']{_GAP}:{_GAP}{_QUOTED_NAME}"
_VALUE_MEMBER = rf"[\"']value[\"']{_GAP}:{_GAP}{_QUOTED_VALUE}"
_NAME_AND_VALUE = re.compile(f"{_NAME_MEMBER}{_GAP},{_GAP}{_VALUE_MEMBER}")
_VALUE_AND_NAME = re.compile(f"{_VALUE_MEMBER}{_GAP},{_GAP}{_NAME_MEMBER}")
_CELLS = re.compile(
    r"(?i)<t[dh](?:\s[^<>]{0,200})?>\s{0,80}+(?P<name>[A-Za-z][A-Za-z0-9_.-]{1,60}+)\s{0,80}+</t[dh]>\s{0,80}+"
    r"<t[dh](?:\s[^<>]{0,200})?>\s{0,80}+(?P<value>[^<>\x00]{8,8192}+)</t[dh]>"
)
_USER_OPTION = re.compile(
    r"(?<![\w-])(?:-u|--(?:proxy-)?user)[ =]?[\"']?[^\s:\"'<>]{1,128}+:(?P<value>[^\s\"'<>\x00]{8,4096}+)"
)


def find_pairs(text: str) -> Iterator[Hit]:
    """Every value that is a secret by the name beside it; hits may overlap."""
    lower = text.lower()
    if "(" in text or "[" in text:
        yield from _named(_TUPLE, text)
    if "<t" in lower:
        yield from _named(_CELLS, text)
    if "value" in lower and "name" in lower:
        yield from _named(_NAME_AND_VALUE, text)
        yield from _named(_VALUE_AND_NAME, text)
    if "curl" in lower:
        for match in _USER_OPTION.finditer(text):
            if is_drawn(match["value"]):
                yield Hit(*match.span("value"), match["value"], "password", None)


def _named(pattern: re.Pattern[str], text: str) -> Iterator[Hit]:
    for match in pattern.finditer(text):
        at, value = match.start("value"), match["value"].rstrip()
        for hit in secret_in_header(match["name"], value):
            yield hit._replace(start=at + hit.start, end=at + hit.end)
