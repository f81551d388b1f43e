"""What becomes of a dynamic registration: read it, and remove it when it is no longer needed (RFC 7592).

Every run of a debugger leaves a client behind at the authorization server. Both steps stand aside the route and are
taken only when they are called.
"""

from __future__ import annotations

from dataclasses import replace

from mcp_oauth_nb.protocol.flow import Client, Flow, Outcome, need
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.asking import neither
from mcp_oauth_nb.steps.words import brief

WHY = "registration_client_uri in the answer to the registration"
REMOVED = "this registration was removed already: dbg.register() makes another one"


@step(title="Read the registration", spec=Spec("RFC 7592", "2.1"), aside=True)
def registration(flow: Flow) -> Wants:
    """Read what is registered. Credentials that come with the answer replace the old ones (RFC 7592 2.1)."""
    client = need(flow.client, "client", "dbg.register()")
    if problem := _unmanaged(flow, client):
        return Stopped(problem)
    exchange = yield Send(_call("GET", client))
    document = exchange.document
    if exchange.failure is not None or exchange.status != 200 or document is None:
        return Stopped("the answer is no JSON object" if exchange.status == 200 else neither(exchange, "200"))
    summary = f"registered: {brief(', '.join(document))}"
    return flow.learn(client=_renewed(client, exchange), registration=Outcome(summary, exchange.id))


@step(title="Remove the registration", spec=Spec("RFC 7592", "2.3"), aside=True)
def unregister(flow: Flow) -> Wants:
    """Delete the client at the authorization server; its tokens should end with it."""
    client = need(flow.client, "client", "dbg.register()")
    if problem := _unmanaged(flow, client):
        return Stopped(problem)
    exchange = yield Send(_call("DELETE", client))
    if exchange.failure is not None or exchange.status is None or exchange.status // 100 != 2:
        return Stopped(neither(exchange, "204"))
    return flow.learn(unregistered=Outcome(f"removal answered {exchange.status}", exchange.id))


def _unmanaged(flow: Flow, client: Client) -> str:
    """Why there is no registration to manage; empty where there is."""
    if flow.unregistered is not None:
        return REMOVED
    if client.is_managed:
        return ""
    if not client.exchange:
        return f"the client was not registered here ({client.source})"
    missing = "registration_access_token" if client.management_url else "registration_client_uri"
    return f"the answer to the registration holds no {missing}"


def _call(method: str, client: Client) -> Call:
    headers = (("Accept", "application/json"), ("Authorization", f"Bearer {client.management_token}"))
    return Call(method, client.management_url or "", headers, why=WHY)


def _renewed(client: Client, exchange: Exchange) -> Client:
    """The client with those credentials that the server replaced; the same one where it replaced none."""
    renewed = replace(
        client,
        management_url=_text(exchange, "registration_client_uri") or client.management_url,
        management_token=_text(exchange, "registration_access_token") or client.management_token,
        secret=(_text(exchange, "client_secret") if client.secret else None) or client.secret,
    )
    return client if renewed == client else renewed


def _text(exchange: Exchange, name: str) -> str | None:
    value = (exchange.document or {}).get(name)
    return value if isinstance(value, str) else None
