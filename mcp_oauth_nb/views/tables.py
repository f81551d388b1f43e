"""Derived tables as they are shown: every cell masked, escaped and on one line.

A mark is a sign with a word's weight, not a colour alone: ``✓`` good, ``✗`` bad, ``!`` to look at. As plain text a
table stands in columns where it is narrow enough, else in blocks, a row after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NewType

from mcp_oauth_nb.facts import Cell, Mark, Table
from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views import frames
from mcp_oauth_nb.views.html import (
    Html,
    bundle,
    card,
    details,
    heading,
    one_line,
    quiet,
    stack,
    strong,
    table,
    tag,
    text,
    unbroken,
    wire,
    words,
)

ShownTable = NewType("ShownTable", Table)
"""A table in which every secret is a tag. Made by `shown_table` of a table, and of the tables below it."""
SIGNS: dict[Mark, str] = {"": "", "good": "✓", "bad": "✗", "warn": "!"}
SHORT = 32
"""Characters of text from the wire that stay on one line: a port or host that breaks is no longer read at a glance."""
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
        shown = shown_table(self.table, self.vault)
        rows = [{name: cell.text for name, cell in zip(shown.columns, row, strict=True)} for row in shown.rows]
        return frames.frame(rows, self.table.columns)


@render.register
def _(view: TableView) -> Bundle:
    shown = shown_table(view.table, view.vault)
    return bundle(card(table_html(shown)), "\n".join(table_lines(shown)))


def shown_table(made: Table, vault: Vault) -> ShownTable:
    """The same table with every text in it masked: once for markup and plain text together."""
    known: dict[str, str] = {}

    def masked(content: str) -> str:
        if content not in known:  # most cells say what others say
            known[content] = mask_text(vault, content)
        return known[content]

    return _shown_table(made, masked)


def _shown_table(made: Table, masked: Callable[[str], str]) -> ShownTable:
    rows = tuple(tuple(replace(cell, text=masked(cell.text)) for cell in row) for row in made.rows)
    tail = tuple(_shown_table(one, masked) for one in made.tail)
    return ShownTable(
        replace(made, title=masked(made.title), rows=rows, notes=tuple(map(masked, made.notes)), tail=tail)
    )


def table_html(made: ShownTable) -> Html:
    """A table with its title and notes, and those that belong below it."""
    return stack(heading(_titled(made)), *_body_html(made))


def folded_html(made: ShownTable, *, unfold: bool = False) -> Html:
    """The same, folded into its title."""
    said = strong(_titled(made)) if made.mark in ("bad", "warn") else text(_titled(made))
    return details(said, *_body_html(made), unfold=unfold)


def _titled(made: ShownTable) -> str:
    return " ".join(filter(None, (SIGNS[made.mark], made.title)))


def _body_html(made: ShownTable) -> Iterator[Html]:
    if made.rows:
        yield table([[_cell_html(cell) for cell in row] for row in made.rows], made.columns)
    yield from (tag("div", quiet(note)) for note in made.notes)
    yield from (table_html(ShownTable(one)) for one in made.tail)


def table_lines(made: ShownTable) -> Iterator[str]:
    """The same as plain text, line by line."""
    yield one_line(_titled(made))
    rows = [[_cell_text(cell) for cell in row] for row in made.rows]
    lines = list(_aligned(made.columns, rows))
    if max(map(len, lines), default=0) > WIDEST:
        lines = [line for row in rows for line in _block(made.columns, row)]
    yield from (f"  {line}" for line in lines)
    yield from (f"  {one_line(note)}" for note in made.notes)
    for one in made.tail:
        yield from table_lines(ShownTable(one))


def table_value(made: Table, vault: Vault) -> dict[str, Any]:
    """A table as plain values for JSON, every text masked; the tables below it are `tail`."""
    return _value(shown_table(made, vault))


def _value(made: ShownTable) -> dict[str, Any]:
    return {
        "title": made.title,
        "mark": made.mark,
        "columns": list(made.columns),
        "rows": [[{"text": cell.text, "mark": cell.mark} for cell in row] for row in made.rows],
        "notes": list(made.notes),
        "tail": [_value(ShownTable(one)) for one in made.tail],
    }


def _cell_html(cell: Cell) -> Html:
    shown = (wire if cell.wire else text)(cell.text)
    if cell.mark == "bad" and cell.text:
        shown = strong(cell.text)
    if cell.wire and len(cell.text) <= SHORT:
        shown = unbroken(shown)
    return words(strong(SIGNS[cell.mark]), shown) if cell.mark and cell.text else shown


def _cell_text(cell: Cell) -> str:
    return one_line(" ".join(filter(None, (SIGNS[cell.mark], cell.text))))


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
