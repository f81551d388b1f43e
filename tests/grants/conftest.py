"""One Django server for all tests here, and lists of tokens of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcp_oauth_nb import OAuth2
from mcp_oauth_nb.keeping.tokens import TokenList
from tests.grants.server import Django, django_server

GRANTS = {
    "code": ("authorization_code_pkce", ("authorization_url", "token_url")),
    "public": ("authorization_code_pkce", ("authorization_url", "token_url")),
    "implicit": ("implicit", ("authorization_url",)),
    "password": ("password", ("token_url",)),
    "service": ("client_credentials", ("token_url",)),
}
"""The clients of the server, the grant that each is for, and the endpoints that it takes."""
ALWAYS = ("revocation_url", "introspection_url", "userinfo_url")

Make = Callable[..., OAuth2]


@pytest.fixture(scope="session")
def django(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Django]:
    with django_server(tmp_path_factory.mktemp("django")) as running:
        yield running


@pytest.fixture
def make(django: Django) -> Make:
    """Make an `OAuth2` for one of the server's clients; settings go before the usual ones."""

    def made(client: str, **settings: Any) -> OAuth2:
        grant, needed = GRANTS[client]
        usual: dict[str, Any] = {name: django.endpoints[name] for name in (*needed, *ALWAYS)}
        usual |= {"grant": grant, "api_url": django.api, "scope": "read", **django.clients[client]}
        if grant == "password":
            usual |= {"username": django.user, "password": django.password}
        if "authorization_url" in needed:
            usual["browser"] = "follow"
        return OAuth2(**{**usual, **settings})

    return made


@pytest.fixture
def tokens() -> TokenList:
    return TokenList()
