"""Questions about a token: what the authorization server says of it (RFC 7662), and of whom it speaks (OIDC Core 5.3).

They stand aside the route: each may be asked at any time, and changes nothing of what the route has learned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from mcp_oauth_nb.protocol.flow import Flow, Outcome, Pairs, need
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Step, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.asking import client_call, endpoint_of, neither, unnamed
from mcp_oauth_nb.steps.sending import authorization, send_to_resource
from mcp_oauth_nb.steps.words import brief

Which = Literal["access_token", "refresh_token"]
WHICH: tuple[Which, ...] = ("access_token", "refresh_token")
INTROSPECTION_JWT = "application/token-introspection+jwt"
_TELLING = ("client_id", "scope", "aud", "iss", "token_type", "exp")


def introspect_step(which: Which = "access_token") -> Step:
    """A step that asks about one of the tokens."""
    title = f"Introspect the {which.replace('_', ' ')}"
    return Step("introspect", title, Spec("RFC 7662", "2.1"), _introspect(which), aside=True)


def _introspect(which: Which) -> Callable[[Flow], Wants]:
    """An inactive token is an answer like any other: only one without a boolean `active` tells nothing."""

    def run(flow: Flow) -> Wants:
        held = need(flow.tokens, "access token", "dbg.token()")
        value = held.access_token if which == "access_token" else held.refresh_token
        endpoint, why = endpoint_of(flow, "introspection_endpoint")
        if value is None:
            return Stopped("no refresh token was issued, so that there is none to ask about")
        if endpoint is None:
            return Stopped(unnamed(flow, "introspection_endpoint"))
        form = (("token", value), ("token_type_hint", which))
        exchange = yield Send(client_call(flow, endpoint, form, why))
        if exchange.failure is not None or exchange.status != 200:
            return Stopped(neither(exchange, "200"))
        if exchange.response is not None and exchange.response.media_type == INTROSPECTION_JWT:
            summary = "answered with a signed JWT (RFC 9701), which is not taken apart here"
            return flow.learn(introspected=Outcome(summary, exchange.id))
        document = exchange.document
        active = (document or {}).get("active")
        if document is None or not isinstance(active, bool):
            return Stopped("the answer does not say by true or false whether the token is active")
        summary = f"the {which.replace('_', ' ')} is {'active' if active else 'not active'}"
        return flow.learn(introspected=Outcome(summary, exchange.id, _telling(document)))

    return run


@step(title="Ask who the user is", spec=Spec("OIDC Core", "5.3"), aside=True)
def userinfo(flow: Flow) -> Wants:
    """Ask for the claims about the user with the access token, as the resource that the userinfo endpoint is."""
    tokens = need(flow.tokens, "access token", "dbg.token()")
    endpoint, why = endpoint_of(flow, "userinfo_endpoint")
    if endpoint is None:
        return Stopped(unnamed(flow, "userinfo_endpoint"))
    headers = (("Accept", "application/json"), *authorization(flow, tokens))
    call = Call.get(endpoint, why=why, headers=headers)
    flow, exchange = yield from send_to_resource(flow, tokens, call)
    if exchange.failure is not None or exchange.status != 200:
        return Stopped(neither(exchange, "200"))
    if exchange.response is not None and exchange.response.media_type == "application/jwt":
        return flow.learn(userinfo=Outcome("answered with a JWT, which is not taken apart here", exchange.id))
    if exchange.document is None:
        return Stopped("the answer is no JSON object")
    return flow.learn(userinfo=Outcome(f"claims: {_names(exchange)}", exchange.id))


def _names(exchange: Exchange) -> str:
    return brief(", ".join(exchange.document or ())) or "none"


def _telling(document: Mapping[str, Any]) -> Pairs:
    """The members that say for whom and for how long a token is."""
    return tuple((name, brief(_text(document[name]))) for name in _TELLING if name in document)


def _text(value: object) -> str:
    listed = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return " ".join(value) if isinstance(value, list) and listed else str(value)
