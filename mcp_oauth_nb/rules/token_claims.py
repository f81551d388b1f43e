"""What an access token says of itself, where it came from, and what the clocks of both servers said then.

Nothing is verified here: claims are read, and a signature is looked at by nobody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from mcp_oauth_nb.protocol.jwt import Jwt, read_jwt
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.records import Exchange
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


def seconds(value: object) -> float | None:
    """A time in a claim: seconds since 1970; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value) if abs(value) < 1e12 else None


def clock_of(exchange: Exchange) -> float | None:
    """What the clock of the answering server said, seconds since 1970; our own where it does not tell (no Date)."""
    date = exchange.response.header("date") if exchange.response else None
    try:
        moment = parsedate_to_datetime(date) if date else exchange.started
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None


def has_expired(case: Case, exchange: Exchange, token: str) -> float | None:
    """How many seconds ago a token had run out when it was used, by its claims or its answer; None if it had not."""
    jwt, now, source = read_jwt(token), clock_of(exchange), issued_tokens(case).get(token)
    ends = seconds(jwt.claims.get("exp")) if jwt else None
    if source is not None:
        begun, lifetime = clock_of(source[0]), seconds(source[1].get("expires_in"))
        if begun is not None and lifetime is not None and lifetime >= 0:
            ends = begun + lifetime if ends is None else min(ends, begun + lifetime)
    return now - ends if now is not None and ends is not None and now > ends else None
