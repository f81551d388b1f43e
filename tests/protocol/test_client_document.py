"""Client ID metadata documents: what is built can be taken, and every reason to refuse one is told."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.client_document import (
    application_type,
    client_document,
    is_same_redirect,
    problems,
    url_problems,
)

URL = "https://client.example/client.json"
REDIRECT = "http://127.0.0.1:8765/callback"
PUBLIC = {"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]}


def kinds(**changes: Any) -> list[tuple[str, str, str]]:
    """Kind, part and level of every problem of a document with these changes; None removes a member."""
    document = client_document(URL, (REDIRECT,), "My client") | changes
    kept = {name: value for name, value in document.items() if value is not None}
    return [(one.kind, one.part, one.level) for one in problems(kept, URL, REDIRECT)]


def test_a_public_client() -> None:
    assert client_document(URL, [REDIRECT], "My client") == {
        "client_id": URL,
        "client_name": "My client",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    }
    assert kinds() == []


@pytest.mark.parametrize("keys", [{"jwks": PUBLIC}, {"jwks_uri": "https://client.example/keys"}])
def test_a_client_with_a_key(keys: dict[str, Any]) -> None:
    made = client_document(URL, [REDIRECT], "x", auth_method="private_key_jwt", scope="a b", **keys)
    assert made["token_endpoint_auth_method"] == "private_key_jwt"
    assert keys.items() <= made.items()
    assert made["scope"] == "a b"
    assert problems(made, URL, REDIRECT) == []


@pytest.mark.parametrize(
    "given",
    [
        {"auth_method": "client_secret_basic"},
        {"auth_method": "private_key_jwt"},
        {"jwks": PUBLIC},
        {"auth_method": "private_key_jwt", "jwks": PUBLIC, "jwks_uri": "https://client.example/keys"},
        {"auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC", "d": "the-private-part"}]}},
    ],
)
def test_what_cannot_be_published(given: dict[str, Any]) -> None:
    with pytest.raises(BadSetting) as refused:
        client_document(URL, [REDIRECT], "x", **given)
    assert "the-private-part" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "kind", "part"),
    [
        ({"client_id": URL + "/"}, "client_id", "body:/client_id"),
        ({"client_id": URL.upper()}, "client_id", "body:/client_id"),
        ({"client_id": None}, "client_id", "body:/client_id"),
        ({"client_id": 5}, "client_id", "body:/client_id"),
        ({"client_name": None}, "members", "body:/client_name"),
        ({"client_name": " "}, "members", "body:/client_name"),
        ({"client_name": ["x"]}, "members", "body:/client_name"),
        ({"redirect_uris": None}, "members", "body:/redirect_uris"),
        ({"redirect_uris": []}, "members", "body:/redirect_uris"),
        ({"redirect_uris": REDIRECT}, "members", "body:/redirect_uris"),
        ({"redirect_uris": [REDIRECT, 5]}, "members", "body:/redirect_uris"),
        ({"redirect_uris": ["https://client.example/cb"]}, "redirect_uri", "body:/redirect_uris"),
        ({"client_secret": "s"}, "secret", "body:/client_secret"),
        ({"client_secret_expires_at": 0}, "secret", "body:/client_secret_expires_at"),
        (
            {"token_endpoint_auth_method": "client_secret_post"},
            "secret",
            "body:/token_endpoint_auth_method",
        ),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "secret", "body:/token_endpoint_auth_method"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "s"}]}}, "secret", "body:/jwks"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "keys", "body:/jwks"),
        ({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": 5}}, "keys", "body:/jwks"),
    ],
)
def test_a_reason_to_refuse_it(changes: dict[str, Any], kind: str, part: str) -> None:
    assert kinds(**changes) == [(kind, part, "MUST")]


def test_no_problem_repeats_a_secret() -> None:
    made = client_document(URL, [REDIRECT], "x") | {"client_secret": "s3cret", "jwks": {"keys": [{"d": "pr1vate"}]}}
    told = repr(problems(made, URL, REDIRECT))
    assert "client_secret" in told
    assert "s3cret" not in told
    assert "pr1vate" not in told


@pytest.mark.parametrize(
    ("url", "levels"),
    [
        (URL, []),
        ("https://client.example:8443/a/b", []),
        ("https://client.example/a%2Eb/...", []),
        ("http://127.0.0.1:8765/client.json", []),
        ("http://localhost/client.json", []),
        ("http://client.example/client.json", ["MUST"]),
        ("https://client.example", ["MUST"]),
        ("https://client.example/", ["MUST"]),
        ("https://client.example/a/../b", ["MUST"]),
        ("https://client.example/./b", ["MUST"]),
        ("https://client.example/a/%2e%2E/b", ["MUST"]),
        ("https://client.example/a#b", ["MUST"]),
        ("https://me:secret@client.example/a", ["MUST"]),
        ("https://client.example/a?b=c", ["SHOULD"]),
        ("http://client.example/?b#c", ["MUST", "MUST", "MUST", "SHOULD"]),
        ("ftp://client.example/a", ["MUST"]),
        ("client.json", ["MUST"]),
        ("", ["MUST"]),
    ],
)
def test_the_url(url: str, levels: list[str]) -> None:
    found = list(url_problems(url))
    assert [one.level for one in found] == levels
    assert {one.part for one in found} <= {"url"}
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("listed", "sent", "same"),
    [
        (REDIRECT, REDIRECT, True),
        ("http://127.0.0.1/callback", REDIRECT, True),
        ("http://127.0.0.1:1/callback", REDIRECT, True),
        ("http://[::1]/callback", "http://[::1]:8765/callback", True),
        ("http://localhost/callback", REDIRECT, False),
        ("http://127.0.0.1/callback/", REDIRECT, False),
        ("http://127.0.0.1/callback?a", REDIRECT, False),
        ("https://127.0.0.1/callback", "https://127.0.0.1:1/callback", False),
        ("https://client.example/cb", "https://client.example:8443/cb", False),
        ("com.example:/cb", "com.example:/cb", True),
        ("com.example:/cb", "com.example:/cb2", False),
    ],
)
def test_only_the_port_may_differ_and_only_on_loopback(listed: str, sent: str, same: bool) -> None:
    assert is_same_redirect(listed, sent) is same


@pytest.mark.parametrize(
    ("uris", "kind"),
    [
        ([REDIRECT], "native"),
        (["com.example:/cb"], "native"),
        (["https://127.0.0.1/cb"], "native"),
        (["https://app.example/cb"], "web"),
    ],
)
def test_the_application_type(uris: list[str], kind: str) -> None:
    assert application_type(uris) == kind
