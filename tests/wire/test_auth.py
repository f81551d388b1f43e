"""A token in the URL of somebody else's request: there on its way, and in nothing that httpx shows afterwards."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable

import httpx
import pytest

from mcp_oauth_nb.wire.auth import Bearing, TokenAuth
from mcp_oauth_nb.wire.overheard import Overheard

TOKEN = "at/4Qm1 kW9~x+Z=secret"
WRITTEN = "access_token=at%2F4Qm1%20kW9~x%2BZ%3Dsecret"
URL = "https://api.example.com/me?a=%20b&flag&x=%7E~&y=a+b"


class Holding:
    """One token, and what was heard of it."""

    def __init__(self, *newer: str) -> None:
        self.tokens, self.heard_urls = [TOKEN, *newer], []

    def bearing(self) -> Bearing:
        return Bearing(self.tokens[0], place="url")

    def after_refusal(self, used: Bearing) -> Bearing | None:
        later = self.tokens[self.tokens.index(used.token) + 1 :]
        return Bearing(later[0], place="url") if later else None

    def heard(self, overheard: Overheard, used: Bearing) -> None:
        self.heard_urls.append(overheard.url)


class Asked:
    """Answers by a function of the request, and keeps the queries as they came."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.queries: list[str] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.queries.append(request.url.query.decode())
        return self._answer(request)

    def client(self, holding: Holding | None = None, **given: object) -> httpx.Client:
        return httpx.Client(auth=TokenAuth(holding or Holding()), transport=httpx.MockTransport(self), **given)


def answering(status: int) -> Asked:
    return Asked(lambda request: httpx.Response(status, stream=httpx.ByteStream(b"{}")))


def shows_no_token(*told: object) -> None:
    for one in told:
        assert "secret" not in str(one)
        assert "secret" not in repr(one)


def test_the_query_is_sent_as_it_was_written_with_the_token_behind_it() -> None:
    asked = answering(200)
    with asked.client() as client:
        for url in (URL, "https://api.example.com/me", "https://api.example.com/me?access_token=old&b&b"):
            client.get(url)
    assert asked.queries == [f"a=%20b&flag&x=%7E~&y=a+b&{WRITTEN}", WRITTEN, f"b&b&{WRITTEN}"]


def test_the_answer_shows_the_url_that_was_asked_for() -> None:
    with answering(401).client() as client:
        answer = client.get(URL)
    assert str(answer.url) == str(answer.request.url) == URL
    with pytest.raises(httpx.HTTPStatusError) as raised:
        answer.raise_for_status()
    shows_no_token(answer.request, answer.url, "".join(traceback.format_exception(raised.value)))


def test_what_was_sent_is_heard_with_the_token() -> None:
    holding = Holding()
    with answering(200).client(holding) as client:
        client.get(URL)
    assert holding.heard_urls == [f"{URL}&{WRITTEN}"]


def test_a_second_try_carries_the_newer_token_alone() -> None:
    asked = Asked(lambda request: httpx.Response(401 if WRITTEN in str(request.url) else 200))
    with asked.client(Holding("newer")) as client:
        answer = client.get(URL)
    assert asked.queries == [f"a=%20b&flag&x=%7E~&y=a+b&{one}" for one in (WRITTEN, "access_token=newer")]
    assert (answer.status_code, str(answer.url)) == (200, URL)


def test_a_stream_shows_it_neither() -> None:
    with answering(200).client() as client, client.stream("GET", URL) as answer:
        assert str(answer.url) == URL
        answer.read()


def copying(request: httpx.Request) -> httpx.Response:
    """A server that takes the whole query along when it sends somebody elsewhere."""
    if request.url.path == "/there":
        return httpx.Response(200)
    return httpx.Response(302, headers={"Location": f"https://api.example.com/there?{request.url.query.decode()}"})


def test_a_redirect_that_copies_the_query_shows_it_neither() -> None:
    with Asked(copying).client(follow_redirects=True) as client:
        answer = client.get(URL)
    assert str(answer.url) == "https://api.example.com/there?a=%20b&flag&x=%7E~&y=a+b"
    shows_no_token(answer.request, answer.url, *(one.request for one in answer.history))
    with Asked(copying).client() as client:
        shows_no_token(client.get(URL).next_request, client.get("https://api.example.com/me").next_request)


def test_a_request_that_fails_has_its_own_url_again() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no connection for {request.url}", request=request)

    with Asked(fail).client() as client, pytest.raises(httpx.ConnectError) as raised:
        client.get(URL)
    assert str(raised.value.request.url) == URL
    assert "no connection for" in str(raised.value)
    shows_no_token(raised.value.request, raised.value)


def test_too_many_redirects_show_it_neither() -> None:
    asked = Asked(lambda request: httpx.Response(302, headers={"Location": f"/again?{request.url.query.decode()}"}))
    with asked.client(follow_redirects=True) as client, pytest.raises(httpx.TooManyRedirects) as raised:
        client.get(URL)
    shows_no_token(raised.value.request, raised.value)


def test_a_hook_that_raises_for_the_status_shows_it_neither() -> None:
    def check(response: httpx.Response) -> None:
        response.raise_for_status()

    asking = answering(404).client(event_hooks={"response": [check]})
    with asking as client, pytest.raises(httpx.HTTPStatusError, match="404") as raised:
        client.get(URL)
    shows_no_token(raised.value, raised.value.request, raised.value.response.url)


def test_an_asynchronous_client_shows_it_neither() -> None:
    async def fail(response: httpx.Response) -> None:
        response.raise_for_status()

    async def go() -> tuple[httpx.Response, httpx.HTTPStatusError]:
        asked = Asked(copying)
        transport = httpx.MockTransport(asked)
        async with httpx.AsyncClient(auth=TokenAuth(Holding()), transport=transport, follow_redirects=True) as client:
            answer = await client.get(URL)
        hooks = {"response": [fail]}
        async with httpx.AsyncClient(auth=TokenAuth(Holding()), transport=transport, event_hooks=hooks) as client:
            with pytest.raises(httpx.HTTPStatusError) as raised:
                await client.get(URL)
        assert all(query.endswith(WRITTEN) for query in asked.queries)
        return answer, raised.value

    answer, error = asyncio.run(go())
    shows_no_token(answer.request, answer.url, error, error.request, *(one.request for one in answer.history))


def test_in_the_header_nothing_of_the_request_changes_but_the_header() -> None:
    class InTheHeader(Holding):
        def bearing(self) -> Bearing:
            return Bearing("a-token")

    with answering(200).client(InTheHeader()) as client:
        request = client.get("https://api.example.com/me?access_token=mine").request
    assert request.url.params["access_token"] == "mine"
    assert request.headers["Authorization"] == "Bearer a-token"
