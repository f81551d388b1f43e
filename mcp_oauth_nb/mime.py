"""The display socket: what makes a record showable, and nothing about how.

Records sit at the bottom of the house and must not know the views above them, yet ``exchange`` as the last line
of a cell has to display itself. So a record inherits `Displayable`, whose ``_repr_mimebundle_`` calls `render`, a
`functools.singledispatch` function; the modules in ``views/`` register one function per type into it. They are reached
by name with the first display, because a flow that nobody looks at does without them. Nothing is patched in IPython,
and it works wherever ``_repr_mimebundle_`` is honoured.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any

Bundle = Mapping[str, str]
"""A mimebundle of exactly ``text/plain`` and ``text/html``; the plain text is useful without the html."""


@singledispatch
def render(record: object) -> Bundle:
    """Turn a record into its `Bundle`. Views register one implementation per type."""
    shown: Bundle = _registered(render, record)(record)
    return shown


@singledispatch
def frame_of(record: object) -> Any:
    """Turn a record into a pandas DataFrame. `views/frames.py` registers one implementation per type."""
    return _registered(frame_of, record)(record)


def _registered(socket: Any, record: object) -> Callable[[object], Any]:
    """What a view registered for this type; asked before any view is there, or for a type that none knows.

    Raises:
        TypeError: no view knows the type.
    """
    importlib.import_module("mcp_oauth_nb.views.displays")
    found: Callable[[object], Any] = socket.dispatch(type(record))
    if found is socket.registry[object]:
        raise TypeError(f"nothing in mcp_oauth_nb.views displays a {type(record).__name__}")
    return found


class Displayable:
    """Mixin: shows itself in a notebook through `render`, and as its ``repr`` everywhere else."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return dict(render(self))


class Framed(Displayable):
    """Mixin: what can also be had as a pandas DataFrame."""

    __slots__ = ()

    @property
    def frame(self) -> Any:
        """A DataFrame of it, every string masked. Imports pandas, which takes a while the first time."""
        return frame_of(self)
