"""`Countdown`: tells somebody now and then that time has passed, for a while after the last click.

A display cannot count down by itself, because it may hold no script. So a thread sends a few words now and then. It
ends by itself: a kernel that never falls silent is never seen as idle, and on a hub it would never be culled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

EVERY_S = 10.0
"""Seconds between two ticks."""
FOR_S = 300.0
"""Seconds after the last touch until it rests."""


class Countdown:
    """Ticks every few seconds after it was touched.

    Args:
        tick: called in the countdown's thread; with False for the last time before it rests.
        every_s: seconds between ticks.
        for_s: seconds after the last touch until it rests.
    """

    def __init__(self, tick: Callable[[bool], None], *, every_s: float = EVERY_S, for_s: float = FOR_S) -> None:
        self._tick, self._every_s, self._for_s = tick, every_s, for_s
        self._lock, self._wake = threading.Lock(), threading.Event()
        self._until_s = 0.0
        self._thread: threading.Thread | None = None

    @property
    def is_ticking(self) -> bool:
        """Whether there is a thread that ticks."""
        return self._thread is not None

    def touch(self) -> None:
        """Tick from now on, or for longer."""
        with self._lock:
            self._until_s = time.monotonic() + self._for_s
            if self._thread is None:
                self._wake.clear()
                self._thread = threading.Thread(target=self._run, name="countdown", daemon=True)
                self._thread.start()

    def rest(self) -> None:
        """Tick no more."""
        with self._lock:
            self._until_s = 0.0
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait(self._every_s)
            with self._lock:
                goes_on = time.monotonic() < self._until_s
                if not goes_on:
                    self._thread = None
                elif self._wake.is_set():  # it rested and was touched again
                    self._wake.clear()
            self._tick(goes_on)
            if not goes_on:
                return
