"""The token endpoint and what surrounds a token's life: exchange, refresh, replay, revocation."""

from __future__ import annotations

from dataclasses import replace

from mcp_oauth_nb.protocol.flow import Client, Document, Flow, Outcome, need
from mcp_oauth_nb.protocol.grants import ID_JAG, ID_TOKEN, JWT_BEARER, TOKEN_EXCHANGE, Enterprise
from mcp_oauth_nb.protocol.probes import NOT_TESTED
from mcp_oauth_nb.protocol.scopes import scope_sets
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.asking import (
    NO_TOKEN_ENDPOINT,
    Form,
    ask_token_endpoint,
    client_call,
    endpoint_of,
    issued,
    misplaced_client,
    neither,
    refused,
    unnamed,
)
from mcp_oauth_nb.steps.authorization import wanted_resource, wanted_resources, wanted_scope
from mcp_oauth_nb.steps.credentials import credentials, misplaced
from mcp_oauth_nb.steps.device import by_device
from mcp_oauth_nb.steps.sending import Sent

STOLEN = "a stolen refresh token would go on working"
REPLAY_REFUSED = "old refresh token refused"


@step(title="Get access token", spec=Spec("RFC 6749", "4.1.3"))
def token(flow: Flow) -> Wants:
    """Show the grant of the settings, once: a code is spent even when the answer is lost.

    The flow of every grant but the authorization code has no other step between the client and this one.
    """
    match flow.settings.grant:
        case "client_credentials":
            return (yield from _granted(flow, (("grant_type", "client_credentials"),)))
        case "password":
            return (yield from _granted(flow, _password(flow)))
        case "device":
            return (yield from by_device(flow))
        case "jwt_bearer":
            return (yield from _by_assertion(flow, flow.settings.assertion or ""))
        case "enterprise":
            return (yield from _by_enterprise(flow))
    return (yield from _by_code(flow))


def _by_code(flow: Flow) -> Wants:
    """Redeem the authorization code (RFC 6749 4.1.3)."""
    asked = need(flow.authorization, "authorization request", "dbg.authorize()")
    code = need(flow.code, "authorization code", "dbg.callback()")
    choices = flow.settings.choices
    pair = need(flow.pkce, "PKCE pair", "dbg.pkce()") if choices.pkce_method else None
    if not asked.token_endpoint:
        return Stopped(NO_TOKEN_ENDPOINT)
    if strange := misplaced(flow.client, asked.issuer):
        return Stopped(strange)
    form = (
        ("grant_type", "authorization_code"),
        ("code", code.code),
        ("redirect_uri", asked.redirect_uri),
        ("code_verifier", pair.verifier if pair else None),
        *(("resource", one) for one in asked.targets),
        *(("audience", one) for one in choices.audiences),
    )
    flow, exchange = yield from ask_token_endpoint(flow, asked.token_endpoint, form, choices.token_parameters)
    tokens = issued(exchange)
    if tokens is None or exchange.failure is not None:
        return Stopped(refused(exchange))
    return flow.learn(tokens=replace(tokens, scope=tokens.scope or asked.scope, asked_scope=asked.scope))


def _granted(flow: Flow, grant: Form) -> Wants:
    """Ask with a grant that needs no browser; scope and resource go along (RFC 6749 4.4.2, RFC 8707 2.2)."""
    endpoint, _ = endpoint_of(flow, "token_endpoint")
    if endpoint is None:
        return Stopped(NO_TOKEN_ENDPOINT)
    if strange := misplaced_client(flow):
        return Stopped(strange)
    scope, choices = wanted_scope(flow), flow.settings.choices
    form = (*grant, ("scope", scope), *_aims(flow))
    flow, exchange = yield from ask_token_endpoint(flow, endpoint, form, choices.token_parameters)
    tokens = issued(exchange)
    if tokens is None or exchange.failure is not None:
        return Stopped(refused(exchange))
    sets = replace(scope_sets(flow), requested=scope, granted=tokens.scope)
    rows = sets.rows(version=flow.profile.version)
    granted = replace(tokens, scope=tokens.scope or scope, asked_scope=scope, scopes=rows)
    return flow.learn(tokens=granted, rounds=flow.rounds + 1)


def _password(flow: Flow) -> Form:
    """The resource owner's own name and password (RFC 6749 4.3.2), which RFC 9700 2.4 forbids to use any more."""
    choices = flow.settings.choices
    return (("grant_type", "password"), ("username", choices.username), ("password", choices.password))


def _aims(flow: Flow) -> Form:
    """For whom a token is to be: resource indicators (RFC 8707 2.2), and the audiences that providers ask for."""
    audiences = flow.settings.choices.audiences
    return (*(("resource", one) for one in wanted_resources(flow)), *(("audience", one) for one in audiences))


def _by_assertion(flow: Flow, assertion: str) -> Wants:
    """A JWT of somebody whom the authorization server trusts (RFC 7523 2.1). A refusal is the end: no second try."""
    return (yield from _granted(flow, (("grant_type", JWT_BEARER), ("assertion", assertion))))


def _by_enterprise(flow: Flow) -> Wants:
    """Exchange the ID token at the identity provider, then show what came of it here (MCP enterprise-managed)."""
    metadata = need(flow.server_metadata, "authorization server metadata", "dbg.server_metadata()")
    wanted = need(flow.settings.enterprise, "identity provider", "Debugger(url, enterprise=Enterprise(...))")
    need(flow.client, "client", "dbg.register()")
    exchange = yield Send(_exchange_at_idp(flow, wanted, metadata))
    document = exchange.document or {}
    grant = document.get("access_token")
    if exchange.failure is not None or exchange.status != 200:
        return Stopped(f"the identity provider: {neither(exchange, '200')}")
    if not isinstance(grant, str) or not grant:
        return Stopped("the identity provider: the answer holds no access_token")
    if document.get("issued_token_type") != ID_JAG and not flow.lenient:
        return Stopped(f"the identity provider issued something else than {ID_JAG}")
    return (yield from _by_assertion(flow, grant))


