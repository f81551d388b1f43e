"""Getting a client id: pre-registered, client ID metadata document, or dynamic client registration (RFC 7591)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from mcp_oauth_nb.protocol.flow import AUTH_METHODS, PRIVATE_KEY_JWT, Client, Document, Flow, need
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.client_metadata import METHOD, client_metadata
from mcp_oauth_nb.steps.credentials import misplaced
from mcp_oauth_nb.steps.words import brief, said

Way = Literal["preregistered", "cimd", "dcr"]
NO_ENDPOINT = "the metadata names no registration_endpoint; give a client: Debugger(url, client=Client('id'))"


@step(title="Client registration", spec=Spec("RFC 7591", "3.1"))
def register(flow: Flow) -> Wants:
    """Get a client id in the first way that is open: pre-registered, metadata document, dynamic registration."""
    metadata = need(flow.server_metadata, "authorization server metadata", "dbg.server_metadata()")
    way, why = chosen_way(flow, metadata)
    if way is None:
        return Stopped(why)
    if way == "preregistered":
        return _beforehand(flow, metadata, why)
    if way == "cimd":
        url = flow.settings.client_metadata_url or ""
        return flow.learn(client=Client(url, None, "none", f"client ID metadata document ({why})"))
    return (yield from _dynamic(flow, metadata, why))


def _beforehand(flow: Flow, metadata: Document, why: str) -> Flow | Stopped:
    """A client that one authorization server knows is shown to no other, whatever the settings say (MCP 2026-07-28)."""
    client = need(flow.settings.client, "client", "Debugger(url, client=Client('id'))")
    earlier = flow.client.issuer if flow.client and flow.client.client_id == client.client_id else None
    bound = replace(client, issuer=client.issuer or earlier)
    strange = misplaced(bound, metadata.text("issuer") or metadata.identifier)
    if strange:
        return Stopped(f"{strange}; give a client of this one: Debugger(url, client=Client('id'))")
    source = f"{client.source} ({why})"
    return flow.learn(client=replace(_with_method(client, metadata), issuer=metadata.text("issuer"), source=source))


def _dynamic(flow: Flow, metadata: Document, why: str) -> Wants:
    endpoint = metadata.text("registration_endpoint")
    if endpoint is None:
        return Stopped(NO_ENDPOINT)
    headers: list[tuple[str, str]] = [("Accept", "application/json")]
    if flow.settings.initial_access_token:
        headers.append(("Authorization", f"Bearer {flow.settings.initial_access_token}"))
    source = f"registration_endpoint in {metadata.url}"
    body, why_so = client_metadata(flow)
    exchange = yield Send(Call("POST", endpoint, tuple(headers), json=body, why=source))
    client = _registered(exchange, f"{why}; {why_so}")
    if client is None or exchange.failure is not None:
        return Stopped(_refused(exchange))
    method = (exchange.document or {}).get(METHOD)
    if isinstance(method, str) and method not in ("", *AUTH_METHODS) and not flow.lenient:
        able = ", ".join(AUTH_METHODS)
        return Stopped(
            f"the client is registered for {brief(method)}; without a key it can authenticate by {able} only"
        )
    return flow.learn(client=replace(client, issuer=metadata.text("issuer")))


def chosen_way(flow: Flow, metadata: Document) -> tuple[Way | None, str]:
    """The way to a client id and why it was taken; None with the reason where no way is open (MCP 2025-11-25).

    The order is that of the specification: what was registered beforehand, then a client ID metadata document where the
    server announces that it reads them, then dynamic registration.
    """
    settings = flow.settings
    if settings.registration != "auto":
        missing = _missing(flow)
        return (None, missing) if missing else (settings.registration, "as the settings say")
    if settings.client is not None:
        return "preregistered", "a client was given"
    if settings.grant != "authorization_code":
        return None, f"the grant {settings.grant} needs a registered client: Debugger(url, client=Client('id', ...))"
    announced = metadata.value.get("client_id_metadata_document_supported") is True
    if announced and settings.client_metadata_url and flow.profile.knows_client_documents:
        return "cimd", "announced in the metadata, and there is a document"
    if metadata.text("registration_endpoint") is not None:
        return "dcr", f"the metadata names a registration_endpoint{_why_no_document(flow, announced=announced)}"
    return None, NO_ENDPOINT


def _why_no_document(flow: Flow, *, announced: bool) -> str:
    """Why no metadata document was taken, which comes first where it can be had; empty where it cannot be known."""
    if not flow.profile.knows_client_documents:
        given = flow.settings.client_metadata_url is not None
        return f"; MCP {flow.profile.version} knows no client ID metadata documents" if given else ""
    if not announced:
        return "; client ID metadata documents are not announced"
    return "; client ID metadata documents are announced, but no client_metadata_url was given"


def _missing(flow: Flow) -> str:
    """What the way that the settings demand lacks; empty where it can be gone."""
    if flow.settings.registration == "preregistered" and flow.settings.client is None:
        return "registration='preregistered' needs a client: Debugger(url, client=Client('id'))"
    if flow.settings.registration == "cimd" and not flow.settings.client_metadata_url:
        return "registration='cimd' needs the URL of a document: Debugger(url, client_metadata_url='https://...')"
    return ""


def _with_method(client: Client, metadata: Document) -> Client:
    """Choose how a pre-registered client authenticates: as told, else as the metadata allows (RFC 8414 2)."""
    if client.auth_method is not None:
        return client
    if client.is_public:
        return replace(client, auth_method="none")
    if client.private_key:
        return replace(client, auth_method=PRIVATE_KEY_JWT)
    offered = metadata.texts("token_endpoint_auth_methods_supported") or ("client_secret_basic",)
    secret_methods = [method for method in AUTH_METHODS[1:] if method in offered]
    return replace(client, auth_method=next(iter(secret_methods), "client_secret_basic"))


def _registered(exchange: Exchange, why: str) -> Client | None:
    document = exchange.document
    if exchange.status not in (200, 201) or document is None:
        return None
    client_id, secret = document.get("client_id"), document.get("client_secret")
    if not isinstance(client_id, str) or not client_id.strip():
        return None
    secret = secret if isinstance(secret, str) and secret else None
    scope = document.get("scope")
    url, management = document.get("registration_client_uri"), document.get("registration_access_token")
    return Client(
        client_id,
        secret,
        _method(document, secret),
        f"registered dynamically ({why})",
        exchange.id,
        management_url=url if isinstance(url, str) else None,
        management_token=management if isinstance(management, str) else None,
        scope=scope if isinstance(scope, str) else None,
    )


def _method(document: Mapping[str, Any], secret: str | None) -> str:
    """As registered; without a word of it RFC 7591 2 says client_secret_basic, which needs a secret."""
    method = document.get(METHOD)
    if isinstance(method, str) and method in AUTH_METHODS:
        return method if secret else "none"
    return "client_secret_basic" if secret else "none"


def _refused(exchange: Exchange) -> str:
    if exchange.failure is not None:
        return exchange.failure.message
    without = " without one" if exchange.status in (200, 201) else ""
    return f"expected 201 with a client_id, got {said(exchange)}{without}"
