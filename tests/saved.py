"""Notebooks to start from, and what a saved one must and must not hold."""

from __future__ import annotations

import base64
import html
import json
import re
import sys
import tempfile
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mcp_oauth_nb.evidence.document import MIME
from tests.markup import read_markup

REPOSITORY = Path(__file__).resolve().parents[1]
KINDS = {"text/plain", "text/html"}
EVIDENCE = {"text/plain", MIME}
"""The one object for programs: beside a line of text, and without html that it could hide."""
FRAME = re.compile(r'<div>\n<style scoped>[^<]*</style>\n<table border="1" class="dataframe">')
FRAME_TAG = re.compile(
    r'</?(div|table|thead|tbody|tr|th|td|p)( (border="1"|class="dataframe"|style="text-align: right;"|rowspan="\d+"'
    r'|colspan="\d+"|valign="top"|halign="left"))*>|<style scoped>[^<]*</style>'
)
"""How pandas writes a frame: its own markup, everything in the cells escaped."""
LABELS = frozenset(("causes", "documents", "finding", "open"))
"""Words by which the html alone names its parts."""
CUT = re.compile(
    r"(\w+\s*)?…\s*[\d,]+ more bytes not shown|\w+…|bash, \d+ lines"
    r"|unfold a step, then an exchange|nothing guessed yet; click to unfold"
)
"""What the html alone says: that a text was shortened or is folded, and where to click."""
SHORTEST = 8
"""Shorter values are no secrets to search for: they stand in other words by chance."""


def write_notebook(file: Path, *sources: str, kernel: str = "python3") -> None:
    """Write a notebook of code cells."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]
    _write(file, {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, kernel)


def copy_notebook(source: Path, file: Path, kernel: str = "python3") -> None:
    """Copy a notebook without outputs, for a given kernel."""
    notebook = json.loads(source.read_text())
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    _write(file, notebook, kernel)


def _write(file: Path, notebook: dict[str, Any], kernel: str) -> None:
    notebook["metadata"]["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(notebook, indent=1))


def joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def outputs(notebook: dict[str, Any], cell: int | None = None) -> Iterator[dict[str, Any]]:
    """The outputs of one cell or of all."""
    for index, found in enumerate(notebook["cells"]):
        if cell is None or cell == index:
            yield from found.get("outputs", ())


def plain(notebook: dict[str, Any], cell: int | None = None) -> list[str]:
    """The text/plain of every display."""
    return [joined(output["data"]["text/plain"]) for output in outputs(notebook, cell) if "data" in output]


def words_of(notebook: dict[str, Any]) -> set[str]:
    """Every word that a reader of the displays sees, in any html where there is one, else in the text."""
    seen = set()
    for output in outputs(notebook):
        data = output.get("data", {})
        if "text/html" in data:
            seen |= words(read_markup(joined(data["text/html"])).text)
        elif "text/plain" in data:
            seen |= words(joined(data["text/plain"]))
    return seen


def words(text: str) -> set[str]:
    return set(re.findall(r"\w{4,}", text))


def problems(notebook: dict[str, Any]) -> list[str]:
    """What makes a saved notebook bad evidence."""
    found = ["widget state in the metadata"] if "widgets" in notebook["metadata"] else []
    for output in outputs(notebook):
        if output["output_type"] == "error":
            found.append(f"an error: {output['ename']}: {output['evalue']}")
        if output["output_type"] == "stream":
            found.append(f"printed: {joined(output['text'])[:80]!r}")
        found += display_problems(output.get("data", {}))
    return found


def display_problems(data: Mapping[str, Any]) -> list[str]:
    """What is wrong with one display: its kinds, its text, its markup, and whether both forms say the same."""
    if not data:
        return []
    found, text = [], joined(data.get("text/plain", ""))
    if set(data) - KINDS and set(data) != EVIDENCE:
        found.append(f"more than text and html: {sorted(set(data) - KINDS)}")
    if len(text) < 3:
        found.append("a display without text")
    if re.search(r"<[\w.]+ object( at |>)", text):
        found.append("a text that only names an object")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text):
        found.append("a text with characters that move or colour other text")
    if "text/html" in data:
        found += html_problems(joined(data["text/html"]), text)
    return found


def html_problems(markup: str, text: str) -> list[str]:
    """The problems of the html of a display, and the words in it that its text lacks."""
    if FRAME.match(markup):
        return ["a frame with markup in it"] if FRAME_TAG.sub("", markup).count("<") else []
    read = read_markup(markup)
    missing = sorted(words(CUT.sub("", read.content).lower()) - words(text.lower()) - LABELS)
    return read.problems + ([f"words that only the html has: {missing[:8]}"] if missing else [])


def machine_paths(raw: str) -> list[str]:
    """Folders of this machine that a file names."""
    folders = {Path.home(), Path(tempfile.gettempdir()), Path(sys.prefix), REPOSITORY}
    return sorted(str(folder) for folder in folders if re.search(rf"(?<!\w){re.escape(str(folder))}(?!\w)", raw))


def leaks(raw: str, secrets: Iterable[str]) -> list[str]:
    """How secrets stand in a text: as they are, or in a form that anybody turns back."""
    return [
        f"{name} of a secret of {len(secret)} characters, {secret[:2]}…"
        for secret in secrets
        if len(secret) >= SHORTEST
        for name, form in forms(secret)
        if form in raw
    ]


def forms(secret: str) -> Iterator[tuple[str, str]]:
    """A secret in each way of writing that is searched for."""
    yield "the value", secret
    yield "the URL-encoded form", urllib.parse.quote(secret, safe="")
    yield "the html-escaped form", html.escape(secret)
    yield "the JSON form", json.dumps(secret)[1:-1]
    yield "the hexadecimal form", secret.encode().hex()
    raw = secret.encode()
    for before in range(3):
        first, last = -(-8 * before // 6), 8 * (before + len(raw)) // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield "the base64 form", encode(b"\0" * before + raw).decode()[first:last]
