"""Rules for what a revocation is worth: whether it was the right token, and whether that is of no more use."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.jsonrpc import messages
from mcp_oauth_nb.protocol.probes import FRESH_GRANT
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import form, jwt_claims, oauth_error, sent_token
from mcp_oauth_nb.rules.resource import refused_in_success
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.timeline import grant_began, granted, is_refresh, timeline, token_requests
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, came

REVOCATION = Spec("RFC 7009", "2")


def revocations(case: Case) -> list[Exchange]:
    """The revocations that were answered 200, in order."""
    return [one for one in case.answered("revoke") if one.status == 200 and form(one).get("token")]


def _issued_tokens(case: Case) -> set[str]:
    answered = [*(one for one, _ in token_requests(case)), *case.answered(FRESH_GRANT)]
    found = {granted(one, name) for one in answered for name in ("access_token", "refresh_token")}
    return {one for one in found if one}


def _beside_issued(case: Case) -> list[Exchange]:
    return revocations(case) if case.once(_issued_tokens) else []


@rule(
    "revoked-another-token",
    step="revoke",
    level=MUST,
    who="client",
    summary="What was revoked is none of the tokens that were issued here; the answer 200 says nothing about those.",
    fix="Revoke the very token in use, and use it afterwards to see whether it is gone: unknown tokens get 200 too.",
    spec=Spec("RFC 7009", "2.2"),
    over=Selector(_beside_issued, "nothing was revoked after tokens had been issued here"),
    explains=("revoked-token-accepted", "revoked-refresh-token-accepted"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if form(exchange)["token"] not in case.once(_issued_tokens):
        yield Seen(exchange, "body:/token", "a token issued here", "another value", who=sender(exchange, "token"))


def replay_refused_before(case: Case, exchange: Exchange) -> Exchange | None:
    """A replay that was refused before this request: it may have ended the grant in force (OAuth 2.1 4.3.1)."""
    began = grant_began(case, exchange)
    refused = [one for one in case.answered("replay") if began < one.id < exchange.id and one.status in (400, 401)]
    return refused[-1] if refused else None


def _used_after_revocation(case: Case) -> list[Exchange]:
    """Uses of a revoked access token that tell something about the revocation."""
    if any(oauth_error(one) == "unsupported_token_type" for one in case.answered("revoke")):
        return []
    used = [one for one in case.answered("revoked") if sent_token(one)]
    refused = [one for one in used if one.status == 401 and replay_refused_before(case, one) is None]
    return refused + [one for one in used if (one.status or 0) // 100 == 2]


@rule(
    "revoked-token-accepted",
    step="revoked",
    level=MUST,
    who=MCP_SERVER,
    summary="The MCP server accepts an access token that was revoked.",
    fix="Check tokens by introspection or a short lifetime; at the authorization server, end access tokens with their "
    "grant.",
    spec=REVOCATION,
    over=Selector(
        _used_after_revocation,
        "no revoked token was used, or the answer was neither 401 nor a success, or a replay had been refused before, "
        "which may have ended the grant: for a proof, revoke without a replay",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    response = exchange.response
    if response is not None and response.status != 401 and any("result" in one for one in messages(response)):
        # What a JWT says holds until it runs out, and nobody need ask whether it was revoked (RFC 7009 3).
        contained = bool(jwt_claims(sent_token(exchange) or ""))
        yield Seen(exchange, "status", "401", came(exchange), level=SHOULD if contained else None)


def _refreshed_after(case: Case) -> list[tuple[Exchange, Exchange]]:
    """Refreshes with a refresh token that had been revoked, each with its revocation."""
    found: list[tuple[Exchange, Exchange]] = []
    revoked: dict[str, Exchange] = {}
    for one in timeline(case):
        if one.step == "revoke" and one.status == 200:
            revoked.setdefault(form(one).get("token", ""), one)
        elif revoked and is_refresh(one) and (by := revoked.get(form(one).get("refresh_token", ""))):
            found.append((by, one))
    return found


@rule(
    "revoked-refresh-token-accepted",
    step=ANY,
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="A refresh token that was revoked still gets new tokens.",
    fix="Mark the grant as revoked where it is stored, and look at that mark whenever a token is issued from it.",
    spec=Spec("RFC 7009", "2.1"),
    over=Selector(_refreshed_after, "no refresh token was used after it had been revoked"),
    explains=("revoked-token-accepted",),
)
def _(case: Case, found: tuple[Exchange, Exchange]) -> Iterator[Seen]:
    _, exchange = found
    if granted(exchange, "access_token"):
        yield Seen(exchange, "status", "400 with error=invalid_grant", "200 with a new access token")


def _issued_while_revoking(case: Case) -> list[tuple[Exchange, Exchange]]:
    """MCP requests after a revocation with a token from a refresh that was under way at that moment."""
    found: list[tuple[Exchange, Exchange]] = []
    sent = timeline(case)
    done = revocations(case)
    issued = {token: one for one in sent if is_refresh(one) and (token := granted(one, "access_token"))}
    for used in sent if done else []:
        source = issued.get(sent_token(used) or "")
        if source is not None and used.step in ("mcp", "call") and _crossed(source, done[0], used):
            found.append((source, used))
    return found


def _crossed(source: Exchange, revocation: Exchange, used: Exchange) -> bool:
    """Whether a refresh began before the revocation and ended behind it, and its token was used after both."""
    times = (source.started, revocation.started, used.started)
    if len({one.tzinfo is None for one in times}) > 1 or used.id < revocation.id:
        return False
    ended_s = (revocation.started - source.started).total_seconds()
    return ended_s >= 0 and source.elapsed_ms / 1000 >= ended_s + revocation.elapsed_ms / 1000


@rule(
    "refresh-survives-revocation",
    step=ANY,
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="Tokens of a refresh that was under way when the grant was revoked go on working.",
    fix="Mark the grant as revoked where it is stored, and look at that mark when the tokens are issued.",
    spec=Spec("RFC 7009", "2.1"),
    over=Selector(_issued_while_revoking, "no token was used from a refresh under way during a revocation"),
)
def _(case: Case, found: tuple[Exchange, Exchange]) -> Iterator[Seen]:
    source, used = found
    if (used.status or 0) // 100 == 2 and not refused_in_success(used):
        yield Seen(used, "status", "401", f"{used.status} with the token of exchange {source.id}")
