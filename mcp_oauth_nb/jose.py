"""Signatures of JSON Web Tokens: the one place that knows joserfc, which is imported where a key is needed.

Here is what an OAuth client has to sign, and the check of what a server signed with keys that it published (RFC 7515,
RFC 7517, RFC 7519); what the claims are is said in `protocol`. A key stays inside its object: no repr, error or display
shows any part of it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from mcp_oauth_nb.errors import BadSetting

ALGORITHMS = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
"""What a client may sign with: asymmetric only, because the server must not need to know the key."""
PROOF_ALGORITHMS = tuple("ES256 PS256 RS256 EdDSA Ed25519 ES384 PS384 RS384 ES512 PS512 RS512".split())
"""What a DPoP proof may be signed with, the usual ones first: asymmetric only (RFC 9449 4.2)."""
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
INSTALL = "pip install mcp-oauth-nb[jose]"
RSA_BITS = 2048
"""The least that RFC 7518 3.3 allows, and what a key takes a fraction of a second for."""
_PUBLIC_MEMBERS = ("kty", "crv", "x", "y", "n", "e")
_PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "k")


Signature = Literal["verified", "wrong signature", "key not found", "algorithm mismatch", "not verified"]
"""What came of checking a signature; ``not verified`` where it could not be checked at all."""
PUBLISHED: Mapping[str, str] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""Algorithms that a published key can check, with the type of that key (RFC 7518 3.1, RFC 8037 3.1)."""
MOST_KEYS, LONGEST_MEMBER, LONGEST_TOKEN = 20, 2048, 65_536
"""Keys tried, characters of a member of a key, characters of a token: what is beyond them was made to cost time."""


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
        head, allowed = {**header, "alg": self.algorithm}, [self.algorithm]
        with _unwarned() if self.algorithm == "EdDSA" else contextlib.nullcontext():
            return str(_joserfc("jwt").encode(head, dict(claims), self._key, algorithms=allowed, default_type=None))


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


def new_key(algorithm: str = "ES256") -> PrivateKey:
    """A fresh key pair for one of `PROOF_ALGORITHMS`.

    Raises:
        BadSetting: joserfc is not installed.
    """
    jwk = _joserfc("jwk")
    if algorithm in _CURVES:
        return PrivateKey(jwk.ECKey.generate_key(_CURVES[algorithm]), algorithm)
    if algorithm in ("EdDSA", "Ed25519"):
        return PrivateKey(jwk.OKPKey.generate_key("Ed25519"), algorithm)
    return PrivateKey(jwk.RSAKey.generate_key(RSA_BITS), algorithm)


def check_signature(token: str, header: Mapping[str, Any], keys: Sequence[object]) -> Signature:
    """Check the signature of a JWT with the keys of a JWK Set (RFC 7515 5.2). Never raises, whatever the keys are.

    Args:
        token: the JWT in its compact form.
        header: its header, as it was read.
        keys: the members of ``keys`` in the JWK Set.
    """
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in PUBLISHED:
        return "algorithm mismatch"
    known = [key for key in keys if isinstance(key, dict) and kid in (None, key.get("kid"))][:MOST_KEYS]
    if not known:
        return "key not found"
    fitting = [key for key in known if _fits(key, algorithm)]
    if not fitting:
        return "algorithm mismatch"
    if len(token) > LONGEST_TOKEN:
        return "not verified"
    found = [_checked(token, key, algorithm) for key in fitting]
    outcomes: tuple[Signature, ...] = ("verified", "wrong signature")
    return next((one for one in outcomes if one in found), "not verified")


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    return (
        key.get("kty") == PUBLISHED[algorithm]
        and key.get("alg") in (None, algorithm)
        and key.get("use") in (None, "sig")
    )


def _checked(token: str, key: Mapping[str, Any], algorithm: str) -> Signature:
    public = {name: key[name] for name in _PUBLIC_MEMBERS if name in key}
    if any(not isinstance(member, str) or len(member) > LONGEST_MEMBER for member in public.values()):
        return "not verified"
    try:
        jwk, jws, errors = (_joserfc(module) for module in ("jwk", "jws", "errors"))
    except BadSetting:
        return "not verified"
    try:
        jws.deserialize_compact(token, jwk.import_key(public), algorithms=[algorithm])
    except errors.BadSignatureError:
        return "wrong signature"
    except Exception:  # noqa: BLE001 - a key that is none, or a header that asks for more than is known here
        return "not verified"
    return "verified"


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


@contextlib.contextmanager
def _unwarned() -> Iterator[None]:
    """Joserfc warns of the name EdDSA, which RFC 9864 replaces and by which most servers know the algorithm."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _joserfc(module: str) -> Any:
    try:
        return importlib.import_module(f"joserfc.{module}")
    except ImportError:
        raise BadSetting("private_key= or dpop=", "no library that signs", "joserfc", f"Run {INSTALL}.") from None
