"""Secrets that are known, found in a text in every form, whole or as a fragment.

Every six characters of every form are indexed, and of the text every seventh place is looked up: a fragment of twelve
characters covers one of them wherever it lies. Time grows with the text and hardly with the number of secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mcp_oauth_nb.telltale import looks_random
from mcp_oauth_nb.vault import SHORTEST_ANYWHERE, Vault, forms_of

SHORTEST_FRAGMENT = 12
"""Characters of a secret that are a leak by themselves."""
GRAM = 6
STRIDE = SHORTEST_FRAGMENT - GRAM + 1
MOST_FORM = 65_536
"""Characters of a form that are indexed."""
MOST_FORMS = 16
"""Forms that are tried where the same six characters stand in many; their other characters tell them apart."""
_WORDS = re.compile(r"\w")


class Form(NamedTuple):
    """One way of writing a secret; `least` characters of it are a fragment that counts."""

    text: str
    value: str
    vault: Vault
    least: int


class Hit(NamedTuple):
    """A stretch of a text, the secret in it, and who knows it."""

    start: int
    end: int
    value: str
    kind: str
    vault: Vault | None


class Known:
    """An index of the secrets of some vaults; the first vault that knows a secret gives its tag."""

    def __init__(self, vaults: Iterable[Vault]) -> None:
        self._grams: dict[str, list[tuple[Form, int]]] = {}
        self._short: list[Form] = []
        self._last_gap = str.maketrans("", "", " \t\r\n\"'`,;\\()[]")
        seen: set[str] = set()
        for vault in vaults:
            for value in vault.values():
                if value not in seen:
                    seen.add(value)
                    self._learn(value, vault)

    def __bool__(self) -> bool:
        return bool(self._grams or self._short)

    def find(self, text: str) -> Iterator[Hit]:
        """Every form and fragment that stands in a text; hits may overlap."""
        for form in self._short:
            yield from _standing(form, text)
        if not self._grams:
            return
        grams, done = self._grams, 0
        for at in range(0, len(text) - GRAM + 1, STRIDE):
            if at >= done and text[at : at + GRAM] in grams:
                hit, end = self._longest(text, at)
                if hit is not None:
                    yield hit
                done = end if hit else end - SHORTEST_FRAGMENT

    def _learn(self, value: str, vault: Vault) -> None:
        for form in dict.fromkeys((*forms_of(value), value.translate(self._last_gap))):
            made = Form(form, value, vault, max(SHORTEST_FRAGMENT, SHORTEST_FRAGMENT * len(form) // len(value)))
            if len(form) < made.least:
                if len(form) >= 4:
                    self._short.append(made)
                continue
            for at in range(min(len(form), MOST_FORM) - GRAM + 1):
                where = self._grams.setdefault(form[at : at + GRAM], [])
                if len(where) < MOST_FORMS:
                    where.append((made, at))

    def _longest(self, text: str, at: int) -> tuple[Hit | None, int]:
        """The longest hit around a place, and where the longest run ends that was looked at."""
        best: Hit | None = None
        furthest = at
        for form, offset in self._grams[text[at : at + GRAM]]:
            start, end = _grown(form.text, offset, text, at)
            furthest = max(furthest, end)
            if best is not None and end - start <= best.end - best.start:
                continue
            whole = end - start == len(form.text)
            if whole or (end - start >= form.least and _is_telling(text[start:end], form)):
                kind = form.vault.kind(form.value)
                best = Hit(start, end, form.value, kind if whole else f"{kind} fragment", form.vault)
        return best, furthest


def _grown(form: str, offset: int, text: str, at: int) -> tuple[int, int]:
    """How far text and form run along to both sides."""
    start, end = at, at + GRAM
    back = offset
    while start and back and text[start - 1] == form[back - 1]:
        start, back = start - 1, back - 1
    forth = offset + GRAM
    while end < len(text) and forth < len(form) and text[end] == form[forth]:
        end, forth = end + 1, forth + 1
    return start, end


def _is_telling(fragment: str, form: Form) -> bool:
    """Whether a fragment gives something away: plain words and the header of a JWT, which many share, do not."""
    header = form.value.partition(".")[0] if form.value.startswith("eyJ") else ""
    first, _, rest = fragment.partition(".")
    if header and first in header and len(rest) < SHORTEST_FRAGMENT:
        return False
    return looks_random(fragment)


def _standing(form: Form, text: str) -> Iterator[Hit]:
    start = text.find(form.text)
    while start >= 0:
        end = start + len(form.text)
        edges = (text[start - 1 : start] if start else "", text[end : end + 1])
        if len(form.text) >= SHORTEST_ANYWHERE or not any(map(_WORDS.match, edges)):
            yield Hit(start, end, form.value, form.vault.kind(form.value), form.vault)
        start = text.find(form.text, end)
