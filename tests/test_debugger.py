"""What a notebook cell calls, against a real server."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from leaks import assert_no_leak, shown
from wire.raw import RawServer, response

from mcp_oauth_nb import BadSetting, CallbackTimeout, Client, Debugger, McpOAuthError, NotYet
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps import AFTERWARDS, ROUTE
from mcp_oauth_nb.wire.learning import LearningVault

SOON_S = 0.2
ELSEWHERE = "http://127.0.0.1:9/mcp"


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


@pytest.fixture
def dbg(server: DemoServer) -> Debugger:
    return Debugger(server.url, browser="follow", step_timeout_s=20)


def done(dbg: Debugger) -> list[str]:
    return [run.step for run in dbg.trace.runs]


def achieved(dbg: Debugger) -> list[str]:
    return [run.step for run in dbg.trace.runs if run.achieved]


def upto(dbg: Debugger, last: str) -> None:
    """Call the steps by hand, as cells do, up to this one."""
    for name in ROUTE[: ROUTE.index(last) + 1]:
        if name != "pkce":
            getattr(dbg, name)()
    assert achieved(dbg) == list(ROUTE[: ROUTE.index(last) + 1])


def form_of(exchange: Exchange) -> dict[str, str]:
    return dict(parse_qsl(exchange.request.body.decode(), keep_blank_values=True))


def query_of(exchange: Exchange) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(exchange.request.url).query, keep_blank_values=True))


def last(dbg: Debugger) -> Exchange:
    return dbg.exchanges[-1]


def browse(url: str) -> str:
    """What a browser does: follow the redirects; returns where they end."""
    with httpx.Client(trust_env=False, timeout=10) as client:
        while True:
            answer = client.get(url)
            if answer.status_code // 100 != 3:
                return str(answer.url)
            url = answer.headers["location"]
            if "code=" in url or "error=" in url:
                return url


class TestFlow:
    def test_registered_dynamically(self, dbg: Debugger) -> None:
        report = dbg.run()
        assert report.status == "passed"
        assert achieved(dbg) == list(ROUTE)
        assert report.cause is None

    def test_registered_beforehand_without_secret(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, client=Client(server.public_client.client_id), browser="follow")
        assert dbg.run().status == "passed"
        assert dbg.trace.run("register").exchanges == ()

    @pytest.mark.parametrize("method", [None, "client_secret_basic"])
    def test_registered_beforehand_with_secret(self, server: DemoServer, method: str | None) -> None:
        demo = server.confidential_client
        client = Client(demo.client_id, secret=demo.client_secret, auth_method=method)
        dbg = Debugger(server.url, client=client, browser="follow")
        report = dbg.run(afterwards=True)
        assert achieved(dbg) == list(ROUTE + AFTERWARDS), report.cause
        assert_no_leak(shown(dbg), server.secrets_issued())

    def test_a_secret_in_the_form(self, server: DemoServer) -> None:
        redirect = "http://127.0.0.1:8765/callback"
        body = {"redirect_uris": [redirect], "token_endpoint_auth_method": "client_secret_post"}
        made = httpx.post(f"{server.issuer}/register", json=body, timeout=10).json()
        client = Client(made["client_id"], secret=made["client_secret"], auth_method="client_secret_post")
        dbg = Debugger(server.url, client=client, redirect_uri=redirect, browser="follow")
        assert dbg.run(afterwards=True).status == "passed"
        token = next(x for x in dbg.exchanges if x.step == "token")
        assert form_of(token)["client_secret"] == made["client_secret"]
        assert token.request.header("authorization") is None
        assert_no_leak(shown(dbg), server.secrets_issued() - {server.confidential_client.client_secret})

    def test_what_comes_afterwards(self, dbg: Debugger, server: DemoServer) -> None:
        report = dbg.run(afterwards=True)
        assert report.status == "passed"
        assert achieved(dbg) == list(ROUTE + AFTERWARDS)
        assert_no_leak(shown(dbg), server.secrets_issued())

    def test_answered_in_json(self) -> None:
        with DemoServer(json_response=True) as server:
            assert Debugger(server.url, browser="follow").run().status == "passed"

    def test_a_tool_is_called_when_it_is_named(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, browser="follow", tool=("echo", {"text": "hello there"}))
        dbg.run()
        assert b"hello there" in last(dbg).response.body
        assert Debugger(server.url, browser="follow", tool="echo").run().failing_step in ("mcp", None)

    def test_a_function_as_the_browser(self, server: DemoServer) -> None:
        asked: list[str] = []

        def browser(url: str) -> str:
            asked.append(url)
            return browse(url)

        dbg = Debugger(server.url, browser=browser)
        assert dbg.run().status == "passed"
        assert asked == [dbg.authorization_url]
        assert last(dbg).step == "mcp"

    def test_a_person_and_the_listener(self, server: DemoServer, capsys) -> None:
        dbg = Debugger(server.url, callback_timeout_s=20)
        upto(dbg, "authorize")
        thread = threading.Thread(target=lambda: httpx.get(browse(dbg.authorization_url), timeout=10))
        thread.start()
        assert dbg.callback().status == "passed"
        thread.join(10)
        assert dbg.token().status == "passed"
        assert dbg.mcp().status == "passed"
        assert_no_leak([*shown(dbg), capsys.readouterr().out], server.secrets_issued())

    def test_a_person_in_a_whole_run(self, server: DemoServer, monkeypatch, capsys) -> None:
        dbg = Debugger(server.url, callback_timeout_s=20)
        monkeypatch.setattr(
            "mcp_oauth_nb.link.AuthorizationLink.show",
            lambda link: threading.Thread(target=lambda: httpx.get(browse(link.url), timeout=10)).start(),
        )
        assert dbg.run().status == "passed"

    def test_the_first_trouble_ends_a_run(self, dbg: Debugger, server: DemoServer) -> None:
        server.break_with("registration-refused")
        report = dbg.run()
        assert (report.status, report.failing_step) == ("failed", "register")
        assert done(dbg) == ["challenge", "resource_metadata", "server_metadata", "register"]

    def test_it_goes_on_where_it_stopped(self, dbg: Debugger, server: DemoServer) -> None:
        server.break_with("token-endpoint-502")
        assert dbg.run().failing_step == "token"
        server.mend()
        assert dbg.token().status == "passed"
        assert dbg.mcp().status == "passed"
        assert dbg.diagnose().status == "passed"
        assert [x.status for x in dbg.exchanges if x.step == "token"] == [502, 200]

    def test_a_second_run_begins_anew_and_loses_nothing(self, dbg: Debugger) -> None:
        dbg.run(afterwards=True)
        first = len(dbg.exchanges)
        assert dbg.run().status == "passed"
        assert done(dbg) == list(ROUTE)
        assert len(dbg.exchanges) > first
        assert [x.id for x in dbg.exchanges] == list(range(1, len(dbg.exchanges) + 1))


class TestOwnToken:
    def test_works_at_once(self, dbg: Debugger, server: DemoServer) -> None:
        dbg.run()
        token = dbg._flow.tokens.access_token
        own = Debugger(server.url, access_token=token)
        assert own.mcp("tools/list").status == "passed"
        assert own.run().status == "passed"
        assert done(own) == ["mcp"]
        assert_no_leak(shown(own), [token])

    def test_a_wrong_one(self, server: DemoServer) -> None:
        own = Debugger(server.url, access_token="no-such-token-1234")
        assert own.mcp("tools/list").status == "failed"
        assert last(own).status == 401
        assert_no_leak(shown(own), ["no-such-token-1234"])

    def test_has_nothing_to_refresh_with(self, server: DemoServer) -> None:
        own = Debugger(server.url, access_token="no-such-token-1234")
        assert own.refresh().status == "incomplete"
        assert own.refresh().status_of("refresh") == "not tested"
        with pytest.raises(NotYet, match="server_metadata"):
            own.revoke()

    def test_one_with_line_breaks_is_never_two_headers(self, server: DemoServer) -> None:
        token = "one-token\r\nX-Evil: 1"
        with pytest.raises(BadSetting, match=r"access_token=token.strip\(\)"):
            Debugger(server.url, access_token=token)
        own = Debugger(server.url, access_token="one-token")
        own.hold(replace(own.tokens, access_token=token))
        assert own.mcp().status == "failed"
        assert last(own).failure.kind == "header"


class TestAgain:
    def test_a_wrong_verifier_then_right(self, dbg: Debugger) -> None:
        upto(dbg, "callback")
        assert dbg.token(form={"code_verifier": "w" * 43}).status == "failed"
        assert last(dbg).edited == ("form.code_verifier",)
        assert form_of(last(dbg))["code_verifier"] == "w" * 43
        dbg.authorize()
        dbg.callback()
        assert dbg.token().status == "passed"
        assert [x.status for x in dbg.exchanges if x.step == "token"] == [400, 200]

    def test_later_steps_are_forgotten(self, dbg: Debugger) -> None:
        upto(dbg, "mcp")
        dbg.server_metadata()
        assert done(dbg) == ["challenge", "resource_metadata", "server_metadata"]
        with pytest.raises(NotYet, match=r"dbg\.callback\(\)|dbg\.authorize\(\)"):
            dbg.token()
        assert dbg.config.server_metadata if hasattr(dbg.config, "server_metadata") else True

    def test_a_step_that_is_not_yet_forgets_nothing(self, dbg: Debugger) -> None:
        upto(dbg, "register")
        before = done(dbg)
        for call in (dbg.callback, dbg.token, dbg.mcp, dbg.refresh, dbg.replay, dbg.revoke, dbg.revoked):
            with pytest.raises(NotYet, match=r"Run dbg\.\w+\(\) first"):
                call()
        assert done(dbg) == before

    def test_the_same_step_twice_sends_the_same(self, dbg: Debugger) -> None:
        upto(dbg, "resource_metadata")
        dbg.resource_metadata()
        first, second = dbg.exchanges[-2:]
        assert first.request == second.request
        assert dbg.trace.run("resource_metadata").exchanges == (second.id,)

    def test_a_second_attempt_has_fresh_secrets(self, dbg: Debugger) -> None:
        upto(dbg, "authorize")
        dbg.authorize()
        dbg.authorize(params={"scope": "mcp:tools"})
        asked = [query_of(x) for x in dbg.exchanges if x.step == "authorize"]
        assert len({one["state"] for one in asked}) == 3
        assert len({one["code_challenge"] for one in asked}) == 3
        assert dbg.callback().status == "passed"
        assert dbg.token().status == "passed"

    def test_after_refresh_the_call_takes_the_new_token(self, dbg: Debugger) -> None:
        upto(dbg, "mcp")
        dbg.refresh()
        dbg.mcp("tools/list")
        assert last(dbg).request.header("authorization") == f"Bearer {dbg._flow.tokens.access_token}"
        assert last(dbg).status == 200

    def test_a_stale_redirect_does_not_answer_a_new_request(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, callback_timeout_s=20)
        upto(dbg, "authorize")
        dbg.offer(browse(dbg.authorization_url))
        dbg.authorize()
        with pytest.raises(CallbackTimeout):
            dbg.callback(timeout_s=SOON_S)
        dbg.offer(browse(dbg.authorization_url))
        assert dbg.callback().status == "passed"


class TestOverrides:
    @pytest.mark.parametrize("name", ["resource_metadata", "server_metadata"])
    def test_of_a_document(self, dbg: Debugger, name: str) -> None:
        upto(dbg, name)
        getattr(dbg, name)(params={"x": 1}, headers={"Accept": None, "X-Mine": "1"})
        assert query_of(last(dbg)) == {"x": "1"}
        assert last(dbg).request.header("accept") is None
        assert last(dbg).edited == ("params.x", "headers.Accept", "headers.X-Mine")

    def test_of_the_challenge(self, dbg: Debugger) -> None:
        dbg.challenge(headers={"Accept": "text/html"}, json={"method": "tools/list", "params": None})
        assert last(dbg).request.header("accept") == "text/html"
        assert b'"method":"tools/list"' in last(dbg).request.body
        assert set(last(dbg).edited) == {"headers.Accept", "json.method", "json.params"}

    def test_of_the_registration(self, dbg: Debugger) -> None:
        upto(dbg, "server_metadata")
        dbg.register(json={"client_name": "other", "response_types": None}, headers={"X-Mine": "1"})
        assert b'"client_name":"other"' in last(dbg).request.body
        assert b"response_types" not in last(dbg).request.body
        assert set(last(dbg).edited) == {"json.client_name", "json.response_types", "headers.X-Mine"}

    def test_of_the_authorization_request(self, dbg: Debugger) -> None:
        upto(dbg, "register")
        dbg.authorize(params={"scope": None, "resource": "https://other.example", "prompt": "login"})
        asked = query_of(last(dbg))
        assert "scope" not in asked
        assert (asked["resource"], asked["prompt"]) == ("https://other.example", "login")
        assert set(last(dbg).edited) == {"params.scope", "params.resource", "params.prompt"}
        assert dbg._flow.authorization.resource == "https://other.example"

    def test_of_the_token_request(self, dbg: Debugger) -> None:
        upto(dbg, "callback")
        report = dbg.token(form={"resource": None}, headers={"X-Mine": "1"}, params={"q": "1"})
        assert "resource" not in form_of(last(dbg))
        assert set(last(dbg).edited) == {"form.resource", "headers.X-Mine", "params.q"}
        assert report.status == "failed"

    def test_of_the_session(self, dbg: Debugger) -> None:
        upto(dbg, "token")
        assert dbg.mcp(headers={"Authorization": "Bearer wrong-token-123"}).status == "failed"
        assert last(dbg).edited == ("headers.Authorization",)
        assert dbg.mcp().status == "passed"

    @pytest.mark.parametrize("name", ["refresh", "replay", "revoke"])
    def test_of_what_comes_afterwards(self, dbg: Debugger, name: str) -> None:
        dbg.run()
        for step in AFTERWARDS[: AFTERWARDS.index(name)]:
            getattr(dbg, step)()
        getattr(dbg, name)(form={"client_id": "somebody-else"}, headers={"X-Mine": "1"})
        assert form_of(last(dbg))["client_id"] == "somebody-else"
        assert set(last(dbg).edited) == {"form.client_id", "headers.X-Mine"}

    def test_of_a_call(self, dbg: Debugger) -> None:
        dbg.run()
        dbg.mcp("tools/list", json={"id": 77}, headers={"MCP-Protocol-Version": "1999-01-01"})
        assert last(dbg).request.header("mcp-protocol-version") == "1999-01-01"
        assert set(last(dbg).edited) == {"headers.MCP-Protocol-Version", "json.id"}

    @pytest.mark.parametrize(
        "edits",
        [
            {"form": "resource=x"},
            {"form": [("a", "b")]},
            {"headers": {"X": "a\r\nb"}},
            {"headers": {"X\n": "a"}},
            {"headers": 5},
            {"params": {1, 2}},
        ],
    )
    def test_that_cannot_work(self, dbg: Debugger, edits: dict[str, Any]) -> None:
        upto(dbg, "callback")
        sent = len(dbg.exchanges)
        with pytest.raises(BadSetting):
            dbg.token(**edits)
        assert len(dbg.exchanges) == sent
        assert dbg.token().status == "passed"

    @pytest.mark.parametrize("json", ["x", 5, {"a": object()}, {"a": {1, 2}}, {("a",): 1}])
    def test_json_that_is_none(self, dbg: Debugger, json: Any) -> None:
        with pytest.raises(BadSetting, match="json="):
            dbg.challenge(json=json)

    def test_odd_values_are_sent_and_not_raised(self, dbg: Debugger) -> None:
        upto(dbg, "callback")
        odd = {"resource": ["a", "b"], "n": 5, "t": True, "s": "\ud800", "e": "", "b": b"x", "": "y"}
        assert dbg.token(form=odd).status in ("failed", "warned", "passed")
        assert last(dbg).request.body.count(b"resource=") == 2


class TestCalls:
    def test_any_method_in_the_session(self, dbg: Debugger) -> None:
        dbg.run()
        for text in ("one", "two"):
            report = dbg.mcp("tools/call", {"name": "echo", "arguments": {"text": text}})
            assert report.status == "passed"
            assert text.encode() in last(dbg).response.body
        assert last(dbg).request.header("mcp-session-id") == dbg._flow.session.id

    def test_opens_the_session_when_there_is_none(self, dbg: Debugger) -> None:
        upto(dbg, "token")
        assert dbg.mcp("tools/list").status == "passed"
        assert done(dbg)[-2:] == ["mcp", "call"]

    def test_that_fails_leaves_the_route_as_it_is(self, dbg: Debugger) -> None:
        dbg.run()
        assert dbg.mcp("no/such/method").status == "failed"
        assert achieved(dbg) == list(ROUTE)
        assert dbg.refresh().status == "passed"
        assert dbg.mcp("tools/list").status == "passed"
        assert "refresh" in done(dbg)

    @pytest.mark.parametrize("params", ["x", 5, [1], [("name", "echo")]])
    def test_parameters_that_are_none(self, dbg: Debugger, params: Any) -> None:
        dbg.run()
        with pytest.raises(BadSetting, match="params"):
            dbg.mcp("tools/call", params)

    def test_a_method_that_is_none(self, dbg: Debugger) -> None:
        with pytest.raises(BadSetting, match="method"):
            dbg.mcp(5)

    def test_parameters_that_json_cannot_hold(self, dbg: Debugger) -> None:
        dbg.run()
        with pytest.raises(BadSetting):
            dbg.mcp("tools/call", {"name": object()})


@contextmanager
def two_origins(server: DemoServer) -> Iterator[tuple[RawServer, str]]:
    """An MCP server of its own in front, whose metadata names the demo's authorization server at another origin."""

    def answer(connection: Any, request: bytes) -> None:
        url = front.url
        if b"/.well-known/" in request.split(b"\r\n")[0]:
            document = f'{{"resource": "{url}/mcp", "authorization_servers": ["{server.issuer}"]}}'
            connection.sendall(response(document.encode(), "Content-Type: application/json"))
        else:
            header = f'WWW-Authenticate: Bearer resource_metadata="{url}/.well-known/x"'
            connection.sendall(response(b"", header, status="401 Unauthorized"))

    with RawServer(answer) as front:
        yield front, f"{front.url}/mcp"


