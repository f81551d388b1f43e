"""Every notebook runs from top to bottom without a person, and the file that it leaves is evidence: whole and safe."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import papermill
import pytest

from mcp_oauth_nb.practice.puzzles import PUZZLES
from mcp_oauth_nb.rules.rule import RULES
from mcp_oauth_nb.steps import AFTERWARDS, ROUTE, STEPS
from tests import saved
from tests.executing import Ran, without_controls

NOTEBOOKS = sorted((saved.REPOSITORY / "notebooks").glob("*.ipynb"))
NAMES = [path.name for path in NOTEBOOKS]


@pytest.fixture
def walkthrough(ran: Callable[[str], Ran]) -> Ran:
    return ran("walkthrough.ipynb")


def test_there_are_notebooks() -> None:
    names = {"compare", "incident", "machine_to_machine", "oauth2_grants", "practice", "versions", "walkthrough"}
    assert {path.stem for path in NOTEBOOKS} >= names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_no_notebook_is_kept_with_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text())
    assert [cell["id"] for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")] == []


def test_every_step_of_the_walkthrough_passes(walkthrough: Ran) -> None:
    shown = saved.plain(walkthrough[0])
    for name in (*ROUTE, *AFTERWARDS):
        title = STEPS[name].title
        assert any(text.startswith("[PASSED]") and title in text.splitlines()[0] for text in shown), name
    assert shown[-1].startswith("[PASSED] all 13 steps")


def test_a_cell_below_the_runner_says_how_far_the_flow_is(walkthrough: Ran) -> None:
    assert any("not finished: step 1 of 9" in text for text in saved.plain(walkthrough[0]))


@pytest.mark.parametrize("name", NAMES)
def test_every_display_is_one_that_every_renderer_keeps(name: str, ran: Callable[[str], Ran]) -> None:
    notebook = without_controls(ran(name)[0])
    assert sum("text/html" in output["data"] for output in saved.outputs(notebook)) >= 5
    assert saved.problems(notebook) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_live_secret_is_in_the_file(name: str, ran: Callable[[str], Ran]) -> None:
    notebook, secrets = ran(name)
    assert len(secrets) >= 5
    assert saved.leaks(json.dumps(notebook, ensure_ascii=False), secrets) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_folder_of_this_machine_is_in_the_file(name: str, ran: Callable[[str], Ran]) -> None:
    assert saved.machine_paths(json.dumps(ran(name)[0], ensure_ascii=False)) == []


def test_every_version_and_way_passes(ran: Callable[[str], Ran]) -> None:
    notebook = ran("versions.ipynb")[0]
    shown = saved.plain(notebook)
    _, _, _, grid, standing, broken, graver, _ = shown
    assert grid.count("passed") == 5 * 4
    assert "2026-07-28" in standing
    assert broken.startswith("'no rule is broken")
    assert [graver.count(word) for word in ("passed", "warned", "failed")] == [2, 5, 5]
    assert shown[-1].startswith("[PASSED] all 9 steps")


def test_the_verdict_counts_every_rule(walkthrough: Ran) -> None:
    last = saved.plain(walkthrough[0])[-1]
    line = next(line for line in last.splitlines() if line.startswith("rules: "))
    counts = [int(part.split()[0]) for part in line.removeprefix("rules: ").split(", ")]
    assert sum(counts) == len(RULES)


def test_the_machine_gets_its_token(ran: Callable[[str], Ran]) -> None:
    notebook = ran("machine_to_machine.ipynb")[0]
    assert saved.plain(notebook)[-2].startswith("[PASSED] all 8 steps")


def test_two_runs_are_compared_varied_and_made_again(ran: Callable[[str], Ran]) -> None:
    notebook = ran("compare.ipynb")[0]
    assert saved.problems(notebook) == []
    shown = saved.plain(notebook)
    broken, alike, versions, grid, _, again = shown
    assert "first difference: resource_metadata: answer, body /resource" in broken
    assert alike.startswith("[SAME]")
    assert "share their tags" in alike
    assert "initialize" in versions
    assert grid.count("resource-") == 3
    assert again.startswith("Made again: passed")


def test_every_grant_gets_a_token_that_works(ran: Callable[[str], Ran]) -> None:
    notebook = ran("oauth2_grants.ipynb")[0]
    assert saved.problems(without_controls(notebook)) == []
    shown = saved.plain(notebook)
    runs = [text for text in shown if text.startswith(("[PASSED] all", "[WARNED] all"))]
    assert len(runs) == 6
    assert "('demo-user', 'demo-client')" in shown
    kept = next(text for text in shown if text.startswith("Kept tokens."))
    assert all(f"  {name}" in kept for name in ("alice (selected)", "bob", "page", "carol", "machine", "tv"))
    assert any(text.startswith("bob is deleted here: passed") for text in shown)
    assert any("client_secret=getpass('client_secret: ')" in text for text in shown)


def test_practice_gives_away_nothing_but_in_its_solutions(ran: Callable[[str], Ran]) -> None:
    notebook = ran("practice.ipynb")[0]
    shown = saved.plain(notebook)
    solutions = [text for text in shown if text.startswith("Solution of incident ")]
    others = "\n".join(text for text in shown if text not in solutions)
    assert len(solutions) == len(PUZZLES) == others.count(": no guess yet.")
    for puzzle, solution in zip(PUZZLES, solutions, strict=True):
        assert puzzle.fault in solution
        assert puzzle.fault not in others
    assert shown[-1].startswith("0 of 12 incidents solved")


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
