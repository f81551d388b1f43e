"""`check`: search a file for secrets, those that this process knows and those that look like one.

Known are the secrets of every debugging session that is alive in this process, in every form and in fragments of
twelve characters or more. Where nothing is known, names and shapes tell. Our own tags are no secrets.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.evidence.documents import Document, Piece, Unit, document, place_of
from mcp_oauth_nb.evidence.files import named, not_read
from mcp_oauth_nb.evidence.known import Hit, Known
from mcp_oauth_nb.evidence.layers import joined_up, readings
from mcp_oauth_nb.evidence.looks import find_shapes, secret_in_header
from mcp_oauth_nb.evidence.pairs import find_pairs
from mcp_oauth_nb.fragments import is_guessable
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.telltale import is_secret_number, kind_of
from mcp_oauth_nb.vault import TAG, Vault, living_vaults
from mcp_oauth_nb.views.check import Check, Leak

LARGEST = 256 * 1024 * 1024
"""Bytes of a file that is searched."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}+={0,2}")
_DATA_URI = re.compile(r";base64,(?P<value>[A-Za-z0-9+/_-]{24,}+={0,2})")
_NUMBERED = re.compile(r"‹[a-z0-9_]+#(00[0-9a-f]{4}) \d+ chars›")
EXAMPLE = "check('incident.ipynb')"
_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class HasTrace(Protocol):
    """What holds a trace, such as a `Debugger`."""

    @property
    def trace(self) -> Trace: ...


class Found(NamedTuple):
    """A secret in a file: the pieces of the file that it covers, each with a stretch in what the piece reads as."""

    unit: Unit
    stretches: tuple[tuple[Piece, int, int], ...]
    hit: Hit

    @property
    def length(self) -> int:
        return sum(end - start for _, start, end in self.stretches)


def check(path: str | Path, known: HasTrace | Trace | None = None) -> Check:
    """Search a file for secrets: a notebook, JSON, a HAR, HTML, a log or any other text. The file is not changed.

    Args:
        path: the file.
        known: whose secrets are known, a `Debugger` or a `Trace`; those of every session of this process unless given.

    Raises:
        BadSetting: the file cannot be read, is larger than 256 MiB, or is no text.
    """
    text, _ = read(path)
    made, found = search(text, vaults_of(known))
    return Check(Path(path).name, leaks(made, found, file_vault(text, found)))


def search(text: str, vaults: Iterable[Vault]) -> tuple[Document, list[Found]]:
    """The text taken apart, and every secret in it."""
    made, known = document(text), Known(vaults)
    found: list[Found] = []
    taken: dict[int, list[tuple[int, int]]] = {}
    seen: dict[tuple[str, str, bool, bool], list[Hit]] = {}
    for unit in sorted(made.units, key=lambda unit: len(unit.pieces) == 1):  # what is split is one, before its parts
        content = unit.text
        key = (content, unit.name, unit.is_lines, unit.is_number)
        hits = seen.get(key)
        if hits is None:
            hits = _united(_hits(unit, content, known))
            if len(content) < 1000:
                seen[key] = hits
        found += [one for hit in hits if (one := _placed(unit, hit, taken)) is not None]
    return made, found


def leaks(made: Document, found: Iterable[Found], own: Vault) -> tuple[Leak, ...]:
    """What was found, without the secrets."""
    ordered = sorted(found, key=lambda one: one.stretches[0][0].start + one.stretches[0][1])
    return tuple(
        Leak(*place_of(made, one.unit, _file_place(one)), one.hit.kind, one.length, tag_of(one.hit, own))
        for one in ordered
    )


def tag_of(hit: Hit, own: Vault) -> str:
    """What stands for a secret: the tag of the session that knows it, else one of the file's own."""
    return (hit.vault or own).tag(hit.value, hit.kind.partition(" ")[0])


class FileVault(Vault):
    """Makes the tags of a file, the same in each run. A secret that can be guessed is numbered, in order of appearance.

    Everything else in the key of a file may be known to somebody who guesses: a number confirms nothing.
    """

    def __init__(self, key: bytes, text: str) -> None:
        super().__init__(key)
        self._numbers: dict[str, int] = {}
        self._taken = max((int(number, 16) for number in _NUMBERED.findall(text)), default=0)

    def tag(self, value: str, kind: str) -> str:
        if not is_guessable(value):
            return super().tag(value, kind)
        number = self._numbers.setdefault(value, self._taken + len(self._numbers) + 1)
        return f"‹{kind}#{number:06x} {len(value)} chars›"


def file_vault(text: str, found: Iterable[Found]) -> Vault:
    """The key of the tags of a file: made of its own secrets, so that each run makes the same tags of the same file.

    It is slow to make, so that nobody tests a guess against a tag.
    """
    values = sorted({one.hit.value for one in found if one.hit.vault is None})
    if not values:
        return FileVault(b"no secret", text)
    joined = "\0".join(values).encode("utf-8", "surrogatepass")
    return FileVault(hashlib.scrypt(joined, salt=b"mcp-oauth-nb tags of a file", n=2**13, r=8, p=1, dklen=16), text)


