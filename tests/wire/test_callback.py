"""The loopback listener and what may be pasted in its place."""

from __future__ import annotations

import gc
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from urllib.parse import parse_qsl

import httpx
import pytest

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.step import BARE_CODE
from mcp_oauth_nb.wire.callback import KEPT, Listener, read_pasted

URI = "http://127.0.0.1:8765/callback"
PROMPT_S = 5.0


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    made.start()
    yield made
    made.close()


def get(url: str, **rest) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=10) as client:
        return client.get(url, **rest)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def arrived(listener: Listener) -> dict[str, str]:
    found = listener.wait(PROMPT_S)
    assert found is not None
    return dict(parse_qsl(found.request.url.partition("?")[2]))


class TestListener:
    def test_takes_the_redirect(self, listener: Listener) -> None:
        assert listener.reachable
        assert listener.problem == ""
        assert get(f"{listener.redirect_uri}?code=c%2F1&state=s&iss=http%3A%2F%2Fa").status_code == 200
        found = listener.wait(PROMPT_S)
        assert found.request.method == "GET"
        assert found.request.url == f"{listener.redirect_uri}?code=c%2F1&state=s&iss=http%3A%2F%2Fa"
        assert found.note == ()

    def test_the_page_is_always_the_same_and_strict(self, listener: Listener) -> None:
        first = get(f"{listener.redirect_uri}?code=aaaa&state=%3Cscript%3E")
        second = get(f"{listener.redirect_uri}?error=access_denied&error_description=no")
        assert first.content == second.content
        assert b"aaaa" not in first.content
        assert b"script" not in first.content
        assert first.headers["content-security-policy"].startswith("default-src 'none'")
        assert first.headers["cache-control"] == "no-store"
        assert first.headers["referrer-policy"] == "no-referrer"
        assert first.headers["x-content-type-options"] == "nosniff"
        assert "Python" not in first.headers["server"]

    def test_only_the_response_is_kept_and_no_header(self, listener: Listener) -> None:
        others = "&utm=x&token=t&Code=C&id_token=i"
        get(f"{listener.redirect_uri}?code=c&state=s{others}", headers={"Cookie": "jupyter=s3cret"})
        found = listener.wait(PROMPT_S)
        assert set(dict(parse_qsl(found.request.url.partition("?")[2]))) <= set(KEPT)
        assert found.request.headers == ()
        assert "s3cret" not in str(found.request)

    def test_blank_parameters_are_evidence_too(self, listener: Listener) -> None:
        get(f"{listener.redirect_uri}?code=&state=")
        assert listener.wait(PROMPT_S).request.url.endswith("?code=&state=")

    @pytest.mark.parametrize(
        ("path", "headers"),
        [
            ("/", {}),
            ("/callback/", {}),
            ("/callbackx", {}),
            ("/Callback", {}),
            ("/favicon.ico", {}),
            ("/callback/../callback", {}),
            ("/callback", {"Host": "evil.example"}),
            ("/callback", {"Host": "127.0.0.1:1"}),
            ("/callback", {"Host": ""}),
        ],
    )
    def test_anything_else_is_not_found(self, listener: Listener, path: str, headers) -> None:
        base = listener.redirect_uri.removesuffix("/callback")
        with socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2])), timeout=10) as raw:
            host = headers.get("Host", base.removeprefix("http://"))
            raw.sendall(f"GET {path}?code=abcdef HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            answer = _all(raw)
        assert answer.startswith(b"HTTP/1.0 404 ")
        assert b"abcdef" not in answer
        assert listener.arrived.empty()

    def test_a_redirect_without_any_parameter_is_not_found(self, listener: Listener) -> None:
        assert get(listener.redirect_uri).status_code == 404
        assert get(f"{listener.redirect_uri}?utm=1").status_code == 404
        assert listener.arrived.empty()

    @pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE", "OPTIONS", "<SCRIPT>"])
    def test_no_other_method(self, listener: Listener, method: str) -> None:
        answer = self.raw(listener, f"{method} /callback?code=abcdef HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.0 404 ")
        assert answer.endswith(b"\r\n\r\n")
        assert b"SCRIPT" not in answer

    @pytest.mark.parametrize(
        "sent",
        [
            b"nonsense <b>x</b>\r\n\r\n",
            b"GET /callback?code=abcdef HTTP/9.9\r\n\r\n",
            b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
            b"GET /callback?code=abcdef HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        ],
    )
    def test_no_garbage_is_repeated(self, listener: Listener, sent: bytes) -> None:
        answer = self.raw(listener, sent)
        assert b"abcdef" not in answer
        assert b"<b>" not in answer
        assert listener.arrived.empty()

    def raw(self, listener: Listener, sent: bytes) -> bytes:
        port = int(listener.redirect_uri.rpartition(":")[2].partition("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(sent)
            return _all(connection)

    def test_the_browser_behind_a_proxy_of_jupyter(self, listener: Listener) -> None:
        headers = {"Host": "hub.example", "X-Forwarded-For": "10.0.0.1"}
        assert get(f"{listener.redirect_uri}?code=c", headers=headers).status_code == 200

    def test_nothing_is_printed_or_logged(self, listener: Listener, capfd, caplog) -> None:
        caplog.set_level("DEBUG")
        port = int(listener.redirect_uri.rpartition(":")[2].partition("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as hanging_up:
            hanging_up.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            hanging_up.sendall(b"GET /callback?code=abcdef")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            raw.sendall(b"GET /callback?code=abcdef HTTP/1.1\r\nHost: x\r\n\r\n")
            _all(raw)
        assert capfd.readouterr() == ("", "")
        assert "abcdef" not in caplog.text

    def test_a_slow_client_does_not_keep_the_redirect_waiting(self, listener: Listener) -> None:
        port = int(listener.redirect_uri.rpartition(":")[2].partition("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            assert get(f"{listener.redirect_uri}?code=c").status_code == 200
        assert arrived(listener) == {"code": "c"}


class TestAddresses:
    def test_a_later_listener_takes_the_port_over(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            uri = f"http://127.0.0.1:{free.getsockname()[1]}/callback"
        earlier = Listener(uri)
        earlier.start()
        later = Listener(uri)
        try:
            later.start()
            assert later.reachable
            assert not earlier.reachable
            assert "taken over" in earlier.problem
            assert httpx.get(f"{uri}?code=c&state=s").status_code == 200
            assert earlier.wait(0) is None
            assert later.wait(5) is not None
        finally:
            later.close()

    def test_a_port_that_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]
            listener = Listener(f"http://127.0.0.1:{port}/callback")
        assert not listener.reachable
        assert listener.problem == f"port {port} cannot be listened on (Address already in use)"
        listener.start()
        listener.offer("some-code")
        assert arrived(listener) == {"code": "some-code"}
        listener.close()

    @pytest.mark.parametrize(
        ("uri", "problem"),
        [
            ("https://app.example/callback", "not on this machine"),
            ("myapp://callback", "not on this machine"),
            ("http://127.0.0.1.evil.example/", "not on this machine"),
            ("urn:ietf:wg:oauth:2.0:oob", "not on this machine"),
            ("https://localhost:1/callback", "is https"),
            ("http://127.0.0.1:0/callback", "port -1 cannot"),
            ("http://127.0.0.1:99999/callback", "port 99999 cannot"),
            ("http://127.0.0.1:²/callback", "cannot be listened on"),
            ("http://127.0.0.1:x/callback", "cannot be listened on"),
        ],
    )
    def test_one_that_nothing_can_listen_on(self, uri: str, problem: str) -> None:
        listener = Listener(uri)
        assert not listener.reachable
        assert problem in listener.problem
        assert listener.redirect_uri == uri
        listener.close()

    def test_localhost_is_both_families(self) -> None:
        listener = Listener(f"http://localhost:{free_port()}/callback")
        listener.start()
        port = listener.redirect_uri.rpartition(":")[2].partition("/")[0]
        hosts = ["127.0.0.1", "localhost", *(["[::1]"] if _has_ipv6() else [])]
        for host in hosts:
            assert get(f"http://{host}:{port}/callback?code=c").status_code == 200
            assert arrived(listener) == {"code": "c"}
        listener.close()

    def test_localhost_where_only_one_family_is_free(self) -> None:
        if not _has_ipv6():
            pytest.skip("no IPv6 here")
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as held:
            listener = Listener(f"http://localhost:{held.getsockname()[1]}/callback")
            assert listener.reachable
            assert listener.problem == ""
            listener.close()

    @pytest.mark.parametrize("host", ["127.0.0.5", "[::1]"])
    def test_another_name_of_this_machine(self, host: str) -> None:
        if host == "[::1]" and not _has_ipv6():
            pytest.skip("no IPv6 here")
        listener = Listener(f"http://{host}:{free_port()}/a/b?x=1")
        listener.start()
        assert get(f"{listener.redirect_uri}&code=c").status_code == 200
        assert listener.wait(PROMPT_S).request.url == f"{listener.redirect_uri}&code=c"
        listener.close()

    def test_closing_gives_the_port_back_and_may_be_done_twice(self, listener: Listener) -> None:
        again = listener.redirect_uri
        listener.close()
        listener.close()
        assert not listener.reachable
        other = Listener(again)
        assert other.reachable
        other.close()

    @pytest.mark.parametrize("started", [False, True])
    def test_dropping_it_closes_it(self, started: bool) -> None:
        """An unclosed socket is a ResourceWarning when it is collected, and warnings are errors here."""
        listener = Listener()
        uri = listener.redirect_uri
        if started:
            listener.start()
        del listener
        gc.collect()
        other = Listener(uri)
        assert other.reachable
        other.close()

    def test_one_that_is_collected_in_its_own_thread_does_not_hang(self) -> None:
        """The garbage collector may run anywhere, also in the thread that serves."""
        listener = Listener()
        listener.start()
        server, close = listener._servers[0], listener._closing
        done = threading.Event()

        def in_the_server(connection: socket.socket, _: object) -> None:
            connection.close()
            close()
            done.set()

        server.process_request = in_the_server
        with socket.create_connection(server.server_address, timeout=10):
            assert done.wait(10)


class TestWaiting:
    def test_ends_after_its_time(self, listener: Listener) -> None:
        begun = time.monotonic()
        assert listener.wait(0.25) is None
        assert 0.2 < time.monotonic() - begun < PROMPT_S

    def test_takes_what_is_there_even_without_time(self, listener: Listener) -> None:
        listener.offer("some-code")
        assert listener.wait(0) is not None

    def test_ends_when_it_is_stopped(self, listener: Listener) -> None:
        stop = threading.Event()
        threading.Timer(0.05, stop.set).start()
        begun = time.monotonic()
        assert listener.wait(60, stop) is None
        assert time.monotonic() - begun < PROMPT_S

    def test_what_is_pasted_goes_before_what_came_earlier(self, listener: Listener) -> None:
        get(f"{listener.redirect_uri}?code=stale")
        listener.offer("fresh")
        assert arrived(listener) == {"code": "fresh"}
        assert listener.arrived.empty()

    def test_garbage_is_refused_and_forgets_nothing(self, listener: Listener) -> None:
        get(f"{listener.redirect_uri}?code=c")
        with pytest.raises(BadSetting):
            listener.offer("")
        assert arrived(listener) == {"code": "c"}

    def test_an_attempt_that_was_given_up_is_forgotten(self, listener: Listener) -> None:
        get(f"{listener.redirect_uri}?code=stale")
        listener.forget()
        assert listener.wait(0) is None


class TestPasted:
    @pytest.mark.parametrize(
        "pasted",
        [
            f"{URI}?code=c%2F1&state=s",
            f"  {URI}?code=c%2F1&state=s \n",
            f'"{URI}?code=c%2F1&state=s"',
            f"'{URI}?code=c%2F1&state=s'",
            f"<{URI}?code=c%2F1&state=s>",
            f"{URI}?code=c%2F1&state=s#_=_",
            f"{URI}?utm=1&code=c%2F1&state=s&session_state=x",
            "?code=c%2F1&state=s",
            "code=c%2F1&state=s",
            "state=s&code=c%2F1",
        ],
    )
    def test_address_or_query(self, pasted: str) -> None:
        found = read_pasted(pasted, URI)
        assert found.note == ()
        assert found.request.url.startswith(f"{URI}?")
        assert dict(parse_qsl(found.request.url.partition("?")[2])) == {"code": "c/1", "state": "s"}

    def test_the_address_is_kept_where_it_is_another(self) -> None:
        assert read_pasted("https://hub.example/cb?code=c", URI).request.url == "https://hub.example/cb?code=c"

    def test_an_error(self) -> None:
        found = read_pasted("error=access_denied&error_description=a+b&state=s", URI)
        assert found.request.url == f"{URI}?error=access_denied&error_description=a+b&state=s"

    @pytest.mark.parametrize("code", ["abc", "4/0AX4-_~.", "a+b/c==", "eyJ.eyJ.x", "code", "x" * 5000, "a%2Fb"])
    def test_a_bare_code(self, code: str) -> None:
        found = read_pasted(f" '{code}' ", URI)
        assert dict(parse_qsl(found.request.url.partition("?")[2])) == {"code": code}
        assert found.note == (BARE_CODE,)

    @pytest.mark.parametrize(
        "pasted",
        [
            "",
            "  ",
            "''",
            URI,
            f"{URI}?state=s3cret",
            f"{URI}?",
            f"{URI}#code=s3cret",
            "state=s3cret",
            "https://user:s3cret@host/",
            "a s3cret sentence",
            "s3cret\x1b[31m",
            "?s3cret",
            "access_token=s3cret",
            "ünïs3cret",
            "\ud800",
        ],
    )
    def test_garbage_is_refused_without_repeating_it(self, pasted: str) -> None:
        with pytest.raises(BadSetting) as caught:
            read_pasted(pasted, URI)
        said = "".join(traceback.format_exception_only(caught.value))
        assert "s3cret" not in said
        assert "the bare code" in said

    @pytest.mark.parametrize("pasted", [None, 5, b"code=c", ["code"], object()])
    def test_what_is_no_text_is_refused(self, pasted) -> None:
        with pytest.raises(BadSetting, match=f"the redirect: got a {type(pasted).__name__}"):
            read_pasted(pasted, URI)


def _all(connection: socket.socket) -> bytes:
    received = b""
    try:
        while more := connection.recv(65536):
            received += more
    except ConnectionResetError:
        pass
    return received


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
