"""A shell script as a display: the whole text, ready to copy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.views.html import bundle, details, pre, text


@dataclass(frozen=True)
class Script(Displayable):
    """Bash text in which every secret is a variable. ``str(script)`` is the text."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        return self.text

    def save(self, path: str | Path) -> Path:
        """Write the script to a file that its owner alone may read and run; returns the path.

        Raises:
            OSError: the file cannot be written.
        """
        target = Path(path)
        target.write_text(self.text if self.text.endswith("\n") else self.text + "\n", encoding="utf-8")
        target.chmod(0o700)
        return target


@render.register
def script_bundle(script: Script) -> Bundle:
    """Short scripts open, long ones folded."""
    lines = script.text.count("\n") + 1
    shown = pre(script.text)
    folded = shown if lines <= 16 else details(text(f"bash, {lines} lines"), shown)
    return bundle(folded, script.text)
