"""Bounded waiting: for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

WAIT_S = 30


def until(holds: Callable[[], object], what: str, timeout_s: float = WAIT_S, more: Callable[[], str] = str) -> None:
    """Ask again and again until something holds.

    Args:
        holds: asked about twenty times a second.
        what: what is waited for, in words, for the failure.
        timeout_s: seconds until it fails.
        more: what else the failure should show.
    """
    end = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout_s:g} s in vain until {what}\n{more()}")
        time.sleep(0.05)