class TestCustomHeaders:
    def test_go_to_the_mcp_servers_origin_and_nowhere_else(self, server: DemoServer) -> None:
        headers = {"X-Api-Key": "key-0123456789", "X-Number": 5, "X-None": None, "X-Many": ["a", "b"]}
        with two_origins(server) as (front, url):
            dbg = Debugger(url, headers=headers, browser="follow", resource=server.url)
            dbg.run(afterwards=True)
            for exchange in dbg.exchanges:
                theirs = exchange.request.url.startswith(front.url)
                assert (exchange.request.header("x-api-key") == "key-0123456789") == theirs, exchange
                assert (exchange.request.header("x-number") == "5") == theirs
                assert (exchange.request.header("x-many") == "a, b") == theirs
                assert exchange.request.header("x-none") is None
            assert {x.step for x in dbg.exchanges} >= {"challenge", "register", "callback", "token", "mcp"}
        assert all("x-api-key" not in seen.header_names for seen in server.log)
        assert_no_leak(shown(dbg), ["key-0123456789", *server.secrets_issued()])

    def test_do_not_replace_what_a_step_sends(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, headers={"authorization": "Basic abcdefgh", "accept": "x/y"}, browser="follow")
        dbg.challenge()
        assert last(dbg).request.header("authorization") == "Basic abcdefgh"
        assert last(dbg).request.header("accept") == "application/json, text/event-stream"


