"""What an exchange of somebody else's client is for: its step, told from the exchange alone and from those before it.

A browser's or another client's recording names no steps. So each exchange is read for what it is: a JSON-RPC request
without token, a metadata document, a registration, an authorization request and the pages behind it, a redirect with a
code, a token request. What is none of these, or is another client's, is `OTHER`, and no rule looks at it.

Pure: nothing is sent, nothing raises, the exchanges given are not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mcp_oauth_nb.protocol.wellknown import PROTECTED_RESOURCE
from mcp_oauth_nb.records import Exchange, Request
from mcp_oauth_nb.rules.belonging import (
    asks_for_authorization,
    is_token_request_elsewhere,
    location,
    of_other_clients,
    without_query,
)
from mcp_oauth_nb.rules.evidence import challenges, form, query, sent_json, sent_token, text, texts
from mcp_oauth_nb.rules.marks import is_marked_header, parts_with_marks

OTHER = "other"
"""The step of an exchange that is no part of an authorization, or of which it cannot be told."""
SERVER_DOCUMENTS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
ENDPOINTS = {
    "registration_endpoint": "register",
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "revocation_endpoint": "revoke",
    "introspection_endpoint": "introspect",
    "userinfo_endpoint": "userinfo",
    "device_authorization_endpoint": "device",
}
"""Members of authorization server metadata, and the step that asks there (RFC 8414 2)."""
OF_MCP = ("mcp-protocol-version", "mcp-session-id")
"""Header fields that MCP alone knows (Streamable HTTP)."""
OF_TOKENS = frozenset(("invalid_grant", "invalid_client", "unauthorized_client", "unsupported_grant_type"))
"""Errors that a token endpoint alone answers with (RFC 6749 5.2)."""
FROM_LOCATION = "Location of the hop before"
MOST_EXCHANGES = 100_000
"""Of a longer recording the rest is left out."""


@dataclass
class _Known:
    """What the exchanges so far have told."""

    redirect_uri: str = ""
    endpoints: dict[str, str] = field(default_factory=dict)
    management_url: str = ""
    next_hop: str = ""
    is_open: bool = False
    """An authorization request was made, and no redirect has come back yet."""
    hops: int = 0
    mcp_url: str = ""
    elsewhere: frozenset[str] = frozenset()
    """The authorization requests of other clients, by their URL."""
    held: set[str] = field(default_factory=set)
    """The ids of the client, and the codes and refresh tokens that it was given."""
    tokens: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)


def classify(exchanges: Iterable[Exchange]) -> tuple[Exchange, ...]:
    """The same exchanges, each with its step, in the same order and numbered from 1.

    There may be more than were given: what one exchange of a browser shows is two things here, the authorization
    request and the first answer on the way back; and a redirect that was answered but, by this recording, never
    followed is an authorization response all the same.

    Args:
        exchanges: in the order of sending; their `step`, `hop` and `id` do not count.
    """
    given = tuple(exchanges)[:MOST_EXCHANGES]
    elsewhere = of_other_clients(given)
    redirect_uri = _redirect_uri([one for one in given if one.request.url not in elsewhere])
    known = _Known(redirect_uri=redirect_uri, mcp_url=mcp_url(given), elsewhere=elsewhere)
    credentials_kept = any(one.request.header("authorization") for one in given)
    found: list[Exchange] = []
    for place, one in enumerate(given):
        for labelled in _labelled(one, known, credentials_kept, given[place + 1 :]):
            found.append(replace(labelled, id=len(found) + 1))
        _note(found[-1], known)
    return tuple(found)


def mcp_url(exchanges: Sequence[Exchange]) -> str:
    """The URL of the MCP server: where JSON-RPC goes most, else what a challenge or the metadata is about; or empty."""
    asked = [one.request.url for one in exchanges if is_rpc(one) or _is_challenged(one)]
    if asked:
        return max(dict.fromkeys(asked), key=asked.count)
    named = [text((one.document or {}).get("resource")) for one in exchanges if PROTECTED_RESOURCE in one.request.url]
    sent = [query(one).get("resource") for one in exchanges if "response_type" in query(one)]
    return next((one for one in (*named, *sent) if one), "")


def is_rpc(exchange: Exchange) -> bool:
    """Whether a JSON-RPC message was sent; of a body that a recording leaves out, its header fields tell."""
    if exchange.request.method != "POST":
        return False
    if "request body" in exchange.untold and not exchange.request.body:
        accepted = (exchange.request.header("accept") or "").lower()
        return "text/event-stream" in accepted or any(exchange.request.header(name) for name in OF_MCP)
    return any("jsonrpc" in one for one in sent_messages(exchange))


def sent_messages(exchange: Exchange) -> list[Mapping[str, Any]]:
    """The JSON objects that were sent: one, or those of a batch."""
    if exchange.request.body[:1] not in (b"{", b"["):
        return []
    value = exchange.request.parsed.value
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


# --- one exchange -----------------------------------------------------------------------------------------------------


def _labelled(one: Exchange, known: _Known, credentials_kept: bool, later: Sequence[Exchange]) -> Iterator[Exchange]:
    step = _step(one, known, credentials_kept)
    if step == "callback":
        yield _arrived(one, known)
    elif step == "authorize":
        known.redirect_uri = query(one).get("redirect_uri") or known.redirect_uri
        request = Request(one.request.method, one.request.url)
        yield replace(one, step=step, request=request, response=None, failure=None, direction="out", hop=0)
        known.hops = 0
        if one.response is not None or one.failure is not None:
            yield replace(one, step="callback", direction="out", hop=0)
    elif step == "hop":
        known.hops += 1
        yield replace(one, step="callback", direction="out", hop=known.hops)
    else:
        yield replace(one, step=step, direction="out", hop=0)
    target = location(one)
    if step in ("authorize", "hop") and _is_redirect(target, known) and not any(_comes_back(o, known) for o in later):
        yield _arrived(replace(one, request=Request("GET", target), why=FROM_LOCATION), known)


def _arrived(one: Exchange, known: _Known) -> Exchange:
    known.hops += 1
    arrived = replace(one, step="callback", response=None, failure=None, direction="in", hop=known.hops)
    return replace(arrived, untold=tuple(dict.fromkeys((*one.untold, *parts_with_marks(arrived)))))


def _step(one: Exchange, known: _Known, credentials_kept: bool) -> str:
    """The step of one exchange; ``hop`` for a page between authorization request and redirect."""
    if one.direction == "in" or _comes_back(one, known):
        return "callback"
    if one.request.method == "GET" and (read := _read(one, known)):
        return read
    if known.is_open and _is_hop(one, known):
        return "hop"
    if known.management_url and one.request.url == known.management_url:
        return {"GET": "registration", "DELETE": "unregister"}.get(one.request.method, OTHER)
    if is_rpc(one) or (_is_challenged(one) and sent_token(one) is None):
        return _mcp_step(one, known, credentials_kept)
    return _posted(one, known) if one.request.method == "POST" else _at_endpoint(one, known, "userinfo")


def _read(one: Exchange, known: _Known) -> str:
    """The step of a GET for a metadata document, or of an authorization request; empty for any other."""
    url = one.request.url
    if PROTECTED_RESOURCE in url:
        return "resource_metadata"
    if any(part in url for part in SERVER_DOCUMENTS):
        return "server_metadata"
    return "authorize" if _is_authorization(one, known) else ""


def _at_endpoint(one: Exchange, known: _Known, *steps: str) -> str:
    """The step whose endpoint, by the metadata, is asked here, where it is one of these."""
    step = known.endpoints.get(without_query(one.request.url), OTHER)
    return step if step in steps else OTHER


def _mcp_step(one: Exchange, known: _Known, credentials_kept: bool) -> str:
    token = sent_token(one)
    if token is not None:
        return "revoked" if token in known.revoked else "mcp"
    if is_marked_header("authorization", one.request.header("authorization") or ""):
        return "mcp"
    if not known.tokens:
        return "challenge"
    # Browsers export without credentials: then a request without a token only looks like one.
    return "mcp" if credentials_kept and is_rpc(one) else OTHER


def _posted(one: Exchange, known: _Known) -> str:
    sent = form(one) if one.request.body[:1] not in (b"{", b"[") else {}
    if "grant_type" in sent:
        if is_token_request_elsewhere(one, known.endpoints, known.held):
            return OTHER
        return "refresh" if sent["grant_type"] == "refresh_token" else "token"
    if "response body" not in one.untold and {"device_code", "user_code"} <= set(one.document or {}):
        return "device"
    step = _at_endpoint(one, known, "register", "revoke", "introspect", "token", "device")
    if step == OTHER and "request body" in one.untold and _answers_for_token(one):
        return "token"
    if step == OTHER and (texts(sent_json(one).get("redirect_uris")) or "redirect_uris" in (one.document or {})):
        return "register"
    return "revoke" if step == OTHER and {"token", "token_type_hint"} <= set(sent) else step


def _answers_for_token(one: Exchange) -> bool:
    """Whether the answer is one of a token endpoint, where the recording does not hold what was asked."""
    document = one.document or {}
    return text(document.get("error")) in OF_TOKENS or {"access_token", "token_type"} <= set(document)


def _is_challenged(one: Exchange) -> bool:
    return one.status == 401 and challenges(one).bearer() is not None


def _is_authorization(one: Exchange, known: _Known) -> bool:
    """An authorization request; one that a page sends on by itself with the same parameters is a hop."""
    at_endpoint = known.endpoints.get(without_query(one.request.url)) == "authorize"
    is_asked = (asks_for_authorization(one) and one.request.url not in known.elsewhere) or at_endpoint
    return is_asked and not (known.is_open and one.request.url == known.next_hop)


def _is_hop(one: Exchange, known: _Known) -> bool:
    """Where the redirect before led to, and every page answer that itself leads back."""
    return one.request.url == known.next_hop or _is_redirect(location(one), known)


def _is_redirect(url: str, known: _Known) -> bool:
    return bool(url and known.redirect_uri) and without_query(url) == without_query(known.redirect_uri)


def _comes_back(one: Exchange, known: _Known) -> bool:
    """A request at the redirect URI that carries what an authorization response carries (RFC 6749 4.1.2)."""
    if not _is_redirect(one.request.url, known) or one.request.method not in ("GET", "POST"):
        return False
    return bool({"code", "error", "state", "iss"} & set(query(one)))


def _redirect_uri(exchanges: Iterable[Exchange]) -> str:
    """The redirect URI that was asked for; without any authorization request the first one that was registered."""
    registered = ""
    for one in exchanges:
        sent = query(one)
        if "response_type" in sent and sent.get("redirect_uri"):
            return sent["redirect_uri"]
        registered = registered or next(iter(texts(sent_json(one).get("redirect_uris"))), "")
    return registered


def _note(one: Exchange, known: _Known) -> None:
    """Keep what this exchange tells about those behind it."""
    document = one.document or {}
    if one.step in ("authorize", "callback"):
        known.is_open = one.direction == "out"
        known.next_hop = location(one)
    if one.step == "server_metadata" and one.status == 200:
        for name, step in ENDPOINTS.items():
            endpoint = text(document.get(name))
            if endpoint:
                known.endpoints[without_query(endpoint)] = step
    if one.step == "register":
        known.management_url = text(document.get("registration_client_uri")) or known.management_url
    if one.step in ("token", "refresh") and (issued := text(document.get("access_token"))):
        known.tokens.add(issued)
    if one.step == "revoke" and one.status == 200:
        known.revoked.add(form(one).get("token", ""))
    known.held.update(one for one in _handed(one) if one)


def _handed(one: Exchange) -> tuple[str | None, ...]:
    """What an exchange tells of the client: its id, a code or refresh token that it was given."""
    document = one.document or {}
    if one.step == "register":
        return (text(document.get("client_id")),)
    if one.step in ("token", "refresh"):
        return (text(document.get("refresh_token")), form(one).get("client_id"))
    if one.step == "callback" and one.direction == "in":
        return (query(one).get("code"),)
    return (query(one).get("client_id"),) if one.step in ("authorize", "callback") and one.hop == 0 else ()
