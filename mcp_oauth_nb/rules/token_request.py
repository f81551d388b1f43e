"""Rules for what the client sent to the token endpoint, held against its authorization request."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    fits_challenge,
    form,
    oauth_error,
    query,
    redirect,
    shows_verifier,
)
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule, since
from mcp_oauth_nb.rules.words import quoted


def _sent(case: Case, step: str) -> list[Exchange]:
    """The form posts of a step."""
    return [one for one in case.exchanges(step) if one.request.method == "POST"]


def _with_request(case: Case) -> list[Exchange]:
    return _sent(case, "token") if authorization_request(case) else []


WITH_REQUEST = Selector(_with_request, "no token request was made for an authorization request of this session")


def _carriers_of_resource(case: Case) -> list[Exchange]:
    """The requests that must name the resource; none in a version that does not know the parameter."""
    if case.version == "2025-03-26":
        return []
    asked = authorization_request(case)
    return [*([asked] if asked else []), *_sent(case, "token"), *_sent(case, "refresh")]


def _error_in(exchange: Exchange, *errors: str) -> bool:
    """Whether the answer is one of these OAuth errors."""
    return oauth_error(exchange) in errors


@rule(
    "resource-not-sent",
    step=ANY,
    level=since("2025-06-18"),
    who="client",
    summary="The request does not say which resource the token is for.",
    fix="Send resource with the resource of the protected resource metadata, in every authorization and token request.",
    spec=Spec("MCP 2025-11-25", "Resource Parameter Implementation"),
    over=Selector(
        _carriers_of_resource, "no authorization or token request of a version that knows `resource` was made yet"
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    values = query(exchange) if exchange.step == "authorize" else form(exchange)
    if values.get("resource"):
        return
    part = "url" if exchange.step == "authorize" else "body:"
    who = sender(exchange, "resource")
    kinds = {"authorize": "authorization request", "token": "token request", "refresh": "refresh request"}
    summary = f"The {kinds.get(exchange.step, 'request')} does not say which resource the token is for."
    yield Seen(exchange, part, "resource", "no resource", summary, who=who, explains=_misses_resource(case, exchange))


def _misses_resource(case: Case, exchange: Exchange) -> tuple[str, ...]:
    """What follows from it: an error about the request, a token for somebody else; not every other refusal."""
    back = redirect(case)
    if exchange.step == "authorize":
        errors = ("invalid_request", "invalid_target")
        return ("authorization-error",) if back and query(back).get("error") in errors else ("authorization-page",)
    if _error_in(exchange, "invalid_request", "invalid_target"):
        return ("token-refused", "refresh-refused")
    return ("token-audience", "token-rejected") if exchange.step == "token" else ()


@rule(
    "pkce-mismatch",
    step="token",
    level=MUST,
    who="client",
    summary="The code verifier does not belong to the code challenge of the authorization request.",
    fix="Send the verifier whose S256 hash was in the authorization URL: run pkce, authorize and callback again.",
    spec=Spec("RFC 7636", "4.6"),
    over=Selector(
        lambda case: [one for one in WITH_REQUEST.pick(case) if shows_verifier(one)],
        "no code verifier can be held against the code challenge",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    asked, verifier = authorization_request(case), form(exchange).get("code_verifier")
    challenge = query(asked).get("code_challenge") if asked else None
    if challenge is None and verifier is None:
        return
    if verifier is None or asked is None or not fits_challenge(verifier, asked):
        yield Seen(
            exchange,
            "body:",
            expected="the code_verifier whose S256 hash is the code_challenge that was sent",
            observed="no code_verifier" if verifier is None else "a code_verifier with another hash",
            who=sender(exchange, "code_verifier"),
            explains=_misses_pair(exchange),
        )


def _misses_pair(exchange: Exchange) -> tuple[str, ...]:
    """What follows from a wrong verifier: the refusal, also by a server that trips over it."""
    tripped = exchange.status is not None and exchange.status >= 500 and not oauth_error(exchange)
    return ("token-refused",) if tripped or _error_in(exchange, "invalid_grant", "invalid_request") else ()


@rule(
    "redirect-uri-differs",
    step="token",
    level=MUST,
    who="client",
    summary="The token request names another redirect URI than the authorization request.",
    fix="Send the same redirect_uri in both requests, letter by letter.",
    spec=Spec("RFC 6749", "4.1.3"),
    over=WITH_REQUEST,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    asked = authorization_request(case)
    first = query(asked).get("redirect_uri") if asked else None
    second = form(exchange).get("redirect_uri")
    if first and first != second:
        yield Seen(
            exchange,
            "body:",
            expected=quoted(first),
            observed=quoted(second) if second is not None else "no redirect_uri",
            who=sender(exchange, "redirect_uri"),
            level=SHOULD if second is None else None,
            explains=("token-refused",) if _error_in(exchange, "invalid_grant", "invalid_request") else (),
        )
