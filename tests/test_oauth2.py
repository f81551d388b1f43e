"""`OAuth2` as a cell uses it, against a plain authorization server with an API behind it: no MCP anywhere."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from leaks import assert_no_leak, shown
from plain_server import CLIENT_ID, CLIENT_SECRET, PASSWORD, USER_CODE, USERNAME, PlainServer

from mcp_oauth_nb import (
    BadSetting,
    CallbackTimeout,
    Client,
    FlowRunner,
    NotYet,
    OAuth2,
    Parameter,
    check,
    diagnose,
    load,
    load_har,
)
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.views.link import LinkView

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
NONCE, API_KEY = "nonce-83ndk29sk", "key-81jsh2K0aaQ"
GRANTS: dict[str, dict[str, Any]] = {
    "pkce": {},
    "pkce-plain": {"pkce_method": "plain"},
    "own-verifier": {"code_verifier": VERIFIER, "state": "own-state-0123456789abcdef"},
    "code": {"grant": "authorization_code"},
    "basic": {"client_secret": CLIENT_SECRET},
    "body": {"client_secret": CLIENT_SECRET, "client_auth": "body"},
    "implicit": {"grant": "implicit"},
    "implicit-id": {"grant": "implicit", "response_type": "id_token token", "nonce": NONCE},
    "password": {"grant": "password", "username": USERNAME, "password": PASSWORD},
    "client-credentials": {"grant": "client_credentials", "client_secret": CLIENT_SECRET},
    "device": {"grant": "device", "browser": lambda url: url},
    "token-in-url": {"token_in": "url"},
    "token-prefix": {"header_prefix": "Token"},
    "no-prefix": {"header_prefix": ""},
    "custom": {
        "token_params": [
            Parameter("X-Api-Key", API_KEY, "header"),
            Parameter("tenant", "t1"),
            Parameter("tenant", "t2"),
            Parameter("v", "3", "url"),
        ]
    },
}
"""What an `OAuth2` is made with, by name of the case."""
WARNED = {
    "pkce-plain": {"pkce-not-sent"},
    "code": {"pkce-not-sent"},
    "implicit": {"implicit-grant-used"},
    "implicit-id": {"implicit-grant-used"},
    "password": {"password-grant-used"},
    "token-in-url": {"token-in-url"},
    "token-prefix": {"api-scheme-unusual"},
    "no-prefix": {"api-scheme-unusual"},
    "custom": {"parameter-repeated"},
}
"""What works and is no longer to be done: the evidence says so, and nothing graver."""


@pytest.fixture
def server() -> Iterator[PlainServer]:
    with PlainServer() as running:
        yield running


def made(server: PlainServer, case: str = "pkce", **changes: Any) -> OAuth2:
    """An `OAuth2` for one of the cases."""
    given: dict[str, Any] = {
        **server.endpoints,
        "client_id": CLIENT_ID,
        "browser": "follow",
        "scope": "read",
        "api_url": server.at("/api/me"),
        "step_timeout_s": 20,
    }
    given |= {"device_url": server.at("/device")} if case == "device" else {}
    return OAuth2(**{**given, **GRANTS[case], **changes})


def achieved(oauth: OAuth2) -> list[str]:
    return [run.step for run in oauth.trace.runs if run.achieved]


class TestGrants:
    @pytest.mark.parametrize("case", GRANTS)
    def test_runs_to_the_api(self, server: PlainServer, case: str) -> None:
        oauth = made(server, case)
        report = oauth.run()
        assert achieved(oauth) == list(oauth.route()), [run.stopped for run in oauth.trace.runs]
        assert oauth.exchanges[-1].document == {"hello": "alice", "scope": "" if case == "device" else "read"}
        assert {finding.rule for finding in report.findings} == WARNED.get(case, set())
        assert {finding.level for finding in report.findings} <= {"SHOULD"}
        assert report.status == ("warned" if case in WARNED else "passed")

    @pytest.mark.parametrize(
        ("case", "route"),
        [
            ("pkce", ("pkce", "authorize", "callback", "token", "api")),
            ("code", ("authorize", "callback", "token", "api")),
            ("implicit", ("authorize", "callback", "api")),
            ("password", ("token", "api")),
            ("client-credentials", ("token", "api")),
            ("device", ("device", "token", "api")),
        ],
    )
    def test_the_route_of_each(self, server: PlainServer, case: str, route: tuple[str, ...]) -> None:
        assert made(server, case).route() == route
        assert made(server, case, api_url=None).route() == route[:-1]

    def test_one_cell_per_step(self, server: PlainServer) -> None:
        oauth = made(server)
        with pytest.raises(NotYet):
            oauth.token()
        oauth.authorize()
        assert oauth.callback().status == "passed"
        assert oauth.token().status == "passed"
        assert oauth.api().status == "passed"
        assert oauth.refresh().status == "passed"
        assert oauth.api().status == "passed"
        assert oauth.introspect().status == "passed"
        assert oauth.userinfo().status == "passed"
        assert oauth.replay().status == "passed"
        assert oauth.revoke().status == "passed"
        assert oauth.api().status == "failed"
        assert oauth.again().trace.runs == ()

    def test_afterwards(self, server: PlainServer) -> None:
        oauth = made(server)
        assert oauth.run(afterwards=True).status == "passed"
        assert achieved(oauth)[-3:] == ["refresh", "replay", "revoke"]
        assert "refresh" not in made(server, "implicit").route(afterwards=True)

    def test_a_private_key_in_the_place_of_a_secret(self, server: PlainServer) -> None:
        from joserfc import jwk
        from keys import JWK

        pem = jwk.import_key(JWK).as_pem(private=True).decode()
        client = Client(CLIENT_ID, private_key=pem)
        oauth = made(server, "client-credentials", client_id=None, client_secret=None, client=client)
        oauth.token()
        sent = server.posts("/token")[0]
        assert sent["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
        assert_no_leak(shown(oauth), sent["client_assertion"])

    @pytest.mark.parametrize("case", ["pkce", "code", "password"])
    def test_beside_an_assertion_no_client_id_is_missed(self, server: PlainServer, case: str, tmp_path: Path) -> None:
        from joserfc import jwk
        from keys import JWK

        client = Client(CLIENT_ID, private_key=jwk.import_key(JWK).as_pem(private=True).decode())
        oauth = made(server, case, client_id=None, client=client)
        report = oauth.run()
        assert {one.rule for one in report.findings} == WARNED.get(case, set())
        oauth.save(tmp_path / "flow.json")
        assert {one.rule for one in diagnose(load(tmp_path / "flow.json")).findings} == WARNED.get(case, set())

    def test_how_the_token_is_used_holds_for_every_request(self, server: PlainServer) -> None:
        oauth = made(server, scope="read openid")
        assert oauth.run().status == "passed"
        oauth.use.change(token="id_token", header_prefix="Token")
        oauth.api()
        oauth.request("GET", server.at("/api/other"))
        oauth.run()
        FlowRunner(oauth)._all()  # the whole flow, as run() does
        with httpx.Client(auth=oauth.auth) as client:
            client.get(server.at("/api/me"))
        assert oauth.tokens is not None
        sent = [headers["authorization"] for _, path, headers, _ in server.seen if path.startswith("/api")]
        assert [one.partition(" ")[0] for one in sent] == ["Bearer", *["Token"] * 5]
        assert all(one.count(".") == 2 for one in sent[1:]), "an ID token is a JWT"
        assert {"use": "id_token", "header_prefix": "'Token'"}.items() <= oauth.trace.settings.items()
        oauth.use.change(token="access_token", token_in="url")
        oauth.api()
        assert server.seen[-1][1] == f"/api/me?access_token={oauth.tokens.access_token}"
        assert "authorization" not in server.seen[-1][2]

    def test_auto_refresh_can_be_turned_off_for_every_request(self) -> None:
        with PlainServer(lifetime_s=1) as server:
            oauth = made(server, auto_refresh=True)
            oauth.run()
            oauth.use.change(auto_refresh=False)
            expiry = oauth.use.expiry_s
            oauth.now_s = lambda: expiry + 1  # type: ignore[method-assign]
            oauth.api()
            assert len(server.posts("/token")) == 1
            oauth.use.change(auto_refresh=True)
            oauth.api()
            assert len(server.posts("/token")) == 2

    def test_auto_refresh_without_a_refresh_token_says_so(self, server: PlainServer) -> None:
        oauth = made(server, "client-credentials", auto_refresh=True)
        assert "auto-refresh-unavailable" not in {one.rule for one in oauth.diagnose().findings}
        report = oauth.run()
        assert report.cause is not None
        assert (report.status, report.cause.rule, report.cause.who) == ("warned", "auto-refresh-unavailable", "user")
        assert "dbg.run()" in report.cause.fix
        assert "auto-refresh-unavailable" in {one.rule for one in oauth.api().findings}
        assert "not available: a grant without a refresh token" in repr(oauth.use)
        assert "not available" not in repr(made(server, auto_refresh=True).use)

    def test_an_empty_secret_goes_out_as_one(self, server: PlainServer) -> None:
        made(server, client_secret="", client_auth="basic").run()
        headers = [sent for method, path, sent, _ in server.seen if (method, path) == ("POST", "/token")]
        assert headers[0]["authorization"].startswith("Basic ")

    def test_a_password_needs_no_client(self, server: PlainServer) -> None:
        oauth = made(server, "password", client_id=None)
        assert oauth.token().status == "warned"
        assert "client_id" not in server.posts("/token")[0]

    def test_a_token_from_elsewhere(self, server: PlainServer) -> None:
        other = made(server)
        other.run()
        assert other.tokens is not None
        oauth = OAuth2(api_url=server.at("/api/me"), access_token=other.tokens.access_token)
        assert oauth.run().status == "passed"
        assert achieved(oauth) == ["api"]

    def test_a_token_that_no_header_can_hold_is_told_as_such(self) -> None:
        with PlainServer("token_breaks_the_line") as server:
            oauth = made(server, "client-credentials")
            report = oauth.run()
            assert oauth.tokens is not None
            secret = oauth.tokens.access_token.partition("\n")[0]
            assert_no_leak(shown(oauth), [secret])
            with (
                pytest.raises(BadSetting, match="no header can hold") as raised,
                httpx.Client(auth=oauth.auth) as client,
            ):
                client.get(server.at("/api/me"))
            assert secret not in "".join(traceback.format_exception(raised.value))
            assert not any(path.startswith("/api") for _, path, _, _ in server.seen)
        assert [(one.rule, one.who) for one in report.findings] == [
            ("access-token-unsendable", "authorization server"),
            ("unreachable", "authorization server"),
        ]
        assert report.cause is not None
        assert (report.failing_step, report.cause.rule) == ("token", "access-token-unsendable")


class TestMetadata:
    def test_the_issuer_names_the_endpoints(self, server: PlainServer) -> None:
        oauth = OAuth2(issuer=server.url, client_id=CLIENT_ID, browser="follow", api_url=server.at("/api"))
        report = oauth.run()
        assert achieved(oauth) == ["server_metadata", "pkce", "authorize", "callback", "token", "api"]
        assert {one.rule for one in report.findings} == {"plain-pkce-offered", "old-grants-offered"}

    @pytest.mark.parametrize(
        ("call", "argument"),
        [("revoke", "revocation_url"), ("introspect", "introspection_url"), ("userinfo", "userinfo_url")],
    )
    def test_an_endpoint_that_nobody_named_is_told_with_its_argument(
        self, server: PlainServer, call: str, argument: str
    ) -> None:
        oauth = made(server, "client-credentials", **{argument: None})
        oauth.run()
        report = getattr(oauth, call)()
        told = " ".join(render(report).values())
        assert f"OAuth2(..., {argument}=" in told
        assert "the metadata" not in told

    def test_what_was_typed_goes_first(self, server: PlainServer) -> None:
        oauth = OAuth2(issuer=server.url, token_url=server.at("/token?typed=1"), client_id=CLIENT_ID, browser="follow")
        report = oauth.run()
        assert [path for method, path, _, _ in server.seen if method == "POST"] == ["/token?typed=1"]
        assert "token-endpoint-differs" not in {one.rule for one in report.findings}

    def test_metadata_of_another_issuer_is_not_used(self) -> None:
        with PlainServer("issuer") as server:
            oauth = OAuth2(issuer=server.url, client_id=CLIENT_ID, browser="follow")
            report = oauth.run()
        assert report.failing_step == "server_metadata"
        assert report.cause is not None
        assert (report.cause.rule, report.cause.level) == ("issuer-mismatch", "MUST")


class TestParameters:
    def test_audience_and_resource_go_to_the_token_request(self, server: PlainServer) -> None:
        oauth = made(server, audience=["a1", "a2"], resource=["https://r1.example", "https://r2.example"])
        oauth.run()
        oauth.refresh()
        asked = next(path for _, path, _, _ in server.seen if path.startswith("/authorize"))
        assert "audience" not in asked
        assert asked.count("resource=") == 2
        for form in server.posts("/token"):
            assert form["audience"] == ["a1", "a2"]
            assert form["resource"] == ["https://r1.example", "https://r2.example"]

    def test_with_the_implicit_grant_they_go_to_the_authorization_request(self, server: PlainServer) -> None:
        made(server, "implicit", audience="a1", resource="https://r1.example").run()
        asked = next(path for _, path, _, _ in server.seen if path.startswith("/authorize"))
        assert "audience=a1" in asked
        assert "resource=https" in asked

    def test_custom_parameters_go_where_they_belong_and_come_again_with_a_refresh(self, server: PlainServer) -> None:
        oauth = made(server, "custom", authorization_params={"prompt": "login", "hint": ["x", "y"]})
        oauth.run()
        oauth.refresh()
        asked = next(path for _, path, _, _ in server.seen if path.startswith("/authorize"))
        assert "prompt=login&hint=x&hint=y" in asked
        tokens = [(path, headers) for method, path, headers, _ in server.seen if path.startswith("/token")]
        assert [path for path, _ in tokens] == ["/token?v=3", "/token?v=3"]
        assert [headers["x-api-key"] for _, headers in tokens] == [API_KEY, API_KEY]
        assert [form["tenant"] for form in server.posts("/token")] == [["t1", "t2"], ["t1", "t2"]]

    def test_a_refresh_with_parameters_and_a_place_of_its_own(self, server: PlainServer) -> None:
        oauth = made(server, "custom", refresh_params={"mode": "quiet"}, refresh_url=server.at("/token?refresh=1"))
        oauth.run()
        assert oauth.refresh().status == "passed"
        assert "mode" not in server.posts("/token")[0]
        assert "tenant" not in server.posts("/token")[1]
        assert server.posts("/token")[1]["mode"] == ["quiet"]

    def test_a_refresh_with_none_at_all(self, server: PlainServer) -> None:
        oauth = made(server, "custom", refresh_params=[])
        oauth.run()
        assert oauth.refresh().status == "passed"
        asked, again = server.posts("/token")
        assert ("tenant" in asked, "tenant" in again) == (True, False)

    def test_one_that_is_named_like_ours_takes_its_place(self, server: PlainServer) -> None:
        made(server, token_params={"redirect_uri": "http://127.0.0.1/other"}).run()
        assert server.posts("/token")[0]["redirect_uri"] == ["http://127.0.0.1/other"]

    @pytest.mark.parametrize(
        ("name", "value", "send_in"),
        [
            ("X-A", "a\r\nX-B: b", "header"),
            ("X A", "a", "header"),
            ("X-A\n", "a", "header"),
            ("X-A", " lead ", "header"),
            ("Content-Length", "5", "header"),
            ("transfer-encoding", "gzip", "header"),
            ("", "a", "body"),
            ("a", None, "body"),
            ("a", 7, "body"),
            ("a", "b", "cookie"),
        ],
    )
    def test_what_cannot_be_sent(self, name: Any, value: Any, send_in: Any) -> None:
        with pytest.raises(BadSetting, match="Parameter"):
            Parameter(name, value, send_in)


class TestImplicit:
    @pytest.mark.parametrize(
        ("fault", "rule", "passes"),
        [
            ("state", "state-mismatch", False),
            ("denied", "authorization-error", False),
            ("nonce", "id-token-nonce", True),
            ("no_token_type", "implicit-answer-incomplete", True),
            ("in_query", "implicit-answer-in-query", True),
            ("refresh_in_fragment", "implicit-refresh-token", True),
        ],
    )
    def test_what_a_server_does_wrong(self, fault: str, rule: str, *, passes: bool) -> None:
        with PlainServer(fault) as server:
            oauth = made(server, "implicit-id")
            oauth.authorize()
            report = oauth.callback()
            assert rule in {one.rule for one in report.findings}
            assert oauth.trace.run("callback").achieved is passes
            assert_no_leak(shown(oauth), [*server.issued, NONCE])

    def test_the_whole_address_is_pasted(self, server: PlainServer) -> None:
        oauth = made(server, "implicit", browser=None)
        link = oauth.authorize()
        assert link.url is not None
        asked = dict(part.split("=", 1) for part in link.url.partition("?")[2].split("&"))
        pasted = f"{oauth.trace.settings['redirect_uri']}#access_token=at-5Gk2-pasted&token_type=Bearer"
        report = oauth.callback(f"{pasted}&state={asked['state']}")
        assert oauth.trace.run("callback").achieved
        assert report.status == "passed"
        assert_no_leak(shown(oauth), ["at-5Gk2-pasted", asked["state"]])


class TestDevice:
    def test_the_code_is_shown_until_it_was_used(self, server: PlainServer) -> None:
        oauth = made(server, "device", browser=None)
        link = oauth.device()
        assert link.user_code == USER_CODE
        assert USER_CODE not in repr(link)
        assert USER_CODE not in "".join(render(link).values())
        assert oauth.token().status == "passed"
        assert_no_leak(shown(oauth), [*server.issued, USER_CODE])

    def test_what_a_hostile_server_sends_is_text(self) -> None:
        with PlainServer("hostile_device") as server:
            oauth = made(server, "device", browser=None)
            link = oauth.device()
        assert link.url is not None
        markup = render(LinkView(link, link.url, user_code=link.user_code))["text/html"]
        assert "<script" not in markup
        assert 'href="javascript' not in markup
        assert "device-uri-unusable" in {one.rule for one in oauth.diagnose().findings}

    def test_no_function_is_handed_what_a_browser_must_not_open(self) -> None:
        asked: list[str] = []
        with PlainServer("hostile_device") as server:
            made(server, "device", browser=lambda url: asked.append(url) or "").run()
        assert asked == []
        with PlainServer() as server:
            made(server, "device", browser=lambda url: asked.append(url) or "").run()
            assert asked == [server.at(f"/activate?user_code={USER_CODE}")]

    @pytest.mark.parametrize("expires_in", [0.001, -1])
    def test_a_code_that_ran_out_by_our_own_clock_is_told(self, server: PlainServer, expires_in: float) -> None:
        server.pending = 10**6
        oauth = made(server, "device")
        oauth.device()
        assert oauth.known.device is not None
        oauth._flow = oauth.known.learn(device=replace(oauth.known.device, expires_in_s=expires_in))
        report = oauth.token()
        assert report.cause is not None
        assert (report.cause.rule, report.cause.who) == ("device-code-expired", "user")
        assert "dbg.device()" in report.cause.fix
        assert "unexpected-answer" not in {one.rule for one in report.findings}

    @pytest.mark.parametrize("fault", ["access_denied", "expired_token"])
    def test_the_person_says_no_or_nothing(self, fault: str) -> None:
        with PlainServer(fault) as server:
            oauth = made(server, "device")
            report = oauth.run()
        assert report.failing_step == "token"
        assert report.cause is not None
        assert (report.cause.rule, report.cause.who) == ("token-refused", "user")

    @pytest.mark.parametrize(
        ("fault", "rule", "status"),
        [
            ("device_refused", "device-refused", "failed"),
            ("no_user_code", "device-answer-incomplete", "failed"),
            ("no_expires_in", "device-answer-incomplete", "warned"),
            ("pending_with_200", "device-pending-status", "warned"),
        ],
    )
    def test_what_a_server_does_wrong(self, fault: str, rule: str, status: str) -> None:
        with PlainServer(fault) as server:
            report = made(server, "device").run()
        assert rule in {one.rule for one in report.findings}
        assert report.status == status

    def test_waiting_is_bounded_and_goes_on_when_it_is_run_again(self) -> None:
        with PlainServer(pending=1, interval=0.2) as server:
            oauth = made(server, "device", browser=None, callback_timeout_s=0.3)
            oauth.device()
            with pytest.raises(CallbackTimeout, match="device"):
                oauth.token()
            assert oauth.diagnose().status_of("token") == "needs you"
            assert oauth.token().status == "passed"

    def test_waiting_can_be_interrupted_from_any_thread(self) -> None:
        with PlainServer(pending=1000, interval=60) as server:
            oauth = made(server, "device", browser=None)
            oauth.device()
            waiting = threading.Event()
            oauth._driver.announce = lambda _: waiting.set()
            caught: list[BaseException] = []

            def wait() -> None:
                try:
                    oauth.token()
                except CallbackTimeout as error:
                    caught.append(error)

            thread = threading.Thread(target=wait)
            thread.start()
            assert waiting.wait(10)
            oauth.interrupt()
            thread.join(10)
            assert not thread.is_alive()
            assert len(caught) == 1


class TestApi:
    @pytest.mark.parametrize(
        ("fault", "rules", "who", "words"),
        [
            ("api_refuses", {"api-refused"}, "API", "refused the access token"),
            ("api_silent", {"api-refused", "api-challenge-missing"}, "API", "as if no token"),
            ("forbidden", {"api-refused"}, "user", "too little scope"),
        ],
    )
    def test_refusals(self, fault: str, rules: set[str], who: str, words: str) -> None:
        with PlainServer(fault, "api_refuses") as server:
            report = made(server).run()
        assert {one.rule for one in report.findings} == rules
        assert report.cause is not None
        assert report.cause.who == who
        assert words in report.cause.summary

    def test_any_request(self, server: PlainServer) -> None:
        oauth = made(server)
        with pytest.raises(NotYet, match="access token"):
            oauth.request("GET")
        oauth.run()
        report = oauth.request("post", server.at("/api/items"), params={"a": ["1", "2"]}, json={"n": 1})
        assert report.status == "passed"
        method, path, headers, body = server.seen[-1]
        assert (method, path, body) == ("POST", "/api/items?a=1&a=2", '{"n":1}')
        assert headers["authorization"].startswith("Bearer access")
        oauth.request("POST", form={"k": "v w"})
        assert server.seen[-1][3] == "k=v+w"

    def test_an_unusual_prefix_is_what_a_refusal_is_blamed_on(self) -> None:
        with PlainServer("api_refuses") as server:
            report = made(server, "token-prefix").run()
        assert report.cause is not None
        assert "unusual prefix" in report.cause.summary

    def test_the_id_token_in_its_place(self, server: PlainServer) -> None:
        oauth = made(server, scope="openid read", use="id_token")
        report = oauth.run()
        assert server.seen[-1][2]["authorization"].startswith("Bearer eyJ")
        assert report.cause is not None
        assert "ID token" in report.cause.summary

    def test_custom_headers_go_to_the_api_alone(self, server: PlainServer) -> None:
        with PlainServer() as other:
            other.tokens = server.tokens
            made(server, api_url=other.at("/api"), headers={"X-Key": API_KEY}).run()
            assert other.seen[-1][2]["x-key"] == API_KEY
        assert all("x-key" not in headers for _, _, headers, _ in server.seen)

    def test_a_token_that_has_run_out_is_refreshed_where_that_is_wanted(self) -> None:
        with PlainServer(lifetime_s=0) as server:
            oauth = made(server, auto_refresh=True)
            oauth.authorize()
            oauth.callback()
            oauth.token()
            assert oauth.api().status == "passed"
            assert achieved(oauth)[-2:] == ["refresh", "api"]
            kept = made(server)
            kept.run()
            assert "refresh" not in achieved(kept)

    @pytest.mark.parametrize(
        "arguments",
        [
            ("G T",),
            (7,),
            ("GET", "ftp://x"),
            ("GET", "https://x/ y"),
            ("GET", 7),
        ],
    )
    def test_what_cannot_be_sent(self, server: PlainServer, arguments: tuple[Any, ...]) -> None:
        with pytest.raises(BadSetting):
            made(server).request(*arguments)

    def test_one_body_at_most(self, server: PlainServer) -> None:
        with pytest.raises(BadSetting, match="form"):
            made(server).request("POST", form={"a": "b"}, json={})


class TestEvidence:
    @pytest.mark.parametrize("case", GRANTS)
    def test_holds_no_secret_and_says_the_same_again(self, server: PlainServer, case: str, tmp_path: Path) -> None:
        oauth = made(server, case)
        oauth.run(afterwards=True)
        secrets = [*server.issued, CLIENT_SECRET, PASSWORD, USER_CODE, NONCE, API_KEY, *oauth._vault.values()]
        oauth.har(tmp_path / "saved.har")
        for suffix in ("json", "ipynb", "md"):
            oauth.save(tmp_path / f"saved.{suffix}")
        texts = [*shown(oauth), *(file.read_text() for file in tmp_path.iterdir())]
        assert_no_leak(texts, [one for one in secrets if len(one) > 3])
        told = oauth.diagnose()
        for name in ("saved.json", "saved.ipynb"):
            again = diagnose(load(tmp_path / name))
            assert (again.status, again.route) == (told.status, told.route)
            assert [one.rule for one in again.findings] == [one.rule for one in told.findings]
        assert check(tmp_path / "saved.ipynb", oauth.trace).leaks == ()

    @pytest.mark.parametrize("case", ["device", "basic", "client-credentials", "pkce"])
    def test_an_archive_is_judged_as_what_it_is(self, server: PlainServer, tmp_path: Path, case: str) -> None:
        oauth = made(server, case)
        oauth.run()
        oauth.har(tmp_path / "flow.har")
        assert diagnose(load_har(tmp_path / "flow.har")).status == "passed"

    def test_what_only_mcp_asks_for_is_not_tested(self, server: PlainServer) -> None:
        verdict = made(server).run().verdict
        assert verdict.outcomes["resource-not-sent"] == "not tested"
        assert verdict.reasons["resource-not-sent"] == "no MCP server in this flow"
        assert verdict.outcomes["state-mismatch"] == "passed"

    def test_a_script_asks_for_what_it_cannot_know(self, server: PlainServer) -> None:
        password, implicit, device = made(server, "password"), made(server, "implicit"), made(server, "device")
        for oauth in (password, implicit, device):
            oauth.run()
        assert "set PASSWORD in the environment" in str(password.curl())
        assert "read -rs ACCESS_TOKEN" in str(implicit.curl())
        assert "DEVICE_CODE=$(member device_code)" in str(device.curl())
        assert str(device.curl()).count("urn:ietf:params:oauth:grant-type:device_code") == 1


class TestRunner:
    def test_shows_the_code_of_a_device(self, server: PlainServer) -> None:
        runner = FlowRunner(made(server, "device", browser=None))
        shown_links: list[str] = []
        runner._link.observe(lambda change: shown_links.append(change["new"]), "value")
        runner._all()
        assert runner.status == "passed"
        assert USER_CODE in shown_links[0]
        assert runner._link.value == ""

    @pytest.mark.parametrize("case", ["pkce", "implicit", "device", "client-credentials"])
    def test_walks_the_route(self, server: PlainServer, case: str) -> None:
        runner = FlowRunner(made(server, case))
        assert runner.route == made(server, case).route()
        runner._all()
        assert runner.status in ("passed", "warned")
        assert runner.dbg.again().trace.runs == ()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no grant": ({"grant": "magic"}, "grant"),
    "not text": ({"grant": None}, "grant"),
    "no client": ({"client_id": None}, "client_id"),
    "no endpoints": ({"authorization_url": None}, "authorization_url"),
    "no token endpoint": ({"grant": "client_credentials", "token_url": None}, "token_url"),
    "no device endpoint": ({"grant": "device"}, "device_url"),
    "device elsewhere": ({"device_url": "https://as.example/d"}, "device_url"),
    "no URL": ({"token_url": "as.example/token"}, "token_url"),
    "a fragment": ({"api_url": "https://api.example/#x"}, "api_url"),
    "a document for an issuer": ({"issuer": "https://as.example/.well-known/openid-configuration"}, "issuer"),
    "short verifier": ({"code_verifier": "x" * 42}, "code_verifier"),
    "long verifier": ({"code_verifier": "x" * 129}, "code_verifier"),
    "strange verifier": ({"code_verifier": "x" * 42 + "!"}, "code_verifier"),
    "verifier without PKCE": ({"grant": "authorization_code", "code_verifier": VERIFIER}, "code_verifier"),
    "PKCE method": ({"pkce_method": "S512"}, "pkce_method"),
    "plain without PKCE": ({"grant": "authorization_code", "pkce_method": "plain"}, "pkce_method"),
    "empty state": ({"state": ""}, "state"),
    "state without browser": ({"grant": "client_credentials", "state": "x"}, "state"),
    "no password": ({"grant": "password", "username": "a"}, "password"),
    "no username": ({"grant": "password", "password": "a"}, "username"),
    "password elsewhere": ({"password": PASSWORD}, "password"),
    "response type": ({"grant": "implicit", "response_type": "code"}, "response_type"),
    "ID token without nonce": ({"grant": "implicit", "response_type": "id_token token"}, "nonce"),
    "response type of a code": ({"response_type": "code"}, "response_type"),
    "token parameters of the implicit grant": ({"grant": "implicit", "token_params": {"a": "b"}}, "token_params"),
    "body of a link": ({"authorization_params": [Parameter("a", "b")]}, "authorization_params"),
    "header of a link": ({"authorization_params": [Parameter("a", "b", "header")]}, "authorization_params"),
    "parameters of another kind": ({"token_params": ["a=b"]}, "token_params"),
    "client auth": ({"client_auth": "digest"}, "client_auth"),
    "basic without secret": ({"client_auth": "basic"}, "client_secret"),
    "none with secret": ({"client_auth": "none", "client_secret": CLIENT_SECRET}, "client_auth"),
    "client twice": ({"client": Client("c")}, "client"),
    "no client at all": ({"client_id": None, "client": "c"}, "client"),
    "prefix": ({"header_prefix": "Bearer\r\nX: y"}, "header_prefix"),
    "prefix of two words": ({"header_prefix": "Be arer"}, "header_prefix"),
    "prefix with a separator": ({"header_prefix": "Token:"}, "header_prefix"),
    "token with a line break": ({"access_token": f"{PASSWORD}\n"}, r"access_token=token.strip\(\)"),
    "header with a blank around it": ({"api_url": "https://api.example/", "headers": {"X": " a"}}, "white space"),
    "header of the framing": (
        {"api_url": "https://api.example/", "headers": {"Content-Length": "5"}},
        "Content-Length",
    ),
    "token place": ({"token_in": "cookie"}, "token_in"),
    "token use": ({"use": "refresh_token"}, "use"),
    "headers without API": ({"headers": {"a": "b"}}, "headers"),
    "browser": ({"browser": "chrome"}, "browser"),
    "remote redirect": ({"redirect_uri": "https://app.example/cb"}, "redirect_uri"),
    "audience": ({"audience": [7]}, "audience"),
    "scope": ({"scope": 7}, "scope"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_before_anything_is_sent(case: str) -> None:
    changes, named = REFUSED[case]
    given = {"authorization_url": "https://as.example/a", "token_url": "https://as.example/t", "client_id": "c"}
    with pytest.raises(BadSetting, match=named) as refused:
        OAuth2(**{**given, **changes})
    for secret in (PASSWORD, CLIENT_SECRET, VERIFIER):
        assert secret not in str(refused.value)


def test_a_remote_callback_that_is_registered_is_pasted() -> None:
    given = {"authorization_url": "https://as.example/a", "token_url": "https://as.example/t", "client_id": "c"}
    oauth = OAuth2(**given, redirect_uri="https://app.example/cb", allow_remote_redirect=True)
    oauth.authorize()
    assert "not on this machine" in oauth.redirect_problem
