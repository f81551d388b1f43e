r"""The secrets of one trace: known by value, shown by tag.

A token shows up in many places and forms: in a header, URL-encoded in a Location, base64-encoded in Basic credentials,
echoed in an error text, in JSON inside a JSON string. The vault knows every secret value that the trace has met and
replaces each of its forms in any text by one tag, ``‹access_token#3f9a1c 43 chars›``. The fingerprint is keyed per
vault, so a reader can tell that two places carry the same token, and nobody can test a guess against it.

Escapes are looked through rather than foreseen: the same character may be written ``/``, ``%2F``, ``%252f``, ``\/``,
``\u002f``, ``\057`` or ``&#47;``, in any mixture, so the text is searched as it stands and with up to three layers of
escapes undone. The search looks at the first characters of every form at once: its time grows with the text, not with
the number of secrets.

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
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from threading import Lock
from typing import NamedTuple
from urllib.parse import unquote
from weakref import WeakSet

from mcp_oauth_nb.fragments import SHORTEST_FRAGMENT, Fragments

SHORTEST_ANYWHERE = 8
"""Values of at least this many characters are replaced wherever they stand, also inside a longer word."""
SHORTEST_AS_WORD = 4
"""Shorter ones down to this length are replaced only where they stand alone; below, only by field name."""
SHORTEST_BEGINNING = 6
"""A text that was cut may end in the beginning of a secret; from this length on it is replaced."""
MOST_IN_FRAGMENTS = 4096
"""Characters at the beginning of a form of which fragments are looked for."""
PIECE = 1024
"""Longer forms are searched for in pieces, so that a secret of a megabyte costs no more than a short one."""
LAYERS = 3
"""So many layers of escapes are undone in search of a secret."""
MOST_ESCAPES = 4096
"""Escapes whose character is remembered."""
MOST_REMEMBERED = 1 << 23
"""Characters of texts whose masked form is remembered until the next secret is learned, and of texts that were met."""

TAG = re.compile(r"‹[a-z0-9_]+#[0-9a-f]{6} \d+ chars›")
"""What a tag looks like."""

_WORD = re.compile(r"[A-Za-z0-9_]")
_UNSEEN = "\0\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
_ESCAPE = re.compile(
    r"%[0-7][0-9A-Fa-f]|%[C-Fc-f][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){1,3}"
    r"|\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}"
    r"|\\u\{0{0,8}(?:10|[0-9A-Fa-f])?[0-9A-Fa-f]{1,4}\}|\\U00(?:10|0[0-9A-Fa-f])[0-9A-Fa-f]{4}|\\[0-3][0-7]{2}"
    rf"|\\[\"'/\\bfnrt]|[{_UNSEEN}]|&(?:#[0-9]{{1,20}};?|#[xX][0-9A-Fa-f]{{1,20}};?|[A-Za-z]{{2,8}};)"
)
_CUT_ESCAPE = re.compile(
    r"(?:(?:%[0-9A-Fa-f]{0,2})+|\\u?[0-9A-Fa-f]{0,3}|\\u\{[0-9A-Fa-f]{0,14}|\\U[0-9A-Fa-f]{0,7}|&#?\w{0,21}|\ufffd+)\Z"
)
_DUMP = re.compile(r"[0-9A-Fa-f]{2}(?:[: -][0-9A-Fa-f]{2}){7,}+")
"""Bytes in hexadecimal digits, each apart from the next, as tools print them.

