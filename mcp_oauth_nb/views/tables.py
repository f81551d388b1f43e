"""Derived tables as they are shown: every cell masked, escaped and on one line.

A mark is a sign with a word's weight, not a colour alone: ``✓`` good, ``✗`` bad, ``!`` to look at. As plain text a
table stands in columns where it is narrow enough, else in blocks, a row after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_oauth_nb.facts import Cell, Mark, Table
from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views import frames
from mcp_oauth_nb.views.html import (
    Html,
    bundle,
    card,
    heading,
    one_line,
    quiet,
    stack,
    strong,
    table,
    tag,
    text,
    wire,
    words,
)

SIGNS: dict[Mark, str] = {"": "", "good": "✓", "bad": "✗", "warn": "!"}
WIDEST = 120
"""Characters of a line of a table in plain text; wider ones stand in blocks."""


@dataclass(frozen=True, repr=False)
class TableView(Displayable):
    """One derived table for display. ``view.frame`` is the same for pandas."""

    table: Table
    vault: Vault

    def __repr__(self) -> str:
        return repr(self.table)

    @property
    def frame(self) -> Any:
        """The table as a pandas DataFrame, every value masked; tables below it are not in it."""
        shown = [[_shown(cell, self.vault) for cell in row] for row in self.table.rows]
        rows = [dict(zip(self.table.columns, row, strict=True)) for row in shown]
        return frames.frame(rows, self.table.columns)


@render.register
def _(view: TableView) -> Bundle:
    return bundle(card(table_html(view.table, view.vault)), "\n".join(table_lines(view.table, view.vault)))


def table_html(made: Table, vault: Vault) -> Html:
    """A table with its title and notes, and those that belong below it."""
    rows = [[_cell_html(cell, vault) for cell in row] for row in made.rows]
    notes = [tag("div", quiet(mask_text(vault, note))) for note in made.notes]
    listed = [table(rows, made.columns)] if rows else []
    below = [table_html(one, vault) for one in made.tail]
    return stack(heading(mask_text(vault, made.title)), *listed, *notes, *below)


def table_lines(made: Table, vault: Vault) -> Iterator[str]:
    """The same as plain text, line by line."""
    yield one_line(mask_text(vault, made.title))
    rows = [[_cell_text(cell, vault) for cell in row] for row in made.rows]
    lines = list(_aligned(made.columns, rows))
    if max(map(len, lines), default=0) > WIDEST:
        lines = [line for row in rows for line in _block(made.columns, row)]
    yield from (f"  {line}" for line in lines)
    yield from (f"  {one_line(mask_text(vault, note))}" for note in made.notes)
    for one in made.tail:
        yield from table_lines(one, vault)


def table_value(made: Table, vault: Vault) -> dict[str, Any]:
    """A table as plain values for JSON, every text masked; the tables below it are `tail`."""
    return {
        "title": mask_text(vault, made.title),
        "columns": list(made.columns),
        "rows": [[{"text": _shown(cell, vault), "mark": cell.mark} for cell in row] for row in made.rows],
        "notes": [mask_text(vault, note) for note in made.notes],
        "tail": [table_value(one, vault) for one in made.tail],
    }


def _shown(cell: Cell, vault: Vault) -> str:
    return mask_text(vault, cell.text)


def _cell_html(cell: Cell, vault: Vault) -> Html:
    shown = _shown(cell, vault)
    if cell.mark and shown:
        return words(strong(SIGNS[cell.mark]), strong(shown))
    return wire(shown) if cell.wire else text(shown)


def _cell_text(cell: Cell, vault: Vault) -> str:
    return one_line(" ".join(filter(None, (SIGNS[cell.mark], _shown(cell, vault)))))


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    lines = [list(columns), *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        yield "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()


def _block(columns: Sequence[str], row: Sequence[str]) -> Iterator[str]:
    """The first cell on a line, and below it the others that say anything, each with its heading."""
    first, *others = row
    yield first
    told = (f"{name}: {word}" for name, word in zip(columns[1:], others, strict=True) if word)
    yield from _filled(told)


def _filled(told: Iterator[str]) -> Iterator[str]:
    """As many as go on one line."""
    line = ""
    for one in told:
        if line and len(line) + len(one) > WIDEST - 8:
            yield f"    {line}"
            line = ""
        line = f"{line} | {one}" if line else one
    if line:
        yield f"    {line}"
