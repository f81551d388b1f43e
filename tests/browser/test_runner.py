"""The flow runner's buttons, one after the other, and what becomes of it when the page or the cell is loaded anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.browser import flow
from tests.browser.conftest import Opener
from tests.browser.page import Notebook
from tests.browser.waiting import until
from tests.saved import leaks, problems

pytestmark = pytest.mark.browser

Fresh = Callable[..., Notebook]
NEW = "runner = FlowRunner(server.url)"
FOLLOWS = "runner = FlowRunner(server.url, browser='follow')"
REFUSED = dict.fromkeys(range(1, 7), "PASSED") | {7: "FAILED", 8: "NOT RUN", 9: "NOT RUN"}


def test_run_to_end(fresh: Fresh) -> None:
    notebook = fresh(flow.DEMO, f"{FOLLOWS}\nrunner")
    flow.start(notebook)
    notebook.click("Run to end")
    flow.ended(notebook)
    saved = notebook.save()
    assert flow.cards(saved, 1) == flow.PASSED
    assert problems(saved) == []


def test_run_to_end_from_the_middle_and_while_it_waits(fresh: Fresh) -> None:
    notebook = fresh(flow.DEMO, f"{FOLLOWS}\nrunner")
    flow.start(notebook)
    flow.to_the_redirect(notebook)
    notebook.click("Run to end")
    flow.ended(notebook)
    assert flow.cards(notebook.save(), 1) == flow.PASSED


def test_restart_begins_again_with_the_same_settings(fresh: Fresh) -> None:
    notebook = fresh(flow.DEMO, f"{NEW}\nrunner")
    flow.start(notebook)
    for step in (2, 3, 4):
        flow.click_on(notebook, step)
    notebook.click("Restart")
    notebook.wait_for_label("step 1 of 9")
    notebook.wait_for("not run 1. ", 1)
    assert "passed" not in notebook.text(1)
    flow.to_the_redirect(notebook)
    flow.consent(notebook, "Authorize")
    flow.finish(notebook)
    assert flow.cards(notebook.save(), 1) == flow.PASSED


def test_restart_while_it_waits_for_the_redirect(fresh: Fresh) -> None:
    notebook = fresh(flow.DEMO, f"{NEW}\nrunner")
    flow.start(notebook)
    flow.to_the_redirect(notebook)
    notebook.click("Restart")
    notebook.wait_for_label("step 1 of 9")
    flow.link(notebook).wait_for(state="hidden")
    flow.to_the_redirect(notebook)
    flow.consent(notebook, "Authorize")
    flow.finish(notebook)
    assert flow.cards(notebook.save(), 1) == flow.PASSED


def test_stop_leaves_plain_markup_and_the_flow_can_go_on(fresh: Fresh) -> None:
    notebook = fresh(flow.DEMO, NEW, "runner.show()")
    flow.start(notebook)
    flow.to_the_redirect(notebook)
    notebook.click("Stop")
    flow.ended(notebook)
    saved = notebook.save()
    statuses = flow.cards(saved, 2)
    assert [statuses[number] for number in range(1, 7)] == ["PASSED"] * 6
    assert "PASSED" not in {statuses[number] for number in (7, 8, 9)}
    assert problems(saved) == []
    notebook.run(2)
    flow.start(notebook)
    notebook.click("Continue")
    notebook.wait_for_label("needs you")
    flow.consent(notebook, "Authorize")
    flow.finish(notebook)
    assert flow.cards(notebook.save(), 2) == flow.PASSED


def test_the_redirect_can_be_pasted(fresh: Fresh, picture: Callable[[str], Path]) -> None:
    notebook = fresh(flow.DEMO, f"{NEW}\nrunner")
    flow.start(notebook)
    flow.to_the_redirect(notebook)
    notebook.screenshot(picture("waits"), 1)
    pasted = redirect_of(flow.link(notebook).get_attribute("href"))
    notebook.fill("this is no redirect=")
    notebook.click("Use pasted redirect")
    notebook.wait_for_label("redirect")
    notebook.fill(pasted)
    notebook.click("Use pasted redirect")
    flow.finish(notebook)
    secrets = flow.secrets(notebook, "server", "runner.dbg")
    saved = notebook.save()
    assert flow.cards(saved, 1) == flow.PASSED
    assert leaks(notebook.file.read_text(), secrets) == []


def redirect_of(url: str) -> str:
    """Where a browser would end that opens this link, the consent given by the server itself."""
    with httpx.Client(timeout=10) as client:
        for _ in range(5):
            url = client.get(url).headers["location"]
            if "code=" in url:
                return url
    raise AssertionError("no redirect with a code")


def test_a_person_denies(fresh: Fresh, picture: Callable[[str], Path]) -> None:
    notebook = fresh(flow.DEMO, f"{NEW}\nrunner", "runner.report")
    flow.start(notebook)
    flow.to_the_redirect(notebook)
    flow.consent(notebook, "Deny")
    flow.ended(notebook)
    notebook.wait_for("failed 7. Authorization response", 1)
    assert "access_denied" in notebook.text(1)
    notebook.screenshot(picture("denied"), 1)
    saved = notebook.save()
    assert flow.cards(saved, 1) == REFUSED
    assert problems(saved) == []
    notebook.run(2)
    notebook.wait_for("access_denied", 2)


def test_the_page_is_loaded_anew_while_the_kernel_goes_on(fresh: Fresh) -> None:
    notebook = fresh(flow.DEMO, NEW, "runner")
    flow.start(notebook)
    for step in (2, 3):
        flow.click_on(notebook, step)
    notebook.save()
    notebook.reload()
    flow.start(notebook)
    assert "step 3 of 9" in notebook.label()
    flow.click_on(notebook, 4)
    notebook.run(2)
    flow.start(notebook)
    for number in (1, 2, 3):
        notebook.wait_for(f"passed {number}. ", 2)
    assert "step 4 of 9" in notebook.label()
    flow.to_the_redirect(notebook, done=3)
    flow.consent(notebook, "Authorize")
    flow.finish(notebook)
    saved = notebook.save()
    assert flow.cards(saved, 2) == flow.PASSED
    assert problems(saved) == []


def test_a_second_show_takes_over(fresh: Fresh) -> None:
    """What was shown before must not stay behind as a dead widget, nor as steps that were never run."""
    notebook = fresh(flow.DEMO, FOLLOWS, "runner.show()")
    flow.start(notebook)
    flow.click_on(notebook, 2)
    again = notebook.append("runner.show()")
    notebook.run(again)
    notebook.cell(again).get_by_role("button", name="Continue", exact=True).wait_for()
    until(lambda: notebook.button("Continue").count() == 1, "only the new controls are left")
    notebook.wait_for("passed 1. ", again)
    notebook.click("Run to end")
    flow.ended(notebook)
    saved = notebook.save()
    assert flow.cards(saved, again) == flow.PASSED
    assert problems(saved) == []


def test_running_the_cell_again_starts_over(fresh: Fresh) -> None:
    notebook = fresh(flow.DEMO, f"{NEW}\nrunner")
    flow.start(notebook)
    flow.to_the_redirect(notebook)
    notebook.run(1)
    flow.start(notebook)
    assert "passed" not in notebook.text(1)
    flow.to_the_redirect(notebook)
    flow.consent(notebook, "Authorize")
    flow.finish(notebook)
    saved = notebook.save()
    assert flow.cards(saved, 1) == flow.PASSED
    assert problems(saved) == []


def test_saved_in_the_middle_the_steps_are_there(fresh: Fresh, open_notebook: Opener) -> None:
    """A notebook saved in mid-flow keeps dead controls, which JupyterLab says; it also shows that we would see it."""
    notebook = fresh(flow.DEMO, f"{NEW}\nrunner")
    flow.start(notebook)
    for step in (2, 3):
        flow.click_on(notebook, step)
    notebook.save()
    notebook.end()
    again = open_notebook(notebook.lab, notebook.path)
    again.wait_for("Error displaying widget")
    assert all(words in again.text() for words in ("passed 1. ", "passed 2. ", "not run 3. "))
