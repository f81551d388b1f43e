"""Which URLs of servers are not fetched: by scheme, and by the address that would be connected to."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import replace

import pytest

from mcp_oauth_nb import BadSetting, Debugger, DemoServer
from mcp_oauth_nb.records import Request
from mcp_oauth_nb.steps import ROUTE
from mcp_oauth_nb.wire.addresses import Guard, Refused, host_of, kind_of
from mcp_oauth_nb.wire.http import Sent, Wire
from tests.wire.raw import RawServer, ok, response

TYPED = "https://mcp.example/mcp"
KINDS = [
    ("8.8.8.8", "public"),
    ("2606:4700::1111", "public"),
    ("127.0.0.1", "loopback"),
    ("127.8.9.1", "loopback"),
    ("::1", "loopback"),
    ("10.0.0.5", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("172.32.0.1", "public"),
    ("192.168.1.1", "private"),
    ("fd12:3456::1", "private"),
    ("169.254.1.1", "link-local"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("0.0.0.0", "unspecified"),
    ("::", "unspecified"),
    ("224.0.0.1", "multicast"),
    ("ff02::1", "multicast"),
    ("169.254.169.254", "cloud metadata"),
    ("100.100.100.200", "cloud metadata"),
    ("fd00:ec2::254", "cloud metadata"),
    ("100.64.0.1", "reserved"),
    ("192.0.2.1", "reserved"),
    ("240.0.0.1", "reserved"),
    ("0.1.2.3", "reserved"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:10.0.0.5", "private"),
    ("::ffff:169.254.169.254", "cloud metadata"),
    ("::ffff:8.8.8.8", "public"),
    ("::127.0.0.1", "loopback"),
    ("2002:7f00:1::", "loopback"),
    ("64:ff9b::a00:5", "private"),
]


class Names:
    """A resolver that knows some names, one list of addresses per question, and no other name at all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **known: str) -> None:
        self.known = {name.replace("_", "."): addresses.split() for name, addresses in known.items()}
        self.asked: list[str] = []
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._answer)

    def _answer(self, host: str, port: int, *rest: object, **named: object) -> list[tuple]:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            self.asked.append(host)
            found = self.known.get(host, [])
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "no such name") from None
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]
        return self._real(host, port, *rest, **named)


def send(url: str, *, typed: str = TYPED, allow_hosts: tuple[str, ...] = ()) -> Sent:
    wire = Wire(timeout_s=20, guard=Guard(typed, allow_hosts))
    try:
        return wire.send(Request("GET", url))
    finally:
        wire.close()


@pytest.mark.parametrize(("address", "kind"), KINDS)
def test_kinds_of_addresses(address: str, kind: str) -> None:
    assert kind_of(ipaddress.ip_address(address)) == kind


@pytest.mark.parametrize("address", [address for address, kind in KINDS if kind != "public"])
def test_a_public_target_allows_public_addresses_only(address: str) -> None:
    guard = Guard(TYPED)
    assert guard.permitted("mcp.example", ["8.8.8.8"]) == ["8.8.8.8"]
    with pytest.raises(Refused) as refused:
        guard.permitted("idp.example", [address])
    said = str(refused.value)
    assert "idp.example resolves to the " in said
    assert kind_of(ipaddress.ip_address(address)) in said
    assert "allow_hosts=('idp.example',)" in said


def test_forbidden_addresses_of_a_name_are_left_out() -> None:
    assert Guard(TYPED).permitted("idp.example", ["10.0.0.5", "8.8.8.8", "::1"]) == ["8.8.8.8"]


def test_no_address_at_all_is_not_refused() -> None:
    assert Guard(TYPED).permitted("idp.example", []) == []


