"""The part that happens in the browser: PKCE parameters, the authorization request and its response."""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace
from urllib.parse import parse_qsl

from mcp_oauth_nb.protocol.flow import Authorization, AuthorizationCode, Document, Flow, need
from mcp_oauth_nb.protocol.issuer import IssuerCheck, issuer_check
from mcp_oauth_nb.protocol.pkce import pkce_from
from mcp_oauth_nb.protocol.scopes import scope_sets
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import BARE_CODE, AwaitRedirect, Call, Open, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.words import brief


@step(title="Generate PKCE parameters", spec=Spec("RFC 7636", "4.1"))
def pkce(flow: Flow) -> Wants:
    """A fresh code verifier for every attempt, and its S256 challenge. Nothing is sent."""
    need(flow.client, "client", "dbg.register()")
    yield from ()
    return flow.learn(pkce=pkce_from(flow.settings.entropy(32)))


@step(title="Authorization request", spec=Spec("RFC 6749", "4.1.1"))
def authorize(flow: Flow) -> Wants:
    """Build the authorization URL and have it opened; record what its response must be held against."""
    metadata = need(flow.server_metadata, "authorization server metadata", "dbg.server_metadata()")
    pair = need(flow.pkce, "PKCE pair", "dbg.pkce()")
    client = need(flow.client, "client", "dbg.register()")
    endpoint, token_endpoint = metadata.text("authorization_endpoint"), metadata.text("token_endpoint")
    if endpoint is None:
        return Stopped("the metadata names no authorization_endpoint")
    state = base64.urlsafe_b64encode(flow.settings.entropy(16)).rstrip(b"=").decode()
    scope, resource = wanted_scope(flow), wanted_resource(flow)
    params = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": flow.settings.redirect_uri,
        "code_challenge": pair.challenge,
        "code_challenge_method": pair.method,
        "state": state,
        "scope": scope,
        "resource": resource,
    }
    sent = tuple((name, value) for name, value in params.items() if value is not None)
    call = Call("GET", endpoint, params=sent, why=f"authorization_endpoint in {metadata.url}")
    exchange = yield Open(call)
    if exchange.failure is not None:
        return Stopped(exchange.failure.message)
    recorded = _with_scopes(flow, _recorded(exchange, metadata, token_endpoint or ""))
    return flow.learn(authorization=recorded, rounds=flow.rounds + 1)


def _recorded(exchange: Exchange, metadata: Document, token_endpoint: str) -> Authorization:
    """What was really sent, overrides included: the response is compared with this and with nothing else."""
    query = dict(parse_qsl(exchange.request.url.partition("#")[0].partition("?")[2], keep_blank_values=True))
    return Authorization(
        url=exchange.request.url,
        state=query.get("state", ""),
        redirect_uri=query.get("redirect_uri", ""),
        token_endpoint=token_endpoint,
        issuer=metadata.text("issuer"),
        resource=query.get("resource"),
        scope=query.get("scope"),
        exchange=exchange.id,
    )


def _with_scopes(flow: Flow, recorded: Authorization) -> Authorization:
    """What is known of scopes at this moment; a token from before a step-up says nothing of this request."""
    sets = replace(scope_sets(flow), requested=recorded.scope, granted=None)
    return replace(recorded, scopes=sets.rows(version=flow.profile.version))


def wanted_scope(flow: Flow) -> str | None:
    """What a step-up asks for; else the user's scope; else the challenged one; else all listed; else none is sent."""
    return scope_sets(flow).wanted


def wanted_resource(flow: Flow) -> str | None:
    """The resource indicator, byte for byte as published (RFC 8707 2); the typed URL where nothing is published."""
    if not flow.profile.sends_resource or flow.settings.resource == "":
        return None
    if flow.settings.resource is not None:
        return flow.settings.resource
    published = flow.resource_metadata.text("resource") if flow.resource_metadata else None
    return published or flow.settings.url


@step(title="Authorization response", spec=Spec("RFC 6749", "4.1.2"))
def callback(flow: Flow) -> Wants:
    """Take the redirect apart: state first, then the issuer, only then the code or the error."""
    asked = need(flow.authorization, "authorization request", "dbg.authorize()")
    exchange = yield AwaitRedirect(asked.redirect_uri, asked.url)
    if exchange.direction != "in":
        return Stopped(_no_redirect(exchange))
    answer = dict(parse_qsl(exchange.request.url.partition("#")[0].partition("?")[2], keep_blank_values=True))
    unchecked = flow.lenient or BARE_CODE in exchange.edited
    if not unchecked and not _same(answer.get("state", ""), asked.state):
        return Stopped("`state` is not the one that was sent: this response belongs to another request")
    if BARE_CODE not in exchange.edited and asked.issuer is not None:  # nobody named one for the default endpoints
        flow = flow.learn(issuer_check=_checked(flow, asked, answer.get("iss")))
    if not unchecked and flow.issuer_check is not None and not flow.issuer_check.accepted:
        return Stopped("`iss` is not the issuer that was asked: the code must not be redeemed", flow)
    if "error" in answer:
        return Stopped(f"the authorization server answered error={brief(answer['error'])}", flow)
    if not answer.get("code"):
        return Stopped("the redirect carries neither code nor error", flow)
    return flow.learn(code=AuthorizationCode(answer["code"], exchange.id))


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _checked(flow: Flow, asked: Authorization, received: str | None) -> IssuerCheck:
    """The issuer that was recorded with the request counts, not the one of metadata that was read since."""
    metadata, profile = flow.server_metadata, flow.profile
    value = metadata.value if metadata else {}
    return issuer_check(value, asked.issuer, received, level=profile.issuer_level, version=profile.version)


def _no_redirect(exchange: Exchange) -> str:
    if exchange.failure is not None:
        return exchange.failure.message
    return f"expected a redirect to the redirect URI, got {exchange.status} from the authorization server"
