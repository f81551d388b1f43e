"""Clients that are listened to: what they send and receive stays the same, and what they met is told as it was."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2
import pytest

from mcp_oauth_nb import BadSetting, Exchange, Recording, record
from mcp_oauth_nb.wire.incoming import BODY_BYTES
from mcp_oauth_nb.wire.tap import Tapped, check_client

from .conftest import Certificate
from .raw import RawServer, ok, response, says

EVENTS = "Content-Type: text/event-stream"
EVENT = b'data: {"jsonrpc": "2.0", "id": 1, "result": {}}\n\n'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: "


@dataclass(frozen=True)
class Kind:
    """A library and whether its client is asynchronous; speaks with either in the same words."""

    library: Any
    is_async: bool

    def __str__(self) -> str:
        return f"{self.library.__name__} {'async' if self.is_async else 'sync'}"

    def client(self, **settings: Any) -> Any:
        make = self.library.AsyncClient if self.is_async else self.library.Client
        return make(**{"trust_env": False, "timeout": 5, **settings})

    def bare(self, url: str, **sent: Any) -> None:
        """The same without anybody who listens."""

        async def work() -> None:
            async with self.client() as client:
                await client.post(url, **sent)

        if self.is_async:
            asyncio.run(work())
            return
        with self.client() as client:
            client.post(url, **sent)

    def recorded(
        self,
        url: str,
        method: str = "GET",
        *,
        read: str = "whole",
        client: Any = None,
        each: Callable[[bytes, Recording], None] | None = None,
        **request: Any,
    ) -> tuple[bytes | Exception, Recording]:
        """What one request gave the caller, and the recording of it. `read`: whole, first (piece) or nothing."""
        client = client or self.client()
        recording = record(client)
        work = self._async if self.is_async else self._sync
        try:
            came = work(client, recording, method, url, read, each, request)
            came = asyncio.run(came) if self.is_async else came
        except self.library.HTTPError as error:
            came = error
        finally:
            recording.stop()
        return came, recording

    def _sync(self, client, recording, method, url, read, each, request) -> bytes:
        body = b""
        with client, client.stream(method, url, **request) as answer:
            if read != "nothing":
                for piece in answer.iter_bytes():
                    body += piece
                    if each:
                        each(piece, recording)
                    if read == "first":
                        break
        return body

    async def _async(self, client, recording, method, url, read, each, request) -> bytes:
        body = b""
        async with client, client.stream(method, url, **request) as answer:
            if read != "nothing":
                async for piece in answer.aiter_bytes():
                    body += piece
                    if each:
                        each(piece, recording)
                    if read == "first":
                        break
        return body


KINDS = [Kind(library, is_async) for library in (httpx, httpx2) for is_async in (False, True)]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


def only(recording: Recording) -> Exchange:
    (one,) = recording.exchanges
    return one


@every_kind
def test_a_request_goes_out_byte_for_byte_as_without(kind: Kind) -> None:
    with RawServer(ok()) as server:
        sent = {"json": {"a": 1}, "headers": [("X-Twice", "1"), ("X-Twice", "2")], "params": {"q": "a b/c"}}
        kind.bare(f"{server.url}/mcp", **sent)
        came, recording = kind.recorded(f"{server.url}/mcp", "POST", **sent)
        first, second = server.asked
    assert first == second
    one = only(recording)
    assert came == one.response.body == b"hello"
    assert one.request.url == server.url + first.split(b" ")[1].decode()
    head, _, body = first.partition(b"\r\n\r\n")
    assert one.request.body == body
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
    assert [(name.lower(), value) for name, value in one.request.headers] == [
        (name.decode().lower(), value.decode()) for name, _, value in lines
    ]
    assert (one.response.status, one.response.truncated, one.failure) == (200, False, None)
    assert one.elapsed_ms > 0


@every_kind
def test_a_body_that_is_made_while_it_is_sent_is_sent_once_and_recorded(kind: Kind) -> None:
    made: list[bytes] = []

    def pieces() -> Iterator[bytes]:
        for piece in (b"grant_type=", b"refresh_token"):
            made.append(piece)
            yield piece

    async def pieces_in_time() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    body = pieces_in_time() if kind.is_async else pieces()
    with RawServer(ok()) as server:
        came, recording = kind.recorded(
            server.url, "POST", content=body, headers={"Content-Length": "24", "Content-Type": "text/plain"}
        )
        assert server.asked[0].endswith(b"\r\n\r\ngrant_type=refresh_token")
    assert came == b"hello"
    assert len(made) == 2
    assert only(recording).request.body == b"grant_type=refresh_token"


@every_kind
def test_a_stream_is_handed_on_piece_by_piece_and_no_sooner(kind: Kind) -> None:
    seen: list[bool] = []
    go_on = threading.Event()

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(CHUNKED + b"text/event-stream\r\n\r\n" + b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
        seen.append(go_on.wait(5))
        connection.sendall(b"0\r\n\r\n")

    def each(piece: bytes, recording: Recording) -> None:
        one = only(recording)
        assert piece == one.response.body == EVENT
        assert one.response.truncated
        go_on.set()

    with RawServer(answer) as server:
        came, recording = kind.recorded(server.url, each=each)
    assert seen == [True], "the first piece was handed on before the second was sent"
    assert came == EVENT
    assert not only(recording).response.truncated


@every_kind
def test_what_the_client_does_not_read_is_not_read_for_it(kind: Kind) -> None:
    with RawServer(ok(b"{}", "Content-Type: application/json")) as server:
        came, recording = kind.recorded(server.url, read="nothing")
    one = only(recording)
    assert came == b""
    assert (one.response, one.failure) == (None, None)
    assert one.why == "answered with 200; the client has not read the body to its end"


@every_kind
@pytest.mark.parametrize("status", ["401 Unauthorized", "202 Accepted", "204 No Content", "302 Found"])
def test_an_answer_that_says_enough_is_kept_without_its_body(kind: Kind, status: str) -> None:
    with RawServer(says(response(b"" if status[0:3] == "204" else b"body", status=status))) as server:
        _, recording = kind.recorded(server.url, read="nothing")
    one = only(recording)
    assert (one.status, one.response.body) == (int(status[:3]), b"")
    assert one.response.truncated is (status[:3] != "204")


@every_kind
def test_a_client_that_turns_away_from_events_leaves_those_that_came(kind: Kind) -> None:
    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(CHUNKED + b"text/event-stream\r\n\r\n")
        server.drip(connection, [b"%x\r\n%b\r\n" % (len(EVENT), EVENT)])

    with RawServer(answer) as server:
        came, recording = kind.recorded(server.url, read="first")
    one = only(recording)
    assert came.startswith(EVENT)
    assert one.response.body.startswith(EVENT)
    assert one.response.truncated
    assert one.failure is None


@every_kind
def test_a_body_is_kept_up_to_a_limit_and_handed_on_whole(kind: Kind) -> None:
    large = b"x" * (BODY_BYTES + 1000)
    with RawServer(ok(large)) as server:
        came, recording = kind.recorded(server.url)
    one = only(recording)
    assert len(came) == len(large)
    assert (len(one.response.body), one.response.truncated) == (BODY_BYTES, True)


@every_kind
def test_a_compressed_body_is_recorded_as_text(kind: Kind) -> None:
    body = gzip.compress(b'{"issuer": "x"}')
    with RawServer(ok(body, "Content-Encoding: gzip")) as server:
        came, recording = kind.recorded(server.url)
    assert came == only(recording).response.body == b'{"issuer": "x"}'


@every_kind
def test_a_small_body_that_unfolds_to_a_large_one_is_cut(kind: Kind) -> None:
    body = gzip.compress(b"0" * (BODY_BYTES * 8))
    with RawServer(ok(body, "Content-Encoding: gzip")) as server:
        _, recording = kind.recorded(server.url)
    one = only(recording)
    assert (len(one.response.body), one.response.truncated) == (BODY_BYTES, True)


@every_kind
@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
def test_a_body_that_cannot_be_decompressed_is_a_failure_for_both(kind: Kind, encoding: str) -> None:
    with RawServer(ok(b"not compressed at all", f"Content-Encoding: {encoding}")) as server:
        came, recording = kind.recorded(server.url)
    assert isinstance(came, kind.library.DecodingError)
    one = only(recording)
    assert one.failure.kind == "protocol"
    assert "cannot be decompressed" in one.failure.message


@every_kind
def test_a_content_encoding_that_nobody_knows_is_left_as_it_is(kind: Kind) -> None:
    with RawServer(ok(b"as it is", "Content-Encoding: unheard-of")) as server:
        came, recording = kind.recorded(server.url)
    assert came == only(recording).response.body == b"as it is"


class TestFailures:
    @every_kind
    def test_nobody_listens(self, kind: Kind) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        came, recording = kind.recorded(f"http://127.0.0.1:{port}/")
        assert isinstance(came, kind.library.ConnectError)
        assert only(recording).failure.kind == "connect"

    @every_kind
    def test_a_name_that_nobody_knows(self, kind: Kind) -> None:
        came, recording = kind.recorded("http://nobody.invalid/")
        assert isinstance(came, kind.library.ConnectError)
        assert only(recording).failure.kind == "dns"

    @every_kind
    def test_a_certificate_that_is_not_trusted(self, kind: Kind, certificate: Certificate) -> None:
        with RawServer(ok(), context=certificate.context) as server:
            came, recording = kind.recorded(server.url)
        assert isinstance(came, kind.library.ConnectError)
        assert only(recording).failure.kind == "tls"

    @every_kind
    def test_no_answer_in_time(self, kind: Kind) -> None:
        with RawServer(lambda connection, _: None) as server:
            came, recording = kind.recorded(server.url, client=kind.client(timeout=0.2))
        assert isinstance(came, kind.library.ReadTimeout)
        failure = only(recording).failure
        assert (failure.kind, failure.message.rpartition("within")[2]) == ("timeout", " 0.2 s")

    @every_kind
    def test_a_connection_that_is_closed(self, kind: Kind) -> None:
        with RawServer(says(b"", then_close=True)) as server:
            came, recording = kind.recorded(server.url)
        assert isinstance(came, kind.library.RemoteProtocolError)
        assert only(recording).failure.kind == "protocol"

    @every_kind
    def test_an_answer_that_breaks_off(self, kind: Kind) -> None:
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"
        with RawServer(says(raw, then_close=True)) as server:
            came, recording = kind.recorded(server.url)
        assert isinstance(came, kind.library.RemoteProtocolError)
        one = only(recording)
        assert (one.response.body, one.response.truncated) == (b"only this", True)
        assert one.failure.message.endswith("broke off before its end")

    @every_kind
    def test_an_exception_of_the_transport_itself(self, kind: Kind) -> None:
        def refuse(_: Any) -> Any:
            raise RuntimeError("access_token=abcdef0123456789")

        client = kind.client(transport=kind.library.MockTransport(refuse))
        with pytest.raises(RuntimeError), record(client) as recording:
            kind.recorded("http://a.example/", client=client)
        assert only(recording).failure.message == "no answer from http://a.example: the client raised RuntimeError"

    def test_a_task_that_is_cancelled_is_no_failure_of_the_server(self) -> None:
        async def gives_up(url: str) -> Recording:
            async with httpx.AsyncClient(trust_env=False) as client:
                with record(client) as recording, pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await client.get(url)
            return recording

        with RawServer(lambda connection, _: None) as server:
            one = only(asyncio.run(gives_up(server.url)))
        assert (one.response, one.failure) == (None, None)
        assert one.why.startswith("the client stopped waiting after 0.")


@every_kind
def test_every_hop_of_a_redirect_is_there(kind: Kind) -> None:
    answers = iter([response(b"", "Location: /next", status="302 Found"), response(b"there")])
    with RawServer(lambda connection, _: connection.sendall(next(answers))) as server:
        came, recording = kind.recorded(server.url, client=kind.client(follow_redirects=True))
    assert came == b"there"
    assert [one.status for one in recording.exchanges] == [302, 200]
    assert recording.exchanges[1].request.url == f"{server.url}/next"


@every_kind
def test_answers_that_a_mock_makes_are_there(kind: Kind) -> None:
    transport = kind.library.MockTransport(lambda _: kind.library.Response(200, json={"issuer": "x"}))
    came, recording = kind.recorded("http://a.example/", client=kind.client(transport=transport))
    assert came == only(recording).response.body
    assert only(recording).document == {"issuer": "x"}


@every_kind
def test_odd_extensions_of_an_answer_break_nothing(kind: Kind) -> None:
    def odd(_: Any) -> Any:
        return kind.library.Response(299, content=b"x", extensions={"reason_phrase": b"odd", "http_version": None})

    client = kind.client(transport=kind.library.MockTransport(odd))
    with record(client) as recording:
        if kind.is_async:
            with pytest.raises(AttributeError):  # that of the library itself, which logs the version
                asyncio.run(client.get("http://a.example/"))
        else:
            with pytest.raises(AttributeError):
                client.get("http://a.example/")
    assert (only(recording).status, only(recording).response.reason) == (299, "odd")


@every_kind
def test_mounts_are_listened_to_and_everything_is_put_back(kind: Kind) -> None:
    own = kind.library.MockTransport(lambda _: kind.library.Response(200, text="mounted"))
    client = kind.client(mounts={"http://mounted.example": own, "http://none.example": None})
    before, mounts = client._transport, dict(client._mounts)
    recording = record(client)
    assert isinstance(client._transport, Tapped)
    came, inner = kind.recorded("http://mounted.example/", client=client)
    assert came == b"mounted"
    assert len(inner.exchanges) == len(recording.exchanges) == 1
    recording.stop()
    recording.stop()
    assert client._transport is before
    assert client._mounts == mounts


def test_what_was_put_there_later_stays_and_records_no_more() -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    own = client._transport
    first = record(client)
    second = record(client)
    first.stop()
    client.get("http://a.example/")
    assert (len(first.exchanges), len(second.exchanges)) == (0, 1)
    second.stop()
    client.get("http://a.example/")
    assert (len(first.exchanges), len(second.exchanges)) == (0, 1)
    assert client._transport.inner is own, "the first one is passed through"


def test_a_client_that_is_added_twice_is_recorded_once() -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    with record(client, client) as recording:
        recording.add(client)
        client.get("http://a.example/")
    assert len(recording.exchanges) == 1
    assert not isinstance(client._transport, Tapped)


def test_tasks_on_one_client_are_told_apart_and_stand_in_the_order_of_their_begin() -> None:
    tasks = 20

    async def answer(request: httpx2.Request) -> httpx2.Response:
        number = int(request.url.params["n"])
        for _ in range(tasks - number):  # the first one is answered last
            await asyncio.sleep(0)
        return httpx2.Response(200, json={"n": number})

    async def work() -> Recording:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
            with record(client) as recording:
                await asyncio.gather(*(client.get("http://a.example/", params={"n": n}) for n in range(tasks)))
        return recording

    exchanges = asyncio.run(work()).exchanges
    assert [one.document["n"] for one in exchanges] == list(range(tasks))
    assert all(one.request.url.endswith(f"?n={one.document['n']}") for one in exchanges)


def test_threads_on_one_client_lose_nothing_while_somebody_looks() -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, text=str(request.url))))
    recording = record(client)

    def work(number: int) -> None:
        for n in range(50):
            client.get(f"http://a.example/{number}/{n}", headers={"Authorization": f"Bearer token-{number}-{n}-0123"})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert all(one.response is None or one.response.body == one.request.url.encode() for one in recording.exchanges)
    recording.stop()
    assert len(recording.exchanges) == 200
    assert len(recording.trace.vault.values()) == 200


def test_a_request_that_is_sent_again_with_a_token_is_recorded_as_it_was_each_time() -> None:
    class Auth(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
            answer = yield request
            assert answer.status_code == 401
            answer = yield httpx.Request("GET", "http://a.example/.well-known/oauth-protected-resource")
            request.headers["Authorization"] = "Bearer abc"
            yield request

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if "authorization" in request.headers else 401, json={})

    client = httpx.Client(transport=httpx.MockTransport(answer), auth=Auth())
    with record(client) as recording:
        assert client.get("http://a.example/mcp").status_code == 200
    sent = [(one.request.url.rpartition("/")[2], one.request.header("authorization")) for one in recording.exchanges]
    assert sent == [("mcp", None), ("oauth-protected-resource", None), ("mcp", "Bearer abc")]


@pytest.mark.parametrize("thing", [None, 1, "client", httpx.Client, httpx.Response(200), object()])
def test_what_is_no_client_is_refused(thing: Any) -> None:
    with pytest.raises(BadSetting, match="expected a Client or AsyncClient of httpx or httpx2"):
        check_client(thing)


def test_where_one_is_no_client_none_is_hooked() -> None:
    client = httpx.Client()
    with pytest.raises(BadSetting):
        record(client, "no client")
    assert not isinstance(client._transport, Tapped)
