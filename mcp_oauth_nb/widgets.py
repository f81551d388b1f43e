"""`FlowRunner`: buttons that press the Debugger's calls. It decides nothing about the protocol.

How it is built follows from what a saved notebook keeps. What happened stands in one static output per step, each with
a display id, because such outputs are updated in place and saved; the contents of widgets are not. The controls are
one more output, and when the flow ends they are replaced by plain markup, because a notebook that is opened again
shows an error in the place of a widget whose kernel is gone.

A callback only hands a job to the runner's one worker thread. The worker never prints or displays: it updates display
handles and a status label, and whatever goes wrong is shown there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import ipywidgets
from IPython.display import display

import mcp_oauth_nb.facts.declared
import mcp_oauth_nb.rules.judging  # noqa: F401 - all that is reached late, here, where one thread imports: not two at once
from mcp_oauth_nb.calling import Caller
from mcp_oauth_nb.debugger import Debugger
from mcp_oauth_nb.errors import CallbackTimeout, McpOAuthError
from mcp_oauth_nb.lines import Line
from mcp_oauth_nb.mime import Bundle
from mcp_oauth_nb.rules.rule import Report, StepStatus
from mcp_oauth_nb.views.runner import controls_bundle, finished_bundle, link_markup, moved_bundle
from mcp_oauth_nb.wire.driver import Running
from mcp_oauth_nb.working import Worker, said

WIDGET = "application/vnd.jupyter.widget-view+json"
DETACHED = "Page reloaded? Run this cell again."


class FlowRunner:
    """Walk the flow by clicking: Continue sends the request that is shown, and shows the next one.

    Args:
        target: the URL of an MCP server, or a `Debugger` or `OAuth2` to go on with.
        afterwards: go on behind the main flow with refresh, replay, revocation and the request after it.
        **settings: everything that `Debugger` takes.

    Attributes:
        dbg: the Debugger or OAuth2 behind the buttons, for the cells below.
        when_ended: called, in the runner's thread, when the flow has ended.

    Raises:
        BadSetting: a setting cannot work.
    """

    def __init__(self, target: str | Caller, *, afterwards: bool = False, **settings: Any) -> None:
        self.dbg: Caller = target if isinstance(target, Caller) else Debugger(target, **settings)
        self.route = self.dbg.route(afterwards=afterwards)
        self.when_ended: Callable[[], None] = _nothing
        self._running: Running | None = None
        self._waiting = self._automatic = self._ended = self._busy = False
        self._handles: dict[str, Any] = {}
        self._shown: dict[str, Bundle] = {}
        self._controls: Any = None
        self._make_widgets()
        self._worker = Worker(self, "flow runner")

    def __repr__(self) -> str:
        return f"<FlowRunner {self.status}>"

    def _ipython_display_(self) -> None:
        self.show()

    # -- what a cell calls ----------------------------------------------------------------------------------------

    def show(self, places: Sequence[Any] = ()) -> None:
        """Display controls and steps in this cell and take them over from any cell that showed them before.

        Args:
            places: display handles to show them in instead, one more than there are steps: for who is in no cell.
        """
        self._withdraw()
        self._prepare()
        free = iter(places)
        if self._finished():
            _put(self._finished_bundle(), free)
        else:
            self._ended = False
            self._controls = _put(self._live_controls(), free)
        self._handles, self._shown = {}, {}
        for name in self.route:
            self._shown[name] = self._card(name)
            self._handles[name] = _put(self._shown[name], free)

    def run_to_end(self) -> None:
        """What the button of that name does; returns at once."""
        self._on_run_to_end()

    def leave(self) -> None:
        """Stop, and leave what is displayed as it is: others show something there."""
        self._controls, self._handles, self.when_ended = None, {}, _nothing
        self._ended, self._automatic = True, False
        self.dbg.interrupt()

    def _withdraw(self) -> None:
        """Leave plain markup where controls and steps were shown before: two cells cannot both stay up to date."""
        for handle in (self._controls, *self._handles.values()):
            if handle is not None:
                handle.update(dict(moved_bundle()), raw=True)
        self._controls, self._handles = None, {}

    @property
    def status(self) -> str:
        """Where the flow stands, in words: ``not finished: step 3 of 9``, ``passed``, ``failed at step 5 of 9``."""
        report = self.report
        if report.failing_step is not None:
            return f"failed at {self._place(report.failing_step)}"
        name = self._next()
        return f"not finished: {self._place(name)}" if name else report.status

    @property
    def report(self) -> Report:
        """The verdict over what ran so far."""
        return self.dbg.diagnose()

    def restart(self) -> None:
        """Forget everything and begin again with the same settings."""
        self.dbg = self.dbg.again()
        self._running, self._ended = None, False

    # -- widgets --------------------------------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        def button(description: str, job: Callable[[], None], style: str = "") -> ipywidgets.Button:
            made = ipywidgets.Button(description=description, button_style=style)
            made.on_click(lambda _: job())
            return made

        self._buttons = {
            "Continue": button("Continue", self._on_continue, "primary"),
            "Run to end": button("Run to end", self._on_run_to_end),
            "Restart": button("Restart", self._on_restart),
            "Stop": button("Stop", self._on_stop),
        }
        self._label = ipywidgets.Label(value="")
        self._link = ipywidgets.HTML(value="")
        # It holds a code: whatever is pasted is taken out of the widget at once.
        self._paste = Line("", "paste the address the browser ended on, or the code", is_secret=bool, width="32em")
        pasted = button("Use pasted redirect", self._on_paste)
        self._asking = ipywidgets.VBox([self._link, ipywidgets.HBox([self._paste.widget, pasted])])
        self._asking.layout.display = "none"
        row = ipywidgets.HBox([*self._buttons.values(), ipywidgets.Label(value=DETACHED)])
        self._box = ipywidgets.VBox([row, self._label, self._asking])

    def _live_controls(self) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        return {**controls_bundle(self.status), WIDGET: view}

    # -- callbacks: they only hand over ---------------------------------------------------------------------------

    def _on_continue(self) -> None:
        if self._waiting:
            self._automatic = True
            self.dbg.interrupt()
        elif not self._busy:
            self._submit(self._one)

    def _on_run_to_end(self) -> None:
        if self._waiting:
            self._on_continue()
        if not self._busy or self._waiting:
            self._submit(self._all)

    def _on_restart(self) -> None:
        self._automatic = False
        self.dbg.interrupt()
        self._submit(self._start_over)

    def _on_stop(self) -> None:
        self._automatic = False  # else the waiting that is interrupted would begin again
        self.dbg.interrupt()
        self._submit(partial(self._end, "stopped"))

    def _on_paste(self) -> None:
        pasted = self._paste.value
        self._paste.set("")
        try:
            self.dbg.offer(pasted)
        except McpOAuthError as error:
            self._label.value = str(error)

    def _submit(self, job: Callable[[], None]) -> None:
        self._worker.do(partial(self._guarded, job))

    # -- jobs: in the worker thread ---------------------------------------------------------------------------------

    def _guarded(self, job: Callable[[], None]) -> None:
        self._busy = True
        said(job, self._say)
        self._busy = False

    def _one(self) -> None:
        """One click: the next step; the authorization response needs none, it comes by itself."""
        name = self._next()
        if name is None or self._ended or not self._step(name):
            return
        if self._next() == "callback" and self._step("callback") and self._automatic:
            self._automatic = False
            self._step("token")

    def _all(self) -> None:
        self._automatic = True
        name = self._next()
        while name is not None and not self._ended and self._step(name):
            name = self._next()
        self._automatic = False

    def _step(self, name: str) -> bool:
        """Carry out one step, show it, show what comes next. True when it passed and the flow may go on."""
        running = self._begun(name)
        self._running = None
        person = name == "callback" and not self._automatic
        self._say(f"{self._place(name)} is running")
        self._update(name, status="needs you" if person else "running")
        try:
            self.dbg.finish(running, person=person, announce=self._ask)
        except CallbackTimeout:
            if self._automatic and name == "callback":
                return self._step(name)
        finally:
            self._stop_asking()
        self._settle()
        run = self.dbg.trace.run(name)
        return run is not None and run.achieved

    def _begun(self, name: str) -> Running:
        """The step as it was previewed, or begun anew where a cell has changed the flow since."""
        if self._running is None or self._running.step.name != name or not self.dbg.is_current(self._running):
            return self.dbg.begin(name)
        return self._running

    def _settle(self) -> None:
        """Show everything as it now stands; end the controls when nothing is left to click."""
        self._prepare()
        for name in self.route:
            self._update(name)
        if self.report.failing_step is not None:
            self._end("failed")
        elif self._finished():
            self._end("finished")
        else:
            self._say(self.status)

    def _start_over(self) -> None:
        self.restart()
        self._settle()

    def _end(self, how: str) -> None:
        """Replace the controls by markup that stays readable without a kernel."""
        self._ended = True
        self._say(f"{how}: {self.status}")
        if self._controls is not None:
            self._controls.update(dict(self._finished_bundle()), raw=True)
        self.when_ended()

    # -- showing ----------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Begin the next step, so that its request can be shown. Nothing is sent."""
        name = self._next()
        if name is None or name == "callback":
            self._running = None
        elif self._running is None or not self.dbg.is_current(self._running):
            self._running = self.dbg.begin(name)

    def _ask(self, url: str) -> None:
        self._waiting = True
        code = self.dbg.user_code
        self._link.value = link_markup(url, self.dbg.redirect_problem, automatic=self.dbg.is_automatic, code=code)
        self._asking.layout.display = ""
        place = self._place(self._next() or "callback")
        self._say(f"{place} needs you: open the link and log in")

    def _stop_asking(self) -> None:
        self._waiting = False
        self._link.value = ""
        self._paste.set("")
        self._asking.layout.display = "none"

    def _say(self, words: str) -> None:
        self._label.value = words

    def _update(self, name: str, *, status: StepStatus | None = None) -> None:
        """Update a step's output, only when it changed: an update closes what a reader has unfolded in it."""
        card = self._card(name, status)
        if self._shown.get(name) != card and name in self._handles:
            self._shown[name] = card
            self._handles[name].update(dict(card), raw=True)

    def _card(self, name: str, status: StepStatus | None = None) -> Bundle:
        preview = self._running.preview if self._running and self._running.step.name == name else None
        return self.dbg.card(name, self.route, preview=preview, status=status)

    def _finished_bundle(self) -> Bundle:
        return finished_bundle(self.status, self.report)

    # -- where it stands --------------------------------------------------------------------------------------------

    def _next(self) -> str | None:
        """The first step of the route that has not passed; a step that failed is tried again."""
        trace = self.dbg.trace
        achieved = {run.step for run in trace.runs if run.achieved}
        return next((name for name in self.route if name not in achieved), None)

    def _finished(self) -> bool:
        return self._next() is None

    def _place(self, name: str) -> str:
        return f"step {self.route.index(name) + 1} of {len(self.route)}"


def _put(made: Mapping[str, Any], free: Iterator[Any]) -> Any:
    """Show something in the next place that is free, or in the cell that runs; the handle to update it by."""
    place = next(free, None)
    if place is None:
        return display(dict(made), raw=True, display_id=True)
    place.update(dict(made), raw=True)
    return place


def _nothing() -> None:
    """Nobody asked to be told."""
