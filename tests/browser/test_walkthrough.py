"""The walkthrough notebook as a person goes through it, and the file that is left of it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import flow
from tests.browser.conftest import Opener
from tests.browser.kernels import LINES, Kernels
from tests.browser.page import Notebook
from tests.browser.server import Lab
from tests.browser.waiting import until
from tests.saved import (
    REPOSITORY,
    copy_notebook,
    leaks,
    machine_paths,
    outputs,
    problems,
    words,
    words_of,
)

pytestmark = pytest.mark.browser

WALKTHROUGH = REPOSITORY / "notebooks" / "walkthrough.ipynb"
DEAD = ("Error displaying widget", "Loading widget")


def walk(open_notebook: Opener, author: Lab, place: str, kernel: str) -> tuple[Notebook, int]:
    """Run the walkthrough and click through its flow runner; the notebook and the runner's cell."""
    path = f"{place}/walkthrough.ipynb"
    copy_notebook(WALKTHROUGH, author.folder / path, kernel)
    notebook = open_notebook(author, path)
    notebook.run_all()
    flow.start(notebook)
    flow.to_the_redirect(notebook)
    flow.consent(notebook, "Authorize")
    flow.finish(notebook)
    return notebook, runner_cell(notebook.read())


def runner_cell(read: dict[str, Any]) -> int:
    return next(n for n, cell in enumerate(read["cells"]) if "FlowRunner(url" in "".join(cell["source"]))


def assert_good_evidence(notebook: Notebook, cell: int) -> dict[str, Any]:
    """Save, and look at the file: all steps passed, all kinds of output right, and nothing in it that must not be."""
    secrets = flow.secrets(notebook, "demo", "dbg", "runner.dbg")
    saved = notebook.save()
    raw = notebook.file.read_text()
    assert flow.cards(saved, cell) == flow.PASSED
    assert problems(saved) == []
    assert len(secrets) > 10
    assert leaks(raw, [*secrets, notebook.lab.token]) == []
    assert machine_paths(raw) == []
    return saved


def wait_for_every_word(notebook: Notebook, wanted: set[str]) -> None:
    """Cells far down are drawn when the browser has time for them."""

    def missing() -> set[str]:
        return wanted - words(notebook.text())

    until(lambda: not missing(), "every word of the file is on the page", more=lambda: str(missing()))


def test_walk_save_and_read_again(
    open_notebook: Opener, author: Lab, reader: Lab, place: str, picture: Callable[[str], Path]
) -> None:
    notebook, cell = walk(open_notebook, author, place, "python3")
    notebook.screenshot(picture("finished"), cell)
    saved = assert_good_evidence(notebook, cell)
    outside = [
        url for url in notebook.asked if not url.startswith((author.origin, "http://127.0.0.1", "data:", "blob:"))
    ]
    assert outside == []
    notebook.dark()
    notebook.screenshot(picture("dark"), cell)
    notebook.end()

    for running, trust in ((author, True), (reader, False)):
        again = open_notebook(running, notebook.path)
        again.painted()
        assert again.trusted() is trust
        wait_for_every_word(again, words_of(saved))
        assert not [message for message in DEAD if message in again.text()]
        again.screenshot(picture("trusted" if trust else "untrusted"), cell)
        again.end()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("line", LINES)
def test_walk_on_ipykernel(line: str, open_notebook: Opener, author: Lab, place: str, kernels: Kernels) -> None:
    notebook, cell = walk(open_notebook, author, place, kernels.name(line))
    saved = assert_good_evidence(notebook, cell)
    notebook.run(notebook.append("import ipykernel\nipykernel.__version__"))
    assert f"'{line}." in notebook.text()
    assert len(list(outputs(saved, cell))) == flow.STEPS + 1


def test_eight_clicks_without_a_browser(fresh: Callable[..., Notebook]) -> None:
    notebook = fresh(flow.DEMO, "runner = FlowRunner(server.url, browser='follow')\nrunner")
    flow.start(notebook)
    flow.to_the_redirect(notebook)
    notebook.click("Continue")
    notebook.wait_for_label("step 9 of 9")
    notebook.click("Continue")
    flow.ended(notebook)
    assert flow.cards(notebook.save(), 1) == flow.PASSED


def test_the_search_for_leaks_finds_what_is_hidden() -> None:
    secret = "Zk3-vQ_x9/h+w8 rT"
    hidden = base64.b64encode(f"client:{secret}!".encode()).decode()
    for raw in (f"a{secret}b", "Zk3-vQ_x9%2Fh%2Bw8%20rT", secret.encode().hex(), hidden):
        assert leaks(raw, [secret]) != []
    assert leaks("Zk3-vQ_x9", [secret]) == []
    assert str(REPOSITORY) in machine_paths(f'"{REPOSITORY}/x"')
    assert machine_paths(f"https://host.example{REPOSITORY}".replace("/", "-")) == []
