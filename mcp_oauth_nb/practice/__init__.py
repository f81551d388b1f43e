"""Incidents to practise on: read what went over the wire, guess, then reveal the verdict.

    from mcp_oauth_nb import practice

    incidents = practice.incidents()
    incidents[1]                                        # what was sent and what came back, without a verdict
    incidents[1].guess(step="token", who="gateway")     # right or wrong, and a hint
    incidents[1].reveal()                               # the verdict, what it proves, and the fix

`staged` does the same for any fault of the demo by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import get_args

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.debugger import Debugger
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.facts import Cell, Table
from mcp_oauth_nb.mime import Displayable, render
from mcp_oauth_nb.practice.puzzles import PUZZLES, Puzzle
from mcp_oauth_nb.practice.stage import fault_named, staged
from mcp_oauth_nb.rules.rule import Finding, Report
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.steps import AFTERWARDS, ROUTE
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.practice import Answer, Half, Reading, Solution
from mcp_oauth_nb.views.tables import TableView

__all__ = ["PARTIES", "STEPS", "Incident", "incident", "incidents", "score", "staged"]

STEPS = (*ROUTE, *AFTERWARDS)
"""What can be guessed as the step."""
PARTIES: tuple[str, ...] = tuple(who for who in get_args(Who) if who != "nobody known")
"""What can be guessed as the party that must act."""


class Incident(Displayable):
    """One incident: its last line in a cell shows the exchanges, and nothing of what the rules make of them.

    The flow runs when it is looked at for the first time, and once.
    """

    def __init__(self, number: int, puzzle: Puzzle) -> None:
        self.number = number
        self._puzzle = puzzle
        self._guesses: list[tuple[bool, bool]] = []

    def __repr__(self) -> str:
        return f"<Incident {self.number}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return dict(render(Reading(self.number, self.report)))

    @cached_property
    def dbg(self) -> Debugger:
        """The debugger that met it, to ask further: ``dbg.well_known()``. ``dbg.diagnose()`` would give it away."""
        return staged(self._puzzle.fault)

    @cached_property
    def report(self) -> Report:
        """The whole report, verdict and all."""
        return self.dbg.diagnose()

    @property
    def solved(self) -> bool:
        """Whether both halves were guessed, in one guess or in several."""
        return bool(self._guesses) and all(any(half) for half in zip(*self._guesses, strict=True))

    @property
    def guesses(self) -> int:
        """How many guesses were made."""
        return len(self._guesses)

    def guess(self, *, step: str = "", who: str = "") -> Answer:
        """Whether this is the step in which the mistake was made, and the party that must act.

        Args:
            step: a name of `STEPS`; empty leaves it open.
            who: a name of `PARTIES`; empty leaves it open.

        Raises:
            BadSetting: there is no such step or party; the message lists those there are.
        """
        for name, given, known in (("step", step, STEPS), ("who", who, PARTIES)):
            if given and given not in known:
                raise BadSetting(name, brief(given), "one of " + ", ".join(known))
        if not step and not who:
            return Answer(self.number, (), STEPS, PARTIES)
        cause = self._cause
        right = step == cause.caused_in, who == cause.who
        self._guesses.append(right)
        halves = self._step_half(step, cause), Half("party", who, right[1], "", self._puzzle.who_hint)
        return Answer(self.number, tuple(half for half in halves if half.guess), STEPS, PARTIES)

    def reveal(self) -> Solution:
        """The verdict, what it proves, and the fix; folded in the notebook where nothing was guessed yet."""
        fault = fault_named(self._puzzle.fault)
        proves = self._puzzle.proves
        return Solution(self.number, self.report, fault.name, fault.summary, proves, unfold=self.guesses > 0)

    @property
    def _cause(self) -> Finding:
        assert self.report.cause is not None, "a fault of the demo always has a cause"
        return self.report.cause

    def _step_half(self, step: str, cause: Finding) -> Half:
        shows_only = step == self.report.failing_step and step != cause.caused_in
        remark = "it shows there, but the mistake was made in another step" if shows_only else ""
        return Half("step", step, step == cause.caused_in, remark, self._puzzle.step_hint)


def incidents() -> Mapping[int, Incident]:
    """Every incident by its number, from easy to subtle; none has run yet."""
    return {number: Incident(number, puzzle) for number, puzzle in enumerate(PUZZLES, 1)}


def incident(number: int) -> Incident:
    """One incident by its number.

    Raises:
        BadSetting: there is none of this number.
    """
    every = incidents()
    if number not in every:
        raise BadSetting("incident(number)", brief(number), f"1 to {len(every)}")
    return every[number]


def score(every: Mapping[int, Incident]) -> TableView:
    """How far one has come: guesses made and incidents solved."""
    rows = tuple(
        (
            Cell(f"incident {number}"),
            Cell(str(one.guesses)),
            Cell("solved", "good") if one.solved else Cell("open"),
        )
        for number, one in every.items()
    )
    solved = sum(one.solved for one in every.values())
    title = f"{solved} of {len(rows)} incidents solved"
    return TableView(Table(title, ("incident", "guesses", "outcome"), rows), Vault())
