"""The display socket: what makes a record showable, and nothing about how.

Records sit at the bottom of the house and must not know the views above them, yet ``exchange`` as the last line
of a cell has to display itself. So a record inherits `Displayable`, whose ``_repr_mimebundle_`` calls `render`, a
`functools.singledispatch` function; the modules in ``views/`` register one function per type into it. No import
points upward, nothing is patched in IPython, and it works wherever ``_repr_mimebundle_`` is honoured.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

Bundle = Mapping[str, str]
"""A mimebundle of exactly ``text/plain`` and ``text/html``; the plain text is useful without the html."""


@singledispatch
def render(record: object) -> Bundle:
    """Turn a record into its `Bundle`. Views register one implementation per type."""
    raise TypeError(f"nothing in mcp_oauth_nb.views displays a {type(record).__name__}")


@singledispatch
def frame_of(record: object) -> Any:
    """Turn a record into a pandas DataFrame. `views/frames.py` registers one implementation per type."""
    raise TypeError(f"nothing in mcp_oauth_nb.views makes a table of a {type(record).__name__}")


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
