r"""A text as it may be read: as it stands, without colours and markup, and with its escapes undone, layer by layer.

A token may stand in a traceback with colour codes inside, in markup, URL-encoded twice, or in JSON within JSON. Each
layer knows where its characters stand in the text itself, so that what is found in any of them can be replaced there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from mcp_oauth_nb.vault import LAYERS, TAG, unescape_once

_DRESS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]{0,400}(?:\x07|\x1b\\)|</?[A-Za-z][^<>]{0,400}>")
_GAPS = re.compile(r"[\s\"'`,;\\()\[\]]+(?:[+.][\s\"'`,\\]+)?")
GAP = "\x00"
"""What stands for one of our own tags in a layer: nothing that is found can reach across it."""


class View:
    """One reading of a text.

    Args:
        text: the characters that are read.
        here: places in it from which on it runs along with what it was made of, ascending.
        there: those places in what it was made of.
        above: the reading it was made of; None for the text itself.
        cut: it was made by leaving this out; the places are worked out when one is asked for. No stretch has at its end
            what was left out.
    """

    def __init__(
        self,
        text: str,
        here: list[int] | None = None,
        there: list[int] | None = None,
        above: View | None = None,
        cut: re.Pattern[str] | None = None,
    ) -> None:
        self.text = text
        self._here = here or [0]
        self._there = there or [0]
        self._above = above
        self._cut = cut

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of this reading, of one character at least, stands in the text itself."""
        if self._cut and self._above and len(self._here) == 1:
            self._here, self._there = _places(self._above.text, self._cut)
        first, last = self._at(start), self._at(end - 1) + 1 if self._cut else self._at(end)
        return self._above.back(first, last) if self._above else (first, last)

    def _at(self, place: int) -> int:
        at = bisect_right(self._here, place) - 1
        return self._there[at] + place - self._here[at]


def readings(text: str) -> Iterator[View]:
    """The text as it stands, then with more and more of its dress taken off. Tags are gaps in all of them."""
    view = View(TAG.sub(lambda match: GAP * len(match[0]), text))
    yield view
    if "\x1b" in text or "<" in text:
        bare = without(view, _DRESS)
        if bare is not None:
            view = bare
            yield view
    for _ in range(LAYERS):
        layer = unescape_once(view.text)
        if layer is None:
            return
        hidden = TAG.sub(lambda match: GAP * len(match[0]), layer.text)
        view = View(hidden, layer.here, layer.there, view)
        yield view


def joined_up(view: View) -> View | None:
    """The reading without the quotes, commas, brackets, and blanks that part the pieces of a value."""
    return without(view, _GAPS)


def without(view: View, pattern: re.Pattern[str]) -> View | None:
    """The reading without what matches; None where nothing does."""
    left = pattern.sub("", view.text)
    return View(left, above=view, cut=pattern) if len(left) < len(view.text) else None


def _places(text: str, pattern: re.Pattern[str]) -> tuple[list[int], list[int]]:
    """Where what is left goes on, in what is left and in the text, behind everything that matches."""
    here, there, left = [0], [0], 0
    for match in pattern.finditer(text):
        left += match.start() - there[-1]
        here.append(left)
        there.append(match.end())
    return here, there
