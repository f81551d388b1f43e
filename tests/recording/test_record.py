"""What a user types: `record(client)`, the looks at it, what it refuses, and that no secret is in any of it."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import pytest
from leaks import assert_no_leak
from saved import leaks

from mcp_oauth_nb import BadSetting, DemoServer, Recording, check, diagnose, load_har, record
from mcp_oauth_nb.facts import table_of
from mcp_oauth_nb.facts.table import TABLES
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.grants import ROUTE
from mcp_oauth_nb.protocol.pkce import pkce_from
from mcp_oauth_nb.redact import redact

from .sdk import REDIRECT_URI, Person, client, provider, session

API_KEY, TENANT = "sk-live-5b1f0c9a7d3e4862", "tenant-7f3a9b2c4d5e"
ACCEPT = {"Accept": "application/json, text/event-stream"}
INFO = {"name": "by hand", "version": "1"}


def rpc(http: Any, url: str, number: int | None, method: str, params: dict, headers: dict) -> Any:
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    body = {name: value for name, value in message.items() if value is not None}
    return http.post(url, json=body, headers=ACCEPT | headers)


def by_hand(http: Any, server: DemoServer, recording: Recording) -> set[str]:
    """A whole flow with a plain client, as somebody types it into a notebook; returns its secrets."""
    opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": INFO}
    rpc(http, server.url, 1, "initialize", opening, {})
    http.get(f"{server.issuer}/.well-known/oauth-protected-resource/mcp")
    known = http.get(f"{server.issuer}/.well-known/oauth-authorization-server").json()
    asked = {
        "client_name": "by hand",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    client_id = http.post(known["registration_endpoint"], json=asked).json()["client_id"]
    pair, state = pkce_from(b"0123456789abcdef0123456789abcdef"), "state-8d1f5a9c3b7e2046"
    params = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "code_challenge": pair.challenge,
        "code_challenge_method": "S256",
        "state": state,
        "scope": "mcp:tools",
        "resource": server.url,
    }
    page = http.get(known["authorization_endpoint"], params=params)
    back = http.get(page.headers["location"]).headers["location"]
    recording.redirect(back)
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(back).query)["code"][0],
        "redirect_uri": REDIRECT_URI,
        "code_verifier": pair.verifier,
        "resource": server.url,
        "client_id": client_id,
    }
    tokens = http.post(known["token_endpoint"], data=form).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    opened = rpc(http, server.url, 1, "initialize", opening, headers)
    sid = opened.headers["mcp-session-id"]
    headers |= {"Mcp-Session-Id": sid, "MCP-Protocol-Version": "2025-11-25"}
    rpc(http, server.url, None, "notifications/initialized", {}, headers)
    rpc(http, server.url, 2, "tools/list", {}, headers)
    return {state, form["code"], pair.verifier, tokens["access_token"], tokens["refresh_token"], sid}


@pytest.fixture(scope="module")
def typed() -> Iterator[tuple[Recording, set[str]]]:
    """A flow by hand, with headers of the user's own, and what must not show."""
    own = {"X-Api-Key": API_KEY, "X-Tenant": TENANT}
    with DemoServer() as server, httpx.Client(trust_env=False, timeout=10, headers=own) as http:
        with record(http) as recording:
            secrets = by_hand(http, server, recording)
        yield recording, {*secrets, *server.secrets_issued(), API_KEY, TENANT}


def displays(recording: Recording) -> Iterator[str]:
    """Every text that a cell could be left with."""
    trace, report = recording.trace, recording.diagnose()
    things = [recording, trace, report, *trace.exchanges, *trace.runs, *report.findings, *recording._collector._told]
    yield from map(repr, [*things, recording.__dict__, recording._collector.__dict__])
    yield from map(str, things)
    for thing in (recording, trace, report, *trace.exchanges):
        yield from render(thing).values()
    yield recording.frame.to_string()
    yield from (repr(table) for name in TABLES if (table := table_of(trace, name)) is not None)


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
def test_a_flow_by_hand_lands_in_the_same_steps(library: Any) -> None:
    with DemoServer() as server, library.Client(trust_env=False, timeout=10) as http, record(http) as recording:
        by_hand(http, server, recording)
    report = recording.diagnose()
    assert {report.status_of(step) for step in ROUTE} == {"passed"}
    assert (report.status, list(report.findings)) == ("passed", [])
    assert recording.trace.settings["url"] == server.url
    assert recording.trace.settings["protocol"] == "2025-11-25"


