"""Fragments of secrets in a text: twelve characters of a token give away enough to be hidden.

Every six characters of every form are indexed, and of the text every seventh place is looked up: a fragment of twelve
characters covers one of them wherever it lies. Time grows with the text and hardly with the number of secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

SHORTEST_FRAGMENT = 12
"""Characters of a secret that are a leak by themselves."""
GRAM = 6
STRIDE = SHORTEST_FRAGMENT - GRAM + 1
MOST_FORM = 65_536
"""Characters of a form that are indexed."""
MOST_FORMS = 16
"""Forms that are tried where the same six characters stand in many; their other characters tell them apart."""
SHORTEST_WORD = 4
"""What is shorter is no random value."""
SHORTEST_DRAWN, FEWEST_CHARACTERS = 20, 10
"""A shorter secret, or one of fewer different characters, may have been chosen by somebody."""
FEW = 3
"""Characters beside words of a secret that give nothing away where they go on like a word: ``e`` of ``client_e7``."""
_BETWEEN = r"\s._:/,;!-"
_SEPARATOR = re.compile(rf"[{_BETWEEN}]+")
_A_WORD = re.compile(
    r"(?:[a-z]{1,24}|(?:[A-Z][a-z]{2,23}){1,4}|[a-z]{2,23}(?:[A-Z][a-z]{2,23}){1,4})?\d{0,4}|[A-Z]{1,24}\d{0,6}"
)

_LOWER, _UPPER = (
    rf"(?:(?![{letters}]*(?i:[b-df-hj-np-tv-xz]{{6}}))[{letters}]{{1,24}}\d{{0,4}}|\d{{1,4}})"
    for letters in ("a-z", "A-Z")
)
_WORDS = re.compile(
    rf"(?<![^{_BETWEEN}])(?:{_LOWER}(?:[{_BETWEEN}]+{_LOWER})*|{_UPPER}(?:[{_BETWEEN}]+{_UPPER})*)(?![^{_BETWEEN}])"
)
"""Words from separator to separator; a heap of consonants is none."""


def looks_random(value: str) -> bool:
    """Whether a value is no plain word, phrase, version or error code, however these are joined."""
    return len(value) >= SHORTEST_WORD and not all(map(_A_WORD.fullmatch, _SEPARATOR.split(value)))


def is_guessable(value: str) -> bool:
    """Whether all values like it can be tried out: a password, a PIN, a short key. Nothing may confirm a guess."""
    return len(value) < SHORTEST_DRAWN or len(set(value)) < FEWEST_CHARACTERS


class Fragment(NamedTuple):
    """A stretch of a text that is a secret in some form, or a part of one."""

    start: int
    end: int
    value: str
    whole: bool


class _Form(NamedTuple):
    """One way of writing a secret; `least` characters of it are a fragment that counts, but for those in `words`."""

    text: str
    value: str
    least: int
    words: tuple[tuple[int, int], ...]


class Fragments:
    """An index of secrets in all their forms."""

    def __init__(self) -> None:
        self._grams: dict[str, list[tuple[_Form, int]]] = {}

    def __bool__(self) -> bool:
        return bool(self._grams)

    def add(self, text: str, value: str, length: int = 0) -> bool:
        """Index a form of a secret; False where it is too short to have fragments.

        Args:
            text: the form, or the beginning of a long one.
            value: the secret.
            length: of the whole form; 0 where `text` is all of it.
        """
        least = max(SHORTEST_FRAGMENT, SHORTEST_FRAGMENT * (length or len(text)) // len(value))
        form = _Form(text, value, least, tuple(_plain_words(text[:MOST_FORM])))
        if len(text) < form.least:
            return False
        grams = self._grams
        for at in range(min(len(text), MOST_FORM) - GRAM + 1):
            where = grams.setdefault(text[at : at + GRAM], [])
            if len(where) < MOST_FORMS:
                where.append((form, at))
        return True

    def find(self, text: str) -> Iterator[Fragment]:
        """Every form and fragment that stands in a text, from left to right."""
        grams, done = self._grams, 0
        for at in [at for at in range(0, len(text) - GRAM + 1, STRIDE) if text[at : at + GRAM] in grams]:
            if at >= done:
                found, end = self._longest(text, at)
                if found is not None:
                    yield found
                done = end if found else end - SHORTEST_FRAGMENT

    def _longest(self, text: str, at: int) -> tuple[Fragment | None, int]:
        """The longest fragment around a place, and where the longest run ends that was looked at."""
        best: Fragment | None = None
        furthest = at
        for form, offset in self._grams[text[at : at + GRAM]]:
            start, end = _grown(form.text, offset, text, at)
            furthest = max(furthest, end)
            if best is not None and end - start <= best.end - best.start:
                continue
            whole = end - start == len(form.text)
            if whole or (end - start >= form.least and _is_telling(form, offset - at + start, offset - at + end)):
                best = Fragment(start, end, form.value, whole)
        return best, furthest


def _grown(form: str, offset: int, text: str, at: int) -> tuple[int, int]:
    """How far text and form run along to both sides."""
    room = min(at, offset)
    back = _shared(lambda n: text[at - n : at] == form[offset - n : offset], room)
    end, forth = at + GRAM, offset + GRAM
    room = min(len(text) - end, len(form) - forth)
    return at - back, end + _shared(lambda n: text[end : end + n] == form[forth : forth + n], room)


def _shared(runs_along: Callable[[int], bool], room: int) -> int:
    """The most characters that run along: all there is room for, mostly, else found by halving what is left."""
    if runs_along(room):
        return room
    known = 0
    while room - known > 1:
        half = (known + room) // 2
        known, room = (half, room) if runs_along(half) else (known, half)
    return known


def _plain_words(text: str) -> Iterator[tuple[int, int]]:
    """The stretches of a form that are words from separator to separator, long enough to make up most of a fragment.

    What reads like a word within a piece that is none is there by chance.
    """
    for found in _WORDS.finditer(text):
        if found.end() - found.start() > SHORTEST_FRAGMENT - FEW:
            yield found.span()


def _is_telling(form: _Form, start: int, end: int) -> bool:
    """Whether a fragment gives something away: plain words and the header of a JWT, which many share, do not."""
    header = form.value.partition(".")[0] if form.value.startswith("eyJ") else ""
    first, _, rest = form.text[start:end].partition(".")
    if header and first in header and len(rest) < SHORTEST_FRAGMENT:
        return False
    within = max((min(end, last + 1) - max(start, begin - 1) for begin, last in form.words), default=0)
    return end - start - within > FEW or looks_random(form.text[start:end])
