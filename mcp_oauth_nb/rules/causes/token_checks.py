"""What may stand behind a refused token whose issuer and audience are right: its kind, its time, its scope."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.jwt import is_encrypted
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.presented import Presented, presented, quoting, refusal
from mcp_oauth_nb.rules.evidence import challenges, form, is_masked, server_document, text
from mcp_oauth_nb.rules.named_checks import DECODED, may_be_for, named_checks, names_only, speaks_of_a_jwt
from mcp_oauth_nb.rules.resource import error_of
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Confidence
from mcp_oauth_nb.rules.token_claims import (
    SLACK_S,
    TIMES,
    ahead_of_issuer,
    clock_of,
    date_of,
    has_expired,
    is_told_by_one_clock,
    left_by_issuer,
    scopes_in,
    seconds,
)
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, shown

REJECTED, TIMELY = "token-rejected", "token-times"
ASK = "dbg.introspect()"
SIGNATURE = Spec("RFC 9068", "4")
AT_ONCE_S = 5
"""A token that lives no longer than this is gone before anybody can use it."""
_DECODE = re.compile(r"(?i)\bjwt\b|json web token|segments|decod|malformed|compact|parse|three parts")
_SCOPE = re.compile(r"(?i)\bscopes?\b|permission")


# --- what kind of token it is -----------------------------------------------------------------------------------------


def _hides_claims(token: str) -> bool:
    """Whether it may be a JWT whose claims cannot be read here."""
    return is_encrypted(token) or is_masked(token)


@suspect(
    "opaque-token",
    of=REJECTED,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The access token is a mere reference, and the MCP server expects one that it can read itself.",
    fix="Have the authorization server issue JSON Web Tokens for this resource (an API or audience is to be set up "
    "there), or have the MCP server ask by introspection.",
    spec=SIGNATURE,
    apart="The token is active by introspection, and its text has no three parts.",
    call=ASK,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    refused = refusal(case, token.token) if token else None
    if token is None or refused is None or token.jwt is not None or _hides_claims(token.token):
        return
    if speaks_of_a_jwt(refused) and named_checks(refused) & DECODED:
        return  # who says so of a JSON Web Token has read one
    found, told = server_document(case), quoting(refused, _DECODE)
    parts = token.told(f"{token.token.count('.') + 1} part(s), no JSON Web Token")
    keys = found is not None and text(found[1].get("jwks_uri")) and not text(found[1].get("introspection_endpoint"))
    published = (line(found[0], "body:/jwks_uri", "keys, and no introspection"),) if found and keys else ()
    for_id_tokens = found is not None and "id_token_signing_alg_values_supported" in found[1]
    inspected = [one for one in case.answered("introspect") if form(one).get("token") == token.token]
    said = [(one, one.document.get("active")) for one in inspected if one.document is not None]
    if any(active is False for _, active in said):
        return
    good = tuple(line(one, "body:/active", "active by introspection") for one, active in said if active is True)
    speaks = told or good or (published and not for_id_tokens)  # OpenID Connect publishes keys for ID tokens alone
    yield Fit("likely" if speaks else "possible", (parts, *told, *published, *good))


@suspect(
    "encrypted-token",
    of=REJECTED,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The access token is encrypted for somebody else than the MCP server, which cannot read it.",
    fix="Set up the MCP server as an API at the authorization server, and request it as audience: without one the "
    "token is meant for the authorization server itself.",
    spec=SIGNATURE,
    apart="The text of the token has five parts; with the audience set it has three.",
    call="dbg.details",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    if token is not None and is_encrypted(token.token):
        yield Fit("likely", (token.told("five parts: an encrypted token"),))


# --- its time ---------------------------------------------------------------------------------------------------------


def _ahead(token: Presented, now: float | None) -> tuple[str, float] | None:
    """The claim that lies in the future of a clock, and by how many seconds."""
    claims = token.jwt.claims if token.jwt else {}
    found = [(name, begins - now) for name in TIMES if now is not None and (begins := seconds(claims.get(name)))]
    return next(((name, ahead) for name, ahead in found if ahead > 0), None)


def _sure(claim: str) -> Confidence:
    """A token must not be taken before nbf; what iat says, a server may pass over (RFC 7519 4.1.5 and 4.1.6)."""
    return "certain" if claim == "nbf" else "likely"


@suspect(
    "token-from-the-future",
    of=(TIMELY, REJECTED),
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The access token begins in the future, by the clock of the very server that issued it.",
    fix="Set iat and nbf to the moment of issuing, and synchronise the machines; the MCP server may allow a minute.",
    spec=Spec("RFC 7519", "4.1.5"),
    apart="The same token is accepted once that moment has come.",
    call="dbg.mcp()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    ahead = _ahead(token, clock_of(token.source)) if token and token.source else None
    if token is not None and token.source is not None and ahead is not None and ahead[1] > SLACK_S:
        is_its_own = date_of(token.source) is not None  # else it is the clock of this machine, which may be wrong
        told = token.told(f"{ahead[0]} lies {ahead[1]:.0f} s ahead of its answer")
        yield Fit(_sure(ahead[0]) if is_its_own else "possible", (told,))


@suspect(
    "clocks-differ",
    of=REJECTED,
    step="",
    who=MCP_SERVER,
    summary="By the clock of the MCP server the access token has not begun or has ended, and by that of its issuer it "
    "is good: the two servers' clocks differ.",
    fix="Synchronise both clocks, and allow up to a minute of difference when iat, nbf and exp are checked.",
    spec=Spec("RFC 7519", "4.1.5"),
    apart="The Date of both answers; where the MCP server's clock is behind, the token is accepted some seconds later.",
    call="dbg.mcp()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    refused = refusal(case, token.token) if token else None
    if token is None or refused is None or refused.response is None or refused.response.header("date") is None:
        return
    if (over := _over_there(case, token, refused)) is not None:
        dates = tuple(
            line(one, "header:Date", one.response.header("date") or "")
            for one in (token.source, refused)
            if one is not None and one.response is not None
        )
        sees_it = any(item.get("error") for item in challenges(refused).items)  # and does not ask as if without one
        is_sure = token.jwt is not None and sees_it and (not named_checks(refused) or names_only(refused, "end"))
        told = token.told(f"ended {over[0]:.0f} s before by the clock of who refused it, {over[1]:.0f} s were left")
        yield Fit("certain" if is_sure else "likely", (told, *dates))
        return
    ahead, at_source = _ahead(token, clock_of(refused)), clock_of(token.source) if token.source else None
    if ahead is None or ahead[1] <= SLACK_S:
        return
    if at_source is not None and (_ahead(token, at_source) or ("", 0.0))[1] > SLACK_S:
        return
    date = refused.response.header("date") or ""
    told = token.told(f"{ahead[0]} lies {ahead[1]:.0f} s ahead")
    yield Fit(_sure(ahead[0]), (told, line(refused, "header:Date", date)))


def _over_there(case: Case, token: Presented, refused: Exchange) -> tuple[float, float] | None:
    """Seconds since the end of a token by the clock of who refused it, and those left by the clock of its issuer.

    None where it is not over by the one and good by the other.
    """
    left, apart = left_by_issuer(case, refused, token.token), ahead_of_issuer(case, refused, token.token)
    if left is None or apart is None or left <= SLACK_S or apart <= left or not may_be_for(refused, "end", "begin"):
        return None
    return apart - left, left


def _lives_at_all(token: Presented) -> bool:
    """Whether a token was given more than a moment to be used in, as far as it is told."""
    source, claims = token.source, token.jwt.claims if token.jwt else {}
    issued, ends = seconds(claims.get("iat")), seconds(claims.get("exp"))
    if issued is None and source is not None:
        issued = clock_of(source)
    lifetime = seconds((source.document or {}).get("expires_in")) if source else None
    by_claims = ends - issued if ends is not None and issued is not None else None
    told = [one for one in (lifetime, by_claims) if one is not None]
    return not told or min(told) > AT_ONCE_S


@suspect(
    "token-expired-at-once",
    of=(TIMELY, REJECTED),
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The access token is issued with a lifetime in which nobody can use it.",
    fix="Give access tokens some minutes at least, and check the clock and the unit of the setting: seconds or "
    "milliseconds.",
    spec=Spec("RFC 6749", "5.1"),
    apart="The exp of the token and expires_in of its answer beside the Date of the answer.",
    call="dbg.details",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    if token is not None and not _lives_at_all(token):
        source = token.source
        lifetime = shown((source.document or {}).get("expires_in")) if source else ""
        beside = (line(source, "body:/expires_in", lifetime),) if source else ()
        yield Fit("certain", (token.claim("exp"), *beside) if token.jwt else beside)


@suspect(
    "token-expired",
    of=REJECTED,
    step="",
    who="user",
    summary="The access token had run out before it was used.",
    fix="Get a new one: dbg.refresh(), or run authorize, callback and token again.",
    spec=Spec("RFC 6750", "3.1"),
    apart="The same request with a fresh token works.",
    call="dbg.refresh()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    refused = refusal(case, token.token) if token else None
    late = has_expired(case, refused, token.token) if refused and token else None
    if token is not None and late is not None and _lives_at_all(token):
        is_sure = late > SLACK_S and refused is not None and is_told_by_one_clock(case, refused, token.token)
        yield Fit("certain" if is_sure else "likely", (token.told(f"ran out {late:.0f} s before it was used"),))


# --- its scope -----------------------------------------------------------------------------------------------------


@suspect(
    "missing-scope-as-401",
    of=REJECTED,
    step="",
    who=MCP_SERVER,
    summary="The access token is good but lacks a scope, and the MCP server calls it invalid.",
    fix="Demand only the scopes that challenge and metadata name; answer 403 insufficient_scope where one is missing.",
    spec=Spec("RFC 6750", "3.1"),
    apart="A token with the scope that is missing is accepted.",
    call="dbg.authorize(params={'scope': '...'})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    refused = refusal(case, token.token) if token else None
    if token is None or refused is None:
        return
    told = quoting(refused, _SCOPE)
    lacking = _lacking(token, refused)
    if told and error_of(refused) is None:
        yield Fit("likely", told)
    elif lacking:
        yield Fit("likely", (line(refused, "header:WWW-Authenticate", f"scope={lacking}"), token.claim("scope")))


def _lacking(token: Presented, refused: Exchange) -> str:
    """The scopes that the refusal names and the token does not hold, as far as it says what it holds."""
    held = scopes_in(token.jwt.claims) if token.jwt else None
    granted = text((token.source.document or {}).get("scope")) if token.source else None
    names = held.names if held else frozenset((granted or "").split())
    bearer = challenges(refused).bearer()
    wanted = frozenset(((bearer.get("scope") if bearer else None) or "").split())
    return " ".join(sorted(wanted - names)) if names else ""
