"""What an `OAuth2` begins with: what is known before its first request, and every secret it was handed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.jose import secret_parts
from mcp_oauth_nb.oauth2_arguments import Given
from mcp_oauth_nb.protocol.choices import TYPED, Choices
from mcp_oauth_nb.protocol.flow import Client, Document, Flow, Settings, Tokens
from mcp_oauth_nb.protocol.step import Override
from mcp_oauth_nb.redact import is_secret_name, learn_settings, looks_random
from mcp_oauth_nb.wire.learning import LearningVault


def begun(settings: Settings, access_token: str | None) -> Flow:
    """What is known before the first request: the client, the endpoints that were typed, a token from elsewhere."""
    choices = settings.choices
    document = Document(dict(choices.endpoints), TYPED, "typed", "", 0) if choices.issuer is None else None
    tokens = Tokens(access_token) if access_token else None
    client = settings.client
    if client is not None and client.auth_method is None:
        method = "private_key_jwt" if client.private_key else "client_secret_basic" if client.secret else "none"
        client = replace(client, auth_method=method)
    return Flow(settings, server_metadata=document, client=client, tokens=tokens)


def custom_headers(headers: Mapping[str, str] | None, api_url: str | None) -> Mapping[str, Any]:
    """Headers for the API: without its URL nobody knows whom they are for."""
    custom = Override(headers={} if headers is None else headers).headers
    if custom and api_url is None:
        raise BadSetting("headers", "some without api_url", "an api_url: they are sent to its origin alone")
    return custom


def vault_of(given: Given, choices: Choices, client: Client | None, custom: Mapping[str, Any]) -> LearningVault:
    """A vault that knows every secret the user handed in."""
    vault = LearningVault()
    learn_settings(vault, custom, "")
    for url in given.typed:
        learn_settings(vault, {}, url)
    for secret, kind in (
        (client and client.secret, "client_secret"),
        (given.access_token, "access_token"),
        (given.password, "password"),
        (given.state, "state"),
        (given.nonce, "nonce"),
        (given.code_verifier, "code_verifier"),
        *((part, "private_key") for part in secret_parts((client and client.private_key) or "")),
    ):
        if secret:
            vault.learn(secret, kind)
    for one in choices.custom:
        if one.send_in == "header":
            learn_settings(vault, {one.name: one.value}, "")
        elif is_secret_name(one.name) or (len(one.value) >= 16 and "://" not in one.value and looks_random(one.value)):
            vault.learn(one.value, "parameter")
    return vault
