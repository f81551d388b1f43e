"""A diagnosis without a person: as far as it comes, in the time given, and with secrets by name only."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_oauth_nb import BadSetting, DemoServer, diagnose, unattended
from mcp_oauth_nb.errors import TimeUp
from mcp_oauth_nb.evidence.document import from_json, to_json
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.records import Request
from mcp_oauth_nb.wire.http import Wire
from tests.leaks import assert_no_leak, shown
from tests.markup import read_markup

SECRET = "s3cr3t-Ux72hdPq91LsKe04Tz"


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of somebody who takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"


def in_order(case: unattended.Investigation, *words: str) -> bool:
    """Whether both forms of the display say these words, in this order."""
    made = case._repr_mimebundle_()
    texts = made["text/plain"], read_markup(made["text/html"]).words
    places = [[text.lower().find(word) for word in words] for text in texts]
    return all(at == sorted(at) and at[0] >= 0 for at in places)


def test_a_healthy_server_passes(server: DemoServer) -> None:
    case = unattended.investigate(server.url)
    assert (case.report.status, case.notes, case.audit) == ("passed", (), None)
    assert case._repr_mimebundle_() == dict(render(case.report))
    assert [one.step for one in case.steps] == [run.step for run in case.dbg.trace.runs]
    assert len(case.tables) >= 5


def test_a_fault_is_told_and_the_evidence_tells_the_same() -> None:
    case = unattended.investigate(fault="client-unknown-to-tokens")
    assert case.report.cause is not None
    assert (case.report.failing_step, case.notes) == ("token", ())
    again = diagnose(from_json(to_json(case.report.trace)))
    assert (again.status, again.cause and again.cause.cause) == (case.report.status, case.report.cause.cause)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/mcp", "http://[::1/"])
def test_nobody_there_is_a_verdict(url: str) -> None:
    case = unattended.investigate(url)
    assert (case.report.status, case.report.failing_step) == ("failed", "challenge")


def test_a_page_for_people_ends_it_and_is_said_first() -> None:
    case = unattended.investigate(fault="consent-form-blocked")
    assert [note.split(":")[0] for note in case.notes] == ["A person is needed"]
    assert in_order(case, "needs you", "a person is needed", "probable cause")
    assert read_markup(case._repr_mimebundle_()["text/html"]).problems == []


def test_without_a_browser_it_ends_before_the_redirect(server: DemoServer) -> None:
    case = unattended.investigate(server.url, browser=None)
    assert case.dbg.trace.runs[-1].step == "authorize"
    assert in_order(case, "a person is needed", "nobody follows it")


def test_another_authorization_that_nobody_gives_ends_it(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "not-a-token-of-this-server-4711")
    started = time.monotonic()
    case = unattended.investigate(server.url, browser=None, access_token_env="A_TOKEN")
    assert time.monotonic() - started < 30
    assert case.report.status in ("failed", "incomplete")
    assert_no_leak(shown(case.dbg), ["not-a-token-of-this-server-4711"])


def test_one_time_holds_for_everything(silent: str) -> None:
    case = unattended.investigate(silent, timeout_s=0.3, request_timeout_s=0.2)
    assert case.report.status == "failed"
    late = unattended.investigate(timeout_s=1e-9)
    assert late.dbg.exchanges == ()
    assert in_order(late, "the time given", "was up before the flow was through")


def test_an_audit_that_runs_out_of_time_is_no_audit(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*_: Any, **__: Any) -> None:
        raise TimeUp(7)

    monkeypatch.setattr("mcp_oauth_nb.debugger.Debugger.audit", ends)
    case = unattended.investigate(server.url, audit=True)
    assert case.audit is None
    assert in_order(case, "was up before the audit was through")


def test_an_audit_is_part_of_the_evidence(server: DemoServer) -> None:
    case = unattended.investigate(server.url, audit=True)
    assert case.audit is not None and case.audit.score == 100
    assert {run.step for run in case.report.trace.runs} > {"mcp", "well_known"}


def test_an_audit_that_needs_a_person_is_noted(server: DemoServer) -> None:
    case = unattended.investigate(server.url, browser=None, audit=True)
    assert case.audit is None
    assert any(note.startswith("There is no audit") for note in case.notes)


def test_a_machine_takes_its_secret_from_the_environment(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    client = server.confidential_client
    monkeypatch.setenv("A_SECRET", client.client_secret)
    case = unattended.investigate(
        server.url, grant="client_credentials", client_id=client.client_id, client_secret_env="A_SECRET"
    )
    assert case.report.status == "passed"
    assert_no_leak([*case._repr_mimebundle_().values(), repr(case), *shown(case.dbg)], server.secrets_issued())


def test_headers_and_url_come_from_the_environment(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", SECRET)
    monkeypatch.setenv("A_URL", f"{server.url}?api_key={SECRET}")
    case = unattended.investigate(url_env="A_URL", headers_env={"X-Api-Key": "A_KEY"})
    assert case.dbg.exchanges[0].request.header("x-api-key") == SECRET
    assert_no_leak([*case._repr_mimebundle_().values(), repr(case), to_json(case.report.trace)], [SECRET])


def test_the_demo_has_a_machine_of_its_own() -> None:
    assert unattended.investigate(grant="client_credentials").report.status == "passed"


def test_a_token_in_hand_is_tried_beside_the_discovery(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = unattended.investigate(server.url, client_id=server.public_client.client_id)
    assert machine.dbg.tokens is not None
    monkeypatch.setenv("A_TOKEN", machine.dbg.tokens.access_token)
    case = unattended.investigate(server.url, access_token_env="A_TOKEN")
    assert [one.step for one in case.steps] == ["challenge", "resource_metadata", "server_metadata", "mcp"]
    assert [case.report.status_of(one.step) for one in case.steps] == ["passed"] * 4
    assert_no_leak(case._repr_mimebundle_().values(), [machine.dbg.tokens.access_token])


def test_what_the_server_wants_of_the_user_is_noted(server: DemoServer) -> None:
    case = unattended.investigate(server.url, tool="connect")
    assert case.dbg.input_needed is not None
    assert in_order(case, "needs you", "wants something of the user", "step 9 of 9")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"client_id": "one", "client_secret_env": SECRET}, "no variable's name"),
        ({"client_id": "one", "client_secret_env": SECRET.replace("-", "_")}, "not set"),
        ({"access_token_env": SECRET}, "no variable's name"),
        ({"headers_env": {"X-Api-Key": SECRET}}, "no variable's name"),
        ({"url": f"https://mcp.example.com/mcp?api_key={SECRET}"}, "url_env"),
        ({"client_id": "one", "private_key_file": f"-----BEGIN {SECRET}"}, "no file"),
    ],
)
def test_a_secret_given_as_a_value_is_refused_and_not_repeated(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSetting, match=said) as refused:
        unattended.investigate(**given)
    assert SECRET not in str(refused.value)
    assert "this notebook holds it now" in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {"url": 5},
        {"url": "ftp://mcp.example.com"},
        {"url": "https://mcp.example.com/mcp", "url_env": "A_URL"},
        {"fault": "no such fault"},
        {"browser": "person"},
        {"grant": "password"},
        {"client_secret_env": "HOME"},
        {"client_id": 5},
        {"headers_env": "X-Api-Key"},
        {"timeout_s": 0},
        {"timeout_s": "long"},
        {"audit": "yes"},
        {"ca_bundle": "nowhere.pem"},
    ],
)
def test_what_cannot_work_is_told(given: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        unattended.investigate(**given)


def test_the_notebooks_names_become_arguments() -> None:
    names = {"url": "https://a.example/mcp", "audit": True, "out": None, "case": 1, "_secret": "x", "In": ["..."]}
    assert unattended.chosen(names) == {"url": "https://a.example/mcp", "audit": True}


@pytest.mark.parametrize("name", ["client_secret", "access_token", "password", "api_key"])
def test_a_parameter_that_is_a_secret_is_refused(name: str) -> None:
    with pytest.raises(BadSetting, match=name) as refused:
        unattended.chosen({name: SECRET})
    assert SECRET not in str(refused.value)


def test_nothing_is_sent_any_more_when_the_time_is_up() -> None:
    wire = Wire()
    wire.end_in(1e-9)
    with pytest.raises(TimeUp, match="are up"):
        wire.send(Request("GET", "http://127.0.0.1:9/"))