def vaults_of(known: HasTrace | Trace | None) -> tuple[Vault, ...]:
    """The vaults whose secrets are searched for.

    Raises:
        BadSetting: `known` has none.
    """
    if known is None:
        return living_vaults()
    trace = known if isinstance(known, Trace) else getattr(known, "trace", None)
    if not isinstance(trace, Trace):
        raise BadSetting("known", f"a {type(known).__name__}", "a Debugger, a Trace, or nothing")
    return (trace.vault,)


def read(path: str | Path) -> tuple[str, str]:
    """The text of a file and its encoding.

    Raises:
        BadSetting: it cannot be read, is too large, or is no text.
    """
    target = named(path, mend=EXAMPLE)
    try:
        if target.exists() and not target.is_file():
            raise BadSetting("path", "no file", "a notebook or another file of text")
        if target.stat().st_size > LARGEST:
            raise BadSetting("path", f"a file of more than {LARGEST >> 20} MiB", "a smaller one", "Split it.")
        return decoded(target.read_bytes())
    except (OSError, ValueError) as error:
        if isinstance(error, BadSetting):
            raise
        raise not_read("path", target, error, EXAMPLE) from None


def decoded(data: bytes) -> tuple[str, str]:
    """Bytes as text, and the encoding that turns it back into the same bytes.

    Raises:
        BadSetting: they are no text.
    """
    if len(data) > LARGEST:
        raise BadSetting("the input", f"more than {LARGEST >> 20} MiB", "less")
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            exact = "utf-16-le" if bom[0] == 0xFF else "utf-16-be"
            try:
                return data.decode(exact), exact
            except UnicodeDecodeError:
                raise BadSetting("the file", f"broken {encoding}", "text") from None
    if b"\0" in data:
        raise BadSetting("the file", "binary data, which is not searched", "a notebook or another file of text")
    return data.decode("utf-8", "surrogateescape"), "utf-8"


def _hits(unit: Unit, content: str, known: Known) -> Iterator[Hit]:
    if unit.is_number:
        if is_secret_number(unit.name):
            yield Hit(0, len(content), content, kind_of(unit.name), None)
        yield from known.find(content)
        return
    if unit.name == "password_widget" and content:
        yield Hit(0, len(content), content, "password", None)
    elif unit.name == "private_key" and len(content) >= 16 and not TAG.fullmatch(content):
        yield Hit(0, len(content), content, "private_key", None)
    elif unit.name and unit.is_lines and len(content) >= 4:
        yield from secret_in_header(unit.name, content)
    if len(content) < 4:
        return
    for view in readings(content):
        if len(content) >= 8 and unit.is_lines:
            found = (*find_shapes(view.text), *find_pairs(view.text))
            yield from (_back(view.back(hit.start, hit.end), hit) for hit in found)
        if known:
            yield from (_back(view.back(hit.start, hit.end), hit) for hit in known.find(view.text))
            joined = joined_up(view)
            if joined is not None:
                yield from (_back(joined.back(hit.start, hit.end), hit) for hit in known.find(joined.text))
    if len(content) >= 24:
        yield from _in_base64(content, known)


def _back(place: tuple[int, int], hit: Hit) -> Hit:
    return hit._replace(start=place[0], end=place[1])


def _in_base64(content: str, known: Known) -> Iterator[Hit]:
    """A secret in a text that stands in base64: in an attachment, the body of a HAR, or a data URI."""
    whole = content.strip()
    runs = [(0, len(content), "".join(whole.split()))] if not whole.startswith("<") else []
    runs += [(*match.span("value"), match["value"]) for match in _DATA_URI.finditer(content)]
    for start, end, run in runs:
        if not _BASE64.fullmatch(run):
            continue
        try:
            text = base64.b64decode(
                run.rstrip("=") + "==", altchars=b"-_" if "_" in run or "-" in run else None
            ).decode()
        except (binascii.Error, ValueError):
            continue
        for unit in document(text).units:
            for hit in _hits(unit, unit.text, known):
                yield hit._replace(start=start, end=end)


def _united(hits: Iterable[Hit]) -> list[Hit]:
    """Hits from left to right, those that overlap as one: that of a known secret counts, then the longest."""
    united: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if hit.end <= hit.start:
            continue
        if united and hit.start < united[-1].end:
            last = united[-1]
            better = max(last, hit, key=_worth)
            united[-1] = better._replace(start=last.start, end=max(last.end, hit.end))
        else:
            united.append(hit)
    return united


def _worth(hit: Hit) -> tuple[bool, bool, bool, int]:
    whole = not hit.kind.endswith(" fragment")
    return hit.vault is not None and whole, hit.vault is not None, hit.kind not in ("secret", "token"), len(hit.value)


def _placed(unit: Unit, hit: Hit, taken: dict[int, list[tuple[int, int]]]) -> Found | None:
    """A hit in the pieces of its unit; None where other hits cover all of it."""
    stretches, at, news = [], 0, False
    for piece in unit.pieces:
        start, end = max(hit.start - at, 0), min(hit.end - at, len(piece.text))
        at += len(piece.text)
        if start < end:
            ranges = taken.setdefault(piece.start, [])
            news = news or not any(first <= start and end <= last for first, last in ranges)
            ranges.append((start, end))
            stretches.append((piece, start, end))
    return Found(unit, tuple(stretches), hit) if news else None


def _file_place(one: Found) -> int:
    piece, start, _ = one.stretches[0]
    return piece.start + (0 if piece.is_string else start)
