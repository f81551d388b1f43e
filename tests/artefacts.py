"""Everything that a thing can be made into which stays in a notebook or a file, as texts to be searched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mcp_oauth_nb.mime import render


def texts_of(things: Iterable[Any]) -> Iterator[str]:
    """Each thing as it is printed, shown and made a table of."""
    for thing in things:
        yield repr(thing)
        yield str(thing)
        yield from displayed(thing)
        yield from framed(thing)


def displayed(thing: Any) -> Iterator[str]:
    """Each form of its display; a thing without a display of its own has none."""
    shows = getattr(thing, "_repr_mimebundle_", None)
    try:
        made = shows() if shows else render(thing)
    except TypeError:
        return
    yield from map(str, made.values())


def framed(thing: Any) -> Iterator[str]:
    """Its table for pandas, with names and attributes; a thing that can be none has none."""
    try:
        frame = getattr(thing, "frame", None)
    except TypeError:
        return
    if frame is not None:
        yield frame.to_csv()
        yield repr([frame.attrs, *frame.columns, *frame.index])
