"""`dbg.vary`: one step with one thing changed, a row per value, and the flow itself left as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_nb import BadSetting, Client, Debugger, NotYet, compare
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.views.variants import Variants
from tests.leaks import assert_no_leak
from tests.markup import read_markup
from tests.views.test_displays import HOSTILE

REGISTERED = ["http://127.0.0.1/callback"]


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


@pytest.fixture
def dbg(server: DemoServer) -> Debugger:
    made = Debugger(server.url, browser="follow")
    made.run()
    return made


def grid(made: Variants) -> list[tuple[Any, ...]]:
    return [(*row.values, *row.outcomes, row.status, row.error) for row in made.rows]


def test_what_resource_to_ask_for(server: DemoServer, dbg: Debugger) -> None:
    url = str(server.url)
    made = dbg.vary("authorize", resource=[url, f"{url}/", None, ...])
    ran = ("passed", "passed", "passed", "passed", 200, "")
    assert grid(made) == [
        (url, *ran),
        (f"{url}/", "warned", "failed", "not run", "not run", None, "invalid_target"),
        ("(omitted)", "failed", "failed", "not run", "not run", None, "invalid_request"),
        ("(as it is)", *ran),
    ]
    assert made.steps == ("authorize", "callback", "token", "mcp")
    assert made.rows[2].finding.startswith("resource-not-sent: ")
    assert "pkce, authorize, callback, token, mcp" in made.notes[0]


def test_the_flow_itself_stays_as_it_is(server: DemoServer, dbg: Debugger) -> None:
    before, tokens, runs = dbg.exchanges, dbg.tokens, dbg.trace.runs
    dbg.vary("authorize", scope=["mcp:tools", "admin"])
    dbg.vary("token", resource=[None], until="token")
    dbg.vary("refresh", scope=[None])
    assert (dbg.exchanges, dbg.tokens, dbg.trace.runs) == (before, tokens, runs)
    assert dbg.mcp().status == "passed"
    assert dbg.refresh().status == "passed"


def test_each_variant_has_a_trace_to_look_at(dbg: Debugger) -> None:
    made = dbg.vary("token", code_verifier=[..., "v" * 43])
    good, bad = made.reports
    assert (good.status, bad.status) == ("passed", "failed")
    assert bad.cause is not None
    assert bad.cause.rule == "pkce-mismatch"
    assert bad.trace.exchanges[: len(dbg.exchanges)] == dbg.exchanges
    first = compare(good, bad).first
    assert first is not None
    assert first.step == "token"


def test_every_combination_of_several(dbg: Debugger) -> None:
    made = dbg.vary("token", resource=[..., None], headers={"X-Trace": ["a", "b"]}, until="token")
    assert made.parameters == ("form.resource", "headers.X-Trace")
    assert [row.values for row in made.rows] == [
        ("(as it is)", "a"),
        ("(as it is)", "b"),
        ("(omitted)", "a"),
        ("(omitted)", "b"),
    ]
    assert [row.outcomes for row in made.rows] == [("passed",), ("passed",), ("failed",), ("failed",)]


@pytest.mark.parametrize(
    ("step", "varied", "statuses"),
    [
        ("challenge", {"headers": {"Authorization": ["Bearer abcdef-0123456789", None]}}, [401, 401]),
        ("register", {"redirect_uris": [REGISTERED, ["javascript:alert(1)"]]}, [201, 400]),
        ("mcp", {"headers": {"MCP-Protocol-Version": [..., "1999-01-01"]}}, [200, 400]),
        ("mcp", {"jsonrpc": [..., "1.0"]}, [200, 400]),
        ("refresh", {"scope": [None, "admin"]}, [200, 400]),
        ("resource_metadata", {"Accept": ["application/json", None]}, [200, 200]),
    ],
)
def test_every_step_that_can_be_varied(dbg: Debugger, step: str, varied: dict[str, Any], statuses: list[int]) -> None:
    assert [row.status for row in dbg.vary(step, **varied).rows] == statuses


def test_what_is_registered_is_removed_again(server: DemoServer, dbg: Debugger) -> None:
    dbg.vary("register", client_name=["one", "two"])
    removed = [seen for seen in server.log if seen.method == "DELETE" and seen.path.startswith("/register/")]
    assert [seen.status for seen in removed] == [204, 204]


def test_before_the_step_has_run(server: DemoServer) -> None:
    dbg = Debugger(server.url, browser="follow")
    with pytest.raises(NotYet, match=r"dbg\.register"):
        dbg.vary("authorize", resource=[None])
    assert [row.status for row in dbg.vary("challenge", headers={"Origin": ["https://evil.example"]}).rows] == [401]
    assert dbg.exchanges == ()


def test_without_a_browser_only_the_link_is_made(server: DemoServer) -> None:
    dbg = Debugger(server.url)
    for name in ("challenge", "resource_metadata", "server_metadata", "register"):
        getattr(dbg, name)()
    made = dbg.vary("authorize", scope=["a"])
    assert made.steps == ("authorize",)
    assert "Nobody followed" in made.notes[1]
    with pytest.raises(BadSetting, match="follow"):
        dbg.vary("token", scope=["a"])


def test_a_machine_needs_nobody(server: DemoServer) -> None:
    client = Client(server.confidential_client.client_id, secret=server.confidential_client.client_secret)
    dbg = Debugger(server.url, grant="client_credentials", client=client)
    dbg.run()
    assert [row.status for row in dbg.vary("token", scope=["mcp:tools", "admin"], until="token").rows] == [200, 400]
    with pytest.raises(BadSetting, match="client_credentials"):
        dbg.vary("refresh", scope=["a"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda dbg: dbg.vary("revoke", token=["a"]), "one of challenge"),
        (lambda dbg: dbg.vary(5, token=["a"]), "one of challenge"),
        (lambda dbg: dbg.vary("authorize"), "no parameter"),
        (lambda dbg: dbg.vary("authorize", resource="a"), "a list"),
        (lambda dbg: dbg.vary("authorize", resource=[]), "an empty list"),
        (lambda dbg: dbg.vary("authorize", params=["a"]), "a mapping"),
        (lambda dbg: dbg.vary("authorize", a=[1] * 5, b=[1] * 5), "25 variants"),
        (lambda dbg: dbg.vary("token", resource=[None], until="challenge"), "a step behind it"),
        (lambda dbg: dbg.vary("register", x=[object()]), "JSON cannot hold"),
        (lambda dbg: dbg.vary("challenge", headers={"X": ["a\nb"]}), "line break"),
        (lambda dbg: dbg.vary("authorize", resource=[None, Path("/x")]), "resource=.*JSON cannot hold, a PosixPath"),
        (lambda dbg: dbg.vary("authorize", params={"resource": [date(2026, 1, 1)]}), "JSON cannot hold, a date"),
        (lambda dbg: dbg.vary("challenge", accept=[b"x"]), "JSON cannot hold, a bytes"),
        (lambda dbg: dbg.vary("token", resource=[["a", {"b"}]]), "JSON cannot hold, a list"),
    ],
)
def test_mistakes(dbg: Debugger, wrong: Callable[[Debugger], object], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        wrong(dbg)


def test_no_secret_is_shown(server: DemoServer, dbg: Debugger) -> None:
    given = "my-0wn-v3rifier-0123456789-abcdefghijklmnopq"
    made = dbg.vary("token", code_verifier=[..., given])
    known = {given, *server.secrets_issued(), *dbg.trace.vault.values()}
    shown = [*render(made).values(), repr(made), repr(made.rows), made.frame.to_csv()]
    assert_no_leak(shown, [secret for secret in known if len(secret) >= 8])
    assert "code_verifier#" in made.rows[1].values[0]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_values_stay_text(dbg: Debugger, hostile: str) -> None:
    made = render(dbg.vary("authorize", scope=[hostile], until="callback"))
    assert read_markup(made["text/html"]).problems == []
    assert not any(line.startswith("[PASSED]") for line in made["text/plain"].splitlines())


def test_for_pandas(dbg: Debugger) -> None:
    frame = dbg.vary("token", resource=[..., None], until="token").frame
    assert list(frame.columns) == ["form.resource", "token", "status", "error", "finding"]
    assert list(frame["status"]) == [200, 400]
