"""`scrub`: put tags in the places of the secrets of a file, and leave everything else as it is.

The same tags stand in the displays of the session that knows a secret, so that a scrubbed file can still be followed.
A secret that no session knows gets a tag of the file: equal secrets get equal tags, here and in every later run.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mcp_oauth_nb.evidence.documents import Document, Piece, is_widget_state, replaced
from mcp_oauth_nb.evidence.files import named, put
from mcp_oauth_nb.evidence.search import Found, HasTrace, decoded, file_vault, leaks, read, search, tag_of, vaults_of
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.check import Check, Leak

PASSES = 8
"""What stands beside a tag may be seen in another light than before, so the outcome is searched again."""


def scrub(path: str | Path, keep_original: bool = True, known: HasTrace | Trace | None = None) -> Check:
    """Replace every secret that `check` finds in a file by its tag, in place; what widgets kept of one is dropped.

    The file is replaced as a whole or not at all. A clean file is not touched.

    Args:
        path: the file.
        keep_original: keep what was there beside it as ``<name>.orig``, for its owner alone; it holds the secrets.
        known: whose secrets are known, as for `check`.

    Raises:
        BadSetting: the file cannot be read or written, is larger than 256 MiB, or is no text.
    """
    text, encoding = read(path)
    clean, found = scrubbed(text, vaults_of(known))
    name = Path(path).name
    if clean == text:
        return Check(name)
    target = named(path).resolve()
    original = target.read_bytes()
    kept = _kept(target, original) if keep_original else ""
    put(encoded(clean, encoding), target, mode=target.stat().st_mode & 0o777)
    return Check(name, found, mended=True, original=kept)


def scrubbed(text: str, vaults: Iterable[Vault]) -> tuple[str, tuple[Leak, ...]]:
    """The text with tags in the places of its secrets, and what was replaced."""
    vaults = tuple(vaults)
    replaced_leaks: list[Leak] = []
    own: Vault | None = None
    for _ in range(PASSES):
        made, found = search(text, vaults)
        if not found:
            break
        own = own or file_vault(text, found)
        replaced_leaks += leaks(made, found, own)
        text = _mended(made, found, own)
    return text, tuple(replaced_leaks)


def scrubbed_bytes(data: bytes, vaults: Iterable[Vault] = ()) -> bytes:
    """The same for bytes, as a filter needs it.

    Raises:
        BadSetting: they are no text, or too many.
    """
    text, encoding = decoded(data)
    clean, _ = scrubbed(text, vaults)
    return data if clean == text else encoded(clean, encoding)


def encoded(text: str, encoding: str) -> bytes:
    """The text as bytes in the encoding it was read in; bytes that were no text come back as they were."""
    return text.encode(encoding, "surrogateescape")


def _mended(made: Document, found: Iterable[Found], own: Vault) -> str:
    edits: dict[int, tuple[Piece, list[tuple[int, int, str]]]] = {}
    for one in found:
        tag = "" if is_widget_state(one.unit) else tag_of(one.hit, own)
        for piece, start, end in one.stretches:
            first, last = (0, len(piece.text)) if is_widget_state(one.unit) else (start, end)
            edits.setdefault(piece.start, (piece, []))[1].append((first, last, tag))
            tag = ""  # what is left of it in the pieces that follow goes without a word
    return "".join(replaced(made, {at: (piece, _edited(piece.text, list_)) for at, (piece, list_) in edits.items()}))


def _edited(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """A text with other words in some stretches; of stretches that overlap the first says the word."""
    pieces, at = [], 0
    for start, end, tag in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if start >= at:
            pieces += [text[at:start], tag]
        at = max(at, end)
    return "".join((*pieces, text[at:]))


def _kept(target: Path, original: bytes) -> str:
    """Put the original beside the file; another original that is there already stays."""
    number = 1
    kept = target.with_name(f"{target.name}.orig")
    while kept.exists() and kept.read_bytes() != original:
        number += 1
        kept = target.with_name(f"{target.name}.orig{number}")
    put(original, kept)
    return kept.name
