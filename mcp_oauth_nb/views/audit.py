"""An audit as a reader sees it: the score and how it is made, then one row per check, broken ones first."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.audit import FORMULA, Audit, Check
from mcp_oauth_nb.mime import Bundle, frame_of, render
from mcp_oauth_nb.records import origin_of
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.views import frames
from mcp_oauth_nb.views.html import (
    Html,
    badge,
    bundle,
    card,
    details,
    link,
    one_line,
    quiet,
    stack,
    strong,
    table,
    tag,
    text,
    wire,
    words,
)

COLUMNS = (
    "outcome", "rule", "requirements", "step", "tried", "level", "who", "looks for", "summary",
    "expected", "observed", "fix", "reason", "exchange", "spec",
)  # fmt: skip
HEADINGS = ("outcome", "check", "what was tried", "what came of it", "evidence", "written in")
OUTCOMES = ("failed", "warned", "passed", "not tested")
LEFT = "Left registered by a probe, because the server does not say how to delete it or refused to:"
MOST = 300
"""Characters of what came of a check."""


@render.register
def _(audit: Audit) -> Bundle:
    head = words(strong(f"Audit of {_whom(audit)}:"), badge(audit.status), strong(_score(audit)))
    parts = [tag("div", head), tag("div", quiet(_counted(audit))), tag("div", quiet(FORMULA))]
    if audit.left_registered:
        parts.append(tag("div", words(text(LEFT), wire(_left(audit)))))
    for outcome in OUTCOMES:
        rows = [_row(audit, one) for one in audit.checks if one.outcome == outcome]
        if rows and outcome in ("failed", "warned"):
            parts.append(table(rows, HEADINGS))
        elif rows:
            parts.append(details(text(f"{len(rows)} {outcome}"), table(rows, HEADINGS)))
    return bundle(card(stack(*parts)), "\n".join(_lines(audit)))


@frame_of.register
def audit_frame(audit: Audit) -> object:
    """A DataFrame with one row per check."""
    return frames.frame([check_value(audit, one) for one in audit.checks], COLUMNS)


def check_value(audit: Audit, check: Check) -> dict[str, str | int]:
    """A check as plain values, every text masked."""
    found, vault = check.found, audit.trace.vault

    def told(name: str) -> str:
        return mask_text(vault, getattr(found, name)) if found else ""

    return {
        "outcome": check.outcome,
        "rule": check.rule,
        "requirements": " ".join(check.requirements),
        "step": check.step,
        "tried": check.tried,
        "level": check.level,
        "who": check.who,
        "looks for": check.says,
        "summary": told("summary"),
        "expected": told("expected"),
        "observed": told("observed"),
        "fix": told("fix"),
        "reason": mask_text(vault, check.reason),
        "exchange": check.exchange,
        "spec": str(check.spec),
    }


def _whom(audit: Audit) -> str:
    return origin_of(audit.trace.settings.get("url", ""))


def _score(audit: Audit) -> str:
    return "no score" if audit.score is None else f"{audit.score} of 100"


def _counted(audit: Audit) -> str:
    found: list[str] = [one.outcome for one in audit.checks]
    return ", ".join(f"{found.count(outcome)} {outcome}" for outcome in OUTCOMES)


def _left(audit: Audit) -> str:
    """The clients that probes have left at the authorization server, for somebody to delete there."""
    return ", ".join(mask_text(audit.trace.vault, one) for one in audit.left_registered)


def _row(audit: Audit, check: Check) -> tuple[Html, ...]:
    value = check_value(audit, check)
    named = words(wire(check.rule), quiet(f"{check.level} {value['requirements']}"))
    shown = f"#{check.exchange}" if check.exchange else ""
    return (
        badge(check.outcome), named, text(check.tried), text(_came(value), MOST), text(shown),
        link(check.spec.url, str(check.spec)),
    )  # fmt: skip


def _came(value: dict[str, str | int]) -> str:
    """The breach with who must act and the fix; or why it was not tested; nothing for what holds."""
    if value["expected"]:
        return f"{value['summary']} Observed: {value['observed']}. {value['who']}: {value['fix']}"
    return str(value["reason"])


def _lines(audit: Audit) -> Iterator[str]:
    yield f"Audit of {_whom(audit)}: {audit.status}, {_score(audit)} ({_counted(audit)})"
    for outcome in OUTCOMES:
        for check in audit.checks:
            if check.outcome == outcome:
                named = " ".join((check.level, *check.requirements))
                shown = f" #{check.exchange}" if check.exchange else ""
                came = _came(check_value(audit, check))
                told = f": {one_line(came, MOST)}" if came else ""
                yield f"  [{outcome.upper()}] {check.rule} ({named}){shown} {check.tried}, {check.spec}{told}"
    if audit.left_registered:
        yield f"{LEFT} {one_line(_left(audit), MOST)}"
    yield FORMULA
