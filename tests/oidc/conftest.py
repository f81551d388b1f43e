"""Fixtures: one pair of servers for each kind of access token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.keeping.conftest import ring, tokens  # noqa: F401 - fixtures of these tests as well
from tests.oidc.server import Oidc, oidc_server


@pytest.fixture(scope="session")
def oidc() -> Iterator[Oidc]:
    """Access tokens are JWTs, which the MCP server checks by itself."""
    with oidc_server("jwt") as running:
        yield running


@pytest.fixture(scope="module", params=[("ES256", "EdDSA"), ("PS256",), ("EdDSA",)], ids="-".join)
def bound(request: pytest.FixtureRequest) -> Iterator[Oidc]:
    """Access tokens are JWTs bound to a key, and proofs of it hold a nonce (RFC 9449)."""
    with oidc_server("jwt", proofs=request.param) as running:
        yield running


@pytest.fixture(scope="session")
def asking() -> Iterator[Oidc]:
    """Access tokens are opaque, and the MCP server asks about each (RFC 7662): only these can be revoked."""
    with oidc_server("opaque") as running:
        yield running
