"""A report: the card of one step, or the whole flow with the probable cause on top."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from mcp_oauth_nb.facts import FLOW, tables_for
from mcp_oauth_nb.mime import Bundle, render
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Trace, origin_of
from mcp_oauth_nb.redact import Shown, mask_text
from mcp_oauth_nb.rules.rule import RULES, Case, Finding, Report
from mcp_oauth_nb.steps import ROUTE, STEPS
from mcp_oauth_nb.views.exchange import outcome, request_line, short_url, shown_of, took
from mcp_oauth_nb.views.finding import finding_html, finding_line, finding_text
from mcp_oauth_nb.views.html import (
    Html,
    badge,
    below,
    block,
    bundle,
    card,
    details,
    heading,
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
from mcp_oauth_nb.views.step import Card, card_html, card_text, title_line
from mcp_oauth_nb.views.tables import ShownTable, folded_html, shown_table, table_lines
from mcp_oauth_nb.views.verdict import Verdict, verdict_html, verdict_text

URL_IN_TABLE = 64
"""Characters of a URL in the table of steps."""
WORKED_OUT = "Worked out of the exchanges"


@dataclass(frozen=True)
class Overview:
    """A report on a whole flow, read for display: each step's card with its masked exchanges, made once."""

    report: Report

    @cached_property
    def route(self) -> tuple[str, ...]:
        """The route, and behind it the steps that ran off it."""
        planned = self.report.route or ROUTE
        return (*planned, *(run.step for run in self.report.trace.runs if run.step not in planned))

    @cached_property
    def cards(self) -> tuple[tuple[Card, tuple[Shown, ...]], ...]:
        """The card of each step in order, steps that did not run included."""
        made = (step_of(self.report, step) for step in self.route)
        return tuple((one, one.shown()) for one in made)

    @cached_property
    def tables(self) -> tuple[ShownTable, ...]:
        """The tables about the whole flow, masked."""
        return tuple(shown_table(one, self.report.trace.vault) for one in tables_for(self.report.trace, FLOW))

    @property
    def total(self) -> int:
        """How many steps the route has."""
        return len(self.report.route or ROUTE)

    @property
    def further(self) -> tuple[Finding, ...]:
        """The findings other than the cause, those that follow from it last."""
        cause = self.report.cause
        others = [self._by_itself(finding) for finding in self.report.findings if finding is not cause]
        return tuple(sorted(others, key=self.follows))

    def _by_itself(self, finding: Finding) -> Finding:
        """A finding behind which the same cause stands says what broke: the card above has the words of the cause."""
        cause = self.report.cause
        is_same = cause is not None and finding.cause == cause.cause and finding.summary == cause.summary
        return replace(finding, summary=RULES[finding.rule].summary) if is_same and finding.rule in RULES else finding

    def follows(self, finding: Finding) -> bool:
        """Whether a finding is a consequence of the cause."""
        return self.report.cause is not None and finding.rule in self.report.cause.explains

    def remark(self, finding: Finding) -> str:
        """A word on how a finding stands to the cause."""
        return "follows from the probable cause" if self.follows(finding) else ""

    @property
    def headline(self) -> str:
        """The outcome in one sentence."""
        status, failing = self.report.status, self.report.failing_step
        if status == "failed" and failing is not None:
            made = step_of(self.report, failing)
            place = f"step {made.number} of {self.total} failed: " if made.number else "failed: "
            return f"{place}{made.title}{self._showed_elsewhere(failing)}"
        if status == "incomplete":
            return self._incomplete()
        warned = len(self.report.findings)
        return f"all {self.total} steps" + (f", {_counted(warned, 'warning')}" if status == "warned" else "")

    def _showed_elsewhere(self, failing: str) -> str:
        cause = self.report.cause
        if cause is None or cause.caused_in == failing:
            return ""
        return f"; the probable cause lies in {step_of(self.report, cause.caused_in).name}"

    def _incomplete(self) -> str:
        ran = [step for step in self.route if self.report.trace.run(step) is not None]
        waiting = [step for step in ran if self.report.status_of(step) == "needs you"]
        if waiting:
            made = step_of(self.report, waiting[0])
            return f"step {made.number} of {self.total}; {made.title} needs you: {made.reason}"
        to_come = [step for step in self.route if step not in ran]
        following = f"; next is {step_of(self.report, to_come[0]).name}" if to_come else ""
        return f"step {len(ran)} of {self.total}{following}"

    @property
    def reason(self) -> str:
        """Why the failing step stopped, where no rule says what is wrong."""
        failing = self.report.failing_step
        return "" if failing is None or self.report.cause else step_of(self.report, failing).reason

    @property
    def rules(self) -> str:
        """How many rules came to which outcome."""
        outcomes = list(self.report.verdict.outcomes.values())
        counts = ((status, outcomes.count(status)) for status in ("passed", "warned", "failed", "not tested"))
        told = [f"{count} {status}" for status, count in counts if count or status in ("passed", "failed")]
        return "rules: " + ", ".join(told)

    @cached_property
    def untested(self) -> tuple[tuple[str, str], ...]:
        """The rules that nothing could be held against, with the reason."""
        verdict = self.report.verdict
        names = [rule for rule, status in verdict.outcomes.items() if status == "not tested"]
        vault = self.report.trace.vault
        return tuple((rule, mask_text(vault, verdict.reasons.get(rule, ""))) for rule in names)


