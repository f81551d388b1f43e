"""The seven sets of scopes side by side: who asks for what, who offers it, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mcp_oauth_nb.facts.issued import COVERED, Issued, is_covered, issued, token_answers
from mcp_oauth_nb.facts.table import FLOW, Cell, Mark, Table, derived, worst
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import (
    Members,
    authorization_request,
    challenges,
    form,
    query,
    resource_document,
    sent_json,
    server_document,
    text,
    texts,
    without_token,
)
from mcp_oauth_nb.rules.rule import Case
from mcp_oauth_nb.rules.words import capped

SETS = ("challenge", "resource metadata", "server metadata", "registered", "requested", "granted", "in the token")
OFFERS = ("server metadata", "registered")
"""Sets that may list any number of scopes which nobody asks for."""
MOST_SCOPES = 40
LONGEST_SCOPE = 80


@dataclass(frozen=True)
class ScopeSets:
    """The sets, each None where nothing said it; `notes` are sentences on how a set was told."""

    sets: Mapping[str, tuple[str, ...] | None]
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self.sets[name] or ()


@derived("scopes", steps=("authorize", FLOW))
def _(case: Case) -> Table | None:
    """One row per scope, one column per set; what was asked for and not given is marked, and what is beyond it."""
    found = scope_sets(case)
    if not any(one is not None for one in found.sets.values()):
        return None
    told = [scope for name in SETS if name not in OFFERS for scope in found[name]]
    listed = list(dict.fromkeys(told))
    offered = {scope for name in OFFERS for scope in found[name]} - set(listed)
    members = {name: frozenset(found[name]) for name in SETS}
    made = tuple(_row(case, scope, found, members) for scope in listed[:MOST_SCOPES])
    notes = (*_notes(found, listed, offered), *found.notes)
    settled = found.sets["granted"] is not None  # before that, marks say no more than where a scope stands
    mark = worst(cell.mark for row in made for cell in row if settled or cell.mark != "good")
    return Table(f"Scopes: {_outcome(found, members)}", ("scope", *SETS), made, notes, mark=mark)


def scope_sets(case: Case) -> ScopeSets:
    """Every set as far as the trace has it."""
    asked = without_token(case)
    bearer = challenges(asked).bearer() if asked else None
    granted, how = _granted(case)
    token, claim = _in_token(case)
    sets = {
        "challenge": _split(bearer.get("scope") if bearer else None),
        "resource metadata": _listed(resource_document(case)),
        "server metadata": _listed(server_document(case)),
        "registered": _registered(case),
        "requested": _requested(case),
        "granted": granted,
        "in the token": token,
    }
    return ScopeSets(sets, tuple(filter(None, (how, claim))))


def _split(value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(dict.fromkeys(value.split()))


def _listed(found: tuple[Exchange, Members] | None) -> tuple[str, ...] | None:
    return texts(found[1]["scopes_supported"]) if found and "scopes_supported" in found[1] else None


def _registered(case: Case) -> tuple[str, ...] | None:
    for one in case.exchanges("register")[-1:]:
        return _split(text((one.document or {}).get("scope")) or text(sent_json(one).get("scope")))
    return None


def _requested(case: Case) -> tuple[str, ...] | None:
    asked = authorization_request(case)
    if asked is not None:
        return _split(query(asked).get("scope"))
    for one in case.exchanges("token")[-1:]:
        return _split(form(one).get("scope"))
    return None


def _granted(case: Case) -> tuple[tuple[str, ...] | None, str]:
    """What the token answer grants: what was requested, where it says nothing (RFC 6749 5.1)."""
    answers = [one for one in token_answers(case) if one.step == "token"]
    if not answers:
        return None, ""
    document = answers[-1].document or {}
    if "scope" in document:
        return _split(text(document["scope"]) or ""), ""
    return _requested(case), "The token answer names no scope, so that what was requested counts as granted."


def _in_token(case: Case) -> tuple[tuple[str, ...] | None, str]:
    tokens = [one for one in issued(case) if one.name.startswith("access token") and one.jwt]
    return next((_carried(case, one) for one in tokens if {"scope", "scp"} & one.claims.keys()), (None, ""))


def _carried(case: Case, one: Issued) -> tuple[tuple[str, ...], str]:
    claim = "scope" if "scope" in one.claims else "scp"
    value = one.claims[claim]
    kind = (
        "an array" if isinstance(value, list) else "a string" if isinstance(value, str) else "neither string nor array"
    )
    carried = texts(value) if isinstance(value, list) else _split(text(value)) or ()
    safe = tuple(COVERED if is_covered(case, scope) else scope for scope in carried[: MOST_SCOPES + 1])
    return safe, f"The access token carries them in {claim}, as {kind}."


def _row(case: Case, scope: str, found: ScopeSets, members: Mapping[str, frozenset[str]]) -> tuple[Cell, ...]:
    shown = capped(scope, LONGEST_SCOPE)
    return Cell(shown, wire=True), *(_cell(scope, name, found, members) for name in SETS)


def _cell(scope: str, name: str, found: ScopeSets, members: Mapping[str, frozenset[str]]) -> Cell:
    there, requested = scope in members[name], scope in members["requested"]
    if found.sets[name] is None:
        return Cell("")
    if name in ("granted", "in the token"):
        if requested and not there:
            wanted: Mark = "bad" if scope in members["challenge"] else "warn"
            return Cell("missing", wanted)
        if there and not requested and found.sets["requested"] is not None:
            return Cell("extra", "warn")
    if name == "requested" and not there and scope in members["challenge"]:
        return Cell("missing", "warn")
    return Cell("yes", "good") if there else Cell("–")


def _outcome(found: ScopeSets, members: Mapping[str, frozenset[str]]) -> str:
    counted = [f"{len(members[name])} {name}" for name in ("requested", "granted") if found.sets[name] is not None]
    if found.sets["granted"] is not None:
        missing = [scope for scope in found["requested"] if scope not in members["granted"]]
        extra = [scope for scope in found["granted"] if scope not in members["requested"]]
        if missing:
            counted.append(f"missing: {_some(missing)}")
        if extra and found.sets["requested"] is not None:
            counted.append(f"extra: {_some(extra)}")
        if not missing and not extra:
            counted.append("none missing")
    return ", ".join(counted) or f"{sum(one is not None for one in found.sets.values())} of {len(SETS)} sets known"


def _some(scopes: list[str]) -> str:
    more = f" and {len(scopes) - 3} more" if len(scopes) > 3 else ""
    return " ".join(capped(scope, LONGEST_SCOPE) for scope in scopes[:3]) + more


def _notes(found: ScopeSets, listed: list[str], offered: set[str]) -> Iterator[str]:
    silent = [name for name in SETS if found.sets[name] is None]
    if silent:
        yield f"Not said: {', '.join(silent)}."
    if len(listed) > MOST_SCOPES:
        yield f"{len(listed) - MOST_SCOPES} further scopes are not listed."
    if offered:
        yield f"{len(offered)} further {'scope is' if len(offered) == 1 else 'scopes are'} offered and not asked for."