def _exchange_at_idp(flow: Flow, wanted: Enterprise, metadata: Document) -> Call:
    """Token exchange for an identity assertion grant that is meant for one authorization server (RFC 8693 2.1)."""
    secret = wanted.idp_client_secret
    method = "client_secret_basic" if secret else "none"
    headers, members = credentials(flow, Client(wanted.idp_client_id, secret, method), "")
    form = (
        ("grant_type", TOKEN_EXCHANGE),
        ("requested_token_type", ID_JAG),
        ("audience", metadata.text("issuer")),
        ("resource", wanted_resource(flow)),
        ("scope", wanted_scope(flow)),
        ("subject_token", wanted.id_token),
        ("subject_token_type", ID_TOKEN),
        *members,
    )
    why = "the identity provider's token endpoint in the settings"
    return Call.post_form(wanted.idp_token_endpoint, form, why=why, headers=headers)


@step(title="Refresh the access token", spec=Spec("RFC 6749", "6"))
def refresh(flow: Flow) -> Wants:
    """Exchange the refresh token for a new pair; a new refresh token replaces the old one."""
    held = need(flow.tokens, "access token", "dbg.token()")
    if held.refresh_token is None:
        return Stopped(f"{NOT_TESTED}: no refresh token was issued, so that there is nothing to refresh with")
    endpoint, _ = endpoint_of(flow, "token_endpoint")
    if endpoint is None:
        return Stopped(NO_TOKEN_ENDPOINT)
    if strange := misplaced_client(flow):
        return Stopped(strange)
    flow, exchange = yield from _refreshed(flow, endpoint, held.refresh_token)
    tokens = issued(exchange)
    if tokens is None or exchange.failure is not None:
        return Stopped(refused(exchange))
    kept = replace(
        tokens,
        refresh_token=tokens.refresh_token or held.refresh_token,
        scope=tokens.scope or held.scope,
        id_token=tokens.id_token or held.id_token,
    )
    return flow.learn(tokens=kept, old_refresh_token=held.refresh_token)


@step(title="Replay the old refresh token", spec=Spec("OAuth 2.1", "4.3.1"), probe=True)
def replay(flow: Flow) -> Wants:
    """Present the replaced refresh token again. A refusal is the healthy outcome; it may revoke the whole grant.

    Only an acceptance or a refusal tells something: an error of the server leaves the question open.
    """
    old = need(flow.old_refresh_token, "replaced refresh token", "dbg.refresh()")
    endpoint, _ = endpoint_of(flow, "token_endpoint")
    if endpoint is None:
        return Stopped(NO_TOKEN_ENDPOINT)
    if strange := misplaced_client(flow):
        return Stopped(strange)
    flow, exchange = yield from _refreshed(flow, endpoint, old)
    if exchange.failure is None and issued(exchange) is not None:
        return flow.learn(replayed=Outcome(f"old refresh token accepted: {STOLEN}", exchange.id))
    if exchange.failure is None and exchange.status in (400, 401):
        return flow.learn(replayed=Outcome(f"{REPLAY_REFUSED} with {exchange.status}", exchange.id))
    return Stopped(neither(exchange, "400 (invalid_grant)"))


@step(title="Revoke the tokens", spec=Spec("RFC 7009", "2.1"))
def revoke(flow: Flow) -> Wants:
    """Revoke the refresh token, then the access token: a server need not let one take the other with it."""
    held = need(flow.tokens, "access token", "dbg.token()")
    endpoint, why = endpoint_of(flow, "revocation_endpoint")
    if endpoint is None:
        return Stopped(f"{NOT_TESTED}: {unnamed(flow, 'revocation_endpoint')}")
    if strange := misplaced_client(flow):
        return Stopped(strange)
    exchange: Exchange | None = None
    for hint, value in (("refresh_token", held.refresh_token), ("access_token", held.access_token)):
        if value is not None:
            form = (("token", value), ("token_type_hint", hint))
            exchange = yield Send(client_call(flow, endpoint, form, why))
            if hint == "access_token" and _is_irrevocable(exchange):
                if held.refresh_token is None:
                    return Stopped(f"{NOT_TESTED}: the server revokes no access tokens, and there is no other one")
                return flow.learn(revoked=Outcome("refresh token revoked; access tokens cannot be", exchange.id))
            if exchange.failure is not None or exchange.status != 200:
                return Stopped(neither(exchange, "200"))
    assert exchange is not None, "there is always an access token to revoke"
    return flow.learn(revoked=Outcome("revocation answered 200", exchange.id))


def _is_irrevocable(exchange: Exchange) -> bool:
    """The server revokes no tokens of this type, as it may for access tokens (RFC 7009 2, 2.2.1)."""
    return exchange.status == 400 and (exchange.document or {}).get("error") == "unsupported_token_type"


def _refreshed(flow: Flow, endpoint: str, refresh_token: str) -> Sent:
    """Show a refresh token, with the resources of the authorization and the custom parameters that hold for it."""
    choices = flow.settings.choices
    resources = flow.authorization.targets if flow.authorization else wanted_resources(flow)
    form = (
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        *(("resource", one) for one in resources),
        *(("audience", one) for one in choices.audiences),
    )
    return ask_token_endpoint(flow, choices.refresh_url or endpoint, form, choices.parameters_of_refresh)
