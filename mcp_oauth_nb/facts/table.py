"""`Table`: titled rows of cells, and the registry of all derived tables.

A table holds text as it was received; the view masks and escapes every cell. Only what must be masked by the name of
its place, such as a member of a document, is said through `said`, because a cell no longer knows where it stood.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.redact import mask_json, mask_text
from mcp_oauth_nb.rules.rule import Case
from mcp_oauth_nb.rules.untold import NotTold, guarded
from mcp_oauth_nb.vault import Vault

Mark = Literal["", "good", "bad", "warn"]
GRAVITY: tuple[Mark, ...] = ("", "good", "warn", "bad")
FLOW = "flow"
"""In place of a step's name: the table stands in the report on the whole flow."""
LONGEST_CELL = 1000
"""Characters of a value in a cell; the exchange has it in full."""


@dataclass(frozen=True, repr=False)
class Cell:
    """One cell.

    Attributes:
        text: what it says, one line; may hold server text and secrets, which the view masks.
        mark: what to make of it; empty for no judgement.
        wire: text from the wire, such as a URL or a value: shown in monospace.
    """

    text: str
    mark: Mark = ""
    wire: bool = False

    def __repr__(self) -> str:
        return f"<Cell {self.mark or 'plain'}, {len(self.text)} characters>"


@dataclass(frozen=True, repr=False)
class Table:
    """A derived table.

    Attributes:
        title: what it shows and what came of it, in one line: all there is to read where it is folded. May hold server
            text.
        columns: the headings, ours alone.
        rows: the cells, one per column. A table without rows says its `notes` only.
        notes: sentences below it, such as what was left out.
        tail: further tables that belong below this one.
        mark: what to make of all of it; empty for no judgement.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    notes: tuple[str, ...] = ()
    tail: tuple[Table, ...] = ()
    mark: Mark = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("a row has another number of cells than there are columns")

    def __repr__(self) -> str:
        return f"<Table {len(self.columns)} columns, {len(self.rows)} rows>"


@dataclass(frozen=True)
class Derived:
    """A table as declared: `make` returns None where the trace has nothing for it."""

    name: str
    steps: tuple[str, ...]
    make: Callable[[Case], Table | None] = field(repr=False)


TABLES: dict[str, Derived] = {}
"""Every derived table by name, in the order in which those of one step are shown."""


def derived(
    name: str, *, steps: tuple[str, ...]
) -> Callable[[Callable[[Case], Table | None]], Callable[[Case], Table | None]]:
    """Declare a table.

    Args:
        name: what ``dbg.table(name)`` calls it.
        steps: the steps under whose cards it stands; `FLOW` for the report on the whole flow.
    """

    def declare(make: Callable[[Case], Table | None]) -> Callable[[Case], Table | None]:
        if name in TABLES:
            raise ValueError(f"two tables are called {name}")
        TABLES[name] = Derived(name, steps, make)
        return make

    return declare


def every_table() -> Mapping[str, Derived]:
    """Every derived table by name, in the order in which they are shown."""
    importlib.import_module("mcp_oauth_nb.facts.declared")  # declares them all, which nobody needs before
    return TABLES


def tables_for(trace: Trace, step: str, *, whole: bool = True) -> tuple[Table, ...]:
    """The tables that belong under the card of a step (`FLOW`: of the whole flow), as far as the trace has any.

    Without `whole` those are left out that stand in the report on the whole flow as well.
    """
    case = Case(guarded(trace))  # one for all of them, so that what several look at is read once
    wanted = [one.name for one in every_table().values() if step in one.steps and (whole or FLOW not in one.steps)]
    return tuple(made for name in wanted if (made := _made(case, name)) is not None)


def table_of(trace: Trace, name: str) -> Table | None:
    """One table by name; None where the trace has nothing for it."""
    return _made(Case(guarded(trace)), name)


def _made(case: Case, name: str) -> Table | None:
    """Never raises: a table that trips over what a server sent says so in its place, and takes no report down."""
    try:
        return every_table()[name].make(case)
    except NotTold:
        return Table(name, (), notes=("Not worked out: the recording does not hold what it would look at.",))
    except Exception as error:  # noqa: BLE001 - whatever a server sent, the rest of the report stays
        return Table(name, (), notes=(f"The table could not be worked out ({type(error).__name__}).",))


def said(vault: Vault, name: str, value: Any) -> str:
    """A member of a document as the text of a cell, masked by its name: a string as it is, anything else as JSON."""
    masked = mask_json(vault, value, name)
    text = masked if isinstance(masked, str) else mask_text(vault, json.dumps(masked, ensure_ascii=False))
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}… (cut)"


def worst(marks: Iterable[Mark]) -> Mark:
    """The gravest of some marks; empty where nothing is marked."""
    return max(marks, key=GRAVITY.index, default="")
