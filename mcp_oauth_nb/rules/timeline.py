"""What a client asked one thing after the other, whichever step it was asked in.

A client that steps up, or is told by its token that it has run out, authorizes and asks for tokens in the middle of its
MCP requests. What a request is must then be read from the request itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import NamedTuple

from mcp_oauth_nb.protocol.grants import ROUTE
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import challenges, form, oauth_error, query, sent_json, text
from mcp_oauth_nb.rules.rule import Case

AS_A_CLIENT = (*ROUTE, "call", "refresh", "revoke")
"""The steps that send what an ordinary client sends; all others are probes."""
REFRESH = "refresh_token"
FINAL = ("invalid_grant", "invalid_client", "unauthorized_client")
"""Errors after which a refresh token is of no more use; all other failures may pass."""
UNWELL = (408, 425, 429, 500, 502, 503, 504)
"""Statuses of a server that may be well again a moment later."""


def timeline(case: Case) -> tuple[Exchange, ...]:
    """What the client sent and received, in order; without the probes."""
    return case.once(_in_order)


def _in_order(case: Case) -> tuple[Exchange, ...]:
    return tuple(sorted(case.exchanges(*AS_A_CLIENT), key=lambda one: one.id))


def token_form(exchange: Exchange) -> Mapping[str, str]:
    """The form of a token request; empty for any other request."""
    if exchange.request.method != "POST" or _is_json(exchange) or exchange.request.body[:1] in (b"", b"{", b"["):
        return {}
    sent = form(exchange)
    return sent if "grant_type" in sent else {}


def _is_json(exchange: Exchange) -> bool:
    """Whether a request whose body is not told is no form by its media type."""
    told = "request body" in exchange.untold and "request headers" not in exchange.untold
    return told and "json" in (exchange.request.header("content-type") or "").lower()


def is_refresh(exchange: Exchange) -> bool:
    """Whether it asks for tokens with a refresh token."""
    return token_form(exchange).get("grant_type") == REFRESH


def token_requests(case: Case) -> tuple[tuple[Exchange, Mapping[str, str]], ...]:
    """The token requests of the client, each with its form."""
    return case.once(_token_requests)


def _token_requests(case: Case) -> tuple[tuple[Exchange, Mapping[str, str]], ...]:
    return tuple((one, sent) for one in timeline(case) if (sent := token_form(one)))


def refreshes(case: Case) -> list[Exchange]:
    """The refresh requests of the client."""
    return [one for one, sent in token_requests(case) if sent["grant_type"] == REFRESH]


def granted(exchange: Exchange, name: str) -> str | None:
    """A text member of a successful token answer."""
    document = exchange.document or {}
    return text(document.get(name)) if exchange.status == 200 and text(document.get("access_token")) else None


def grant_began(case: Case, exchange: Exchange) -> int:
    """The id of the token request that began the grant in force at an exchange; 0 where none was seen."""
    began = (one.id for one, _ in token_requests(case) if not is_refresh(one) and granted(one, "access_token"))
    return max((id_ for id_ in began if id_ < exchange.id), default=0)


def is_authorization(exchange: Exchange) -> bool:
    """Whether it is an authorization request, sent by a browser or on its behalf."""
    return exchange.direction == "out" and exchange.request.method == "GET" and "response_type" in query(exchange)


def is_refused_for_good(exchange: Exchange) -> bool:
    """Whether a token endpoint said that the grant or the client is no more."""
    return oauth_error(exchange) in FINAL


def is_passing_failure(exchange: Exchange) -> bool:
    """Whether a request failed in a way that may be over a moment later."""
    return exchange.failure is not None or (exchange.status in UNWELL and not is_refused_for_good(exchange))


def overlap(first: Exchange, second: Exchange) -> bool:
    """Whether the second request was sent before the first one was answered."""
    if (first.started.tzinfo is None) != (second.started.tzinfo is None):
        return False
    return second.started < first.started + timedelta(milliseconds=max(first.elapsed_ms, 0))


def has_expired(case: Case, used: Exchange, token: str) -> bool:
    """Whether an access token was used later than the lifetime that came with it."""
    for one, _ in token_requests(case):
        lifetime = (one.document or {}).get("expires_in")
        if one.id >= used.id or granted(one, "access_token") != token or isinstance(lifetime, bool):
            continue
        if not isinstance(lifetime, (int, float)) or not 0 <= lifetime < 1e9:
            continue
        if (one.started.tzinfo is None) == (used.started.tzinfo is None):
            return used.started - one.started > timedelta(seconds=lifetime)
    return False


# --- scope ------------------------------------------------------------------------------------------------------------


class Operation(NamedTuple):
    """What an MCP request asks for: its method, and the tool, prompt or resource it names."""

    method: str
    subject: str

    def __str__(self) -> str:
        return f"{self.method} {self.subject}".strip()


def operation(exchange: Exchange) -> Operation | None:
    """What an MCP request asks for; None for any other request."""
    sent = sent_json(exchange) if exchange.request.body[:1] == b"{" else {}
    method, params = text(sent.get("method")), sent.get("params")
    if method is None:
        return None
    named = params if isinstance(params, dict) else {}
    return Operation(method, text(named.get("name")) or text(named.get("uri")) or "")


def challenged_scope(exchange: Exchange) -> frozenset[str] | None:
    """The scopes that a 403 with error=insufficient_scope asks for, perhaps none; None for any other answer."""
    if exchange.status != 403:
        return None
    bearer = challenges(exchange).bearer()
    if bearer is None or bearer.get("error") != "insufficient_scope":
        return None
    return frozenset((bearer.get("scope") or "").split())


def asked_scopes(exchange: Exchange) -> frozenset[str]:
    """The scopes that an authorization request asks for."""
    return frozenset(query(exchange).get("scope", "").split())


def granted_scopes(case: Case) -> Iterator[tuple[Exchange, frozenset[str]]]:
    """Every token answer with the scopes it grants: those it names, else those that were asked for (RFC 6749 5.1)."""
    asked: frozenset[str] = frozenset()
    for one in timeline(case):
        if is_authorization(one):
            asked = asked_scopes(one)
        elif (sent := token_form(one)) and granted(one, "access_token"):
            if sent["grant_type"] != REFRESH:
                asked = frozenset((sent.get("scope") or " ".join(asked)).split())
            named = granted(one, "scope")
            yield one, asked if named is None else frozenset(named.split())
