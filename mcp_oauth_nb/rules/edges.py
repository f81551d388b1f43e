"""Whose answer it is: that of the server which was asked, or of something that stands in front of it."""

from __future__ import annotations

from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import line
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.words import capped, is_page

MARKS = (
    "cf-ray",
    "cf-mitigated",
    "x-amz-cf-id",
    "x-amzn-waf-action",
    "x-azure-ref",
    "x-akamai-request-id",
    "x-sucuri-id",
    "x-iinfo",
    "x-served-by",
    "via",
)
"""Header fields that proxies, content networks and firewalls add to what they pass on or answer themselves."""
SERVERS = (
    "cloudflare",
    "akamaighost",
    "awselb",
    "cloudfront",
    "nginx",
    "envoy",
    "varnish",
    "squid",
    "big-ip",
    "traefik",
)
"""Names in the Server header under which such intermediaries answer."""


def edge_lines(exchange: Exchange) -> tuple[Line, ...]:
    """The header fields of an answer that speak of an intermediary."""
    if exchange.response is None:
        return ()
    server = exchange.response.header("server") or ""
    found = [("Server", server)] if any(name in server.lower() for name in SERVERS) else []
    found += [(name, value) for name in MARKS if (value := exchange.response.header(name)) is not None]
    return tuple(line(exchange, f"header:{name}", capped(value, 120)) for name, value in found)


def page_lines(exchange: Exchange) -> tuple[Line, ...]:
    """The line that shows a page for people where a program was answered; empty where it is none."""
    if exchange.response is None or not is_page(exchange.response):
        return ()
    return (line(exchange, "header:Content-Type", exchange.response.media_type or "an HTML page"),)


def answered_by_edge(exchange: Exchange) -> tuple[Line, ...]:
    """The lines that show an intermediary's own answer: its marks, and a page of its making. Empty otherwise.

    Marks alone are no sign: what a gateway merely passes on carries them too.
    """
    marks, page = edge_lines(exchange), page_lines(exchange)
    return (*page, *marks) if marks and page else ()
