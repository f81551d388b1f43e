"""What a rule is, what it finds, and the report that joins the findings.

A rule is a small pure function over one piece of evidence, declared with its id, step, level, who must act, the spec
and the fix. Its evidence comes from a selector (`over=`): where the selector gives nothing, the rule is *not tested*,
with the selector's words as the reason, and never counts as passed. Every rule runs on every trace; it knows captured
HTTP and nothing of who the server is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeVar

from mcp_oauth_nb.mime import Framed
from mcp_oauth_nb.protocol.grants import ROUTE
from mcp_oauth_nb.protocol.probes import NOT_TESTED
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange, Run, Trace
from mcp_oauth_nb.rules.suspect import Suspect, Who

T = TypeVar("T")
Level = Literal["MUST", "SHOULD", "MAY"]
Levels = Mapping[str, Level]
"""From which protocol version on which level holds; each holds up to the next one named."""
Status = Literal["passed", "warned", "failed", "not tested"]
StepStatus = Literal["passed", "warned", "failed", "needs you", "running", "not run", "not tested"]

MUST: Level = "MUST"
SHOULD: Level = "SHOULD"
MAY: Level = "MAY"
"""A version that leaves something open: what differs there is no breach, and the rule passes."""
FIRST_VERSION = "2025-03-26"
ANY = "any"
"""The step of a rule that may be broken in every step; each breach names its own."""


def since(version: str, level: Level = "MUST", *, before: Level = "SHOULD") -> Levels:
    """The levels of what `version` was the first to ask for. Before it the same thing is at most a warning."""
    return {FIRST_VERSION: before, version: level}


def level_in(levels: Level | Levels, version: str) -> Level:
    """The level in force in a protocol version (``draft`` follows every date); of the newest where it is not known.

    Without MCP it is the least of them: what a version of MCP made graver is as grave as that nowhere else.
    """
    if isinstance(levels, str):
        return levels
    if version == PLAIN.version:
        return min(levels.values(), key=(MAY, SHOULD, MUST).index)
    begun = [first for first in levels if first <= (version or "draft")]
    return levels[max(begun)] if begun else SHOULD


@dataclass(frozen=True, repr=False)
class Seen:
    """One breach: where it stands, what was expected there, what was observed. Both may hold server text.

    Attributes:
        exchange: the exchange that shows it; None where the point is that nothing was sent.
        part: ``status``, ``url``, ``failure``, ``header:NAME`` or ``body:/JSON/POINTER``.
        summary: a sentence for this very breach; empty takes the rule's.
        fix: a fix for this very breach; empty takes the rule's.
        who: who must act on this very breach; None takes the rule's.
        level: how grave this very breach is, in every version or by version; None takes the rule's.
        step: the step it shows in; empty takes the rule's, or that of the exchange for a rule of any step.
        explains: rules whose breach follows from this very breach; None takes the rule's.
        cause: what is behind this very breach, finer than the rule; empty takes the rule's id.
        caused_in: the step in which the mistake was made; empty takes the one where it shows.
    """

    exchange: Exchange | None
    part: str
    expected: str
    observed: str
    summary: str = ""
    fix: str = ""
    who: Who | None = None
    level: Level | Levels | None = None
    step: str = ""
    explains: tuple[str, ...] | None = None
    cause: str = ""
    caused_in: str = ""

    def __repr__(self) -> str:
        return f"<Seen at {self.part}>"


@dataclass(frozen=True)
class Finding:
    """A breach with everything a reader needs to act on it. Text may hold secrets until a view masks it.

    Attributes:
        exchange: id of the exchange that shows it; 0 where nothing was sent.
        level: the level in the protocol version in force; MUST as well for what stopped the step.
        spec: where it is written down, in the version in force if it stands there.
        explains: rules whose findings in the same report follow from this one.
        versions: what the protocol versions ask, in words; empty where they all ask the same.
        cause: what is behind it, finer than the rule; the rule's own id where nothing finer is known.
        caused_in: the step in which the mistake was made; the one where it shows where nothing else is known.
        suspects: the causes that the evidence fits, best first; empty where the rule itself is the cause.
    """

    rule: str
    step: str
    level: Level
    who: Who
    summary: str
    expected: str
    observed: str
    exchange: int
    part: str
    fix: str
    spec: Spec
    explains: tuple[str, ...] = ()
    versions: str = ""
    cause: str = ""
    caused_in: str = ""
    suspects: tuple[Suspect, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "cause", self.cause or self.rule)
        object.__setattr__(self, "caused_in", self.caused_in or self.step)

    def __repr__(self) -> str:
        return f"<Finding {self.rule} {self.level} at {self.step}>"

    @property
    def status(self) -> Status:
        """A broken MUST fails, a broken SHOULD warns."""
        return "failed" if self.level == "MUST" else "warned"


@dataclass(frozen=True)
class Selector:
    """Where a rule's evidence comes from, and what to say when there is none."""

    pick: Callable[[Case], Iterable[Any]]
    missing: str