def step_of(report: Report, step: str, *, whole: bool = False) -> Card:
    """The card of one step of a report; without `whole` it leaves the tables on the whole flow to the report."""
    declared, trace = STEPS.get(step), report.trace
    route = report.route or ROUTE
    return Card(
        number=route.index(step) + 1 if step in route else 0,
        total=len(route),
        title=declared.title if declared else step,
        spec=declared.spec.at(trace.settings.get("protocol", "")) if declared else Spec("OAuth 2.1"),
        status=report.status_of(step),
        run=trace.run(step),
        exchanges=Case(trace).exchanges(step),
        findings=tuple(finding for finding in report.verdict.findings if finding.step == step),
        vault=trace.vault,
        tables=tables_for(trace, step, whole=whole),
    )


@render.register
def _(report: Report) -> Bundle:
    if report.step is not None:
        made = step_of(report, report.step, whole=True)
        shown = made.shown()
        return bundle(card(card_html(made, shown)), card_text(made, shown))
    overview = Overview(report)
    return bundle(_flow_html(overview), "\n".join(_flow_lines(overview)))


def tables_text(report: Report) -> str:
    """A report on one step as plain text without its exchanges: status, findings and the tables."""
    assert report.step is not None, "a whole flow has a summary"
    return card_text(step_of(report, report.step, whole=True), ())


def summary_html(report: Report) -> Html:
    """The verdict of the whole flow without the steps' cards, for a page on which the steps stand anyway."""
    overview = Overview(report)
    return card(_headline_html(overview), *_further_html(overview), *_rules_html(overview))


def summary_text(report: Report) -> str:
    """The same as plain text."""
    overview = Overview(report)
    vault = report.trace.vault
    # Without the steps' cards nothing else tells the whole of a further finding.
    further = [finding_text(finding, vault, overview.remark(finding)) for finding in overview.further]
    head = ["further findings"] if further else []
    return "\n".join((*_headline_lines(overview), *head, *further, *_rules_lines(overview)))


def headline_text(report: Report) -> str:
    """The verdict alone, as plain text."""
    return "\n".join(_headline_lines(Overview(report)))


@render.register
def _(trace: Trace) -> Bundle:
    shown = tuple(map(shown_of, trace.exchanges))
    title = f"{_counted(len(shown), 'exchange')}, {_counted(len(trace.runs), 'step')}"
    rows = [
        (text(str(one.id)), text(one.step), _asked(one), text(short_url(outcome(one))), unbroken(text(took(one))))
        for one in shown
    ]
    listed = (
        table(rows, ("#", "step", "request", "outcome", "took"), wires=(2,)) if rows else quiet("nothing was sent yet")
    )
    lines = [f"  #{one.id} {one.step}: {request_line(one)}" for one in shown] or ["  nothing was sent yet"]
    return bundle(card(tag("div", strong(title)), listed), "\n".join([title, *lines]))


