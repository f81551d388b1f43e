"""Rules for the token on its way: which one is sent to the MCP server, where it stands, and which one is taken."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

from mcp_oauth_nb.protocol.jsonrpc import messages
from mcp_oauth_nb.protocol.jwt import read_jwt
from mcp_oauth_nb.protocol.probes import PROBES
from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import (
    Members,
    authorization_request,
    form,
    jwt_claims,
    query,
    resource_document,
    sent_token,
    text,
    texts,
)
from mcp_oauth_nb.rules.hosts import may_be_same_site
from mcp_oauth_nb.rules.resource import WITH_TOKEN, answered_with_token
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.token_claims import audiences, is_url, issued_tokens, resources
from mcp_oauth_nb.rules.words import MCP_SERVER, quoted, shown

USAGE = Spec("MCP 2025-11-25", "Token Requirements")
HANDLING = Spec("MCP 2025-11-25", "Token Handling")


def _beside_posts(case: Case) -> list[Exchange]:
    """What was asked of the MCP endpoint by other methods than POST."""
    base = case.url.partition("?")[0]
    sent = [one for one in case.exchanges("mcp", "call") if one.request.method in ("GET", "DELETE")]
    return [one for one in sent if one.request.url.partition("?")[0] == base]


@rule(
    "token-only-posted",
    step="mcp",
    level=MUST,
    who="client",
    summary="The client sends its token with POST, but not with every other request to the MCP server.",
    fix="Send Authorization: Bearer with GET and DELETE as well; a 401 to a request without it says nothing of the "
    "token.",
    spec=USAGE,
    over=Selector(_beside_posts, "no GET or DELETE was sent to the MCP endpoint after authorization"),
    explains=("unexpected-answer",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if sent_token(exchange) is None:
        seen = f"{exchange.request.method} without it"
        yield Seen(exchange, "header:Authorization", "Bearer and the access token", seen)


def _sent_by_us(case: Case) -> list[tuple[Exchange, frozenset[str]]]:
    """What was sent once there was a token, each with the tokens known."""
    kept = [one for one in case.exchanges() if one.direction == "out" and one.step not in PROBES]
    tokens = frozenset({*issued_tokens(case), *(token for one in kept if (token := sent_token(one)))})
    return [(one, tokens) for one in kept] if tokens else []


@rule(
    "token-in-url",
    step=ANY,
    level=MUST,
    who="client",
    summary="The client puts the access token into a URL, where logs, proxies and histories keep it.",
    fix="Send the access token in the Authorization header only.",
    spec=USAGE,
    over=Selector(_sent_by_us, "no request was made since there is an access token"),
)
def _(case: Case, found: tuple[Exchange, frozenset[str]]) -> Iterator[Seen]:
    exchange, tokens = found
    sent = exchange.request.url.partition("?")[2].replace("#", "&")
    for name, value in parse_qsl(sent, keep_blank_values=True) if sent else ():
        if name == "access_token" or value in tokens:
            yield Seen(exchange, "url", "no token in the URL", "a token in its query", who=sender(exchange, name))
            return


def _client_ids(case: Case) -> frozenset[str]:
    asked = authorization_request(case)
    named = [query(asked).get("client_id") if asked else None]
    named += [form(one).get("client_id") for one in case.exchanges("token")]
    return frozenset(one for one in named if one)


def _id_tokens(case: Case) -> frozenset[str]:
    found = (text((one.document or {}).get("id_token")) for one in case.exchanges() if one.status == 200)
    return frozenset(one for one in found if one)


@rule(
    "id-token-sent",
    step="mcp",
    level=MUST,
    who="client",
    summary="The client sends its ID token in place of the access token.",
    fix="Send access_token of the token answer; the ID token is meant for the client itself.",
    spec=Spec("RFC 9068", "4"),
    over=WITH_TOKEN,
    explains=("token-rejected", "insufficient-scope"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    token, who = sent_token(exchange) or "", sender(exchange, "authorization")
    if token in case.once(_id_tokens):
        yield Seen(exchange, "header:Authorization", "the access token", "the id_token of the token answer", who=who)
        return
    claims = jwt_claims(token)
    marks = [name for name in ("nonce", "at_hash", "c_hash") if name in claims]
    mine = [one for one in audiences(claims) if one in case.once(_client_ids)]
    if marks and mine:
        summary = "What the client sends looks like an ID token: it is made out to the client itself."
        seen = f"aud={quoted(mine[0])}, {', '.join(marks)}"
        yield Seen(exchange, "header:Authorization", "an access token", seen, summary, who=who, level=SHOULD)


def _brought(case: Case) -> list[tuple[Exchange, str, tuple[str, ...]]]:
    """Tokens that were not issued in this trace: their issuer, beside those that the resource trusts."""
    found = resource_document(case)
    trusted = texts(found[1].get("authorization_servers")) if found else ()
    sent = [(one, sent_token(one) or "") for one in answered_with_token(case)]
    named = [(one, text(jwt_claims(token).get("iss"))) for one, token in sent if token not in issued_tokens(case)]
    return [(one, issuer, trusted) for one, issuer in named if issuer and trusted]


@rule(
    "token-of-another-server",
    step="mcp",
    level=MUST,
    who="client",
    summary="The client sends a token that was issued by none of the MCP server's authorization servers.",
    fix="Keep tokens by issuer and resource, and send to a server only what its own authorization server issued.",
    spec=HANDLING,
    over=Selector(_brought, "no token from elsewhere was sent that names its issuer, to a server that names its own"),
    explains=("token-rejected",),
)
def _(case: Case, found: tuple[Exchange, str, tuple[str, ...]]) -> Iterator[Seen]:
    exchange, issuer, trusted = found
    if issuer not in trusted:
        who = sender(exchange, "authorization")
        yield Seen(exchange, "header:Authorization", f"iss of {shown(list(trusted))}", f"iss={quoted(issuer)}", who=who)


def _accepted(case: Case) -> list[tuple[Exchange, Members]]:
    """Requests that were answered with a result although their token speaks of its audience in URLs."""
    found = []
    for one in answered_with_token(case):
        jwt = read_jwt(sent_token(one) or "")
        named = audiences(jwt.claims) if jwt else ()
        if jwt and named and all(is_url(audience) for audience in named) and _has_result(one):
            found.append((one, jwt.claims))
    return found


def _has_result(exchange: Exchange) -> bool:
    response = exchange.response
    return response is not None and response.status // 100 == 2 and any("result" in one for one in messages(response))


@rule(
    "other-audience-accepted",
    step="mcp",
    level=MUST,
    who=MCP_SERVER,
    summary="The MCP server accepts a token that is made out to another resource.",
    fix="Turn on the check of the audience: accept a token only where aud names this very server.",
    spec=Spec("MCP 2025-11-25", "Token Audience Binding and Validation"),
    over=Selector(_accepted, "no token that is a JWT for the URL of a resource was accepted"),
)
def _(case: Case, found: tuple[Exchange, Members]) -> Iterator[Seen]:
    exchange, claims = found
    source = issued_tokens(case).get(sent_token(exchange) or "")
    asked = form(source[0]).get("resource") if source else None
    ours = [one for one in resources(case, None) if one != asked] or [case.url]
    named = audiences(claims)
    if any(resource_match(one, mine, case.url) != "other" for one in named for mine in ours):
        return
    seen = f"a result for aud={shown(claims.get('aud'))}"
    if any(may_be_same_site(one, case.url) for one in named):
        summary = (
            "The MCP server accepts a token whose audience is another URL than its own; only its configuration says "
            "whether that is another name of it."
        )
        yield Seen(exchange, "status", "401, unless it is", seen, summary, level=SHOULD, cause="audience-may-be-alias")
    else:
        yield Seen(exchange, "status", "401", seen)
