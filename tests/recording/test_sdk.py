"""The MCP SDK's own OAuth flow, recorded: the same steps, the same rules, the same causes as in a flow of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from mcp_oauth_nb import DemoServer, Recording, Report, diagnose, load, record
from mcp_oauth_nb.demo import FAULTS
from mcp_oauth_nb.protocol.grants import ROUTE

from .sdk import Person, client, provider, session, silence

LEADING = (
    "no-challenge",
    "wrong-resource",
    "issuer-mismatch",
    "no-s256",
    "registration-refused",
    "token-endpoint-502",
    "token-rejected",
    "audience-of-another",
    "token-nested",
    "redirect-loses-token",
)
"""Faults that show without the redirect."""
IN_THE_REDIRECT = ("access-denied", "user-said-no", "issuer-not-sent", "no-state", "no-code", "code-and-error")
"""Faults that only the whole redirect shows."""


def recorded(server: DemoServer, *, telling: bool = False) -> Recording:
    """The SDK's flow up to the list of tools, as far as it goes."""
    recording = record()
    person = Person(recording if telling else None)
    http = recording.add(client(provider(server.url, person.opens, person.comes_back)))
    with recording, silence():
        asyncio.run(session(server.url, http))
    return recording


def with_fault(name: str, *, telling: bool = False) -> Report:
    with DemoServer(name) as server:
        return recorded(server, telling=telling).diagnose()


@pytest.fixture(scope="module")
def healthy() -> Iterator[Recording]:
    with DemoServer() as server:
        yield recorded(server, telling=True)


def test_a_healthy_flow_has_every_step_and_no_finding(healthy: Recording) -> None:
    report = healthy.diagnose()
    assert {report.status_of(step) for step in ROUTE} == {"passed"}
    assert (report.status, list(report.findings)) == ("passed", [])
    assert [one.step for one in healthy.exchanges] == [
        "challenge",
        "resource_metadata",
        "server_metadata",
        "register",
        "authorize",
        "callback",
        "token",
        "mcp",
        "mcp",
        "other",  # the stream by GET: no answer to a request of its own
        "mcp",
        "other",  # the end of the session
    ]


def test_the_redirect_in_parts_is_enough_for_a_healthy_flow() -> None:
    with DemoServer() as server:
        recording = recorded(server)
    report = recording.diagnose()
    assert (report.status, list(report.findings)) == ("passed", [])
    back = next(one for one in recording.exchanges if one.direction == "in")
    assert back.why == "the client's callback handler, in parts"


@pytest.mark.parametrize("name", LEADING)
def test_a_fault_that_the_sdk_met_leads_to_its_rule_and_party(name: str) -> None:
    report, fault = with_fault(name), FAULTS[name]
    assert report.cause is not None
    assert (report.cause.rule, report.cause.who) == (fault.trips, fault.who)


@pytest.mark.parametrize("name", IN_THE_REDIRECT)
def test_a_fault_in_the_redirect_shows_where_all_of_it_is_told(name: str) -> None:
    report, fault = with_fault(name, telling=True), FAULTS[name]
    assert report.cause is not None
    assert (report.cause.rule, report.cause.who) == (fault.trips, fault.who)


@pytest.mark.parametrize("name", IN_THE_REDIRECT)
def test_and_is_not_tested_where_the_handler_hands_on_parts(name: str) -> None:
    report, fault = with_fault(name), FAULTS[name]
    assert [finding.rule for finding in report.findings] == []
    assert report.verdict.outcomes[fault.trips] == "not tested"


def test_the_fallback_of_the_sdk_is_told_as_its_own() -> None:
    """A debugger stops where no registration endpoint is published; the SDK guesses one, and gets its client there."""
    report = with_fault("registration-not-offered")
    assert report.cause is not None
    assert (report.cause.rule, report.cause.who) == ("endpoint-not-published", "client")


def test_what_the_sdk_did_not_read_is_not_judged() -> None:
    """It turns away from an answer of another media type before its body."""
    report = with_fault("answer-without-media-type")
    assert report.status == "incomplete"
    assert list(report.findings) == []
    last = [one for one in report.trace.exchanges if one.step == "mcp"][-1]
    assert last.why == "answered with 200; the client has not read the body to its end"


def test_handlers_that_are_given_to_the_sdk_by_hand_are_noted_once() -> None:
    recording, person = record(), Person()
    with DemoServer() as server, recording:
        auth = provider(server.url, *recording.handlers(person.opens, person.comes_back))
        asyncio.run(session(server.url, recording.add(client(auth))))
    assert [one.step for one in recording.exchanges].count("authorize") == 1
    assert [one.direction for one in recording.exchanges].count("in") == 1


def test_stop_puts_the_handlers_back() -> None:
    person = Person()
    auth = provider("http://127.0.0.1:1/mcp", person.opens, person.comes_back)
    recording = record(client(auth))
    assert auth.context.redirect_handler != person.opens
    recording.stop()
    assert (auth.context.redirect_handler, auth.context.callback_handler) == (person.opens, person.comes_back)


def test_two_users_in_one_recording_are_taken_for_one() -> None:
    """It cannot be told who of them sent a request, so the second one seems to have forgotten its token."""
    recording = record()

    async def both(url: str) -> None:
        people = Person(recording), Person(recording)
        clients = [recording.add(client(provider(url, one.opens, one.comes_back))) for one in people]
        for http in clients:
            assert isinstance(await session(url, http), list)

    with DemoServer() as server, recording:
        asyncio.run(both(server.url))
    assert [one.step for one in recording.exchanges].count("token") == 2
    assert [finding.rule for finding in recording.diagnose().findings] == ["token-not-sent"]


def test_what_is_saved_gives_the_same_report(healthy: Recording, tmp_path) -> None:
    for name in ("flow.json", "flow.ipynb"):
        loaded = diagnose(load(healthy.save(tmp_path / name)))
        assert (loaded.status, list(loaded.findings)) == ("passed", [])
    with DemoServer("wrong-resource") as server:
        recording = recorded(server)
    loaded = diagnose(load(recording.save(tmp_path / "broken.json")))
    assert loaded.cause.rule == recording.diagnose().cause.rule == "resource-mismatch"
