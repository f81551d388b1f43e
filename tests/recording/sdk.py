"""A client of somebody else: the MCP SDK with its own OAuth flow, and a person who consents."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

from mcp_oauth_nb import Recording

REDIRECT_URI = "http://127.0.0.1:8765/callback"
MOST_PAGES = 10


class Memory(TokenStorage):
    """Keeps tokens and the client for one test."""

    def __init__(self) -> None:
        self.tokens: Any = None
        self.client: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client_info: Any) -> None:
        self.client = client_info


class Person:
    """Opens the authorization URL, follows every redirect, and comes back with the last one.

    Args:
        telling: notes the whole redirect for this recording, as a careful client would.
    """

    def __init__(self, telling: Recording | None = None) -> None:
        self.telling = telling
        self.back = ""

    async def opens(self, url: str) -> None:
        with httpx.Client(trust_env=False) as browser:
            for _ in range(MOST_PAGES):
                answer = browser.get(url)
                if not answer.is_redirect:
                    return
                url = str(httpx.URL(url).join(answer.headers["location"]))
                if url.startswith(REDIRECT_URI):
                    self.back = url
                    return

    async def comes_back(self) -> AuthorizationCodeResult:
        if self.telling is not None and self.back:
            self.telling.redirect(self.back)
        told = {name: values[0] for name, values in parse_qs(urlsplit(self.back).query).items()}
        return AuthorizationCodeResult(code=told.get("code", ""), state=told.get("state"), iss=told.get("iss"))


def provider(url: str, *handlers: Any) -> OAuthClientProvider:
    """The SDK's own OAuth flow for this server."""
    metadata = OAuthClientMetadata(
        client_name="somebody else's client",
        redirect_uris=[REDIRECT_URI],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="none",
        scope="mcp:tools",
    )
    return OAuthClientProvider(url, metadata, Memory(), *handlers)


def client(auth: httpx2.Auth | None = None) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(auth=auth, timeout=10, trust_env=False)


async def session(url: str, http: httpx2.AsyncClient) -> list[str] | Exception:
    """The names of the server's tools, or what the SDK made of the server."""
    try:
        async with http, streamable_http_client(url, http_client=http) as streams, ClientSession(*streams[:2]) as mcp:
            await mcp.initialize()
            return [tool.name for tool in (await mcp.list_tools()).tools]
    except Exception as error:  # noqa: BLE001 - whatever it is, the recording is what counts
        return error


@contextmanager
def silence() -> Iterator[None]:
    """The SDK logs what goes wrong with a traceback."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
