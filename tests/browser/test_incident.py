"""Evidence as a colleague opens it: saved from a broken flow, in a JupyterLab that knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from mcp_oauth_nb import Debugger, DemoServer
from tests.browser.conftest import RESULTS, Opener
from tests.browser.page import Notebook
from tests.browser.server import Lab
from tests.browser.waiting import until
from tests.saved import REPOSITORY, words, words_of

pytestmark = pytest.mark.browser

FAULT = "client-unknown-to-tokens"
TRUST = "for (const cell of panel.content.model.cells) if (cell.type === 'code') cell.trusted = true"
FIRST_SCREEN = ("step 8 of 9 failed", "who must act", "Keep registrations beyond restarts", "confidence")
"""What has to be seen without scrolling: what failed, whose it is, what mends it, how sure that is."""


def saved_in(folder: Path) -> None:
    """Evidence of a flow against a broken demo server."""
    folder.mkdir(parents=True)
    with DemoServer(FAULT) as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        dbg.save(folder / "incident.ipynb")


def assert_seen_at_once(notebook: Notebook) -> None:
    """These words are on the page as it opens, above the lower edge of the window."""
    height = notebook.page.viewport_size["height"]
    for text in FIRST_SCREEN:
        box = notebook.page.get_by_text(text).first.bounding_box()
        assert box is not None and 0 < box["y"] < box["y"] + box["height"] < height, text


def assert_whole(notebook: Notebook) -> None:
    """Every word of the displays is on the page, and the page asked for nothing outside of its server."""
    missing = partial(lambda: words_of(notebook.read()) - words(notebook.text()))
    until(lambda: not missing(), "every word of the file is on the page", more=lambda: str(missing()))
    assert [url for url in notebook.asked if not url.startswith((notebook.lab.origin, "data:", "blob:"))] == []
    assert notebook.page.locator(".jp-OutputArea-output script, .jp-OutputArea-output iframe").count() == 0


@pytest.mark.parametrize("trust", [False, True], ids=["untrusted", "trusted"])
def test_the_verdict_is_seen_at_once(
    open_notebook: Opener, reader: Lab, place: str, picture: Callable[[str], Path], *, trust: bool
) -> None:
    saved_in(reader.folder / place)
    notebook = open_notebook(reader, f"{place}/incident.ipynb")
    if trust:
        notebook.js(TRUST)
    notebook.painted()
    assert notebook.trusted() is trust
    assert_seen_at_once(notebook)
    notebook.screenshot(picture("light"))
    assert_whole(notebook)
    notebook.dark()
    assert_seen_at_once(notebook)
    notebook.screenshot(picture("dark"))


def test_run_again_it_says_the_same(
    open_notebook: Opener, author: Lab, place: str, picture: Callable[[str], Path]
) -> None:
    saved_in(author.folder / place)
    notebook = open_notebook(author, f"{place}/incident.ipynb")
    before = notebook.text(2)
    notebook.run_all()
    until(lambda: notebook.text(2) == before, "the verdict is worked out again", more=lambda: notebook.text(2))
    assert_whole(notebook)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_is_read_in_a_browser(browser: object, tmp_path: Path, *, dark: bool) -> None:
    with DemoServer(FAULT) as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        file = dbg.save(tmp_path / "incident.html")
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, color_scheme="dark" if dark else "light")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.append(request.url) if request.url != file.as_uri() else None)
    page.goto(file.as_uri())
    page.screenshot(path=str(RESULTS / f"incident-page-{'dark' if dark else 'light'}.png"))
    for text in FIRST_SCREEN:
        box = page.get_by_text(text).first.bounding_box()
        assert box is not None and box["y"] + box["height"] < 1000, text
    background = page.evaluate("getComputedStyle(document.documentElement).colorScheme")
    assert (background, said) == ("light dark", [])
    context.close()


def test_the_notebook_of_an_incident_opens_with_its_verdict(
    open_notebook: Opener, author: Lab, place: str, picture: Callable[[str], Path]
) -> None:
    target = author.folder / place / "incident.ipynb"
    target.parent.mkdir(parents=True)
    target.write_text((REPOSITORY / "notebooks" / "incident.ipynb").read_text())
    notebook = open_notebook(author, f"{place}/incident.ipynb")
    notebook.run_all()
    notebook.wait_for("who must act")
    notebook.screenshot(picture("run"))
    notebook.save()
    assert_whole(notebook)
