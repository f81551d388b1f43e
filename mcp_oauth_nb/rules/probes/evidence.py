"""What the rules about probes read: which exchange asked the question, and whether it was answered like a good one."""

from __future__ import annotations

from collections.abc import Callable

from mcp_oauth_nb.protocol.jsonrpc import messages
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import form, text, without_token
from mcp_oauth_nb.rules.rule import Case, Selector
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import MCP_SERVER, kind_of


def probed(name: str, wanted: Callable[[Case, Exchange], bool], missing: str = "") -> Selector:
    """The answered exchanges of a probe that ask its question."""
    reason = missing or f"the probe {name} has not run, or no answer to it decides this (dbg.probe('{name}'))"
    return Selector(lambda case: [one for one in case.answered(name) if wanted(case, one)], reason)


def at_server(case: Case, exchange: Exchange) -> bool:
    """Whether a request went to the MCP server itself, with whatever query."""
    return exchange.request.url.partition("?")[0] == case.url.partition("?")[0]


def gives_result(exchange: Exchange) -> bool:
    """Whether a JSON-RPC result came with a success."""
    response = exchange.response
    return response is not None and response.status // 100 == 2 and any("result" in one for one in messages(response))


def gives_token(exchange: Exchange) -> bool:
    """Whether an access token came."""
    return exchange.status == 200 and bool(text((exchange.document or {}).get("access_token")))


def rpc_error(exchange: Exchange) -> object:
    """The code of the JSON-RPC error that came; None where none did."""
    for message in messages(exchange.response) if exchange.response else ():
        error = message.get("error")
        if isinstance(error, dict):
            return error.get("code")
    return None


def redeems(exchange: Exchange) -> bool:
    """Whether a request redeems an authorization code."""
    return exchange.request.method == "POST" and form(exchange).get("grant_type") == "authorization_code"


def is_protected(case: Case) -> bool:
    """Whether the server demands a token for its opening request, as the challenge step saw it."""
    first = without_token(case)
    return first is not None and first.status == 401


def is_modern(case: Case) -> bool:
    """Whether requests are complete in themselves: no handshake, no session, no stream by GET."""
    profile = PROFILES.get(case.version)
    return profile is not None and profile.conversation == "per request"


def who_refused(exchange: Exchange) -> Who:
    """A gateway where one answered in place of the MCP server."""
    return "gateway" if kind_of(exchange) == "gateway error" else MCP_SERVER
