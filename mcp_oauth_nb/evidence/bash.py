"""Text as bash words: whatever a server wrote, bash and curl must take it for data, and a terminal must show it.

A word is single-quoted; where it holds control characters, direction marks or other invisible text, it is written
byte by byte in ``$'...'``, so that pasting it does nothing else. Double quotes are used around variables only, and
then around literals in which an interactive bash expands nothing either (no ``!``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_PLAIN = re.compile(r"[\w .,:;/=+@%&?~*()<>|{}\[\]-]*", re.ASCII)


def quoted(text: str) -> str:
    """A bash word that means exactly `text`. NUL cannot be part of one and is replaced, as are lone surrogates."""
    text = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if any(unicodedata.category(c) in _INVISIBLE for c in text):
        return "$'" + "".join(map(_escaped, text)) + "'"
    return "'" + text.replace("'", "'\\''") + "'"


def joined(pieces: Iterable[tuple[str, bool]]) -> str:
    """One bash word of literals and expansions; each piece says whether it is an expansion such as ``${NAME}``."""
    parts = [piece for piece in pieces if piece[0]]
    if not any(expands for _, expands in parts):
        return quoted("".join(text for text, _ in parts))
    if all(expands or _PLAIN.fullmatch(text) for text, expands in parts):
        return '"' + "".join(text for text, _ in parts) + '"'
    return "".join(f'"{text}"' if expands else quoted(text) for text, expands in parts)


def variable_name(name: str) -> str:
    """The name of a parameter or header field as the name of a variable that no shell uses itself."""
    clean = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    telling = re.search(r"KEY|TOKEN|SECRET|COOKIE|PASSWORD", clean)
    return clean if telling and clean[0].isalpha() else f"SECRET_{clean}".rstrip("_")


def _escaped(character: str) -> str:
    if character in "'\\":
        return "\\" + character
    if unicodedata.category(character) in _INVISIBLE:
        return "".join(f"\\x{byte:02x}" for byte in character.encode())
    return character
