"""How a step says why it stopped. Server text in it is one short line: views mask and escape it, nobody reads more."""

from __future__ import annotations

from mcp_oauth_nb.records import Exchange

LONGEST = 80


def brief(value: object) -> str:
    """A server's word in one line of at most `LONGEST` characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def said(exchange: Exchange) -> str:
    """Status of an answer, with its OAuth error where it names one: ``400 (invalid_grant)``."""
    error = (exchange.document or {}).get("error")
    return f"{exchange.status} ({brief(error)})" if isinstance(error, str) else str(exchange.status)


def unanswered(exchange: Exchange) -> str:
    """Why no whole answer came."""
    return exchange.failure.message if exchange.failure else "no answer came"


def answered(exchange: Exchange) -> str:
    """Status and media type of an answer: ``200 text/html``."""
    media_type = exchange.response.media_type if exchange.response else ""
    return f"{exchange.status} {brief(media_type) or 'without a media type'}"
