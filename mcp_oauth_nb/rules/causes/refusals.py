"""What the suspects read out of a refusal: who seems to have answered, and the words that speak for a cause."""

from __future__ import annotations

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import line
from mcp_oauth_nb.rules.evidence import oauth_error, text
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.words import is_page

REFUSALS = Spec("RFC 6749", "5.2")
REFRESH_AGAIN = "dbg.refresh()"
LOGIN_AGAIN = "dbg.authorize()"
EDGES = ("cf-ray", "via", "x-amzn-requestid", "x-azure-ref", "x-amz-cf-id", "x-served-by")
"""Headers that proxies and content networks add to what passes them."""


def shown_in(case: Case, finding: Finding) -> Exchange | None:
    """The exchange that shows a finding."""
    known = finding.exchange in range(1, len(case.trace.exchanges) + 1)
    return case.trace.exchanges[finding.exchange - 1] if known else None


def refused_with(case: Case, finding: Finding, *errors: str) -> Exchange | None:
    """The exchange that shows a finding, where it was refused with one of these OAuth errors."""
    one = shown_in(case, finding)
    return one if one is not None and oauth_error(one) in errors else None


def description(exchange: Exchange) -> str:
    """The server's own words about its OAuth error; empty where it has none."""
    return text((exchange.document or {}).get("error_description")) or ""


def said(exchange: Exchange) -> Line:
    """The line with the OAuth error of an answer."""
    return line(exchange, "body:/error", f"error={oauth_error(exchange)} {description(exchange)}".strip())


def edge_of(exchange: Exchange) -> tuple[str, str] | None:
    """A header by which a proxy or content network gives itself away."""
    headers = exchange.response.headers if exchange.response else ()
    return next(((name, value) for name, value in headers if name.lower() in EDGES), None)


def is_of_gateway(exchange: Exchange) -> bool:
    """Whether somebody in front of the server answered: 503 is also what a server says itself (RFC 7009 2.2.1)."""
    page = exchange.response is not None and is_page(exchange.response)
    edge = edge_of(exchange) is not None
    return exchange.status in (502, 504) or (page and edge) or (exchange.status == 503 and (page or edge))
