"""Rules for what an access token says of itself, held against who issued it and what for (RFC 9068)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from mcp_oauth_nb.protocol.jwt import Jwt
from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import Members, sent_token, server_document, text
from mcp_oauth_nb.rules.named_checks import Check, may_be_for
from mcp_oauth_nb.rules.outside import is_outside
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.token_claims import (
    TIMES,
    audiences,
    clock_of,
    date_of,
    is_url,
    jwts_issued,
    resources,
    scopes_in,
    seconds,
    without,
)
from mcp_oauth_nb.rules.untold import NotTold
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, quoted, shown

Issued: TypeAlias = tuple[Exchange, Members, Jwt]
PART = "body:/access_token"
READ = "(read, not verified)"
TOLERANCE_S = 60
"""How far apart two ways of saying when a token ends may be."""
LEEWAY_S = 5
"""How far ahead a time may be: the clocks of two machines, and the way of the answer."""
_NO_JWT = "no access token that is a JWT was issued"
JWTS = Selector(jwts_issued, _NO_JWT)


@rule(
    "token-audience",
    step="token",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The access token is made out to another audience than the MCP server.",
    fix="Put the requested resource into the token's aud claim.",
    spec=Spec("RFC 9068", "3"),
    over=JWTS,
    explains=("token-rejected",),
)
def _(case: Case, found: Issued) -> Iterator[Seen]:
    exchange, _, jwt = found
    named, ours = audiences(jwt.claims), resources(case, exchange)
    if not ours and is_outside(case):
        return  # nobody said whom the token is to be for
    if any(one in ours for one in named):
        return
    seen = f"aud={shown(jwt.claims.get('aud'))} {READ}" if "aud" in jwt.claims else f"no aud {READ}"
    summary = "" if named else "The access token does not say whom it is meant for."
    if named and not any(is_url(one) for one in named):
        summary = "The access token has an audience that is no URL: only who set it up knows whether it is this server."
    if any(resource_match(one, mine, case.url) in ("spelling", "parent") for one in named for mine in ours):
        summary = "The access token spells its audience in another way than it was asked for."
    expected, follows = quoted(ours[0]) if ours else "the MCP server", _explained(case, found, "audience")
    yield Seen(exchange, PART, expected, seen, summary, explains=follows)


def _explained(case: Case, found: Issued, *checks: Check) -> tuple[str, ...]:
    """The refusal of a token, where it may be due to one of these checks: not where it names others alone."""
    refusals = [one for one in case.answered("mcp", "call") if sent_token(one) == found[1]["access_token"]]
    refused = [one for one in refusals if one.status == 401]
    return () if refused and not any(_may_be_for(one, *checks) for one in refused) else ("token-rejected",)


def _may_be_for(exchange: Exchange, *checks: Check) -> bool:
    """Whether a refusal may be due to one of these checks; of one that is told in part nothing else is known."""
    try:
        return may_be_for(exchange, *checks)
    except NotTold:
        return True


def _with_issuer(case: Case) -> list[tuple[Issued, str, str]]:
    found = server_document(case)
    published = text(found[1].get("issuer")) if found else None
    named = ((one, text(one[2].claims.get("iss"))) for one in jwts_issued(case))
    return [(one, issuer, published) for one, issuer in named if issuer and published]


@rule(
    "token-issuer",
    step="token",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The access token names another issuer than the authorization server's metadata.",
    fix="Put the issuer of the metadata into iss, letter by letter.",
    spec=Spec("RFC 9068", "2.2"),
    over=Selector(_with_issuer, "no access token that is a JWT with an issuer was issued"),
    explains=("token-rejected",),
)
def _(case: Case, found: tuple[Issued, str, str]) -> Iterator[Seen]:
    one, named, published = found
    if named != published:
        seen = f"iss={quoted(named)} {READ}"
        yield Seen(one[0], PART, quoted(published), seen, explains=_explained(case, one, "issuer"))


@rule(
    "token-times",
    step="token",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The times in the access token do not fit the moment at which it was issued.",
    fix="Set iat and nbf to the present, and exp to the end of expires_in; keep the clock synchronised.",
    spec=Spec("RFC 9068", "2.2"),
    over=JWTS,
    explains=("token-rejected",),
)
def _(case: Case, found: Issued) -> Iterator[Seen]:
    exchange, document, jwt = found
    now = clock_of(exchange)
    if now is None:
        return
    for name in TIMES:
        begins = seconds(jwt.claims.get(name))
        if begins is not None and begins > now + LEEWAY_S:
            seen = f"{name} lies {begins - now:.0f} s ahead {READ}"
            summary = f"The access token begins in the future{_by_which_clock(exchange)}."
            follows = _explained(case, found, "begin", "end")
            yield Seen(exchange, PART, f"{name} not in the future", seen, summary, explains=follows)
            return
    ends, lifetime = seconds(jwt.claims.get("exp")), seconds(document.get("expires_in"))
    if ends is None:
        return
    if ends <= now:
        summary = f"The access token had already expired when it was issued{_by_which_clock(exchange)}."
        seen, follows = f"exp {now - ends:.0f} s ago {READ}", _explained(case, found, "begin", "end")
        yield Seen(exchange, PART, "exp in the future", seen, summary, explains=follows)
    elif lifetime is not None and abs(ends - now - lifetime) > TOLERANCE_S:
        summary = "The access token ends at another time than its answer says."
        seen = f"exp in {ends - now:.0f} s, expires_in={lifetime:.0f}"
        yield Seen(exchange, PART, "exp and expires_in for the same moment", seen, summary, explains=_early(case, ends))


def _by_which_clock(exchange: Exchange) -> str:
    return "" if date_of(exchange) is not None else ", by the clock of this machine, which may be wrong itself"


def _early(case: Case, ends: float) -> tuple[str, ...]:
    """A token that ends before its answer says explains a refusal behind its end, and no other."""
    refused = [one for one in case.answered("mcp", "call") if one.status == 401]
    return ("token-rejected",) if any((clock_of(one) or 0) >= ends for one in refused) else ()


@rule(
    "token-unsigned",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The access token is not signed: anybody could have made it.",
    fix="Sign access tokens, with an asymmetric algorithm such as ES256 or RS256, and never with none.",
    spec=Spec("RFC 9068", "2.1"),
    over=JWTS,
    explains=("token-rejected",),
)
def _(case: Case, found: Issued) -> Iterator[Seen]:
    algorithm = found[2].header.get("alg")
    if isinstance(algorithm, str) and algorithm.lower() == "none":
        seen, follows = f"alg={shown(algorithm)}", _explained(case, found, "signature", "form")
        yield Seen(found[0], PART, "alg with a signature, such as ES256", seen, explains=follows)


def _with_both_scopes(case: Case) -> list[tuple[Exchange, frozenset[str], frozenset[str]]]:
    found = []
    for exchange, document, jwt in jwts_issued(case):
        told, held = text(document.get("scope")), scopes_in(jwt.claims)
        if told is not None and held is not None:
            found.append((exchange, frozenset(told.split()), held.names))
    return found


@rule(
    "token-scope-differs",
    step="token",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The access token holds other scopes than its answer says.",
    fix="Say in scope of the answer what the token holds.",
    spec=Spec("RFC 9068", "2.2.3"),
    over=Selector(_with_both_scopes, "no access token that is a JWT was issued with scopes in it and beside it"),
    explains=("insufficient-scope",),
)
def _(case: Case, found: tuple[Exchange, frozenset[str], frozenset[str]]) -> Iterator[Seen]:
    exchange, told, held = found
    if without(told, held) or without(held, told):
        yield Seen(exchange, "body:/scope", _listed(held), _listed(told))


def _listed(names: frozenset[str]) -> str:
    return f"scope={quoted(' '.join(sorted(names)))}"
