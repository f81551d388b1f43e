"""Every notebook runs from top to bottom without a person, and the file that it leaves is evidence: whole and safe."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import papermill
import pytest

from mcp_oauth_nb.rules.rule import RULES
from mcp_oauth_nb.steps import STEPS
from tests import saved

NOTEBOOKS = sorted((saved.REPOSITORY / "notebooks").glob("*.ipynb"))
TELL_SECRETS = """
import json as _json, os as _os
_known = [*demo.secrets_issued(), *dbg.trace.vault.values()]
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
    """The runner's controls are live until somebody clicks to the end: their widget is not for this test to judge."""
    for output in saved.outputs(notebook):
        output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return notebook


@pytest.fixture(scope="module")
def walkthrough(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[str]]:
    secrets = tmp_path_factory.mktemp("secrets") / "secrets.json"
    with pytest.MonkeyPatch.context() as monkeypatch:
        notebook = executed(saved.REPOSITORY / "notebooks" / "walkthrough.ipynb", secrets, monkeypatch)
    return notebook, json.loads(secrets.read_text())


def test_there_are_notebooks() -> None:
    assert [path.name for path in NOTEBOOKS] == ["walkthrough.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_no_notebook_is_kept_with_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text())
    assert [cell["id"] for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")] == []


def test_every_step_of_the_walkthrough_passes(walkthrough: tuple[dict[str, Any], list[str]]) -> None:
    shown = saved.plain(walkthrough[0])
    for name, step in STEPS.items():
        if name != "call":
            assert any(text.startswith("[PASSED]") and step.title in text.splitlines()[0] for text in shown), name
    assert shown[-1].startswith("[PASSED] all 13 steps")


def test_a_cell_below_the_runner_says_how_far_the_flow_is(walkthrough: tuple[dict[str, Any], list[str]]) -> None:
    assert any("not finished: step 1 of 9" in text for text in saved.plain(walkthrough[0]))


def test_the_walkthrough_is_good_evidence(walkthrough: tuple[dict[str, Any], list[str]]) -> None:
    assert saved.problems(without_controls(walkthrough[0])) == []


def test_no_live_secret_is_in_the_file(walkthrough: tuple[dict[str, Any], list[str]]) -> None:
    notebook, secrets = walkthrough
    assert len(secrets) > 10
    assert saved.leaks(json.dumps(notebook, ensure_ascii=False), secrets) == []


def test_no_folder_of_this_machine_is_in_the_file(walkthrough: tuple[dict[str, Any], list[str]]) -> None:
    assert saved.machine_paths(json.dumps(walkthrough[0], ensure_ascii=False)) == []


def test_the_verdict_counts_every_rule(walkthrough: tuple[dict[str, Any], list[str]]) -> None:
    last = saved.plain(walkthrough[0])[-1]
    line = next(line for line in last.splitlines() if line.startswith("rules: "))
    counts = [int(part.split()[0]) for part in line.removeprefix("rules: ").split(", ")]
    assert sum(counts) == len(RULES)


def test_papermill_runs_it_with_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(saved.REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    target = tmp_path / "executed.ipynb"
    source = str(saved.REPOSITORY / "notebooks" / "walkthrough.ipynb")
    parameters = {"tool": "whoami", "replay": False}
    papermill.execute_notebook(source, str(target), parameters, kernel_name="python3", progress_bar=False)
    shown = saved.plain(json.loads(target.read_text()))
    assert any("whoami" in text for text in shown)
    assert any(text.startswith("'skipped: set replay") for text in shown)
    assert shown[-1].startswith("[PASSED] all 12 steps")
