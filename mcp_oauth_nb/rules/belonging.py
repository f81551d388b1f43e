"""Whose an authorization request is: of the client that is looked at, or of another one that was recorded beside it.

A browser's recording holds more than one client's requests. An authorization server that lets people log in elsewhere
is a client of that place, in the middle of the flow; another page of the same browser logs in or refreshes its tokens
at any time. Neither says anything of the flow that is looked at.

Pure: nothing raises.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

from mcp_oauth_nb.protocol.wellknown import same_origin
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import form, query, sent_json, text, texts

OF_CODE = "authorization_code"
OF_REFRESH = "refresh_token"


def without_query(url: str) -> str:
    """A URL up to its query."""
    return url.partition("#")[0].partition("?")[0]


def location(exchange: Exchange) -> str:
    """Where a redirect leads, as an absolute URL; empty where the answer is none."""
    named = (
        exchange.response.header("location") if exchange.response and 300 <= exchange.response.status < 400 else None
    )
    try:
        return urljoin(exchange.request.url, named) if named else ""
    except ValueError:
        return named or ""


def asks_for_authorization(one: Exchange) -> bool:
    """Whether the parameters are those of an authorization request (RFC 6749 4.1.1, 4.2.1)."""
    sent = query(one)
    return one.request.method == "GET" and "response_type" in sent and ("client_id" in sent or "redirect_uri" in sent)


# --- authorization requests -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Signs:
    """By what an authorization request is known: its endpoint, its client id, its redirect URI; one of them is enough.

    A client at fault may have one of them wrong, hardly all.
    """

    endpoints: frozenset[str]
    clients: frozenset[str]
    redirects: frozenset[str]

    def are_of(self, asked: Exchange) -> bool:
        sent = query(asked)
        return (
            without_query(asked.request.url) in self.endpoints
            or sent.get("client_id") in self.clients
            or without_query(sent.get("redirect_uri", "")) in self.redirects
        )


def of_other_clients(exchanges: Sequence[Exchange]) -> frozenset[str]:
    """The URLs of the authorization requests that another client made; none where it cannot be told.

    What the metadata publishes and what was registered tells it; without any of both, what was shown to a token
    endpoint; and without that, that one authorization took place in the middle of another.
    """
    asked = [one for one in exchanges if asks_for_authorization(one)]
    for signs in (_published(exchanges), _redeemed(exchanges)):
        ours = [one for one in asked if signs.are_of(one)]
        if ours:
            return frozenset(one.request.url for one in asked if one not in ours)
    return frozenset(_nested(exchanges))


def _published(exchanges: Sequence[Exchange]) -> _Signs:
    documents = [one.document or {} for one in exchanges if one.request.method == "GET"]
    registered = [one for one in exchanges if texts(sent_json(one).get("redirect_uris"))]
    return _Signs(
        frozenset(without_query(url) for one in documents if (url := text(one.get("authorization_endpoint")))),
        frozenset(name for one in registered if (name := text((one.document or {}).get("client_id")))),
        frozenset(without_query(url) for one in registered for url in texts(sent_json(one).get("redirect_uris"))),
    )


def _redeemed(exchanges: Sequence[Exchange]) -> _Signs:
    shown = [form(one) for one in exchanges if one.request.method == "POST" and one.request.body[:1] not in (b"", b"{")]
    of_codes = [one for one in shown if one.get("grant_type") == OF_CODE]
    return _Signs(
        frozenset(),
        frozenset(name for one in of_codes if (name := one.get("client_id"))),
        frozenset(without_query(url) for one in of_codes if (url := one.get("redirect_uri"))),
    )


def _nested(exchanges: Sequence[Exchange]) -> Iterator[str]:
    """The authorization requests of other clients that were made while one was open, to which a redirect came later."""
    outer: Exchange | None = None
    for place, one in enumerate(exchanges):
        if asks_for_authorization(one):
            if outer is not None and not _signs_of(outer).are_of(one) and _is_answered(outer, exchanges[place + 1 :]):
                yield one.request.url
            else:
                outer = one
        if outer is not None and _comes_back_to(outer, one):
            outer = None


def _signs_of(asked: Exchange) -> _Signs:
    sent = query(asked)
    redirects = frozenset((without_query(sent["redirect_uri"]),)) if sent.get("redirect_uri") else frozenset()
    clients = frozenset((sent["client_id"],)) if sent.get("client_id") else frozenset()
    return _Signs(frozenset((without_query(asked.request.url),)), clients, redirects)


def _is_answered(asked: Exchange, later: Iterable[Exchange]) -> bool:
    return any(_comes_back_to(asked, one) for one in later)


def _comes_back_to(asked: Exchange, one: Exchange) -> bool:
    """Whether a request, or the redirect that answers it, leads to the redirect URI that was asked for."""
    redirect = without_query(query(asked).get("redirect_uri", ""))
    return bool(redirect) and redirect in (without_query(one.request.url), without_query(location(one)))


# --- token requests ---------------------------------------------------------------------------------------------------


def is_token_request_elsewhere(one: Exchange, endpoints: Collection[str], held: Collection[str]) -> bool:
    """Whether another client shows a code or a refresh token, to a place that is none of the authorization server's.

    Args:
        one: a token request.
        endpoints: the endpoints that the metadata names; without any, nothing can be told.
        held: what the client is known by: its ids, the codes that came back to it, the refresh tokens it was given.
    """
    sent: Mapping[str, str] = form(one)
    if sent.get("grant_type") not in (OF_CODE, OF_REFRESH) or not endpoints:
        return False
    shown = {sent.get(name, "") for name in ("client_id", "code", "refresh_token")}
    return shown.isdisjoint(held) and not any(same_origin(known, one.request.url) for known in endpoints)
