"""What an access token says of itself, where it came from, and what the clocks of both servers said then.

Nothing is verified here: claims are read, and a signature is looked at by nobody.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mcp_oauth_nb.protocol.jwt import Jwt, read_jwt
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.records import NEVER, Exchange
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import (
    Members,
    authorization_request,
    form,
    is_at_idp,
    query,
    resource_document,
    text,
    texts,
)
from mcp_oauth_nb.rules.rule import Case

TIMES = ("iat", "nbf")
"""Claims that must not lie in the future (RFC 7519 4.1)."""
SLACK_S = 2
"""Seconds by which a Date header may lag behind: it has no fractions, and many servers renew it once a second."""


@dataclass(frozen=True, repr=False)
class Scopes:
    """The scopes of a token, with the way they are written: ``scope``, or what some servers do not read."""

    names: frozenset[str]
    shape: str

    def __repr__(self) -> str:
        return f"<Scopes in {self.shape}>"


def issued_tokens(case: Case) -> Mapping[str, Found]:
    """The answer in which each access token was issued, whichever step asked for it."""
    return case.once(_issued_tokens)


def _issued_tokens(case: Case) -> Mapping[str, Found]:
    found: dict[str, Found] = {}
    for one in case.exchanges():
        document = one.document if one.status == 200 else None
        token = text((document or {}).get("access_token"))
        if document is not None and token and not is_at_idp(one):
            found[token] = (one, document)
    return found


def jwts_issued(case: Case) -> list[tuple[Exchange, Members, Jwt]]:
    """The access tokens that were issued as JSON Web Tokens."""
    return case.once(_jwts_issued)


def _jwts_issued(case: Case) -> list[tuple[Exchange, Members, Jwt]]:
    read = ((one, document, read_jwt(token)) for token, (one, document) in issued_tokens(case).items())
    return [(one, document, jwt) for one, document, jwt in read if jwt is not None and jwt.claims]


def audiences(claims: Members) -> tuple[str, ...]:
    """Whom a token is meant for; empty where it does not say."""
    named = claims.get("aud")
    return (named,) if isinstance(named, str) else texts(named)


def is_url(value: str) -> bool:
    """Whether an audience is the URL of a resource, and no name within an authorization server."""
    return value.lower().startswith(("https://", "http://"))


def resources(case: Case, source: Exchange | None) -> tuple[str, ...]:
    """What the MCP server may be called in a token: as it was asked for, as it calls itself, as it was typed."""
    found, asked = resource_document(case), authorization_request(case)
    named = (
        form(source).get("resource") if source else None,
        query(asked).get("resource") if asked else None,
        text(found[1].get("resource")) if found else None,
        form(source).get("audience") if source else None,
        case.url if case.version != PLAIN.version else None,
    )
    return tuple(dict.fromkeys(one for one in named if one))


def scopes_in(claims: Members) -> Scopes | None:
    """The scopes that a token holds (RFC 9068 2.2.3), in any of the ways they are written; None where it holds none."""
    for name in ("scope", "scp"):
        value = claims.get(name)
        if isinstance(value, str):
            return Scopes(frozenset(value.split()), name if name == "scp" else "scope")
        if isinstance(value, list) and value:
            return Scopes(frozenset(texts(value)), f"{name} as an array")
    return None


def same_scope(one: str, other: str) -> bool:
    """Whether two names are one scope: some servers put the identifier of the resource before it in one place only."""
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")


def without(names: Iterable[str], held: Iterable[str]) -> frozenset[str]:
    """The names that are no scope of those held."""
    kept = frozenset(held)
    return frozenset(name for name in names if not any(same_scope(name, one) for one in kept))


def seconds(value: object) -> float | None:
    """A time in a claim: seconds since 1970; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value) if abs(value) < 1e12 else None


def clock_of(exchange: Exchange) -> float | None:
    """What the clock of the answering server said, seconds since 1970; our own where it does not tell (no Date)."""
    told = date_of(exchange)
    if told is not None or _says_date(exchange):
        return told
    try:
        return _aware(exchange.started).timestamp()
    except (ValueError, OverflowError):
        return None


