"""The redirect URI by its components: registered, sent, where the browser really came back, repeated with the code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from mcp_oauth_nb.facts.comparison import Address, address, clipped, difference, numbered
from mcp_oauth_nb.facts.table import FLOW, Cell, Mark, Table, derived, worst
from mcp_oauth_nb.protocol.wellknown import is_loopback
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import authorization_request, form, query, redirect, sent_json, text, texts
from mcp_oauth_nb.rules.rule import Case

PARTS = ("scheme", "host", "port", "path")
COLUMNS = ("where", *PARTS, "compared with what was sent", "exchange")
MOST_REGISTERED = 8


class Used(NamedTuple):
    """A redirect URI in one place."""

    where: str
    uri: str | None
    exchange: int


@derived("redirects", steps=("callback", FLOW))
def _(case: Case) -> Table | None:
    """One row per place, each component marked where it is not that of the URI which was sent."""
    asked = authorization_request(case)
    if asked is None:
        return None
    sent = query(asked).get("redirect_uri")
    used = (*_registered(case, sent), Used("sent at authorize", sent, asked.id), *_afterwards(case, sent))
    made = tuple(_row(one, sent) for one in used)
    there = sum(one.uri is not None for one in used)
    mark = worst(cell.mark for row in made for cell in row)
    return Table(f"Redirect URI: {there} places, {_outcome(made)}", COLUMNS, made, mark=mark)


def _outcome(made: Sequence[tuple[Cell, ...]]) -> str:
    """Which place differs first, and in what."""
    for row in made:
        if any(cell.mark in ("bad", "warn") for cell in row):
            parts = [name for name, cell in zip(PARTS, row[1:], strict=False) if cell.mark]
            return f"{row[0].text}: another {' and '.join(parts)}" if parts else f"{row[0].text}: {row[5].text}"
    return "all equal"


def _registered(case: Case, sent: str | None) -> Iterator[Used]:
    """What the answer to the registration says; one that fits is enough, else all of them stand here."""
    for one in case.exchanges("register")[-1:]:
        answered = texts((one.document or {}).get("redirect_uris")) if one.status in (200, 201) else ()
        uris = answered or texts(sent_json(one).get("redirect_uris"))
        where = "registered" if answered else "asked to be registered"
        fitting = [uri for uri in uris if uri == sent] or uris
        yield from (Used(where, uri, one.id) for uri in fitting[:MOST_REGISTERED])


def _afterwards(case: Case, sent: str | None) -> Iterator[Used]:
    back = redirect(case)
    if back is not None:
        yield Used("come back to", _bare(back, sent), back.id)
    for one in case.exchanges("token")[-1:]:
        members = form(one)
        if members.get("grant_type", "authorization_code") == "authorization_code":
            yield Used("repeated at token", text(members.get("redirect_uri")), one.id)


def _bare(back: Exchange, sent: str | None) -> str:
    """Where the browser came back, without the parameters of the answer: of the query only what was sent stays."""
    url, _, encoded = back.request.url.partition("#")[0].partition("?")
    own = (sent or "").partition("#")[0].partition("?")[2]
    kept = own if own and set(parse_qsl(own, True)) <= set(parse_qsl(encoded, True)) else ""
    return f"{url}?{kept}" if kept else url


def _row(one: Used, sent: str | None) -> tuple[Cell, ...]:
    where, exchange = Cell(one.where), numbered(one.exchange)
    if one.uri is None:
        return where, *(Cell("") for _ in PARTS), Cell("(absent)"), exchange
    ours, theirs = address(one.uri), address(sent) if sent is not None else None
    if ours is None:
        return where, *(Cell("") for _ in PARTS), Cell(f"no URI: {clipped(one.uri, 120)}", "bad"), exchange
    apart = difference(one.uri, sent) if sent is not None else None
    lenient = _is_other_port(one.uri, ours, theirs)
    mark: Mark = "warn" if lenient or (apart and apart.only) else "bad"
    parts = (_part(name, ours, theirs, mark) for name in PARTS)
    if one.where == "sent at authorize" or sent is None:
        said = Cell("")
    elif apart is None:
        said = Cell("equal", "good")
    else:
        allowed = "; on this machine the port may be another (RFC 8252 7.3)" if lenient else ""
        said = Cell(f"{apart}{allowed}", mark)
    return where, *parts, said, exchange


def _part(name: str, ours: Address, theirs: Address | None, mark: Mark) -> Cell:
    value, other = _component(name, ours), _component(name, theirs) if theirs else None
    return Cell(clipped(value, 200), mark if other is not None and value != other else "", wire=True)


def _component(name: str, one: Address) -> str:
    if name == "path":
        return one.path + one.query or "(empty)"
    if name == "port":
        return one.port or (f"({one.real_port})" if one.real_port else "(none)")
    return (one.scheme if name == "scheme" else one.host) or "(none)"


def _is_other_port(uri: str, ours: Address, theirs: Address | None) -> bool:
    """Whether two loopback URIs differ in their port alone, which a server must allow (RFC 8252 7.3)."""
    return theirs is not None and is_loopback(uri) and ours != theirs and ours._replace(port=theirs.port) == theirs
