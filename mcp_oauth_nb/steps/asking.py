"""Questions to the token endpoint and to those around it, in the client's name, and the tokens in the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mcp_oauth_nb.protocol.choices import ARGUMENTS, TYPED
from mcp_oauth_nb.protocol.device import seconds_of
from mcp_oauth_nb.protocol.flow import Flow, Tokens, need
from mcp_oauth_nb.protocol.parameters import Parameter
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.protocol.step import Call
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.credentials import credentials, misplaced
from mcp_oauth_nb.steps.parameters import with_parameters
from mcp_oauth_nb.steps.sending import Sent, send_to_server
from mcp_oauth_nb.steps.words import said

Form = Iterable[tuple[str, str | None]]
NO_TOKEN_ENDPOINT = "the authorization server metadata names no token_endpoint"


def endpoint_of(flow: Flow, member: str) -> tuple[str | None, str]:
    """An endpoint of the authorization server, and who says so; None where nobody names one."""
    metadata = need(flow.server_metadata, "authorization server metadata", "dbg.server_metadata()")
    return metadata.text(member), flow.settings.choices.source(member, metadata.url)


def unnamed(flow: Flow, member: str) -> str:
    """Why there is no such endpoint; in a flow without MCP also the argument that names one."""
    if flow.profile is not PLAIN:
        return f"the metadata names no {member}"
    who = "the metadata names" if flow.settings.choices.issuer else "the settings name"
    return f"{who} no {member}: OAuth2(..., {ARGUMENTS[member]}='https://...') does"


def misplaced_client(flow: Flow) -> str:
    """Why the client must not show itself to the authorization server of this flow; empty where it may."""
    metadata = flow.server_metadata
    return misplaced(flow.client, (metadata.text("issuer") or metadata.identifier) if metadata else None)


def ask_token_endpoint(flow: Flow, endpoint: str, form: Form, parameters: Iterable[Parameter] = ()) -> Sent:
    """Ask the token endpoint in the client's name; `parameters` are custom ones."""
    url = flow.server_metadata.url if flow.server_metadata else "the metadata"
    choices = flow.settings.choices
    why = f"refresh_url in {TYPED}" if endpoint == choices.refresh_url else choices.source("token_endpoint", url)
    custom = tuple(parameters)
    return send_to_server(flow, lambda: with_parameters(client_call(flow, endpoint, form, why), custom))


def client_call(flow: Flow, endpoint: str, form: Form, why: str) -> Call:
    """A form POST in the client's name, by the method it is registered with.

    Only the password grant of a plain API may go without any client (RFC 6749 4.3.2).
    """
    if flow.client is None and flow.profile is PLAIN:
        return Call.post_form(endpoint, form, why=why)
    client = need(flow.client, "client", "dbg.register()")
    headers, members = credentials(flow, client, endpoint)
    return Call.post_form(endpoint, (*form, *members), why=why, headers=headers)


def issued(exchange: Exchange) -> Tokens | None:
    """The tokens of a token answer; None where it holds none."""
    if exchange.status != 200 or exchange.document is None:
        return None
    return tokens_in(exchange.document, exchange.id)


def tokens_in(members: Mapping[str, Any], exchange: int) -> Tokens | None:
    """The tokens among the members of an answer; None where there is no access token."""
    access_token = members.get("access_token")
    if not isinstance(access_token, str) or not access_token:
        return None
    refresh_token, scope, kind = (members.get(name) for name in ("refresh_token", "scope", "token_type"))
    id_token = members.get("id_token")
    return Tokens(
        access_token=access_token,
        refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
        token_type=kind if isinstance(kind, str) else "(not said)",
        scope=scope if isinstance(scope, str) else None,
        expires_in_s=seconds_of(members.get("expires_in")),
        exchange=exchange,
        id_token=id_token if isinstance(id_token, str) and id_token else None,
    )


def refused(exchange: Exchange) -> str:
    """Why an answer brings no token."""
    if exchange.failure is None and exchange.status == 200:
        return "the answer holds no access_token"
    return neither(exchange, "200")


def neither(exchange: Exchange, expected: str) -> str:
    """Why an answer is not the expected one, nor any other that a step can use."""
    return exchange.failure.message if exchange.failure else f"expected {expected}, got {said(exchange)}"
