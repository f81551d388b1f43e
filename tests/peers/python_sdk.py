"""The client of the MCP Python SDK as it is installed, sent against a server for real."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import httpx
import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

REDIRECT_URI = "http://127.0.0.1:39999/callback"
TIMEOUT_S = 20.0
OPENING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}},
}


@dataclass
class Sent:
    """What the client really did.

    Attributes:
        requests: every request as ``METHOD URL``, in order.
        authorization: the parameters of the authorization request; empty where it came to none.
        status: of the answer to the last MCP request; 0 where the client stopped before.
        error: what its user sees, with the type of the exception; empty where it did not stop.
    """

    requests: list[str]
    authorization: dict[str, str]
    status: int = 0
    error: str = ""

    @property
    def before_authorization(self) -> list[str]:
        """The requests behind the first one, up to and with the registration."""
        kept = []
        for one in self.requests[1:]:
            kept.append(one)
            if one.startswith("POST "):
                break
        return kept


class _Memory:
    def __init__(self) -> None:
        self._tokens: OAuthToken | None = None
        self._client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info


def connect(url: str) -> Sent:
    """Send one MCP request as a client that has never been here."""
    return anyio.run(_connect, url)


async def _connect(url: str) -> Sent:
    sent = Sent([], {})
    redirects: list[str] = []

    async def note(request: httpx2.Request) -> None:
        sent.requests.append(f"{request.method} {request.url}")

    async def open_link(link: str) -> None:
        sent.authorization = dict(parse_qsl(urlsplit(link).query))
        redirects.append(_followed(link))

    async def come_back() -> AuthorizationCodeResult:
        came: dict[str, Any] = dict(parse_qsl(urlsplit(redirects[-1]).query))
        return AuthorizationCodeResult(code=came.get("code", ""), state=came.get("state"), iss=came.get("iss"))

    metadata = OAuthClientMetadata(redirect_uris=[REDIRECT_URI], client_name="test")  # type: ignore[list-item]
    provider = OAuthClientProvider(url, metadata, _Memory(), open_link, come_back)
    accept = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    hooks = _Noting(note)
    async with httpx2.AsyncClient(auth=provider, transport=hooks, timeout=TIMEOUT_S, trust_env=False) as client:
        try:
            answer = await client.post(url, content=json.dumps(OPENING), headers=accept)
            sent.status = answer.status_code
        except Exception as error:  # noqa: BLE001 - whatever stops it is what is looked at
            sent.error = f"{type(error).__name__}: {error}"
    return sent


class _Noting(httpx2.AsyncHTTPTransport):
    """Notes every request that leaves, those of the authorization included."""

    def __init__(self, note: Any) -> None:
        super().__init__()
        self._note = note

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self._note(request)
        return await super().handle_async_request(request)


def _followed(link: str) -> str:
    """Where the browser ends: the server consents by itself."""
    with httpx.Client(trust_env=False, timeout=TIMEOUT_S) as browser:
        for _ in range(8):
            if link.startswith(REDIRECT_URI):
                return link
            answer = browser.get(link)
            if answer.next_request is None:
                return f"{REDIRECT_URI}?error=server_error"
            link = str(answer.next_request.url)
    return link
