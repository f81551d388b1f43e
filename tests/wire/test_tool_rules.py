"""What a debugger must never fetch, judged by a canary: a request that must not be made does not arrive anywhere.

TOOL-01 to TOOL-06 are, in order: schemes, inner addresses, redirects, limits, the environment, and strings as written.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from leaks import assert_no_leak, shown
from recorder import Asked

from mcp_oauth_nb import BadSetting, Debugger
from mcp_oauth_nb.steps import AFTERWARDS, ROUTE
from tests.wire.conftest import Certificate
from tests.wire.internet import Internet
from tests.wire.raw import RawServer, ok, response

NAMED = {
    "resource_metadata": "resource_metadata",
    "authorization_servers": "server_metadata",
    "registration_endpoint": "register",
    "authorization_endpoint": "callback",
    "/authorization": "callback",
    "token_endpoint": "token",
    "revocation_endpoint": "revoke",
}
"""Where a server names a URL that is fetched, and the step that would fetch it. A path stands for a redirect there."""
NEVER_FETCHED = (
    "jwks_uri",
    "resource_documentation",
    "op_policy_uri",
    "service_documentation",
    "introspection_endpoint",
    "registration_client_uri",
    "logo_uri",
    "icon",
)
INNER = (
    "http://169.254.169.254/latest/meta-data/iam",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://127.0.0.1/admin",
    "http://2130706433/admin",
    "http://[::1]/admin",
    "http://[::ffff:10.0.0.5]/admin",
    "http://[fe80::1]/admin",
    "http://192.168.1.1/admin",
    "http://0.0.0.0/admin",
    "http://inner.example/admin",
)
SECRET_STEPS = ("/registration", "/token", "/mcp", "/revocation")


def debugger(internet: Internet, **settings: object) -> Debugger:
    return Debugger(internet.url, protocol="2025-11-25", browser="follow", step_timeout_s=10, **settings)


def refused(dbg: Debugger, step: str) -> None:
    last = dbg.exchanges[-1]
    assert (last.step, last.failure and last.failure.kind) == (step, "address")
    found = {finding.rule: finding for finding in dbg.diagnose().findings}
    assert "allow_hosts" in found["unreachable"].fix + last.failure.message


def test_the_pretended_internet_is_a_healthy_one(monkeypatch) -> None:
    """Without this the canary's silence would say nothing."""
    with Internet(monkeypatch) as internet:
        dbg = debugger(internet)
        dbg.run(afterwards=True)
        assert [run.step for run in dbg.trace.runs if run.achieved] == [*ROUTE, *AFTERWARDS]
        assert internet.untouched
        assert set(internet.connected) == {"8.8.8.8", "8.8.4.4"}


@pytest.mark.parametrize("name", [name for name in NAMED if name != "authorization_servers"])
def test_the_canary_is_reached_where_the_host_is_allowed(name: str, monkeypatch) -> None:
    with Internet(monkeypatch, **{name: "http://inner.example/admin"}) as internet:
        debugger(internet, allow_hosts=("inner.example",)).run(afterwards=True)
        assert internet.canary.asked[0].split(b" ")[1].startswith(b"/admin")


@pytest.mark.parametrize("name", NAMED)
def test_TOOL_01_no_plain_http_where_the_typed_url_is_https(name: str, monkeypatch, certificate: Certificate) -> None:
    bent = {name: "http://canary.example/x"}
    with Internet(monkeypatch, context=certificate.context, **bent) as internet:
        dbg = debugger(internet, verify=False)
        dbg.run(afterwards=True)
        assert internet.untouched
    refused(dbg, NAMED[name])
    assert "plain http" in dbg.exchanges[-1].failure.message


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://canary.example/x", "javascript:alert(1)", "data:,x"])
@pytest.mark.parametrize("name", NAMED)
def test_TOOL_01_only_http_and_https(name: str, url: str, monkeypatch) -> None:
    with Internet(monkeypatch, **{name: url}) as internet:
        dbg = debugger(internet)
        dbg.run(afterwards=True)
        assert internet.untouched
        assert not dbg.trace.runs[-1].achieved


@pytest.mark.parametrize("url", INNER)
@pytest.mark.parametrize("name", NAMED)
def test_TOOL_02_no_inner_address_that_a_server_names(name: str, url: str, monkeypatch) -> None:
    with Internet(monkeypatch, **{name: url}) as internet:
        dbg = debugger(internet)
        dbg.run(afterwards=True)
        assert internet.untouched
        assert set(internet.connected) <= {"8.8.8.8", "8.8.4.4"}
    refused(dbg, NAMED[name])


