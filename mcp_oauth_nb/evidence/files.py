"""Files of evidence: where they are, and how they are written: for their owner alone, whole or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.errors import BadSetting

_NO_PATH = re.compile(r"[{}\"\x00-\x1f]")
"""Characters that stand in what a file holds, and hardly in its name."""
LONGEST_PATH = 200
"""Characters of a path in an error."""


def named(path: object, argument: str = "path", mend: str = "") -> Path:
    """The file of a path that a user typed, ``~`` being the home directory.

    Args:
        path: what was typed.
        argument: how an error calls it.
        mend: the call that an error names.

    Raises:
        BadSetting: it is no path.
    """
    if not isinstance(path, (str, Path)) or not str(path):
        raise BadSetting(argument, "an empty text" if path == "" else brief(path), "the path of a file", mend)
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody knows of a home directory
        return Path(path)


def not_read(argument: str, path: Path, error: Exception, mend: str = "") -> BadSetting:
    """The error for a file that cannot be read; `mend` is the call that names another one."""
    seen = f"{_told(path)}, a file that cannot be read ({_why(error)})"
    if isinstance(error, FileNotFoundError) and not path.is_absolute():
        mend = f"It was looked for in {Path.cwd()}. {mend}".rstrip()
    return BadSetting(argument, seen, "one that can", mend)


def written(text: str, path: str | Path, *, mode: int = 0o600) -> Path:
    """Put a text in a file, in the place of whatever was there, whole or not at all; returns the file.

    Raises:
        BadSetting: it cannot be written there.
    """
    if not isinstance(path, (str, Path)):
        raise BadSetting("path", f"{brief(path)}, to which a file cannot be written", "the path of a file")
    target = named(path)
    # Half a surrogate pair, which JSON may hold, is no UTF-8: it stands as the escape that JSON has for it.
    put(text.encode(errors="backslashreplace"), target, mode=mode)
    return target


def put(data: bytes, target: Path, *, mode: int = 0o600) -> None:
    """Put bytes in the place of whatever was there, whole or not at all: a process that is killed leaves the old file.

    Raises:
        BadSetting: they cannot be written there.
    """
    made = None
    try:
        handle, made = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)  # created with mode 0600
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(made).chmod(mode)
        Path(made).replace(target)
    except (OSError, ValueError) as error:  # a path with a NUL in it is a ValueError
        raise _not_written(target, error) from None
    else:
        made = None
    finally:
        if made is not None:
            Path(made).unlink(missing_ok=True)


def _not_written(path: Path, error: Exception) -> BadSetting:
    told = _told(path)
    mend = "Path(path).parent.mkdir(parents=True) makes its folder." if isinstance(error, FileNotFoundError) else ""
    return BadSetting("path", f"{told}, a file that cannot be written ({_why(error)})", "one that can", mend)


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _told(path: Path) -> str:
    """A path as an error may show it: what a file holds may have been handed in its place, a secret too."""
    text, parts = str(path), path.parts
    if _NO_PATH.search(text) or len(text) > LONGEST_PATH:
        return f"a text of {len(text)} characters"
    secret = next((said for one in parts if "look like a secret" in (said := brief(one))), None)
    return secret or repr(text)
