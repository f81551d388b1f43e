"""What a terminal shows and asks: results on standard output, progress and questions on standard error."""

from __future__ import annotations

import sys
from getpass import getpass

PASSED, FAILED, USAGE, INCOMPLETE = 0, 1, 2, 3
CODES = {"passed": PASSED, "warned": PASSED, "failed": FAILED}
"""Exit codes by the status of a report; every other status is incomplete."""


def say(text: str) -> None:
    """A result, on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def progress(text: str) -> None:
    """What is going on, on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def complain(text: str) -> int:
    """Say what is wrong with the call; returns the exit code for it."""
    progress(f"mcp-oauth-nb: {text}")
    return USAGE


def prompt(question: str) -> str:
    """What a person types, unseen. Without a terminal there is nobody to ask."""
    if not sys.stdin.isatty():
        raise EOFError("there is no terminal to ask at")
    return getpass(question, stream=sys.stderr)


def show_link(url: str) -> None:
    """The authorization link for a person, with nothing in it that a terminal would act upon."""
    visible = "".join(c if 32 < ord(c) < 127 else f"%{ord(c):02X}" for c in url)
    progress(f"Open this link, and sign in:\n\n  {visible}\n")
