"""DemoServer: a real MCP server with its own authorization server, on loopback, to practise on.

One process, one port. The MCP SDK serves both sides; `strict` makes it as correct as the RFCs ask, `faults` makes it
wrong in one chosen way. Not for production: it consents by itself and forgets everything when it stops.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from mcp.server.auth.settings import AuthSettings
from starlette.types import ASGIApp

from .background import Served, listen, quietly
from .client_documents import OWN, document_routes
from .clients import LOOPBACK, DemoClient, Registered
from .consent import consent_routes
from .faults import FAULTS, Fault, named
from .jwts import key_routes
from .layer import Layer, Seen, Switch
from .oauth import MCP
from .provider import CLIENT_CREDENTIALS, GRANT_TYPES, SCOPE, Provider
from .tools import mcp_server


class Endpoint(str):
    """A URL that keeps its server alive, so that ``Debugger(DemoServer("no-s256").url)`` has somebody to talk to."""

    server: "DemoServer"


class DemoServer(Served):
    """A healthy, or deliberately broken, MCP server with OAuth; it serves as soon as it is made.

    Args:
        fault: name of a fault to start with; see `faults`.
        port: TCP port on 127.0.0.1; 0 takes a free one.
        code_lifetime_s: seconds an authorization code can be used.
        access_token_lifetime_s: seconds an access token works.
        json_response: answer MCP requests as application/json instead of text/event-stream.
        require_resource: refuse authorization and token requests without `resource`; False suits clients of MCP
            2025-03-26, which do not know the parameter.
        jwt: issue access tokens as signed JSON Web Tokens, and publish the key.
        other_issuers: authorization servers that the protected resource metadata names before this one. They are names
            only: nobody needs to answer there.

    Raises:
        ValueError: there is no such fault.
        OSError: the port is taken.
    """

    issuer: str
    """The authorization server's issuer, as published."""
    client_document_url: str
    """The URL of a client ID metadata document that is published here, and is a client id of this server."""
    public_client: DemoClient
    """Registered by hand, without a secret."""
    confidential_client: DemoClient
    """Registered by hand, authenticates with client_secret_basic; may use client_credentials as well."""

    def __init__(
        self,
        fault: str | None = None,
        *,
        port: int = 0,
        code_lifetime_s: float = 30,
        access_token_lifetime_s: float = 900,
        json_response: bool = False,
        require_resource: bool = True,
        jwt: bool = False,
        other_issuers: Sequence[str] = (),
    ) -> None:
        self._switch = Switch(named(fault) if fault is not None else None)
        listener = listen(port)
        self.issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.client_document_url = self.issuer + OWN
        self._provider = Provider(
            self.issuer,
            self.issuer + MCP,
            self._switch.behaviour,
            code_lifetime_s=code_lifetime_s,
            access_token_lifetime_s=access_token_lifetime_s,
            requires_resource=require_resource,
            other_issuers=other_issuers,
            jwt=jwt,
        )
        self.public_client = _preregister(self._provider, "demo-public", None)
        self.confidential_client = _preregister(self._provider, "demo-confidential", self._provider.mint("secret"))
        with quietly():
            self._layer = Layer(_application(self._provider, json_response), self._provider, self._switch)
            self._serve(self._layer, listener)

    @property
    def url(self) -> str:
        """The MCP endpoint, which is also the resource identifier. Whoever holds it keeps the server running."""
        url = Endpoint(self.issuer + MCP)
        url.server = self
        return url

    @property
    def faults(self) -> Mapping[str, Fault]:
        """Every fault that can be turned on, by name."""
        return FAULTS

    @property
    def fault(self) -> str | None:
        """The name of the fault in force; None when the server is healthy."""
        return self._switch.fault.name if self._switch.fault else None

    def break_with(self, name: str) -> None:
        """Turn on this fault, in place of any other.

        Raises:
            ValueError: there is no such fault; the message lists the names.
        """
        self._switch.fault = named(name)

    def mend(self) -> None:
        """Turn the fault off. Tokens and clients stay."""
        self._switch.fault = None

    @property
    def log(self) -> tuple[Seen, ...]:
        """The requests received so far, oldest first: names and statuses, no values."""
        return tuple(self._layer.seen)

    def secrets_issued(self) -> frozenset[str]:
        """Every code, token and client secret issued so far; to search files and outputs for leaks."""
        return frozenset(self._provider.secrets)

    def __repr__(self) -> str:
        return f"<DemoServer {self.url} {self._state()}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows."""
        html = f"<p><b>DemoServer</b> <code>{escape(self.url)}</code> {escape(self._state())}</p>"
        return {"text/plain": repr(self), "text/html": html}

    def _state(self) -> str:
        if not self.is_running:
            return "stopped"
        return f"broken: {self.fault}" if self.fault else "healthy"


def _preregister(provider: Provider, client_id: str, secret: str | None) -> DemoClient:
    """Put a client into the provider that may use any loopback port."""
    data = {
        "client_id": client_id,
        "client_name": client_id.replace("-", " ").capitalize(),
        "client_secret": secret,
        "redirect_uris": list(LOOPBACK),
        "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
        "grant_types": [*GRANT_TYPES, *([CLIENT_CREDENTIALS] if secret else [])],
        "scope": SCOPE,
    }
    provider.clients[client_id] = Registered.record(data, written=LOOPBACK, any_port=True)
    return DemoClient(client_id, secret)


def _application(provider: Provider, json_response: bool) -> ASGIApp:
    """The SDK's application: MCP endpoint, metadata, authorization routes and our consent page."""
    settings = AuthSettings.model_validate(
        {
            "issuer_url": provider.issuer,
            "resource_server_url": provider.resource,
            "required_scopes": [SCOPE],
            "validate_token_resource": True,
            "client_registration_options": {"enabled": True, "valid_scopes": [SCOPE], "default_scopes": [SCOPE]},
            "revocation_options": {"enabled": True},
        }
    )
    return mcp_server().streamable_http_app(
        streamable_http_path=MCP,
        json_response=json_response,
        auth=settings,
        auth_server_provider=provider,
        token_verifier=provider,
        custom_starlette_routes=[
            *consent_routes(provider),
            *document_routes(provider.issuer),
            *key_routes(provider.signer),
        ],
    )
