"""Who we are to the authorization server: where the client comes from, what was asked for and what it was given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcp_oauth_nb.facts.comparison import ABSENT, clipped, numbered
from mcp_oauth_nb.facts.table import FLOW, Cell, Mark, Table, derived, said, worst
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.attempts import is_same
from mcp_oauth_nb.rules.evidence import Members, authorization_request, form, query, sent_json, text
from mcp_oauth_nb.rules.rule import Case
from mcp_oauth_nb.vault import Vault

COLUMNS = ("what", "requested", "returned or used", "compared", "exchange")
MEMBERS = (
    "token_endpoint_auth_method",
    "grant_types",
    "response_types",
    "scope",
    "redirect_uris",
    "application_type",
)
DEFAULTS: Members = {
    "token_endpoint_auth_method": "client_secret_basic",
    "grant_types": ["authorization_code"],
    "response_types": ["code"],
}
"""What an absent member means (RFC 7591 2)."""
METHODS = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")


@derived("client", steps=("register", FLOW))
def _(case: Case) -> Table | None:
    """The client's metadata, requested against returned, and how it showed itself afterwards."""
    registering = next(iter(case.exchanges("register")[-1:]), None)
    asked, redeemed = authorization_request(case), next(iter(case.exchanges("token")[-1:]), None)
    if registering is None and asked is None and redeemed is None:
        return None
    answered = _answered(registering)
    used = (query(asked).get("client_id") if asked else None) or (form(redeemed).get("client_id") if redeemed else None)
    source = _source(case, registering, answered, used)
    head = (Cell("source"), Cell(""), Cell(source), Cell(""), Cell(""))
    registered = _registered(case, registering, answered) if registering is not None else ()
    made = (head, *registered, *_shown(answered, asked, redeemed))
    apart = sum(row[3].mark in ("bad", "warn") for row in made)
    told = f"; {apart} {'member differs' if apart == 1 else 'members differ'}" if apart else ""
    method = ", " + _in_words(method_of(redeemed)) if redeemed else ""
    return Table(f"Client identity: {source}{method}{told}", COLUMNS, made, mark=worst(row[3].mark for row in made))


def _answered(registering: Exchange | None) -> Members:
    """The client that the registration returned; empty where none was."""
    if registering is None or registering.status not in (200, 201):
        return {}
    document = registering.document or {}
    return document if text(document.get("client_id")) else {}


def _source(case: Case, registering: Exchange | None, answered: Members, used: str | None) -> str:
    if answered and used in (None, answered["client_id"]):
        return "registered now"
    if registering is not None and not answered:
        return "registration refused"
    if used is not None and used == case.trace.settings.get("client_id"):
        return "configured"
    if used is not None and used.startswith("https://"):
        return "client ID metadata document"
    return "not known from this trace" if used is None else "another than the one known"


def _registered(case: Case, exchange: Exchange, answered: Members) -> Iterator[tuple[Cell, ...]]:
    requested, vault = sent_json(exchange), case.trace.vault
    for member in MEMBERS:
        if member not in requested and member not in answered:
            continue
        cells = (_member(vault, member, one) for one in (requested, answered))
        compared = _compared(member, requested, answered) if answered else Cell("")
        yield Cell(member, wire=True), *cells, compared, numbered(exchange.id)
    if answered:
        secret = "client_secret" in answered
        yield (
            Cell("client_secret", wire=True),
            Cell(""),
            Cell("yes" if secret else "no"),
            Cell(""),
            numbered(exchange.id),
        )


def _member(vault: Vault, member: str, document: Members) -> Cell:
    return Cell(said(vault, member, document[member]), wire=True) if member in document else Cell(ABSENT)


def _compared(member: str, requested: Members, answered: Members) -> Cell:
    if member not in requested:
        return Cell("not asked for")
    if is_same(requested[member], answered.get(member)):
        return Cell("equal", "good")
    if member not in answered:
        default = DEFAULTS.get(member)
        if default is None or is_same(requested[member], default):
            return Cell("not repeated")
        return Cell("not repeated: the default counts", "warn")
    return Cell("differs", _gravity(member, requested[member], answered[member]))


def _gravity(member: str, requested: Any, answered: Any) -> Mark:
    """A server may change what was asked for (RFC 7591 3.2.1); without the redirect URI nothing comes back."""
    if member != "redirect_uris" or not isinstance(requested, list) or not isinstance(answered, list):
        return "warn"
    return "warn" if any(one in answered for one in requested) else "bad"


def _shown(answered: Members, asked: Exchange | None, redeemed: Exchange | None) -> Iterator[tuple[Cell, ...]]:
    """The client id wherever it was sent, and the method that was really used at the token endpoint."""
    given = text(answered.get("client_id")) or (query(asked).get("client_id") if asked else None)
    sent = [("client_id at authorize", query(asked).get("client_id"), asked.id)] if asked else []
    if redeemed:
        basic = method_of(redeemed) == "client_secret_basic"
        sent += [] if basic else [("client_id at token", form(redeemed).get("client_id"), redeemed.id)]
    for where, value, number in sent:
        compared = Cell("") if given is None else Cell("equal", "good") if value == given else Cell("differs", "bad")
        yield Cell(where), Cell(clipped(given, 160)), Cell(clipped(value, 160)), compared, numbered(number)
    if redeemed:
        wanted, used = text(answered.get("token_endpoint_auth_method")), method_of(redeemed)
        fits = Cell("") if wanted is None else Cell("as returned", "good") if wanted == used else Cell("another", "bad")
        yield Cell("method at the token endpoint"), Cell(clipped(wanted, 80)), Cell(used), fits, numbered(redeemed.id)


def _in_words(method: str) -> str:
    return "public: no secret at the token endpoint" if method == METHODS[0] else f"authenticates with {method}"


def method_of(exchange: Exchange) -> str:
    """How a client showed itself at the token endpoint, read from the request (RFC 6749 2.3)."""
    members = form(exchange)
    scheme = (exchange.request.header("authorization") or "").partition(" ")[0].lower()
    shown = [
        name
        for name, holds in zip(
            METHODS[1:],
            (scheme == "basic", "client_secret" in members, "client_assertion" in members),
            strict=True,
        )
        if holds
    ]
    return " and ".join(shown) or METHODS[0]
