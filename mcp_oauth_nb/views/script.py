"""A shell script as a display: the whole text, ready to copy."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.views.html import bundle, details, pre, text


@dataclass(frozen=True)
class Script(Displayable):
    """Bash text in which every secret is a variable. ``str(script)`` is the text, `save` writes it to a file."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        return self.text


@render.register
def script_bundle(script: Script) -> Bundle:
    """Short scripts open, long ones folded."""
    lines = script.text.count("\n") + 1
    shown = pre(script.text)
    folded = shown if lines <= 16 else details(text(f"bash, {lines} lines"), shown)
    return bundle(folded, script.text)