def test_it_can_be_looked_at_while_it_goes_on() -> None:
    with DemoServer() as server, httpx.Client(trust_env=False, timeout=10) as http:
        recording = record(http)
        assert (recording.diagnose().status, recording.exchanges) == ("incomplete", ())
        assert repr(recording) == "<Recording of 0 exchanges, on>"
        http.get(f"{server.issuer}/.well-known/oauth-protected-resource/mcp")
        assert [one.step for one in recording.exchanges] == ["resource_metadata"]
        recording.stop()
        http.get(server.issuer)
        assert repr(recording) == "<Recording of 1 exchanges, stopped>"


def test_a_recording_is_displayed_like_its_report(typed: tuple[Recording, set[str]]) -> None:
    recording, _ = typed
    shown = recording._repr_mimebundle_()
    assert shown == recording.diagnose()._repr_mimebundle_() == diagnose(recording)._repr_mimebundle_()
    assert list(recording.frame["step"]) == list(recording.trace.frame["step"])


def test_no_secret_is_in_any_display(typed: tuple[Recording, set[str]]) -> None:
    recording, secrets = typed
    assert len(secrets) >= 8
    assert_no_leak(displays(recording), secrets)


def test_no_secret_is_in_any_file(typed: tuple[Recording, set[str]], tmp_path: Path) -> None:
    recording, secrets = typed
    har = recording.har(tmp_path / "flow.har")
    assert json.loads((tmp_path / "flow.har").read_text()) == har
    for name in ("flow.json", "flow.ipynb", "flow.md"):
        recording.save(tmp_path / name)
    for file in tmp_path.iterdir():
        assert leaks(file.read_text(), secrets) == []
        assert check(file).clean, file.name
    assert [one.step for one in load_har(tmp_path / "flow.har").exchanges] == [one.step for one in recording.exchanges]


def test_it_can_be_carried_away_as_a_debugger_can(typed: tuple[Recording, set[str]]) -> None:
    recording, secrets = typed
    block, outlooks = recording.support(), recording.other_clients()
    assert block.text.startswith("### MCP authorization: passed")
    assert not outlooks.frame.empty
    for shown in (block.text, repr(outlooks), outlooks.frame.to_csv()):
        assert [secret for secret in secrets if secret in shown] == []


def test_no_secret_is_logged_and_none_stands_in_an_exception(caplog: pytest.LogCaptureFixture) -> None:
    recording = record()
    with pytest.raises(BadSetting) as refused:
        recording.authorization("code=" + API_KEY)
    with pytest.raises(BadSetting) as unfinished:
        recording.redirect(API_KEY)
    caplog.set_level(logging.DEBUG, "mcp_oauth_nb")
    with DemoServer() as server, recording:
        person = Person(recording)
        asyncio.run(session(server.url, recording.add(client(provider(server.url, person.opens, person.comes_back)))))
        secrets = server.secrets_issued()
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("mcp_oauth_nb")]
    assert_no_leak([*ours, str(refused.value), str(unfinished.value)], {*secrets, API_KEY})


def test_the_secrets_of_what_nobody_looked_at_are_searched_for(tmp_path: Path) -> None:
    """`check` knows the secrets of every recording of this process, also of a request that is still under way."""
    answers = httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"never read")))
    http = httpx.Client(transport=answers)
    recording = record(http)
    secret = "plain-words-but-a-token"
    with http.stream("GET", "http://a.example/", headers={"Authorization": f"Bearer {secret}"}):
        file = tmp_path / "notes.txt"
        file.write_text(f"it said {secret} there")
        assert not check(file).clean
    assert len(recording.exchanges) == 1


