"""A shell script as a display: the whole text, ready to copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.views.html import bundle, details, pre, text


@dataclass(frozen=True, repr=False)
class Script(Displayable):
    """Bash text in which every secret is a variable. ``str(script)`` is the text."""

    text: str
    write: Callable[..., Path] = field(compare=False)
    """Called with the text, the path and ``scrub``: writes the file."""

    def __repr__(self) -> str:
        return f"<Script of {self.text.count(chr(10)) + 1} lines of bash>"

    def __str__(self) -> str:
        return self.text

    def save(self, path: str | Path, *, scrub: bool = False) -> Path:
        """Write the script to a file that its owner alone may read and run; returns the path.

        Args:
            path: where to.
            scrub: put tags in the places of what would be refused.

        Raises:
            BadSetting: the file cannot be written.
            HoldsSecret: `check` would find a secret in the file; nothing was written.
        """
        return self.write(self.text if self.text.endswith("\n") else self.text + "\n", path, scrub=scrub)


@render.register
def script_bundle(script: Script) -> Bundle:
    """Short scripts open, long ones folded."""
    lines = script.text.count("\n") + 1
    shown = pre(script.text)
    folded = shown if lines <= 16 else details(text(f"bash, {lines} lines"), shown)
    return bundle(folded, script.text)
