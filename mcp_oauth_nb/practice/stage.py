"""Puts a fault of the demo on stage: a server that has it, a debugger that meets it, and the calls that show it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol

from mcp_oauth_nb.debugger import Debugger
from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.steps.probes import PROBES

TOOL = ("echo", {"text": "hello"})
"""The tool that is called on stage: faults of step-up show at a call only."""


class Played(Protocol):
    """What of a fault says how it is met; `demo.Fault` is one."""

    @property
    def how(self) -> Mapping[str, Any]:
        """Arguments of the debugger."""

    @property
    def edits(self) -> Mapping[str, Mapping[str, Any]]:
        """Changes to the requests of steps, by the step's name."""

    @property
    def then(self) -> tuple[str, ...]:
        """The calls behind the main flow."""


def fault_named(name: str) -> Any:
    """The demo's fault of this name, as data.

    Raises:
        ValueError: there is none; the message lists the names.
    """
    return importlib.import_module("mcp_oauth_nb.demo.faults").named(name)


def staged(name: str) -> Debugger:
    """A debugger that has met this fault of the demo: with the arguments, edits and later calls that make it show.

    The server stays up as long as the debugger is held, so that one can go on asking.

    Raises:
        ValueError: there is no such fault; the message lists the names.
    """
    fault = fault_named(name)
    server = importlib.import_module("mcp_oauth_nb.demo").DemoServer(name)
    dbg = Debugger(server.url, **arguments(fault, server.issuer))
    play(dbg, fault)
    return dbg


def arguments(fault: Played, origin: str) -> Mapping[str, Any]:
    """The arguments of a debugger that meets the fault at a server of this origin."""
    how = {"browser": "follow", "tool": TOOL, **fault.how}
    return {name: _at(origin, value) for name, value in how.items()}


def _at(origin: str, value: Any) -> Any:
    return value.replace("{origin}", origin) if isinstance(value, str) else value


def play(dbg: Debugger, fault: Played) -> None:
    """Run the route with the fault's edits, as far as it goes, and then the calls that the fault is shown with."""
    for name in dbg.route():
        getattr(dbg, name)(**fault.edits.get(name, {}))
        if not dbg.trace.runs[-1].achieved:
            break
    for name in fault.then:
        try:
            _call(dbg, name, fault.edits.get(name, {}))
        except NotYet:
            break


def _call(dbg: Debugger, name: str, edits: Mapping[str, Any]) -> None:
    if name == "call":
        dbg.mcp("tools/list", **edits)
    elif name in PROBES:
        dbg.probe(name, **edits)
    else:
        getattr(dbg, name)(**edits)