def date_of(exchange: Exchange) -> float | None:
    """What the clock of the answering server said (Date), seconds since 1970; None where it says nothing readable."""
    date = exchange.response.header("date") if exchange.response else None
    try:
        return _aware(parsedate_to_datetime(date)).timestamp() if date else None
    except (ValueError, OverflowError, TypeError):
        return None


def _says_date(exchange: Exchange) -> bool:
    return bool(exchange.response and exchange.response.header("date"))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def has_expired(case: Case, exchange: Exchange, token: str) -> float | None:
    """How many seconds ago a token had run out when it was used, by its claims or its answer; None if it had not.

    Two moments are held against each other only where one and the same clock told both: a token that was good by the
    clock of its issuer had not run out, whatever the clock of who refused it says.
    """
    left = left_by_issuer(case, exchange, token)
    if left is not None and left > SLACK_S:
        return None
    jwt, now = read_jwt(token), _time_there(case, exchange, token)
    ends = seconds(jwt.claims.get("exp")) if jwt else None
    by_claim = now - ends if now is not None and ends is not None else None
    by_answer = _past_lifetime(case, exchange, token)
    late = max((one for one in (by_claim, by_answer) if one is not None), default=0.0)
    return late if late > 0 else None


def left_by_issuer(case: Case, exchange: Exchange, token: str) -> float | None:
    """How many seconds a token had left when it was used, by the clock of its issuer; below 0 after its end.

    None where that clock is not told (no Date with the token), or no end is.
    """
    source, jwt = issued_tokens(case).get(token), read_jwt(token)
    issued = date_of(source[0]) if source else None
    if source is None or issued is None:
        return None
    ends, past = seconds(jwt.claims.get("exp")) if jwt else None, _past_lifetime(case, exchange, token)
    by_claim = ends - issued - _between(source[0], exchange) if ends is not None else None
    told = [one for one in (by_claim, -past if past is not None else None) if one is not None]
    return min(told, default=None)


def ahead_of_issuer(case: Case, exchange: Exchange, token: str) -> float | None:
    """How many seconds the clock of who answered is ahead of that of the token's issuer; None where one is not told."""
    source, there = issued_tokens(case).get(token), date_of(exchange)
    issued = date_of(source[0]) if source else None
    if source is None or issued is None or there is None:
        return None
    return there - issued - _between(source[0], exchange)


def is_told_by_one_clock(case: Case, exchange: Exchange, token: str) -> bool:
    """Whether the moment at which a token was used is known without one clock being held against another.

    The Date of its use alone is the clock of another server than the one that issued it, or of another moment.
    """
    source = issued_tokens(case).get(token)
    if source is None:
        return date_of(exchange) is not None
    past = _past_lifetime(case, exchange, token)
    return date_of(source[0]) is not None or date_of(exchange) is None or (past is not None and past > 0)


def _time_there(case: Case, exchange: Exchange, token: str) -> float | None:
    """What a server's clock said at that moment: its Date; else that of issuing and the time since; else our clock."""
    told, source = date_of(exchange), issued_tokens(case).get(token)
    if told is not None or source is None:
        return told if told is not None else clock_of(exchange)
    jwt, issued = read_jwt(token), date_of(source[0])
    if issued is None:
        issued = seconds(jwt.claims.get("iat")) if jwt else None
    return clock_of(exchange) if issued is None else issued + _between(source[0], exchange)


def _between(first: Exchange, second: Exchange) -> float:
    """Seconds between two exchanges, by the clock of this machine; by Date only where it was not kept.

    Two Dates may be those of two servers, whose clocks differ; how long something took, any clock tells.
    """
    dates = date_of(first), date_of(second)
    if NEVER in (first.started, second.started) and dates[0] is not None and dates[1] is not None:
        return dates[1] - dates[0]
    return (_aware(second.started) - _aware(first.started)).total_seconds()


def _past_lifetime(case: Case, exchange: Exchange, token: str) -> float | None:
    """How many seconds lie behind the end of the lifetime that the token's answer gave it; below 0 before it."""
    source = issued_tokens(case).get(token)
    lifetime = seconds(source[1].get("expires_in")) if source else None
    if source is None or lifetime is None or lifetime < 0:
        return None
    return _between(source[0], exchange) - lifetime
