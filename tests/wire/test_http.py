"""The wire against real sockets: whatever a server does becomes data, in bounded time, and nothing is left open."""

from __future__ import annotations

import gc
import gzip
import http.server
import logging
import socket
import threading
import time
import zlib
from collections.abc import Callable

import httpx
import pytest

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.records import Request
from mcp_oauth_nb.wire.http import BODY_BYTES, Sent, Wire

from .conftest import Certificate
from .raw import RawServer, ok, response, says

SHORT_S = 0.3
AMPLE_S = 5.0
"""A deadline that passes is waited for `SHORT_S`; a run that takes longer than this did not keep it."""
EVENTS = "Content-Type: text/event-stream"
ANSWER = b'data: {"jsonrpc": "2.0", "id": 1, "result": {}}\n\n'


@pytest.fixture
def wire():
    made = Wire(timeout_s=20)
    yield made
    made.close()


@pytest.fixture
def hasty():
    made = Wire(timeout_s=SHORT_S)
    yield made
    made.close()


def get(url: str, **rest) -> Request:
    return Request("GET", url, **rest)


def timed(wire: Wire, request: Request, **rest) -> Sent:
    """Send, and see to it that the deadline was kept: not left early, not passed by much."""
    begun = time.monotonic()
    sent = wire.send(request, **rest)
    assert time.monotonic() - begun < AMPLE_S
    return sent


