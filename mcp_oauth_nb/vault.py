"""The secrets of one trace: known by value, shown by tag.

A token shows up in many places and forms: in a header, URL-encoded in a Location, base64-encoded in Basic credentials,
echoed in an error text. The vault knows every secret value that the trace has met and replaces each of its forms in
any text by one tag, ``‹access_token#3f9a1c 43 chars›``. The fingerprint is keyed per vault, so a reader can tell that
two places carry the same token, and nobody can test a guess against it.

It is a module of its own, below `records`, because an exchange must be safe to print wherever it has wandered to: each
carries a reference to the vault of its trace. The vault itself never shows or stores anything but in memory.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import secrets
import urllib.parse
from collections.abc import Callable, Iterable

SHORTEST_ANYWHERE = 8
"""Values of at least this many characters are replaced wherever they stand, also inside a longer word."""
SHORTEST_AS_WORD = 4
"""Shorter ones down to this length are replaced only where they stand alone; below, only by field name."""
SHORTEST_FRAGMENT = 6
"""A text that was cut may end in the beginning of a secret; from this length on it is replaced."""

_WORD = r"[A-Za-z0-9_\-]"


class Vault:
    """Learns secret values and masks them in text.

    Args:
        key: key of the fingerprints; a fresh random one unless given. Two vaults with one key give equal tags.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(16)
        self._kinds: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._owner: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Vault of {len(self._kinds)} secrets>"

    def __len__(self) -> int:
        return len(self._kinds)

    def __getstate__(self) -> object:
        raise TypeError("a Vault cannot be pickled or copied: it holds secrets")

    def learn(self, value: str, kind: str) -> None:
        """Remember a secret. The kind it was first learned under stays, so that its tag is the same everywhere."""
        if value and value not in self._kinds:
            self._kinds[value] = kind
            self._pattern = None

    def values(self) -> tuple[str, ...]:
        """Every secret learned, for handing to a leak check. Not for display."""
        return tuple(self._kinds)

    def tag(self, value: str, kind: str) -> str:
        """The tag of a value, learned or not."""
        digest = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"‹{self._kinds.get(value, kind)}#{digest[:6]} {len(value)} chars›"

    def mask(self, text: str, *, cut: bool = False) -> str:
        """Replace every form of every known secret in `text`.

        Args:
            text: any text.
            cut: the text was cut at its end, so its last characters may be the beginning of a secret.
        """
        if not self._kinds or not text:
            return text
        masked = self._compiled().sub(self._tag_of_match, text)
        return self._mask_tail(masked) if cut else masked

    def _tag_of_match(self, match: re.Match[str]) -> str:
        value = self._owner[match.group(0)]
        return self.tag(value, self._kinds[value])

    def _compiled(self) -> re.Pattern[str]:
        if self._pattern is None:
            self._owner = {}
            for value in sorted(self._kinds, key=len, reverse=True):
                for form in _forms(value):
                    self._owner.setdefault(form, value)
            ordered = sorted(self._owner, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(_as_pattern, ordered)) or r"(?!)")
        return self._pattern

    def _mask_tail(self, text: str) -> str:
        for form in sorted(self._owner, key=len, reverse=True):
            for length in range(min(len(form) - 1, len(text)), SHORTEST_FRAGMENT - 1, -1):
                if text.endswith(form[:length]):
                    value = self._owner[form]
                    return text[:-length] + self.tag(value, self._kinds[value])
        return text


def _as_pattern(form: str) -> str:
    if len(form) >= SHORTEST_ANYWHERE:
        return re.escape(form)
    return f"(?<!{_WORD}){re.escape(form)}(?!{_WORD})"


def _forms(value: str) -> Iterable[str]:
    """Every form a value may take in text: itself, escaped, percent-encoded once and twice, hex, base64."""
    if len(value) < SHORTEST_AS_WORD:
        return
    seen = {value}
    yield value
    for form in _encoded(value):
        if form not in seen and len(form) >= SHORTEST_AS_WORD:
            seen.add(form)
            yield form


def _encoded(value: str) -> Iterable[str]:
    quoters: tuple[Callable[[str], str], ...] = (_quote, _quote_lower, urllib.parse.quote_plus, urllib.parse.quote)
    raw = value.encode("utf-8", "surrogatepass")
    for quoter in quoters:
        try:
            once = quoter(value)
        except UnicodeEncodeError:
            continue
        yield once
        yield quoter(once)
    yield json.dumps(value)[1:-1]
    yield json.dumps(json.dumps(value))[3:-3]
    yield html.escape(value)
    yield raw.hex()
    yield raw.hex().upper()
    if len(raw) >= SHORTEST_ANYWHERE:
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(raw).decode()
            yield from _base64_inside(raw, encode)


def _quote(value: str) -> str:
    return urllib.parse.quote(value, safe="")


def _quote_lower(value: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda m: m.group(0).lower(), _quote(value))


def _base64_inside(raw: bytes, encode: Callable[[bytes], bytes]) -> Iterable[str]:
    """The part of a base64 text that `raw` decides alone, for each of the three places it may start at."""
    for lead in range(3):
        text = encode(b"\0" * lead + raw).decode().rstrip("=")
        first = (lead * 8 + 5) // 6
        last = (lead + len(raw)) * 8 // 6
        core = text[first:last]
        if len(core) >= SHORTEST_ANYWHERE:
            yield core
