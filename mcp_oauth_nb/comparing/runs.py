"""`compare`: two runs, or two files, side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.comparing.differing import Differing
from mcp_oauth_nb.comparing.ranking import ranked
from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.evidence.load import load
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.comparison import Comparison, Difference

EXPECTED = "a Debugger, a Recording, a Report, a Trace, or the path of a file that load reads"
LONGEST_NAME = 40
"""Characters of what a run is called."""


def compare(a: Any, b: Any, *, names: tuple[str, str] = ("a", "b"), align_hosts: bool | None = None) -> Comparison:
    """Hold two runs side by side: one that works and one that fails, before and after, two versions, two clients.

    Every field is compared: settings, each step's outcome, and of each exchange the method, the URL by its components,
    header fields, members of bodies, and status; then findings and derived tables. Exchanges stand beside each other by
    step and by what they are for, so that a request that one run lacks is one difference and not many. What every run
    makes anew (tokens, codes, ``state``, dates, ids) is compared by its kind, its length and the places it is carried
    to, a JWT by its claims, not by its value.

    The first difference is the one that the verdict of the run that fails points to; else the earliest in the flow.

    Args:
        a: one run: a `Debugger`, a `Report`, a `Trace`, what `replay` gave, or the path of anything that `load` reads.
        b: the other run.
        names: what they are to be called.
        align_hosts: take the two MCP servers for the same one, and the two authorization servers; None does so where
            they differ. The port of a redirect URI on this machine never counts.

    Raises:
        BadSetting: a or b is nothing that holds a run, or `names` are not two different texts.
        NotOurs: a file holds no evidence.
        NotYet: nothing has run.
    """
    called = _names(names)
    if align_hosts not in (None, True, False):
        raise BadSetting("compare(align_hosts=)", brief(align_hosts), "True, False, or None where they differ")
    reports = (report_on("compare(a)", a), report_on("compare(b)", b))
    found = Differing(reports, called, align_hosts=align_hosts)
    same = found.sameness
    hidden = partial(_hidden, tuple(report.trace.vault for report in reports))
    a_came_to, b_came_to = (hidden(_outcome(report)) for report in reports)
    return Comparison(
        called,
        (a_came_to, b_came_to),
        tuple(_masked(one, hidden) for one in ranked(found.all(), reports)),
        found.equal,
        found.renewed,
        same.matched if same.keyed_alike or same.matched else None,
        tuple(map(hidden, found.notes())),
    )


def _hidden(vaults: tuple[Vault, ...], text: str) -> str:
    """A server may say in one run what it learned in the other: each text is searched for the secrets of both."""
    for vault in vaults:
        text = vault.mask(text)
    return text


def _masked(one: Difference, hidden: Callable[[str], str]) -> Difference:
    a, b = one.sides
    again = tuple(map(hidden, one.again))
    return replace(one, part=hidden(one.part), what=hidden(one.what), sides=(hidden(a), hidden(b)), again=again)


def _names(names: Any) -> tuple[str, str]:
    given = names if isinstance(names, (tuple, list)) else ()
    two = [one[:LONGEST_NAME] for one in given if isinstance(one, str) and one.strip()]
    if len(two) != 2 or len(given) != 2 or two[0] == two[1]:
        raise BadSetting("compare(names=)", brief(names), "two different texts", "names=('works', 'fails')")
    return two[0], two[1]


def report_on(name: str, run: Any, mend: str = "compare('before.json', dbg)") -> Report:
    """The report on a whole run, however the run was handed in; `name` is what an error calls it, `mend` its call."""
    if isinstance(run, (str, Path)):
        run = load(run)
    report: Any
    if isinstance(run, Report):
        report = run if run.step is None else diagnose(run.trace)
    elif isinstance(run, Trace):
        report = diagnose(run)
    elif not isinstance(run, type) and callable(getattr(run, "diagnose", None)):
        report = run.diagnose()
    else:
        report = None
    if not isinstance(report, Report):
        raise BadSetting(name, f"a {type(run).__name__}", EXPECTED, mend)
    if not report.trace.runs:
        raise NotYet(f"run in {name}", "dbg.run()")
    return report


def _outcome(report: Report) -> str:
    """How a run ended, masked."""
    failing, cause = report.failing_step, report.cause
    where = f" in {failing}" if failing else ""
    why = f": {mask_text(report.trace.vault, cause.summary)}" if cause else ""
    return f"{report.status}{where}{why}"
