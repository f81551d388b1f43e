"""What the authorization server remembers of a consent, and the switches of its behaviour."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Claims = dict[str, Any]
TokenKind = Literal["opaque", "signed", "symmetric", "unsigned", "encrypted"]
"""What an access token looks like: a mere reference, or a JSON Web Token that is signed, or hidden, in one way."""


def _unchanged(claims: Claims) -> Claims:
    return claims


@dataclass(frozen=True)
class Behaviour:
    """What the authorization server does; the defaults are right, each fault of its behaviour changes one of them."""

    code_lifetime_s: float | None = None
    """Seconds; None means as long as the server was started with."""
    rotates_refresh_tokens: bool = True
    refuses_spent_refresh_tokens: bool = True
    honours_revocation: bool = True
    accepts_access_tokens: bool = True
    access_token_lifetime_s: float | None = None
    """Seconds; None means as long as the server was started with."""
    access_kind: TokenKind | None = None
    """None means what the server was started with."""
    claims: Callable[[Claims], Claims] = _unchanged
    """Makes of the right claims of a JSON Web Token those that are issued."""
    expects_jwts: bool = False
    """Whether the MCP endpoint refuses tokens that it cannot read; it always does where they are signed."""
    expected_audience: str | None = None
    """What the MCP endpoint wants in `aud`; None means its own URL, an empty text that it does not look."""
    looks_at_tokens: bool = True
    """False: the MCP server takes any token for a good one."""
    minds_the_resource: bool = True
    """False: tokens are issued for any resource, and the MCP server accepts them all."""
    refuses_spent_codes: bool = True
    lets_anybody_begin: bool = False
    """Whether the MCP endpoint serves requests without a token, all but calls of tools."""
    ignores_loopback_port: bool = True
    checks_verifiers: bool = True
    issues_self_contained_tokens: bool = False
    """Access tokens are JWTs, which the MCP endpoint reads without asking whether they were revoked."""


@dataclass(frozen=True, repr=False)
class ConsentRequest:
    """An authorization request that waits for the user."""

    client_id: str
    client_name: str
    redirect_uri: str
    redirect_named: bool
    """Whether the request named its redirect URI; then the token request must too (RFC 6749 section 4.1.3)."""
    state: str | None
    scopes: tuple[str, ...]
    resource: str
    code_challenge: str
    expires_at: float


@dataclass(repr=False)
class Grant:
    """One consent and what became of it."""

    client_id: str
    subject: str
    scopes: tuple[str, ...]
    resource: str
    spent: set[str] = field(default_factory=set)
    """The used code and the rotated refresh tokens."""
    ended: str | None = None
    """Why no token of this grant works any more; None while they do."""
