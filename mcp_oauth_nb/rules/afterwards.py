"""Rules for what the authorization server does with tokens later: refresh, replay of an old one, revocation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange, Run
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import (
    answered,
    form,
    oauth_error,
    server_document,
    text,
)
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule, since
from mcp_oauth_nb.rules.tokens import issued, refused
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, fix_for, shown, who_answered, with_error

OVER = (
    "The refresh token has run out, was revoked, or was replaced by another one: authorize again. Where that comes too "
    "often, the authorization server's log says which it was."
)
"""What to do about a refresh token that is good no more; what a client may send wrongly has rules of its own."""


def _silent(step: str) -> Selector:
    """A finished run of this step: it may have had nothing to send."""
    return Selector(lambda case: [case.runs[step]] if step in case.runs else [], f"the step {step} has not run yet")


@rule(
    "refresh-token-missing",
    step="refresh",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="No refresh token was issued, so there is nothing to refresh with.",
    fix="A server need not issue one. To get it, allow the client the refresh_token grant; some servers want the scope "
    "offline_access.",
    spec=Spec("RFC 6749", "1.5"),
    over=_silent("refresh"),
)
def _(case: Case, run: Run) -> Iterator[Seen]:
    held = issued(case, "token")
    if run.achieved or case.exchanges("refresh") or not held or text(held[-1][1].get("refresh_token")):
        return
    yield Seen(held[-1][0], "body:/refresh_token", "a refresh_token", "no refresh_token")


@rule(
    "refresh-refused",
    step="refresh",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The token endpoint refused the refresh token.",
    fix="Look the error up in the authorization server's log.",
    spec=Spec("RFC 6749", "5.2"),
    over=answered("refresh", missing="no refresh request was answered yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 200 or (oauth_error(exchange) and not (exchange.document or {}).get("access_token")):
        seen = refused(exchange, "200 with a new access token", "The token endpoint refused the refresh token")
        is_open = oauth_error(exchange) == "invalid_grant" and not exchange.edited
        yield replace(seen, who="user", fix=OVER) if is_open else seen


def _refreshed_by_public_client(case: Case) -> list[Found]:
    """A client that neither sends a secret nor an assertion is public."""
    return [found for found in issued(case, "refresh") if _is_of_public_client(found[0])]


def _is_of_public_client(exchange: Exchange) -> bool:
    secrets = {"client_secret", "client_assertion"}
    return exchange.request.header("authorization") is None and not secrets & form(exchange).keys()


@rule(
    "refresh-not-rotated",
    step="refresh",
    level=since("2025-06-18"),
    who=AUTHORIZATION_SERVER,
    summary="The refresh token of a public client was not replaced by a new one.",
    fix="Issue a new refresh token with every refresh, and refuse the old one from then on.",
    spec=Spec("MCP 2025-11-25", "Token Theft"),
    over=Selector(_refreshed_by_public_client, "no token of a public client was refreshed yet"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    if (text(document.get("token_type")) or "").lower() == "dpop":
        return
    new, old = text(document.get("refresh_token")), form(exchange).get("refresh_token")
    if not new or new == old:
        seen = "the same refresh_token" if new else "no refresh_token"
        yield Seen(exchange, "body:/refresh_token", "a new refresh_token", seen)


def _presented_old_token(case: Case) -> list[Exchange]:
    """A refresh token that the refresh did not replace is no old one."""
    current = {text(document.get("refresh_token")) for _, document in issued(case, "refresh")} - {None}
    judged = [one for one in case.answered("replay") if one.status in (200, 400, 401)]
    return [one for one in judged if current and form(one).get("refresh_token") not in current]


@rule(
    "replay-accepted",
    step="replay",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="A refresh token that was already replaced still works, so a stolen one would too.",
    fix="Refuse a replaced refresh token with invalid_grant, and revoke the tokens that came of it. Where it works for "
    "some seconds alone, so that a lost answer can be asked for again, keep those few.",
    spec=Spec("OAuth 2.1", "4.3.1"),
    over=Selector(
        _presented_old_token,
        "no replaced refresh token was presented, or the answer was neither a token nor an OAuth refusal",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    """Only the refresh tokens of public clients have to be replaced or bound."""
    if exchange.status != 200 or not text((exchange.document or {}).get("access_token")):
        return
    wanted, came_back = "400 with error=invalid_grant", "200 with a new access token"
    if _is_of_public_client(exchange):
        yield Seen(exchange, "status", wanted, came_back)
    else:
        summary = "A refresh token that was already replaced still works, for who has the secret of the client."
        yield Seen(exchange, "status", wanted, came_back, summary, level=SHOULD)


@rule(
    "revocation-endpoint-missing",
    step="revoke",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server offers no revocation endpoint.",
    fix="Nothing can be revoked here: wait for the tokens to expire, or end the grant in the server's own console.",
    spec=Spec("RFC 7009", "2"),
    over=_silent("revoke"),
)
def _(case: Case, run: Run) -> Iterator[Seen]:
    found = server_document(case)
    if run.achieved or case.exchanges("revoke") or found is None:
        return
    value = found[1].get("revocation_endpoint")
    if not isinstance(value, str):
        seen = shown(value) if "revocation_endpoint" in found[1] else "no revocation_endpoint"
        yield Seen(found[0], "body:/revocation_endpoint", "a revocation_endpoint", seen, step="revoke")


@rule(
    "revocation-refused",
    step="revoke",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The revocation endpoint did not answer 200.",
    fix="Answer 200 to every revocation request of an authenticated client, also for unknown tokens.",
    spec=Spec("RFC 7009", "2.2"),
    over=answered("revoke", missing="no revocation request was answered yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status == 200:
        return
    error = oauth_error(exchange)
    is_should = error == "unsupported_token_type" and not _revokes_refresh_token(case, exchange)
    wait = (
        "The tokens still work: wait as Retry-After says, then revoke again." if exchange.status in (429, 503) else ""
    )
    yield Seen(
        exchange,
        "body:/error" if error else "status",
        expected="200",
        observed=came(exchange),
        summary=f"The revocation was answered {exchange.status}{with_error(error)}.",
        fix=wait or _revocation_fix(exchange, error, is_access_token=is_should),
        who="client" if error == "invalid_client" else AUTHORIZATION_SERVER if wait else who_answered(exchange),
        # RFC 7009 2: refresh tokens must be revocable, access tokens should be.
        level=SHOULD if is_should else None,
    )


def _revokes_refresh_token(case: Case, exchange: Exchange) -> bool:
    """Whether the token to revoke is a refresh token, by its hint (RFC 7009 2.1) or because it was issued as one."""
    sent = form(exchange)
    known = {text(document.get("refresh_token")) for _, document in issued(case, "token", "refresh")}
    return sent.get("token_type_hint") == "refresh_token" or sent.get("token") in known


def _revocation_fix(exchange: Exchange, error: str, *, is_access_token: bool) -> str:
    """What to do about a refusal; empty where the rule's own words say it."""
    if error == "unsupported_token_type" and is_access_token:
        return "Allow the revocation of access tokens; until then they work until they expire."
    if error == "unsupported_token_type":
        return "Allow the revocation of refresh tokens: a server that revokes at all has to revoke those."
    if error == "invalid_client":
        return "Check how the client authenticates at the revocation endpoint."
    if exchange.status in range(201, 300):
        return "Answer with status 200, whether or not there was anything to revoke; the body does not matter."
    return "" if error else fix_for(exchange, "the revocation answer")
