"""Files that a command writes: for their owner alone, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mcp_oauth_nb.errors import BadSetting


def check_folder(file: str | None) -> None:
    """A login must not be wasted on a file that cannot be written."""
    if file is not None and (not Path(file).parent.is_dir() or Path(file).is_dir()):
        raise BadSetting("the file to write", repr(file), "a file in a folder that there is")


def write(file: str, text: str) -> str:
    """Write a file that its owner alone may read, whole or not at all; returns its name."""
    target = Path(file)
    made = None
    try:
        handle, made = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # created with mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(made).replace(target)
    except OSError as error:
        if made is not None:
            Path(made).unlink(missing_ok=True)
        raise BadSetting("the file to write", repr(file), f"one that can be written ({error.strerror})") from None
    return file
