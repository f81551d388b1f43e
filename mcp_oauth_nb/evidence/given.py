"""What is made of any evidence for others: what their clients would do, and the block that maintainers ask for.

Evidence is a debugger, a report, a trace, or the path of a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcp_oauth_nb.arguments import brief, check_flags
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.peers import PEERS, Outlooks, outlooks
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.views.support import Support

EXPECTED = "a Debugger, a Recording, a Report, a Trace, or the path of a file that load reads"


def trace_in(evidence: object, call: str) -> Trace:
    """The trace in whatever was handed over.

    Args:
        evidence: a debugger, a report, a trace, or the path of saved evidence or of a HAR file.
        call: how the call is named to the user.

    Raises:
        BadSetting: it is something else, or a file that cannot be read.
        NotOurs: the file holds no evidence.
    """
    if isinstance(evidence, Trace):
        return evidence
    if isinstance(evidence, (str, Path)):
        if str(evidence).lower().endswith(".har"):
            from mcp_oauth_nb.evidence.har import load_har  # noqa: PLC0415 - what only HAR files need

            return load_har(evidence)
        from mcp_oauth_nb.evidence.load import load  # noqa: PLC0415 - what only files need

        return load(evidence)
    held: Any = getattr(evidence, "trace", None)
    if not isinstance(held, Trace):
        raise BadSetting(f"{call}(evidence)", brief(evidence), EXPECTED, f"{call}('incident.json')")
    return held


def other_clients(evidence: object) -> Outlooks:
    """What the Python and TypeScript SDKs, the Inspector, mcp-remote and each protocol revision would do here.

    Their rules stand in `mcp_oauth_nb.peers` as rows with the version and place they were read in; they are played on
    what the recording knows of the server. What it does not know is *unknown*: ask more with ``dbg.well_known()``.

    Args:
        evidence: a debugger, a report, a trace, or the path of saved evidence or of a HAR file.

    Raises:
        BadSetting: it is something else, or a file that cannot be read.
        NotOurs: the file holds no evidence.
    """
    return outlooks(trace_in(evidence, "other_clients"), PEERS)


def support(evidence: object, *, hosts: bool = True) -> Support:
    """What maintainers ask for in an issue, as Markdown to be pasted: ``.text``, 60,000 characters at most.

    Verdict, error, client and versions, every request with status and time, challenge, both metadata documents and the
    findings; no secret stands in it, and nothing that a server wrote comes alive where it is pasted.

    Args:
        evidence: a debugger, a report, a trace, or the path of saved evidence or of a HAR file.
        hosts: keep the names of hosts; False puts the role of each in its place.

    Raises:
        BadSetting: it is something else, or a file that cannot be read.
        NotOurs: the file holds no evidence.
    """
    check_flags(hosts=hosts)
    if isinstance(evidence, Report) and evidence.step is None:
        return Support(evidence, hosts)
    told = getattr(evidence, "diagnose", None)
    trace = trace_in(evidence, "support")
    report = told() if callable(told) and not isinstance(evidence, (Trace, Report)) else diagnose(trace)
    return Support(report, hosts)
