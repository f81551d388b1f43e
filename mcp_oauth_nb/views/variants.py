"""One step with one thing changed, several times: which value led to what, a row per variant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_oauth_nb.mime import Bundle, Framed, frame_of, render
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.views.frames import frame
from mcp_oauth_nb.views.html import Html, badge, bundle, card, one_line, quiet, stack, strong, table, tag, text, wire

LONGEST = 200
"""Characters of a value."""


@dataclass(frozen=True, repr=False)
class Variant:
    """What one set of values led to. Every text in it is masked.

    Attributes:
        values: what was put in the place of each parameter, in the order of `Variants.parameters`.
        outcomes: how each step ended, in the order of `Variants.steps`; ``not run`` behind one that failed.
        status: the status of the answer that decided; None where nobody answered.
        error: the OAuth error code that came, such as ``invalid_target``; empty for none.
        finding: what the diagnosis says first, with its rule; empty for nothing.
        report: the report on the whole run with these values, for a closer look.
    """

    values: tuple[str, ...]
    outcomes: tuple[str, ...]
    status: int | None
    error: str
    finding: str
    report: Report

    def __repr__(self) -> str:
        return f"<Variant {', '.join(self.outcomes)}>"


@dataclass(frozen=True, repr=False)
class Variants(Framed):
    """The what-if grid of `Debugger.vary`. ``variants.frame`` has a row per variant, for pandas.

    Attributes:
        step: the step that was varied.
        parameters: what was varied, such as ``params.resource``.
        steps: the steps that ran for every variant, as far as they came.
        rows: the variants, in the order of the values.
        notes: what ran and what did not, in sentences.
    """

    step: str
    parameters: tuple[str, ...]
    steps: tuple[str, ...]
    rows: tuple[Variant, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Variants of {self.step}: {len(self.rows)}>"

    @property
    def reports(self) -> tuple[Report, ...]:
        """The report on each variant; each has a trace of its own, for `compare` and ``diagnose``."""
        return tuple(row.report for row in self.rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The headings of the grid."""
        return (*self.parameters, *self.steps, "status", "error", "finding")


@frame_of.register(Variants)
def variants_frame(made: Variants) -> Any:
    """A DataFrame with one row per variant; `status` is empty where nobody answered."""
    rows = [dict(zip(made.columns, _cells(row), strict=True)) for row in made.rows]
    return frame(rows, made.columns, {"status": "Int64"})


@render.register
def _(made: Variants) -> Bundle:
    title = f"What if: {made.step}, {len(made.rows)} variants"
    rows = [_html(row) for row in made.rows]
    head = tag("div", strong(title))
    markup = card(stack(head, table(rows, made.columns), *(tag("div", quiet(note)) for note in made.notes)))
    return bundle(markup, "\n".join((title, *_lines(made), *map(one_line, made.notes))))


def _cells(row: Variant) -> tuple[Any, ...]:
    return (*row.values, *row.outcomes, row.status, row.error, row.finding)


def _html(row: Variant) -> list[Html]:
    status = "" if row.status is None else str(row.status)
    shown = [wire(value, LONGEST) for value in row.values] + [badge(outcome) for outcome in row.outcomes]
    return [*shown, text(status), wire(row.error, LONGEST), text(row.finding)]


def _lines(made: Variants) -> Iterator[str]:
    for row in made.rows:
        told = zip(made.parameters, row.values, strict=True)
        yield "  " + ", ".join(f"{name} = {one_line(value, LONGEST)}" for name, value in told)
        yield "    " + ", ".join(f"{step} {outcome}" for step, outcome in zip(made.steps, row.outcomes, strict=True))
        yield from (f"    {line}" for line in _decided(row))


def _decided(row: Variant) -> Sequence[str]:
    said = " ".join(filter(None, ("" if row.status is None else str(row.status), one_line(row.error, LONGEST))))
    return [line for line in (said, one_line(row.finding)) if line]
