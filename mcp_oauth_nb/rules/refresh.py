"""Rules for refreshing: what a client owes its refresh token, and how a refusal has to look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import form, oauth_error
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.timeline import (
    granted,
    granted_scopes,
    is_refresh,
    overlap,
    refreshes,
    timeline,
    token_form,
    token_requests,
)
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, quoted

REFRESHES = Selector(refreshes, "no refresh was asked for yet")
BASIS = Spec("RFC 6749", "6")


class Pair(NamedTuple):
    """A refresh, and the earlier token request whose answer it builds on."""

    earlier: Exchange
    later: Exchange


def _sent_refresh_token(exchange: Exchange) -> str:
    return form(exchange).get("refresh_token", "")


def _of_issued(case: Case) -> list[Pair]:
    """Refreshes with a token that came with an earlier answer, each with that token request."""
    source: dict[str, Exchange] = {}
    pairs = []
    for one, sent in token_requests(case):
        if is_refresh(one) and (earlier := source.get(sent.get("refresh_token", ""))):
            pairs.append(Pair(earlier, one))
        if new := granted(one, "refresh_token"):
            source.setdefault(new, one)
    return pairs


@rule(
    "refresh-without-token",
    step=ANY,
    level=MUST,
    who="client",
    summary="A refresh was asked for without a refresh token.",
    fix="Go on without refreshing where no refresh token was issued: authorize again when the access token runs out.",
    spec=BASIS,
    over=REFRESHES,
    explains=("refresh-refused", "token-refused"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if not _sent_refresh_token(exchange):
        who = sender(exchange, "refresh_token")
        yield Seen(exchange, "body:", "refresh_token", "no refresh_token", who=who)


@rule(
    "refresh-token-reused",
    step=ANY,
    level=MUST,
    who="client",
    summary="A refresh token was sent again that had already been replaced by a new one.",
    fix="Keep the newest refresh token in the place of the old one, before anything else is asked.",
    spec=Spec("OAuth 2.1", "4.3.2"),
    over=REFRESHES,
    explains=("refresh-refused", "token-rejected", "dead-token-reused"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    token = _sent_refresh_token(exchange)
    earlier = case.once(_replacements).get(token)
    if earlier is None or earlier.id >= exchange.id:
        return
    seen = f"the refresh token that exchange {earlier.id} had replaced"
    if overlap(earlier, exchange):
        yield Seen(
            exchange,
            "body:/refresh_token",
            "one refresh at a time",
            f"the refresh token of exchange {earlier.id}, which was still under way",
            "Two refreshes with the same refresh token ran at the same time.",
            "Let one process refresh at a time, under a lock, and read the stored token again once it is held.",
            cause="refresh-race",
        )
    else:
        yield Seen(
            exchange, "body:/refresh_token", "the newest refresh token", seen, who=sender(exchange, "refresh_token")
        )


def _replacements(case: Case) -> dict[str, Exchange]:
    """By refresh token: the refresh that put another one in its place."""
    found: dict[str, Exchange] = {}
    for one in refreshes(case):
        old, new = _sent_refresh_token(one), granted(one, "refresh_token")
        if old and new is not None and new != old:
            found.setdefault(old, one)
    return found


def _with_scope(case: Case) -> list[tuple[Exchange, frozenset[str]]]:
    """Refreshes that come after a grant with known scopes, each with the scopes of that grant."""
    scopes = {one.id: scope for one, scope in granted_scopes(case)}
    original: frozenset[str] = frozenset()
    found = []
    for one, _ in token_requests(case):
        if is_refresh(one):
            found += [(one, original)] if original else []
        else:
            original = scopes.get(one.id, original)
    return found


@rule(
    "refresh-scope-widened",
    step=ANY,
    level=MUST,
    who="client",
    summary="A refresh asks for more scope than was granted.",
    fix="Leave scope out of the refresh or narrow it; for more scope, authorize again.",
    spec=Spec("OAuth 2.1", "4.3.1"),
    over=Selector(_with_scope, "no refresh was asked for after a grant whose scope is known"),
    explains=("refresh-refused",),
)
def _(case: Case, found: tuple[Exchange, frozenset[str]]) -> Iterator[Seen]:
    exchange, original = found
    more = set(form(exchange).get("scope", "").split()) - original
    if more:
        wanted = f"no more than {quoted(' '.join(sorted(original)))}"
        seen, who = quoted(" ".join(sorted(more))), sender(exchange, "scope")
        yield Seen(exchange, "body:/scope", wanted, f"also {seen}", who=who)


def _refresh_tokens(case: Case) -> frozenset[str]:
    known = {granted(one, "refresh_token") or "" for one, _ in token_requests(case)}
    known |= {_sent_refresh_token(one) for one in refreshes(case)}
    return frozenset(one for one in known if len(one) >= 8)


def _beside_refresh_tokens(case: Case) -> list[Exchange]:
    return list(timeline(case)) if case.once(_refresh_tokens) else []


@rule(
    "refresh-token-exposed",
    step=ANY,
    level=MUST,
    who="client",
    summary="A refresh token was sent to a place where it does not belong.",
    fix="Send a refresh token only in the body of requests to the authorization server.",
    spec=Spec("OAuth 2.1", "4.3"),
    over=Selector(_beside_refresh_tokens, "no refresh token is known"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    tokens = case.once(_refresh_tokens)
    request = exchange.request
    if any(token in request.url for token in tokens):
        yield Seen(exchange, "url", "no refresh token", "a refresh token in the URL")
    for name, value in request.headers:
        if any(token in value for token in tokens):
            yield Seen(exchange, f"header:{name}", "no refresh token", "a refresh token in a header")
    to_mcp = exchange.step in ("challenge", "mcp", "call") and request.body[:1] == b"{"
    if to_mcp and any(token.encode("utf-8", "replace") in request.body for token in tokens):
        yield Seen(exchange, "body:", "no refresh token", "a refresh token in a request to the MCP server")


STATUSES = {"invalid_client": (400, 401)}


@rule(
    "refresh-error-status",
    step=ANY,
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The refusal of a refresh has another status than its error asks for.",
    fix="Answer OAuth errors with 400, and invalid_client also with 401: clients tell by it whether to authorize anew.",
    spec=Spec("RFC 6749", "5.2"),
    over=Selector(
        lambda case: [one for one in case.answered("refresh", "replay") if oauth_error(one) and one.status != 200],
        "no refresh was refused with an OAuth error",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    error = oauth_error(exchange)
    fits = STATUSES.get(error, (400,))
    if 400 <= (exchange.status or 0) < 429 and exchange.status not in fits:
        yield Seen(exchange, "status", " or ".join(str(one) for one in fits), came(exchange))


@rule(
    "refresh-client-differs",
    step=ANY,
    level=MUST,
    who="client",
    summary="Another client refreshes than the one that the refresh token was issued to.",
    fix="Store a refresh token together with the client id and the issuer, and authorize again where either changed.",
    spec=BASIS,
    over=Selector(_of_issued, "no refresh token was used whose issue was seen"),
    explains=("refresh-refused",),
)
def _(case: Case, pair: Pair) -> Iterator[Seen]:
    before, now = token_form(pair.earlier).get("client_id"), form(pair.later).get("client_id")
    if before and now and before != now:
        who = sender(pair.later, "client_id")
        yield Seen(pair.later, "body:/client_id", quoted(before), quoted(now), who=who)
        return
    was, at = (one.request.url.partition("?")[0] for one in (pair.earlier, pair.later))
    if was != at and at != case.trace.settings.get("refresh_url", "").partition("?")[0]:
        summary = "A refresh token was sent to another token endpoint than the one that issued it."
        yield Seen(pair.later, "url", quoted(was), quoted(at), summary)