@dataclass(frozen=True)
class Rule:
    """A rule as declared; `check` takes the case and one piece of evidence."""

    id: str
    step: str
    level: Level | Levels
    who: Who
    summary: str
    fix: str
    spec: Spec
    over: Selector
    explains: tuple[str, ...]
    check: Callable[[Case, Any], Iterable[Seen]]


LAST_RESORT = "unexpected-answer"
"""The rule that speaks only where no other one found a broken MUST in the step."""

RULES: dict[str, Rule] = {}
"""Every rule by id, in the order of the flow."""


def rule(
    id: str,
    *,
    step: str,
    level: Level | Levels,
    who: Who,
    summary: str,
    fix: str,
    spec: Spec,
    over: Selector,
    explains: tuple[str, ...] = (),
) -> Callable[[Callable[[Case, Any], Iterable[Seen]]], Rule]:
    """Declare a rule. `explains` names rules whose breach follows from this one and folds under it.

    A rule runs on every protocol version; `level` says how grave a breach is in each: one level, or where the versions
    differ a mapping, most of them made by `since`.
    """

    def declare(check: Callable[[Case, Any], Iterable[Seen]]) -> Rule:
        if id in RULES:
            raise ValueError(f"two rules are called {id}")
        RULES[id] = Rule(id, step, level, who, summary, fix, spec, over, explains, check)
        return RULES[id]

    return declare


@dataclass(frozen=True)
class Case:
    """A trace as the rules see it: exchanges of the current runs, by step."""

    trace: Trace

    @property
    def url(self) -> str:
        """The MCP server's URL as the user typed it."""
        return self.trace.settings.get("url", "")

    @property
    def version(self) -> str:
        """The protocol version in force; empty where none is known."""
        return self.trace.settings.get("protocol", "")

    @cached_property
    def runs(self) -> Mapping[str, Run]:
        """The current run of each step that ran."""
        return {run.step: run for run in self.trace.runs}

    @cached_property
    def by_step(self) -> Mapping[str, tuple[Exchange, ...]]:
        """The exchanges of each step's current run."""
        return {step: self.trace.of(run) for step, run in self.runs.items()}

    @cached_property
    def _read(self) -> dict[Any, Any]:
        """What was read out of this case before: many rules ask for the same, and a trace may be long."""
        return {}

    def once(self, read: Callable[[Case], T]) -> T:
        """What this function reads out of the case, read once for all rules."""
        if read not in self._read:
            self._read[read] = read(self)
        found: T = self._read[read]
        return found

    def exchanges(self, *steps: str) -> tuple[Exchange, ...]:
        """The exchanges of these steps' current runs, in the order given; of all steps when none is named."""
        return self.once(_Exchanges(steps))

    def answered(self, *steps: str) -> tuple[Exchange, ...]:
        """Those exchanges that have a response."""
        return self.once(_Exchanges(steps, answered=True))

    def documents(self, step: str) -> Iterator[tuple[Exchange, Mapping[str, Any]]]:
        """Exchanges of a step answered 200 with a JSON object, with that object."""
        for exchange in self.answered(step):
            if exchange.status == 200 and exchange.document is not None:
                yield exchange, exchange.document


