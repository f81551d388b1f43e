"""Tokens in the system's keyring, through `keyring`: the one place that knows it.

An entry is named after the name that the user gave the token, and holds what `Kept.to_text` says; nothing of a token is
in its name.
"""

from __future__ import annotations

import importlib
from typing import Any

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.keeping.locking import alone

SERVICE = "mcp-oauth-nb"
INSTALL = "pip install mcp-oauth-nb[keyring]"
NAMES = "names of kept tokens"
"""The entry that lists the others: a keyring cannot be asked for all its entries. No token can have this name."""


def read(name: str) -> str | None:
    """What is kept under a name; None where there is nothing."""
    found = _call("get_password", SERVICE, name)
    return found if isinstance(found, str) else None


def write(name: str, text: str) -> None:
    """Keep a text under a name, in the place of what was there."""
    with alone(name):
        _call("set_password", SERVICE, name, text)
    with alone(NAMES):
        if name not in (listed := names()):
            _list({*listed, name})


def remove(name: str) -> None:
    """Keep nothing under a name any more."""
    with alone(name):
        if read(name) is not None:
            _call("delete_password", SERVICE, name)
    with alone(NAMES):
        _list({*names()} - {name})


def names() -> tuple[str, ...]:
    """The names under which something is kept."""
    return tuple(sorted(filter(None, (read(NAMES) or "").split("\n"))))


def _list(kept: set[str]) -> None:
    if kept:
        _call("set_password", SERVICE, NAMES, "\n".join(sorted(kept)))
    elif read(NAMES) is not None:
        _call("delete_password", SERVICE, NAMES)


def _call(function: str, *arguments: str) -> Any:
    """A keyring may be missing, locked or somebody's own: whatever it raises becomes words without its own text."""
    try:
        keyring: Any = importlib.import_module("keyring")
    except ImportError:
        raise BadSetting("keyring", "no such library", "keyring", f"Run {INSTALL}.") from None
    try:
        return getattr(keyring, function)(*arguments)
    except Exception as error:  # noqa: BLE001 - a backend's error may quote what it was given
        seen = f"a keyring that does not work ({type(error).__name__})"
        expected = "one that is there and unlocked; tokens stay in memory without it"
        raise BadSetting("keyring", seen, expected) from None
