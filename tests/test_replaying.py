"""`replay`: a recorded run made again, with what the record holds, and only with that."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_nb import BadSetting, Client, Debugger, McpOAuthError, NotYet, Trace, compare, load, replay
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.evidence.restore import settings_of
from mcp_oauth_nb.mime import render
from tests.leaks import assert_no_leak
from tests.markup import read_markup
from tests.views.test_displays import HOSTILE

KEY = "k3y-0f-th3-gat3way"


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


def ran(server: DemoServer, **settings: Any) -> Debugger:
    dbg = Debugger(server.url, **{"browser": "follow", **settings})
    dbg.run(afterwards=True)
    return dbg


@pytest.mark.parametrize("held", ["path", "trace", "report", "debugger"])
def test_the_same_run_again(server: DemoServer, tmp_path: Path, held: str) -> None:
    dbg = ran(server, scope="mcp:tools")
    path = dbg.save(tmp_path / "run.json")
    evidence = {"path": path, "trace": load(path), "report": dbg.diagnose(), "debugger": dbg}[held]
    again = replay(evidence)
    assert again.comparison.meaningful == ()
    assert again.notes == ()
    assert [run.step for run in again.trace.runs] == [run.step for run in dbg.trace.runs]
    assert again.report.status == "passed"
    assert compare(path, again).first is None
    assert again.trace.exchanges != dbg.trace.exchanges


def test_after_the_server_was_mended(tmp_path: Path) -> None:
    with DemoServer("wrong-resource") as server:
        path = ran(server).save(tmp_path / "run.ipynb")
        assert replay(path).comparison.first is None
        server.mend()
        again = replay(path)
        assert again.report.status == "passed"
        assert again.comparison.first is not None
        assert again.comparison.first.part == "body /resource"
        stayed = replay(path, go_on=False)
        assert [run.step for run in stayed.trace.runs] == ["challenge", "resource_metadata"]
    assert "Made again: passed" in render(again)["text/plain"]
    assert read_markup(render(again)["text/html"]).problems == []


def test_against_another_server_with_the_edits_that_were_made(server: DemoServer, tmp_path: Path) -> None:
    dbg = Debugger(server.url, browser="follow", resource=str(server.url))
    for name in ("challenge", "resource_metadata", "server_metadata", "register", "pkce"):
        getattr(dbg, name)()
    dbg.authorize(params={"scope": "mcp:tools", "state": "my-0wn-st4te-0123456789", "prompt": None})
    dbg.callback()
    dbg.token(form={"resource": None, "again": str(server.url)}, headers={"Accept-Language": "de", "X-Note": "one"})
    path = dbg.save(tmp_path / "run.json")
    with DemoServer() as other:
        again = replay(path, str(other.url))
        assert {seen.path for seen in other.log} >= {"/token"}
    edited = {name for one in again.trace.exchanges for name in one.edited}
    assert edited == {"params.scope", "params.prompt", "form.resource", "form.again", "headers.Accept-Language"}
    assert {one.part for one in again.comparison.meaningful} == {"edited", "header x-note"}
    assert "An edit that holds a secret was left out (token: headers.X-Note)." in again.notes
    assert "An edit that holds a secret was left out (authorize: params.state)." in again.notes
    assert any("resource indicator" in note for note in again.notes)
    sent = again.trace.exchanges[-1].request.body.decode()
    assert str(other.url).removeprefix("http://127.0.0.1:").removesuffix("/mcp") in sent


def test_probes_and_calls_are_made_again(server: DemoServer, tmp_path: Path) -> None:
    dbg = ran(server)
    dbg.probe("without_token")
    dbg = Debugger(server.url, browser="follow")
    dbg.run()
    dbg.probe("without_token")
    dbg.mcp("tools/list")
    dbg.introspect()
    again = replay(dbg.save(tmp_path / "run.json"))
    assert again.comparison.first is None
    assert [run.step for run in again.trace.runs][-3:] == ["without_token", "call", "introspect"]


def test_tools_are_called_only_where_that_is_said(server: DemoServer, tmp_path: Path) -> None:
    dbg = Debugger(server.url, browser="follow", tool=("echo", {"text": "hello"}))
    dbg.run()
    dbg.mcp("tools/call", {"name": "echo", "arguments": {"text": "again"}})
    path = dbg.save(tmp_path / "run.json")
    safe, all_of_it = replay(path), replay(path, tools=True)
    assert not any(b"tools/call" in one.request.body for one in safe.trace.exchanges)
    assert len([note for note in safe.notes if "tools=True" in note]) == 2
    assert sum(b"tools/call" in one.request.body for one in all_of_it.trace.exchanges) == 2
    assert all_of_it.comparison.first is None


class TestMissing:
    def test_a_client_secret_and_headers(self, server: DemoServer, tmp_path: Path) -> None:
        known = server.confidential_client
        client = Client(known.client_id, secret=known.client_secret)
        dbg = ran(server, client=client, headers={"X-Api-Key": KEY})
        path = dbg.save(tmp_path / "run.json")
        with pytest.raises(BadSetting, match=r"replay\(client=\).*secret.*getpass"):
            replay(path)
        with pytest.raises(BadSetting, match=r"replay\(headers=\).*X-Api-Key"):
            replay(path, client=client)
        again = replay(path, client=client, headers={"X-Api-Key": KEY})
        assert again.comparison.first is None
        secrets = [KEY, *server.secrets_issued()]
        assert_no_leak([*render(again).values(), repr(again), str(again.notes)], secrets)

    def test_a_debugger_keeps_them_for_its_own_server_only(self, server: DemoServer) -> None:
        known = server.confidential_client
        dbg = ran(server, client=Client(known.client_id, secret=known.client_secret))
        assert replay(dbg).comparison.first is None
        with DemoServer() as other, pytest.raises(BadSetting, match="client"):
            replay(dbg, str(other.url))

    def test_an_access_token(self, server: DemoServer, tmp_path: Path) -> None:
        token = ran(server).tokens
        assert token is not None
        fresh = Debugger(server.url, browser="follow")
        fresh.run()
        assert fresh.tokens is not None
        dbg = Debugger(server.url, access_token=fresh.tokens.access_token)
        dbg.mcp()
        path = dbg.save(tmp_path / "run.json")
        with pytest.raises(BadSetting, match=r"replay\(access_token=\)"):
            replay(path)
        assert replay(path, access_token=fresh.tokens.access_token).comparison.first is None

    @pytest.mark.parametrize(
        ("settings", "argument"),
        [
            ({"verify": "off"}, "verify"),
            ({"verify": "own CA bundle"}, "verify"),
            ({"redirect_uri": "https://evil.example/cb"}, "redirect_uri"),
            ({"browser": "a function"}, "browser"),
            ({"grant": "jwt_bearer"}, "assertion"),
            ({"grant": "enterprise"}, "enterprise"),
            ({"url": "https://user:p4ssw0rd-1@a.example/mcp"}, "url"),
        ],
    )
    def test_what_no_file_decides(self, settings: dict[str, str], argument: str) -> None:
        restored = settings_of(Trace(settings=settings))
        assert argument in {one.argument for one in restored.missing}
        assert "p4ssw0rd" not in str(restored.missing)


def test_settings_come_back() -> None:
    told = {
        "url": "https://a.example/mcp",
        "protocol": "2026-07-28",
        "protocol told": "server/discover was answered",
        "scope": "a b",
        "left out": "resource",
        "registration": "dcr",
        "issuer chosen": "https://i.example",
        "dpop": "key made for this run, ES256",
        "path_scoped_issuer": "tried as well",
        "client_id": "abc",
        "browser": "follow",
        "redirect_uri": "http://127.0.0.1:81/callback",
        "on_violation": "continue",
    }
    restored = settings_of(Trace(settings=told))
    assert restored.missing == ()
    client = restored.settings["client"]
    assert client.client_id == "abc"
    assert {name: value for name, value in restored.settings.items() if name != "client"} == {
        "url": "https://a.example/mcp",
        "protocol": "auto",
        "scope": "a b",
        "resource": "",
        "registration": "dcr",
        "authorization_server": "https://i.example",
        "dpop": True,
        "path_scoped_issuer": True,
        "browser": "follow",
        "on_violation": "continue",
    }
    assert settings_of(Trace(settings={**told, "protocol told": ""})).settings["protocol"] == "auto"
    again = settings_of(Trace(settings={**told, "dpop algorithm chosen": "PS256", "client_auth_method": "none"}))
    assert (again.settings["dpop"], again.settings["client_auth_method"]) == ("PS256", "none")
    del told["protocol told"]
    assert settings_of(Trace(settings=told)).settings["protocol"] == "2026-07-28"


@pytest.mark.parametrize("value", [*HOSTILE, "form.x", "json.", "params.\ud800", "headers.a b", "headers.x\ny", "form"])
def test_a_strangers_file_ends_in_no_traceback(server: DemoServer, tmp_path: Path, value: str) -> None:
    path = ran(server).save(tmp_path / "run.json")
    document = json.loads(path.read_text())
    for one in document["exchanges"]:
        one["edited"] = [value, f"form.{value}", f"headers.{value}"]
        one["request"]["body"] = "7" if one["id"] % 2 else one["request"]["body"]
    path.write_text(json.dumps(document))
    try:
        made = render(replay(path))
    except McpOAuthError:
        return
    assert read_markup(made["text/html"]).problems == []
    assert not any(line.startswith("[PASSED] 1. all is well") for line in made["text/plain"].splitlines())


@pytest.mark.parametrize("name", ["url", "grant", "client_id", "client_metadata_url", "resource", "issuer chosen", "x"])
def test_a_strangers_settings_end_in_no_traceback(server: DemoServer, tmp_path: Path, name: str) -> None:
    path = ran(server).save(tmp_path / "run.json")
    document = json.loads(path.read_text())
    for value in ("http://[::1/", "", "\ud800", "javascript:alert(1)"):
        document["settings"][name] = value
        path.write_text(json.dumps(document))
        with contextlib.suppress(McpOAuthError):  # anything else is a traceback from the depths
            assert replay(path).report.status


def test_mistakes(server: DemoServer) -> None:
    dbg = ran(server)
    with pytest.raises(BadSetting, match="protocols"):
        replay(dbg, protocols="2025-06-18")
    with pytest.raises(BadSetting, match="evidence"):
        replay(5)
    with pytest.raises(BadSetting, match="url"):
        replay(dbg, 5)  # type: ignore[arg-type]
    with pytest.raises(NotYet):
        replay(Debugger(server.url))


def test_a_record_that_breaks_off_later_than_the_new_run(tmp_path: Path) -> None:
    with DemoServer() as server:
        path = ran(server).save(tmp_path / "run.json")
        server.break_with("no-s256")
        again = replay(path)
    assert again.report.failing_step == "server_metadata"
    assert "It ended in server_metadata, which the record got past." in again.notes
    assert again.comparison.first is not None
    assert again.comparison.first.step == "server_metadata"
