"""A report under what has to be said before it, such as that the flow ended because a person is needed."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.views.html import badge, block, bundle, card, markup_of, one_line, stack, text, words

NEEDS_YOU = "needs you"


@dataclass(frozen=True)
class Noted(Displayable):
    """A report with notes in front.

    Attributes:
        report: the report.
        notes: what is said before it, a sentence or two each, in our own words.
    """

    report: Report = field(repr=False)
    notes: tuple[str, ...] = ()


@render.register
def _(noted: Noted) -> Bundle:
    made = render(noted.report)
    if not noted.notes:
        return made
    blocks = [block(words(badge(NEEDS_YOU), text(note)), status=NEEDS_YOU) for note in noted.notes]
    lines = [f"[{NEEDS_YOU.upper()}] {one_line(note)}" for note in noted.notes]
    return bundle(stack(card(*blocks), markup_of(made)), "\n".join([*lines, made["text/plain"]]))
