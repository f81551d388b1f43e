"""The client ID metadata document that is served beside the redirect URI."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.wire.callback import Listener, local_document_url

DOCUMENT = json.dumps({"client_id": "x"}).encode()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    made.publish("/client.json", DOCUMENT)
    made.start()
    yield made
    made.close()


def ask(listener: Listener, path: str = "/client.json", method: str = "GET", **headers: str) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=10) as client:
        return client.request(method, listener.beside(path) or "", headers=headers)


def test_it_is_json_that_nobody_keeps(listener: Listener) -> None:
    answer = ask(listener)
    assert (answer.status_code, answer.content) == (200, DOCUMENT)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/", "/client.json/", "/client.json?", "/client.json?code=c", "/Client.json", "/x/../client.json%00"]
)
def test_every_other_path_is_not_found(listener: Listener, path: str) -> None:
    answer = ask(listener, path)
    assert (answer.status_code, answer.content) == (404, b"")
    assert listener.arrived.empty()


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_it_is_only_read(listener: Listener, method: str) -> None:
    assert ask(listener, method=method).status_code == 404


def test_another_name_for_this_machine_is_turned_away(listener: Listener) -> None:
    assert ask(listener, Host="rebound.example").status_code == 404


def test_the_redirect_is_still_taken(listener: Listener) -> None:
    assert ask(listener, "/callback?code=c").status_code == 200
    assert listener.wait(5) is not None


def test_its_url_is_beside_the_redirect_uri(listener: Listener) -> None:
    assert local_document_url(listener, "local") == listener.redirect_uri.replace("/callback", "/client.json")
    assert local_document_url(listener, "https://client.example/x") == "https://client.example/x"
    assert local_document_url(listener, None) is None


def test_where_nothing_is_listened_on_there_is_no_document() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listener = Listener(f"http://127.0.0.1:{taken.getsockname()[1]}/callback")
        with pytest.raises(BadSetting, match="cannot be listened on"):
            local_document_url(listener, "local")
