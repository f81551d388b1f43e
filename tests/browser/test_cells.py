"""Cells that call the Debugger: one of them is edited and run again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser import flow
from tests.browser.page import Notebook
from tests.saved import leaks, plain

pytestmark = pytest.mark.browser

CALLS = ("challenge", "resource_metadata", "server_metadata", "register", "authorize", "callback", "token", "mcp")
AUTHORIZE, CALLBACK, TOKEN, MCP = 6, 7, 8, 9
WRONG = "wrong-verifier-wrong-verifier-wrong-verifier-0"


def test_edit_a_cell_and_run_it_again(fresh: Callable[..., Notebook]) -> None:
    calls = [f"dbg.{call}()" for call in CALLS]
    notebook = fresh(flow.DEMO, "dbg = Debugger(server.url, browser='follow')", *calls)
    assert all("[PASSED]" in text for text in plain(notebook.save()))

    for cell in (AUTHORIZE, CALLBACK):
        notebook.run(cell)
    notebook.edit(TOKEN, f'dbg.token(form={{"code_verifier": "{WRONG}"}})')
    notebook.run(TOKEN)
    notebook.wait_for("invalid_grant", TOKEN)
    assert "[FAILED]" in plain(notebook.save(), TOKEN)[0]

    notebook.edit(TOKEN, "dbg.token()")
    for cell in (AUTHORIZE, CALLBACK, TOKEN, MCP):
        notebook.run(cell)
    secrets = flow.secrets(notebook, "server", "dbg")
    saved = notebook.save()
    assert all("[PASSED]" in text for text in plain(saved))
    assert leaks(notebook.file.read_text(), secrets) == []


def test_a_person_opens_the_link_between_two_cells(fresh: Callable[..., Notebook]) -> None:
    """The link needs its state to work, and is masked in the cell once the redirect has come."""
    notebook = fresh(flow.DEMO, "dbg = Debugger(server.url)", *(f"dbg.{call}()" for call in CALLS[:5]))
    link = notebook.cell(AUTHORIZE).locator("a", has_text="/authorize?")
    with notebook.context.expect_page() as opened:
        link.click()
    opened.value.get_by_role("button", name="Authorize").click()
    opened.value.get_by_text("The redirect has arrived").wait_for()
    for call in CALLS[5:]:
        notebook.run(notebook.append(f"dbg.{call}()"))
    secrets = flow.secrets(notebook, "server", "dbg")
    saved = notebook.save()
    assert all("[PASSED]" in text for text in plain(saved))
    assert leaks(notebook.file.read_text(), secrets) == []


def test_cells_below_a_waiting_runner_say_how_far_it_is(fresh: Callable[..., Notebook]) -> None:
    notebook = fresh(flow.DEMO, "runner = FlowRunner(server.url)\nrunner", "print(runner.status)", "runner.report")
    assert "not finished: step 1 of 9" in notebook.text(2)
    assert notebook.text(3)
