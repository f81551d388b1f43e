"""Secrets that cannot be mistaken for anything else, and the search for them in every way of writing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

FRAGMENT = 12
"""Characters of a secret that are a leak by themselves."""


def marked(seed: str) -> str:
    """A secret of 43 characters, the same for the same seed."""
    return base64.urlsafe_b64encode(hashlib.sha256(seed.encode()).digest()).rstrip(b"=").decode().replace("_", "q")


def jwt(claims: Mapping[str, Any], signature: str) -> str:
    """A JWT with these claims; its signature is any text."""
    return f"{_part({'alg': 'ES256', 'typ': 'JWT'})}.{_part(claims)}.{signature}"


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forms(secret: str) -> Iterator[tuple[str, str, int]]:
    """Each way of writing a secret: its name, the text, and how many characters of it are a leak."""
    raw = secret.encode()
    yield "the value", secret, FRAGMENT
    yield "URL-encoded", quote(secret, safe=""), FRAGMENT
    yield "in capitals", secret.upper(), FRAGMENT
    yield "in small letters", secret.lower(), FRAGMENT
    yield "in hexadecimal digits", raw.hex(), 2 * FRAGMENT
    yield "in hexadecimal digits, capitals", raw.hex().upper(), 2 * FRAGMENT
    for lead in range(3):
        first, last = -(-8 * lead // 6), 8 * (lead + len(raw)) // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield f"in base64 at {lead}", encode(b"\0" * lead + raw).decode()[first:last], FRAGMENT * 4 // 3


class Marks:
    """Searches texts for secrets and for fragments of them.

    Args:
        secrets: what must not be found, by name. The header of a JWT is public.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        assert secrets, "there must be secrets to look for"
        self._pieces: dict[int, dict[str, str]] = {}
        for name, secret in secrets.items():
            own = secret.partition(".")[2] if secret.startswith("eyJ") else secret
            for way, form, least in forms(own):
                pieces = self._pieces.setdefault(least, {})
                for at in range(max(1, len(form) - least + 1)):
                    pieces.setdefault(form[at : at + least], f"{name} {way}")

    def found(self, text: str) -> Iterator[str]:
        """What stands in a text, each with what stands before it."""
        last = -100
        for least, pieces in self._pieces.items():
            for at in range(len(text) - least + 1):
                if text[at : at + least] in pieces and at > last + least:
                    yield f"{pieces[text[at : at + least]]}: …{text[max(0, at - 90) : at]}[here]…"
                    last = at

    def assert_none(self, texts: Iterable[tuple[str, str]]) -> None:
        """None of these named texts holds any."""
        seen: set[int] = set()
        leaks: list[str] = []
        for name, text in texts:
            if hash(text) not in seen:
                seen.add(hash(text))
                leaks += [f"{name}: {one}" for one in self.found(text)]
        assert not leaks, f"{len(leaks)} leaks:\n" + "\n".join(leaks[:40])
