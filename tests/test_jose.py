"""Keys and what they sign, against the vectors of the RFCs; and no part of a key anywhere."""

import copy
import json
import pickle
import subprocess
import sys

import pytest
from joserfc import jwk, jws
from keys import JWK, claims_of, header_of

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.jose import ALGORITHMS, PROOF_ALGORITHMS, new_key, read_key, secret_parts
from mcp_oauth_nb.protocol.proofs import client_assertion, dpop_proof, token_hash

PEM = jwk.import_key(JWK).as_pem(private=True).decode()
RSA = jwk.RSAKey.generate_key(2048).as_pem(private=True).decode()
OF_CURVE = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


def verified(token: str, public: dict, algorithm: str) -> dict:
    registry = jws.JWSRegistry(algorithms=[algorithm])
    registry.max_header_length = 1024  # an RSA key in the header of a proof is longer than joserfc expects
    return json.loads(jws.deserialize_compact(token, jwk.import_key(public), registry=registry).payload)


class TestVectors:
    def test_rfc_7638_3_1_thumbprint(self) -> None:
        modulus = (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM"
            "stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5h"
            "ajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        )
        known = jwk.import_key({"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
        assert known.thumbprint() == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

    def test_rfc_9449_7_1_token_hash(self) -> None:
        token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
        assert token_hash(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"

    def test_rfc_7515_a_3_key(self) -> None:
        key = read_key(json.dumps(JWK), "ES256")
        assert verified(key.sign({}, {"a": 1}), key.public, "ES256") == {"a": 1}


class TestKeys:
    @pytest.mark.parametrize("text", [PEM, f"\n{PEM}\n", json.dumps(JWK), json.dumps(JWK, indent=2)])
    def test_a_pem_and_a_jwk_are_the_same_key(self, text: str) -> None:
        key = read_key(text, "ES256")
        assert key.public == {name: JWK[name] for name in ("kty", "crv", "x", "y")}
        assert key.thumbprint == read_key(PEM, "ES256").thumbprint

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_every_algorithm_signs(self, algorithm: str) -> None:
        curve = OF_CURVE.get(algorithm)
        text = jwk.ECKey.generate_key(curve).as_pem(private=True).decode() if curve else RSA
        key = read_key(text, algorithm)
        token = key.sign({"typ": "JWT"}, {"iss": "i"})
        assert verified(token, key.public, algorithm) == {"iss": "i"}
        assert header_of(token) == {"typ": "JWT", "alg": algorithm}

    @pytest.mark.parametrize(
        ("text", "algorithm"),
        [
            (RSA, "ES256"),
            (PEM, "RS256"),
            (PEM, "ES384"),
            (PEM[:100], "ES256"),
            (PEM.replace("\n", ""), "ES512"),
            ("{", "ES256"),
            ("{}", "ES256"),
            ("garbage", "RS256"),
            (json.dumps({name: JWK[name] for name in ("kty", "crv", "x", "y")}), "ES256"),
            (jwk.import_key(JWK).as_pem(private=False).decode(), "ES256"),
        ],
    )
    def test_what_is_none_is_refused_without_quoting_it(self, text: str, algorithm: str) -> None:
        with pytest.raises(BadSetting, match=f"private .* key for {algorithm}") as refused:
            read_key(text, algorithm)
        assert text not in str(refused.value)
        assert refused.value.__cause__ is None

    def test_the_key_stays_inside(self) -> None:
        key = read_key(json.dumps(JWK | {"kid": "k1"}), "ES256")
        assert key.kid == "k1"
        assert repr(key) == "<PrivateKey ES256>"
        assert "d" not in key.public
        for kept in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="secret"):
                kept(key)

    @pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # says joserfc of the check, which is the test's own
    @pytest.mark.parametrize("algorithm", PROOF_ALGORITHMS)
    def test_a_new_key_signs_a_proof_with_every_algorithm(self, algorithm: str) -> None:
        key = new_key(algorithm)
        token = dpop_proof(key, "POST", "https://h/token", now=5.0, entropy=b"x")
        assert verified(token, key.public, algorithm)["htm"] == "POST"
        assert header_of(token) == {"typ": "dpop+jwt", "alg": algorithm, "jwk": key.public}
        assert not {"d", "p", "q", "k"} & key.public.keys()

    def test_signing_warns_of_nothing(self) -> None:
        assert new_key("EdDSA").sign({}, {})

    def test_a_new_key_every_time(self) -> None:
        assert new_key().thumbprint != new_key().thumbprint

    def test_parts_that_give_a_key_away(self) -> None:
        assert {JWK["d"]} < set(secret_parts(json.dumps(JWK)))
        assert set(PEM.strip().splitlines()[1:-1]) < set(secret_parts(PEM))
        assert not any(part.startswith("-----BEGIN") and "\n" not in part for part in secret_parts(PEM))

    def test_a_missing_library_is_named(self, monkeypatch) -> None:
        monkeypatch.setitem(sys.modules, "joserfc.jwk", None)
        with pytest.raises(BadSetting, match=r"pip install mcp-oauth-nb\[jose\]"):
            new_key()
        with pytest.raises(BadSetting, match=r"pip install mcp-oauth-nb\[jose\]"):
            read_key(PEM, "ES256")

    def test_the_library_is_imported_only_for_a_key(self) -> None:
        code = "import sys, mcp_oauth_nb as m; m.Debugger('https://h/mcp'); print('joserfc' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "False"


class TestProofs:
    KEY = read_key(json.dumps(JWK | {"kid": "k1"}), "ES256")

    def test_a_client_assertion(self) -> None:
        token = client_assertion(self.KEY, "the-client", "https://as", now=1000.9, entropy=b"\xff" * 3)
        assert header_of(token) == {"typ": "JWT", "kid": "k1", "alg": "ES256"}
        assert verified(token, self.KEY.public, "ES256") == {
            "iss": "the-client",
            "sub": "the-client",
            "aud": "https://as",
            "jti": "____",
            "iat": 1000,
            "exp": 1300,
        }

    def test_a_dpop_proof(self) -> None:
        token = dpop_proof(self.KEY, "POST", "https://as/token?a=b#c", now=1000.9, entropy=b"\xff" * 3)
        assert header_of(token) == {"typ": "dpop+jwt", "jwk": self.KEY.public, "alg": "ES256"}
        claims = {"jti": "____", "htm": "POST", "htu": "https://as/token", "iat": 1000}
        assert verified(token, self.KEY.public, "ES256") == claims

    def test_with_nonce_and_token(self) -> None:
        token = dpop_proof(self.KEY, "GET", "https://h", now=1, entropy=b"", nonce="n", access_token="t")
        assert claims_of(token) | {"nonce": "n", "ath": token_hash("t")} == claims_of(token)
