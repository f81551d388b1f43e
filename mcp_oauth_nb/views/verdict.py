"""The verdict: what broke, where it was caused, who must act and how, how sure that is, and the lines that say so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.rules.cause import Sureness, sureness
from mcp_oauth_nb.rules.outside import can_be_called
from mcp_oauth_nb.rules.rule import LAST_RESORT, Finding, Report
from mcp_oauth_nb.rules.suspect import Suspect
from mcp_oauth_nb.rules.unknown import narrowed_by
from mcp_oauth_nb.steps import STEPS
from mcp_oauth_nb.views.exchange import is_open_ended, request_line, shown_of
from mcp_oauth_nb.views.finding import LONGEST_EVIDENCE
from mcp_oauth_nb.views.html import (
    Html,
    badge,
    below,
    block,
    details,
    link,
    one_line,
    quiet,
    stack,
    strong,
    table,
    tag,
    text,
    unbroken,
    wire,
    words,
)
from mcp_oauth_nb.views.quote import quote, refusal

LABELS = {"failed": "probable cause", "warned": "first warning"}
UNKNOWN = "no known cause"
SURE = {
    "certain": "certain: the captured lines allow no other cause",
    "likely": "likely: the captured lines speak for it",
    "possible": "open: several causes look like this, and the captured lines do not tell them apart",
    "unproven": "open: the captured lines show that it broke, and speak for no cause in particular",
    "unknown": "none: no rule knows this failure, and none is claimed",
}
"""How sure a verdict is, in words."""


@dataclass(frozen=True)
class Quoted:
    """The evidence in one exchange: what was asked, who sent us there, and the lines themselves; all masked."""

    asked: str
    why: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """The leading finding of a report, read for display."""

    report: Report
    finding: Finding

    @property
    def is_unknown(self) -> bool:
        """Whether no rule knows the cause."""
        return self.finding.rule == LAST_RESORT

    @property
    def label(self) -> str:
        """What to call it."""
        failed = self.report.status == "failed"
        if self.is_unknown or (failed and self.confidence == "unproven"):
            return UNKNOWN
        return LABELS["failed" if failed else self.finding.status]

    @property
    def confidence(self) -> Sureness:
        """How sure it is: ``certain``, ``likely``, ``possible`` (several fit), ``unproven`` (none), ``unknown``."""
        return sureness(self.finding, stopped=self.report.status == "failed")

    @property
    def others(self) -> Sequence[Suspect]:
        """The suspects beside the one that took the finding over."""
        return tuple(one for one in self.finding.suspects if one.cause != self.finding.cause)

    @property
    def steps(self) -> str:
        """Where it shows, and where it was caused where that is another step."""
        showed, caused = self.report.failing_step or self.finding.step, self.finding.caused_in
        return _title(showed) if showed == caused else f"shows in {_title(showed)}, caused in {_title(caused)}"

    @cached_property
    def evidence(self) -> Sequence[Quoted]:
        """The lines that speak for it, as they stood on the wire."""
        places = [(self.finding.exchange, self.finding.part)]
        for one in self.finding.suspects:
            if one.cause == self.finding.cause:
                places += [(line.exchange, line.part) for line in one.lines]
        places += [(one.exchange, one.part) for one in self._symptoms]
        parts: dict[int, list[str]] = {}
        for exchange, part in places:
            if exchange in range(1, len(self.report.trace.exchanges) + 1):
                parts.setdefault(exchange, []).append(part)
        return tuple(self._quoted(exchange, named) for exchange, named in parts.items())

    @property
    def _symptoms(self) -> tuple[Finding, ...]:
        """What stopped the flow, where that is another finding, which follows from this one."""
        stopped = {run.step for run in self.report.trace.runs if not run.achieved} - {self.finding.step}
        following = (one for one in self.report.findings if one.rule in self.finding.explains)
        return tuple(one for one in following if one.step in stopped)[:1]

    def _quoted(self, exchange: int, parts: Sequence[str]) -> Quoted:
        shown = shown_of(self.report.trace.exchanges[exchange - 1])
        sent_by = "" if is_open_ended(shown) else shown.why
        lines = (*(quote(shown, part) for part in parts), *refusal(shown))
        return Quoted(f"#{exchange} {request_line(shown)}", sent_by, tuple(dict.fromkeys(lines)))

    def rows(self) -> Iterator[tuple[str, str, bool]]:
        """Name, masked value, and whether the value comes from the wire; in the order in which one acts on them."""
        vault, finding = self.report.trace.vault, self.finding
        yield "step", self.steps, False
        if not self.is_unknown:
            yield "who must act", finding.who, False
        yield "fix", mask_text(vault, finding.fix), False
        yield "confidence", SURE[self.confidence], False
        yield "expected", mask_text(vault, finding.expected), True
        yield "observed", mask_text(vault, finding.observed), True

    @property
    def narrowing(self) -> tuple[tuple[str, str], ...]:
        """Calls that would tell more, with what they tell; only where no cause is known, or none in particular."""
        open_ended = self.confidence in ("unproven", "unknown")
        calls = narrowed_by(self.report.trace, self.finding.step) if open_ended else ()
        return tuple(pair for pair in calls if can_be_called(self.report.trace, pair[0]))


def verdict_html(made: Verdict) -> Html:
    """The verdict as a block of markup."""
    finding, vault = made.finding, made.report.trace.vault
    rows = [
        (unbroken(strong(name)), wire(value, LONGEST_EVIDENCE) if is_wire else text(value))
        for name, value, is_wire in made.rows()
    ]
    rows.append((unbroken(strong("rule")), _reference(finding)))
    if made.evidence:
        rows.append((unbroken(strong("evidence")), below(*map(_quoted_html, made.evidence))))
    head = words(badge(finding.status), strong(mask_text(vault, finding.summary)))
    further = [*_others_html(made), *_narrowing_html(made)]
    return stack(tag("div", quiet(made.label)), block(tag("div", head), table(rows), *further, status=finding.status))


def verdict_text(made: Verdict) -> str:
    """The same as plain text, one item per line."""
    return "\n".join(_lines(made))


def _lines(made: Verdict) -> Iterator[str]:
    finding, vault = made.finding, made.report.trace.vault
    yield f"  {made.label}"
    yield f"  [{finding.status.upper()}] {one_line(mask_text(vault, finding.summary))}"
    yield from (f"      {name}: {one_line(value, LONGEST_EVIDENCE)}" for name, value, _ in made.rows())
    yield f"      rule: {finding.rule} ({finding.level}), {finding.spec} {finding.spec.url}"
    for one in made.evidence:
        yield f"      evidence: {one_line(one.asked)}"
        said = (*one.lines, one.why and f"sent there by: {one.why}")
        yield from (f"        {one_line(line)}" for line in said if line)
    if made.others:
        yield f"      {_other_causes(made).lower()}"
    for other in made.others:
        yield f"        {other.confidence}: {one_line(other.summary)} ({other.who}, {_title(other.step)})"
        yield f"          tell apart: {one_line(other.apart)}" + (f"  {other.call}" if other.call else "")
    if made.narrowing:
        yield "      would tell more"
    yield from (f"        {call}  {tells}" for call, tells in made.narrowing)


def _quoted_html(one: Quoted) -> Html:
    source = f"sent there by: {one.why}" if one.why else ""
    return below(text(one.asked), *(wire(line, LONGEST_EVIDENCE) for line in one.lines), quiet(source))


def _others_html(made: Verdict) -> list[Html]:
    if not made.others:
        return []
    rows = [
        (
            unbroken(text(other.confidence)),
            text(mask_text(made.report.trace.vault, other.summary)),
            text(f"{other.who}, {_title(other.step)}"),
            below(text(other.apart), *(wire(call) for call in (other.call,) if call)),
        )
        for other in made.others
    ]
    shown = table(rows, ("how sure", "cause", "who, where", "what would tell it apart"))
    return [details(strong(_other_causes(made)), shown, unfold=made.confidence == "possible")]


def _other_causes(made: Verdict) -> str:
    """What to call the suspects below: one of them is as good as any other where none leads."""
    return "Causes that fit" if made.confidence == "possible" else "Other causes that fit"


def _narrowing_html(made: Verdict) -> list[Html]:
    rows = [(wire(call), text(tells)) for call, tells in made.narrowing]
    return [tag("div", strong("Would tell more")), table(rows)] if rows else []


def _title(step: str) -> str:
    return STEPS[step].title if step in STEPS else step


def _reference(finding: Finding) -> Html:
    return words(wire(finding.rule), quiet(finding.level), link(finding.spec.url, str(finding.spec)))
