"""`Audit`: every check that was made of a server, with its outcome, its evidence, and a score.

Worked out of a trace when it is asked for, like a report. A check that could not be made is *not tested* with the
reason and counts neither for nor against the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mcp_oauth_nb.mime import Framed
from mcp_oauth_nb.protocol.probes import NOT_TESTED, PROBES
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange, Run, Trace
from mcp_oauth_nb.rules import judge
from mcp_oauth_nb.rules.rule import ANY, RULES, Case, Finding, Level, Rule, Status, Verdict, level_in
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.steps import STEPS

WEIGHTS: Mapping[Level, int] = {"MUST": 3, "SHOULD": 1, "MAY": 0}
CEILING = 59
"""The best score of a server that breaks a MUST."""
FORMULA = (
    f"score = 100 x weight of the checks that hold / weight of the checks that were tested; a MUST weighs "
    f"{WEIGHTS['MUST']}, a SHOULD {WEIGHTS['SHOULD']}. A broken MUST caps it at {CEILING}. What was not tested counts "
    f"for nothing, and where no MUST was tested by a probe there is no score."
)
REGISTERING = "http_redirect_registration"
"""The probe that may leave a client behind."""
OURS = ("client", "user")
"""Parties whose duties are no matter of an audit of servers, unless they are broken."""
Writer = Callable[..., str]
"""Called with the audit, the path or None, and ``scrub``; returns the text."""


@dataclass(frozen=True, repr=False)
class Check:
    """One check and its outcome. Texts may hold server text and secrets until a view masks them.

    Attributes:
        rule: the id of the rule that decides.
        requirements: the ids of the requirements it decides.
        tried: what was done for it, in words.
        reason: why it was not tested; empty where it was.
        exchange: id of the exchange that is the evidence; 0 where there is none.
        found: the breach, causes first; None where there is none.
    """

    rule: str
    requirements: tuple[str, ...]
    step: str
    tried: str
    level: Level
    who: Who
    outcome: Status
    reason: str
    exchange: int
    spec: Spec
    says: str
    found: Finding | None = None

    def __repr__(self) -> str:
        return f"<Check {self.rule}: {self.outcome}>"


@dataclass(frozen=True, repr=False)
class Audit(Framed):
    """What an audit came to. ``audit.frame`` for pandas, ``audit.junit()`` and ``audit.sarif()`` for machines.

    The score, 0 to 100: the weight of the checks that hold over the weight of those that were tested, where a MUST
    weighs 3 and a SHOULD 1, rounded down. A broken MUST caps it at 59. What was not tested counts for nothing; where
    no MUST was tested by a probe there is no score (None), because the ordinary flow alone tests no defence.

    Attributes:
        trace: the trace as it stood.
        only: the probes the audit was limited to; empty for all.
        skipped: why a step was left out, by its name.
        writers: the formats for machines, by name.
    """

    trace: Trace
    only: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    writers: Mapping[str, Writer] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        score = "no score" if self.score is None else f"score {self.score}"
        return f"<Audit {self.status}, {score}>"

    @cached_property
    def verdict(self) -> Verdict:
        """The rules' outcome for the trace."""
        return judge(self.trace)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """Every check, in the order of the flow."""
        case = Case(self.trace)
        first: dict[str, Finding] = {}
        for finding in self.verdict.findings:
            if finding.rule not in first or finding.status == self.verdict.outcomes[finding.rule]:
                first.setdefault(finding.rule, finding)
        made = (self._check(case, rule, first.get(rule.id)) for rule in RULES.values() if self._wants(rule))
        return tuple(sorted(made, key=lambda one: _ORDER.get(one.step, -1)))

    @property
    def score(self) -> int | None:
        """0 to 100 as the class says; None where no MUST was tested by a probe."""
        tested = [one for one in self.checks if one.outcome != "not tested"]
        if not self._tests_a_defence:
            return None
        weight = sum(WEIGHTS[one.level] for one in tested)
        held = sum(WEIGHTS[one.level] for one in tested if one.outcome == "passed")
        score = 100 * held // weight
        return min(score, CEILING) if self.status == "failed" else score

    @property
    def status(self) -> str:
        """``failed`` where a MUST is broken, ``incomplete`` without a score, else ``warned`` or ``passed``."""
        found = {one.outcome for one in self.checks}
        if "failed" in found:
            return "failed"
        if not self._tests_a_defence:
            return "incomplete"
        return "warned" if "warned" in found else "passed"

    def exchange(self, check: Check) -> Exchange | None:
        """The evidence of a check."""
        return self.trace.exchanges[check.exchange - 1] if check.exchange else None

    def junit(self, path: str | Path | None = None, *, scrub: bool = False) -> str:
        """The checks as JUnit XML, one test case each; with a path also written there, whole or not at all.

        Args:
            path: where to.
            scrub: put tags in the places of what would be refused.

        Raises:
            BadSetting: the file cannot be written.
            HoldsSecret: `check` would find a secret in the file; nothing was written.
        """
        return self.writers["junit"](self, path, scrub=scrub)

    def sarif(self, path: str | Path | None = None, *, scrub: bool = False) -> str:
        """The checks as SARIF 2.1.0 (JSON), one result each; with a path also written there, whole or not at all.

        Args:
            path: where to.
            scrub: put tags in the places of what would be refused.

        Raises:
            BadSetting: the file cannot be written.
            HoldsSecret: `check` would find a secret in the file; nothing was written.
        """
        return self.writers["sarif"](self, path, scrub=scrub)

    @cached_property
    def left_registered(self) -> tuple[str, ...]:
        """The ids of clients that probes have registered and that were not deleted again."""
        sent = [one for one in self.trace.exchanges if one.step == REGISTERING]
        gone = {
            one.request.url for one in sent if one.request.method == "DELETE" and (one.status or 0) in range(200, 300)
        }
        made = (one.document or {} for one in sent if one.status in (200, 201))
        kept = (one.get("client_id") for one in made if one.get("registration_client_uri") not in gone)
        return tuple(one for one in kept if isinstance(one, str) and one)

    @property
    def _tests_a_defence(self) -> bool:
        """Whether a probe has tested a MUST."""
        return any(one.outcome != "not tested" and one.step in PROBES and one.level == "MUST" for one in self.checks)

    def _wants(self, rule: Rule) -> bool:
        """Rules about servers; one about us, or about any step, only where it is broken."""
        if self.only:
            return rule.step in self.only
        return (rule.who not in OURS and rule.step != ANY) or self.verdict.outcomes[rule.id] in ("warned", "failed")

    def _check(self, case: Case, rule: Rule, found: Finding | None) -> Check:
        from mcp_oauth_nb.rules.levels import levels_of  # noqa: PLC0415 - both reach all requirements,
        from mcp_oauth_nb.rules.requirements import decided_by  # noqa: PLC0415 - which only audits need

        version = self.trace.settings.get("protocol", "")
        outcome = self.verdict.outcomes[rule.id]
        step = found.step if found else rule.step
        return Check(
            rule=rule.id,
            requirements=tuple(row.id for row in decided_by(rule.id)),
            step=step,
            tried=STEPS[step].title if step in STEPS else "Every request",
            level=found.level if found else level_in(levels_of(rule.id), version),
            who=found.who if found else rule.who,
            outcome=outcome,
            reason=self._reason(rule) if outcome == "not tested" else "",
            exchange=found.exchange if found else _evidence(case, rule, outcome),
            spec=found.spec if found else rule.spec.at(version),
            says=rule.summary,
            found=found,
        )

    def _reason(self, rule: Rule) -> str:
        """What kept the step from asking, else what the rule says that it misses."""
        run = self.trace.run(rule.step)
        if rule.step in self.skipped and run is None:
            return self.skipped[rule.step]
        if run is not None and run.stopped.startswith(NOT_TESTED):
            return run.stopped.removeprefix(f"{NOT_TESTED}: ")
        return self.verdict.reasons.get(rule.id, "")


_ORDER = {name: place for place, name in enumerate(STEPS)}


def _evidence(case: Case, rule: Rule, outcome: Status) -> int:
    """The exchange on which a rule passed."""
    if outcome == "not tested":
        return 0
    try:
        return next(_ids(rule.over.pick(case)), 0)
    except Exception:  # noqa: BLE001 - the outcome stands without it
        return 0


def _ids(pieces: Iterable[Any]) -> Any:
    for piece in pieces:
        for one in piece if isinstance(piece, tuple) else (piece,):
            if isinstance(one, Exchange):
                yield one.id
            elif isinstance(one, Run) and one.exchanges:
                yield one.exchanges[0]
