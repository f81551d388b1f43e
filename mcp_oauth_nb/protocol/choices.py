"""`Choices`: what an OAuth 2.0 API leaves to its client, and what MCP has decided already.

The steps are the same for both. Where they differ they ask these choices, whose defaults are what MCP decides: the
authorization code with PKCE by S256, nothing but the parameters of the standards, every endpoint from metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mcp_oauth_nb.protocol.parameters import Parameter

PkceMethod = Literal["S256", "plain"]
PKCE_METHODS: tuple[PkceMethod, ...] = ("S256", "plain")
"""RFC 7636 4.3."""
TokenPlace = Literal["header", "url"]
TOKEN_PLACES: tuple[TokenPlace, ...] = ("header", "url")
"""RFC 6750 2.1 and 2.3."""
TokenUse = Literal["access_token", "id_token"]
TOKEN_USES: tuple[TokenUse, ...] = ("access_token", "id_token")
TYPED = "the settings"
"""Where an endpoint comes from that nobody published."""

ARGUMENTS: Mapping[str, str] = {
    "authorization_endpoint": "authorization_url",
    "token_endpoint": "token_url",
    "device_authorization_endpoint": "device_url",
    "revocation_endpoint": "revocation_url",
    "introspection_endpoint": "introspection_url",
    "userinfo_endpoint": "userinfo_url",
}
"""The members of metadata that name an endpoint (RFC 8414 2, RFC 8628 4), and the argument that stands for each."""
NOT_AVAILABLE = "not available"
"""How the settings say that ``auto_refresh`` was asked for and cannot be."""


@dataclass(frozen=True, repr=False)
class Choices:
    """What the client of a plain OAuth 2.0 API was set up with.

    Attributes:
        issuer: whose metadata to read; None where every endpoint was typed.
        endpoints: the endpoints that were typed, by their member of authorization server metadata (RFC 8414 2). They
            go before what metadata says.
        refresh_url: where tokens are refreshed, if elsewhere than at the token endpoint.
        pkce_method: the code challenge method; None leaves PKCE out.
        code_verifier: the verifier to use; None makes one.
        response_type: what the authorization request asks for (RFC 6749 3.1.1, OAuth 2.0 Multiple Response Types).
        state: the state to send; None makes one.
        nonce: what an ID token must repeat (OIDC Core 3.2.2.1); None sends none.
        resources: resource indicators (RFC 8707); none takes what MCP says.
        audiences: ``audience`` parameters, which no RFC knows and many providers ask for.
        username: of the password grant (RFC 6749 4.3).
        password: of the same.
        authorization_parameters: custom parameters of the authorization request.
        token_parameters: custom parameters of the token request.
        refresh_parameters: custom parameters of the refresh, which may be none; None takes those of the token request.
        header_prefix: what stands before the token in the Authorization header; empty for the token alone.
        token_in: where the API wants the token.
        use: which token the API wants.
    """

    issuer: str | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)
    refresh_url: str | None = None
    pkce_method: PkceMethod | None = "S256"
    code_verifier: str | None = field(default=None, repr=False)
    response_type: str = "code"
    state: str | None = field(default=None, repr=False)
    nonce: str | None = None
    resources: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    authorization_parameters: tuple[Parameter, ...] = ()
    token_parameters: tuple[Parameter, ...] = ()
    refresh_parameters: tuple[Parameter, ...] | None = None
    header_prefix: str = "Bearer"
    token_in: TokenPlace = "header"
    use: TokenUse = "access_token"

    def __repr__(self) -> str:
        return f"<Choices {self.response_type}>"

    @property
    def in_fragment(self) -> bool:
        """Whether the authorization response comes in the fragment of the redirect, where no server sees it."""
        return self.response_type != "code"

    @property
    def custom(self) -> tuple[Parameter, ...]:
        """Every custom parameter there is."""
        return (*self.authorization_parameters, *self.token_parameters, *(self.refresh_parameters or ()))

    @property
    def parameters_of_refresh(self) -> tuple[Parameter, ...]:
        """The parameters of the token request hold for a refresh as well, unless others were given, or none."""
        return self.token_parameters if self.refresh_parameters is None else self.refresh_parameters

    def source(self, member: str, metadata_url: str) -> str:
        """Where an endpoint comes from, in words."""
        return f"{member} in {TYPED if member in self.endpoints else metadata_url}"


AS_IN_MCP = Choices()
"""What MCP has decided."""
