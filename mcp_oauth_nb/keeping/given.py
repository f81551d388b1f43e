"""Names and files that a user gives for a kept token, and what is refused of them."""

from __future__ import annotations

from pathlib import Path

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.keeping import ring
from mcp_oauth_nb.redact import looks_random

LONGEST_NAME = 64
LARGEST = 1 << 20
"""Bytes of a shared token."""


def check_name(name: object) -> None:
    """A name is shown, and stands in the keyring in plain: it must not be a token by mistake.

    Raises:
        BadSetting: it is no name, or looks like a secret.
    """
    expected = f"a name of up to {LONGEST_NAME} visible characters, such as 'alice'"
    if not isinstance(name, str):
        raise BadSetting("name", f"a {type(name).__name__}", expected)
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadSetting("name", f"{len(name)} characters", expected)
    if name == ring.NAMES or (len(name) >= 16 and looks_random(name)):
        raise BadSetting("name", "what looks like a secret" if name != ring.NAMES else "a reserved one", expected)


def file_of(path: object, call: str) -> Path:
    """The path of a file, as `call` was given it.

    Raises:
        BadSetting: it can be none.
    """
    if not isinstance(path, (str, Path)) or not str(path) or "\0" in str(path):
        raise BadSetting(call, brief(path), "the path of a file")
    return Path(path)


def read_shared(file: Path) -> str:
    """What a file holds that somebody shared.

    Raises:
        BadSetting: it cannot be read, or is too large.
    """
    try:
        if file.stat().st_size > LARGEST:
            raise BadSetting("tokens.take(path)", "a file too large for a token", "one that tokens.share(...) wrote")
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        if isinstance(error, BadSetting):
            raise
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadSetting("tokens.take(path)", f"a file that cannot be read ({why})", "a shared token") from None
