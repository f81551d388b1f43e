"""The part that happens in the browser: PKCE parameters, the authorization request and its response."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

from mcp_oauth_nb.protocol.flow import Authorization, AuthorizationCode, Flow, need
from mcp_oauth_nb.protocol.issuer import IssuerCheck, issuer_check
from mcp_oauth_nb.protocol.pkce import pkce_from, pkce_of
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.protocol.scopes import scope_sets
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import BARE_CODE, AwaitRedirect, Call, Open, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.asking import endpoint_of, tokens_in, unnamed
from mcp_oauth_nb.steps.parameters import with_parameters
from mcp_oauth_nb.steps.words import brief


@step(title="Generate PKCE parameters", spec=Spec("RFC 7636", "4.1"))
def pkce(flow: Flow) -> Wants:
    """A fresh code verifier for every attempt, and its S256 challenge, unless the user chose otherwise."""
    need(flow.client, "client", "dbg.register()")
    yield from ()
    choices = flow.settings.choices
    verifier = choices.code_verifier or pkce_from(flow.settings.entropy(32)).verifier
    return flow.learn(pkce=pkce_of(verifier, choices.pkce_method or "S256"))


@step(title="Authorization request", spec=Spec("RFC 6749", "4.1.1"))
def authorize(flow: Flow) -> Wants:
    """Build the authorization URL and have it opened; record what its response must be held against."""
    choices = flow.settings.choices
    endpoint, why = endpoint_of(flow, "authorization_endpoint")
    pair = need(flow.pkce, "PKCE pair", "dbg.pkce()") if choices.pkce_method else None
    client = need(flow.client, "client", "dbg.register()")
    if endpoint is None:
        return Stopped(unnamed(flow, "authorization_endpoint"))
    state = choices.state or base64.urlsafe_b64encode(flow.settings.entropy(16)).rstrip(b"=").decode()
    params = (
        ("response_type", choices.response_type),
        ("client_id", client.client_id),
        ("redirect_uri", flow.settings.redirect_uri),
        ("code_challenge", pair.challenge if pair else None),
        ("code_challenge_method", pair.method if pair else None),
        ("state", state),
        ("nonce", choices.nonce),
        ("scope", wanted_scope(flow)),
        *(("resource", one) for one in wanted_resources(flow)),
        *(("audience", one) for one in choices.audiences if choices.in_fragment),
    )
    sent = tuple((name, value) for name, value in params if value is not None)
    call = Call("GET", endpoint, params=sent, why=why)
    exchange = yield Open(with_parameters(call, choices.authorization_parameters))
    if exchange.failure is not None:
        return Stopped(exchange.failure.message)
    recorded = _with_scopes(flow, _recorded(flow, exchange))
    return flow.learn(authorization=recorded, rounds=flow.rounds + 1)


def _recorded(flow: Flow, exchange: Exchange) -> Authorization:
    """What was really sent, overrides included: the response is compared with this and with nothing else."""
    pairs = parse_qsl(exchange.request.url.partition("#")[0].partition("?")[2], keep_blank_values=True)
    query, metadata = dict(pairs), flow.server_metadata
    return Authorization(
        url=exchange.request.url,
        state=query.get("state", ""),
        redirect_uri=query.get("redirect_uri", ""),
        token_endpoint=(metadata.text("token_endpoint") if metadata else None) or "",
        issuer=metadata.text("issuer") if metadata else None,
        resource=query.get("resource"),
        scope=query.get("scope"),
        exchange=exchange.id,
        resources=tuple(value for name, value in pairs if name == "resource"),
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


def wanted_resources(flow: Flow) -> tuple[str, ...]:
    """The resource indicators to send: those that were chosen, which may be several (RFC 8707 2), else MCP's one."""
    one = wanted_resource(flow)
    return flow.settings.choices.resources or ((one,) if one is not None else ())


DECISIVE = ("state", "iss", "error", "code", "access_token")
"""Parameters of a response of which there must not be two (RFC 6749 3.1): what to do hangs on each of them."""


@step(title="Authorization response", spec=Spec("RFC 6749", "4.1.2"))
def callback(flow: Flow) -> Wants:
    """Take the redirect apart: state first, then the issuer, only then the code or the error."""
    asked = need(flow.authorization, "authorization request", "dbg.authorize()")
    exchange = yield AwaitRedirect(asked.redirect_uri, asked.url)
    if exchange.direction != "in":
        return Stopped(_no_redirect(exchange))
    pairs = _answer(exchange.request.url, in_fragment=flow.settings.choices.in_fragment)
    answer = dict(pairs)
    unchecked = flow.lenient or BARE_CODE in exchange.edited
    repeated = next((name for name in DECISIVE if [one for one, _ in pairs].count(name) > 1), None)
    if repeated and not unchecked:
        return Stopped(f"`{repeated}` comes more than once: which of them is meant, nobody can tell")
    if not unchecked and not _same(answer.get("state", ""), asked.state):
        return Stopped("`state` is not the one that was sent: this response belongs to another request")
    if BARE_CODE not in exchange.edited and asked.issuer is not None:  # nobody named one for the default endpoints
        flow = flow.learn(issuer_check=_checked(flow, asked, answer.get("iss")))
    if not unchecked and flow.issuer_check is not None and not flow.issuer_check.accepted:
        return Stopped("`iss` is not the issuer that was asked: the code must not be redeemed", flow)
    return _taken(flow, answer, exchange)


def _taken(flow: Flow, answer: Mapping[str, str], exchange: Exchange) -> Flow | Stopped:
    """What a response brings that is ours."""
    if "error" in answer:
        return Stopped(f"the authorization server answered error={brief(answer['error'])}", flow)
    if flow.settings.choices.in_fragment:
        return _issued_at_once(flow, answer, exchange)
    if not answer.get("code"):
        return Stopped("the redirect carries neither code nor error", flow)
    return flow.learn(code=AuthorizationCode(answer["code"], exchange.id))


def _answer(url: str, *, in_fragment: bool) -> list[tuple[str, str]]:
    """The parameters of a response: of the query, and of a fragment that is expected (RFC 6749 4.2.2)."""
    base, _, fragment = url.partition("#")
    answer = parse_qsl(base.partition("?")[2], keep_blank_values=True)
    return answer + parse_qsl(fragment, keep_blank_values=True) if in_fragment else answer


def _issued_at_once(flow: Flow, answer: Mapping[str, str], exchange: Exchange) -> Flow | Stopped:
    """The tokens of an implicit grant, which come with the redirect itself."""
    tokens = tokens_in(answer, exchange.id)
    if tokens is None:
        return Stopped("the redirect carries neither access_token nor error", flow)
    asked = flow.authorization.scope if flow.authorization else None
    return flow.learn(tokens=replace(tokens, scope=tokens.scope or asked, asked_scope=asked))


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _checked(flow: Flow, asked: Authorization, received: str | None) -> IssuerCheck:
    """The issuer that was recorded with the request counts, not the one of metadata that was read since."""
    metadata, profile = flow.server_metadata, flow.profile
    value = metadata.value if metadata else {}
    level, version = ("", "") if profile is PLAIN else (profile.issuer_level, profile.version)
    return issuer_check(value, asked.issuer, received, level=level, version=version)


def _no_redirect(exchange: Exchange) -> str:
    if exchange.failure is not None:
        return exchange.failure.message
    return f"expected a redirect to the redirect URI, got {exchange.status} from the authorization server"