@pytest.mark.parametrize("name", NEVER_FETCHED)
def test_TOOL_02_what_nobody_asked_for_is_not_fetched(name: str, monkeypatch) -> None:
    with Internet(monkeypatch, **{name: "http://canary.example/x"}) as internet:
        debugger(internet).run(afterwards=True)
        assert internet.untouched
        assert "/revocation" in [one.path for one in internet.asked], "the run went to its end"


@pytest.mark.parametrize("then", ["10.0.0.5", "127.0.0.1", "169.254.169.254"])
@pytest.mark.parametrize("name", ["mcp.example", "as.example"])
def test_TOOL_02_a_name_that_turns_inward_later_is_not_followed(name: str, then: str, monkeypatch) -> None:
    """DNS rebinding: the first look-up is public, the next is not. Between two steps the connection is given up."""
    with Internet(monkeypatch) as internet:
        internet.answers[name] = [internet.answers[name][0], then]
        dbg = debugger(internet)
        for step in ("challenge", "resource_metadata", "server_metadata"):
            getattr(dbg, step)()
        assert dbg.trace.runs[-1].achieved
        dbg._driver.wire.close()
        step = "challenge" if name == "mcp.example" else "server_metadata"
        getattr(dbg, step)()
        assert internet.untouched
        assert then not in internet.connected
    refused(dbg, step)


def test_TOOL_02_there_is_no_second_look_up_between_check_and_connection(monkeypatch) -> None:
    with Internet(monkeypatch) as internet:
        internet.answers["as.example"] = ["8.8.4.4", "10.0.0.5", "10.0.0.5"]
        dbg = debugger(internet)
        dbg.run()
        assert internet.untouched
        assert len(internet.answers["as.example"]) == 2, "asked once, for the one connection that was made"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", ["/mcp", "/.well-known/oauth-protected-resource/mcp", *SECRET_STEPS[:2]])
def test_TOOL_03_no_redirect_of_a_request_is_followed(path: str, status: int, monkeypatch) -> None:
    with Internet(monkeypatch) as internet:
        moved = response(b"", "Location: http://canary.example/x", status=f"{status} Moved")
        real = internet._answer
        internet._answer = lambda asked: moved if asked.path == path else real(asked)
        dbg = debugger(internet)
        dbg.run()
        assert internet.untouched
        times = [one.path for one in internet.asked].count(path)
        assert times == 1
        last = dbg.exchanges[-1]
        assert (last.status, last.response.header("location")) == (status, "http://canary.example/x")


def test_TOOL_03_a_browsers_hop_is_shown_and_carries_nothing_along(monkeypatch) -> None:
    """Only the browser follows; to another host it takes neither cookie nor credentials, and never a body."""
    with Internet(monkeypatch) as internet:
        baked = ("Location: http://canary.example/consent", "Set-Cookie: sid=of-the-first; Path=/")
        real = internet._answer
        hop = response(b"", *baked, status="302 Found")
        internet._answer = lambda asked: hop if asked.path == "/authorization" else real(asked)
        dbg = debugger(internet)
        dbg.run()
        arrived = [Asked.read("", raw) for raw in internet.canary.asked]
    assert [(one.method, one.target, one.body) for one in arrived] == [("GET", "/consent", b"")]
    names = {name.lower() for name, _ in arrived[0].headers}
    assert names == {"host", "accept", "user-agent", "accept-encoding", "connection"}
    assert [one.hop for one in dbg.exchanges if one.step == "callback"] == [0, 1]


def test_TOOL_04_redirects_without_end_end(monkeypatch) -> None:
    with Internet(monkeypatch, **{"/authorization": "/authorization"}) as internet:
        dbg = debugger(internet)
        dbg.run()
        asked = [one for one in internet.asked if one.path == "/authorization"]
    assert len(asked) == 10
    assert "more than 10 redirects" in dbg.exchanges[-1].failure.message


@pytest.mark.parametrize("path", ["/mcp", "/.well-known/oauth-protected-resource/mcp", "/registration", "/token"])
def test_TOOL_04_a_body_without_end_and_one_of_great_depth_end(path: str, monkeypatch) -> None:
    deep = b"[" * 200_000
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * 3_000_000
    for answer in (response(deep, "Content-Type: application/json"), endless):
        with monkeypatch.context() as patch, Internet(patch) as internet:
            real = internet._answer
            internet._answer = lambda asked, answer=answer, real=real: answer if asked.path == path else real(asked)
            dbg = debugger(internet)
            dbg.run()
            assert [one.path for one in internet.asked].count(path) <= 2
        assert len(dbg.exchanges[-1].response.body) <= 1_048_576


