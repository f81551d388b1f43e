"""Servers whose every string is markup: in a trusted notebook whatever runs could do all that its reader can."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser import flow
from tests.browser.conftest import Opener
from tests.browser.hostile import MARK, STAGES, hostile
from tests.browser.page import Notebook
from tests.browser.waiting import until
from tests.saved import joined, problems

pytestmark = pytest.mark.browser

FRAME = "dbg.config.frame"
LOOKS = ("dbg.run()", "dbg.diagnose()", "dbg.config", FRAME, "dbg.curl()", "dbg.exchanges[-1]", "dbg.trace")
MADE = "base, .jp-OutputArea-output :is(script, link, iframe, svg, style:not([scoped]))"
"""Elements that only a server's text could have made; pandas writes a scoped style beside a data frame."""
RUNNER = "FlowRunner({url!r}, browser='follow', on_violation='continue')"


def test_nothing_of_a_hostile_server_runs(
    fresh: Callable[..., Notebook], open_notebook: Opener, picture: Callable[[str], Path]
) -> None:
    with ExitStack() as running:
        servers = [running.enter_context(hostile(stage)) for stage in STAGES]
        cells = ["from mcp_oauth_nb import Debugger, FlowRunner"]
        for server in servers:
            cells += [f"dbg = Debugger({server.url!r}, browser='follow', on_violation='continue')", *LOOKS]
        notebook = fresh(*cells)
        for server in servers:
            notebook.run(notebook.append(RUNNER.format(url=server.url)))
            flow.start(notebook)
            notebook.click("Run to end")
            flow.ended(notebook)
        for name in ("realm", "note", "tool", "error_description", "key"):
            notebook.wait_for(f"onerror={MARK}='{name}'")
        notebook.screenshot(picture("hostile"), len(cells))
        saved = notebook.save()
        ours = [cell for cell in saved["cells"] if joined(cell["source"]) != FRAME]
        assert problems({**saved, "cells": ours}) == []
        assert_untouched(notebook, [beacon for server in servers for beacon in server.beacons])
        notebook.end()

        again = open_notebook(notebook.lab, notebook.path)
        again.painted()
        assert again.trusted()
        assert_untouched(again, [beacon for server in servers for beacon in server.beacons])

        markup = f"<img src=x onerror={MARK}=1><img src={servers[0].origin}/beacon/control>"
        again.run(again.append(f"from IPython.display import HTML\nHTML({json.dumps(markup)})"))
        until(lambda: pwned(again) == 1 and servers[0].beacons, "the same markup runs where nobody escapes it")


def assert_untouched(notebook: Notebook, beacons: list[str]) -> None:
    notebook.painted()
    assert pwned(notebook) is None
    assert beacons == []
    assert notebook.page.locator(MADE).count() == 0


def pwned(notebook: Notebook) -> object:
    return notebook.page.evaluate(f"{MARK} ?? null")
