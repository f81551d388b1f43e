"""Derived tables: what can be worked out of a trace and says more side by side than exchange by exchange.

Each is a pure function from a `Case` to a `Table`, declared with its name and the steps under whose cards it stands::

    @derived("locations", steps=("well_known",))
    def _(case: Case) -> Table | None:
        ...

It reads captured exchanges only, so that a saved trace gives the same table, and returns None where the trace has
nothing for it. One view renders all of them, and ``dbg.table(name)`` shows one by itself. A new table is a new module
here, imported in `declared`, with a place in its `ORDER`; all of them are reached when the first one is asked for.
"""

from __future__ import annotations

from mcp_oauth_nb.facts.table import FLOW, Cell, Mark, Table, derived, every_table, table_of, tables_for

__all__ = ["FLOW", "Cell", "Mark", "Table", "derived", "every_table", "table_of", "tables_for"]