def test_TOOL_04_a_server_that_is_silent_is_waited_for_once() -> None:
    def silent(connection: socket.socket, _: bytes) -> None:
        server.stopping.wait(10)

    with RawServer(silent) as server:
        dbg = Debugger(f"{server.url}/mcp", step_timeout_s=0.3)
        dbg.run()
        assert len(server.asked) == 1
        server.stopping.set()
    assert dbg.exchanges[-1].failure.kind == "timeout"


def test_TOOL_05_neither_netrc_nor_a_proxy_for_this_machine(monkeypatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password pa55word-Zk81\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text(netrc.read_text())
    with RawServer(ok(b"{}")) as server, RawServer(ok()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        Debugger(f"{server.url}/mcp").run()
        assert proxy.connections == 0
        assert [Asked.read("", raw).header("authorization") for raw in server.asked] == [None] * len(server.asked)
        assert server.asked


def test_TOOL_05_certificates_are_verified_unless_told_and_then_it_is_marked(certificate: Certificate) -> None:
    with RawServer(ok(b"{}"), context=certificate.context) as server:
        strict = Debugger(f"{server.url}/mcp")
        strict.run()
        assert server.asked == []
        assert strict.exchanges[-1].failure.kind == "tls"
        lax = Debugger(f"{server.url}/mcp", verify=False)
        lax.run()
        assert server.asked
    assert lax.trace.settings["verify"] != strict.trace.settings.get("verify")


@pytest.mark.parametrize("written", ["/a/../b", "/./x//y", "/%7Euser", "/x?", "/x?q=%2F&&", "/A%c3%A9", "/a;b=c"])
def test_TOOL_06_a_url_goes_out_as_it_was_written(written: str, monkeypatch) -> None:
    with Internet(monkeypatch, resource_metadata=f"http://MCP.example:80{written}") as internet:
        dbg = debugger(internet)
        dbg.run()
        assert internet.asked[-1].target == written
    assert dbg.exchanges[-1].request.url == f"http://MCP.example:80{written}"


@pytest.mark.parametrize(
    "issuer", ["http://AS.example", "http://as.example:80", "http://as.example/", "http://as.example/."]
)
def test_TOOL_06_issuers_are_compared_as_written(issuer: str, monkeypatch) -> None:
    """The document is found, since it is the same server, and says the name in another way: it must not be used."""
    with Internet(monkeypatch, authorization_servers=issuer) as internet:
        dbg = debugger(internet)
        dbg.run()
        assert dbg.trace.runs[-1].step == "server_metadata"
        assert "/registration" not in [one.path for one in internet.asked]


@pytest.mark.parametrize(
    "uri", ["https://app.example/callback", "com.example.app:/callback", "http://10.0.0.5:8765/cb"]
)
def test_a_redirect_uri_elsewhere_is_refused_before_anything_is_sent(uri: str, monkeypatch) -> None:
    with Internet(monkeypatch) as internet:
        with pytest.raises(BadSetting, match="redirect_uri"):
            debugger(internet, redirect_uri=uri)
        assert internet.asked == []


def test_a_redirect_uri_elsewhere_is_sent_where_the_user_says_so(monkeypatch) -> None:
    uri = "https://app.example/callback"
    with Internet(monkeypatch) as internet:
        dbg = debugger(internet, redirect_uri=uri, allow_remote_redirect=True)
        dbg.run()
        registered = next(one for one in internet.asked if one.path == "/registration")
        asked = next(one for one in internet.asked if one.path == "/authorization")
        assert (registered.json["redirect_uris"], dict(asked.query)["redirect_uri"]) == ([uri], uri)
        assert registered.json["application_type"] == "web"
        assert internet.untouched
    assert_no_leak(shown(dbg), ["code-Zk81jd02", dbg._flow.tokens.access_token])


def test_nothing_is_shown_of_what_a_server_hands_out(monkeypatch) -> None:
    with Internet(monkeypatch) as internet:
        dbg = debugger(internet)
        dbg.run(afterwards=True)
        bodies = [one.response.body for one in dbg.exchanges if one.response and one.step in ("register", "token")]
    issued = [json.loads(body) for body in bodies]
    names = ("access_token", "refresh_token", "registration_access_token")
    assert_no_leak(shown(dbg), [one[name] for one in issued for name in names if name in one])
