"""Rules for ``iss`` in the authorization response (RFC 9207): judged in every version, asked for from 2026-07-28 on."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.issuer import ADVERTISED, IssuerCheck, issuer_check
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import FROM_HANDLER, redirect, returned, server_document, text
from mcp_oauth_nb.rules.rule import MAY, SHOULD, Case, Seen, Selector, rule, since
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, quoted, shown

VALIDATION = Spec("MCP 2026-07-28", "Authorization Response Validation")
ANSWERED = Selector(
    lambda case: [one] if (one := redirect(case)) and server_document(case) and _tells_iss(case, one) else [],
    "no redirect whose iss is known has come back yet for known authorization server metadata",
)


def _tells_iss(case: Case, back: Exchange) -> bool:
    """Whether it is known that iss came or did not come: a client's handler may hand on a redirect without it."""
    return "iss" in returned(case, back) or back.why != FROM_HANDLER


def checked(case: Case, back: Exchange) -> IssuerCheck | None:
    """The check of a redirect; None where no metadata is known to hold it against."""
    found = server_document(case)
    if found is None:
        return None
    issuer = found[1].get("issuer")
    return issuer_check(found[1], text(issuer), returned(case, back).get("iss"))


@rule(
    "iss-mismatch",
    step="callback",
    level=since("2026-07-28"),
    who=AUTHORIZATION_SERVER,
    summary="The redirect does not come from the issuer that was asked; a code from it must not be redeemed.",
    fix="Send iss with every authorization response, the same text as issuer in the metadata.",
    spec=Spec("RFC 9207", "2.4"),
    over=ANSWERED,
    explains=("unexpected-answer",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    check = checked(case, exchange)
    if check is not None and not check.accepted:
        seen = "no iss" if check.received is None else f"iss={quoted(check.received)}"
        wanted = check.expected or "(none in the metadata)"
        yield Seen(exchange, "url", f"iss={quoted(wanted)}", seen)


@rule(
    "iss-not-announced",
    step="callback",
    level=since("2026-07-28", before=MAY),
    who=AUTHORIZATION_SERVER,
    summary="The authorization server sends iss but does not announce it, so nobody notices when it is left out.",
    fix=f'Publish "{ADVERTISED}": true in the metadata.',
    spec=VALIDATION,
    over=ANSWERED,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    check, found = checked(case, exchange), server_document(case)
    if check is not None and found is not None and check.received is not None and not check.advertised:
        seen = shown(found[1][ADVERTISED]) if ADVERTISED in found[1] else f"no {ADVERTISED}"
        yield Seen(found[0], f"body:/{ADVERTISED}", "true", seen, step="callback")


@rule(
    "iss-not-sent",
    step="callback",
    level=since("2026-07-28", SHOULD, before=MAY),
    who=AUTHORIZATION_SERVER,
    summary="The redirect does not say which authorization server it comes from.",
    fix=f'Send iss with every authorization response, errors included, and publish "{ADVERTISED}": true.',
    spec=VALIDATION,
    over=ANSWERED,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    check = checked(case, exchange)
    if check is not None and check.received is None and not check.advertised:
        wanted = check.expected or "(none in the metadata)"
        yield Seen(exchange, "url", f"iss={quoted(wanted)}", "no iss")
