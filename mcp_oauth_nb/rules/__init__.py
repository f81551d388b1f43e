"""Rules judge: `judge` runs every rule over a trace, `diagnose` makes a report of it.

How that is done stands in `judging`, which imports every rule and suspect there is. That takes longer than a whole
flow, so it is reached with the first judgement and not when the package is imported.
"""

from __future__ import annotations

from typing import Any

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.grants import AFTERWARDS, ROUTE, route_told
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules.rule import Report, Verdict

__all__ = ["ROUTE", "diagnose", "judge"]

EXPECTED = "a Trace, or what has one: a Debugger, a Recording, a Report"


def diagnose(run: Any) -> Report:
    """The report on everything that was recorded: what was found, causes first.

    Args:
        run: a `Trace`, such as ``load`` gives, or whatever has one as its ``.trace``: a `Debugger`, an `OAuth2`, what
            `record` gives, or a `Report`, also one on a single step.

    Raises:
        BadSetting: it is something else; a file is read with ``load`` first.
    """
    trace = run if isinstance(run, (Trace, type)) else getattr(run, "trace", None)
    if not isinstance(trace, Trace):
        raise BadSetting("diagnose(run)", f"a {type(run).__name__}", EXPECTED, "diagnose(load('incident.json'))")
    route = route_told(trace.settings)
    return Report(trace, route=route + tuple(name for name in AFTERWARDS if trace.run(name)), judge=judge)


def judge(trace: Trace) -> Verdict:
    """Run every rule over a trace. Never raises: a rule that fails is *not tested*, and says so."""
    from mcp_oauth_nb.rules import judging  # noqa: PLC0415 - imports every rule, which takes longer than a whole flow

    return judging.judge(trace)
