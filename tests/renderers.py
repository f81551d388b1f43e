"""What becomes of a display elsewhere: pages that nbconvert makes, and sites that take markup apart, as data."""

from __future__ import annotations

import html
import json
import re
import warnings
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

SILENT = ("script", "style", "template", "title")
"""Elements whose content nobody sees."""


@dataclass
class Page:
    """A page as a reader gets it.

    Attributes:
        text: everything that can be seen when all is unfolded.
        runs: what a browser would run or load, in words.
        folds: how many parts can be folded.
    """

    text: str = ""
    runs: list[str] = field(default_factory=list)
    folds: int = 0


def read_page(source: str) -> Page:
    """Read a whole page, whoever wrote it."""
    reader = _PageReader()
    reader.feed(source)
    reader.close()
    return reader.page


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page, self.silent = Page(), ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.silent = self.silent or (tag if tag in SILENT else "")
        self.page.folds += tag == "details"
        self.page.text += " "
        loads = [given[name] for name in ("src", "data", "srcset", "poster", "background") if name in given]
        loads += [given.get("href", "")] if tag in ("link", "base") else []
        if tag in ("script", "iframe", "object", "embed", "base", "link") or [one for one in loads if _is_remote(one)]:
            self.page.runs.append(f"<{tag}> {' '.join(loads)}")
        self.page.runs += [f"{tag} {name}=" for name in given if name.startswith("on")]
        if re.search(r"url\(|@import", given.get("style", "")) or "javascript:" in given.get("href", ""):
            self.page.runs.append(f"{tag} {given}")

    def handle_endtag(self, tag: str) -> None:
        self.page.text += " "
        self.silent = "" if tag == self.silent else self.silent

    def handle_data(self, data: str) -> None:
        self.page.text += "" if self.silent else data


def _is_remote(address: str) -> bool:
    return bool(address) and not address.startswith("data:")


def converted(notebook: dict[str, Any], template: str, *, sanitize: bool = False) -> str:
    """The page that nbconvert makes of a notebook."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbconvert's own
        import nbformat
        from nbconvert.exporters import HTMLExporter

        exporter = HTMLExporter(template_name=template, sanitize_html=sanitize)
        body, _ = exporter.from_notebook_node(nbformat.reads(json.dumps(notebook), as_version=4))
    return str(body)


def by_way_of_markdown(notebook: dict[str, Any]) -> str:
    """The page that a Markdown renderer makes of what nbconvert makes of a notebook."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbconvert's own
        import mistune
        import nbformat
        from nbconvert.exporters import MarkdownExporter

        body, _ = MarkdownExporter().from_notebook_node(nbformat.reads(json.dumps(notebook), as_version=4))
    return str(mistune.create_markdown(escape=False, plugins=["table"])(body))


@dataclass(frozen=True)
class Site:
    """How a site shows the html of an output.

    Attributes:
        keeps: elements that stay; of any other only the content stays.
        attributes: attributes that stay, on any element.
        silences: elements that go with all that is in them.
        prefix: what is put before every id.
    """

    keeps: frozenset[str]
    attributes: frozenset[str]
    silences: frozenset[str] = frozenset(("script", "style", "svg", "math", "iframe", "object", "template"))
    prefix: str = ""


_TEXT = (
    "h1 h2 h3 h4 h5 h6 br b i strong em a pre code img tt div ins del sup sub p picture ol ul table thead tbody tfoot "
    "blockquote dl dt dd kbd q samp var hr li tr td th s strike summary details caption figure figcaption abbr bdo "
    "cite dfn mark small span time wbr"
).split()
_PLAIN = "a b blockquote br code div em h1 h2 h3 h4 i li ol p pre span strong table td th tr ul".split()
_KEPT = "align alt cite colspan datetime dir headers height href label lang name open rowspan span src title width"
GITHUB = Site(frozenset(_TEXT), frozenset([*_KEPT.split(), "id"]), prefix="user-content-")
"""After the list that its sanitizer published: no style, no class, no data, no drawing, ids prefixed."""
FLATTENED = Site(frozenset(_TEXT) - {"details", "summary"}, frozenset(("href",)))
"""The same where nothing folds."""
BARE = Site(frozenset(_PLAIN) - {"table", "tr", "td", "th", "div", "span"}, frozenset())
"""Hardly anything but paragraphs: a mail, a chat, a ticket."""
SITES = {"GitHub": GITHUB, "GitHub, flattened": FLATTENED, "a ticket": BARE}


def shown_at(site: Site, markup: str) -> str:
    """The markup that a site leaves of a display."""
    sanitizer = _Sanitizer(site)
    sanitizer.feed(markup)
    sanitizer.close()
    return "".join(sanitizer.left)


class _Sanitizer(HTMLParser):
    def __init__(self, site: Site) -> None:
        super().__init__(convert_charrefs=True)
        self.site, self.left, self.silent = site, [], 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in self.site.silences
        if tag in self.site.keeps and not self.silent:
            kept = [(name, value or "") for name, value in attrs if name in self.site.attributes]
            given = [(name, self.site.prefix + value if name == "id" else value) for name, value in kept]
            written = [f' {name}="{html.escape(value)}"' for name, value in given]
            self.left.append(f"<{tag}{''.join(written)}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.site.keeps and not self.silent:
            self.left.append(f"</{tag}>")
        self.silent -= tag in self.site.silences

    def handle_data(self, data: str) -> None:
        self.left += [] if self.silent else [html.escape(data)]
