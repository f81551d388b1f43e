"""A file as the texts that stand in it, each with its place: the strings of JSON one by one, anything else as a whole.

What a program prints often begins like JSON and is none: a dictionary of Python, an object of JavaScript, JSON with
comments. So whatever stands outside of strings must be a word or a number of JSON, or else the file is one text.

JSON is read by its tokens and not by a parser: depth costs nothing, a member that stands twice is seen twice, and what
is replaced is replaced in the text of the file, so that everything else keeps its form to the last blank.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mcp_oauth_nb.telltale import is_secret_name

_TOKEN = re.compile(r'"(?P<string>(?:[^"\\]++|\\.)*+)(?P<end>"|\\?\Z)|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)
_ATOM = re.compile(r"true|false|null|NaN|-?Infinity|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"-?[0-9]{4,}+")
SHORTEST_IN_A_LIST = 8
"""Digits of a number in a list that is read as a text; shorter ones are measurements."""
_BLANKS = "\ufeff \t\r\n"
_STARTS, _ENDS = "{[", {"}": "{", "]": "["}
MIMETYPES = frozenset(
    """text/plain text/html text/markdown text/latex image/png image/jpeg image/svg+xml application/json
    application/javascript application/pdf application/vnd.jupyter.widget-view+json""".split()
)
"""Those that are named in a place; any other name might hold anything."""
LONGEST_PATH = 12
_PRIVATE_PARTS = {"oct": ("k",), "RSA": ("d", "p", "q", "dp", "dq", "qi")}
"""The private members of a JWK by its type (RFC 7518 6); of any other it is ``d``."""
_LINED = frozenset(("source", "text", "input"))


@dataclass(frozen=True)
class Piece:
    """A stretch of the file, from the first character to behind the last, and what it reads as."""

    start: int
    end: int
    text: str
    is_string: bool = False
    is_number: bool = False


@dataclass
class Unit:
    """A text that is read as one.

    Attributes:
        pieces: what it consists of, in the order of the file.
        path: the names and numbers that lead to it in JSON.
        name: the name it stands under; of a pair of `name` and `value`, the name.
        is_lines: the pieces are the lines of one text; other lists are read item by item as well.
        is_key: it is the name of a member.
    """

    pieces: list[Piece] = field(default_factory=list)
    path: tuple[str | int, ...] = ()
    name: str = ""
    is_lines: bool = True
    is_key: bool = False

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def is_number(self) -> bool:
        """Whether it is a number of JSON."""
        return self.pieces[0].is_number


@dataclass
class _Level:
    """A list or an object that is open."""

    opened: str
    prefix: tuple[str | int, ...] = ()
    under: str = ""
    name: str = ""
    at: int = 0
    awaits_value: bool = False
    strings: list[Piece] = field(default_factory=list)
    named: dict[str, Unit] = field(default_factory=dict)

    @property
    def path(self) -> tuple[str | int, ...]:
        """The first names and numbers on the way to what comes next in it."""
        return (*self.prefix, self.name if self.opened == "{" else self.at)[:LONGEST_PATH]

    @property
    def is_named(self) -> str:
        """The name that what comes next stands under, also in lists of lists."""
        return self.name if self.opened == "{" else self.under


@dataclass(frozen=True)
class Document:
    """A file taken apart.

    Attributes:
        text: all of it.
        units: the texts in it.
        kind: ``notebook``, ``json`` or ``text``.
    """

    text: str
    units: tuple[Unit, ...]
    kind: str


def document(text: str) -> Document:
    """Take a file apart. What is no JSON is one text, whatever it is."""
    if text.lstrip(_BLANKS)[:1] in _STARTS and text.strip():
        units = _units(text)
        if units is not None:
            is_notebook = any(unit.is_key and unit.path == ("nbformat",) for unit in units)
            return Document(text, tuple(units), "notebook" if is_notebook else "json")
    return Document(text, (Unit([Piece(0, len(text), text)]),), "text")


def place_of(made: Document, unit: Unit, at: int) -> tuple[int | None, str]:
    """The number of the cell and the place in words, of words of ours alone.

    Args:
        made: the file.
        unit: the text in it.
        at: the place in the file.
    """
    path = unit.path
    if made.kind != "notebook":
        return None, f"line {made.text.count(chr(10), 0, at) + 1}"
    if path[:1] == ("worksheets",):
        path = path[2:]
    if path[:1] != ("cells",) or len(path) < 3 or not isinstance(path[1], int):
        return None, "widget state" if "widgets" in path[:2] else "notebook metadata"
    return path[1] + 1, _in_cell(path[2:])


def is_widget_state(unit: Unit) -> bool:
    """Whether a text is what a notebook keeps of its widgets."""
    return unit.path[:2] == ("metadata", "widgets") and not unit.is_key


def _in_cell(path: tuple[str | int, ...]) -> str:
    first, *rest = path
    if first == "outputs" and len(rest) >= 2:
        return f"output {int(rest[0]) + 1 if isinstance(rest[0], int) else ''}, {_in_output(rest[1:])}"
    if first == "attachments":
        return "attachment"
    return {"source": "source", "input": "source", "metadata": "cell metadata"}.get(str(first), "cell")


def _in_output(path: list[str | int]) -> str:
    if path[0] == "data" and len(path) > 1:
        return str(path[1]) if path[1] in MIMETYPES else "another mimetype"
    words = {"text": "stream text", "traceback": "traceback", "evalue": "error", "ename": "error"}
    return words.get(str(path[0]), "output metadata" if path[0] == "metadata" else "output")


def _units(text: str) -> list[Unit] | None:
    """The strings and the longer integers of JSON, and their places; None where it is none."""
    units: list[Unit] = []
    level: _Level | None = None
    levels: list[_Level] = []
    for token in _TOKEN.finditer(text, len(text) - len(text.lstrip(_BLANKS))):
        sign = token[0]
        if token["string"] is not None:
            if level is None or token["end"] != '"':
                return None
            piece = Piece(token.start() + 1, token.end() - 1, _read(token["string"]), is_string=True)
            _take_string(level, piece, units)
        elif sign in _STARTS:
            level = _Level(sign, level.path, level.is_named) if level else _Level(sign)
            levels.append(level)
        elif sign in _ENDS:
            if level is None or level.opened != _ENDS[sign]:
                return None
            _close(level, units)
            levels.pop()
            if not levels:
                return units if not text[token.end() :].strip() else None
            level = levels[-1]
        elif level is None:
            return None
        elif sign == ",":
            level.at, level.awaits_value = level.at + 1, False
        elif sign == ":":
            level.awaits_value = True
        elif not _ATOM.fullmatch(sign):
            return None
        else:
            _take_number(level, Piece(token.start(), token.end(), sign, is_number=True), units)
    return None


def _take_number(level: _Level, piece: Piece, units: list[Unit]) -> None:
    if not _INTEGER.fullmatch(piece.text):
        return
    if level.opened == "{" and level.awaits_value:
        level.named[level.name] = unit = Unit([piece], level.path, level.name)
        units.append(unit)
    elif len(piece.text) >= SHORTEST_IN_A_LIST:
        units.append(Unit([piece], level.path, level.under))


def _take_string(level: _Level, piece: Piece, units: list[Unit]) -> None:
    if level.opened == "[":
        level.strings.append(piece)
        units.append(Unit([piece], level.path, level.under, is_lines=True))
    elif level.awaits_value:
        unit = Unit([piece], level.path, level.name)
        level.named[level.name] = unit
        units.append(unit)
    else:
        level.name = piece.text
        units.append(Unit([piece], level.path, is_key=True))


def _close(level: _Level, units: list[Unit]) -> None:
    if level.opened == "[":
        if len(level.strings) == 2 and level.at == 1 and is_secret_name(level.strings[0].text):
            units[-1].name = level.strings[0].text  # a pair, as header fields are kept in lists
        if len(level.strings) > 1:
            _join(level, units)
        return
    name, value = level.named.get("name"), level.named.get("value")
    if name is not None and value is not None:
        cookies = level.under == "cookies"
        value.name = "cookie_value" if cookies else name.text
    kind = level.named.get("kty")
    for part in () if kind is None else _PRIVATE_PARTS.get(kind.text, ("d",)):
        if part in level.named:
            level.named[part].name = "private_key"
    model, password = level.named.get("_model_name"), level.named.get("value")
    if model is not None and password is not None and model.text == "PasswordModel":
        password.name = "password_widget"


def _join(level: _Level, units: list[Unit]) -> None:
    """A list of strings as one text; where these are lines, not also one by one."""
    path = level.path
    name = level.under
    is_lines = name in _LINED or "/" in name
    if is_lines:
        gone = {id(piece) for piece in level.strings}
        first = len(units) - len(level.strings)
        units[first:] = [unit for unit in units[first:] if id(unit.pieces[0]) not in gone]
    units.append(Unit(level.strings, path[:-1], name, is_lines=is_lines))


def _read(content: str) -> str:
    if "\\" not in content:
        return content
    try:
        return str(json.loads(f'"{content}"', strict=False))
    except ValueError:
        return content


def written(piece: Piece, text: str) -> str:
    """A new text for a piece, as the file has to write it: what was a number is a string then."""
    if piece.is_number:
        return json.dumps(text, ensure_ascii=False)
    if not piece.is_string:
        return text
    content = json.dumps(text, ensure_ascii=False)[1:-1]
    return content if not any("\ud800" <= c <= "\udfff" for c in content) else json.dumps(text)[1:-1]


def replaced(made: Document, changes: dict[int, tuple[Piece, str]]) -> Iterator[str]:
    """The file with other texts for some pieces, which are named by where they start."""
    at = 0
    for start in sorted(changes):
        piece, text = changes[start]
        yield made.text[at:start]
        yield written(piece, text)
        at = piece.end
    yield made.text[at:]
