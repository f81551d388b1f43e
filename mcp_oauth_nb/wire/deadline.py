"""One moment at which all waiting for a request ends."""

from __future__ import annotations

import time


class Deadline:
    """A moment (monotonic clock) after which nothing waits any more."""

    at = float("inf")

    def in_(self, seconds: float) -> None:
        """Set it so many seconds from now."""
        self.at = time.monotonic() + seconds

    def sooner(self, seconds: float) -> None:
        """Bring it forward to so many seconds from now; never put it off."""
        self.at = min(self.at, time.monotonic() + seconds)

    def left(self, timeout: float | None = None) -> float:
        """Seconds until then, or `timeout` if that is shorter.

        Raises:
            TimeoutError: there are none.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left if timeout is None else min(left, timeout)
