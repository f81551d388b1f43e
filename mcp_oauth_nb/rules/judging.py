"""Rules judge: `judge` runs every rule over a trace, `diagnose` makes a report of it.

Every rule sees every trace. What they find is put in the order of the flow and then folded: a breach that follows from
another one stands behind it, so that the first line of a report is a cause and not a symptom.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mcp_oauth_nb.protocol.grants import ROUTE
from mcp_oauth_nb.protocol.probes import CLIENT_DOCUMENT, PROBES
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import (
    access_token,
    afterwards,
    api,
    authorization,
    authorization_aim,
    authorization_request,
    authorization_response,
    bearing,
    challenge,
    challenge_parameters,
    client_document,
    conversation,
    device,
    discovering_client,
    discovery,
    dpop,
    elicitation,
    enterprise,
    extensions,
    general,
    id_token,
    inspection,
    issuer,
    locations,
    management,
    mcp_answers,
    old_grants,
    refresh,
    refusals,
    registering_client,
    registration,
    registration_answer,
    renewal,
    resource,
    resource_members,
    revocation,
    server_discovery,
    server_members,
    server_metadata,
    session,
    step_up,
    token_answer,
    token_client,
    token_form,
    token_request,
    tokens,
    transport,
)
from mcp_oauth_nb.rules.cause import accused
from mcp_oauth_nb.rules.causes import AREAS
from mcp_oauth_nb.rules.levels import levels_of
from mcp_oauth_nb.rules.outside import NO_MCP, held_by, is_outside, told_outside
from mcp_oauth_nb.rules.probes import bearer as probes_bearer
from mcp_oauth_nb.rules.probes import documents as probes_documents
from mcp_oauth_nb.rules.probes import server as probes_server
from mcp_oauth_nb.rules.probes import transport as probes_transport
from mcp_oauth_nb.rules.rule import (
    ANY,
    LAST_RESORT,
    RULES,
    Case,
    Finding,
    Level,
    Levels,
    Rule,
    Seen,
    Status,
    Verdict,
    level_in,
)
from mcp_oauth_nb.rules.unknown import UNTOLD, is_untelling
from mcp_oauth_nb.rules.words import capped

__all__ = ["AREAS", "MODULES", "STEP_ORDER", "judge"]

MODULES = (
    transport,
    challenge,
    challenge_parameters,
    discovery,
    resource_members,
    discovering_client,
    general,
    server_discovery,
    server_metadata,
    server_members,
    registering_client,
    registration,
    registration_answer,
    client_document,
    authorization,
    issuer,
    authorization_request,
    authorization_aim,
    authorization_response,
    old_grants,
    device,
    tokens,
    token_request,
    token_form,
    token_client,
    token_answer,
    id_token,
    access_token,
    bearing,
    api,
    extensions,
    enterprise,
    dpop,
    step_up,
    resource,
    conversation,
    elicitation,
    session,
    mcp_answers,
    inspection,
    refresh,
    renewal,
    revocation,
    afterwards,
    locations,
    probes_documents,
    probes_bearer,
    probes_transport,
    probes_server,
    management,
    refusals,
)
"""Where the rules stand, in the order in which breaches of the same step and level are told."""

_REGISTERED = ROUTE.index("register") + 1
STEP_ORDER = (
    *ROUTE[:_REGISTERED],
    CLIENT_DOCUMENT,
    *ROUTE[_REGISTERED : ROUTE.index("token")],
    "device",
    *ROUTE[ROUTE.index("token") :],
    "api",
    "call",
    "introspect",
    "userinfo",
    "refresh",
    "replay",
    "revoke",
    "revoked",
    "registration",
    "unregister",
    *(probe for probe in PROBES if probe != CLIENT_DOCUMENT),
)
"""Every step, in the order in which findings are told; what is wrong with a document comes before what it led to."""

REPEATS = {"call": "mcp", "refresh": "token"}
"""Steps that do again what another one does: its rules hold there too, and a breach stands where it showed."""


def judge(trace: Trace) -> Verdict:
    """Run every rule over a trace. Never raises: a rule that fails is *not tested*, and says so."""
    case = Case(trace)
    found: list[Finding] = []
    outcomes: dict[str, Status] = {}
    reasons: dict[str, str] = {}
    for rule in _in_order():
        breaches, reason = _examine(rule, case)
        found += breaches
        if reason:
            outcomes[rule.id], reasons[rule.id] = "not tested", reason
        else:
            outcomes[rule.id] = "passed"
    stopping = [accused(case, one) for one in _what_stopped_the_flow(case, found)]
    if is_outside(case):
        stopping = [told_outside(one) for one in stopping]
    untold = _untold(case, stopping)
    kept = _without_last_resort([one for one in stopping if one not in untold])
    for one in untold:
        outcomes[one.rule], reasons[one.rule] = "not tested", UNTOLD
    for finding in kept:
        if outcomes[finding.rule] != "failed":
            outcomes[finding.rule] = finding.status
    return Verdict(_causes_first(kept), outcomes, reasons)


def _in_order() -> list[Rule]:
    """The rules in the order of the flow; within a step as they are declared, module after module."""
    places = {module.__name__: place for place, module in enumerate(MODULES)}
    return sorted(RULES.values(), key=lambda rule: (_place(rule.step), places.get(rule.check.__module__, len(places))))


def _place(step: str) -> int:
    return STEP_ORDER.index(step) if step in STEP_ORDER else -1 if step == ANY else len(STEP_ORDER)


def _examine(rule: Rule, case: Case) -> tuple[list[Finding], str]:
    """The breaches of one rule, or the reason why it could not be tested."""
    outside = is_outside(case)
    if outside and held_by(rule) is None:
        return [], NO_MCP
    try:
        evidence = list(rule.over.pick(case))
        breaches = [_finding(rule, seen, case.version) for piece in evidence for seen in rule.check(case, piece)]
    except Exception as error:  # noqa: BLE001 - a rule must not take the diagnosis down, whatever a server sent
        return [], f"the rule could not read this trace ({type(error).__name__})"
    return _distinct(one for one in breaches if one.level != "MAY"), "" if evidence else rule.over.missing


def _finding(rule: Rule, seen: Seen, version: str) -> Finding:
    held = held_by(rule) if version == PLAIN.version else None
    level, spec = held or (levels_of(rule.id), rule.spec.at(version))
    levels = level if seen.level is None else seen.level
    return Finding(
        rule=rule.id,
        step=seen.step or _step_of(rule, seen),
        level=level_in(levels, version),
        who=seen.who or rule.who,
        summary=capped(seen.summary or rule.summary, 500),
        expected=capped(seen.expected),
        observed=capped(seen.observed),
        exchange=seen.exchange.id if seen.exchange else 0,
        part=seen.part,
        fix=capped(seen.fix or rule.fix, 500),
        spec=spec,
        explains=rule.explains if seen.explains is None else seen.explains,
        cause=seen.cause,
        caused_in=seen.caused_in,
        versions=_told(levels, version),
    )


def _told(levels: Level | Levels, version: str) -> str:
    """What the versions ask, in words: ``SHOULD in 2025-06-18; from 2025-11-25 on MUST``."""
    if isinstance(levels, str):
        return ""
    known = [f"from {first} on {level}" for first, level in levels.items()]
    return "; ".join([f"{level_in(levels, version)} in {version}", *known] if version else known)


def _what_stopped_the_flow(case: Case, found: Sequence[Finding]) -> list[Finding]:
    """A step that failed has failed for a reason, also where the version in force only advises what was breached."""
    failed = {run.step for run in case.runs.values() if not run.achieved and not run.stopped.startswith("waiting")}
    explained = {one.step for one in found if one.level == "MUST" and one.rule != LAST_RESORT}
    return [replace(one, level="MUST") if one.versions and one.step in failed - explained else one for one in found]


def _step_of(rule: Rule, seen: Seen) -> str:
    shown_in = seen.exchange.step if seen.exchange else rule.step
    return shown_in if rule.step in (ANY, REPEATS.get(shown_in)) else rule.step


def _distinct(breaches: Iterable[Finding]) -> list[Finding]:
    """The same thing seen in several exchanges of a step is one finding: the first."""
    first: dict[tuple[str, ...], Finding] = {}
    for one in breaches:
        first.setdefault((one.step, one.part, one.expected, one.observed, one.summary), one)
    return list(first.values())


def _untold(case: Case, found: Sequence[Finding]) -> list[Finding]:
    """Breaches that rest on an answer which tells nobody what went wrong, where the last resort says just that."""
    last = {one.step for one in found if one.rule == LAST_RESORT}
    known = case.trace.exchanges
    return [
        one
        for one in found
        if one.step in last and one.rule != LAST_RESORT and one.exchange and is_untelling(one, known[one.exchange - 1])
    ]


def _without_last_resort(found: Sequence[Finding]) -> list[Finding]:
    explained = {one.step for one in found if one.level == "MUST" and one.rule != LAST_RESORT}
    return [one for one in found if one.rule != LAST_RESORT or one.step not in explained]


def _causes_first(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """By step, then level; each breach that another one explains stands behind it. `explains` keeps what was found."""
    ordered = sorted(found, key=lambda one: (_place(one.step), one.level != "MUST"))
    last = {one.rule: _place(one.step) for one in ordered}
    linked = [replace(one, explains=_consequences(one, last)) for one in ordered]
    explained = {rule for one in linked for rule in one.explains}
    by_rule: dict[str, list[Finding]] = {}
    for one in linked:
        by_rule.setdefault(one.rule, []).append(one)
    result: list[Finding] = []
    placed: set[int] = set()

    def place(one: Finding) -> None:
        if id(one) in placed:
            return
        placed.add(id(one))
        result.append(one)
        for other in (other for rule in one.explains for other in by_rule[rule]):
            if _place(other.step) >= _place(one.step):
                place(other)

    for one in [*(one for one in linked if one.rule not in explained), *linked]:
        place(one)
    return tuple(result)


def _consequences(cause: Finding, last: Mapping[str, int]) -> tuple[str, ...]:
    """Which of the rules that a breach explains were broken too, in its step or later."""
    place = _place(cause.step)
    return tuple(rule for rule in cause.explains if last.get(rule, -2) >= place and rule != cause.rule)
