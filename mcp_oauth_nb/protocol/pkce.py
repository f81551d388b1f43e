"""Proof Key for Code Exchange (RFC 7636): S256, and ``plain`` for an API that is no MCP server, where it is wanted."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field

VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""What a code verifier looks like (RFC 7636 4.1)."""


@dataclass(frozen=True)
class Pkce:
    """A code verifier (secret until it is redeemed) and the code challenge derived from it."""

    verifier: str = field(repr=False)
    challenge: str
    method: str = "S256"

    def shown(self) -> tuple[tuple[str, str], ...]:
        """What a reader should see of it, once masked."""
        return (("code_verifier", self.verifier), ("code_challenge", self.challenge), ("method", self.method))


def pkce_from(entropy: bytes) -> Pkce:
    """Derive the pair from 32 random bytes: a verifier of 43 characters and its S256 challenge (RFC 7636 4.1, 4.2)."""
    verifier = _base64url(entropy)
    return Pkce(verifier, s256(verifier))


def pkce_of(verifier: str, method: str) -> Pkce:
    """The pair of a verifier that is given, by a code challenge method (RFC 7636 4.2)."""
    return Pkce(verifier, verifier if method == "plain" else s256(verifier), method)


def s256(verifier: str) -> str:
    """The S256 code challenge of a verifier."""
    return _base64url(hashlib.sha256(verifier.encode("ascii", "replace")).digest())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
