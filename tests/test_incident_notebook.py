"""The incident notebook through papermill: it always ends, says what it is about first, and leaves evidence."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import papermill
import pytest

from mcp_oauth_nb import DemoServer, check, diagnose, load, unattended
from tests import saved

SOURCE = saved.REPOSITORY / "notebooks" / "incident.ipynb"
NOWHERE = "http://127.0.0.1:9/mcp"

Milled = tuple[Path, dict[str, Any]]
Mill = Callable[..., Milled]


@pytest.fixture
def mill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mill:
    """Run the notebook with parameters as `papermill --report-mode` does; where it is, and what it holds."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(saved.REPOSITORY), os.environ.get("PYTHONPATH", "")]))

    def run(**parameters: Any) -> Milled:
        target = tmp_path / "out.ipynb"
        papermill.execute_notebook(
            str(SOURCE),
            str(target),
            parameters,
            kernel_name="python3",
            progress_bar=False,
            report_mode=True,
            execution_timeout=60,
            cwd=str(tmp_path),
        )
        return target, json.loads(target.read_text())

    return run


def assert_evidence(milled: Milled) -> None:
    """Clean, well formed, and read again with the verdict that it shows on top."""
    path, notebook = milled
    found = check(path)
    assert found.clean, str(found)
    assert saved.problems(notebook) == []
    first = saved.plain(notebook)[0]
    report = diagnose(load(path))
    assert f"[{report.status.upper()}] " in first
    assert report.cause is None or report.cause.summary in first


def test_its_parameters_are_arguments_with_the_same_defaults() -> None:
    cells = json.loads(SOURCE.read_text())["cells"]
    (source,) = ("".join(one["source"]) for one in cells if "parameters" in one["metadata"].get("tags", ()))
    given: dict[str, Any] = {}
    exec(source, given)
    given = {name: value for name, value in given.items() if name != "__builtins__"}
    assert given.pop("out") is None
    assert given.pop("fault") in DemoServer().faults
    arguments = inspect.signature(unattended.investigate).parameters
    assert given == {name: arguments[name].default for name in given}


def test_the_readme_names_parameters_that_there_are() -> None:
    named = set(re.findall(r" -p (\w+)", (saved.REPOSITORY / "README.md").read_text()))
    assert {"url", "client_secret_env"} <= named
    assert named - {"out"} <= set(inspect.signature(unattended.investigate).parameters)


@pytest.mark.parametrize("out", ["evidence.ipynb", "evidence.json"])
def test_a_fault_is_diagnosed_and_written(mill: Mill, tmp_path: Path, out: str) -> None:
    milled = mill(out=out)
    assert_evidence(milled)
    first = saved.plain(milled[1])[0]
    assert first.startswith("[FAILED] ")
    told = diagnose(load(milled[0]))
    again = diagnose(load(tmp_path / out))
    assert (again.status, again.failing_step, again.cause) == (told.status, told.failing_step, told.cause)


def test_a_healthy_server_of_somebody_else_is_audited(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    with DemoServer() as server:
        client = server.confidential_client
        monkeypatch.setenv("ITS_SECRET", client.client_secret)
        milled = mill(url=str(server.url), client_id=client.client_id, client_secret_env="ITS_SECRET", audit=True)
        raw = milled[0].read_text()
        assert saved.leaks(raw, server.secrets_issued()) == []
    assert_evidence(milled)
    assert saved.plain(milled[1])[0].startswith("[PASSED] ")
    assert any("score" in text for text in saved.plain(milled[1]))


def test_nobody_there_is_no_error(mill: Mill) -> None:
    milled = mill(url=NOWHERE)
    assert_evidence(milled)
    assert saved.plain(milled[1])[0].startswith("[FAILED] step 1 of 9")


@pytest.mark.parametrize("how", [{"fault": "consent-form-blocked"}, {"fault": None, "browser": None}])
def test_where_a_person_is_needed_it_says_so_first(mill: Mill, how: dict[str, Any]) -> None:
    milled = mill(**how)
    assert_evidence(milled)
    assert saved.plain(milled[1])[0].startswith("[NEEDS YOU] A person is needed")


def test_a_secret_among_the_parameters_is_refused_with_the_reason(mill: Mill) -> None:
    with pytest.raises(papermill.PapermillExecutionError, match="no secret among the parameters") as refused:
        mill(url=NOWHERE, client_secret="s3cr3t-Ux72hdPq91LsKe04Tz")
    assert refused.value.ename == "BadSetting"
    assert len(refused.value.traceback) == 1
    assert "s3cr3t" not in str(refused.value)
