"""What is predicted of the MCP Python SDK, against the client that is installed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.resources import files

import pytest

from mcp_oauth_nb import DemoServer, other_clients
from mcp_oauth_nb.peers.clients import PYTHON_SDK

from .python_sdk import connect
from .staged import FAULTS, recorded


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The client logs every flow that fails, with its traceback."""
    logger = logging.getLogger("mcp.client.auth.oauth2")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


@pytest.mark.parametrize("fault", FAULTS)
def test_it_sends_what_was_predicted_and_stops_where_it_was_predicted(fault: str | None) -> None:
    with DemoServer(fault) as server:
        predicted = other_clients(recorded(server.url))["Python SDK"]
        real = connect(server.url)
    assert [f"{one.method} {one.url}" for one in predicted.asked] == real.before_authorization
    if predicted.stop is None:
        assert predicted.open or not real.error
    elif predicted.stop.message != "the error of the connection itself":
        assert real.error == predicted.stop.message
    else:
        assert real.error


def test_it_asks_for_what_was_predicted() -> None:
    with DemoServer() as server:
        predicted = other_clients(recorded(server.url))["Python SDK"]
        real = connect(server.url)
    assert predicted.fate == "gets through"
    assert real.status == 200
    assert real.authorization["scope"] == predicted.at("scope").told
    assert real.authorization["resource"] == predicted.at("resource parameter").told


@pytest.mark.parametrize("fault", ["issuer-of-another", "issuer-with-slash", "issuer-not-sent"])
def test_the_issuer_in_the_redirect_stops_it_as_predicted(fault: str) -> None:
    with DemoServer(fault) as server:
        predicted = other_clients(recorded(server.url))["Python SDK"].at("iss")
        real = connect(server.url)
    assert predicted.outcome == "stops"
    assert real.error == predicted.message


def test_the_places_that_the_rows_name_exist_in_the_installed_package() -> None:
    folder = files("mcp").joinpath("client", "auth")
    for row in PYTHON_SDK.rows:
        file, _, names = row.source.removeprefix("mcp/client/auth/").partition(" ")
        *parents, name = file.split("/")
        place = files("mcp") if parents else folder
        text = place.joinpath("shared", name).read_text() if parents else place.joinpath(name).read_text()
        for one in names.replace("OAuthClientProvider.", "").replace("OAuthContext.", "").split(", "):
            assert one in text, row.source
