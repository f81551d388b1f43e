"""An MCP server that takes tokens bound to a key only: before another one, which knows of bearer tokens alone."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from joserfc import jwk, jws
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

NONCE = secrets.token_urlsafe(16)
"""One for all, since only its coming back is looked at."""


class Bound:
    """Checks the proof of each request that shows a token, and passes the request on as one with a bearer token.

    Args:
        app: the server behind, which checks the token itself.
        url: the URL that proofs have to be for.
    """

    def __init__(self, app: ASGIApp, url: str) -> None:
        self._app, self._url = app, url
        self._used: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = dict(scope["headers"]) if scope["type"] == "http" else {}
        token = sent.get(b"authorization", b"").decode()
        if token:
            error = self._wrong(scope["method"], token, sent.get(b"dpop", b"").decode())
            if error:
                headers = {"WWW-Authenticate": f'DPoP error="{error}"', "DPoP-Nonce": NONCE}
                await Response(status_code=401, headers=headers)(scope, receive, send)
                return
            bearer = b"Bearer " + token.partition(" ")[2].encode()
            kept = [(name, value) for name, value in scope["headers"] if name not in (b"authorization", b"dpop")]
            scope = {**scope, "headers": [*kept, (b"authorization", bearer)]}
        await self._app(scope, receive, send)

    def _wrong(self, method: str, authorization: str, proof: str) -> str:
        """The error of RFC 9449 7.1; empty where the proof is right."""
        scheme, _, token = authorization.partition(" ")
        try:
            head, claims = _part(proof, 0), _part(proof, 1)
            key = jwk.import_key(head["jwk"])
            registry = jws.JWSRegistry(algorithms=[head["alg"]])
            registry.max_header_length = 1024
            jws.deserialize_compact(proof, key, registry=registry)
            bound_to = _part(token, 1)["cnf"]["jkt"]
        except Exception:  # noqa: BLE001 - whatever is no proof, and no token that is bound
            return "invalid_dpop_proof"
        hashed = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        said = (head["typ"], claims["htm"], claims["htu"], claims["ath"], bound_to)
        fresh = claims["jti"] not in self._used
        self._used.add(claims["jti"])
        if scheme != "DPoP" or said != ("dpop+jwt", method, self._url, hashed, key.thumbprint()) or not fresh:
            return "invalid_dpop_proof"
        return "" if claims.get("nonce") == NONCE else "use_dpop_nonce"


def _part(token: str, number: int) -> dict[str, Any]:
    part = token.split(".")[number]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read
