"""What a client signs to show who it is: the client assertion (RFC 7523) and the DPoP proof (RFC 9449).

Pure: key, clock and entropy are handed in.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from mcp_oauth_nb.jose import PrivateKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFETIME_S = 300


def client_assertion(key: PrivateKey, client_id: str, audience: str, *, now: float, entropy: bytes) -> str:
    """The JWT with which a client authenticates by its key (RFC 7523 2.2 and 3, OpenID Connect Core 9)."""
    header = {"typ": "JWT"} | ({"kid": key.kid} if key.kid else {})
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": _text(entropy),
        "iat": int(now),
        "exp": int(now) + ASSERTION_LIFETIME_S,
    }
    return key.sign(header, claims)


def dpop_proof(
    key: PrivateKey,
    method: str,
    url: str,
    *,
    now: float,
    entropy: bytes,
    nonce: str | None = None,
    access_token: str | None = None,
) -> str:
    """The proof that the sender of one request holds the key (RFC 9449 4.2)."""
    claims: dict[str, Any] = {
        "jti": _text(entropy),
        "htm": method,
        "htu": url.partition("#")[0].partition("?")[0],
        "iat": int(now),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    if access_token is not None:
        claims["ath"] = token_hash(access_token)
    return key.sign({"typ": "dpop+jwt", "jwk": key.public}, claims)


def token_hash(access_token: str) -> str:
    """The claim ``ath`` (RFC 9449 4.2)."""
    return _text(hashlib.sha256(access_token.encode("utf-8", "replace")).digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
