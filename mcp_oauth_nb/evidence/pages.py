"""What a saved session shows, page after page: verdict, settings and versions, derived tables, every step, the object.

Each page is what one cell would show, with the code that shows it again from the file alone: an executed notebook of
evidence can be run anew, and stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mcp_oauth_nb.evidence.document import MIME, document_of
from mcp_oauth_nb.facts import Cell, Table, every_table, table_of
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.steps import STEPS
from mcp_oauth_nb.views.tables import TableView

TITLE = "Evidence of an authorization"
BEGINNING = """from dataclasses import replace

from mcp_oauth_nb import diagnose, load
from mcp_oauth_nb.evidence.pages import Evidence, derived, provenance

report = diagnose(load({name!r}))
report"""


@dataclass(frozen=True)
class Page:
    """One page: its heading, the code of its cell, and the mimebundle that the code shows."""

    heading: str
    source: str = field(repr=False)
    shown: Mapping[str, Any] = field(repr=False)


class Evidence:
    """The evidence object of a trace as an output of a cell: the object under its media type, and a line to read."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __repr__(self) -> str:
        return f"<Evidence of {len(self._trace.exchanges)} exchanges>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        count = len(self._trace.exchanges)
        line = f"{count} exchanges, {len(self._trace.runs)} steps as {MIME}; to be read with mcp_oauth_nb.load(file)"
        return {MIME: document_of(self._trace), "text/plain": line}


def pages(report: Report, name: str) -> Iterator[Page]:
    """The pages of a report on a whole flow.

    Args:
        report: what is to be told.
        name: the name of the file, which the code of the first page reads.
    """
    trace = report.trace
    yield Page("Verdict", BEGINNING.format(name=name), render(report))
    yield Page("Settings and versions", "provenance(report.trace)", render(provenance(trace)))
    for table in every_table():
        made = derived(report, table)
        if made is not None:
            yield Page(f"Derived: {table}", f"derived(report, {table!r})", render(made))
    for run in trace.runs:
        step = replace(report, step=run.step)
        yield Page(f"Step: {STEPS[run.step].title}", f"replace(report, step={run.step!r})", render(step))
    yield Page("Evidence", "Evidence(report.trace)", Evidence(trace)._repr_mimebundle_())


def derived(report: Report, name: str) -> TableView | None:
    """One derived table of a report; None where its trace has nothing for it."""
    made = table_of(report.trace, name)
    return None if made is None else TableView(made, report.trace.vault)


def provenance(trace: Trace) -> TableView:
    """What the user chose, and which software wrote this when."""
    document = document_of(replace(trace, exchanges=(), runs=()))
    rows = [("written", document["written"])]
    rows += [(f"version of {name}", version) for name, version in document["software"].items()]
    rows += [(name, value) for name, value in trace.settings.items() if name != "python"]
    cells = tuple((Cell(name), Cell(value, wire=True)) for name, value in rows)
    return TableView(Table("Settings and versions", ("what", "value"), cells), trace.vault)
