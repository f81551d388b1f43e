"""How long authorization codes and refresh tokens lived: when each was issued, when redeemed, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mcp_oauth_nb.facts.comparison import numbered
from mcp_oauth_nb.facts.table import FLOW, Cell, Mark, Table, derived, worst
from mcp_oauth_nb.protocol.probes import PROBES
from mcp_oauth_nb.records import NEVER, Exchange
from mcp_oauth_nb.rules.evidence import form, oauth_error, query, text
from mcp_oauth_nb.rules.rule import Case
from mcp_oauth_nb.rules.words import capped

COLUMNS = ("what", "which", "issued", "redeemed", "after", "result", "times redeemed")
MOST = 20
NONCE_FIRST = "use_dpop_nonce"
"""Nothing is spent yet: the same request is sent again with a nonce (RFC 9449 8)."""
EXPECTED_REFUSALS = ("replay", "code_replay", "wrong_verifier", "without_verifier", *PROBES)
"""Steps that redeem what must not be accepted."""


@dataclass
class Life:
    """One code or refresh token: the exchange that brought it, and those that redeemed it."""

    what: str
    value: str = field(repr=False)
    issued: Exchange | None
    redeemed: list[Exchange] = field(default_factory=list)


@derived("lifetimes", steps=("token", FLOW))
def _(case: Case) -> Table | None:
    """One row per redemption, and one for whatever was never redeemed; of the whole trace, since codes outlive runs."""
    lives = tuple(_lives(case.trace.exchanges))
    if not lives:
        return None
    made = tuple(row for life in lives[:MOST] for row in _rows(case, life))
    notes = (f"{len(lives) - MOST} further ones are not listed.",) if len(lives) > MOST else ()
    mark = worst(row[5].mark for row in made)
    refused = "; refused" if mark == "bad" else ""
    return Table(f"Lifetimes: {_outcome(lives)}{refused}", COLUMNS, made, notes, mark=mark)


def _lives(exchanges: tuple[Exchange, ...]) -> Iterator[Life]:
    found: dict[str, Life] = {}
    for one in exchanges:
        if one.direction == "in":
            code = query(one).get("code")
            if code:
                found.setdefault(code, Life("code", code, one))
        elif one.request.method == "POST" and one.request.body:
            members = form(one) if b"grant_type=" in one.request.body else {}
            for what, member in (("code", "code"), ("refresh token", "refresh_token")):
                value = members.get(member)
                if value:
                    found.setdefault(value, Life(what, value, None)).redeemed.append(one)
            answered = text((one.document or {}).get("refresh_token")) if members and one.status == 200 else None
            if answered:
                found.setdefault(answered, Life("refresh token", answered, one))
    yield from found.values()


def _rows(case: Case, life: Life) -> Iterator[tuple[Cell, ...]]:
    which = Cell(case.trace.vault.tag(life.value, life.what.replace(" ", "_")))
    issued = numbered(life.issued.id) if life.issued else Cell("(not in this trace)")
    times = Cell(str(len(life.redeemed)))
    if not life.redeemed:
        yield Cell(life.what), which, issued, Cell(""), Cell(""), Cell("never redeemed"), times
    accepted = False
    for one in life.redeemed:
        result = _result(one, accepted=accepted)
        accepted = accepted or one.status == 200
        yield Cell(life.what), which, issued, numbered(one.id), Cell(_age(life.issued, one)), result, times


def _result(one: Exchange, *, accepted: bool) -> Cell:
    """What a redemption came to; once it was accepted, or in a probe, a refusal is what ought to come."""
    if one.response is None:
        return Cell(f"{one.failure.kind} failure" if one.failure else "no answer", "bad")
    error = oauth_error(one)
    said = f"{one.status} {capped(error, 60)}".strip()
    if error == NONCE_FIRST:
        return Cell(f"refused: {said}")
    if accepted or one.step in EXPECTED_REFUSALS:
        again = " (again)" if accepted else ""
        return Cell(f"accepted{again}", "warn") if one.status == 200 else Cell(f"refused: {said}", "good")
    mark: Mark = "good" if one.status == 200 else "bad"
    return Cell("accepted" if one.status == 200 else f"refused: {said}", mark)


def _age(issued: Exchange | None, redeemed: Exchange) -> str:
    """From the moment it was here until the request that redeemed it."""
    if issued is None or NEVER in (issued.started, redeemed.started):
        return ""
    try:
        here: datetime = issued.started + timedelta(milliseconds=issued.elapsed_ms)
        return f"{max(0.0, (redeemed.started - here).total_seconds()):.1f} s"
    except (OverflowError, TypeError, ValueError):
        return ""


def _outcome(lives: tuple[Life, ...]) -> str:
    told = []
    for what in ("code", "refresh token"):
        some = [life for life in lives if life.what == what]
        if some:
            redeemed = sum(len(life.redeemed) for life in some)
            times = "redeemed once" if redeemed == 1 else f"redeemed {redeemed} times" if redeemed else "never redeemed"
            told.append(f"{len(some)} {what}{'s' if len(some) > 1 else ''} {times}")
    first = next((life for life in lives if life.what == "code" and life.redeemed), None)
    age = _age(first.issued, first.redeemed[0]) if first else ""
    return ", ".join(told) + (f"; the code after {age}" if age else "")
