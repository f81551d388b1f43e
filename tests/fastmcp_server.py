"""A server by somebody else: FastMCP with its in-memory OAuth provider, as its package ships it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mcp_oauth_nb import Client

START_S = 20.0
SCOPE = "mcp:tools"


@dataclass(frozen=True)
class Second:
    """The running server.

    Attributes:
        url: the MCP endpoint.
        issuer: the address of its authorization server.
    """

    url: str
    issuer: str
    _provider: Any

    def register(self, client: Client, redirect_uri: str) -> None:
        """Register a client by hand: the provider has no form for it, only a dictionary of what it knows."""
        from mcp.shared.auth import OAuthClientInformationFull

        self._provider.clients[client.client_id] = OAuthClientInformationFull.model_validate(
            {
                "client_id": client.client_id,
                "client_secret": client.secret,
                "token_endpoint_auth_method": client.auth_method,
                "redirect_uris": [redirect_uri],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "scope": SCOPE,
            }
        )


@contextmanager
def second_server() -> Iterator[Second]:
    """Serve one tool from a thread with a loop of its own."""
    import uvicorn
    from fastmcp import FastMCP
    from fastmcp.server.auth.auth import ClientRegistrationOptions, RevocationOptions
    from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider

    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it; asyncio leaves it off here
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    provider = InMemoryOAuthProvider(
        base_url=base,
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=[SCOPE], default_scopes=[SCOPE]
        ),
        revocation_options=RevocationOptions(enabled=True),
        required_scopes=[SCOPE],
    )
    made = FastMCP("second", auth=provider)
    made.tool(_add, name="add")
    config = uvicorn.Config(made.http_app(path="/mcp"), log_config=None, access_log=False, ws="none", lifespan="on")
    server = uvicorn.Server(config)
    started = threading.Event()

    async def startup(sockets=None) -> None:
        await uvicorn.Server.startup(server, sockets)
        started.set()

    server.startup = startup
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    assert started.wait(START_S)
    yield Second(f"{base}/mcp", base, provider)
    server.should_exit = server.force_exit = True
    thread.join(START_S)
    listener.close()


def _add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
