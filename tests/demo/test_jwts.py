"""The demo server's access tokens as JSON Web Tokens: what they say, which key signs them, and what is refused."""

from __future__ import annotations

import time

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from leaks import assert_no_leak, shown

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.demo.jwts import Signer, unvouched
from mcp_oauth_nb.protocol.jwt import is_encrypted, read_jwt
from mcp_oauth_nb.protocol.profiles import AUTO, PROFILES

CLAIMS = {"iss": "https://auth.example", "aud": "https://mcp.example/mcp"}


def test_tokens_say_what_they_must_and_are_signed_with_the_published_key() -> None:
    with DemoServer(jwt=True) as server:
        dbg = Debugger(server.url, browser="follow")
        assert dbg.run().status == "passed"
        keys = httpx.get(httpx.get(f"{server.issuer}/.well-known/oauth-authorization-server").json()["jwks_uri"]).json()
        assert dbg.tokens is not None
        token = jwt.decode(dbg.tokens.access_token, KeySet.import_key_set(keys), algorithms=["ES256"])
        assert token.header["typ"] == "at+jwt"
        told = {name: token.claims[name] for name in ("iss", "aud", "scope")}
        assert told == {"iss": server.issuer, "aud": server.url, "scope": "mcp:tools"}
        assert 0 <= time.time() - token.claims["iat"] < 60
        assert token.claims["exp"] - token.claims["iat"] == 900
        assert "d" not in keys["keys"][0]
        assert_no_leak(shown(dbg), server.secrets_issued())


@pytest.mark.parametrize("protocol", [AUTO, *PROFILES])
def test_a_healthy_server_with_readable_tokens_trips_no_rule(protocol: str) -> None:
    with DemoServer(jwt=True, require_resource=protocol != "2025-03-26") as server:
        report = Debugger(server.url, browser="follow", protocol=protocol).run(afterwards=True)
    assert (report.status, report.findings) == ("passed", ())
    assert report.verdict.outcomes["token-audience"] == "passed"


def test_a_server_whose_tokens_are_references_publishes_no_key() -> None:
    with DemoServer() as server:
        assert "jwks_uri" not in httpx.get(f"{server.issuer}/.well-known/oauth-authorization-server").json()


def test_a_signer_knows_its_own_tokens_only() -> None:
    signer, other = Signer(), Signer()
    token = signer.made("signed", dict(CLAIMS))
    assert signer.claims(token) == CLAIMS
    assert other.claims(token) is None
    for kind in ("unsigned", "symmetric", "encrypted"):
        assert signer.claims(signer.made(kind, dict(CLAIMS))) is None
    assert signer.claims(unvouched(**CLAIMS)) is None
    assert signer.claims("no token") is None


def test_kinds_of_tokens_read_as_what_they_are() -> None:
    signer = Signer()
    assert is_encrypted(signer.made("encrypted", dict(CLAIMS)))
    for kind, algorithm in (("signed", "ES256"), ("symmetric", "HS256"), ("unsigned", "none")):
        read = read_jwt(signer.made(kind, dict(CLAIMS)))
        assert read is not None
        assert (read.header["alg"], read.claims) == (algorithm, CLAIMS)


@pytest.mark.parametrize("fault", ["audience-default", "encrypted-token", "symmetric-signature", "unsigned-token"])
def test_no_kind_of_token_leaks(fault: str) -> None:
    with DemoServer(fault) as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        assert_no_leak(shown(dbg), server.secrets_issued())
