"""Derived tables: what can be worked out of a trace and says more side by side than exchange by exchange.

Each is a pure function from a `Case` to a `Table`, declared with its name and the steps under whose cards it stands::

    @derived("locations", steps=("well_known",))
    def _(case: Case) -> Table | None:
        ...

It reads captured exchanges only, so that a saved trace gives the same table, and returns None where the trace has
nothing for it. One view renders all of them, and ``dbg.table(name)`` shows one by itself. A new table is a new module
here, imported below, with a place in `ORDER`.
"""

from __future__ import annotations

from mcp_oauth_nb.facts import (
    answerers,
    binding,
    clients,
    environment,
    issuers,
    lifetimes,
    locations,
    redirects,
    scopes,
    tokens,
    urls,
)
from mcp_oauth_nb.facts.table import FLOW, TABLES, Cell, Mark, Table, derived, table_of, tables_for

__all__ = [
    "FLOW",
    "ORDER",
    "TABLES",
    "Cell",
    "Mark",
    "Table",
    "answerers",
    "binding",
    "clients",
    "derived",
    "environment",
    "issuers",
    "lifetimes",
    "locations",
    "redirects",
    "scopes",
    "table_of",
    "tables_for",
    "tokens",
    "urls",
]

ORDER = (
    "urls",
    "issuers",
    "client",
    "redirects",
    "scopes",
    "binding",
    "lifetimes",
    "tokens",
    "answerers",
    "environment",
    "locations",
    "copies",
)
"""The tables in the order in which they are shown."""
for _name in ORDER:
    TABLES[_name] = TABLES.pop(_name)
