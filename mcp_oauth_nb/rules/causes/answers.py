"""Reading of answers that suspects share: what was said in words, and whether somebody at the edge said it."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from mcp_oauth_nb.protocol.wellknown import same_origin, split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import line
from mcp_oauth_nb.rules.evidence import query
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.words import capped

READ = 20_000
"""Characters of a body that are searched for words."""
_TAGS = re.compile(r"(?is)<(script|style)\b.*?</\1>|<[^>]{0,300}>")


_EITHER = re.compile(r"(?i)\bor\b[^.]*\bexpire|\bexpire[^.]*\bor\b")


def names_other_reasons(told: str) -> bool:
    """Whether a text speaks of expiry as one reason of several, as in "invalid or expired": then it tells none."""
    return bool(_EITHER.search(told))


def shown_in(case: Case, finding: Finding) -> Exchange | None:
    """The exchange that shows a finding."""
    found = case.trace.exchanges
    return found[finding.exchange - 1] if 0 < finding.exchange <= len(found) else None


def redirect_target(exchange: Exchange | None) -> str | None:
    """Where an answer redirects to; None where it does not, or to nothing that can be read."""
    if exchange is None or exchange.response is None or exchange.response.status // 100 != 3:
        return None
    location = exchange.response.header("location")
    try:
        return urljoin(exchange.request.url, location) if location else None
    except ValueError:
        return None


def leads_nowhere_else(exchange: Exchange) -> bool:
    """Whether an answer redirects to the very URL that was asked: whoever follows is redirected again."""
    target, here = redirect_target(exchange), split(exchange.request.url)
    there = split(target) if target else None
    if target is None or here is None or there is None or not same_origin(target, exchange.request.url):
        return False
    return (here.path or "/", here.query) == (there.path or "/", there.query)


def words(exchange: Exchange) -> str:
    """What an answer says to a reader: the error of a redirect, or the text of a body."""
    if exchange.direction == "in":
        back = query(exchange)
        return f"{back.get('error', '')} {back.get('error_description', '')}".strip()
    body = exchange.response.body.decode("utf-8", "replace") if exchange.response else ""
    return " ".join(_TAGS.sub(" ", capped(body, READ)).split())


def quoting(exchange: Exchange, pattern: re.Pattern[str]) -> tuple[Line, ...]:
    """The place in an answer where a pattern is found, with some whole words around it; nothing where it is not.

    No word is cut and no letter changed: half a secret, or one in other letters, could no longer be masked.
    """
    text = words(exchange)
    found = pattern.search(text)
    if found is None:
        return ()
    part = "url" if exchange.direction == "in" else "body:"
    first, last = text.rfind(" ", 0, max(0, found.start() - 40)) + 1, text.find(" ", found.end() + 80)
    return (line(exchange, part, capped(text[first : last if last > 0 else len(text)])),)
