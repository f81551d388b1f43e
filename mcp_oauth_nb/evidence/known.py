"""Secrets that are known, found in a text in every form, whole or as a fragment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mcp_oauth_nb.fragments import Fragments
from mcp_oauth_nb.vault import SHORTEST_ANYWHERE, Vault, forms_of

_GAPS = str.maketrans("", "", " \t\r\n\"'`,;\\()[]")
_WORDS = re.compile(r"\w")


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
        self._owners: dict[str, Vault] = {}
        self._fragments = Fragments()
        self._short: list[tuple[str, str]] = []
        for vault in vaults:
            for value in vault.values():
                if self._owners.setdefault(value, vault) is vault:
                    self._learn(value)

    def __bool__(self) -> bool:
        return bool(self._fragments or self._short)

    def find(self, text: str) -> Iterator[Hit]:
        """Every form and fragment that stands in a text; hits may overlap."""
        for form, value in self._short:
            for start, end in _standing(form, text):
                yield Hit(start, end, value, self._owners[value].kind(value), self._owners[value])
        for one in self._fragments.find(text):
            kind = self._owners[one.value].kind(one.value)
            yield Hit(*one[:3], kind if one.whole else f"{kind} fragment", self._owners[one.value])

    def _learn(self, value: str) -> None:
        for form in dict.fromkeys((*forms_of(value), value.translate(_GAPS))):
            if not self._fragments.add(form, value) and len(form) >= 4:
                self._short.append((form, value))


def _standing(form: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(form)
    while start >= 0:
        end = start + len(form)
        edges = (text[start - 1 : start] if start else "", text[end : end + 1])
        if len(form) >= SHORTEST_ANYWHERE or not any(map(_WORDS.match, edges)):
            yield start, end
        start = text.find(form, end)
