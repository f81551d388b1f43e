"""A lint for displays: markup that every renderer keeps, that is safe, and that reads well without its styles.

The sets were measured: what an untrusted JupyterLab leaves in an output. Anything else is dropped or neutralised there,
or runs in a trusted notebook. The rest is what makes it read well where styles, tables and folding are gone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

KEPT_TAGS = frozenset(
    """a abbr b blockquote br caption code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 header hr i
    img ins kbd li mark meter ol p pre progress section small span strong sub summary sup table tbody td tfoot th thead
    time tr ul""".split()
)
KEPT_ATTRIBUTES = frozenset("alt colspan height href max open rel rowspan src style target title value width".split())
KEPT_PROPERTIES = re.compile(
    r"color|background|border(-[a-z]+)*|padding(-[a-z]+)*|margin(-[a-z]+)*|font-[a-z]+|text-align|vertical-align"
    r"|white-space|word-break|word-wrap|opacity|line-height|cursor|display"
)
LITERAL = re.compile(r"[#\w.%\- ,]+")
NOT_LITERAL = re.compile(r"\b(inherit|currentcolor|initial|unset|url|var|expression|hsl|calc)\b", re.IGNORECASE)
HIDES = re.compile(
    r"display:none|visibility:.*|opacity:(0|0?\.[0-4]\d*)|font-size:[0-6](\.\d+)?(px|pt|%)?|(max-)?(width|height):0.*"
    r"|text-indent:-.*|margin[a-z-]*:.*-\d.*"
)
"""Declarations with which something is there and not to be seen."""
VOID = frozenset(("br", "hr", "img"))
BREAKS = frozenset(
    "blockquote br caption dd details div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre summary table td th tr ul".split()
)
"""Tags that keep words apart by their layout alone: without it, a blank or a line break has to."""


@dataclass
class Markup:
    """Parsed markup.

    Attributes:
        problems: what a renderer would drop or what is unsafe, in words.
        text: the text with every tag gone and nothing put in its place, as a flattening renderer shows it.
        content: the same without the headings of columns.
        links: the targets of all links.
        elements: every start tag with its attributes, in order.
    """

    problems: list[str] = field(default_factory=list)
    text: str = ""
    content: str = ""
    links: list[str] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def words(self) -> str:
        """The flattened text, its blanks and line breaks folded to one blank each."""
        return " ".join(self.text.split())


def read_markup(source: str) -> Markup:
    """Parse and lint a piece of markup."""
    reader = _Reader()
    if re.search(r"\n[ \t]*\n", source):
        reader.result.problems.append("an empty line, at which Markdown takes over")
    reader.feed(source)
    reader.close()
    reader.result.problems += [f"<{name}> is not closed" for name in reader.open]
    return reader.result


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.result = Markup()
        self.open: list[str] = []
        self.coloured: list[tuple[int, int]] = []
        self.summary_at = 0
        self.before, self.crossed = "\n", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self._place(tag, attributes)
        self.result.elements.append((tag, attributes))
        if tag not in KEPT_TAGS:
            self._problem(f"<{tag}> is dropped")
        if tag not in VOID:
            self.open.append(tag)
        if tag == "summary":
            self.summary_at = len(self.result.text)
        if "background" in attributes.get("style", ""):
            self.coloured.append((len(self.open), len(self.result.text)))
        self._cross(tag)
        for name, value in attributes.items():
            self._attribute(tag, name, value)
        if tag == "a" and (attributes.get("rel"), attributes.get("target")) != ("noopener noreferrer", "_blank"):
            self._problem("a link that hands over its opener")

    def handle_endtag(self, tag: str) -> None:
        self._cross(tag)
        while self.coloured and self.coloured[-1][0] >= len(self.open):
            if not self.result.text[self.coloured.pop()[1] :].strip():
                self._problem(f"a colour on <{tag}> and no word in it")
        if tag == "summary" and not self.result.text[self.summary_at :].strip():
            self._problem("<summary> without a word")
        if not self.open or self.open.pop() != tag:
            self._problem(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self.crossed and not self.before.isspace() and not data[0].isspace():
            self._problem(f"words that only <{self.crossed}> keeps apart: …{self.result.text[-12:]}|{data[:12]}…")
        self.before, self.crossed = data[-1], ""
        self.result.text += data
        if "th" not in self.open:
            self.result.content += data

    def handle_comment(self, data: str) -> None:
        self._problem("a comment")

    def handle_decl(self, decl: str) -> None:
        self._problem("a declaration")

    def handle_pi(self, data: str) -> None:
        self._problem("a processing instruction")

    def unknown_decl(self, data: str) -> None:
        self._problem("an unknown declaration")

    def _cross(self, tag: str) -> None:
        self.crossed = tag if tag in BREAKS else self.crossed

    def _place(self, tag: str, attributes: dict[str, str]) -> None:
        """What depends on where an element stands."""
        if self.result.elements and self.result.elements[-1][0] == "details" and tag != "summary":
            self._problem(f"<details> that begins with <{tag}>, so that nothing says what is folded")
        if tag == "summary" and self.open[-1:] != ["details"]:
            self._problem("<summary> outside <details>")
        if tag in ("td", "th") and "text-align:left" not in attributes.get("style", ""):
            self._problem(f"<{tag}> without text-align:left, which JupyterLab sets right")

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if name not in KEPT_ATTRIBUTES:
            self._problem(f"{tag} {name}= is dropped")
        elif name == "href":
            self.result.links.append(value)
            if not re.fullmatch(r"https?://[^\s\x00-\x1f\x7f]+", value):
                self._problem(f"a link to {value[:30]!r}")
        elif name == "src" and not value.startswith("data:image/"):
            self._problem(f"something loaded from {value[:30]!r}")
        elif name == "style":
            self._style(tag, value)

    def _style(self, tag: str, style: str) -> None:
        declared = dict(part.split(":", 1) for part in style.split(";") if ":" in part)
        for name, value in declared.items():
            if not KEPT_PROPERTIES.fullmatch(name):
                self._problem(f"{tag} style {name} is dropped")
            if HIDES.fullmatch(f"{name}:{value}".replace(" ", "")):
                self._problem(f"{tag} style {name}:{value} hides")
            if not LITERAL.fullmatch(value) or NOT_LITERAL.search(value):
                self._problem(f"{tag} style {name}:{value} is no literal")
        if ("color" in declared) != ("background" in declared):
            self._problem(f"{tag} sets one colour of a pair: {style}")

    def _problem(self, problem: str) -> None:
        self.result.problems.append(problem)
