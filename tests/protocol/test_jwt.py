"""Reading of JWTs: the example of RFC 7519, and everything that is none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_nb.protocol.jwt import LONGEST, is_encrypted, read_jwt

RFC_7519_3_1 = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
    "bS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_the_example_of_rfc_7519() -> None:
    jwt = read_jwt(RFC_7519_3_1)
    assert jwt is not None
    assert jwt.header == {"typ": "JWT", "alg": "HS256"}
    assert jwt.claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    assert "joe" not in repr(jwt)


def test_an_unsigned_one() -> None:
    jwt = read_jwt(f"{part({'alg': 'none'})}.{part({'sub': 'a'})}.")
    assert jwt is not None and jwt.claims == {"sub": "a"}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c",
        "..",
        f"{part({})}.{part({})}.c.d",
        f"{part([1])}.{part({})}.c",
        f"{part(b'{')}.{part({})}.c",
        f"{part({})}=.{part({})}.c",
        "é.é.é",
        "\ud800.\ud800.\ud800",
        f"{part(b'[' * 100_000)}.{part({})}.c",
        f"{part({'a': 'x' * LONGEST})}.{part({})}.c",
        "." * 100_000,
    ],
)
def test_what_is_none(token: str) -> None:
    assert read_jwt(token) is None
    assert not is_encrypted(token)


@pytest.mark.parametrize("claims", [b"", b"\xff", b"[1]", b'"x"', b'{"a":' * 5000, b"{"])
def test_claims_that_are_no_object_are_empty(claims: bytes) -> None:
    jwt = read_jwt(f"{part({'alg': 'ES256'})}.{part(claims)}.c2ln")
    assert jwt is not None and jwt.claims == {}


def test_an_encrypted_one_is_told_apart() -> None:
    assert is_encrypted(f"{part({'alg': 'dir', 'enc': 'A256GCM'})}..aXY.Y2lwaGVy.dGFn")
    assert not is_encrypted(f"{part({'alg': 'dir'})}..aXY.Y2lwaGVy.dGFn")
    assert read_jwt(f"{part({'alg': 'dir', 'enc': 'A256GCM'})}..aXY.Y2lwaGVy.dGFn") is None


@given(st.text(st.characters(codec=None), max_size=80), st.binary(max_size=80))
def test_nothing_raises(text: str, raw: bytes) -> None:
    for token in (text, f"{part(raw)}.{part(raw)}.{text}", f"{part({})}.{part(raw)}."):
        read_jwt(token)
        is_encrypted(token)