def test_a_url_with_a_password_is_masked() -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(401)))
    with record(http) as recording:
        http.get("http://someone:pa55w0rd-9f3c@a.example/mcp", params={"api_key": API_KEY})
    assert_no_leak(displays(recording), ["pa55w0rd-9f3c", API_KEY])


def test_hostile_text_of_a_server_is_shown_as_text() -> None:
    page = "<script>alert(1)</script>"
    answer = httpx.Response(401, headers={"WWW-Authenticate": f'Bearer realm="{page}"'}, html=page)
    http = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    with record(http) as recording:
        http.post("http://a.example/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "initialize"})
    shown = redact(recording.exchanges[0])
    assert page in shown.response.body.decode()
    assert "<script" not in render(recording)["text/html"]


@pytest.mark.parametrize("url", [None, 1, "", "not a URL", "code-alone"])
def test_a_redirect_that_is_none_is_refused(url: Any) -> None:
    with pytest.raises(BadSetting, match=r"redirect\(url\)"):
        record().redirect(url)


@pytest.mark.parametrize("url", [None, "", "/authorize?client_id=1", "javascript:alert(1)"])
def test_an_authorization_url_that_is_none_is_refused(url: Any) -> None:
    with pytest.raises(BadSetting, match=r"authorization\(url\)"):
        record().authorization(url)


def test_odd_urls_from_handlers_are_evidence() -> None:
    recording = record()
    for url in ("http://[::1/", "http://a.example/?response_type=code&redirect_uri=http://[::1/", "\ud800"):
        recording._collector.sent(url)
        recording._collector.came_back(("code", "state"))
    recording.redirect("http://[::1/?code=1&state=2")
    assert render(recording)["text/plain"]


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a": ' + b"9" * 6000 + b"}", b"\xff\xfe\x00", b'"\\ud800"'])
def test_odd_bodies_are_evidence(body: bytes, tmp_path: Path) -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)))
    with record(http) as recording:
        http.post("http://a.example/mcp", content=body)
        http.get("http://a.example/.well-known/oauth-protected-resource/mcp")
    assert render(recording)["text/plain"]
    recording.save(tmp_path / "odd.json")


def test_handlers_must_be_functions() -> None:
    with pytest.raises(BadSetting, match="callback_handler: got a NoneType"):
        record().handlers(Person().opens, None)


def test_a_recording_that_was_stopped_takes_no_client() -> None:
    recording = record()
    recording.stop()
    with pytest.raises(BadSetting, match="a recording that was stopped"):
        recording.add(httpx.Client())
    recording.redirect("http://127.0.0.1/callback?code=1")
    assert len(recording.exchanges) == 0


def test_pairs_of_code_and_state_are_taken_as_well() -> None:
    """So the first generation of the MCP SDK hands the redirect on."""
    recording = record()
    recording.authorization(f"https://a.example/authorize?response_type=code&redirect_uri={REDIRECT_URI}")
    recording._collector.came_back(("the-code", "the-state"))
    assert recording.exchanges[-1].request.url == f"{REDIRECT_URI}?code=the-code&state=the-state"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"headers": {"X-A": "1"}, "timeout": httpx2.Timeout(3), "follow_redirects": True},
        {"auth": httpx2.BasicAuth("a", "b"), "verify": False},
    ],
    ids=["nothing", "as FastMCP does", "more than the SDK takes"],
)
def test_the_factory_makes_what_the_sdk_would_make(arguments: dict[str, Any]) -> None:
    with record() as recording:
        made = recording.client_factory(**arguments)
    assert isinstance(made, httpx2.AsyncClient)
    assert made.follow_redirects is arguments.get("follow_redirects", False)
    if not arguments:
        from mcp.shared._httpx_utils import create_mcp_http_client

        assert made.timeout == create_mcp_http_client().timeout


def test_nothing_of_httpx2_or_the_sdk_is_imported_for_a_client_of_httpx() -> None:
    code = (
        "import sys, httpx; from mcp_oauth_nb import record; recording = record(httpx.Client()); "
        "made = record().client_factory(); recording.diagnose(); assert type(made) is httpx.AsyncClient; "
        "print([name for name in ('httpx2', 'mcp', 'fastmcp', 'pandas', 'nbformat') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
