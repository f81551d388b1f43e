"""One notebook in one browser page: what a person does with it, and what a person sees of it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.browser.server import Lab
from tests.browser.waiting import WAIT_S, until

LOAD_S, RUN_S, ANSWER_S = 60, 90, 10
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
"""The machine's own Chromium, as root too, and with no way out of the machine."""

PANEL = "const panel = window.jupyterapp.shell.currentWidget;"
RUN = """async ([command, index, limit]) => {
  PANEL
  if (index !== null) { panel.content.deselectAll(); panel.content.activeCellIndex = index; }
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error(command + " took too long")), limit); });
  try { await Promise.race([window.jupyterapp.commands.execute(command), late]); } finally { clearTimeout(timer); }
}""".replace("PANEL", PANEL)
ANSWERS = """async (limit) => {
  PANEL
  const kernel = panel.sessionContext.session?.kernel;
  if (kernel?.connectionStatus !== 'connected') return false;
  const late = new Promise(go => setTimeout(go, limit, null));
  const reply = await Promise.race([kernel.requestKernelInfo(), late]);
  return reply?.content?.status === 'ok';
}""".replace("PANEL", PANEL)
"""Ask the kernel who it is, and say whether it answered in time: a page that asks and gets nothing may ask again."""
ERRORS = """
  return [...panel.content.model.cells].flatMap(cell => cell.type === 'code' ? cell.outputs.toJSON() : [])
    .filter(output => output.output_type === 'error').map(output => `${output.ename}: ${output.evalue}`)
"""


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium of the machine; a missing one is a failure, never a skip."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, f"no browser: install one of {', '.join(BROWSERS)}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Notebook:
    """A notebook that is open in a page.

    Args:
        lab: the server that has it.
        context: the browser's profile to open it in.
        path: where it is in the server's folder.
    """

    def __init__(self, lab: Lab, context: Any, path: str) -> None:
        self.lab, self.context, self.path = lab, context, path
        self.console: list[str] = []
        self.asked: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(WAIT_S * 1000)
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"page error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(lab.address(path))
        self._loaded()

    @property
    def file(self) -> Path:
        return self.lab.folder / self.path

    def _loaded(self) -> None:
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=LOAD_S * 1000)
        until(self._is_ready, "the kernel is idle", LOAD_S, more=self.lab.tail)
        until(self._answers, "the kernel answers", LOAD_S, more=self.lab.tail)

    def _is_ready(self) -> bool:
        return bool(
            self.js(
                "return panel?.context?.isReady && panel.context.path === args"
                " && panel.sessionContext.session?.kernel?.status === 'idle'",
                self.path,
            )
        )

    def _answers(self) -> bool:
        """Whether the kernel answers this page: idle may be what the server told, before the two are connected."""
        return bool(self.page.evaluate(ANSWERS, ANSWER_S * 1000))

    def js(self, body: str, args: object = None) -> Any:
        """Run the body of a function of `args` with `panel`, the notebook's panel."""
        return self.page.evaluate(f"async (args) => {{ {PANEL} {body} }}", args)

    # -- what a person does -------------------------------------------------------------------------------------------

    def run_all(self) -> None:
        self._run("notebook:run-all-cells", None)

    def run(self, cell: int) -> None:
        self._run("notebook:run-cell", cell)

    def _run(self, command: str, cell: int | None) -> None:
        self.page.evaluate(RUN, [command, cell, RUN_S * 1000])
        errors = self.js(ERRORS)
        assert errors == [], errors

    def edit(self, cell: int, source: str) -> None:
        """Replace the source of a cell by typing."""
        self.cell(cell).locator(".cm-content").first.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Escape")
        now = self.js("return panel.content.widgets[args].model.sharedModel.getSource()", cell)
        assert now == source, f"the cell holds {now!r}"

    def append(self, source: str) -> int:
        """Add a code cell at the end; its index."""
        return int(
            self.js(
                "const model = panel.content.model.sharedModel;"
                "model.addCell({cell_type: 'code', source: args, metadata: {trusted: true}});"
                "return model.cells.length - 1",
                source,
            )
        )

    def click(self, description: str) -> None:
        """Click a button of a widget."""
        self.button(description).click()

    def fill(self, text: str) -> None:
        """Type into the one text field of the widgets, and leave it."""
        field = self.page.locator(".jupyter-widgets input[type=text]")
        field.fill(text)
        field.blur()

    def save(self) -> dict[str, Any]:
        """Save by key, wait until nothing is left to save, and read the file."""
        self.js("panel.content.mode = 'command'; panel.content.activate()")
        self.page.keyboard.press("Control+s")
        until(lambda: not self.js("return panel.context.model.dirty"), "the notebook is saved", more=self.lab.tail)
        return self.read()

    def reload(self) -> None:
        """Load the page anew; the kernel goes on."""
        self.page.reload()
        self._loaded()

    def close(self) -> None:
        self.page.close()

    def end(self) -> None:
        """Close the page and shut down the kernel."""
        self.close()
        self.lab.end_kernel(self.path)

    def dark(self) -> None:
        """Change to JupyterLab's dark theme."""
        self.page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
        self.page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    # -- what a person sees -------------------------------------------------------------------------------------------

    def cell(self, index: int) -> Any:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def button(self, description: str) -> Any:
        return self.page.get_by_role("button", name=description, exact=True)

    def label(self) -> str:
        """What the labels of the widgets say; empty without widgets."""
        return " ".join(self.page.locator(".jupyter-widgets.widget-label").all_text_contents())

    def text(self, cell: int | None = None) -> str:
        """All text of the outputs, folded parts too, of one cell or of the notebook."""
        place = self.page.locator(".jp-Notebook") if cell is None else self.cell(cell)
        found = place.locator(".jp-Cell-outputArea .jp-OutputArea-output").all_text_contents()
        return " ".join(" ".join(found).split())

    def wait_for(self, words: str, cell: int | None = None, timeout_s: float = WAIT_S) -> None:
        until(lambda: words in self.text(cell), f"{words!r} is shown", timeout_s, more=partial(self.text, cell))

    def wait_for_label(self, words: str, timeout_s: float = WAIT_S) -> None:
        until(lambda: words in self.label(), f"a label says {words!r}", timeout_s, more=self.label)

    def trusted(self) -> bool:
        return bool(
            self.js("return [...panel.content.model.cells].filter(c => c.type === 'code').every(c => c.trusted)")
        )

    def painted(self) -> None:
        """Wait until no widget is loading any more and what was to be painted is painted."""
        until(lambda: "Loading widget" not in self.text(), "all widgets are loaded")
        self.page.evaluate("new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))")

    def screenshot(self, path: Path, cell: int | None = None) -> None:
        """A picture of the page, or of a cell in a page that is high enough for it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if cell is None:
            self.page.screenshot(path=str(path))
            return
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": before["width"], "height": 3000})
        self.cell(cell).scroll_into_view_if_needed()
        self.cell(cell).screenshot(path=str(path))
        self.page.set_viewport_size(before)

    def read(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.file.read_text())
        return read
