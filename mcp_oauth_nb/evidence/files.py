"""Files of evidence: for their owner alone, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mcp_oauth_nb.errors import BadSetting


def written(text: str, path: str | Path, *, mode: int = 0o600) -> None:
    """Put a text in a file, in the place of whatever was there, whole or not at all.

    Raises:
        BadSetting: it cannot be written there.
    """
    try:
        # Half a surrogate pair, which JSON may hold, is no UTF-8: it stands as the escape that JSON has for it.
        put(text.encode(errors="backslashreplace"), Path(path), mode=mode)
    except (TypeError, ValueError) as error:
        if isinstance(error, BadSetting):
            raise
        raise _not_written(type(error).__name__) from None


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
        raise _not_written(getattr(error, "strerror", None) or type(error).__name__) from None
    else:
        made = None
    finally:
        if made is not None:
            Path(made).unlink(missing_ok=True)


def _not_written(why: str) -> BadSetting:
    return BadSetting("path", "a file that cannot be written", f"one that can ({why})")
