"""What the suspects behind a refused token look at: the token that was presented, and who seems to have refused it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mcp_oauth_nb.protocol.jwt import Jwt, read_jwt
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import line
from mcp_oauth_nb.rules.evidence import challenges, sent_json, sent_token, text
from mcp_oauth_nb.rules.named_checks import said
from mcp_oauth_nb.rules.resource import refused_in_success
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.token_claims import issued_tokens
from mcp_oauth_nb.rules.words import capped, is_page, shown

EDGE_HEADERS = ("cf-ray", "cf-mitigated", "x-amzn-waf-action", "x-amz-cf-id", "x-azure-ref", "x-iinfo", "via")
EDGE_SERVERS = ("cloudflare", "akamaighost", "awselb", "cloudfront", "imperva", "envoy", "google frontend", "big-ip")
"""How proxies and content networks give themselves away, in headers of their own and in Server."""


@dataclass(frozen=True, repr=False)
class Presented:
    """A token that was presented to the MCP server.

    Attributes:
        exchange: the exchange that shows the finding.
        token: the token.
        jwt: how it reads; None where it is no JSON Web Token.
        source: the answer that issued it; None where it came from elsewhere.
    """

    exchange: Exchange
    token: str
    jwt: Jwt | None
    source: Exchange | None

    def __repr__(self) -> str:
        return f"<Presented {'JWT' if self.jwt else 'token'}>"

    def claim(self, name: str) -> Line:
        """A line with a claim; with those only that say nothing about a person."""
        value = self.jwt.claims.get(name) if self.jwt else None
        quote = f"{name}={shown(value)}" if self.jwt and name in self.jwt.claims else f"no {name}"
        return self.told(f"{quote} (read, not verified)")

    def told(self, quote: str) -> Line:
        """A line about the token where it first stood."""
        if self.source is not None:
            return line(self.source, "body:/access_token", quote)
        return line(self.exchange, "header:Authorization", quote)


def shown_in(case: Case, finding: Finding) -> Exchange | None:
    """The exchange that shows a finding."""
    found = case.trace.exchanges
    return found[finding.exchange - 1] if 0 < finding.exchange <= len(found) else None


def presented(case: Case, finding: Finding) -> Presented | None:
    """The refused token behind a finding of the token answer or of the refusal; None where none was refused."""
    exchange = shown_in(case, finding)
    if exchange is None:
        return None
    token = text((exchange.document or {}).get("access_token")) or sent_token(exchange)
    if not token or token not in case.once(_refused):
        return None
    source = issued_tokens(case).get(token)
    return Presented(exchange, token, read_jwt(token), source[0] if source else None)


def _refused(case: Case) -> frozenset[str]:
    """The tokens that the MCP server refused."""
    return frozenset(token for one in _refusals(case) if (token := sent_token(one)))


def _refusals(case: Case) -> list[Exchange]:
    """What the MCP server refused, also where it did so under a status of success."""
    answered = case.answered("mcp", "call")
    return [one for one in answered if one.status in (401, 403) or (sent_token(one) and refused_in_success(one))]


def refusal(case: Case, token: str) -> Exchange | None:
    """The first refusal of a token by the MCP server."""
    return next((one for one in _refusals(case) if sent_token(one) == token), None)


def quoting(exchange: Exchange, pattern: re.Pattern[str]) -> tuple[Line, ...]:
    """The line with the words of a refusal that a pattern finds; empty where it finds none."""
    if not pattern.search(said(exchange)):
        return ()
    for item in challenges(exchange).items:
        description = item.get("error_description")
        if description and pattern.search(description):
            return (line(exchange, "header:WWW-Authenticate", f'error_description="{capped(description, 160)}"'),)
    return (line(exchange, "body:", capped(said(exchange), 160)),)


def edge(exchange: Exchange) -> tuple[Line, ...]:
    """Header fields in which something in front of the server gives itself away."""
    response = exchange.response
    if response is None:
        return ()
    server = response.header("server") or ""
    named = [("Server", server)] if any(name in server.lower() for name in EDGE_SERVERS) else []
    named += [(name, value) for name in EDGE_HEADERS if (value := response.header(name)) is not None]
    return tuple(line(exchange, f"header:{name}", capped(value, 120)) for name, value in named)


def page(exchange: Exchange) -> tuple[Line, ...]:
    """The line that shows a page for people in place of an answer; empty where there is none."""
    response = exchange.response
    if response is None or not is_page(response):
        return ()
    return (line(exchange, "header:Content-Type", response.media_type or "a page without a media type"),)


def succeeded_before(case: Case, exchange: Exchange) -> list[Exchange]:
    """Requests that worked with the same token before this one, in the same run of requests."""
    token = sent_token(exchange)
    earlier = (one for one in case.answered("mcp", "call") if one.id < exchange.id and sent_json(one).get("method"))
    worked = (one for one in earlier if (one.status or 0) // 100 == 2 and not refused_in_success(one))
    return [one for one in worked if sent_token(one) == token]