What stands around them is of no account: it may become a tag."""
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


_ALIVE: WeakSet[Vault] = WeakSet()


def living_vaults() -> tuple[Vault, ...]:
    """The vaults of this process that are still in use and hold a secret."""
    return tuple(vault for vault in tuple(_ALIVE) if len(vault))


class Span(NamedTuple):
    """Where a secret, or a part of one, stands in a text."""

    start: int
    end: int
    value: str
    whole: bool = True


class Vault:
    """Learns secret values and masks them in text.

    Args:
        key: key of the fingerprints, or a vault to share that of; a fresh random one unless given. Two vaults with one
            key give equal tags, so whoever sees both can tell that two runs carry one secret, and nothing else of it.
    """

    keeps_its_key = True
    """Whether its tags are made with its key; those of evidence that was loaded were made with one nobody has."""

    def __init__(self, key: bytes | Vault | None = None) -> None:
        self._key: bytes = key._key if isinstance(key, Vault) else key or secrets.token_bytes(16)
        self._kinds: dict[str, str] = {}
        self._forms: dict[str, str] = {}
        self._heads: dict[int, dict[str, set[int]]] = {
            size: {} for size in range(SHORTEST_AS_WORD, SHORTEST_ANYWHERE + 1)
        }
        self._beginnings: dict[str, list[str]] = {}
        self._longest = 0
        self._fragments = Fragments()
        self._not_in_fragments: list[tuple[str, tuple[tuple[str, int], ...]]] = []
        self._indexing = Lock()
        self._issued: dict[str, str] = {}
        self._names: set[str] = set()
        self._done: dict[tuple[str, bool], str] = {}
        self._done_characters = 0
        self._met: set[str] = set()
        self._met_characters = 0
        _ALIVE.add(self)

    def __repr__(self) -> str:
        return f"<Vault of {len(self._kinds)} secrets>"

    def __len__(self) -> int:
        return len(self._kinds)

    def __getstate__(self) -> object:
        raise TypeError("a Vault cannot be pickled or copied: it holds secrets")

    def learn(self, value: str, kind: str) -> None:
        """Remember a secret. The kind it was first learned under stays, so that its tag is the same everywhere."""
        if not value or value in self._kinds:
            return
        self._kinds[value] = kind
        forms = tuple(dict.fromkeys(forms_of(value)))
        self._not_in_fragments.append((value, tuple((form[:MOST_IN_FRAGMENTS], len(form)) for form in forms)))
        for form in forms:
            last = max(0, len(form) - PIECE)
            for start in (*range(0, last, PIECE), last):
                self._index(form[start : start + PIECE], value)
        self._forget()

    def has_met(self, text: str) -> bool:
        """Whether all that a text teaches is known: it comes again with every display of an exchange."""
        return text in self._met

    def meet(self, text: str) -> None:
        """Remember that everything that a text teaches was learned."""
        if self._met_characters > MOST_REMEMBERED:
            self._met, self._met_characters = set(), 0
        self._met.add(text)
        self._met_characters += len(text)

    def shares_tags_with(self, other: Vault) -> bool:
        """Whether one secret has the same tag in both."""
        return hmac.compare_digest(self._key, other._key)

    def hide(self, name: str) -> None:
        """Remember the name of a header field whose value is to be hidden, however short or plain it is."""
        self._names.add(name.lower())

    def hides(self, name: str) -> bool:
        """Whether a header field of this name is to be hidden."""
        return name.lower() in self._names

    @property
    def hidden(self) -> tuple[str, ...]:
        """The names of the header fields whose values are to be hidden, in lower case."""
        return tuple(sorted(self._names))

    def behind(self, tag: str) -> str | None:
        """The value that a tag stands for; None for a tag that this vault did not make. Not for display."""
        return self._issued.get(tag)

    def values(self) -> tuple[str, ...]:
        """Every secret learned, for handing to a leak check. Not for display."""
        return tuple(self._kinds)

    def kind(self, value: str) -> str:
        """The kind that a secret was learned under; ``secret`` where it was not."""
        return self._kinds.get(value, "secret")

    def tag(self, value: str, kind: str) -> str:
        """The tag of a value, learned or not."""
        digest = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        tag = f"‹{self._kinds.get(value, kind)}#{digest[:6]} {len(value)} chars›"
        self._issued[tag] = value
        return tag

    def mask(self, text: str, *, cut: bool = False) -> str:
        """Replace every form of every known secret in `text`. Tags that this vault made are left as they are.

        Args:
            text: any text.
            cut: the text was cut at its end, so its last characters may be the beginning of a secret.
        """
        if not self._kinds or not text:
            return text
        masked, start = [], 0
        for match in TAG.finditer(text):
            if match.group(0) in self._issued:
                masked += [self._masked(text[start : match.start()]), match.group(0)]
                start = match.end()
        return "".join((*masked, self._masked(text[start:], cut=cut)))

    def _index(self, form: str, value: str) -> None:
        if len(form) < SHORTEST_AS_WORD or form in self._forms:
            return
        self._forms[form] = value
        size = min(len(form), SHORTEST_ANYWHERE)
        self._heads[size].setdefault(form[:size], set()).add(len(form))
        self._beginnings.setdefault(form[:SHORTEST_BEGINNING], []).append(form)
        self._longest = max(self._longest, len(form))

    def _index_fragments(self) -> None:
        """Left until something is masked, because a run that nobody looks at does not need it."""
        with self._indexing:
            while self._not_in_fragments:
                value, forms = self._not_in_fragments.pop()
                for form, length in forms:
                    self._fragments.add(form, value, length)

    def _masked(self, text: str, *, cut: bool = False) -> str:
        """The same text comes again with every display of an exchange: it is searched once for each set of secrets."""
        done = self._done  # another one once a secret has been learned meanwhile: then this result is not kept
        made = done.get((text, cut))
        if made is None:
            made = self._searched(text, cut)
            if self._done_characters > MOST_REMEMBERED:
                self._forget()
            self._done_characters += len(text) + len(made)
            done[text, cut] = made
        return made

    def _forget(self) -> None:
        self._done, self._done_characters = {}, 0

    def _searched(self, text: str, cut: bool) -> str:
        pieces, start = [], 0
        self._index_fragments()
        for span in _united(self._spans(text, cut)):
            pieces += [text[start : span.start], self.tag(span.value, self._kinds[span.value])]
            start = span.end
        return "".join((*pieces, text[start:]))

    def _spans(self, text: str, cut: bool) -> Iterator[Span]:
        """Secrets in the text as it stands and under its escapes, placed in the text as it stands."""
        layers: list[Layer] = []
        layer: Layer | None = Layer(text, [0], [0])
        while layer is not None and len(layers) <= LAYERS:
            layers.append(layer)
            tail = self._tail(layer.text) if cut else ()
            for whole, spans in ((True, (*self._found(layer.text), *tail)), (False, self._fragments.find(layer.text))):
                for span in spans:
                    start, end = span.start, span.end
                    for above in reversed(layers):
                        start, end = above.back(start), above.back_to(end)
                    yield Span(start, end, span.value, whole)
            layer = unescape_once(layer.text)

    def _found(self, text: str) -> Iterator[Span]:
        """Forms in the text. Those of one secret that overlap come as one: what repeats itself has thousands."""
        for size, heads in self._heads.items():
            if not heads:
                continue
            first, last, known = 0, -1, ""
            for start in [at for at in range(len(text) - size + 1) if text[at : at + size] in heads]:
                length, value = self._form_at(text, start, heads[text[start : start + size]])
                if not length:
                    continue
                if value != known or start > last:
                    if known:
                        yield Span(first, last, known)
                    first, last, known = start, start, value
                last = max(last, start + length)
            if known:
                yield Span(first, last, known)

    def _form_at(self, text: str, start: int, lengths: set[int]) -> tuple[int, str]:
        """The length and the secret of the longest form that starts here; 0 where none does."""
        for length in sorted(lengths, reverse=True) if len(lengths) > 1 else lengths:
            value = self._forms.get(text[start : start + length], "")
            if value and (length >= SHORTEST_ANYWHERE or _stands_alone(text, start, start + length)):
                return length, value
        return 0, ""

    def _tail(self, text: str) -> Iterator[Span]:
        """The longest end of the text that is the beginning of a secret."""
        unfinished = _CUT_ESCAPE.search(text, max(0, len(text) - 24))
        last = unfinished.start() if unfinished else len(text)
        for end in {last, len(text)}:
            for start in range(max(0, end - self._longest), end - SHORTEST_BEGINNING + 1):
                fragment = text[start:end]
                for form in self._beginnings.get(fragment[:SHORTEST_BEGINNING], ()):
                    if form.startswith(fragment):
                        yield Span(start, len(text), self._forms[form])
                        return


class Layer(NamedTuple):
    """A text with escapes undone. At `here[i]` in it the text it came from continues at `there[i]`."""

    text: str
    here: list[int]
    there: list[int]

    def back(self, at: int) -> int:
        i = bisect_right(self.here, at) - 1
        return self.there[i] + at - self.here[i]

    def back_to(self, end: int) -> int:
        """Where a stretch ends in the text it came from: before what stands for nothing and follows it."""
        i = bisect_left(self.here, end)
        if i == len(self.here) or self.here[i] > end:
            i -= 1
        return self.there[i] + end - self.here[i]


def unescape_once(text: str) -> Layer | None:
    """Undo one layer of escapes of every kind; None where there is none."""
    pieces: list[str] = []
    here, there, end, length = [0], [0], 0, 0
    for start, behind, character in _escapes(text):
        length += start - end
        here += [length, length + len(character)]
        there += [start, behind]
        pieces += [text[end:start], character]
        length, end = length + len(character), behind
    return Layer("".join((*pieces, text[end:])), here, there) if pieces else None


def _escapes(text: str) -> Iterable[tuple[int, int, str]]:
    """Where each escape starts and ends, and what it stands for: what parts the bytes of a dump, for nothing."""
    escapes = ((match.start(), match.end(), _character(match[0])) for match in _ESCAPE.finditer(text))
    gaps = [at for dump in _DUMP.finditer(text) for at in range(dump.start() + 2, dump.end(), 3)]
    return sorted((*escapes, *((at, at + 1, "") for at in gaps))) if gaps else escapes


@lru_cache(MOST_ESCAPES)
def _character(escape: str) -> str:
    """What an escape stands for: nothing, where it is a character that nobody sees."""
    if len(escape) == 1:
        return ""
    if escape[0] in "%&":
        return unquote(escape) if escape[0] == "%" else html.unescape(escape)
    kind, digits = escape[1], escape[2:].strip("{}")
    if kind in "xU" or escape[2:3] == "{":
        return chr(int(digits, 16))
    if kind == "u":
        return str(json.loads(f'"{escape}"'))
    return chr(int(escape[1:], 8)) if kind.isdigit() else _CONTROLS.get(kind, kind)


def _united(spans: Iterable[Span]) -> list[Span]:
    """Spans from left to right; those that overlap, or are pieces of one secret, as one with the value of the first.

    A part of a secret gives way to a whole one that it overlaps with, and covers only what is left beside it.
    """
    united: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, not span.whole)):
        last = united[-1] if united else None
        if last is None or (span.start >= last.end and (span.start, span.value) != (last.end, last.value)):
            united.append(span)
        elif last.whole or not span.whole or span.start == last.start or span.value == last.value:
            united[-1] = last._replace(end=max(last.end, span.end))
        else:
            united[-1:] = [last._replace(end=span.start), span._replace(end=max(last.end, span.end))]
    return united


def _stands_alone(text: str, start: int, end: int) -> bool:
    return not _WORD.match(text[start - 1 : start]) and not _WORD.match(text[end : end + 1])


def forms_of(value: str) -> Iterable[str]:
    """The forms of a value that no undoing of escapes uncovers: with ``+`` for blanks, in hex, in base64."""
    if len(value) < SHORTEST_AS_WORD:
        return
    raw = value.encode("utf-8", "surrogatepass")
    yield value
    yield value.replace(" ", "+")
    if len(value) >= SHORTEST_FRAGMENT:
        yield value.lower()
        yield value.upper()
    yield raw.hex()
    yield raw.hex().upper()
    if len(raw) >= SHORTEST_ANYWHERE:
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(raw).decode()
            yield from _base64_inside(raw, encode)


def _base64_inside(raw: bytes, encode: Callable[[bytes], bytes]) -> Iterable[str]:
    """The part of a base64 text that `raw` decides alone, for each of the three places it may start at."""
    for lead in range(3):
        text = encode(b"\0" * lead + raw).decode().rstrip("=")
        first = (lead * 8 + 5) // 6
        last = (lead + len(raw)) * 8 // 6
        core = text[first:last]
        if len(core) >= SHORTEST_ANYWHERE:
            yield core
