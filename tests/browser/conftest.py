"""Fixtures: one browser and two JupyterLabs for all tests, a folder and notebooks for each."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.kernels import Kernels
from tests.browser.page import Notebook, chromium
from tests.browser.server import Lab, lab
from tests.saved import REPOSITORY, write_notebook

RESULTS = REPOSITORY / "test-results"
OPENED = pytest.StashKey[list[Notebook]]()

Opener = Callable[..., Notebook]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """A test that fails shows what the page and the server had to say, and leaves pictures."""
    report = yield
    if report.failed:
        for number, notebook in enumerate(item.stash.get(OPENED, [])):
            report.sections.append((f"console of {notebook.path}", "\n".join(notebook.console[-30:])))
            report.sections.append(("JupyterLab's log", notebook.lab.tail()))
            if not notebook.page.is_closed():
                notebook.screenshot(RESULTS / f"FAILED-{_file_name(item.name)}-{number}.png")
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    kept = os.environ.get("MCP_OAUTH_NB_KERNELS")
    return Kernels(Path(kept).resolve() if kept else tmp_path_factory.mktemp("kernels"))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="session")
def author(served: Path, kernels: Kernels) -> Iterator[Lab]:
    """The JupyterLab in which notebooks are run; it trusts what was run in it."""
    with lab(served, kernels.folder) as running:
        yield running


@pytest.fixture(scope="session")
def reader(served: Path, kernels: Kernels) -> Iterator[Lab]:
    """Another JupyterLab over the same files, which trusts nothing."""
    with lab(served, kernels.folder) as running:
        yield running


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """A profile of the browser: the notebook's page and the pages that it opens share it."""
    made = browser.new_context(viewport={"width": 1280, "height": 1000})
    yield made
    made.close()


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """The test's own folder among those that are served."""
    return _file_name(request.node.name)


@pytest.fixture
def open_notebook(request: pytest.FixtureRequest, context: Any) -> Iterator[Opener]:
    """Open a notebook of a JupyterLab; its kernel ends with the test."""
    opened = request.node.stash[OPENED] = []

    def opens(running: Lab, path: str) -> Notebook:
        notebook = Notebook(running, context, path)
        opened.append(notebook)
        return notebook

    yield opens
    for notebook in opened:
        notebook.lab.end_kernel(notebook.path)


@pytest.fixture
def fresh(author: Lab, open_notebook: Opener, place: str) -> Callable[..., Notebook]:
    """Write a notebook of these cells, open it and run it all."""

    def made(*sources: str, kernel: str = "python3") -> Notebook:
        path = f"{place}/flow.ipynb"
        write_notebook(author.folder / path, *sources, kernel=kernel)
        notebook = open_notebook(author, path)
        notebook.run_all()
        return notebook

    return made


@pytest.fixture
def picture(place: str) -> Callable[[str], Path]:
    """Where a screenshot goes; the folder is not in git."""
    return lambda name: RESULTS / f"{place}-{name}.png"


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-")
