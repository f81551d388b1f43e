"""What a client signs to show who it is: the client assertion (RFC 7523) and the DPoP proof (RFC 9449).

Pure: key, clock and entropy are handed in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from mcp_oauth_nb.jose import PROOF_ALGORITHMS, PrivateKey
from mcp_oauth_nb.protocol.challenge import Challenges
from mcp_oauth_nb.protocol.flow import Flow

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFETIME_S = 300
DPOP_ALGORITHMS = "dpop_signing_alg_values_supported"
"""The member of both metadata documents (RFC 9449 5.1, RFC 9728 2)."""


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


def proof_key(flow: Flow) -> PrivateKey | None:
    """The key for DPoP proofs; None where DPoP is not wanted.

    It is of an algorithm that every server takes, as far as they say, unless the user chose one.
    """
    settings = flow.settings
    if settings.dpop_key is None or settings.dpop_keys is None:
        return settings.dpop_key
    known = common_algorithms(taken_algorithms(flow))
    return settings.dpop_keys(known[0]) if known else settings.dpop_key


def proof_problem(flow: Flow) -> str:
    """Why no proof can be made that every server takes; empty where one can, or none is wanted, or the user chose."""
    taken = taken_algorithms(flow)
    if flow.settings.dpop_key is None or flow.settings.dpop_keys is None or common_algorithms(taken):
        return ""
    return "no algorithm for DPoP proofs that all servers take and this client has"


def taken_algorithms(flow: Flow) -> tuple[Sequence[str], ...]:
    """What each server says it takes: in the metadata of both, and in the challenge; nothing of who says nothing."""
    published = (
        document.texts(DPOP_ALGORITHMS) for document in (flow.server_metadata, flow.resource_metadata) if document
    )
    challenged = challenged_algorithms(flow.challenge.challenges) if flow.challenge else ()
    return tuple(one for one in (*published, challenged) if one)


def challenged_algorithms(challenges: Challenges) -> tuple[str, ...]:
    """The parameter ``algs`` of a DPoP challenge (RFC 9449 7.1)."""
    named = (item.get("algs") or "" for item in challenges.items if item.scheme.lower() == "dpop")
    return tuple(one for algorithms in named for one in algorithms.split())


def common_algorithms(taken: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Those of our algorithms that stand in every list, the usual ones first."""
    lists = tuple(taken)
    return tuple(one for one in PROOF_ALGORITHMS if all(one in listed for listed in lists))


def token_hash(access_token: str) -> str:
    """The claim ``ath`` (RFC 9449 4.2)."""
    return _text(hashlib.sha256(access_token.encode("utf-8", "replace")).digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
