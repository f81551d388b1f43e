"""A run that was made again as it is shown: what changed since first, then the report on the new run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.views.comparison import Comparison, comparison_html, comparison_lines
from mcp_oauth_nb.views.html import bundle, card, details, markup_of, one_line, quiet, stack, strong, tag, text


@dataclass(frozen=True, repr=False)
class Replayed(Displayable):
    """What `replay` gives.

    Attributes:
        dbg: the debugger that made the run again, to go on with.
        report: the report on the new run.
        comparison: the old run beside the new one.
        notes: what was left out or put in the place of something, in sentences, masked.
    """

    dbg: Any
    report: Report
    comparison: Comparison
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Replayed: {self.report.status}, {len(self.comparison.meaningful)} differences>"

    @property
    def trace(self) -> Trace:
        """The trace of the new run."""
        return self.report.trace

    def diagnose(self) -> Report:
        """The report on the new run."""
        return self.report


REPORT = "The report on the new run"


@render.register
def _(made: Replayed) -> Bundle:
    report = render(made.report)
    markup = stack(
        tag("div", strong("Made again:"), text(f" {made.report.status}")),
        comparison_html(made.comparison),
        *(tag("div", quiet(note)) for note in made.notes),
        details(text(REPORT), markup_of(report)),
    )
    return bundle(card(markup), "\n".join((*_lines(made), REPORT, report["text/plain"])))


def _lines(made: Replayed) -> Iterator[str]:
    yield f"Made again: {made.report.status}"
    yield from comparison_lines(made.comparison)
    yield from map(one_line, made.notes)