class TestTheTypedUrl:
    @pytest.mark.parametrize(
        "typed", ["http://127.0.0.1:80/", "http://localhost/mcp", "http://[::1]:9/", "http://127.1/"]
    )
    def test_on_this_machine_allows_loopback_and_nothing_else(self, typed: str) -> None:
        guard = Guard(typed)
        assert guard.permitted("idp.example", ["127.0.0.9", "::1"]) == ["127.0.0.9", "::1"]
        for other in ("10.0.0.5", "169.254.1.1", "169.254.169.254", "0.0.0.0"):
            with pytest.raises(Refused):
                guard.permitted("idp.example", [other])

    def test_in_a_private_network_allows_private_networks_and_nothing_else(self) -> None:
        guard = Guard(TYPED)
        assert guard.permitted("mcp.example", ["10.0.0.5"]) == ["10.0.0.5"]
        assert guard.permitted("idp.example", ["192.168.3.4", "127.0.0.1"]) == ["192.168.3.4"]
        with pytest.raises(Refused, match="loopback"):
            guard.permitted("idp.example", ["127.0.0.1"])

    def test_at_a_metadata_service_allows_itself_only(self) -> None:
        guard = Guard("http://169.254.169.254/mcp")
        assert guard.permitted("169.254.169.254", ["169.254.169.254"])
        with pytest.raises(Refused, match="cloud metadata"):
            guard.permitted("idp.example", ["169.254.169.254"])

    def test_its_first_look_up_settles_what_kind_it_is(self) -> None:
        guard = Guard(TYPED)
        guard.permitted("mcp.example", ["8.8.8.8"])
        with pytest.raises(Refused, match=r"mcp\.example resolves to the private address 10\.0\.0\.5"):
            guard.permitted("mcp.example", ["10.0.0.5"])

    def test_another_host_does_not_settle_it(self) -> None:
        guard = Guard(TYPED)
        with pytest.raises(Refused):
            guard.permitted("idp.example", ["10.0.0.5"])
        assert guard.permitted("MCP.example.", ["10.0.0.6"]) == ["10.0.0.6"]


class TestAllowedByName:
    @pytest.mark.parametrize("entry", ["idp.internal", "IDP.internal.", "10.0.0.5"])
    def test_a_name_or_its_address(self, entry: str) -> None:
        assert Guard(TYPED, (entry,)).permitted("idp.internal", ["10.0.0.5"]) == ["10.0.0.5"]

    @pytest.mark.parametrize("entry", ["fd00::5", "[fd00::5]", "FD00:0::5"])
    def test_an_address_of_version_6(self, entry: str) -> None:
        assert Guard(TYPED, [entry]).permitted("fd00::5", ["fd00::5"]) == ["fd00::5"]

    def test_also_over_plain_http(self) -> None:
        Guard(TYPED, ("idp.internal",)).check_url("http://idp.internal/x")

    def test_also_a_metadata_service(self) -> None:
        assert Guard(TYPED, ("169.254.169.254",)).permitted("169.254.169.254", ["169.254.169.254"])

    def test_the_authorization_server_of_the_settings(self) -> None:
        assert Guard(TYPED, also=["https://idp.internal/t", None]).permitted("idp.internal", ["10.0.0.5"]) == [
            "10.0.0.5"
        ]

    @pytest.mark.parametrize(
        "given",
        ["idp.internal", 5, None, ("http://idp",), ("idp:80",), ("",), (5,), ("a/b",), ("*.example",), ("a b",)],
    )
    def test_what_is_no_host(self, given: object) -> None:
        with pytest.raises(BadSetting, match="allow_hosts"):
            Debugger(TYPED, allow_hosts=given)


class TestScheme:
    @pytest.mark.parametrize(
        "url", ["ftp://idp.example/", "file:///etc/passwd", "javascript:alert(1)", "gopher://x/", ""]
    )
    def test_only_http_and_https(self, url: str) -> None:
        assert send(url).failure.kind == "url"

    def test_no_plain_http_where_the_typed_url_is_https(self, monkeypatch) -> None:
        names = Names(monkeypatch, idp_example="8.8.8.8")
        failure = send("http://idp.example/token").failure
        assert failure.kind == "address"
        assert "plain http" in failure.message
        assert names.asked == []

    @pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://localhost:1/", "http://mcp.example/x"])
    def test_but_on_this_machine_and_for_the_typed_host_it_is_a_question_of_the_address(self, url: str) -> None:
        Guard(TYPED).check_url(url)

    def test_plain_http_where_the_typed_url_is_too(self) -> None:
        Guard("http://127.0.0.1:8000/mcp").check_url("http://idp.example/")


