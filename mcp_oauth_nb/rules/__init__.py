"""Rules judge: `judge` runs every rule over a trace, `diagnose` makes a report of it.

How that is done stands in `judging`, which imports every rule and suspect there is. That takes longer than a whole
flow, so it is reached with the first judgement and not when the package is imported.
"""

from __future__ import annotations

from mcp_oauth_nb.protocol.grants import AFTERWARDS, ROUTE, route_told
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules.rule import Report, Verdict

__all__ = ["ROUTE", "diagnose", "judge"]


def diagnose(trace: Trace) -> Report:
    """The report on a whole trace: what was found, causes first."""
    route = route_told(trace.settings)
    return Report(trace, route=route + tuple(name for name in AFTERWARDS if trace.run(name)), judge=judge)


def judge(trace: Trace) -> Verdict:
    """Run every rule over a trace. Never raises: a rule that fails is *not tested*, and says so."""
    from mcp_oauth_nb.rules import judging  # noqa: PLC0415 - imports every rule, which takes longer than a whole flow

    return judging.judge(trace)
