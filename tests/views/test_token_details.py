"""What a token says of itself: read as far as it can be, and never a part of it shown."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.flow import Tokens
from mcp_oauth_nb.protocol.jwt import FRAGMENT
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.token_details import TokenDetails

SIGNATURE = "c2lnbmF0dXJlLXRoYXQtbm9ib2R5LW1heS1zZWU"
NOW_S = 1_800_000_000.0


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwt(header: Any = None, **claims: Any) -> str:
    return f"{part({'alg': 'ES256'} if header is None else header)}.{part(claims)}.{SIGNATURE}"


def plain(access_token: str, id_token: str | None = None, now_s: float | None = NOW_S) -> str:
    return render(TokenDetails(Tokens(access_token, "refresh-1", id_token=id_token), Vault(), now_s))["text/plain"]


def assert_no_part(token: str, shown: str) -> None:
    """No run of so many characters of a token stands in a text."""
    parts = {token[at : at + FRAGMENT] for at in range(len(token) - FRAGMENT + 1)}
    assert not [one for one in parts if one in shown]


def test_an_opaque_token() -> None:
    assert plain("opaque-token-1") == "Tokens\n  access token: opaque: no JWT, 14 characters"


def test_no_token() -> None:
    made = render(TokenDetails(None))
    assert "dbg.token()" in made["text/plain"] and "dbg.token()" in made["text/html"]
    assert repr(TokenDetails(None)) == "<TokenDetails of 0 tokens>"


def test_the_claims_that_matter() -> None:
    header = {"typ": "at+jwt", "alg": "ES256", "kid": "key-1"}
    claims = {
        "iss": "https://auth.example.com",
        "aud": ["https://mcp.example.com/mcp", "other"],
        "client_id": "client-1",
        "scope": "mcp:tools",
        "iat": NOW_S - 60,
        "nbf": NOW_S,
        "exp": NOW_S + 900,
        "sub": "somebody@example.com",
        "jti": "one-of-a-kind",
        "name": "Some Body",
    }
    token = jwt(header, **claims)
    assert plain(token).splitlines() == [
        "Tokens",
        "  access token: JWT, signature not verified",
        "    typ: at+jwt",
        "    alg: ES256",
        "    kid: key-1",
        "    iss: https://auth.example.com",
        "    aud: https://mcp.example.com/mcp other",
        "    client_id: client-1",
        "    scope: mcp:tools",
        "    iat: 2027-01-15 07:59:00 UTC, 60 s ago",
        "    nbf: 2027-01-15 08:00:00 UTC, in 0 s",
        "    exp: 2027-01-15 08:15:00 UTC, in 900 s",
        "    sub: present, not shown",
        "    other claims, not shown: jti, name",
    ]
    for text in render(TokenDetails(Tokens(token), Vault(), NOW_S)).values():
        assert_no_part(token, text)
        assert not [secret for secret in ("somebody", "one-of-a-kind", "Some Body") if secret in text]


def test_without_a_clock_there_is_no_distance() -> None:
    assert plain(jwt(exp=NOW_S), now_s=None).endswith("exp: 2027-01-15 08:00:00 UTC")


def test_both_tokens_and_an_encrypted_one() -> None:
    encrypted = f"{part({'alg': 'dir', 'enc': 'A256GCM'})}..aXY.Y2lwaGVy.dGFn"
    lines = plain(encrypted, jwt(azp="client-1")).splitlines()
    assert lines[1].startswith("  access token: encrypted JWT")
    assert lines[2:] == ["  ID token: JWT, signature not verified", "    alg: ES256", "    azp: client-1"]


@pytest.mark.parametrize(
    ("claim", "value", "said"),
    [
        ("exp", "soon", "(no number of seconds)"),
        ("exp", True, "(no number of seconds)"),
        ("exp", None, "(no number of seconds)"),
        ("exp", float("nan"), "(no number of seconds)"),
        ("exp", 10**400, "(no number of seconds)"),
        ("exp", 1e300, "(out of range)"),
        ("exp", -(10**15), "(out of range)"),
        ("aud", 5, "(int, expected text)"),
        ("aud", None, "(null, expected text)"),
        ("aud", [], "(list, expected text)"),
        ("aud", ["a", 5], "(list, expected text)"),
        ("iss", {"a": "b"}, "(dict, expected text)"),
        ("iss", "", "(empty)"),
    ],
)
def test_odd_claims(claim: str, value: Any, said: str) -> None:
    assert f"    {claim}: {said}" in plain(jwt(**{claim: value})).splitlines()


def test_many_and_long_names_stay_few_and_short() -> None:
    shown = plain(jwt(**{f"claim-{at}-{'x' * 500}": at for at in range(500)}))
    assert "and 488 more" in shown
    assert len(shown) < 4000


@pytest.mark.parametrize("where", ["iss", "kid", "aud", "name"])
def test_a_claim_that_repeats_a_part_of_a_token_is_covered(where: str) -> None:
    access = "opaque-access-token-77"
    header = {"alg": "ES256", "kid": access[3:20]} if where == "kid" else {"alg": "ES256"}
    value: Any = {"iss": f"x{part(header)}", "aud": [access], "name": 1}.get(where, "x")
    claims = {where: value} if where in ("iss", "aud") else {access[2:16]: 1} if where == "name" else {}
    token = f"{part(header)}.{part(claims)}.{SIGNATURE}"
    shown = plain(access, token)
    assert "(not shown: it repeats a part of a token)" in shown
    assert_no_part(access, shown)
    assert_no_part(token, shown)


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "scope", "kid", "x"]) | st.text(max_size=20),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60) | st.lists(st.text(max_size=9)),
        max_size=6,
    )
)
def test_nothing_raises_and_no_part_is_shown(claims: dict[str, Any]) -> None:
    token = f"{part(claims)}.{part(claims)}.{SIGNATURE}"
    for text in render(TokenDetails(Tokens(token, id_token=token), Vault(), NOW_S)).values():
        assert_no_part(token, text)


@pytest.mark.parametrize("token", ["." * 100_000, "a." * 50_000, f"{part(b'[' * 50_000)}.e30.x", "\ud800.e30.x", "é"])
def test_garbage_is_opaque(token: str) -> None:
    assert "opaque" in plain(token)