class TestCallback:
    def waiting(self, server: DemoServer) -> Debugger:
        dbg = Debugger(server.url, callback_timeout_s=20)
        upto(dbg, "authorize")
        return dbg

    def test_a_timeout_keeps_what_was_recorded(self, server: DemoServer) -> None:
        dbg = self.waiting(server)
        recorded = len(dbg.exchanges)
        with pytest.raises(CallbackTimeout, match=r"within 0\.2 s"):
            dbg.callback(timeout_s=SOON_S)
        assert len(dbg.exchanges) == recorded
        assert dbg.diagnose().status == "incomplete"
        assert dbg.diagnose().status_of("callback") == "needs you"
        dbg.offer(browse(dbg.authorization_url))
        assert dbg.callback().status == "passed"
        assert dbg.token().status == "passed"

    def test_its_time_is_for_one_call(self, server: DemoServer) -> None:
        dbg = self.waiting(server)
        with pytest.raises(CallbackTimeout):
            dbg.callback(timeout_s=SOON_S)
        assert dbg._driver.callback_timeout_s == 20

    def test_an_interrupt_loses_nothing(self, server: DemoServer, monkeypatch) -> None:
        dbg = self.waiting(server)
        recorded = dbg.exchanges

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(dbg._driver.listener, "wait", interrupted)
            with pytest.raises(KeyboardInterrupt):
                dbg.callback()
        assert dbg.exchanges == recorded
        assert achieved(dbg)[-1] == "authorize"
        assert dbg.diagnose().status_of("callback") == "needs you"
        dbg.offer(browse(dbg.authorization_url))
        assert dbg.callback().status == "passed"

    def test_an_earlier_stop_does_not_end_a_later_wait(self, server: DemoServer) -> None:
        dbg = self.waiting(server)
        dbg.interrupt()
        threading.Timer(0.05, lambda: dbg.offer(browse(dbg.authorization_url))).start()
        assert dbg.callback().status == "passed"

    def test_pasted_as_an_argument(self, server: DemoServer) -> None:
        dbg = self.waiting(server)
        assert dbg.callback(browse(dbg.authorization_url)).status == "passed"
        assert dbg.token().status == "passed"
        assert_no_leak(shown(dbg), server.secrets_issued())

    def test_pasted_at_a_prompt(self, server: DemoServer, monkeypatch) -> None:
        dbg = self.waiting(server)
        monkeypatch.setattr("mcp_oauth_nb.calling.getpass", lambda _: browse(dbg.authorization_url))
        assert dbg.callback(paste=True).status == "passed"

    def test_a_bare_code(self, server: DemoServer) -> None:
        dbg = self.waiting(server)
        code = parse_qs(urlsplit(browse(dbg.authorization_url)).query)["code"][0]
        dbg.callback(code)
        assert achieved(dbg)[-1] == "callback"
        assert dbg.token().status == "passed"
        assert_no_leak(shown(dbg), server.secrets_issued())

    @pytest.mark.parametrize("pasted", ["", "http://127.0.0.1/callback", "state=x", "a b c", 5, b"code=x"])
    def test_garbage_changes_nothing(self, server: DemoServer, pasted: Any) -> None:
        dbg = self.waiting(server)
        with pytest.raises(BadSetting):
            dbg.callback(pasted)
        assert done(dbg)[-1] == "authorize"

    @pytest.mark.parametrize("timeout", [0, -1, "soon", float("nan"), float("inf"), True])
    def test_a_time_that_is_none(self, server: DemoServer, timeout: Any) -> None:
        dbg = self.waiting(server)
        with pytest.raises(BadSetting, match="timeout_s"):
            dbg.callback(timeout_s=timeout)

    @pytest.mark.parametrize("returned", [None, 5, "", "http://127.0.0.1/callback", b"code=1"])
    def test_a_browser_that_returns_no_redirect(self, server: DemoServer, returned: Any) -> None:
        dbg = Debugger(server.url, browser=lambda _: returned)
        with pytest.raises(BadSetting, match="redirect"):
            dbg.run()
        assert achieved(dbg)[-1] == "authorize"
        assert len(dbg.exchanges) == 5

    def test_a_browser_that_raises(self, server: DemoServer) -> None:
        def browser(_: str) -> str:
            raise RuntimeError("no display")

        dbg = Debugger(server.url, browser=browser)
        with pytest.raises(RuntimeError, match="no display"):
            dbg.run()
        assert dbg.diagnose().status_of("callback") == "needs you"


