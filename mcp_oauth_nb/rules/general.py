"""Rules for what holds everywhere: where a redirect URI may lead, and who may ask from a browser."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import is_loopback, same_origin, split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import at_least, authorization_request, query
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import MCP_SERVER, came, shown


def _asked_to_redirect(case: Case) -> list[Exchange]:
    request = authorization_request(case)
    return [request] if request and query(request).get("redirect_uri") else []


@rule(
    "redirect-uri-insecure",
    step="authorize",
    level=MUST,
    who="client",
    summary="The redirect URI is plain http on another machine, where the code can be read on the way.",
    fix="Use an https redirect URI, or one on this machine such as http://127.0.0.1/callback.",
    spec=Spec("MCP 2025-11-25", "Communication Security"),
    over=Selector(_asked_to_redirect, "no authorization request with a redirect URI was made yet"),
    explains=("authorization-page", "authorization-error"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    used = query(exchange).get("redirect_uri", "")
    if used.lower().startswith("https:") or is_loopback(used):
        return
    private_use = split(used) is None
    yield Seen(
        exchange,
        "url",
        expected="an https URL, or one on this machine",
        observed=shown(used),
        summary="The redirect URI is neither https nor on this machine." if private_use else "",
        who=sender(exchange, "redirect_uri"),
        level=SHOULD if private_use else MUST,  # RFC 8252 7.1 allows what MCP leaves out
    )


def _asked_from_elsewhere(case: Case) -> list[Exchange]:
    """Requests with a foreign Origin. A 401 tells nothing: the token may have been looked at first."""
    return [
        one
        for one in case.answered("origin")
        if (origin := one.request.header("origin")) and not same_origin(origin, case.url) and one.status != 401
    ]


@rule(
    "origin-unchecked",
    step="origin",
    level=MUST,
    who=MCP_SERVER,
    summary="The MCP server serves a request that comes from a page of a foreign site.",
    fix="Check the Origin header of every request against the sites that may ask, and answer 403 to any other.",
    spec=Spec("MCP 2025-11-25", "Security Warning"),
    over=Selector(_asked_from_elsewhere, "no request with a foreign Origin got past the check of the token yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status == 403:
        return
    served = exchange.status is not None and exchange.status // 100 == 2
    told = at_least(case, "2025-11-25")
    if served or told:
        summary = "" if served else "A request from a page of a foreign site was refused, but not with 403."
        grave = served and told
        yield Seen(exchange, "status", "403", came(exchange), summary, level=MUST if grave else SHOULD)
