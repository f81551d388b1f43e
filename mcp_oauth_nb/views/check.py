"""What a search of a file for secrets found: where each stands and of what kind it is, never the secret itself."""

from __future__ import annotations

from dataclasses import dataclass

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.views.html import badge, bundle, card, one_line, quiet, stack, strong, table, tag, text, wire, words

HEADINGS = ("cell", "place", "kind", "characters", "tag")
MOST = 200
"""Rows of a display; the rest is counted."""


@dataclass(frozen=True)
class Leak:
    """One secret at one place of a file. Nothing in it is a secret or a part of one.

    Attributes:
        cell: the number of the cell, from 1; None outside the cells and outside notebooks.
        place: where in the cell or the file, in words.
        kind: what it is, such as ``access_token``.
        length: how many characters of the file it takes, escapes and all.
        tag: what `scrub` writes in its place; equal secrets of a file have equal tags.
    """

    cell: int | None
    place: str
    kind: str
    length: int
    tag: str


@dataclass(frozen=True, repr=False)
class Check(Displayable):
    """The outcome of a search. True in a condition where the file is clean.

    Attributes:
        name: the name of the file, without its folders.
        leaks: what was found, in the order of the file.
        mended: tags were put in the places of the secrets, so that the file is clean now.
        original: the name of the file beside it with what was there before; empty where nothing was kept.
    """

    name: str
    leaks: tuple[Leak, ...] = ()
    mended: bool = False
    original: str = ""

    @property
    def clean(self) -> bool:
        """Whether no secret is in the file."""
        return self.mended or not self.leaks

    def __bool__(self) -> bool:
        return self.clean

    def __repr__(self) -> str:
        return f"<Check {'clean' if self.clean else _counted(self.leaks)}>"

    def __str__(self) -> str:
        return render(self)["text/plain"]


@render.register
def _(made: Check) -> Bundle:
    if not made.leaks:
        head = words(strong(f"{made.name}:"), badge("passed"), text("clean, no secret found"))
        return bundle(card(tag("div", head)), f"{one_line(made.name)}: [PASSED] clean, no secret found")
    told = f"{_counted(made.leaks)} {'replaced' if made.mended else 'found'}"
    status = "passed" if made.mended else "failed"
    head = words(strong(f"{made.name}:"), badge(status), strong(told))
    mend = _mend(made)
    rest = f"{len(made.leaks) - MOST} more" if len(made.leaks) > MOST else ""
    shown = made.leaks[:MOST]
    rows = [[*map(text, _words(leak)[:4]), wire(leak.tag)] for leak in shown]
    first = f"{one_line(made.name)}: [{status.upper()}] {told}"
    lines = [first, *(_line(leak) for leak in shown), *filter(None, (rest, mend))]
    return bundle(card(stack(tag("div", head), table(rows, HEADINGS), quiet(rest), quiet(mend))), "\n".join(lines))


def _mend(made: Check) -> str:
    revoke = "A secret that was shared is to be revoked."
    if not made.mended:
        return f"scrub(file) puts the tags in their places and keeps the original. {revoke}"
    return f"{one_line(made.original)} is the original with the secrets. {revoke}" if made.original else revoke


def _counted(leaks: tuple[Leak, ...]) -> str:
    return "1 secret" if len(leaks) == 1 else f"{len(leaks)} secrets"


def _words(leak: Leak) -> tuple[str, ...]:
    return ("" if leak.cell is None else str(leak.cell), leak.place, leak.kind, str(leak.length), leak.tag)


def _line(leak: Leak) -> str:
    cell = "" if leak.cell is None else f"cell {leak.cell}, "
    return f"  {cell}{leak.place}: {leak.kind}, {leak.length} characters, {leak.tag}"
