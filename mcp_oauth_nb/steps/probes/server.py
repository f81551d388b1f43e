"""What the authorization server makes of clients, redirect URIs and verifiers that are not what they should be."""

from __future__ import annotations

import base64
from collections.abc import Generator
from dataclasses import replace
from urllib.parse import urljoin

from mcp_oauth_nb.protocol.flow import AUTH_METHODS, Client, Flow
from mcp_oauth_nb.protocol.pkce import pkce_from
from mcp_oauth_nb.protocol.probes import (
    DUMMY_CODE,
    PLAIN_REDIRECT,
    UNKNOWN_CLIENT,
    UNREGISTERED_REDIRECT,
)
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Pairs, Send, Stopped, Wants, step
from mcp_oauth_nb.protocol.wellknown import same_origin
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.authorization import wanted_resource
from mcp_oauth_nb.steps.client_metadata import client_metadata
from mcp_oauth_nb.steps.probes.fresh import fresh_code, fresh_tokens, not_tested, post_as_client, redeeming, tested

MOST_HOPS = 3
"""Redirects of an authorization request that are followed, within its origin: consent may be given by itself."""
UNKNOWN_SERVER = "the authorization server is not known yet (dbg.run())"


def _endpoint(flow: Flow, name: str) -> str | None:
    return flow.server_metadata.text(name) if flow.server_metadata else None


# --- the token endpoint -----------------------------------------------------------------------------------------------


@step(title="Redeem a code with a wrong verifier", spec=Spec("RFC 7636", "4.6"), probe=True)
def wrong_verifier(flow: Flow) -> Wants:
    """A code of its own, and a verifier whose hash is not the challenge."""
    fresh = yield from fresh_code(flow)
    if isinstance(fresh, Stopped):
        return fresh
    wrong = pkce_from(b"\0" + flow.settings.entropy(31)).verifier
    why = "a code with a wrong code_verifier; a healthy server answers 400 invalid_grant"
    return (yield from _redeemed(flow, fresh, wrong, why))


@step(title="Redeem a code without a verifier", spec=Spec("RFC 7636", "4.6"), probe=True)
def without_verifier(flow: Flow) -> Wants:
    """A code of its own, and no verifier although its request had a challenge."""
    fresh = yield from fresh_code(flow)
    if isinstance(fresh, Stopped):
        return fresh
    why = "a code without its code_verifier; a healthy server answers 400"
    return (yield from _redeemed(flow, fresh, None, why))


@step(title="Redeem a code twice (may end its grant)", spec=Spec("OAuth 2.1", "4.1.3"), probe=True)
def code_replay(flow: Flow) -> Wants:
    """A code of its own, redeemed twice. The second time may revoke what the first one gave: nothing of the flow."""
    fresh = yield from fresh_code(flow)
    if isinstance(fresh, Stopped) or fresh.pkce is None:
        return fresh
    first = yield from _redeemed(flow, fresh, fresh.pkce.verifier, "a code of its own, redeemed for the first time")
    if isinstance(first, Stopped):
        return first
    why = "the same code once more; a healthy server answers 400 invalid_grant and may revoke this grant"
    return (yield from _redeemed(flow, fresh, fresh.pkce.verifier, why))


def _redeemed(flow: Flow, fresh: Flow, verifier: str | None, why: str) -> Wants:
    endpoint = fresh.authorization.token_endpoint if fresh.authorization else ""
    if not endpoint:
        return not_tested("the metadata names no token_endpoint")
    _, exchange = yield from post_as_client(fresh, endpoint, redeeming(fresh, verifier), why)
    return tested(flow, exchange)


@step(title="Authorize without a resource", spec=Spec("RFC 8707", "2"), probe=True)
def without_resource(flow: Flow) -> Wants:
    """A whole authorization without the resource indicator; a server may take it or refuse it. Only looked at."""
    left_out = replace(flow.settings, resource="")
    fresh = yield from fresh_tokens(replace(flow, settings=left_out))
    return fresh if isinstance(fresh, Stopped) else flow


@step(title="Authenticate the other way", spec=Spec("RFC 6749", "2.3.1"), probe=True)
def basic_or_body(flow: Flow) -> Wants:
    """The client's credentials in the body where they stood in the header and the other way, with a dummy code.

    ``invalid_client`` for one way and ``invalid_grant`` for the other tell which one the server takes. Only looked at.
    """
    endpoint, client = _endpoint(flow, "token_endpoint"), flow.client
    if endpoint is None or client is None:
        return not_tested(UNKNOWN_SERVER)
    if not client.secret:
        return not_tested("a public client has nothing to authenticate with")
    _, basic, post = AUTH_METHODS
    other = post if client.auth_method == basic else basic
    for method in (client.auth_method or basic, other):
        changed = flow.learn(client=replace(client, auth_method=method))
        why = f"a code that there is not, authenticated by {method}: invalid_grant says that the client is known so"
        _, exchange = yield from post_as_client(changed, endpoint, _dummy(flow), why)
    return tested(flow, exchange)


