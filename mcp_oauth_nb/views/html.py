"""The one place where text becomes markup.

Most of what a display shows was written by a server, and a trusted notebook runs what it is given: one unescaped name
is enough to write files through Jupyter's own API. So `Html` is made here only, by functions that escape, and every
other view takes and returns `Html`; mypy refuses a plain string where markup is wanted.

The markup is the part that an untrusted JupyterLab keeps: no class, no id, no style sheet. Colours come as literal
pairs or not at all, so that whatever sets none follows the reader's theme; a status is always written out as a word.
Pieces are separated by blanks and line breaks, because some renderers drop the styles and flatten the tables.
"""

from __future__ import annotations

import html as escaping
import re
from collections.abc import Iterable, Sequence
from typing import NewType

from mcp_oauth_nb.mime import Bundle

Html = NewType("Html", str)
"""Markup that is safe to show: everything foreign in it went through `text`."""

TAGS = frozenset(
    "b br code details div em li ol p pre small span strong summary table tbody td th thead tr ul a".split()
)
ATTRIBUTES = frozenset(("style", "href", "rel", "target", "open", "title", "colspan"))

LONGEST_VALUE = 4096
"""Characters shown of a header value, a URL or any other single line."""
LONGEST_BODY = 16384
"""Characters shown of a body."""

EDGE = "#8c959f"
COLOURS = {
    "passed": "#116329",
    "failed": "#a40e26",
    "warned": "#7d4e00",
    "running": "#0550ae",
    "needs you": "#0550ae",
    "ok": "#116329",
    "gets through": "#116329",
    "stops": "#a40e26",
    "unknown": "#7d4e00",
    "same": "#116329",
    "different": "#7d4e00",
}
"""The background of a status badge under white text; any other word is grey."""
GREY = "#57606a"

