"""What of an MCP request stands in its headers as well, so that a proxy can route by it (MCP 2026-07-28).

The method, the name of what it is about, and those arguments of a tool that its input schema marks with
``x-mcp-header``. A mark counts on a property that is reached through ``properties`` alone, of type string, integer or
boolean; a schema in which one of these is marked otherwise declares nothing. Marks anywhere else are not looked at.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

MARK = "x-mcp-header"
PREFIX = "Mcp-Param-"
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Methods whose subject is repeated in the header ``Mcp-Name``."""
Mirrored = Mapping[tuple[str, ...], str]
"""By the path of an argument: the name of the header that repeats it."""
_TYPES = ("string", "integer", "boolean")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DEEPEST = 20
"""Levels of nested objects that are looked at: a schema is as deep as a server likes."""


def mirrored_arguments(schema: object) -> Mapping[tuple[str, ...], str]:
    """The arguments that the input schema of a tool marks; empty where a mark is not allowed as it stands."""
    found: dict[tuple[str, ...], str] = {}
    for path, mark, kind in _marks(schema, ()):
        if not isinstance(mark, str) or not _TOKEN.fullmatch(mark) or kind not in _TYPES:
            return {}
        found[path] = PREFIX + mark
    unique = {name.lower() for name in found.values()}
    return found if len(unique) == len(found) else {}


def _marks(schema: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object, object]]:
    """The marked properties, each with its path, its mark and its type."""
    properties = schema.get("properties") if isinstance(schema, dict) and len(path) < _DEEPEST else None
    for name, one in properties.items() if isinstance(properties, dict) else ():
        if isinstance(one, dict) and MARK in one:
            yield (*path, name), one[MARK], one.get("type")
        yield from _marks(one, (*path, name))


def argument_text(arguments: object, path: tuple[str, ...]) -> str | None:
    """An argument as its header says it; None where it is absent, null or no single value."""
    value: Any = arguments
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else None


def argument_headers(mirrored: Mirrored, arguments: object) -> tuple[tuple[str, str], ...]:
    """The headers that repeat the marked arguments of a call; an argument that is absent or null has none."""
    said = ((name, argument_text(arguments, path)) for path, name in mirrored.items())
    return tuple((name, header_text(value)) for name, value in said if value is not None)


def header_text(value: str) -> str:
    """A value as a header may carry it: as it is when plainly visible ASCII, else base64 between its marks."""
    plain = value.isascii() and value.isprintable() and value == value.strip() and not value.startswith("=?")
    if plain and value:
        return value
    return f"=?base64?{base64.b64encode(value.encode('utf-8', 'replace')).decode()}?="


def plain_text(header: str) -> str:
    """The value of a header that may be written in base64 between its marks."""
    if not (header.startswith("=?base64?") and header.endswith("?=")):
        return header
    try:
        return base64.b64decode(header[9:-2], validate=True).decode("utf-8", "replace")
    except ValueError:
        return header
