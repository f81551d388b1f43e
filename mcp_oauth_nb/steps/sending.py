"""Requests that a key has to vouch for: with a DPoP proof where DPoP is wanted, and once again with a server's nonce.

A proof is made for one request, so a request is handed in as a function that makes it: a second try has a new proof,
and where the client authenticates with an assertion, a new assertion, too (RFC 9449 8, RFC 7523 3).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

from mcp_oauth_nb.protocol.challenge import parse_challenges
from mcp_oauth_nb.protocol.flow import Flow, Tokens
from mcp_oauth_nb.protocol.proofs import dpop_proof, proof_key
from mcp_oauth_nb.protocol.step import Call, Send
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.records import Exchange

USE_NONCE = "use_dpop_nonce"
Sent = Generator[Send, Exchange, tuple[Flow, Exchange]]


def send_to_server(flow: Flow, make: Callable[[], Call]) -> Sent:
    """A request to the authorization server; with a proof where DPoP is wanted (RFC 9449 5 and 8)."""
    if flow.settings.dpop_key is None:
        return flow, (yield Send(make()))
    exchange = yield Send(_proven(flow, make(), None))
    known, flow = flow, _with_nonce(flow, exchange)
    wanted = exchange.status in (400, 401) and (exchange.document or {}).get("error") == USE_NONCE
    if wanted and flow.nonces != known.nonces:
        exchange = yield Send(_proven(flow, make(), None))
        flow = _with_nonce(flow, exchange)
    return flow, exchange


def send_to_resource(
    flow: Flow, tokens: Tokens | None, call: Call, answer_id: int | None = None, *, opening: bool = False
) -> Sent:
    """A request to the MCP server; with a proof where its token is bound to our key (RFC 9449 7 and 9)."""
    if tokens is None or not is_bound(flow, tokens):
        return flow, (yield Send(call, answer_id=answer_id, opening=opening))
    exchange = yield Send(_proven(flow, call, tokens), answer_id=answer_id, opening=opening)
    known, flow = flow, _with_nonce(flow, exchange)
    if exchange.status == 401 and _asks_for_nonce(exchange) and flow.nonces != known.nonces:
        exchange = yield Send(_proven(flow, call, tokens), answer_id=answer_id, opening=opening)
        flow = _with_nonce(flow, exchange)
    return flow, exchange


def authorization(flow: Flow, tokens: Tokens | None) -> tuple[tuple[str, str], ...]:
    """The header that carries the token: ``DPoP`` where it is bound to our key, else ``Bearer`` (RFC 9449 7.1)."""
    if tokens is None:
        return ()
    scheme = "DPoP" if is_bound(flow, tokens) else "Bearer"
    return (("Authorization", f"{scheme} {tokens.access_token}"),)


def is_bound(flow: Flow, tokens: Tokens) -> bool:
    """Whether a token is bound to our key: a server may also answer a proof with an ordinary token (RFC 9449 5)."""
    return flow.settings.dpop_key is not None and tokens.token_type.lower() == "dpop"


def _proven(flow: Flow, call: Call, tokens: Tokens | None) -> Call:
    key, settings = proof_key(flow), flow.settings
    assert key is not None, "asked for only where there is a key"
    proof = dpop_proof(
        key,
        call.method,
        call.url,
        now=settings.clock(),
        entropy=settings.entropy(16),
        nonce=dict(flow.nonces).get(_origin(call.url)),
        access_token=tokens.access_token if tokens else None,
    )
    return replace(call, headers=(*call.headers, ("DPoP", proof)))


def _with_nonce(flow: Flow, exchange: Exchange) -> Flow:
    """The newest nonce of a server counts, whatever answer it came with (RFC 9449 8.2)."""
    nonce = exchange.response.header("dpop-nonce") if exchange.response else None
    if not nonce:
        return flow
    nonces = dict(flow.nonces) | {_origin(exchange.request.url): nonce}
    return flow.learn(nonces=tuple(nonces.items()))


def _asks_for_nonce(exchange: Exchange) -> bool:
    if exchange.response is None:
        return False
    items = parse_challenges(exchange.response.header_lines("www-authenticate")).items
    return any(item.scheme.lower() == "dpop" and item.get("error") == USE_NONCE for item in items)


def _origin(url: str) -> str:
    parts = split(url)
    return parts.origin.lower() if parts else url
