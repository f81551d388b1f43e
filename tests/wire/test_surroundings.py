"""What this process brings along, in words; no credential among them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.steps import ROUTE
from mcp_oauth_nb.wire import surroundings as told
from mcp_oauth_nb.wire.callback import Listener
from mcp_oauth_nb.wire.surroundings import surroundings
from tests.leaks import assert_no_leak, shown
from tests.wire.raw import RawServer, response

SECRET = "proxy-pa55word-0123"


@pytest.fixture
def listener() -> Iterator[Listener]:
    held = Listener()
    yield held
    held.close()


def test_what_is_usual(listener: Listener) -> None:
    found = surroundings(listener, True)
    port = listener.redirect_uri.split(":")[2].split("/")[0]
    assert found["listener"] == f"127.0.0.1:{port} (IPv4)"
    assert found["redirect host"] == "127.0.0.1, IPv4"
    assert found["certificates"] == "the usual roots (certifi), not those of this system"
    assert found["package"].startswith("mcp-oauth-nb 0.")
    assert "httpx 0." in found["package"]
    assert {"proxy", "no proxy for"}.isdisjoint(found)


def test_the_proxy_without_its_credentials(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{SECRET}@proxy.example:3128/{SECRET}")
    monkeypatch.setenv("ALL_PROXY", f"user:{SECRET}@other.example:80")
    monkeypatch.setenv("NO_PROXY", "inner.example")
    found = surroundings(listener, True)
    assert "https_proxy to http://proxy.example:3128" in found["proxy"]
    assert "all_proxy to http://other.example:80" in found["proxy"]
    assert found["no proxy for"] == "set"
    dbg = Debugger("https://mcp.example/mcp")
    assert_no_leak([*shown(dbg), str(found), *render(dbg.table("environment")).values()], [SECRET])


@pytest.mark.parametrize(
    ("verify", "variable", "said"),
    [
        (False, "", "off: no certificate is checked"),
        ("/ca.pem", "SSL_CERT_FILE", "your own bundle, and nothing else"),
        (True, "SSL_CERT_FILE", "those of SSL_CERT_FILE"),
        (True, "SSL_CERT_DIR", "those of SSL_CERT_DIR"),
    ],
)
def test_certificates(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, verify: bool | str, variable: str, said: str
) -> None:
    if variable:
        monkeypatch.setenv(variable, "/somewhere")
    assert surroundings(listener, verify)["certificates"] == said


def test_a_listener_that_is_none_says_why() -> None:
    elsewhere = Listener("https://app.example/callback")
    found = surroundings(elsewhere, True)
    assert found["listener"] == "none (the redirect URI is not on this machine)"
    assert found["redirect host"] == "app.example, not looked up"
    closed = Listener()
    closed.close()
    assert surroundings(closed, True)["listener"] == "none (closed)"


def test_a_name_of_this_machine_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(name: str, *_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        asked.append(name)
        found = ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"))
        return [(family, socket.SOCK_STREAM, 6, "", (address, 0)) for family, address in found]

    monkeypatch.setattr(told.socket, "getaddrinfo", answer)
    told._addresses.cache_clear()
    held = Listener("http://localhost:0/callback")
    try:
        for _ in range(3):
            said = surroundings(held, True)["redirect host"]
        assert said == "localhost, resolves to ::1 (IPv6), 127.0.0.1 (IPv4)"
        assert asked == ["localhost"]
    finally:
        told._addresses.cache_clear()
        held.close()


def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no such name")

    monkeypatch.setattr(told.socket, "getaddrinfo", fail)
    told._addresses.cache_clear()
    assert told._addresses("localhost") == ()
    told._addresses.cache_clear()


@pytest.mark.parametrize("target", ["/round-and-round", "javascript:alert(1)"])
def test_every_hop_says_who_sent_us_there(target: str) -> None:
    moved = response(b"", f"Location: {target}", status="302 Found")
    with DemoServer() as demo, RawServer(lambda c, _: c.sendall(moved)) as server:
        dbg = Debugger(demo.url, browser="follow")
        for name in ROUTE[: ROUTE.index("callback")]:
            getattr(dbg, name)()
        assert dbg._flow.authorization
        dbg._flow = dbg._flow.learn(authorization=replace(dbg._flow.authorization, url=server.url))
        dbg.callback()
    last = dbg.exchanges[-1]
    assert last.failure
    assert last.why == "Location of the hop before"