class TestSettings:
    @pytest.mark.parametrize(
        "url", [None, 5, "", "mcp.example.com", "ftp://x/", "file:///etc/passwd", "http://", "http://a b/"]
    )
    def test_a_url_that_is_none(self, url: Any) -> None:
        with pytest.raises(BadSetting, match="url: got"):
            Debugger(url)

    @pytest.mark.parametrize(
        ("setting", "values"),
        [
            ("protocol", ["1999-01-01", None, 5, ["2025-11-25"], {}]),
            ("client", ["id", 5, {"client_id": "x"}]),
            ("scope", [5, ["a"], b"a"]),
            ("resource", [5, ["a"], True]),
            ("access_token", [5, b"token", ["x"]]),
            ("redirect_uri", [5, "", "callback", "http://127.0.0.1/#x", "http://a b/", "http://x\n/", "://x"]),
            ("browser", ["firefox", 5, ["follow"]]),
            ("headers", ["X: y", 5, [("X", "y")], {"X": "a\nb"}, {"X\r\n": "a"}, {"a b": "x"}, {5: "x"}]),
            ("registration", ["magic", "preregistered", "cimd"]),
            ("client_auth_method", ["basic", "private_key_jwt", 5, True]),
            ("verify", ["/no/such/file", 5, None]),
            ("step_timeout_s", [0, -1, "30", None, float("nan"), float("inf"), True]),
            ("callback_timeout_s", [0, -1, "30", None, float("nan"), float("inf"), True]),
            ("on_violation", ["ignore", None, 5, ["stop"]]),
            ("tool", [5, ("echo", "x"), ("echo", {"x": object()}), ("echo", {}, 1), (5, {}), []]),
        ],
    )
    def test_that_cannot_work(self, setting: str, values: list[Any]) -> None:
        for value in values:
            with pytest.raises(BadSetting) as caught:
                Debugger(ELSEWHERE, **{setting: value})
            assert setting.partition("_")[0] in str(caught.value) or "json=" in str(caught.value)
            assert caught.value.name
            assert "expected" in str(caught.value)
        gc.collect()

    @pytest.mark.parametrize(
        "settings",
        [
            {"client": Client("id")},
            {"registration": "preregistered", "client": Client("id")},
            {"registration": "cimd", "client_metadata_url": "https://app.example/client.json"},
        ],
    )
    def test_a_way_to_authenticate_is_for_clients_that_are_registered(self, settings: dict[str, Any]) -> None:
        with pytest.raises(BadSetting, match="client_auth_method"):
            Debugger(ELSEWHERE, client_auth_method="none", **settings)
        assert Debugger(ELSEWHERE, **settings)

    @pytest.mark.parametrize(
        "arguments", [{"client_id": ""}, {"client_id": 5}, {"client_id": "x", "auth_method": "jwt"}]
    )
    def test_a_client_that_is_none(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(BadSetting):
            Client(**arguments)

    def test_a_key_in_the_url_is_not_repeated(self) -> None:
        with pytest.raises(BadSetting) as caught:
            Debugger("ftp://host/mcp?key=s3cret-value")
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("step", ["", "nothing", 5, ["token"], None])
    def test_a_script_of_no_step(self, step: Any) -> None:
        with pytest.raises(McpOAuthError):
            Debugger(ELSEWHERE).curl(step)

    def test_a_taken_port_is_told_and_not_raised(self, server: DemoServer) -> None:
        port = urlsplit(server.url).port
        dbg = Debugger(server.url, redirect_uri=f"http://127.0.0.1:{port}/callback")
        assert "cannot be listened on" in dbg.redirect_problem

    @pytest.mark.parametrize("url", ["http://[::1/", "http://\ud800/", "http://a..b/", "http://127.0.0.1:99999/x"])
    def test_a_hostile_url_is_data(self, url: str) -> None:
        dbg = Debugger(url)
        assert dbg.run().status == "failed"
        assert list(shown(dbg))


class TestRedirectElsewhere:
    @pytest.mark.parametrize("uri", ["https://app.example/cb", "com.example.app:/cb", "cursor://anysphere/cb"])
    def test_is_taken_only_when_it_is_allowed_by_name(self, uri: str) -> None:
        with pytest.raises(BadSetting, match="allow_remote_redirect=True"):
            Debugger(ELSEWHERE, redirect_uri=uri)
        with pytest.raises(BadSetting, match="allow_remote_redirect=True"):
            Debugger(ELSEWHERE, redirect_uri=uri, allow_remote_redirect=1)
        dbg = Debugger(ELSEWHERE, redirect_uri=uri, allow_remote_redirect=True)
        assert dbg.redirect_problem == dbg.again().redirect_problem == "the redirect URI is not on this machine"

    @pytest.mark.parametrize("uri", ["http://app.example/cb", "http://127.0.0.1@app.example/", "javascript:alert(1)"])
    def test_is_never_plain_http_and_never_code(self, uri: str) -> None:
        with pytest.raises(BadSetting, match="the scheme"):
            Debugger(ELSEWHERE, redirect_uri=uri, allow_remote_redirect=True)

    @pytest.mark.parametrize("uri", ["http://localhost:0/cb", "http://[::1]:0/cb", "https://127.0.0.1:8765/cb"])
    def test_this_machine_needs_no_allowance(self, uri: str) -> None:
        assert Debugger(ELSEWHERE, redirect_uri=uri)


class TestUnreachable:
    def test_is_data(self) -> None:
        dbg = Debugger(ELSEWHERE)
        assert (dbg.run().status, dbg.diagnose().failing_step) == ("failed", "challenge")
        assert last(dbg).failure.kind == "connect"

    def test_dropping_a_debugger_gives_everything_back(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        redirect = dbg._flow.settings.redirect_uri
        del dbg
        gc.collect()
        assert Debugger(server.url, redirect_uri=redirect).redirect_problem == ""


class TestVault:
    def test_every_way_to_look_reads_what_was_recorded_first(self) -> None:
        """A public method of the vault that does not catch up would show what it has not read yet."""
        base = LearningVault.__mro__[1]
        public = {name for name, member in vars(base).items() if callable(member) and not name.startswith("_")}
        assert public <= set(vars(LearningVault))
        assert {"__repr__", "__len__"} <= set(vars(LearningVault))

    def test_an_exchange_is_safe_on_its_own(self, dbg: Debugger, server: DemoServer) -> None:
        dbg.run()
        first, token = dbg.exchanges[0], dbg._flow.tokens.access_token
        assert token not in first.vault.mask(f"echoed {token}")
        assert token in Debugger(server.url).trace.vault.mask(f"echoed {token}")
