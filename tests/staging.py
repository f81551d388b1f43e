"""Puts a fault of the demo on the stage: a server that has it, a debugger that meets it, and the calls that show it."""

from __future__ import annotations

from mcp_oauth_nb import Debugger, Report
from mcp_oauth_nb.demo import DemoServer, Fault
from mcp_oauth_nb.practice.stage import TOOL, arguments, play

__all__ = ["TOOL", "played", "report_on"]


def report_on(fault: Fault, protocol: str = "auto") -> Report:
    """The whole flow against a server with this fault, and the calls behind it with which it shows."""
    with DemoServer(fault.name, require_resource=protocol != "2025-03-26") as server:
        return played(Debugger(server.url, **{"protocol": protocol, **arguments(fault, server.issuer)}), fault)


def played(dbg: Debugger, fault: Fault) -> Report:
    """The report once the fault was played."""
    play(dbg, fault)
    return dbg.diagnose()
