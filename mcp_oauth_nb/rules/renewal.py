"""Rules for how a client goes on when its tokens are no more: whether it refreshes, authorizes again, or neither."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcp_oauth_nb.protocol.choices import NOT_AVAILABLE
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import form, sent_token
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.timeline import (
    granted,
    has_expired,
    is_authorization,
    is_passing_failure,
    is_refresh,
    is_refused_for_good,
    timeline,
    token_form,
)


def _last_of(case: Case) -> Sequence[Exchange]:
    """The last request to the API; before there is any, the last one for a token."""
    return (case.answered("api") or case.answered("token"))[-1:]


@rule(
    "auto-refresh-unavailable",
    step=ANY,
    level=SHOULD,
    who="user",
    summary="Auto-refresh was asked for and is not available: nothing is refreshed before it expires.",
    fix="Leave auto_refresh out and ask for a new token when this one has expired, with dbg.run(); or use a grant with "
    "a refresh token, where the scope may decide it.",
    spec=Spec("RFC 6749", "1.5"),
    over=Selector(
        lambda case: _last_of(case) if case.trace.settings.get("auto_refresh") else [],
        "auto_refresh was not asked for",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    told = case.trace.settings["auto_refresh"]
    if told.startswith(NOT_AVAILABLE):
        part = "body:/refresh_token" if exchange.step == "token" else "header:Authorization"
        yield Seen(exchange, part, "a refresh token", told)


def _after_a_final_refusal(case: Case) -> list[tuple[Exchange, Exchange]]:
    """What was sent after a refresh was refused for good, each with that refusal."""
    found: list[tuple[Exchange, Exchange]] = []
    refused: Exchange | None = None
    for one in timeline(case):
        if refused is not None:
            found.append((refused, one))
        if is_refresh(one) and is_refused_for_good(one):
            refused = refused or one
        elif granted(one, "access_token"):
            refused = None
    return found


@rule(
    "dead-token-reused",
    step=ANY,
    level=MUST,
    who="client",
    summary="A token was used again after the authorization server had said that it is no more.",
    fix="Delete the tokens after invalid_grant or invalid_client, and authorize again.",
    spec=Spec("RFC 6749", "5.2"),
    over=Selector(_after_a_final_refusal, "nothing was sent after a refresh that was refused for good"),
)
def _(case: Case, found: tuple[Exchange, Exchange]) -> Iterator[Seen]:
    refused, exchange = found
    told = f"a new authorization after the refusal in exchange {refused.id}"
    if is_refresh(exchange) and form(exchange).get("refresh_token") == form(refused).get("refresh_token"):
        yield Seen(exchange, "body:/refresh_token", told, "the same refresh token again")
    elif exchange.status == 401 and sent_token(exchange) and exchange.step in ("mcp", "call"):
        yield Seen(exchange, "header:Authorization", told, "the old access token again")


def _logins_with_refresh_token(case: Case) -> list[tuple[Exchange, str]]:
    """Authorization requests of a client that holds a refresh token, each with what made it want a new token."""
    held, forgotten, reason = "", False, ""
    found = []
    for one in timeline(case):
        if is_authorization(one):
            found += [(one, reason)] if held else []
            reason = ""
        elif token_form(one):
            new = granted(one, "refresh_token")
            if is_refresh(one) and is_refused_for_good(one):
                held = ""
            elif is_refresh(one) and is_passing_failure(one):
                reason = "refresh-not-repeated"
            elif granted(one, "access_token"):
                forgotten = is_refresh(one) and new is None
                held, reason = new or (held if is_refresh(one) else ""), ""
        elif one.status == 401 and (token := sent_token(one)) and not reason and has_expired(case, one, token):
            reason = "refresh-token-forgotten" if forgotten else "refresh-not-tried"
    return found


_LOGINS = {
    "refresh-not-tried": (
        "The client sent the user to log in again although it held a refresh token.",
        "Refresh when the access token has run out, and authorize again only where that is refused.",
        "no refresh after the 401",
    ),
    "refresh-token-forgotten": (
        "The client sent the user to log in again: it seems to have forgotten the refresh token at the last refresh.",
        "Keep the old refresh token where the answer to a refresh brings no new one.",
        "no refresh after a refresh answer without refresh_token",
    ),
    "refresh-not-repeated": (
        "The client sent the user to log in again after a refresh that failed for a passing reason.",
        "Keep the tokens unless the error is invalid_grant or invalid_client; try again later, with growing pauses.",
        "a new authorization after a failure that may pass",
    ),
}


@rule(
    "login-instead-of-refresh",
    step=ANY,
    level=SHOULD,
    who="client",
    summary="The client sent the user to log in again although it held a refresh token.",
    fix="Refresh when the access token has run out, and authorize again only where that is refused.",
    spec=Spec("RFC 6749", "1.5"),
    over=Selector(_logins_with_refresh_token, "nobody was sent to log in again while a refresh token was held"),
)
def _(case: Case, found: tuple[Exchange, str]) -> Iterator[Seen]:
    exchange, reason = found
    if reason:
        summary, fix, seen = _LOGINS[reason]
        yield Seen(exchange, "url", "a refresh", seen, summary, fix, cause=reason)