class TestOnTheWire:
    """The address that was checked is the one that is connected to."""

    def test_a_typed_name_that_leads_to_this_machine(self, monkeypatch) -> None:
        names = Names(monkeypatch, mcp_example="127.0.0.1")
        with RawServer(ok()) as server:
            sent = send(f"http://mcp.example:{server.port}/", typed=f"http://mcp.example:{server.port}/mcp")
        assert (sent.failure, sent.response.status) == (None, 200)
        assert names.asked == ["mcp.example"]

    def test_a_name_of_a_server_that_leads_to_this_machine(self, monkeypatch) -> None:
        names = Names(monkeypatch, idp_example="127.0.0.1")
        with RawServer(ok()) as server:
            failure = send(f"http://idp.example:{server.port}/", typed="http://mcp.example/mcp").failure
            assert server.connections == 0
        assert failure.kind == "address"
        assert "loopback address 127.0.0.1" in failure.message
        assert names.asked == ["idp.example"]

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "[::1]"])
    def test_an_address_in_any_way_of_writing(self, host: str) -> None:
        with RawServer(ok()) as server:
            failure = send(f"http://{host}:{server.port}/", typed="http://mcp.example/mcp").failure
            assert server.connections == 0
        assert (failure.kind, "loopback" in failure.message) == ("address", True)

    def test_only_the_permitted_address_is_connected_to(self, monkeypatch) -> None:
        Names(monkeypatch, idp_example="10.255.255.1 127.0.0.1")
        with RawServer(ok()) as server:
            sent = send(f"http://idp.example:{server.port}/", typed="http://localhost/mcp")
            assert server.connections == 1
        assert sent.response.status == 200

    @pytest.mark.parametrize("host", ["metadata.google.internal", "metadata.goog", "169.254.169.254"])
    def test_metadata_services(self, host: str, monkeypatch) -> None:
        names = Names(monkeypatch)
        assert send(f"http://{host}/latest", typed="http://127.0.0.1/mcp").failure.kind == "address"
        assert names.asked == []

    def test_a_name_that_does_not_resolve_is_told_as_such(self, monkeypatch) -> None:
        Names(monkeypatch)
        assert send("https://idp.example/").failure.kind == "dns"

    def test_without_a_guard_everything_is_asked(self) -> None:
        with RawServer(ok()) as server:
            assert Wire(timeout_s=20).send(Request("GET", server.url)).response.status == 200


class TestThroughAProxy:
    def test_a_literal_address_is_checked_and_a_name_is_not(self, monkeypatch) -> None:
        names = Names(monkeypatch)
        with RawServer(ok()) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url)
            assert send("http://10.0.0.5/", typed="http://mcp.example/").failure.kind == "address"
            assert send("http://0x7f.1/", typed="http://mcp.example/").failure.kind == "address"
            assert proxy.connections == 0
            assert send("http://idp.example/", typed="http://mcp.example/").response.status == 200
        assert names.asked == []


class TestInAFlow:
    """The whole way: a server names a URL, the debugger does not fetch it and says what to do."""

    def test_metadata_url_of_the_challenge(self, monkeypatch) -> None:
        Names(monkeypatch, internal_example="10.0.0.5")
        challenge = 'WWW-Authenticate: Bearer resource_metadata="http://internal.example/admin"'
        with RawServer(lambda c, _: c.sendall(response(b"", challenge, status="401 Unauthorized"))) as server:
            dbg = Debugger(f"{server.url}/mcp", browser="follow")
            dbg.run()
        refused = dbg.exchanges[-1]
        assert (refused.step, refused.failure.kind) == ("resource_metadata", "address")
        cause, silence = dbg.diagnose().findings[:2]
        assert (cause.rule, cause.who) == ("challenge-metadata-url", "MCP server")
        assert (silence.rule, silence.who) == ("unreachable", "MCP server")
        assert "allow_hosts" in silence.fix
        assert "internal.example" in silence.observed

    def test_redirect_hops(self, monkeypatch) -> None:
        Names(monkeypatch, internal_example="10.0.0.5")
        moved = response(b"", "Location: http://internal.example/", status="302 Found")
        with DemoServer() as demo, RawServer(lambda c, _: c.sendall(moved)) as server:
            dbg = Debugger(demo.url, browser="follow")
            for name in ROUTE[: ROUTE.index("callback")]:
                getattr(dbg, name)()
            dbg._flow = dbg._flow.learn(authorization=replace(dbg._flow.authorization, url=server.url))
            dbg.callback()
        first, hop = dbg.exchanges[-2:]
        assert (first.status, hop.hop, hop.failure.kind) == (302, 1, "address")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://User@MCP.Example:8443/x", "mcp.example"),
        ("http://[FD00::5]:80/", "fd00::5"),
        ("https://b\u00fccher.example/", "xn--bcher-kva.example"),
        ("http://127.0.0.1:99999999/", "127.0.0.1"),
        ("http://[::1/", ""),
        ("mailto:x@y", ""),
    ],
)
def test_the_host_as_it_is_connected_to(url: str, host: str) -> None:
    assert host_of(url) == host
