"""A file is the old one or the new one, whenever a process is killed, and what is left of it is for its owner alone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from mcp_oauth_nb.evidence.files import put, written

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="killed here is a process that was forked")

OLD, NEW = "old?code=Xb7kQ92mmZp0Lw81\n" * 400, "new ‹code#000001 16 chars›\n" * 400
WATCHED = ("files.py", "tempfile.py", "pathlib.py", "_local.py")
"""The code that touches files."""
MOST = 3_000
"""Lines of code that are tried; a file takes a few hundred."""


def killed_at(line: int, work: Callable[[], object]) -> bool:
    """Do it in a child that is killed before this line of all that it runs; False where it came to its end."""
    child = os.fork()
    if child == 0:
        left = line

        def trace(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal left
            if Path(frame.f_code.co_filename).name not in WATCHED:
                return None
            left -= event == "line"
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        try:
            sys.settrace(trace)
            work()
            sys.settrace(None)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def assert_old_or_new_at_every_moment(folder: Path, file: Path, work: Callable[[], object], new: str) -> set[str]:
    """Returns what was seen of the file."""
    seen = set()
    for line in range(MOST):
        file.write_text(OLD)
        file.chmod(0o600)
        killed = killed_at(line, work)
        text = file.read_text()
        assert text in (OLD, new), f"half a file at line {line}"
        seen.add(text)
        for other in set(folder.iterdir()) - {file}:
            assert other.stat().st_mode & 0o077 == 0, f"{other.name} can be read by others at line {line}"
            other.unlink()
        if not killed:
            assert text == new
            return seen
    raise AssertionError("it never came to its end")


def test_a_process_that_is_killed_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "incident.json"
    assert assert_old_or_new_at_every_moment(tmp_path, file, lambda: written(NEW, file), NEW) == {OLD, NEW}


def test_what_replaces_a_file_of_everybody_is_for_its_owner_until_it_does(tmp_path: Path) -> None:
    """A mode that others can read by comes last, beside the renaming itself."""
    file = tmp_path / "incident.json"
    texts = {OLD, NEW}
    for line in range(0, MOST, 3):
        file.write_text(OLD)
        killed = killed_at(line, lambda: put(NEW.encode(), file, mode=0o644))
        assert file.read_text() in texts
        for other in set(tmp_path.iterdir()) - {file}:
            assert other.stat().st_mode & 0o077 == 0 or other.read_text() == NEW
            other.unlink()
        if not killed:
            assert file.stat().st_mode & 0o777 == 0o644
            return
    raise AssertionError("it never came to its end")


def test_a_link_to_nowhere_and_an_odd_path_are_bad_settings(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "where", f"{tmp_path}/a\0b", 5, tmp_path):
        with pytest.raises(ValueError, match="cannot be written"):
            written(NEW, path)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