@dataclass(frozen=True)
class _Exchanges:
    """Reads the exchanges of some steps out of a case; equal readers are read once."""

    steps: tuple[str, ...]
    answered: bool = False

    def __call__(self, case: Case) -> tuple[Exchange, ...]:
        if self.answered:
            return tuple(exchange for exchange in case.exchanges(*self.steps) if exchange.response is not None)
        names = self.steps or tuple(case.by_step)
        return tuple(exchange for name in names for exchange in case.by_step.get(name, ()))


@dataclass(frozen=True, repr=False)
class Report(Framed):
    """What one step, or the whole flow, came to. Everything is derived from the trace when it is asked for.

    Attributes:
        trace: the trace as it stood when the report was made.
        step: the step it is about; None for the whole flow.
        route: the steps of the flow in order, so that "incomplete" can be told from "passed".
    """

    trace: Trace
    step: str | None = None
    route: tuple[str, ...] = ()
    judge: Callable[[Trace], Verdict] = field(default=lambda _: Verdict(), compare=False)

    def __repr__(self) -> str:
        return f"<Report {self.step or 'flow'}: {self.status}>"

    @cached_property
    def verdict(self) -> Verdict:
        """The rules' outcome for the whole trace."""
        return self.judge(self.trace)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """The breaches, causes first; of this step only when the report is about one."""
        return tuple(f for f in self.verdict.findings if self.step is None or f.step == self.step)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The exchanges the report is about, current runs only."""
        case = Case(self.trace)
        return case.exchanges() if self.step is None else case.exchanges(self.step)

    def status_of(self, step: str) -> StepStatus:
        """How a step went: its own run first, then what the rules found in it."""
        run = self.trace.run(step)
        if run is None:
            return "not run"
        levels = {finding.level for finding in self.verdict.findings if finding.step == step}
        if run.stopped.startswith(NOT_TESTED) and "MUST" not in levels:
            return "not tested"
        if not run.achieved:
            return "needs you" if run.stopped.startswith("waiting") else "failed"
        return "failed" if "MUST" in levels else "warned" if "SHOULD" in levels else "passed"

    @property
    def status(self) -> str:
        """``passed``, ``warned``, ``failed`` or ``incomplete`` (also for a step that waits or has not run)."""
        steps = (self.step,) if self.step else tuple(run.step for run in self.trace.runs)
        told = {step: self.status_of(step) for step in steps}
        if "failed" in told.values():
            return "failed"
        if self.step is None and not set(self.route) <= set(steps):
            return "incomplete"
        # What stands beside the flow may stay untested; without a step of the flow itself nothing has passed.
        found = {status for step, status in told.items() if self.step or step in ROUTE or status != "not tested"}
        if not found or found & {"needs you", "not run", "running", "not tested"}:
            return "incomplete"
        return "warned" if "warned" in found else "passed"

    @property
    def failing_step(self) -> str | None:
        """The first step that failed: where it showed."""
        steps = (self.step,) if self.step else tuple(run.step for run in self.trace.runs)
        return next((step for step in steps if self.status_of(step) == "failed"), None)

    @property
    def cause(self) -> Finding | None:
        """The leading finding: the first broken MUST, else the first broken SHOULD, else None.

        Where an earlier finding explains it, that one leads, even one that is only a SHOULD by itself.
        """
        ordered = sorted(self.findings, key=lambda finding: finding.level != "MUST")
        lead = ordered[0] if ordered else None
        for finding in reversed(self.findings[: self.findings.index(lead)] if lead else ()):
            if lead is not None and lead.rule in finding.explains:
                lead = finding
        return lead

    @property
    def suspects(self) -> tuple[Suspect, ...]:
        """What may stand behind the leading finding, best first; empty where the finding says it all."""
        return self.cause.suspects if self.cause else ()


@dataclass(frozen=True)
class Verdict:
    """What all rules said of a trace: the findings, causes first, and an outcome for every rule."""

    findings: tuple[Finding, ...] = ()
    outcomes: Mapping[str, Status] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a rule is *not tested*, by rule id."""
