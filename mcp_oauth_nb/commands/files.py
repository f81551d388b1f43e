"""Files that a command writes: for their owner alone, whole or not at all."""

from __future__ import annotations

import importlib

from mcp_oauth_nb.commands.terminal import progress
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.vault import Vault


def check_folder(file: str | None) -> None:
    """A login must not be wasted on a file that cannot be written."""
    target = None if file is None else importlib.import_module("mcp_oauth_nb.evidence.files").named(file)
    if target is not None and (not target.parent.is_dir() or target.is_dir()):
        raise BadSetting("the file to write", repr(file), "a file in a folder that there is")


def write(file: str, text: str) -> str:
    """Write a file that its owner alone may read, whole or not at all; returns its name."""
    try:
        importlib.import_module("mcp_oauth_nb.evidence.files").written(text + "\n", file)
    except BadSetting as error:
        raise BadSetting("the file to write", repr(file), "one that can be written", str(error)) from None
    return file


def write_evidence(file: str, text: str, vault: Vault) -> str:
    """Write a file that may be shared; what `check` would find in it becomes a tag, and is told.

    A login is not to be repeated for the sake of a file, so that it is mended rather than refused.
    """
    gate = importlib.import_module("mcp_oauth_nb.evidence.gate")
    sure = gate.let_out(text, vault, file, scrub=True)
    if sure != text:
        progress(f"{file}: what looked like a secret was replaced by a tag")
    return write(file, sure)
