"""Markdown for issue trackers, in which nothing that a server wrote comes alive.

Trackers look for mentions, issue numbers, commit ids and links in the text they have rendered, so that a backslash
does not keep them from it; only code does. What a server wrote therefore stands in a code span or a fence, and neither
can be closed from within. What is ours stands as it is, where it holds nothing that a tracker would act upon.
"""

from __future__ import annotations

import json
import re
from typing import Any

from mcp_oauth_nb.views.html import one_line, visible

LONGEST_RUN = 6
"""Backticks in a row that are shown; a fence has to be longer than any run inside."""
_RUN = re.compile(r"`+")
_PLAIN = re.compile(r"[A-Za-z0-9 .,;:()'\"/%+=?-]*")
_LIVE = re.compile(r"://|www\.|:\w+:|\bGH-\d|\b[0-9a-fA-F]{7,64}\b|^\s|\s$|^[-+=]|^\d+[.)]")


def code(content: str, most: int) -> str:
    """A code span of one line."""
    shown = _short_runs(one_line(content, most)) or " "
    marks = "`" * (1 + max((len(run) for run in _RUN.findall(shown)), default=0))
    blank = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{marks}{blank}{shown}{blank}{marks}"


def said(content: str, most: int) -> str:
    """Words, as text where they hold nothing that a tracker acts upon, else as a code span."""
    harmless = _PLAIN.fullmatch(content) and not _LIVE.search(content) and len(content) <= most
    return content if harmless and content else code(content, most)


def fence(content: str, language: str, most: int) -> tuple[str, int]:
    """A fenced block, and how many characters of the text were cut.

    Args:
        content: any text; it may have lines.
        language: a word of ours.
        most: characters that are kept.
    """
    shown = _short_runs(visible(content, lines=True))
    kept = shown if len(shown) <= most else shown[:most]
    marks = "`" * max(3, 1 + max((len(run) for run in _RUN.findall(kept)), default=0))
    return f"{marks}{language}\n{kept}\n{marks}", len(shown) - len(kept)


def json_text(value: Any) -> str:
    """A JSON value over several lines, without a backtick: in JSON it may be written as an escape."""
    return json.dumps(value, indent=1, ensure_ascii=False).replace("`", "\\u0060")


def _short_runs(content: str) -> str:
    def shortened(match: re.Match[str]) -> str:
        more = len(match[0]) - LONGEST_RUN
        return match[0] if more <= 0 else f"{match[0][:LONGEST_RUN]}(and {more} more)"

    return _RUN.sub(shortened, content)
