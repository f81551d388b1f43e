"""An incident to practise on: what went over the wire without a verdict, the answer to a guess, and the solution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.redact import Shown
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.views.html import (
    Html,
    below,
    block,
    bundle,
    card,
    details,
    one_line,
    quiet,
    strong,
    table,
    tag,
    text,
    unbroken,
    wire,
    words,
)
from mcp_oauth_nb.views.report import Overview, steps_html
from mcp_oauth_nb.views.step import Card, card_html, card_text, title_line
from mcp_oauth_nb.views.verdict import Verdict, verdict_html, verdict_text


@dataclass(frozen=True, repr=False)
class Reading(Displayable):
    """A report to be read by somebody who wants to find the cause: steps and exchanges, and no judgement of ours."""

    number: int
    report: Report

    @property
    def cards(self) -> Sequence[tuple[Card, tuple[Shown, ...]]]:
        """The card of each step, unjudged, with its exchanges."""
        overview = Overview(self.report)
        made = [unjudged(step, one) for step, (one, _) in zip(overview.route, overview.cards, strict=True)]
        return [(one, one.shown()) for one in made]


@dataclass(frozen=True)
class Half:
    """One half of a guess: what of, what was guessed, whether it is right, what else may be said, and a hint."""

    what: str
    guess: str
    right: bool
    remark: str
    hint: str

    @property
    def told(self) -> tuple[str, str]:
        """Right or wrong with the remark, and the hint of a wrong one."""
        word = "right" if self.right else "half right" if self.remark else "wrong"
        return f"{word}: {self.remark}" if self.remark else word, "" if self.right else self.hint


@dataclass(frozen=True)
class Answer(Displayable):
    """What is said to a guess; without a guess, what can be guessed."""

    number: int
    halves: Sequence[Half]
    steps: Sequence[str]
    parties: Sequence[str]


@dataclass(frozen=True, repr=False)
class Solution(Displayable):
    """The verdict on an incident, what was broken on the stage, and what the evidence proves."""

    number: int
    report: Report
    fault: str
    summary: str
    proves: str
    unfold: bool

    @property
    def verdict(self) -> Verdict:
        """The verdict to show."""
        assert self.report.cause is not None
        return Verdict(self.report, self.report.cause)

    @property
    def again(self) -> str:
        """The call that stages the fault by its name."""
        return f'practice.staged("{self.fault}").diagnose()'


def unjudged(step: str, made: Card) -> Card:
    """The card without what a rule or the client made of the step: only whether it went on, and the exchanges.

    Its title is the name of the step, which is what one guesses.
    """
    run = made.run
    status = "not run" if run is None else "done" if run.achieved else "stopped"
    return replace(
        made,
        title=step,
        status=status,
        run=replace(run, stopped="", learned=()) if run else None,
        exchanges=tuple(replace(one, edited=()) for one in made.exchanges),
        findings=(),
        note="" if made.exchanges or run is None else "nothing was sent",
        tables=(),
    )


@render.register
def _(reading: Reading) -> Bundle:
    cards = reading.cards
    remark = "what went over the wire; unfold a step, then an exchange"
    head = words(strong(f"Incident {reading.number}"), quiet(remark))
    ran = [(made, shown) for made, shown in cards if made.run is not None]
    markup = card(tag("div", head), steps_html(cards), *(card_html(made, shown, unfold=False) for made, shown in ran))
    lines = [
        f"Incident {reading.number}: what went over the wire",
        *(f"  {title_line(made, shown)}" for made, shown in cards),
    ]
    return bundle(markup, "\n\n".join(["\n".join(lines), *(card_text(made, shown) for made, shown in ran)]))


@render.register
def _(answer: Answer) -> Bundle:
    return bundle(_answer_html(answer), "\n".join(_answer_lines(answer)))


def _answer_html(answer: Answer) -> Html:
    if not answer.halves:
        names = [(strong(name), text(", ".join(known))) for name, known in _open(answer)]
        return card(tag("div", text(f"incident {answer.number}: no guess yet. Fill in one or both:")), table(names))
    rows = [
        (unbroken(strong(half.what)), unbroken(text(half.guess)), below(strong(half.told[0]), text(half.told[1])))
        for half in answer.halves
    ]
    right = all(half.right for half in answer.halves)
    return card(block(table(rows), status="passed" if right else "warned"))


def _answer_lines(answer: Answer) -> list[str]:
    if not answer.halves:
        named = [f"  {name}: {', '.join(known)}" for name, known in _open(answer)]
        return [f"incident {answer.number}: no guess yet. Fill in one or both:", *named]
    lines = []
    for half in answer.halves:
        told, hint = half.told
        lines.append(f"{half.what} {one_line(half.guess)}: {told}")
        lines += [f"  {hint}"] if hint else []
    return lines


def _open(answer: Answer) -> tuple[tuple[str, Sequence[str]], ...]:
    return ("step", answer.steps), ("who", answer.parties)


@render.register
def _(solution: Solution) -> Bundle:
    rows = [
        (unbroken(strong("what was broken")), text(solution.summary)),
        (unbroken(strong("what it proves")), text(solution.proves)),
        (unbroken(strong("the same again")), wire(solution.again)),
    ]
    title = f"Solution of incident {solution.number}"
    remark = "" if solution.unfold else "nothing guessed yet; click to unfold"
    head = words(strong(title), quiet(remark))
    markup = card(details(head, verdict_html(solution.verdict), table(rows), unfold=solution.unfold))
    lines = [
        title,
        verdict_text(solution.verdict),
        f"  what was broken: {solution.summary}",
        f"  what it proves: {solution.proves}",
        f"  the same again: {solution.again}",
    ]
    return bundle(markup, "\n".join(lines))
