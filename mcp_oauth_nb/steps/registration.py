"""Getting a client id: the pre-registered one, or dynamic client registration (RFC 7591)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mcp_oauth_nb.protocol.flow import AUTH_METHODS, Client, Document, Flow, need
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.words import said


@step(title="Client registration", spec=Spec("RFC 7591", "3.1"))
def register(flow: Flow) -> Wants:
    """Take the user's client when there is one, else register one at the endpoint that the metadata names."""
    metadata = need(flow.server_metadata, "authorization server metadata", "dbg.server_metadata()")
    if flow.settings.client is not None:
        return flow.learn(client=_with_method(flow.settings.client, metadata))
    endpoint = metadata.text("registration_endpoint")
    if endpoint is None:
        return Stopped("the metadata names no registration_endpoint; give a client: Debugger(url, client=Client('id'))")
    body = registration_body(flow)
    why = f"registration_endpoint in {metadata.url}"
    exchange = yield Send(Call("POST", endpoint, (("Accept", "application/json"),), json=body, why=why))
    client = _registered(exchange)
    if client is None or exchange.failure is not None:
        return Stopped(_refused(exchange))
    return flow.learn(client=client)


def registration_body(flow: Flow) -> dict[str, Any]:
    """What we register: a public native client with refresh tokens, as a command line tool would."""
    body: dict[str, Any] = {
        "client_name": flow.settings.client_name,
        "redirect_uris": [flow.settings.redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    if flow.settings.scope:
        body["scope"] = flow.settings.scope
    return body


def _with_method(client: Client, metadata: Document) -> Client:
    """Choose how a pre-registered client authenticates: as told, else as the metadata allows (RFC 8414 2)."""
    if client.auth_method is not None:
        return client
    if client.is_public:
        return replace(client, auth_method="none")
    offered = metadata.texts("token_endpoint_auth_methods_supported") or ("client_secret_basic",)
    secret_methods = [method for method in AUTH_METHODS[1:] if method in offered]
    return replace(client, auth_method=next(iter(secret_methods), "client_secret_basic"))


def _registered(exchange: Exchange) -> Client | None:
    document = exchange.document
    if exchange.status not in (200, 201) or document is None:
        return None
    client_id, secret = document.get("client_id"), document.get("client_secret")
    if not isinstance(client_id, str) or not client_id.strip():
        return None
    secret = secret if isinstance(secret, str) and secret else None
    return Client(client_id, secret, _method(document, secret), "registered dynamically", exchange.id)


def _method(document: Mapping[str, Any], secret: str | None) -> str:
    """As registered; without a word of it RFC 7591 2 says client_secret_basic, which needs a secret."""
    method = document.get("token_endpoint_auth_method")
    if isinstance(method, str) and method in AUTH_METHODS:
        return method if secret else "none"
    return "client_secret_basic" if secret else "none"


def _refused(exchange: Exchange) -> str:
    if exchange.failure is not None:
        return exchange.failure.message
    without = " without one" if exchange.status in (200, 201) else ""
    return f"expected 201 with a client_id, got {said(exchange)}{without}"
