"""What two runs differ in behind the wire: what the rules found, and what was worked out of the exchanges."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.facts import every_table, table_of
from mcp_oauth_nb.facts.table import Table
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.views.comparison import Difference
from mcp_oauth_nb.views.tables import shown_table

NOT_SHARED = ("environment", "lifetimes")
"""Tables of what differs with every run."""
NONE = "no finding"


def verdicts(reports: tuple[Report, Report], names: tuple[str, str]) -> Iterator[Difference | None]:
    """A difference for each finding that only one run has; None for each that both have."""
    listed = [{(one.rule, one.cause): one for one in reversed(report.findings)} for report in reports]
    for key in dict.fromkeys((*reversed(listed[0]), *reversed(listed[1]))):
        a, b = (found.get(key) for found in listed)
        if a and b:
            yield None
            continue
        side, one = (0, a) if a else (1, b)
        assert one is not None, "a key is of one of the two"
        said = f"{one.level}: {mask_text(reports[side].trace.vault, one.summary)}"
        what, sides = f"Only {names[side]} breaks {one.rule}.", (NONE, said) if side else (said, NONE)
        numbers = (0, one.exchange) if side else (one.exchange, 0)
        yield Difference("verdict", one.step, one.rule, what, sides, numbers)


def tables(traces: tuple[Trace, Trace]) -> Iterator[Difference | None]:
    """A difference for each derived table of which other cells are marked; None for each that comes to the same.

    The texts of its cells are made of what is compared already.
    """
    for name in every_table():
        ours, theirs = (table_of(trace, name) for trace in traces)
        if name in NOT_SHARED or ours is None or theirs is None:
            continue
        if [[cell.mark for cell in row] for row in ours.rows] == [[cell.mark for cell in row] for row in theirs.rows]:
            yield None
            continue
        a, b = shown_table(ours, traces[0].vault).title, shown_table(theirs, traces[1].vault).title
        sides = (a, b) if a != b else (f"{a} ({_counts(ours)})", f"{b} ({_counts(theirs)})")
        yield Difference("table", "", f"table {name}", "The tables come to another result.", sides)


def _counts(made: Table) -> str:
    """What two tables with the same title may differ in, such as ``3 rows: 2 good, 1 bad``."""
    rows = "1 row" if len(made.rows) == 1 else f"{len(made.rows)} rows"
    marks = [cell.mark for row in made.rows for cell in row if cell.mark]
    told = [f"{marks.count(mark)} {mark}" for mark in dict.fromkeys(marks)]
    return f"{rows}: {', '.join(told)}" if told else rows
