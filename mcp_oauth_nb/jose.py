"""Signing of JSON Web Tokens: the one place that knows joserfc, which is imported where a key is needed.

Only what an OAuth client has to sign is here (RFC 7515, RFC 7519); what the claims are is said in `protocol`. A key
stays inside its object: no repr, error or display shows any part of it.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_oauth_nb.errors import BadSetting

ALGORITHMS = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
"""What a client may sign with: asymmetric only, because the server must not need to know the key."""
INSTALL = "pip install mcp-oauth-nb[jose]"
_PUBLIC_MEMBERS = ("kty", "crv", "x", "y", "n", "e")
_PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "k")


class PrivateKey:
    """A private key and the algorithm it is used with.

    Attributes:
        algorithm: the ``alg`` of what it signs (RFC 7518 3.1).
        kid: the key id that a JWK came with; None for a PEM.
        public: the public half as a JWK.
        thumbprint: SHA-256 thumbprint of the public half (RFC 7638 3).
    """

    def __init__(self, key: Any, algorithm: str) -> None:
        self._key, self.algorithm = key, algorithm
        public = key.as_dict(private=False)
        self.kid: str | None = public.get("kid")
        self.public: dict[str, Any] = {name: public[name] for name in _PUBLIC_MEMBERS if name in public}
        self.thumbprint: str = key.thumbprint()

    def __repr__(self) -> str:
        return f"<PrivateKey {self.algorithm}>"

    def __getstate__(self) -> object:
        raise TypeError("a PrivateKey cannot be pickled or copied: it is a secret")

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """A signed JWT in its compact form (RFC 7515 7.1)."""
        signed = _joserfc("jwt").encode(
            {**header, "alg": self.algorithm}, dict(claims), self._key, algorithms=[self.algorithm], default_type=None
        )
        return str(signed)


def read_key(text: str, algorithm: str) -> PrivateKey:
    """A private key from its text, a PEM or a JWK.

    Raises:
        BadSetting: joserfc is not installed, or the text is no private key that fits the algorithm.
    """
    jwk = _joserfc("jwk")
    kind = "EC" if algorithm.startswith("ES") else "RSA"
    try:
        key = jwk.import_key(json.loads(text) if text.lstrip().startswith("{") else text.strip(), kind)
        if not key.is_private:
            raise ValueError("a public key")
        made = PrivateKey(key, algorithm)
        made.sign({}, {})
    except Exception:  # noqa: BLE001 - what is wrong with a key is not said: the error could quote it
        expected = f"an unencrypted private {kind} key for {algorithm}, as PEM or JWK"
        raise BadSetting("Client(private_key=)", "text that is none", expected) from None
    return made


def new_key() -> PrivateKey:
    """A fresh ES256 key pair.

    Raises:
        BadSetting: joserfc is not installed.
    """
    return PrivateKey(_joserfc("jwk").ECKey.generate_key("P-256"), "ES256")


def secret_parts(text: str) -> Iterator[str]:
    """The whole of a private key's text, and each part that gives it away alone: lines of a PEM, members of a JWK."""
    yield text
    yield text.strip()
    if text.lstrip().startswith("{"):
        for name in _PRIVATE_MEMBERS:
            member = re.search(rf'"{name}"\s*:\s*"([^"]+)"', text)
            if member:
                yield member[1]
        return
    yield from (line.strip() for line in text.splitlines() if line.strip() and not line.startswith("-----"))


def _joserfc(module: str) -> Any:
    try:
        return importlib.import_module(f"joserfc.{module}")
    except ImportError:
        raise BadSetting("private_key= or dpop=", "no library that signs", "joserfc", f"Run {INSTALL}.") from None
