"""Keys for tests: one that signs readably without any library, and real ones."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
"""The private key of RFC 7515 A.3."""


class ReadableKey:
    """Stands in for a PrivateKey: what it signs is header and claims, each in base64url."""

    algorithm, kid = "ES256", None
    public: Mapping[str, Any] = {"kty": "EC"}

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        return ".".join((_text(header), _text(claims), "c2ln"))


def claims_of(token: str) -> dict[str, Any]:
    return part_of(token, 1)


def header_of(token: str) -> dict[str, Any]:
    return part_of(token, 0)


def part_of(token: str, number: int) -> dict[str, Any]:
    part = token.split(".")[number]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read


def _text(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(dict(value)).encode()).rstrip(b"=").decode()
