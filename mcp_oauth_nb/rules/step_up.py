"""Rules for too little scope: how a server has to say so, and what a client makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import challenges, sent_token, uses_code
from mcp_oauth_nb.rules.resource import WITH_TOKEN
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.timeline import (
    Operation,
    asked_scopes,
    challenged_scope,
    granted,
    granted_scopes,
    is_authorization,
    is_refresh,
    operation,
    timeline,
)
from mcp_oauth_nb.rules.words import MCP_SERVER, came, quoted

HANDLING = Spec("MCP 2025-11-25", "Scope Challenge Handling")
STEP_UP = Spec("MCP 2025-11-25", "Step-Up Authorization Flow")
WITHOUT_STEP_UP = ("2025-03-26", "2025-06-18")
MOST_ROUNDS = 3


def refused_for_scope(case: Case) -> list[tuple[Exchange, frozenset[str]]]:
    """MCP requests that were refused for their scope, each with the challenged scopes."""
    return [(one, scope) for one in timeline(case) if (scope := challenged_scope(one)) is not None]


def _challenged(case: Case) -> list[tuple[Exchange, frozenset[str]]]:
    return [] if case.version in WITHOUT_STEP_UP else refused_for_scope(case)


def listed(scopes: frozenset[str]) -> str:
    """Scopes as a server would write them."""
    return quoted(" ".join(sorted(scopes)), 120)


@rule(
    "scope-challenge-incomplete",
    step=ANY,
    level=SHOULD,
    who=MCP_SERVER,
    summary="The refusal for too little scope leaves out what a client needs to ask for more.",
    fix="Put scope with all that the operation needs, and resource_metadata, into the challenge of the 403.",
    spec=HANDLING,
    over=Selector(_challenged, "no request was refused for its scope in a version that tells how to"),
)
def _(case: Case, found: tuple[Exchange, frozenset[str]]) -> Iterator[Seen]:
    exchange, scope = found
    bearer = challenges(exchange).bearer()
    missing = [name for name in ("scope", "resource_metadata") if not (bearer and bearer.get(name))]
    if missing:
        explains = () if scope else ("insufficient-scope",)
        yield Seen(
            exchange,
            "header:WWW-Authenticate",
            "scope and resource_metadata",
            f"no {' and no '.join(missing)}",
            explains=explains,
        )


@rule(
    "refusal-status-swapped",
    step=ANY,
    level=MUST,
    who=MCP_SERVER,
    summary="The status of the refusal says something else than its error.",
    fix="Answer 401 for a missing or bad token, and 403 for a good one that may not do this.",
    spec=Spec("MCP 2025-11-25", "Error Handling"),
    over=WITH_TOKEN,
    explains=("token-rejected", "insufficient-scope"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    bearer = challenges(exchange).bearer()
    error = bearer.get("error") if bearer else None
    wanted = {(401, "insufficient_scope"): 403, (403, "invalid_token"): 401}.get((exchange.status or 0, error or ""))
    if wanted is not None:
        told = {401: "the token is bad", 403: "the token may do too little"}[wanted]
        summary = f"The challenge says that {told}, but the status is {exchange.status}."
        yield Seen(exchange, "status", str(wanted), f"{came(exchange)}, error={quoted(error or '')}", summary)


class Again(NamedTuple):
    """A refusal for scope, when the token has been given scopes by then."""

    exchange: Exchange
    operation: Operation
    challenged: frozenset[str]
    granted: frozenset[str]
    earlier: tuple[frozenset[str], ...]
    """What was challenged before for the same operation."""


def _again(case: Case) -> list[Again]:
    if case.version in WITHOUT_STEP_UP:
        return []
    scopes = {granted(one, "access_token"): scope for one, scope in granted_scopes(case)}
    before: dict[Operation, tuple[frozenset[str], ...]] = {}
    found = []
    for one, challenged in refused_for_scope(case):
        asked, held = operation(one), scopes.get(sent_token(one))
        if asked is None or held is None:
            continue
        found.append(Again(one, asked, challenged, held, before.get(asked, ())))
        before[asked] = (*before.get(asked, ()), challenged)
    return found


@rule(
    "scope-challenged-again",
    step=ANY,
    level=SHOULD,
    who=MCP_SERVER,
    summary="The MCP server asks for scope that the token already has.",
    fix="Name every scope that the operation needs in one challenge, and accept a token that has them.",
    spec=HANDLING,
    over=Selector(_again, "no request was refused for its scope with a token whose scopes are known"),
    explains=("insufficient-scope",),
)
def _(case: Case, again: Again) -> Iterator[Seen]:
    wanted = f"a result, or a scope beyond {listed(again.granted)}"
    if again.challenged and again.challenged <= again.granted:
        seen = f"403 asking for {listed(again.challenged)}"
        yield Seen(again.exchange, "header:WWW-Authenticate", wanted, seen)
    elif any(one and one <= again.granted for one in again.earlier):
        summary = f"The MCP server asks for yet more scope for {again.operation}, after what it asked for was granted."
        seen = f"403 asking for {listed(again.challenged)}"
        yield Seen(again.exchange, "header:WWW-Authenticate", "everything in one challenge", seen, summary)


class StepUp(NamedTuple):
    """An authorization request that answers a refusal for scope."""

    exchange: Exchange
    refusal: Exchange
    challenged: frozenset[str]
    earlier: frozenset[str]
    """What was asked for before."""


def _step_ups(case: Case) -> list[StepUp]:
    found: list[StepUp] = []
    earlier: frozenset[str] = frozenset()
    open_refusal: tuple[Exchange, frozenset[str]] | None = None
    for one in timeline(case):
        scope = challenged_scope(one)
        if scope is not None:
            open_refusal = (one, scope)
        elif is_authorization(one):
            if open_refusal is not None:
                found.append(StepUp(one, *open_refusal, earlier))
            earlier, open_refusal = earlier | asked_scopes(one), None
    return found


STEP_UPS = Selector(_step_ups, "no authorization was asked for after a refusal for scope")


@rule(
    "step-up-scope-dropped",
    step=ANY,
    level=SHOULD,
    who="client",
    summary="The client asks for the challenged scope but drops what it had asked for before.",
    fix="Ask for the scopes of the challenge together with all that were asked for before.",
    spec=STEP_UP,
    over=STEP_UPS,
)
def _(case: Case, made: StepUp) -> Iterator[Seen]:
    asked = asked_scopes(made.exchange)
    profile = PROFILES.get(case.version)
    leaves_it_to_the_server = profile is not None and not profile.adds_earlier_scopes
    kept = frozenset() if leaves_it_to_the_server else made.earlier
    who = sender(made.exchange, "scope")
    if missing := made.challenged - asked:
        summary = f"The client authorizes again without the scope that exchange {made.refusal.id} asked for."
        seen = f"no {listed(missing)}"
        yield Seen(made.exchange, "url", listed(made.challenged), seen, summary, who=who)
    elif missing := kept - asked:
        yield Seen(made.exchange, "url", listed(made.challenged | kept), f"no {listed(missing)}", who=who)


def _rounds(case: Case) -> list[tuple[Operation, tuple[StepUp, ...]]]:
    """The step-ups for each operation."""
    by_operation: dict[Operation, tuple[StepUp, ...]] = {}
    for made in _step_ups(case):
        asked = operation(made.refusal)
        if asked is not None:
            by_operation[asked] = (*by_operation.get(asked, ()), made)
    return list(by_operation.items())


@rule(
    "step-up-endless",
    step=ANY,
    level=MUST,
    who="client",
    summary="The client authorizes again and again for one operation.",
    fix="Count the tries for each operation, give up after a few, and never ask for the same scopes twice.",
    spec=STEP_UP,
    over=Selector(_rounds, "no authorization was asked for after a refusal for scope"),
)
def _(case: Case, found: tuple[Operation, tuple[StepUp, ...]]) -> Iterator[Seen]:
    asked, made = found
    if len(made) > MOST_ROUNDS:
        seen = f"{len(made)} authorizations for {asked}"
        yield Seen(made[MOST_ROUNDS].exchange, "url", f"at most {MOST_ROUNDS} tries", seen)
        return
    seen_before: set[frozenset[str]] = set()
    for one in made:
        scopes = asked_scopes(one.exchange)
        if scopes in seen_before:
            summary = f"The client asks for the same scopes again for {asked}, which cannot end."
            yield Seen(one.exchange, "url", "other scopes, or giving up", f"{listed(scopes)} again", summary)
            return
        seen_before.add(scopes)


class Retried(NamedTuple):
    """A refusal for scope, and the same operation tried again without any new authorization."""

    refusal: Exchange
    again: Exchange | None
    refresh: Exchange | None


def _without_step_up(case: Case) -> list[Retried]:
    """What became of each refusal for scope; `again` is None where it was not tried again, or only after a step-up."""
    if case.version in WITHOUT_STEP_UP or not uses_code(case):
        return []
    found: list[Retried] = []
    waiting: dict[Operation, Retried] = {}
    for one in timeline(case):
        if one.step == "call":
            continue  # a single request of the user's choice: seeing the refusal is what it is for
        asked = operation(one)
        if challenged_scope(one) and asked is not None:
            earlier = waiting.get(asked)
            found.append(earlier._replace(again=one) if earlier else Retried(one, None, None))
            waiting[asked] = Retried(one, None, None)
        elif is_refresh(one):
            waiting = {asked: refused._replace(refresh=one) for asked, refused in waiting.items()}
        elif is_authorization(one):
            waiting = {}
    return found


@rule(
    "step-up-not-tried",
    step=ANY,
    level=SHOULD,
    who="client",
    summary="The client does not ask for the missing scope, but sends the refused request again.",
    fix="Authorize again with the scopes of the challenge, or tell the user which scope is missing.",
    spec=STEP_UP,
    over=Selector(_without_step_up, "no request was refused for its scope, naming it"),
)
def _(case: Case, retried: Retried) -> Iterator[Seen]:
    if retried.again is None:
        return
    wanted = f"an authorization request with the scope that exchange {retried.refusal.id} asks for"
    if retried.refresh is not None:
        yield Seen(
            retried.refresh,
            "body:/grant_type",
            wanted,
            "a refresh, and the same refusal after it",
            "The client answers a refusal for scope with a refresh, which cannot add any scope.",
            "Start a new authorization with the scopes of the challenge and those granted so far.",
            cause="step-up-by-refresh",
        )
    else:
        yield Seen(retried.again, "status", wanted, "the same request again, with the same refusal")
