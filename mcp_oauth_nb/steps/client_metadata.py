"""The client metadata that dynamic registration sends (RFC 7591 2), chosen from what the server publishes, and why."""

from __future__ import annotations

from typing import Any

from mcp_oauth_nb.protocol.client_document import application_type
from mcp_oauth_nb.protocol.flow import AUTH_METHODS, Document, Flow, need

METHOD = "token_endpoint_auth_method"


def client_metadata(flow: Flow) -> tuple[dict[str, Any], str]:
    """What we register, a native client as a command line tool would be, and why it authenticates as it says."""
    metadata = need(flow.server_metadata, "authorization server metadata", "dbg.server_metadata()")
    method, why_method = _method(flow, metadata)
    grant_types, why_grants = _grant_types(metadata)
    body: dict[str, Any] = {
        "client_name": flow.settings.client_name,
        "redirect_uris": [flow.settings.redirect_uri],
        "grant_types": grant_types,
        "response_types": ["code"],
        METHOD: method,
        "application_type": application_type((flow.settings.redirect_uri,)),
    }
    if flow.settings.scope:
        body["scope"] = flow.settings.scope
    if flow.settings.software_statement:
        body["software_statement"] = flow.settings.software_statement
    return body, f"{METHOD} {method}: {why_method}{why_grants}"


def _method(flow: Flow, metadata: Document) -> tuple[str, str]:
    """A public client where the server has them, else one with a secret (RFC 8414 2).

    Left out, the list stands for client_secret_basic. But most clients of MCP register as public ones whatever is
    listed, and servers that publish no list expect it of them. Among methods with a secret the server's order counts:
    some list first what they test, and fail with the other.
    """
    if flow.settings.client_auth_method is not None:
        return flow.settings.client_auth_method, "as the settings say"
    listed = metadata.texts("token_endpoint_auth_methods_supported")
    if not listed:
        return "none", "the metadata lists no methods"
    found = "none" if "none" in listed else next((method for method in listed if method in AUTH_METHODS), None)
    if found is None:
        return "none", "the metadata lists no method that a client without a key has"
    return found, "listed in the metadata" if found == "none" else "listed in the metadata, which has no none"


def _grant_types(metadata: Document) -> tuple[list[str], str]:
    """Refresh tokens are wanted, but not asked of a server that says it has none."""
    listed = metadata.texts("grant_types_supported")
    if listed and "refresh_token" not in listed:
        return ["authorization_code"], "; grant_types without refresh_token, which the metadata does not list"
    return ["authorization_code", "refresh_token"], ""
