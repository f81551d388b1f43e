"""Which difference comes first.

Where the runs come to different verdicts, the one to look at is the field that the verdict rests on, in the step where
the mistake was made. Where they do not, the flow itself tells causes from what follows: whatever differs first in
it was made of nothing that differs. A value that differs in one place and is carried on to others is listed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mcp_oauth_nb.rules.rule import Finding, Report
from mcp_oauth_nb.views.comparison import ABSENT, Difference, Sort, with_again

IN_FLOW: tuple[Sort, ...] = ("request", "answer")
ORDER: tuple[tuple[Sort, ...], ...] = (("setting",), IN_FLOW, ("verdict",), ("outcome",), ("table",), ("noise",))
"""Settings come before the first request; what the steps came to follows from the requests."""
ASKING = ("client", "user")
"""Parties whose mistakes stand in a request."""
SHORTEST = 3
"""Characters from which on a pair of values is told again where it stands a second time."""


def ranked(found: Iterable[Difference], reports: tuple[Report, Report]) -> list[Difference]:
    """The differences, the one to look at first in front.

    Args:
        found: in the order of the flow.
        reports: those on the two runs.
    """
    listed = _once(found)
    listed.sort(key=lambda one: next(at for at, sorts in enumerate(ORDER) if one.sort in sorts))
    first = _pointed_to(listed, reports)
    return listed if first is None else [first, *(one for one in listed if one is not first)]


def lead(reports: tuple[Report, Report]) -> tuple[int, Finding] | None:
    """The leading finding that only one run has, and which run: the second where both have one of their own."""
    for side in (1, 0):
        cause = reports[side].cause
        others = {(one.rule, one.cause) for one in reports[1 - side].findings}
        if cause is not None and (cause.rule, cause.cause) not in others:
            return side, cause
    return None


def _pointed_to(listed: Sequence[Difference], reports: tuple[Report, Report]) -> Difference | None:
    led = lead(reports)
    if led is None:
        return None
    side, finding = led
    at_place = _is_at(side, finding)
    tries: list[Callable[[Difference], bool]] = [
        lambda one: finding.who in ASKING and one.sort == "request" and one.step == finding.caused_in,
        lambda one: at_place(one) and one.step == finding.caused_in,
        lambda one: one.sort in IN_FLOW and one.step == finding.caused_in,
        at_place,
        lambda one: one.sort in IN_FLOW and one.step == finding.step,
        lambda one: one.sort == "outcome" and one.step == finding.caused_in,
        lambda one: one.sort == "verdict" and one.part == finding.rule,
    ]
    return next((one for wanted in tries for one in listed if wanted(one)), None)


def _is_at(side: int, finding: Finding) -> Callable[[Difference], bool]:
    """Whether a difference stands where a finding saw something."""
    kind, _, name = finding.part.partition(":")

    def at_place(one: Difference) -> bool:
        if one.sort not in IN_FLOW or not finding.exchange or one.exchanges[side] != finding.exchange:
            return False
        part, _, rest = one.part.partition(" ")
        if kind == "url":
            return part in ("url", "query")
        if kind == "header":
            return part == "header" and rest.partition(" ")[0] == name.lower()
        if kind == "body":
            member = name.strip("/")
            in_json, in_form = part == "body" and rest.strip("/").startswith(member), part == "form" and rest == member
            return bool(member) and (in_json or in_form)
        return part == kind

    return at_place


def _once(found: Iterable[Difference]) -> list[Difference]:
    """Each pair of values once, where it stands first, with the other places that say the same."""
    kept: dict[object, Difference] = {}
    again: dict[object, list[str]] = {}
    for at, one in enumerate(found):
        telling = one.sort in IN_FLOW and all(said == ABSENT or len(said) >= SHORTEST for said in one.sides)
        name = one.part.rpartition(" ")[2].rpartition("/")[2]
        key: object = (name, one.sides) if telling else at
        if key in kept:
            again.setdefault(key, []).append(f"{one.step} ({one.sort}, {one.part})")
        else:
            kept[key] = one
    return [with_again(one, again[key]) if key in again else one for key, one in kept.items()]
