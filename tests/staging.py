"""Puts a fault of the demo on the stage: a server that has it, a debugger that meets it, and the calls that show it."""

from __future__ import annotations

from functools import partial
from typing import Any

from mcp_oauth_nb import Debugger, Report
from mcp_oauth_nb.demo import DemoServer, Fault
from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.steps import route_for
from mcp_oauth_nb.steps.probes import PROBES

TOOL = ("echo", {"text": "hello"})


def report_on(fault: Fault, protocol: str = "auto") -> Report:
    """The whole flow against a server with this fault, and the calls behind it with which it shows."""
    with DemoServer(fault.name, require_resource=protocol != "2025-03-26") as server:
        how = {"browser": "follow", "protocol": protocol, "tool": TOOL, **fault.how}
        how = {name: _at(server.issuer, value) for name, value in how.items()}
        return played(Debugger(server.url, **how), fault)


def _at(origin: str, value: Any) -> Any:
    return value.replace("{origin}", origin) if isinstance(value, str) else value


def played(dbg: Debugger, fault: Fault) -> Report:
    """Run the route with the fault's edits, as far as it goes, and then what the fault is shown with."""
    for name in route_for(dbg.grant):
        getattr(dbg, name)(**fault.edits.get(name, {}))
        if not dbg.trace.runs[-1].achieved:
            break
    for name in fault.then:
        try:
            _call(dbg, name, fault)
        except NotYet:
            break
    return dbg.diagnose()


def _call(dbg: Debugger, name: str, fault: Fault) -> None:
    if name == "call":
        dbg.mcp("tools/list", **fault.edits.get(name, {}))
        return
    call = partial(dbg.probe, name) if name in PROBES else getattr(dbg, name)
    call(**fault.edits.get(name, {}))
