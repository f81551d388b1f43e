"""Notebooks as they are executed: each once, with the secrets that were live in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from tests import saved

TELL_SECRETS = """
import gc as _gc, json as _json, os as _os
from mcp_oauth_nb import Debugger as _Debugger, DemoServer as _Demo, OAuth2 as _OAuth2, PlainServer as _Plain
_all = _gc.get_objects()
_known = [secret for one in _all if isinstance(one, (_Demo, _Plain)) for secret in one.secrets_issued()]
_known += [secret for one in _all if isinstance(one, (_Debugger, _OAuth2)) for secret in one.trace.vault.values()]
_written = open(_os.environ["MCP_OAUTH_NB_SECRETS"], "w").write(_json.dumps(_known))
"""
"""Run behind the last cell: the secrets go to a file outside the notebook, to be searched for in it."""


def executed(path: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("MCP_OAUTH_NB_SECRETS", str(secrets))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(saved.REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(TELL_SECRETS))
    client = nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", store_widget_state=False)
    client.execute()
    notebook.cells.pop()
    result: dict[str, Any] = json.loads(nbformat.writes(notebook))
    return result


def without_controls(notebook: dict[str, Any]) -> dict[str, Any]:
    """The runner's controls are live until somebody clicks to the end: their widget is not for a file to judge."""
    for output in saved.outputs(notebook):
        output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return notebook


Ran = tuple[dict[str, Any], list[str]]


class Executed:
    """Runs notebooks of the repository, and keeps what became of them.

    Args:
        folder: where the secrets of each are written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: dict[str, Ran] = {}

    def __call__(self, name: str) -> Ran:
        """The notebook of this name as it was executed, once, and the secrets that were live in it."""
        if name not in self._done:
            secrets = self._folder / f"{name}.secrets.json"
            with pytest.MonkeyPatch.context() as monkeypatch:
                notebook = executed(saved.REPOSITORY / "notebooks" / name, secrets, monkeypatch)
            self._done[name] = notebook, json.loads(secrets.read_text())
        return self._done[name]
