"""Files of evidence: for their owner alone, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mcp_oauth_nb.errors import BadSetting


def written(text: str, path: str | Path | None) -> str:
    """The text; with a path it is also put there, in the place of whatever was there, whole or not at all.

    Raises:
        BadSetting: it cannot be written there.
    """
    if path is None:
        return text
    made = None
    try:
        target = Path(path)
        handle, made = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # created with mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(made).replace(target)
    except (OSError, TypeError, ValueError) as error:
        if made is not None:
            Path(made).unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise BadSetting("path", "a file that cannot be written", f"one that can ({why})") from None
    return text
