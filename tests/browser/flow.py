"""What a person does with the flow runner."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.browser.page import Notebook
from tests.saved import plain

STEPS = 9
BEFORE_THE_REDIRECT = 6
PASSED = dict.fromkeys(range(1, STEPS + 1), "PASSED")
CARD = re.compile(r"\[([A-Z ]+)\] (\d+)\. ")

DEMO = "from mcp_oauth_nb import Debugger, DemoServer, FlowRunner\nserver = DemoServer()"
KEEP_SECRETS = """
import json, pathlib
met = {{value for debugger in ({debuggers},) for value in debugger.trace.vault.values()}}
pathlib.Path("secrets.json").write_text(json.dumps(sorted(met | {server}.secrets_issued())))
None
"""
"""A cell that hands every secret to the test, in a file beside the notebook."""


def secrets(notebook: Notebook, server: str, *debuggers: str) -> list[str]:
    """Every secret that the demo server has issued or that the debuggers have met, by the names they have there."""
    notebook.run(notebook.append(KEEP_SECRETS.format(server=server, debuggers=", ".join(debuggers))))
    handed = notebook.file.with_name("secrets.json")
    found: list[str] = json.loads(handed.read_text())
    handed.unlink()
    return found


def cards(saved: dict[str, Any], cell: int) -> dict[int, str]:
    """The status of every step whose card is an output of this cell."""
    found = filter(None, map(CARD.match, plain(saved, cell)))
    return {int(card[2]): card[1] for card in found}


def start(notebook: Notebook) -> None:
    """Wait for the controls."""
    notebook.button("Continue").wait_for()
    notebook.painted()


def click_on(notebook: Notebook, step: int) -> None:
    """Click Continue and wait until this step is next."""
    notebook.click("Continue")
    notebook.wait_for_label(f"step {step} of {STEPS}")


def to_the_redirect(notebook: Notebook, *, done: int = 0) -> None:
    """Click Continue until a person is needed."""
    for number in range(done + 1, BEFORE_THE_REDIRECT):
        click_on(notebook, number + 1)
    notebook.click("Continue")
    notebook.wait_for_label("needs you")
    link(notebook).wait_for()


def link(notebook: Notebook) -> Any:
    """The authorization link in the controls."""
    return notebook.page.locator(".jupyter-widgets a[target=_blank]")


def consent(notebook: Notebook, decision: str) -> None:
    """Open the link in a new tab, decide on the demo's consent page, and close the tab."""
    with notebook.context.expect_page() as opened:
        link(notebook).click()
    tab = opened.value
    tab.get_by_role("button", name=decision).click()
    tab.get_by_text("The redirect has arrived").wait_for()
    tab.close()


def finish(notebook: Notebook) -> None:
    """From the redirect on: the response passes by itself, then the token and the MCP request."""
    notebook.wait_for_label("step 8 of 9")
    click_on(notebook, 9)
    notebook.click("Continue")
    ended(notebook)


def ended(notebook: Notebook) -> None:
    """Wait until the controls have given way to the verdict."""
    notebook.button("Continue").wait_for(state="detached")
    notebook.painted()
