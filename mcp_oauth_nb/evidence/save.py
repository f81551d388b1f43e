"""`save`: a session as a file. What kind of file, its name says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.evidence.document import to_json
from mcp_oauth_nb.evidence.files import named, written
from mcp_oauth_nb.evidence.gate import let_out
from mcp_oauth_nb.evidence.notebook import html, notebook
from mcp_oauth_nb.evidence.pages import TITLE, Page, pages
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.vault import Vault

ELSEWHERE = "Take it out of the settings: dbg.client_document(url) is published as it stands."
KINDS = (".ipynb", ".json", ".md", ".html")


def save(report: Report, path: str | Path, *, scrub: bool = False) -> Path:
    """Write all that a report is about, no secret in it; returns the path.

    Args:
        report: the report on a whole flow.
        path: where to; its suffix is the format: ``.ipynb`` and ``.json`` can be loaded again, ``.md`` and ``.html``
            are to be read.
        scrub: put tags in the places of what would be refused.

    Raises:
        BadSetting: the suffix is another one, the file cannot be written, or ``.html`` needs nbconvert.
        HoldsSecret: `check` would find a secret in the file; nothing was written.
    """
    target = named(path, "save(path)", "save('incident.ipynb')")
    kind = target.suffix.lower()
    if kind not in KINDS:
        mend = "dbg.har('incident.har') writes a HAR." if kind == ".har" else ""
        raise BadSetting("save(path)", f"the suffix {kind or '(none)'}", "one of " + ", ".join(KINDS), mend)
    if kind == ".json":
        text = to_json(report.trace)
    else:
        write = {".ipynb": notebook, ".md": markdown, ".html": html}[kind]
        text = write(pages(report, target.name))
    written(let_out(text, report.trace.vault, "dbg.save(path)", scrub=scrub), target)
    return target


def save_script(vault: Vault, text: str, path: str | Path, *, scrub: bool = False) -> Path:
    """Write a script that its owner alone may read and run; returns the path. For the rest see `save`."""
    return written(let_out(text, vault, "script.save(path)", scrub=scrub), path, mode=0o700)


def save_document(vault: Vault, text: str, path: str | Path) -> Path:
    """Write a document that is to be published, and so readable by all; returns the path.

    Raises:
        BadSetting: the file cannot be written.
        HoldsSecret: there is a secret in it. What is published must be mended where it comes from.
    """
    return written(let_out(text, vault, "document.save(path)", mend=ELSEWHERE), path, mode=0o644)


def markdown(shown: Iterable[Page]) -> str:
    """The pages as Markdown: each in a fence that nothing in it can close."""
    lines = [f"# {TITLE}"]
    for page in shown:
        plain = str(page.shown["text/plain"])
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", plain)), default=0))
        lines += ["", f"## {page.heading}", "", f"{fence}text", plain, fence]
    return "\n".join(lines) + "\n"
