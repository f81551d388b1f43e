"""Rules for an ID token that came with the tokens (OpenID Connect Core 3.1.3.7). Its claims are read, not verified."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC
from typing import NamedTuple
from urllib.parse import unquote_plus

from mcp_oauth_nb.protocol.jwt import is_encrypted, read_jwt
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import (
    Members,
    authorization_request,
    expected_issuer,
    form,
    is_masked,
    jwt_claims,
    query,
    server_document,
    text,
    texts,
)
from mcp_oauth_nb.rules.old_grants import implicit_answer
from mcp_oauth_nb.rules.rule import MUST, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.tokens import issued
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, quoted, shown

VALIDATION = Spec("OIDC Core", "3.1.3.7")
PART = "body:/id_token"
FARTHEST_S = 1e12
"""Seconds from 1970; what lies beyond is no time."""


class Told(NamedTuple):
    """The claims of an ID token, and what one of them has to be."""

    exchange: Exchange
    claims: Members
    wanted: str = ""


def _issued(case: Case, *steps: str) -> list[Found]:
    """Answers with tokens; with those of the token endpoint the response that brings them at once (OIDC Core 3.2)."""
    at_once = implicit_answer(case) if "token" in steps else None
    return [*issued(case, *steps), *([at_once] if at_once else [])]


def _with_id_token(case: Case) -> list[Found]:
    found = [one for one in _issued(case, "token", "refresh") if one[1].get("id_token") is not None]
    return [one for one in found if not is_masked(text(one[1]["id_token"]) or "")]


def _breach(exchange: Exchange, expected: str, observed: str) -> Seen:
    """A breach where the ID token stands: in the body of an answer, or in the address of a redirect."""
    if exchange.direction == "in":
        return Seen(exchange, "url", expected, observed, step=exchange.step)
    return Seen(exchange, PART, expected, observed)


def id_tokens(case: Case, *steps: str) -> list[Told]:
    """The ID tokens that read as a JWT."""
    found = [(exchange, text(document.get("id_token")) or "") for exchange, document in _issued(case, *steps)]
    return [Told(exchange, jwt_claims(token)) for exchange, token in found if jwt_claims(token)]


def _held_against(case: Case, wanted: str | None, *steps: str) -> list[Told]:
    return [told._replace(wanted=wanted) for told in id_tokens(case, *steps)] if wanted else []


@rule(
    "id-token-malformed",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The ID token does not read as a JWT.",
    fix="Issue the ID token as a signed JWT, or leave it out.",
    spec=Spec("OIDC Core", "2"),
    over=Selector(_with_id_token, "no ID token was issued"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    token = text(document["id_token"])
    if token is None:
        yield _breach(exchange, "a signed JWT", "no text")
    elif not jwt_claims(token) and not is_encrypted(token):
        seen = "a JWT without readable claims" if read_jwt(token) else f"{len(token)} characters that are no JWT"
        yield _breach(exchange, "a signed JWT", seen)


def _issuer(case: Case) -> str | None:
    """The issuer that the metadata names, which the ID token has to name as well."""
    found = server_document(case)
    return (text(found[1].get("issuer")) if found else None) or expected_issuer(case)


@rule(
    "id-token-issuer",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The ID token names another issuer than the authorization server.",
    fix="Set the claim iss to the issuer of the metadata, character for character.",
    spec=VALIDATION,
    over=Selector(
        lambda case: _held_against(case, _issuer(case), "token", "refresh"),
        "no ID token was issued whose claims can be read, or no issuer is known",
    ),
)
def _(case: Case, told: Told) -> Iterator[Seen]:
    if told.claims.get("iss") != told.wanted:
        yield _breach(told.exchange, f"iss={quoted(told.wanted)}", _claim(told, "iss"))


def _client_id(case: Case) -> str | None:
    """The client as which the token was asked for: as the authorization request names it, else the token request."""
    asked = authorization_request(case)
    named = query(asked).get("client_id") if asked else None
    return named or next((one for sent in case.exchanges("token") if (one := sent_client_id(sent))), None)


def sent_client_id(exchange: Exchange) -> str | None:
    """The client id of a request to the authorization server, in the form or in Basic (RFC 6749 2.3.1)."""
    scheme, _, encoded = (exchange.request.header("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return form(exchange).get("client_id")
    try:
        pair = base64.b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8", "replace")
    except ValueError:
        return None
    return unquote_plus(pair.partition(":")[0]) or None


@rule(
    "id-token-audience",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The ID token is made out to another client.",
    fix="Put the client id of the client that asked into the claim aud.",
    spec=VALIDATION,
    over=Selector(
        lambda case: _held_against(case, _client_id(case), "token", "refresh"),
        "no ID token was issued whose claims can be read, or no client id was sent",
    ),
)
def _(case: Case, told: Told) -> Iterator[Seen]:
    audience = told.claims.get("aud")
    named = (audience,) if isinstance(audience, str) else texts(audience)
    if told.wanted not in named:
        yield _breach(told.exchange, f"aud={quoted(told.wanted)}", _claim(told, "aud"))


@rule(
    "id-token-expired",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The ID token had run out when it was issued.",
    fix="Set the claim exp to a time in the future, in seconds since 1970, and check the clocks of both sides.",
    spec=VALIDATION,
    over=Selector(lambda case: id_tokens(case, "token", "refresh"), "no ID token was issued whose claims can be read"),
)
def _(case: Case, told: Told) -> Iterator[Seen]:
    expires, started = told.claims.get("exp"), told.exchange.started
    if isinstance(expires, bool) or not isinstance(expires, (int, float)) or not abs(expires) < FARTHEST_S:
        yield _breach(told.exchange, "exp, a number of seconds since 1970", _claim(told, "exp"))
        return
    late_s = (started if started.tzinfo else started.replace(tzinfo=UTC)).timestamp() - expires
    if late_s >= 0:
        seen = f"exp was {late_s:.0f} s before the token was asked for (read, not verified)"
        yield _breach(told.exchange, "exp in the future", seen)


def _sent_nonce(case: Case) -> str | None:
    asked = authorization_request(case)
    return query(asked).get("nonce") if asked else None


@rule(
    "id-token-nonce",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The ID token does not carry the nonce of the authorization request.",
    fix="Copy the nonce of the authorization request into the ID token unchanged.",
    spec=VALIDATION,
    over=Selector(
        lambda case: _held_against(case, _sent_nonce(case), "token"),
        "no ID token was issued whose claims can be read, or no nonce was sent",
    ),
)
def _(case: Case, told: Told) -> Iterator[Seen]:
    if told.claims.get("nonce") != told.wanted:
        seen = "another nonce" if "nonce" in told.claims else "no nonce"
        yield _breach(told.exchange, "the nonce that was sent", f"{seen} (read, not verified)")


def _claim(told: Told, name: str) -> str:
    seen = f"{name}={shown(told.claims[name])}" if name in told.claims else f"no {name}"
    return f"{seen} (read, not verified)"
