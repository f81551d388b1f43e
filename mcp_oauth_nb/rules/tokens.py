"""Rules for the token request and its answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mcp_oauth_nb.protocol.device import DENIED, EXPIRED
from mcp_oauth_nb.protocol.fields import is_field_value
from mcp_oauth_nb.protocol.grants import DEVICE_CODE
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import (
    form,
    is_at_idp,
    is_masked,
    is_pending,
    oauth_error,
    text,
    without_nonces,
)
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.token_form import redeems_as_asked
from mcp_oauth_nb.rules.untold import NotTold
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, fix_for, quoted, shown, who_answered

TOKEN_ANSWERED = Selector(
    lambda case: [one for one in without_nonces(case, case.answered("token")) if not is_pending(one)],
    "no token request was answered yet",
)


def issued(case: Case, *steps: str) -> list[Found]:
    """Answers with an access token."""
    found = [pair for step in steps for pair in case.documents(step) if not is_at_idp(pair[0])]
    return [pair for pair in found if text(pair[1].get("access_token"))]


def _succeeded(case: Case) -> list[Exchange]:
    return [
        one
        for one in case.answered("token", "refresh")
        if one.status == 200 and not oauth_error(one) and not is_at_idp(one)
    ]


ISSUED = Selector(lambda case: issued(case, "token", "refresh"), "no access token was issued yet")


REFUSALS: dict[str, tuple[Who, str]] = {
    "invalid_grant": (
        "client",
        (
            "The code or refresh token is used, expired, revoked, or was issued to another client or redirect URI. Run "
            "authorize, callback and token again, promptly and once; if a fresh one fails too, read the server's log."
        ),
    ),
    "invalid_client": (
        "client",
        (
            "Check client id, secret and the way they are sent (header or body): the server does not recognise the "
            "client. A registration may have expired: register again."
        ),
    ),
    "invalid_request": (
        "client",
        (
            "A parameter is missing or repeated, or the client authenticated in two ways: compare the form with what "
            "the server documents."
        ),
    ),
    "invalid_target": (
        AUTHORIZATION_SERVER,
        (
            "The authorization server does not know the resource, or it differs from the one of the authorization "
            "request. Register the MCP server's URL there, spelled exactly as it is sent."
        ),
    ),
    "invalid_scope": ("client", "Ask for no more scope than was granted."),
    "unauthorized_client": (AUTHORIZATION_SERVER, "Allow this client the grant type that is used."),
    "unsupported_grant_type": (
        AUTHORIZATION_SERVER,
        "Enable the grant type at the authorization server, and check that the request is a form and no JSON.",
    ),
    "use_dpop_nonce": (
        AUTHORIZATION_SERVER,
        (
            "The server wants DPoP: ask with Debugger(url, dpop=True), or allow plain bearer. Where that was done, the "
            "answer must carry a new DPoP-Nonce and accept it."
        ),
    ),
    "invalid_dpop_proof": (
        AUTHORIZATION_SERVER,
        (
            "The server wants another DPoP proof: ask with Debugger(url, dpop=True), or allow plain bearer. Where "
            "that was done, read the server's log: it says which claim it refused; its clock may be wrong."
        ),
    ),
}


RIGHTLY_ASKED = (
    "The request fits the authorization request, and the code was sent once: see in the authorization server's log why "
    "it was refused. Run authorize, callback and token again, without a pause in between."
)
"""What to do about an invalid_grant for which no line shows a mistake of the client."""


def _is_known_to_fit(case: Case, exchange: Exchange) -> bool:
    """Whether the request redeems the code as it was asked for; what a recording leaves out is not known to."""
    try:
        return redeems_as_asked(case, exchange)
    except NotTold:
        return False


OF_GRANT: dict[tuple[str, str], tuple[Who, str]] = {
    ("password", "invalid_grant"): (
        "user",
        (
            "The name or the password is wrong, or the account is locked or needs a second factor, which this grant "
            "cannot ask for. Type both again; else ask with the authorization code."
        ),
    ),
    (DEVICE_CODE, DENIED): (
        "user",
        "The person said no at the other device, or a policy did. Run device and token again and agree there.",
    ),
    (DEVICE_CODE, EXPIRED): (
        "user",
        "Nobody typed the user code in time. Run device again, open its link at once, and run token.",
    ),
    (DEVICE_CODE, "invalid_grant"): (
        "client",
        "The device code is used, expired, or was issued to another client. Run device and token again.",
    ),
}
"""What a refusal means where it depends on the grant: by grant type and error."""


def refused(exchange: Exchange, expected: str, summary: str) -> Seen:
    """A refusal by the token endpoint; `summary` without its end. Without an OAuth error no cause is claimed."""
    error = oauth_error(exchange)
    told = {} if "request body" in exchange.untold else form(exchange)
    by_grant = OF_GRANT.get((told.get("grant_type", ""), error))
    who, fix = by_grant or REFUSALS.get(error, (who_answered(exchange), fix_for(exchange, "the token answer")))
    if error and exchange.edited:
        who, fix = "user", f"The request was changed by hand ({', '.join(exchange.edited)}): send it unchanged. {fix}"
    said = f"error={quoted(error, 60)}" if error else str(exchange.status)
    note = "" if error or exchange.status in (400, 401) else " This is no OAuth answer."
    part = "body:/error" if error else "status"
    return Seen(exchange, part, expected, came(exchange), f"{summary} with {said}.{note}", fix, who)


@rule(
    "token-refused",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The token endpoint refused to issue a token.",
    fix="Look the error up in the authorization server's log.",
    spec=Spec("RFC 6749", "5.2"),
    over=TOKEN_ANSWERED,
    explains=("token-error-malformed",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 200 or (oauth_error(exchange) and not (exchange.document or {}).get("access_token")):
        told = {} if "request body" in exchange.untold else form(exchange)
        kind = "grant" if told.get("grant_type", "authorization_code") != "authorization_code" else "code"
        where = "identity provider" if is_at_idp(exchange) else "token endpoint"
        seen = refused(exchange, "200 with an access token", f"The {where} refused the {kind}")
        is_right = oauth_error(exchange) == "invalid_grant" and _is_known_to_fit(case, exchange)
        yield replace(seen, who=AUTHORIZATION_SERVER, fix=RIGHTLY_ASKED) if is_right else seen


@rule(
    "token-answer-invalid",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The token endpoint answered 200, but not with a usable token.",
    fix="Answer with a JSON object that has access_token and token_type Bearer.",
    spec=Spec("RFC 6749", "5.1"),
    over=Selector(_succeeded, "no token request succeeded yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    document = exchange.document
    if document is None:
        yield Seen(exchange, "body:", "a JSON object", came(exchange), fix=_not_json(exchange))
        return
    if not text(document.get("access_token")):
        value = document.get("access_token")
        seen = shown(value) if "access_token" in document else f"no access_token ({came(exchange)})"
        yield Seen(exchange, "body:/access_token", "an access_token", seen)
        return
    kind = text(document.get("token_type"))
    bound = kind is not None and kind.lower() == "dpop" and exchange.request.header("dpop") is not None
    if not bound and (kind is None or kind.lower() != "bearer"):
        seen = shown(document["token_type"]) if "token_type" in document else "no token_type"
        yield Seen(exchange, "body:/token_type", "Bearer", seen)


def _not_json(exchange: Exchange) -> str:
    body = exchange.response.body if exchange.response else b""
    if body.lstrip().startswith(b"access_token="):
        return "Answer with JSON: this is a form, the way of some servers that predate the standard."
    return fix_for(exchange, "the token answer")


@rule(
    "access-token-unsendable",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The access token holds characters that no header can hold, so that no client can send it.",
    fix="Issue access tokens of letters, digits and the characters - . _ ~ + / alone, with = at the end.",
    spec=Spec("RFC 6750", "2.1"),
    over=Selector(
        lambda case: [one for one in issued(case, "token", "refresh") if not is_masked(one[1]["access_token"])],
        "no access token was issued yet",
    ),
    explains=("unreachable", "token-rejected", "api-refused", "unexpected-answer"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    """Signs that only have no place behind Bearer are let through: products use them, and their APIs read them."""
    exchange, document = found
    token = document["access_token"]
    if not is_field_value(token):
        yield Seen(exchange, "body:/access_token", "visible characters alone", _unsendable(token))


def _unsendable(token: str) -> str:
    """What no header can hold, by its kind: of a token no character is shown."""
    controls = sum((ord(c) < 32 and c != "\t") or ord(c) == 127 for c in token)
    return f"line breaks or other control characters: {controls}" if controls else "a blank around it"


@rule(
    "token-cacheable",
    step="token",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The answer with the tokens does not forbid caching.",
    fix="Send Cache-Control: no-store with every token answer.",
    spec=Spec("RFC 6749", "5.1"),
    over=ISSUED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange = found[0]
    header = exchange.response.header("cache-control") if exchange.response else None
    if "no-store" not in (header or "").lower():
        seen = quoted(header) if header is not None else "no Cache-Control"
        yield Seen(exchange, "header:Cache-Control", "no-store", seen)


@rule(
    "token-expiry-missing",
    step="token",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The answer does not say in seconds how long the token works.",
    fix="Add expires_in, a number of seconds.",
    spec=Spec("RFC 6749", "5.1"),
    over=ISSUED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    value = document.get("expires_in")
    if not _is_number(value):
        seen = shown(value) if "expires_in" in document else "no expires_in"
        yield Seen(exchange, "body:/expires_in", "a number of seconds", seen)


LONGEST_LIFETIME_S = 2**31 - 1
"""Clients that count in 32 bits, or make a date of the end, fall over anything longer; it is 68 years."""


def _timed(case: Case) -> list[Found]:
    """Answers with an access token and a number for its lifetime."""
    return [pair for pair in issued(case, "token", "refresh") if _is_number(pair[1].get("expires_in"))]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@rule(
    "token-expiry-unusable",
    step="token",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The number of seconds that the token works is none that a client can count with.",
    fix="Send in expires_in the whole seconds that the token still works; leave it out where the token never ends.",
    spec=Spec("RFC 6749", "5.1"),
    over=Selector(_timed, "no access token was issued yet with a number for its lifetime"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    """A lifetime is written in digits alone (RFC 6749 A.14)."""
    exchange, document = found
    value = document["expires_in"]
    summary = "" if value > 0 else "By its answer, the token is over at the very moment at which it is issued."
    if not (0 < value <= LONGEST_LIFETIME_S and value == int(value)):
        yield Seen(exchange, "body:/expires_in", "a whole number of seconds above 0", shown(value), summary)
