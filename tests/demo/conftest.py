"""One server per test: faults and grants of one test never meet another."""

from collections.abc import Iterator

import pytest

from mcp_oauth_nb.demo import DemoServer

from .walker import Walker


@pytest.fixture
def server() -> Iterator[DemoServer]:
    """A healthy server."""
    with DemoServer() as running:
        yield running


@pytest.fixture
def walker(server: DemoServer) -> Iterator[Walker]:
    """A dynamically registered public client of it."""
    with Walker(server) as walking:
        assert walking.register().status_code == 201
        yield walking
