"""One at a time with an entry of the keyring: in this process by a lock, among those of one user by a locked file.

The operating system lets go of the file when a process dies, so that no lock is ever left behind. The standard library
does it in few lines; a library for it would be a dependency of everybody who keeps a token. The file is named after
a digest of the entry's name, is empty, and for its owner alone. Where none can be made, such as in a home that cannot
be written, it is one at a time in this process only.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from mcp_oauth_nb.errors import BadSetting

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LONGEST_WAIT_S = 120.0
"""For another process: longer than a refresh may take."""
BETWEEN_TRIES_S = 0.02


@dataclass
class _Entry:
    """Who has an entry in this process: how often the thread that has it has entered, and the locked file."""

    thread: RLock = field(default_factory=RLock)
    depth: int = 0
    file: int | None = None


_ENTRIES: dict[str, _Entry] = {}
_making = threading.Lock()


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Have an entry of the keyring to oneself. A thread that has it may enter again.

    Raises:
        BadSetting: another thread or process does not let go of it.
    """
    with _making:
        entry = _ENTRIES.setdefault(name, _Entry())
    end = time.monotonic() + LONGEST_WAIT_S
    if not entry.thread.acquire(timeout=LONGEST_WAIT_S):
        raise _held()
    try:
        if entry.depth == 0:
            entry.file = _locked(name, end)
        entry.depth += 1
        try:
            yield
        finally:
            entry.depth -= 1
            if entry.depth == 0 and entry.file is not None:
                os.close(entry.file)  # lets go of the lock as well
                entry.file = None
    finally:
        entry.thread.release()


def _locked(name: str, end: float) -> int | None:
    """The locked file; None where none can be made."""
    named = f"{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:32]}.lock"
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mcp-oauth-nb"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = os.open(folder / named, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except (OSError, RuntimeError):  # the latter where no home is known
        return None
    try:
        while not _took(made):
            if time.monotonic() > end:
                raise _held()
            time.sleep(BETWEEN_TRIES_S)
    except BaseException:
        os.close(made)
        raise
    return made


def _took(file: int) -> bool:
    """Try to lock a file. A file system without locks counts as taken: there is nobody to wait for."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


def _held() -> BadSetting:
    seen = f"an entry that another session has been busy with for {LONGEST_WAIT_S:.0f} s"
    return BadSetting("keyring", seen, "one that is free", "Restart the kernel that hangs, then try again.")