def _flow_html(overview: Overview) -> Html:
    return card(
        _headline_html(overview),
        *_further_html(overview),
        *_tables_html(overview),
        steps_html(overview.cards),
        *(card_html(made, shown, unfold=False) for made, shown in overview.cards if made.run is not None),
        *_rules_html(overview),
    )


def _tables_html(overview: Overview) -> list[Html]:
    """What is worked out of all exchanges, one line each until it is unfolded."""
    if not overview.tables:
        return []
    return [heading(WORKED_OUT), *map(folded_html, overview.tables)]


def _headline_html(overview: Overview) -> Html:
    report = overview.report
    first = tag("div", words(badge(report.status), strong(overview.headline)))
    reason = [block(text(overview.reason), status=report.status)] if overview.reason else []
    cause = [_cause_html(report.cause, overview)] if report.cause else []
    return stack(first, *reason, *cause)


def _cause_html(cause: Finding, overview: Overview) -> Html:
    return verdict_html(Verdict(overview.report, cause))


def steps_html(cards: Sequence[tuple[Card, tuple[Shown, ...]]]) -> Html:
    """The steps below each other: how each went, and what went over the wire for it."""
    rows = [
        (text(made.name), badge(made.status), _sent(shown), unbroken(text(_total_ms(shown)))) for made, shown in cards
    ]
    return table(rows, ("step", "status", "exchanges", "took"), wires=(2,))


def _sent(shown: Sequence[Shown]) -> Html:
    return below(*(words(_asked(one), text("→"), unbroken(strong(_short_outcome(one)))) for one in shown))


def _asked(shown: Shown) -> Html:
    """Method and path: the host is the same for most, and stands in full where the exchange is unfolded."""
    path, question, _ = shown.request.url.removeprefix(origin_of(shown.request.url)).partition("?")
    return text(f"{shown.request.method} {short_url(path or '/', URL_IN_TABLE)}{question and '?…'}")


def _short_outcome(shown: Shown) -> str:
    return str(shown.status or (f"{shown.failure.kind} failure" if shown.failure else outcome(shown)))


def _total_ms(shown: Sequence[Shown]) -> str:
    waited = [one.elapsed_ms for one in shown if took(one)]
    return f"{sum(waited):.0f} ms" if waited else ""


def _further_html(overview: Overview) -> list[Html]:
    if not overview.further:
        return []
    vault = overview.report.trace.vault
    blocks = [finding_html(finding, vault, overview.remark(finding)) for finding in overview.further]
    return [details(strong(_counted(len(blocks), "further finding")), *blocks)]


def _rules_html(overview: Overview) -> list[Html]:
    if not overview.report.verdict.outcomes:
        return []
    if not overview.untested:
        return [tag("div", quiet(overview.rules))]
    rows = [(wire(rule), text(reason)) for rule, reason in overview.untested]
    return [details(quiet(overview.rules), table(rows, ("rule not tested", "because")))]


def _headline_lines(overview: Overview) -> Iterator[str]:
    report = overview.report
    yield f"[{report.status.upper()}] {one_line(overview.headline)}"
    if overview.reason:
        yield f"  reason: {one_line(overview.reason)}"
    if report.cause:
        yield verdict_text(Verdict(report, report.cause))


def _flow_lines(overview: Overview) -> Iterator[str]:
    yield from _headline_lines(overview)
    yield from _further_lines(overview)
    if overview.tables:
        yield WORKED_OUT.lower()
    for one in overview.tables:
        yield from (f"  {line}" for line in table_lines(one))
    yield "steps"
    for made, shown in overview.cards:
        yield f"  {title_line(made, shown)}"
    for made, shown in overview.cards:
        if made.run is not None:
            yield ""
            yield card_text(made, shown)
    yield from _rules_lines(overview)


def _further_lines(overview: Overview) -> Iterator[str]:
    vault = overview.report.trace.vault
    if overview.further:
        yield "further findings"
    for finding in overview.further:
        yield f"  {finding_line(finding, vault, overview.remark(finding))}"


def _rules_lines(overview: Overview) -> Iterator[str]:
    if overview.report.verdict.outcomes:
        yield ""
        yield overview.rules
        yield from (f"  not tested: {rule}: {one_line(reason)}" for rule, reason in overview.untested)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