class TestDeadline:
    def test_no_answer_at_all(self, hasty: Wire) -> None:
        with RawServer(lambda connection, _: None) as server:
            sent = timed(hasty, get(server.url))
        assert sent.response is None
        assert sent.failure.kind == "timeout"
        assert sent.failure.message == f"{server.url} did not answer completely within 0.3 s"
        assert sent.elapsed_ms >= SHORT_S * 1000

    def test_dripping_headers(self, hasty: Wire) -> None:
        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            server.drip(connection, [b"X-Drip: 1\r\n"])

        with RawServer(answer) as server:
            sent = timed(hasty, get(server.url))
        assert (sent.response, sent.failure.kind) == (None, "timeout")

    def test_a_dripping_body_is_kept_as_far_as_it_came(self, hasty: Wire) -> None:
        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegin:")
            server.drip(connection, [b"."])

        with RawServer(answer) as server:
            sent = timed(hasty, get(server.url))
        assert sent.failure.kind == "timeout"
        assert sent.response.status == 200
        assert sent.response.body.startswith(b"begin:..")
        assert sent.response.truncated

    def test_an_event_stream_that_only_keeps_alive(self, hasty: Wire) -> None:
        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            server.drip(connection, [b": ping\n\n"])

        with RawServer(answer) as server:
            sent = timed(hasty, get(server.url), answer_id=1)
        assert sent.failure.kind == "timeout"
        assert sent.response.body.startswith(b": ping\n\n")

    def test_a_server_that_never_accepts(self, hasty: Wire) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as queued:
            queued.setblocking(False)
            queued.connect_ex(full.getsockname())
            sent = timed(hasty, get(f"http://127.0.0.1:{full.getsockname()[1]}/"))
        assert sent.failure.kind == "timeout"

    def test_a_name_that_takes_for_ever(self, hasty: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
        over = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
        try:
            sent = timed(hasty, get("http://slow.example/"))
        finally:
            over.set()
        assert sent.failure.kind == "timeout"
        assert sent.failure.message == "http://slow.example let nobody connect within 0.3 s"

    def test_a_tls_handshake_that_never_ends(self, hasty: Wire) -> None:
        over = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            sent = timed(hasty, get(f"https://127.0.0.1:{silent.getsockname()[1]}/"))
        over.set()
        assert sent.failure.kind == "timeout"

    def test_the_next_request_has_a_deadline_of_its_own(self, hasty: Wire) -> None:
        def answer(connection: socket.socket, request: bytes) -> None:
            if b"/good" in request:
                connection.sendall(response(b"fine"))

        with RawServer(answer) as server:
            assert timed(hasty, get(f"{server.url}/bad")).failure.kind == "timeout"
            assert timed(hasty, get(f"{server.url}/good")).response.body == b"fine"


class TestBodies:
    @pytest.mark.parametrize(
        ("encoding", "packed"),
        [
            ("gzip", gzip.compress(b"plain text", mtime=0)),
            ("x-gzip", gzip.compress(b"plain text", mtime=0)),
            ("GZIP", gzip.compress(b"plain text", mtime=0)),
            ("deflate", zlib.compress(b"plain text")),
            ("deflate", zlib.compress(b"plain text")[2:-4]),
            ("identity", b"plain text"),
            ("", b"plain text"),
        ],
    )
    def test_are_decompressed(self, wire: Wire, encoding: str, packed: bytes) -> None:
        with RawServer(ok(packed, f"Content-Encoding: {encoding}")) as server:
            sent = wire.send(get(server.url))
        assert sent.failure is None
        assert sent.response.body == b"plain text"
        assert not sent.response.truncated

    def test_an_empty_one_that_says_it_is_compressed(self, wire: Wire) -> None:
        with RawServer(ok(b"", "Content-Encoding: gzip")) as server:
            sent = wire.send(get(server.url))
        assert (sent.failure, sent.response.body) == (None, b"")

    def test_a_bomb_stops_at_the_limit(self, wire: Wire) -> None:
        with RawServer(ok(gzip.compress(bytes(64 * BODY_BYTES)), "Content-Encoding: gzip")) as server:
            sent = wire.send(get(server.url))
        assert sent.failure is None
        assert sent.response.body == bytes(BODY_BYTES)
        assert sent.response.truncated

    def test_one_without_end_stops_at_the_limit(self, wire: Wire) -> None:
        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            server.drip(connection, [bytes(65536)], every_s=0)

        with RawServer(answer) as server:
            sent = wire.send(get(server.url))
        assert (sent.failure, len(sent.response.body), sent.response.truncated) == (None, BODY_BYTES, True)

    def test_one_of_exactly_the_limit_is_whole(self, wire: Wire) -> None:
        with RawServer(ok(bytes(BODY_BYTES))) as server:
            sent = wire.send(get(server.url))
        assert (len(sent.response.body), sent.response.truncated) == (BODY_BYTES, False)

    @pytest.mark.parametrize(
        ("encoding", "body"),
        [
            ("gzip", b"no gzip at all"),
            ("deflate", b"no deflate either"),
            ("gzip", gzip.compress(b"plain text", mtime=0)[:-9]),
            ("gzip, gzip", gzip.compress(gzip.compress(b"x", mtime=0), mtime=0)),
            ("br", b"whatever"),
        ],
    )
    def test_one_that_cannot_be_decompressed(self, wire: Wire, encoding: str, body: bytes) -> None:
        with RawServer(ok(body, f"Content-Encoding: {encoding}")) as server:
            sent = wire.send(get(server.url))
        assert sent.failure.kind == "protocol"
        assert "cannot be decompressed" in sent.failure.message
        assert sent.response.status == 200
        assert sent.response.truncated

    @pytest.mark.parametrize("head", ["Content-Length: 50\r\n", "Transfer-Encoding: chunked\r\n"])
    def test_one_that_breaks_off(self, wire: Wire, head: str) -> None:
        part = b"5\r\nfirst" if "chunked" in head else b"first"
        with RawServer(says(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + part, then_close=True)) as server:
            sent = wire.send(get(server.url))
        assert sent.failure.kind == "protocol"
        assert sent.failure.message == f"the answer of {server.url} broke off before its end"
        assert sent.response.body == b"first"
        assert sent.response.truncated


class TestEventStreams:
    def test_reading_stops_behind_the_answer(self, wire: Wire) -> None:
        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hi\n\ndata: {")
            connection.sendall(b'"id": 7, "result": {}}\n\n' + ANSWER[:20])
            connection.sendall(ANSWER[20:])
            server.stopping.wait(30)

        with RawServer(answer) as server:
            sent = timed(wire, get(server.url), answer_id=1)
        assert sent.failure is None
        assert sent.response.body.endswith(ANSWER)
        assert not sent.response.truncated
        assert sent.elapsed_ms < AMPLE_S * 1000

    @pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"])
    def test_whatever_its_line_ends_are(self, wire: Wire, ending: bytes) -> None:
        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n")
            for byte in ANSWER.replace(b"\n", ending):
                connection.sendall(bytes([byte]))
            server.stopping.wait(30)

        with RawServer(answer) as server:
            sent = timed(wire, get(server.url), answer_id=1)
        assert sent.failure is None
        assert sent.response.body.count(b"data:") == 1

    def test_one_that_ends_leaves_its_connection_usable(self, wire: Wire) -> None:
        chunk = f"{len(ANSWER):x}\r\n".encode() + ANSWER + b"\r\n"
        raw = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
        with RawServer(says(raw + b"0\r\n\r\n")) as server:
            for _ in range(3):
                assert wire.send(get(server.url), answer_id=1).failure is None
            assert server.connections == 1

    def test_one_that_breaks_behind_the_answer_is_answered(self, wire: Wire) -> None:
        raw = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 999\r\n\r\n" + ANSWER
        with RawServer(says(raw, then_close=True)) as server:
            sent = wire.send(get(server.url), answer_id=1)
        assert (sent.failure, sent.response.body) == (None, ANSWER)

    def test_a_compressed_one_is_searched_as_well(self, wire: Wire) -> None:
        packer = zlib.compressobj(wbits=31)
        packed = packer.compress(ANSWER) + packer.flush(zlib.Z_SYNC_FLUSH)

        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(f"HTTP/1.1 200 OK\r\n{EVENTS}\r\nContent-Encoding: gzip\r\n\r\n".encode() + packed)
            server.stopping.wait(30)

        with RawServer(answer) as server:
            sent = timed(wire, get(server.url), answer_id=1)
        assert (sent.failure, sent.response.body) == (None, ANSWER)

    def test_without_an_id_to_wait_for_it_is_read_to_its_end(self, wire: Wire) -> None:
        with RawServer(says(f"HTTP/1.1 200 OK\r\n{EVENTS}\r\n\r\n".encode() + ANSWER * 2, then_close=True)) as server:
            assert wire.send(get(server.url)).response.body == ANSWER * 2


class TestFailures:
    def test_refused(self, wire: Wire) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        sent = wire.send(get(f"http://127.0.0.1:{port}/path?code=secret"))
        assert sent.failure.kind == "connect"
        assert sent.failure.message == f"no connection to http://127.0.0.1:{port} (Connection refused)"

    def test_a_name_that_does_not_resolve(self, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
        def getaddrinfo(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        sent = wire.send(get("https://nowhere.example/x"))
        assert sent.failure.kind == "dns"
        assert (
            sent.failure.message == "the name in https://nowhere.example does not resolve (Name or service not known)"
        )

    def test_a_dead_address_is_followed_by_the_next(self, hasty: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
        with RawServer(ok()) as server, socket.create_server(("127.0.0.2", 0)) as dead:
            dead.close()
            found = [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, server.port)) for ip in ("127.0.0.2", "127.0.0.1")
            ]
            monkeypatch.setattr(socket, "getaddrinfo", _only("two.example", found, socket.getaddrinfo))
            sent = hasty.send(get(f"http://two.example:{server.port}/"))
        assert sent.response.body == b"hello"

    def test_a_certificate_that_nobody_trusts(self, wire: Wire, certificate: Certificate) -> None:
        with RawServer(ok(), context=certificate.context) as server:
            sent = wire.send(get(server.url))
        assert sent.failure.kind == "tls"
        assert sent.failure.message == f"the certificate of {server.url} is not trusted here: self-signed certificate"

    def test_the_users_own_authority(self, certificate: Certificate, tmp_path) -> None:
        for verify in (certificate.path, str(certificate.path), False):
            own = Wire(verify=verify, timeout_s=20)
            with RawServer(ok(), context=certificate.context) as server:
                assert own.send(get(server.url)).response.body == b"hello"
            own.close()

    def test_a_bundle_that_was_mended_is_read_again(self, certificate: Certificate, tmp_path) -> None:
        bundle = tmp_path / "ca.pem"
        bundle.write_text("nothing yet")
        with pytest.raises(BadSetting, match="verify: got a CA bundle that cannot be read"):
            Wire(verify=bundle)
        bundle.write_bytes(certificate.path.read_bytes())
        with RawServer(ok(), context=certificate.context) as server:
            assert Wire(verify=bundle, timeout_s=20).send(get(server.url)).failure is None

    @pytest.mark.parametrize("verify", ["/no/such/file", "", "a\0b", 5, None, object()])
    def test_a_bundle_that_cannot_be_read(self, verify) -> None:
        with pytest.raises(BadSetting, match="CA bundle that cannot be read"):
            Wire(verify=verify)

    def test_http_where_https_was_expected(self, wire: Wire) -> None:
        with RawServer(ok(), first=response(b"", status="400 Bad Request")) as server:
            sent = wire.send(get(server.url.replace("http:", "https:")))
        assert sent.failure.kind == "tls"
        assert sent.failure.message.endswith("WRONG_VERSION_NUMBER")

    @pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\x00\x01\x02\x03\r\n\r\n", b"<html>\r\n\r\n"])
    def test_no_http_at_all(self, wire: Wire, raw: bytes) -> None:
        with RawServer(says(raw, then_close=True)) as server:
            sent = wire.send(get(server.url))
        assert (sent.response, sent.failure.kind) == (None, "protocol")
        assert sent.failure.message == f"no valid HTTP answer from {server.url}"

    def test_a_connection_closed_without_an_answer(self, wire: Wire) -> None:
        with RawServer(says(b"", then_close=True)) as server:
            sent = wire.send(get(server.url))
        assert sent.failure.kind == "protocol"
        assert sent.failure.message == f"{server.url} closed the connection without an answer"

    def test_a_connection_reset(self, wire: Wire) -> None:
        def answer(connection: socket.socket, _: bytes) -> None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            connection.close()

        with RawServer(answer) as server:
            sent = wire.send(get(server.url))
        assert sent.failure.kind == "protocol"

    def test_a_switch_of_protocols(self, hasty: Wire) -> None:
        with RawServer(says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")) as server:
            sent = timed(hasty, get(server.url))
        assert sent.response is None or sent.response.status == 101
        assert sent.failure is None or sent.failure.kind in ("protocol", "timeout")

    @pytest.mark.parametrize(
        "url",
        [
            "http://[::1/",
            "http://[v1.x]/",
            "http://a\ud800b/",
            "http://127.0.0.1:99999/",
            "http://127.0.0.1:x/",
            "http://127.0.0.1:-1/",
            "http://127.0.0.1 /",
            "http://a..b/",
            "http://" + "a" * 300 + "/",
            "http://\u0130stanbul\u2028/",
            "http://\r\nx/",
            "http:///path",
            "http://",
            "",
            "/relative",
            "file:///etc/passwd",
            "ftp://127.0.0.1/",
            "ws://127.0.0.1/",
            "javascript:alert(1)",
            "data:text/html,x",
            "http:/one-slash",
        ],
    )
    def test_a_url_that_cannot_be_asked_for(self, wire: Wire, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def getaddrinfo(host: str, *_: object, **__: object) -> None:
            host.encode("idna")
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        sent = wire.send(get(url))
        assert sent.response is None
        assert sent.failure.kind in ("url", "dns")
        assert sent.request.url == url

    @pytest.mark.parametrize("path", ["/a b", "/\ud800", "/é", "/%zz", "/?q=\u2028", "/a#fragment", "/\x7f"])
    def test_a_path_that_is_odd(self, wire: Wire, path: str) -> None:
        with RawServer(ok()) as server:
            sent = wire.send(get(server.url + path))
            assert sent.response is not None or sent.failure.kind == "url"
            assert len(server.asked) == (sent.response is not None)
            assert b"fragment" not in b"".join(server.asked)

    @pytest.mark.parametrize(
        "header",
        [
            ("X-Evil", "one\r\nX-Injected: two"),
            ("X-Evil\r\nX-Injected", "two"),
            ("X-Evil", "one\nX-Injected: two"),
            ("X-Evil", "nul\0byte"),
            ("Authorization", "Bearer one\r\n\r\nGET /injected HTTP/1.1"),
            ("X Space", "x"),
            ("X-é", "x"),
            ("", "x"),
        ],
    )
    def test_a_header_that_would_be_two(self, wire: Wire, header: tuple[str, str]) -> None:
        with RawServer(ok()) as server:
            sent = wire.send(get(server.url, headers=(header,)))
            assert sent.failure.kind == "header"
            assert server.asked == []
        assert "njected" not in sent.failure.message

    def test_a_header_that_cannot_be_sent_is_named_and_not_quoted(self, wire: Wire) -> None:
        with RawServer(ok()) as server:
            sent = wire.send(get(server.url, headers=(("X-A", "a"), ("Authorization", "Bearer s3cret\nx"))))
            doubled = wire.send(get(server.url, headers=(("Content-Length", "5"), ("Content-Length", "6"))))
            assert server.asked == []
        assert "the header field Authorization holds what none can" in sent.failure.message
        assert "s3cret" not in sent.failure.message
        assert (doubled.failure.kind, "contradict" in doubled.failure.message) == ("header", True)

    @pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 1e9, "30", None, True, [1]])
    def test_a_time_that_is_none(self, timeout) -> None:
        with pytest.raises(BadSetting, match=r"step_timeout_s: got .*; expected a number of seconds"):
            Wire(timeout_s=timeout)


def _only(name: str, found: list, otherwise: Callable) -> Callable:
    return lambda host, *args, **rest: found if host == name else otherwise(host, *args, **rest)


class TestAsSent:
    def test_headers_in_order_and_case(self, wire: Wire) -> None:
        headers = (("aCCept", "x"), ("X-One", "1"), ("x-one", "2"), ("USER-AGENT", "mine"), ("X-Text", "café ☕"))
        request = Request("POST", "", headers, b'{"a": 1}')
        with RawServer(ok()) as server:
            sent = wire.send(Request("POST", f"{server.url}/p", headers, request.body))
            head, _, body = server.asked[0].decode().partition("\r\n\r\n")
        lines = head.split("\r\n")
        assert lines[0] == "POST /p HTTP/1.1"
        assert lines[1:] == [f"{name}: {value}" for name, value in sent.request.headers]
        assert [pair for pair in sent.request.headers if pair in headers] == list(headers)
        assert body == '{"a": 1}'
        assert ("Accept-Encoding", "gzip, deflate") in sent.request.headers

    def test_a_host_of_the_users_own_goes_first_and_is_recorded_there(self, wire: Wire) -> None:
        with RawServer(ok()) as server:
            sent = wire.send(get(server.url, headers=(("X-A", "1"), ("Host", "other.example"))))
            lines = server.asked[0].decode().split("\r\n")[1:-2]
        assert lines == [f"{name}: {value}" for name, value in sent.request.headers]
        assert lines[0] == "Host: other.example"

    @pytest.mark.parametrize(
        ("typed", "target"),
        [
            ("", "/"),
            ("/", "/"),
            ("?x=1", "/?x=1"),
            ("/a/../b/./c", "/a/../b/./c"),
            ("//x", "//x"),
            ("/%7e%7E", "/%7e%7E"),
            ("/{a}|b^c'd\"<e>", "/{a}|b^c'd\"<e>"),
            ("/a?b?c&d=%2f", "/a?b?c&d=%2f"),
            ("/a#b", "/a"),
        ],
    )
    def test_a_path_byte_by_byte(self, wire: Wire, typed: str, target: str) -> None:
        with RawServer(ok()) as server:
            wire.send(get(server.url + typed))
            assert server.asked[0].decode().split("\r\n")[0] == f"GET {target} HTTP/1.1"

    def test_response_headers_in_order_and_case(self, wire: Wire) -> None:
        raw = b"HTTP/1.1 418 I'm \xe9 teapot\r\nB: 2\r\na: 1\r\nB: \xc3\xa9\r\nContent-Length: 0\r\n\r\n"
        with RawServer(says(raw)) as server:
            sent = wire.send(get(server.url)).response
        assert (sent.status, sent.reason) == (418, "I'm é teapot")
        assert sent.headers == (("B", "2"), ("a", "1"), ("B", "é"), ("Content-Length", "0"))
        assert sent.http_version == "HTTP/1.1"

    def test_no_redirect_is_followed_and_no_cookie_kept(self, wire: Wire) -> None:
        raw = response(b"", "Location: /elsewhere", "Set-Cookie: a=b", status="302 Found")
        with RawServer(says(raw)) as server:
            assert wire.send(get(server.url)).response.status == 302
            wire.send(get(server.url))
            assert all(b"ookie" not in asked and b"elsewhere" not in asked for asked in server.asked)


class TestLogs:
    def test_ours_are_silent_and_everybody_elses_are_not(self, wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        with RawServer(ok()) as server:
            wire.send(get(f"{server.url}/ours", headers=(("Authorization", "Bearer s3cret"),)))
            assert not [record for record in caplog.records if record.name.startswith(("httpx", "httpcore"))]
            with httpx.Client() as theirs:
                theirs.get(f"{server.url}/theirs")
        names = {record.name for record in caplog.records}
        assert {"httpx", "httpcore.connection", "httpcore.http11"} <= names
        assert "s3cret" not in caplog.text

    def test_a_client_in_another_thread_logs_meanwhile(self, wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        theirs_done = threading.Event()

        def answer(connection: socket.socket, request: bytes) -> None:
            if b"/ours" in request:
                theirs_done.wait(10)
            connection.sendall(response(b"x"))

        with RawServer(answer) as server, httpx.Client() as theirs:
            thread = threading.Thread(target=wire.send, args=(get(f"{server.url}/ours"),))
            thread.start()
            theirs.get(f"{server.url}/theirs")
            theirs_done.set()
            thread.join(10)
        assert "httpcore.http11" in {record.name for record in caplog.records}


class Proxy:
    """A forward proxy for plain http that answers by itself."""

    def __init__(self) -> None:
        self.server = RawServer(self.answer)

    def answer(self, connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"CONNECT"):
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        else:
            connection.sendall(response(b"from the proxy"))

    @property
    def asked(self) -> list[str]:
        return [request.decode().split("\r\n")[0] for request in self.server.asked]


class TestProxies:
    @pytest.fixture
    def proxy(self):
        made = Proxy()
        with made.server:
            yield made

    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
    def test_the_environments_is_used(self, wire: Wire, proxy: Proxy, monkeypatch, variable: str) -> None:
        monkeypatch.setenv(variable, proxy.server.url)
        sent = wire.send(get("http://mcp.example/p?q=1"))
        assert sent.response.body == b"from the proxy"
        assert proxy.asked == ["GET http://mcp.example/p?q=1 HTTP/1.1"]

    def test_without_a_scheme_and_with_a_password(self, wire: Wire, proxy: Proxy, monkeypatch) -> None:
        monkeypatch.setenv("http_proxy", proxy.server.url.replace("http://", "user:pa55word@"))
        sent = wire.send(get("http://mcp.example/"))
        assert b"Proxy-Authorization: Basic dXNlcjpwYTU1d29yZA==" in proxy.server.asked[0]
        assert "dXNlcjpwYTU1d29yZA" not in str(sent.request.headers)

    def test_never_for_this_machine(self, wire: Wire, proxy: Proxy, monkeypatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", proxy.server.url)
        monkeypatch.setenv("ALL_PROXY", proxy.server.url)
        with RawServer(ok()) as server:
            for host in ("127.0.0.1", "localhost", "127.1.2.3"):
                wire.send(get(f"http://{host}:{server.port}/"))
        assert proxy.asked == []

    def test_not_for_what_no_proxy_names(self, wire: Wire, proxy: Proxy, monkeypatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", proxy.server.url)
        monkeypatch.setenv("NO_PROXY", "other.example,mcp.example")
        monkeypatch.setattr(socket, "getaddrinfo", _nowhere)
        assert wire.send(get("http://mcp.example/")).failure.kind == "dns"
        assert wire.send(get("http://sub.mcp.example:8000/")).failure.kind == "dns"
        assert proxy.asked == []

    def test_one_that_gives_no_connection(self, wire: Wire, proxy: Proxy, monkeypatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", proxy.server.url.replace("//", "//user:pa55word@"))
        sent = wire.send(get("https://mcp.example/x?code=1"))
        assert proxy.asked == ["CONNECT mcp.example:443 HTTP/1.1"]
        assert sent.failure.kind == "connect"
        through = f"https://mcp.example (through the proxy {proxy.server.url})"
        assert sent.failure.message == f"the proxy gave no connection to {through}"

    @pytest.mark.parametrize("named", ["socks5://127.0.0.1:1", "http://[", "://", "http://127.0.0.1:1"])
    def test_one_that_is_none(self, wire: Wire, monkeypatch, named: str) -> None:
        monkeypatch.setenv("HTTP_PROXY", named)
        monkeypatch.setattr(socket, "getaddrinfo", _nowhere)
        sent = wire.send(get("http://mcp.example/"))
        assert sent.failure.kind in ("connect", "dns", "url")
        assert "proxy" in sent.failure.message


def _nowhere(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class TestConnections:
    def test_are_kept(self, wire: Wire) -> None:
        with RawServer(ok()) as server:
            for _ in range(3):
                wire.send(get(server.url))
            assert server.connections == 1

    def test_one_that_was_closed_meanwhile_is_replaced(self, wire: Wire) -> None:
        closed = threading.Semaphore(0)

        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(response(b"x"))
            connection.shutdown(socket.SHUT_RDWR)
            closed.release()

        with RawServer(answer) as server:
            for _ in range(3):
                assert wire.send(get(server.url)).failure is None
                assert closed.acquire(timeout=10)
            assert server.connections == 3

    def test_each_thread_has_its_own(self, wire: Wire) -> None:
        both = threading.Barrier(2)

        def answer(connection: socket.socket, _: bytes) -> None:
            both.wait(10)
            connection.sendall(response(b"x"))

        results: list[Sent] = []
        with RawServer(answer) as server:
            threads = [threading.Thread(target=lambda: results.append(wire.send(get(server.url)))) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
            assert [sent.failure for sent in results] == [None, None]
            assert server.connections == 2

    def test_dropping_the_wire_closes_them(self) -> None:
        """An unclosed socket is a ResourceWarning when it is collected, and warnings are errors here."""
        wire = Wire(timeout_s=20)
        closed = threading.Event()

        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(response(b"x"))
            if not connection.recv(1):
                closed.set()

        with RawServer(answer) as server:
            wire.send(get(server.url))
            del wire
            gc.collect()
            assert closed.wait(10)

    def test_an_interrupt_passes_and_leaves_nothing_behind(self, wire: Wire, monkeypatch) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        with RawServer(ok()) as server, monkeypatch.context() as patched:
            patched.setattr("mcp_oauth_nb.wire.incoming.Incoming.read", interrupted)
            with pytest.raises(KeyboardInterrupt):
                wire.send(get(server.url))
            patched.undo()
            assert wire.send(get(server.url)).response.body == b"hello"

    def test_an_old_server(self, wire: Wire) -> None:
        class Old(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"old")

            def log_message(self, *_: object) -> None: ...

        with http.server.HTTPServer(("127.0.0.1", 0), Old) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            sent = wire.send(get(f"http://127.0.0.1:{server.server_port}/"))
            thread.join(10)
        assert (sent.response.body, sent.response.http_version) == (b"old", "HTTP/1.0")
