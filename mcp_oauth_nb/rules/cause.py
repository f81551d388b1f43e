"""Causes: what may stand behind a finding that several mistakes would look like.

A rule tells what broke. Where one look of the wire has several possible causes (a token endpoint refuses, a server
answers 401 to a good token), each of them is declared here as a *suspect* of that rule: a small pure function that says
how well the captured evidence fits it, and quotes the lines that speak for it. The suspects of a finding are ranked;
each names what would tell it apart from the others and the one call that would. A suspect that is the only likely one
takes the finding over: its words, its party, its fix, and the step in which the mistake was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.outside import is_outside, is_possible
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import RANKS, Confidence, Line, Suspect, Who


@dataclass(frozen=True, repr=False)
class Fit:
    """How well the evidence fits a suspect, and the lines that speak for it."""

    confidence: Confidence
    lines: tuple[Line, ...] = ()
    fix: str = ""
    """A fix for this very case; empty takes that of the suspect."""

    def __repr__(self) -> str:
        return f"<Fit {self.confidence}>"


@dataclass(frozen=True)
class Declared:
    """A suspect as declared; `weigh` takes the case and a finding of one of the rules in `of`."""

    id: str
    of: tuple[str, ...]
    step: str
    who: Who
    summary: str
    fix: str
    spec: Spec
    apart: str
    call: str
    weigh: Callable[[Case, Finding], Iterable[Fit]]


SYMPTOMS = frozenset(
    (
        "authorization-error",
        "authorization-page",
        "insufficient-scope",
        "mcp-error",
        "redirect-not-received",
        "refresh-refused",
        "registration-refused",
        "resource-metadata-missing",
        "revocation-refused",
        "server-metadata-missing",
        "token-refused",
        "token-rejected",
        "unauthenticated-status",
        "unreachable",
    )
)
"""Rules whose breach proves no cause by itself: that something was refused, missing or silent has many reasons."""

SUSPECTS: dict[str, Declared] = {}
"""Every suspect by its id."""


def suspect(
    id: str,
    *,
    of: str | tuple[str, ...],
    step: str,
    who: Who,
    summary: str,
    fix: str,
    spec: Spec,
    apart: str,
    call: str = "",
) -> Callable[[Callable[[Case, Finding], Iterable[Fit]]], Declared]:
    """Declare a suspect of one rule or several. It yields one `Fit`, or none where the evidence speaks against it.

    An empty `step` says that the mistake was made in the step in which it shows.
    """

    def declare(weigh: Callable[[Case, Finding], Iterable[Fit]]) -> Declared:
        if id in SUSPECTS:
            raise ValueError(f"two suspects are called {id}")
        rules = (of,) if isinstance(of, str) else of
        SUSPECTS[id] = Declared(id, rules, step, who, summary, fix, spec, apart, call, weigh)
        return SUSPECTS[id]

    return declare


def line(exchange: Exchange, part: str, quote: str) -> Line:
    """A line of evidence of an exchange."""
    return Line(exchange.id, part, quote)


def accused(case: Case, finding: Finding) -> Finding:
    """The finding with its suspects, best first; taken over by the first where no other is as good and it is likely."""
    ranked = ranking(case, finding)
    if not ranked:
        return finding
    finding = replace(finding, suspects=ranked)
    best = ranked[0]
    alone = len(ranked) == 1 or ranked[1].confidence != best.confidence
    if not alone or best.confidence == "possible":
        return finding
    return replace(
        finding, cause=best.cause, caused_in=best.step, who=best.who, summary=best.summary, fix=best.fix, spec=best.spec
    )


def ranking(case: Case, finding: Finding) -> tuple[Suspect, ...]:
    """The suspects of a finding that its evidence fits, best first; of equals, the one declared first."""
    outside = is_outside(case)
    fitting = [
        made
        for declared in SUSPECTS.values()
        if finding.rule in declared.of and (not outside or is_possible(declared.step, declared.spec))
        for made in _weighed(declared, case, finding)
    ]
    return tuple(sorted(fitting, key=lambda one: RANKS.index(one.confidence)))


def is_symptom(rule: str) -> bool:
    """Whether a breach of this rule proves no cause by itself."""
    return rule in SYMPTOMS


def _weighed(declared: Declared, case: Case, finding: Finding) -> Sequence[Suspect]:
    try:
        fits = list(declared.weigh(case, finding))
    except Exception:  # noqa: BLE001 - a suspect must not take the diagnosis down, whatever a server sent
        return ()
    return [
        Suspect(
            declared.id,
            declared.summary,
            declared.step or finding.step,
            declared.who,
            fit.fix or declared.fix,
            declared.spec,
            fit.confidence,
            fit.lines,
            declared.apart,
            declared.call,
        )
        for fit in fits[:1]
    ]
