"""Two runs side by side as they are shown: the first meaningful difference on top, the rest folded, equal ones counted.

What a `Comparison` holds was masked where it was taken, by the vault of the run it comes from, so nothing in it is a
secret; the texts are escaped and made harmless here as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mcp_oauth_nb.mime import Bundle, Framed, frame_of, render
from mcp_oauth_nb.views.frames import frame
from mcp_oauth_nb.views.html import (
    Html,
    badge,
    block,
    bundle,
    card,
    details,
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

Sort = Literal["verdict", "setting", "request", "answer", "outcome", "table", "noise"]
GROUPS: tuple[tuple[Sort, str], ...] = (
    ("verdict", "What the verdicts say"),
    ("setting", "Settings"),
    ("request", "Requests"),
    ("answer", "Answers"),
    ("outcome", "What came of the steps"),
    ("table", "Derived tables"),
    ("noise", "Of no weight"),
)
"""In which order and under which heading differences of a sort are listed."""
MEANINGFUL = ("verdict", "setting", "request", "answer", "outcome")
MOST = 60
"""Differences of one group that are shown; the rest is counted, and stands in the frame."""
LONGEST = 300
"""Characters of a value."""
ABSENT = "(absent)"
SAME = "no meaningful difference"


@dataclass(frozen=True, repr=False)
class Difference:
    """One field in which two runs differ. Every text in it is masked.

    Attributes:
        sort: what it is about: ``verdict``, ``setting``, ``request``, ``answer``, ``outcome`` (of a step), ``table``
            (worked out of the rest), or ``noise``.
        step: the step it stands in; empty for settings and the like.
        part: where it stands, such as ``body /resource`` or ``header www-authenticate``.
        what: a sentence: what differs.
        sides: what each run says there; ``(absent)`` where it says nothing.
        exchanges: the exchange of each run; 0 for none.
        again: further places in which the same two values stand against each other.
    """

    sort: Sort
    step: str
    part: str
    what: str
    sides: tuple[str, str]
    exchanges: tuple[int, int] = (0, 0)
    again: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Difference {self.sort} in {self.step or 'the run'}>"

    @property
    def meaningful(self) -> bool:
        """Whether it says something of the authorization: no noise, and no table that only repeats the rest."""
        return self.sort in MEANINGFUL


@dataclass(frozen=True, repr=False)
class Comparison(Framed):
    """Two runs, field by field. ``comparison.frame`` has a row per difference, for pandas.

    Attributes:
        names: what the two runs are called.
        outcomes: how each run ended, such as ``failed in token``.
        differences: every difference, the one to look at first in front, noise at the end.
        equal: how many fields are equal.
        renewed: how many are another value in the same role, such as a token or a date.
        matched: how many secrets are known to be the same in both; None where the runs do not share their tags.
        notes: what was put in whose place, in sentences.
    """

    names: tuple[str, str]
    outcomes: tuple[str, str]
    differences: tuple[Difference, ...] = ()
    equal: int = 0
    renewed: int = 0
    matched: int | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Comparison of 2 runs: {_counted(self.meaningful)}>"

    @property
    def meaningful(self) -> tuple[Difference, ...]:
        """The differences that say something of the authorization."""
        return tuple(one for one in self.differences if one.meaningful)

    @property
    def first(self) -> Difference | None:
        """The first meaningful difference; None where there is none."""
        return next(iter(self.meaningful), None)


@frame_of.register(Comparison)
def comparison_frame(made: Comparison) -> Any:
    """A DataFrame with one row per difference, in their order; the two values stand under the names of the runs."""
    ours, theirs = made.names
    columns = ["sort", "step", "part", "what", ours, theirs, f"exchange {ours}", f"exchange {theirs}", "again"]
    rows = [
        dict(
            zip(
                columns,
                (one.sort, one.step, one.part, one.what, *one.sides, *one.exchanges, ", ".join(one.again)),
                strict=True,
            )
        )
        for one in made.differences
    ]
    return frame(rows, columns)


@render.register
def _(made: Comparison) -> Bundle:
    return bundle(card(comparison_html(made)), "\n".join(comparison_lines(made)))


def comparison_html(made: Comparison) -> Html:
    """The comparison without the card around it."""
    ended = [words(strong(f"{name}:"), text(outcome)) for name, outcome in zip(made.names, made.outcomes, strict=True)]
    head = tag("div", words(badge("same" if made.first is None else "different"), strong(_headline(made))))
    first = [] if made.first is None else [_first_html(made, made.first)]
    groups = [_group_html(made, label, listed) for label, listed in _groups(made)]
    return stack(head, *(tag("div", one) for one in ended), *first, *groups, *(quiet(one) for one in _footer(made)))


def comparison_lines(made: Comparison) -> Iterator[str]:
    """The same as plain text."""
    yield f"[{'SAME' if made.first is None else 'DIFFERENT'}] {one_line(_headline(made))}"
    for name, outcome in zip(made.names, made.outcomes, strict=True):
        yield f"  {one_line(name)}: {one_line(outcome)}"
    if made.first is not None:
        yield f"first difference: {one_line(_where(made.first))}"
        yield from (f"  {line}" for line in _lines(made, made.first))
    for label, listed in _groups(made):
        yield f"{label}: {len(listed)}"
        for one in listed[:MOST]:
            yield f"  {one_line(_where(one))}"
            yield from (f"    {line}" for line in _lines(made, one))
        yield from (f"  {one}" for one in _more(listed))
    yield from map(one_line, _footer(made))


def _headline(made: Comparison) -> str:
    return f"{made.names[0]} and {made.names[1]}: {_counted(made.meaningful)}"


def _counted(found: Sequence[Difference]) -> str:
    return SAME if not found else "1 difference" if len(found) == 1 else f"{len(found)} differences"


def _groups(made: Comparison) -> Iterator[tuple[str, list[Difference]]]:
    """The differences behind the first one, by what they are about."""
    rest = [one for one in made.differences if one is not made.first]
    for sort, label in GROUPS:
        listed = [one for one in rest if one.sort == sort]
        if listed:
            yield label, listed


def _first_html(made: Comparison, first: Difference) -> Html:
    head = tag("div", words(strong("First difference:"), text(_where(first))))
    return block(
        head, tag("div", text(first.what)), _sides_html(made, first), *map(quiet, _again(first)), status="warned"
    )


def _sides_html(made: Comparison, one: Difference) -> Html:
    rows = [
        [strong(name), wire(said, LONGEST), quiet(f"exchange {number}" if number else "")]
        for name, said, number in zip(made.names, one.sides, one.exchanges, strict=True)
    ]
    return table(rows)


def _group_html(made: Comparison, label: str, listed: list[Difference]) -> Html:
    rows = [[text(_where(one)), text(one.what), *(wire(said, LONGEST) for said in one.sides)] for one in listed[:MOST]]
    head = ("where", "what differs", *map(one_line, made.names))
    return details(text(f"{label}: {len(listed)}"), table(rows, head), *map(quiet, _more(listed)))


def _lines(made: Comparison, one: Difference) -> Iterator[str]:
    yield one_line(one.what)
    for name, said, number in zip(made.names, one.sides, one.exchanges, strict=True):
        yield f"{one_line(name)}{f' (exchange {number})' if number else ''}: {one_line(said, LONGEST)}"
    yield from map(one_line, _again(one))


def _where(one: Difference) -> str:
    half = f"{one.sort}, " if one.sort in ("request", "answer") else ""
    return f"{one.step}: {half}{one.part}" if one.step else one.part


def _again(one: Difference) -> Iterator[str]:
    if one.again:
        yield f"The same in: {', '.join(one.again)}"


def _more(listed: Sequence[Difference]) -> Iterator[str]:
    if len(listed) > MOST:
        yield f"{len(listed) - MOST} more, see .frame"


def _footer(made: Comparison) -> Iterator[str]:
    yield f"{made.equal} fields are equal, {made.renewed} are another value in the same role."
    if made.matched is not None:
        yield f"The runs share their tags: {made.matched} places hold the same secret in both."
    yield from made.notes


def with_again(one: Difference, places: Sequence[str]) -> Difference:
    """The same difference, with the further places in which it stands."""
    return replace(one, again=tuple(places))
