"""A small MCP server that takes the tokens of another server, as FastMCP makes it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider, TokenVerifier
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter

from mcp_oauth_nb import Client
from tests.oidc.bound import Bound

START_S = 30.0
STOP_S = 10.0
AS_WRITTEN = TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True))
"""Reads a URL without adding a slash to it."""


@contextmanager
def mcp_server(
    listener: socket.socket, issuer: str, service: Client | None, scope: str, *, slash: bool, bound: bool = False
) -> Iterator[None]:
    """Serve one tool from a thread.

    Args:
        listener: where; the path is ``/mcp``.
        issuer: whose tokens it takes.
        service: the client as which it asks about each token; None checks them as JWTs.
        scope: what it wants of a token.
        slash: name the issuer with a slash at its end, as the URL type would have it.
        bound: take tokens that are bound to a key only.
    """
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    named = AnyHttpUrl(issuer) if slash else AS_WRITTEN.validate_python(issuer)
    verifier = _verifier(issuer, f"{base}/mcp", service, scope)
    made = FastMCP("behind oidc-provider", auth=RemoteAuthProvider(verifier, [named], base))
    made.tool(_add, name="add")
    app = made.http_app(path="/mcp")
    served = Bound(app, f"{base}/mcp") if bound else app
    config = uvicorn.Config(served, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1)
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        assert server.ready.wait(START_S), "the MCP server did not start"
        yield
    finally:
        server.should_exit = True
        thread.join(STOP_S)


def _verifier(issuer: str, url: str, service: Client | None, scope: str) -> TokenVerifier:
    if service is None:
        return JWTVerifier(jwks_uri=f"{issuer}/jwks", issuer=issuer, audience=url, required_scopes=[scope])
    return IntrospectionTokenVerifier(
        introspection_url=f"{issuer}/token/introspection",
        client_id=service.client_id,
        client_secret=service.secret or "",
        audience=url,
        required_scopes=[scope],
    )


class _Server(uvicorn.Server):
    """Says when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
