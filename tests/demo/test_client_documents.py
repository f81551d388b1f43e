"""Clients that the demo knows by the URL of their metadata document."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from wire.raw import RawServer, response, says

from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.demo.client_documents import Unusable, _check_url

from .walker import REDIRECT, Walker


def walker_with(server: DemoServer, client_id: str) -> Walker:
    walker = Walker(server)
    walker.client_id = client_id
    return walker


def published(url: str, **changes: Any) -> bytes:
    members = {"client_id": url, "client_name": "Mine", "redirect_uris": [REDIRECT]} | changes
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


def latest(said: list[bytes]) -> Callable[[socket.socket, bytes], None]:
    """Answers with what was put into the list last."""

    def answer(connection: socket.socket, asked: bytes) -> None:
        says(said[-1], then_close=True)(connection, asked)

    return answer


def refusal(server: DemoServer, answer: Callable[[str], bytes], path: str = "/client.json") -> httpx.Response:
    """What the authorization endpoint says to a client whose document is answered so."""
    said: list[bytes] = []
    with RawServer(latest(said)) as place:
        said.append(answer(place.url + path))
        with walker_with(server, place.url + path) as walker:
            return walker.request()


def test_the_metadata_says_so(server: DemoServer) -> None:
    metadata = httpx.get(f"{server.issuer}/.well-known/oauth-authorization-server").json()
    assert metadata["client_id_metadata_document_supported"] is True


def test_its_own_document_describes_itself(server: DemoServer) -> None:
    answer = httpx.get(server.client_document_url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["client_id"] == server.client_document_url
    assert server.client_document_url.startswith(server.issuer + "/")


def test_its_own_document_is_a_client(server: DemoServer) -> None:
    with walker_with(server, server.client_document_url) as walker:
        code = walker.authorize()["code"]
        assert walker.token(code).status_code == 200


def test_any_port_of_loopback_but_no_other_path(server: DemoServer) -> None:
    with walker_with(server, server.client_document_url) as walker:
        assert walker.request(redirect_uri="http://127.0.0.1:1/callback").status_code == 302
        refused = walker.request(redirect_uri="http://127.0.0.1:1/other")
        assert (refused.status_code, "location" in refused.headers) == (400, False)


def test_consent_shows_where_the_client_describes_itself(server: DemoServer) -> None:
    with walker_with(server, server.client_document_url) as walker:
        page = walker.http.get(walker.request().headers["location"], headers={"accept": "text/html"})
    assert "Described at" in page.text
    assert server.client_document_url in page.text
    assert "Demo client" in page.text


def test_consent_of_a_registered_client_shows_no_such_line(walker: Walker) -> None:
    page = walker.http.get(walker.request().headers["location"], headers={"accept": "text/html"})
    assert "Described at" not in page.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_id": "http://127.0.0.1/else.json"}, "client_id is not its URL"),
        ({"client_id": None}, "client_id is not its URL"),
        ({"client_name": None}, "no client_name"),
        ({"client_name": 5}, "no client_name"),
        ({"redirect_uris": None}, "redirect_uris"),
        ({"redirect_uris": [5]}, "redirect_uris"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "redirect_uris"),
        ({"client_secret": "s3cret"}, "holds a client secret"),
        ({"token_endpoint_auth_method": "client_secret_post"}, "public clients only"),
        ({"logo_uri": "A" * 6000}, "longer than 5 kB"),
    ],
)
def test_a_document_that_cannot_be_used(server: DemoServer, changes: dict[str, Any], said: str) -> None:
    answer = refusal(server, lambda url: response(published(url, **changes), "Content-Type: application/json"))
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert answer.json()["error"] == "invalid_client"
    assert said in answer.json()["error_description"]
    assert "s3cret" not in answer.text


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (response(b"{}", status="404 Not Found"), "cannot be fetched"),
        (response(b"", "Location: /else", status="302 Found"), "redirects"),
        (response(b"<html>"), "no valid JSON"),
        (response(b"[1]"), "no JSON object"),
        (response(b"\xff"), "no valid JSON"),
        (response(b"[" * 5000), "no valid JSON"),
        (b"", "cannot be fetched"),
        (b"nonsense\r\n\r\n", "cannot be fetched"),
    ],
)
def test_an_answer_that_is_no_document(server: DemoServer, raw: bytes, said: str) -> None:
    answer = refusal(server, lambda url: raw)
    assert answer.status_code == 400
    assert said in answer.json()["error_description"]


def test_it_is_read_anew_every_time(server: DemoServer) -> None:
    said: list[bytes] = []
    with RawServer(latest(said)) as place:
        url = f"{place.url}/client.json"
        with walker_with(server, url) as walker:
            said.append(response(published(url)))
            code = walker.authorize()["code"]
            said.append(response(b"", status="404 Not Found"))
            assert walker.request().status_code == 400
            assert walker.token(code).status_code == 200
            said.append(response(published(url, redirect_uris=["https://a.example/"])))
            assert walker.request().status_code == 400


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/client.json",
        "https://192.168.1.1/client.json",
        "http://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/client.json",
        "http://8.8.8.8/client.json",
        "https://127.0.0.1/",
        "https://127.0.0.1",
        "https:///client.json",
        "https://me@127.0.0.1/client.json",
        "https://127.0.0.1/client.json#x",
        "https://127.0.0.1/a/../client.json",
        "https://127.0.0.1:99999/client.json",
        "https://[/client.json",
        "https://127.0.0.1/a b",
    ],
)
def test_where_no_document_is_fetched_from(url: str) -> None:
    with pytest.raises(Unusable):
        _check_url(url)


def test_a_url_that_is_not_known_gets_no_token(server: DemoServer) -> None:
    with walker_with(server, f"{server.issuer}/never-seen.json") as walker:
        assert walker.token("some-code").status_code == 401
