"""Whole runs side by side: healthy ones are alike, files compare as what was saved, and no secret is in a display."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_nb import (
    BadSetting,
    Client,
    Comparison,
    Debugger,
    NotOurs,
    NotYet,
    Report,
    Trace,
    compare,
    diagnose,
    load,
)
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.mime import render
from tests.leaks import assert_no_leak
from tests.markup import read_markup

WAYS: dict[str, dict[str, Any]] = {
    "auto": {},
    "2025-03-26": {"protocol": "2025-03-26"},
    "2025-06-18": {"protocol": "2025-06-18"},
    "2025-11-25": {"protocol": "2025-11-25"},
    "2026-07-28": {"protocol": "2026-07-28"},
    "dpop": {"dpop": True},
    "a tool": {"tool": ("echo", {"text": "hello"})},
    "local document": {"registration": "cimd", "client_metadata_url": "local"},
    "other headers": {"headers": {"X-Api-Key": "k3y-0f-th3-gat3way"}},
}


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


def ran(server: DemoServer, **settings: Any) -> Debugger:
    dbg = Debugger(server.url, **{"browser": "follow", **settings})
    dbg.run(afterwards=True)
    return dbg


def texts(made: Comparison) -> list[str]:
    return [*render(made).values(), repr(made), str(made), made.frame.to_csv(), repr(made.differences)]


@pytest.mark.parametrize("way", WAYS)
def test_two_healthy_runs_are_alike(way: str) -> None:
    old = way == "2025-03-26"
    with DemoServer(require_resource=not old) as one, DemoServer(require_resource=not old) as other:
        a, b, again = ran(one, **WAYS[way]), ran(other, **WAYS[way]), ran(one, **WAYS[way])
        elsewhere, here = compare(a, b), compare(a, again)
    for made in (elsewhere, here):
        assert [(one.step, one.part, one.sides) for one in made.meaningful] == []
        assert made.first is None
        assert [one for one in made.differences if one.sort == "table"] == []
        assert made.equal > 100
        assert made.renewed > 10
        assert "no meaningful difference" in render(made)["text/plain"]


@pytest.mark.parametrize("jwt", [False, True])
def test_machines_are_alike(jwt: bool) -> None:
    with DemoServer(jwt=jwt) as one, DemoServer(jwt=jwt) as other:
        runs = []
        for server in (one, other):
            client = Client(server.confidential_client.client_id, secret=server.confidential_client.client_secret)
            runs.append(Debugger(server.url, grant="client_credentials", client=client))
            runs[-1].run()
        assert compare(*runs).first is None


def test_a_token_for_somebody_else_differs_in_its_audience() -> None:
    with DemoServer(jwt=True) as one, DemoServer("audience-of-another", jwt=True) as other:
        made = compare(ran(one), ran(other), names=("works", "fails"))
    found = [one for one in made.meaningful if one.part == "body /access_token → aud"]
    assert [one.step for one in found] == ["token"]
    assert found[0].sides[0].startswith("http://127.0.0.1:")
    assert made.first is not None
    assert made.first.step == "token"


def test_hosts_count_where_that_is_wanted() -> None:
    with DemoServer() as one, DemoServer() as other:
        a, b = ran(one), ran(other)
        made = compare(a, b, align_hosts=False)
    assert made.first is not None
    assert (made.first.sort, made.first.part) == ("setting", "setting url")
    assert made.notes == ()
    assert len(compare(a, b).notes) == 2


def test_two_versions_differ_first_in_the_first_request(server: DemoServer) -> None:
    made = compare(ran(server, protocol="2025-11-25"), ran(server, protocol="2026-07-28"))
    assert [one.part for one in made.meaningful[:1]] == ["setting protocol"]
    first = next(one for one in made.meaningful if one.sort == "request")
    assert first.step == "challenge"
    assert any(one.part == "body /method" and one.sides == ("initialize", "server/discover") for one in made.meaningful)
    assert any(one.part == "request" and "(absent)" in one.sides for one in made.meaningful)


def test_an_edit_is_the_first_difference(server: DemoServer) -> None:
    a = ran(server)
    b = Debugger(server.url, browser="follow")
    for name in ("challenge", "resource_metadata", "server_metadata", "register", "pkce", "authorize", "callback"):
        getattr(b, name)()
    b.token(form={"resource": None})
    made = compare(a, b, names=("as it is", "without resource"))
    assert made.first is not None
    assert (made.first.step, made.first.sort, made.first.part) == ("token", "request", "form resource")
    assert made.first.sides[1] == "(absent)"
    assert "resource" in render(made)["text/html"]
    assert any(one.part == "edited" and one.sides == ("(absent)", "form.resource") for one in made.meaningful)
    assert next(one for one in made.differences if one.part == "steps").sides[1] == "did not run"


def test_files_compare_as_the_runs_that_were_saved(server: DemoServer, tmp_path: Path) -> None:
    good = ran(server)
    server.break_with("no-s256")
    bad = ran(server)
    files = good.save(tmp_path / "good.json"), bad.save(tmp_path / "bad.ipynb")
    live = compare(good, bad)
    step_report = Report(good.trace, "token")
    for a, b in ((files[0], str(files[1])), (good.diagnose(), load(files[1])), (step_report, bad.trace)):
        made = compare(a, b)
        assert made.first is not None
        assert live.first is not None
        assert (made.first.step, made.first.part) == (live.first.step, live.first.part)
    made = compare(*files)
    assert [(one.part, one.sides) for one in made.differences] == [(one.part, one.sides) for one in live.differences]


def test_a_run_is_its_own_file(server: DemoServer, tmp_path: Path) -> None:
    dbg = ran(server)
    for made in (compare(dbg, dbg.save(tmp_path / "x.json")), compare(dbg, dbg)):
        assert made.first is None
        assert made.matched is None


class TestTags:
    def test_shared_by_another_debugger(self, server: DemoServer) -> None:
        secret = server.confidential_client.client_secret
        client = Client(server.confidential_client.client_id, secret=secret)
        a = ran(server, client=client)
        b, c = a.again(same_tags=True), Debugger(server.url, client=client, browser="follow", same_tags_as=a.trace)
        for dbg in (b, c):
            dbg.run(afterwards=True)
            made = compare(a, dbg)
            assert made.first is None
            assert made.matched
            assert secret
            assert a.trace.vault.tag(secret, "x") == dbg.trace.vault.tag(secret, "x")
            assert "share their tags" in render(made)["text/plain"]
            assert_no_leak(texts(made), server.secrets_issued())
        assert compare(a, a.again().run()).matched is None
        assert b.again().trace.vault.shares_tags_with(a.trace.vault)

    def test_known_in_files_as_well(self, server: DemoServer, tmp_path: Path) -> None:
        client = Client(server.confidential_client.client_id, secret=server.confidential_client.client_secret)
        a = ran(server, client=client)
        b = a.again(same_tags=True)
        b.run(afterwards=True)
        made = compare(a.save(tmp_path / "a.json"), b.save(tmp_path / "b.json"))
        assert made.matched == compare(a, b).matched
        assert made.matched

    def test_the_key_is_in_no_file_and_no_repr(self, server: DemoServer, tmp_path: Path) -> None:
        a = ran(server)
        b = a.again(same_tags=True)
        b.run()
        key = a.trace.vault._key
        written = b.save(tmp_path / "b.json").read_text()
        assert_no_leak([written, repr(b), repr(b.trace), repr(b._same), str(dict(b.trace.settings))], [key.hex()])
        assert repr(key) not in written

    @pytest.mark.parametrize("other", ["x", 5, Debugger, Trace])
    def test_of_nothing(self, server: DemoServer, other: object) -> None:
        with pytest.raises(BadSetting, match="same_tags_as"):
            Debugger(server.url, same_tags_as=other)

    def test_of_a_file(self, server: DemoServer, tmp_path: Path) -> None:
        loaded = load(ran(server).save(tmp_path / "x.json"))
        with pytest.raises(BadSetting, match="key"):
            Debugger(server.url, same_tags_as=loaded)


def test_again_with_other_settings(server: DemoServer) -> None:
    dbg = Debugger(server.url, browser="follow", headers={"X-Api-Key": "k3y-0f-th3-gat3way"})
    other = dbg.again(protocol="2025-06-18")
    assert other.run().status == "passed"
    assert "X-Api-Key" in other.trace.settings["custom headers"]
    with pytest.raises(BadSetting, match="protocols"):
        dbg.again(protocols="2025-06-18")


@pytest.mark.parametrize("way", ["auto", "dpop", "other headers"])
def test_no_secret_is_in_a_comparison(way: str, tmp_path: Path) -> None:
    with DemoServer() as one, DemoServer("no-rotation" if way == "auto" else "token-rejected") as other:
        a, b = ran(one, **WAYS[way]), ran(other, **WAYS[way])
        made = compare(a, b)
        known = one.secrets_issued() | other.secrets_issued() | {*a.trace.vault.values(), *b.trace.vault.values()}
    assert made.first is not None
    assert_no_leak(texts(made), [secret for secret in known if len(secret) >= 8])
    assert read_markup(render(made)["text/html"]).problems == []


def test_for_pandas(server: DemoServer) -> None:
    good = ran(server)
    server.break_with("wrong-resource")
    frame = compare(good, ran(server), names=("good", "bad")).frame
    assert frame.loc[0, "part"] == "body /resource"
    assert frame.loc[0, "bad"] == "https://other.example/mcp"
    assert set(frame["sort"]) <= {"verdict", "setting", "request", "answer", "outcome", "table", "noise"}


def test_tables_that_differ_are_told_apart(server: DemoServer) -> None:
    good = ran(server)
    server.break_with("wrong-resource")
    told = {one.part: one.sides for one in compare(good, ran(server)).differences if one.sort == "table"}
    assert told["table answerers"][0].startswith("Who answered: 1 origin, by itself (")
    assert [part for part, (a, b) in told.items() if a == b] == []


@pytest.mark.parametrize("wrong", [None, 5, b"x", [], Debugger])
def test_what_holds_no_run(server: DemoServer, wrong: object) -> None:
    with pytest.raises(BadSetting, match=r"compare\(b\)"):
        compare(ran(server), wrong)


@pytest.mark.parametrize("names", ["ab", ("a",), ("a", "a"), ("a", ""), ("a", 5), None, ("x" * 50, "x" * 60)])
def test_names_that_are_none(server: DemoServer, names: Any) -> None:
    with pytest.raises(BadSetting, match="names"):
        compare(ran(server), ran(server), names=names)


def test_other_mistakes(server: DemoServer, tmp_path: Path) -> None:
    dbg = ran(server)
    with pytest.raises(NotYet, match=r"compare\(a\)"):
        compare(Debugger(server.url), dbg)
    with pytest.raises(BadSetting, match="align_hosts"):
        compare(dbg, dbg, align_hosts="yes")  # type: ignore[arg-type]
    with pytest.raises(BadSetting):
        compare(dbg, tmp_path / "nothing.json")
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(NotOurs):
        compare(tmp_path / "other.json", dbg)


def test_a_trace_by_itself(server: DemoServer) -> None:
    dbg = ran(server)
    assert compare(dbg.trace, diagnose(dbg.trace)).first is None
