"""`Worker`: the one thread behind some buttons.

Button callbacks run in the main thread, or in another thread with another event loop, depending on the ipykernel; what
they print or raise is lost. So a callback only hands a job to this thread, and whatever goes wrong there is said.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable

from mcp_oauth_nb.errors import McpOAuthError

Job = Callable[[], None]


class Worker:
    """Does one job after the other, until its owner is gone."""

    def __init__(self, owner: object, name: str) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        threading.Thread(target=_work, args=(self._jobs,), name=name, daemon=True).start()
        weakref.finalize(owner, self._jobs.put, None)

    def do(self, job: Job) -> None:
        """Hand a job over; from any thread, and at once."""
        self._jobs.put(job)


def said(job: Job, say: Callable[[str], None]) -> None:
    """Do a job, and say what goes wrong: in a thread of its own an exception would be lost without a word."""
    try:
        job()
    except McpOAuthError as error:
        say(str(error))
    except Exception as error:  # noqa: BLE001 - see above
        say(f"this should not happen: {type(error).__name__}; please report it")


def _work(jobs: queue.SimpleQueue[Job | None]) -> None:
    """It holds no owner, so that an owner can be collected."""
    while (job := jobs.get()) is not None:
        job()
        del job
