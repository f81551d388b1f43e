"""Access tokens that say all about themselves: JSON Web Tokens, signed with a key of this server (RFC 9068).

A server that is healthy signs with ES256 and publishes the key. The other kinds are there for faults: tokens that
nobody can check, that everybody could have made, or that only their receiver can read. The library that signs is
imported with the first such token: a server whose tokens are opaque works without it.
"""

import base64
import importlib
import json
import secrets
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .grants import Claims, TokenKind

ALGORITHM = "ES256"
JWKS = "/jwks"


class Signer:
    """Makes tokens with a key of its own, and checks those that it has made."""

    @cached_property
    def _key(self) -> Any:
        return _joserfc("jwk").ECKey.generate_key(
            "P-256", {"kid": secrets.token_hex(8), "use": "sig", "alg": ALGORITHM}
        )

    def made(self, kind: TokenKind, claims: Claims) -> str:
        """A token of this kind with these claims."""
        if kind == "unsigned":
            return f"{_part({'alg': 'none', 'typ': 'at+jwt'})}.{_part(claims)}."
        if kind == "encrypted":
            return ".".join([_part({"alg": "dir", "enc": "A256GCM", "typ": "at+jwt"}), "", *map(_random, (12, 96, 16))])
        if kind == "symmetric":
            return _signed({"alg": "HS256", "typ": "at+jwt"}, claims, _joserfc("jwk").OctKey.generate_key(256))
        return _signed({"alg": ALGORITHM, "typ": "at+jwt", "kid": self._key.kid}, claims, self._key)

    def id_token(self, claims: Claims) -> str:
        """A token that says who the user is (OpenID Connect Core 2)."""
        return _signed({"alg": ALGORITHM, "typ": "JWT", "kid": self._key.kid}, claims, self._key)

    def claims(self, token: str) -> Mapping[str, Any] | None:
        """The claims of a token that this key has signed; None for any other."""
        try:
            claims: Mapping[str, Any] = _joserfc("jwt").decode(token, self._key, algorithms=[ALGORITHM]).claims
        except (_joserfc("errors").JoseError, ValueError):
            return None
        return claims

    def keys(self) -> dict[str, list[dict[str, Any]]]:
        """The public half, as it is published (RFC 7517 section 5)."""
        return {"keys": [dict(self._key.as_dict(private=False))]}


def untimely(claims: Mapping[str, Any]) -> bool:
    """Whether a token is not yet valid, or not any more (RFC 7519 section 4.1); not a second is forgiven."""
    now = time.time()
    return not claims.get("iat", 0) <= now < claims.get("exp", 0) or claims.get("nbf", 0) > now


def key_routes(signer: Signer) -> list[Route]:
    """Where the public key is published."""

    async def keys(request: Request) -> Response:
        return JSONResponse(signer.keys(), headers={"cache-control": "no-store"})

    return [Route(JWKS, keys, methods=["GET"])]


def _signed(header: Mapping[str, Any], claims: Claims, key: Any) -> str:
    return str(_joserfc("jwt").encode(dict(header), claims, key))


def _joserfc(module: str) -> Any:
    return importlib.import_module(f"joserfc.{module}")


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _random(length: int) -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(length)).rstrip(b"=").decode()


def unvouched(**claims: Any) -> str:
    """A token with these claims that nobody has signed: it reads like one, and opens nothing."""
    return f"{_part({'alg': ALGORITHM, 'typ': 'at+jwt'})}.{_part(claims)}.c2lnbmF0dXJl"