CELL = "text-align:left;vertical-align:top;padding:1px 12px 1px 0"
WIRE = f"{CELL};font-family:monospace;word-break:break-all"
_BADGE = "color:#fff;background:{};padding:0 6px;border-radius:3px;font-size:85%;font-weight:600;white-space:nowrap"
_BUTTON = "color:#fff;background:#0550ae;padding:3px 12px;border-radius:3px;font-weight:600;text-decoration:none"
_PRE = (
    f"font-family:monospace;font-size:12px;margin:2px 0;padding:2px 0 2px 8px;border-left:2px solid {EDGE};"
    "white-space:pre-wrap;word-wrap:break-word"
)
_TABLE = "margin:2px 0;border-collapse:collapse"
_INSIDE = "margin:2px 0 6px 16px"

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ud800-\udfff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Characters that show nothing, look like a plain blank, or turn the text around them."""
_UNSEEN_IN_LINES = re.compile(rf"(?![\n\t])(?:{_UNSEEN.pattern})")
_BLANK_LINE = re.compile(r"(?<=\n)([ \t]*)\n")
_WEB = re.compile(r"https?://[^\s\\\"'<>‹›]+")


def visible(content: str, *, lines: bool = False) -> str:
    r"""The text with every unseen character written out, such as ``\u202e``.

    Args:
        content: any text, also with lone surrogates.
        lines: the text may have lines: line breaks and tabs stay as they are.
    """
    if lines:
        return _UNSEEN_IN_LINES.sub(_written_out, content.replace("\r\n", "\n"))
    return _UNSEEN.sub(_written_out, content)


def clip(content: str, most: int) -> tuple[str, str]:
    """The beginning of a text, and in words how much of it is left out (empty for none)."""
    if len(content) <= most:
        return content, ""
    left_out = len(content[most:].encode("utf-8", "replace"))
    return content[:most], f"… {left_out:,} more bytes not shown"


def one_line(content: str, most: int = LONGEST_VALUE) -> str:
    """The text on one line, as plain text: clipped, everything unseen written out."""
    shown, rest = clip(content, most)
    return " ".join(filter(None, (visible(shown), rest)))


def text(content: str, most: int = LONGEST_VALUE) -> Html:
    """Text from anywhere as one line of markup."""
    return Html(escaping.escape(one_line(content, most), quote=True))


def tag(name: str, *children: Html, style: str = "", **attributes: str) -> Html:
    """An element. Attribute values are escaped; names outside the safe set are a mistake of ours and raise."""
    given = {"style": style, **attributes} if style else attributes
    if name not in TAGS or not given.keys() <= ATTRIBUTES:
        raise ValueError(f"<{name} {' '.join(given)}> is not kept by every renderer")
    written = "".join(f' {key}="{escaping.escape(visible(value))}"' for key, value in given.items())
    return Html(f"<{name}{written}>{''.join(children)}</{name}>")


def words(*pieces: Html) -> Html:
    """Pieces beside each other, a blank between; empty ones are left out."""
    return Html(" ".join(filter(None, pieces)))


def below(*pieces: Html) -> Html:
    """Pieces on lines of their own within one cell."""
    return Html("<br>\n".join(filter(None, pieces)))


def stack(*pieces: Html) -> Html:
    """Pieces below each other, a line break in the source between; empty ones are left out."""
    return Html("\n".join(filter(None, pieces)))


def strong(content: str) -> Html:
    """Words that matter."""
    return tag("strong", text(content))


def quiet(content: str) -> Html:
    """Words that matter less. Faded rather than coloured, so that they follow the theme."""
    return tag("small", text(content), style="opacity:.75") if content else Html("")


def unbroken(content: Html) -> Html:
    """A few words that stay on one line, such as a number with its unit."""
    return tag("span", content, style="white-space:nowrap") if content else Html("")


def wire(content: str, most: int = LONGEST_VALUE) -> Html:
    """Text from the wire in monospace; it may break anywhere."""
    return tag("code", text(content, most), style="font-size:12px;word-break:break-all")


def badge(status: str) -> Html:
    """A status as a word on its colour."""
    return tag("span", text(status), style=_BADGE.format(COLOURS.get(status, GREY)))


def is_link(url: str) -> bool:
    """Whether a URL may be clicked: http or https, complete, nothing unseen and no masked secret in it."""
    return len(url) <= LONGEST_VALUE and visible(url) == url and bool(_WEB.fullmatch(url))


def link(url: str, label: str = "") -> Html:
    """A URL, clickable only where that is safe; with a label of our own in front the address still shows on hover."""
    if not is_link(url):
        return wire(url)
    shown = text(label) if label else text(url)
    style = "" if label else "word-break:break-all"
    return tag("a", shown, style=style, href=url, rel="noopener noreferrer", target="_blank")


def button_link(url: str, label: str) -> Html:
    """A link that looks like something to press, where it is the one thing to do."""
    if not is_link(url):
        return wire(url)
    return tag("a", text(label), style=_BUTTON, href=url, rel="noopener noreferrer", target="_blank")


def details(summary: Html, *body: Html, unfold: bool = False) -> Html:
    """A part that folds. Flattened it reads as its summary on one line and the body below."""
    head = tag("summary", summary, style="cursor:pointer")
    inner = tag("div", Html("\n"), stack(*body), Html("\n"), style=_INSIDE)
    return tag("details", head, Html("\n"), inner, style="margin:2px 0", **({"open": "open"} if unfold else {}))


def heading(content: str, note: str = "") -> Html:
    """A small heading inside a card, with a quiet note behind it."""
    return tag("div", words(strong(content), quiet(note)), style="margin:6px 0 0")


def table(rows: Iterable[Sequence[Html]], header: Sequence[str] = (), *, wires: Iterable[int] = ()) -> Html:
    """A table. Columns named in `wires` hold wire text: monospace, may break anywhere.

    Cells are set left and top one by one, because JupyterLab sets them right and has no style sheet of ours.
    """
    monospaced = frozenset(wires)

    def row(cells: Sequence[Html]) -> Html:
        made = (tag("td", cell, style=WIRE if at in monospaced else CELL) for at, cell in enumerate(cells))
        return tag("tr", Html(" ".join(made)))

    head = [tag("thead", tag("tr", Html(" ".join(tag("th", text(name), style=CELL) for name in header))))]
    body = tag("tbody", Html("\n"), stack(*map(row, rows)), Html("\n"))
    return tag("table", *(head if header else ()), body, style=_TABLE)


def pre(content: str, most: int = LONGEST_BODY) -> Html:
    """Text with lines, as it stands; what is too long is counted.

    An empty line is written as a character reference: where the markup lands in Markdown, as in a notebook turned into
    it, a really empty line would end the markup, and what follows, which a server wrote, would be read as Markdown.
    """
    shown, rest = clip(content, most)
    lines = _BLANK_LINE.sub(r"\1&#10;", "\n" + escaping.escape(visible(shown, lines=True)))
    block = tag("pre", Html(lines), style=_PRE)
    return stack(block, quiet(rest))


def block(*pieces: Html, status: str = "") -> Html:
    """Pieces that belong together, with a rule in the status' colour along their left side."""
    edge = COLOURS.get(status, EDGE)
    return tag(
        "div",
        Html("\n"),
        stack(*pieces),
        Html("\n"),
        style=f"margin:6px 0;padding:0 0 0 10px;border-left:3px solid {edge}",
    )


def card(*pieces: Html) -> Html:
    """The outermost element of a display."""
    return tag("div", Html("\n"), stack(*pieces), Html("\n"), style="line-height:1.5;margin:4px 0")


def bundle(markup: Html, plain: str) -> Bundle:
    """Both forms of a display."""
    return {"text/plain": plain, "text/html": markup}


def markup_of(made: Bundle) -> Html:
    """The markup of a bundle that `bundle` made, to put it inside another display."""
    return Html(made["text/html"])


def _written_out(match: re.Match[str]) -> str:
    number = ord(match.group(0))
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