@step(title="Ask as a client that there is not", spec=Spec("RFC 6749", "5.2"), probe=True)
def unknown_client(flow: Flow) -> Wants:
    """An unknown client_id at the authorization endpoint, which must not redirect, then at the token endpoint."""
    authorization, endpoint = _endpoint(flow, "authorization_endpoint"), _endpoint(flow, "token_endpoint")
    if authorization is None or endpoint is None:
        return not_tested(UNKNOWN_SERVER)
    stranger = flow.learn(client=Client(UNKNOWN_CLIENT, None, "none"))
    why = "an unknown client_id; a healthy server shows an error and does not redirect"
    yield Send(_authorization_request(flow, authorization, UNKNOWN_CLIENT, flow.settings.redirect_uri, why))
    why = "an unknown client_id; a healthy server answers 401 or 400 with error=invalid_client"
    _, exchange = yield from post_as_client(stranger, endpoint, _dummy(flow), why)
    return tested(flow, exchange)


def _dummy(flow: Flow) -> Pairs:
    """A token request with a code that nobody issued: nothing can come of it."""
    resource = wanted_resource(flow)
    return (
        ("grant_type", "authorization_code"),
        ("code", DUMMY_CODE),
        ("redirect_uri", flow.settings.redirect_uri),
        ("code_verifier", pkce_from(flow.settings.entropy(32)).verifier),
        *((("resource", resource),) if resource else ()),
    )


# --- redirect URIs ----------------------------------------------------------------------------------------------------


@step(title="Ask to be sent to an unregistered URI", spec=Spec("OAuth 2.1", "2.3.1"), probe=True)
def unregistered_redirect(flow: Flow) -> Wants:
    """An authorization request whose redirect URI is nobody's; what comes back is read, and no foreign host asked."""
    endpoint, client = _endpoint(flow, "authorization_endpoint"), flow.client
    if endpoint is None or client is None:
        return not_tested(UNKNOWN_SERVER)
    why = "a redirect_uri that is not registered; a healthy server shows an error and does not redirect there"
    exchange = yield Send(_authorization_request(flow, endpoint, client.client_id, UNREGISTERED_REDIRECT, why))
    for _ in range(MOST_HOPS):
        target = _next(exchange)
        if target is None or not same_origin(target, endpoint):
            break
        exchange = yield Send(Call.get(target, why="Location of the hop before, within the authorization server"))
    return tested(flow, exchange)


def _authorization_request(flow: Flow, endpoint: str, client_id: str, redirect_uri: str, why: str) -> Call:
    pair = pkce_from(flow.settings.entropy(32))
    params = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("code_challenge", pair.challenge),
        ("code_challenge_method", pair.method),
        ("state", base64.urlsafe_b64encode(flow.settings.entropy(16)).rstrip(b"=").decode()),
    ]
    asked = flow.authorization
    if asked is not None:
        params += [(name, value) for name, value in (("scope", asked.scope), ("resource", asked.resource)) if value]
    return replace(Call.get(endpoint, why=why), params=tuple(params))


def _next(exchange: Exchange) -> str | None:
    response = exchange.response
    location = response.header("location") if response is not None and response.status // 100 == 3 else None
    try:
        return urljoin(exchange.request.url, location) if location else None
    except ValueError:
        return None


@step(title="Register a redirect URI over plain http", spec=Spec("OAuth 2.1", "2.3.1"), probe=True)
def http_redirect_registration(flow: Flow) -> Wants:
    """A redirect URI on another machine, without TLS. What was registered by it is deleted again where it can be."""
    endpoint = _endpoint(flow, "registration_endpoint")
    if endpoint is None:
        return not_tested("the metadata names no registration_endpoint")
    body = {**client_metadata(flow)[0], "redirect_uris": [PLAIN_REDIRECT], "application_type": "web"}
    headers: list[tuple[str, str]] = [("Accept", "application/json")]
    if flow.settings.initial_access_token:
        headers.append(("Authorization", f"Bearer {flow.settings.initial_access_token}"))
    why = "a redirect URI over plain http on another machine; a healthy server answers 400 invalid_redirect_uri"
    exchange = yield Send(Call("POST", endpoint, tuple(headers), json=body, why=why))
    yield from _cleaned_up(endpoint, exchange)
    return tested(flow, exchange)


def _cleaned_up(endpoint: str, exchange: Exchange) -> Generator[Send, Exchange, None]:
    """Delete what a probe has registered (RFC 7592 2.3); the token for it goes to the server that gave it."""
    document = exchange.document or {}
    url, held = document.get("registration_client_uri"), document.get("registration_access_token")
    if isinstance(url, str) and isinstance(held, str) and held and same_origin(url, endpoint):
        yield Send(
            Call("DELETE", url, (("Authorization", f"Bearer {held}"),), why="what the probe registered, deleted")
        )


# --- around tokens ----------------------------------------------------------------------------------------------------


@step(title="Introspect without credentials", spec=Spec("RFC 7662", "2.1"), probe=True)
def introspect_anonymous(flow: Flow) -> Wants:
    """A token that nobody issued, looked up by nobody: the endpoint must ask who wants to know."""
    endpoint = _endpoint(flow, "introspection_endpoint")
    if endpoint is None:
        return not_tested("the metadata names no introspection_endpoint")
    form = (("token", "garbage-" + flow.settings.entropy(18).hex()),)
    why = "introspection without credentials; a healthy server answers 401"
    exchange = yield Send(Call.post_form(endpoint, form, why=why))
    return tested(flow, exchange)
