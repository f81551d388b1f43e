"""Incidents to practise on: the diagnosis agrees with the fault, a guess is judged, nothing is given away too early."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from mcp_oauth_nb import practice
from mcp_oauth_nb.demo import FAULTS
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.practice.puzzles import PUZZLES
from mcp_oauth_nb.steps import STEPS
from mcp_oauth_nb.views.practice import unjudged
from mcp_oauth_nb.views.report import Overview
from tests.leaks import assert_no_leak
from tests.markup import read_markup
from tests.saved import REPOSITORY

NUMBERS = range(1, len(PUZZLES) + 1)
NOTEBOOK = REPOSITORY / "notebooks" / "practice.ipynb"


@pytest.fixture(scope="module")
def played() -> Mapping[int, practice.Incident]:
    """Every incident, each run once."""
    return practice.incidents()


@pytest.fixture
def fresh(played: Mapping[int, practice.Incident]) -> Callable[[int], practice.Incident]:
    """An incident that nobody has guessed at, over the run that there is."""

    def make(number: int) -> practice.Incident:
        made = practice.incident(number)
        made.__dict__["dbg"] = played[number].dbg
        return made

    return make


def test_the_incidents_go_through_the_whole_flow() -> None:
    faults = [FAULTS[puzzle.fault] for puzzle in PUZZLES]
    assert len(faults) == len({fault.name for fault in faults}) == 12
    assert {fault.phase for fault in faults} >= {"challenge", "resource_metadata", "server_metadata", "register"}
    assert {fault.phase for fault in faults} >= {"callback", "token", "mcp", "refresh", "revoke"}
    assert {fault.who for fault in faults} == {"MCP server", "authorization server", "gateway", "client", "user"}
    assert sum(fault.phase != fault.caused_in for fault in faults) >= 3


@pytest.mark.parametrize("number", NUMBERS)
def test_the_fault_solves_it(number: int, fresh: Callable[[int], practice.Incident]) -> None:
    fault, one = FAULTS[PUZZLES[number - 1].fault], fresh(number)
    assert not one.solved
    plain = render(one.guess(step=fault.caused_in, who=fault.who))["text/plain"]
    assert plain.splitlines() == [f"step {fault.caused_in}: right", f"party {fault.who}: right"]
    assert one.solved


@pytest.mark.parametrize("number", NUMBERS)
def test_reading_gives_nothing_away(number: int, played: Mapping[int, practice.Incident]) -> None:
    one, puzzle = played[number], PUZZLES[number - 1]
    shown = one._repr_mimebundle_()
    cause = one.report.cause
    words = (cause.rule, cause.cause, cause.summary, cause.fix, FAULTS[puzzle.fault].summary, puzzle.proves)
    for text in (*shown.values(), repr(one), repr(puzzle)):
        assert puzzle.fault not in text
        assert [word for word in words if word in text] == []
        assert not any(word in text for word in ("FAILED", "WARNED", "reason:", "edited", "who must act"))


@pytest.mark.parametrize("number", NUMBERS)
def test_a_hint_does_not_name_the_answer(number: int) -> None:
    puzzle = PUZZLES[number - 1]
    fault = FAULTS[puzzle.fault]
    assert fault.who.lower() not in puzzle.who_hint.lower().replace("oauth server", "")
    assert fault.caused_in not in puzzle.step_hint
    assert STEPS[fault.caused_in].title.lower() not in puzzle.step_hint.lower()


@pytest.mark.parametrize("number", NUMBERS)
def test_the_solution_shows_the_verdict(number: int, fresh: Callable[[int], practice.Incident]) -> None:
    one, puzzle = fresh(number), PUZZLES[number - 1]
    cause = one.report.cause
    shown = render(one.reveal())
    for text in (shown["text/plain"], read_markup(shown["text/html"]).text):
        assert all(word in text for word in (cause.who, puzzle.proves, FAULTS[puzzle.fault].summary, puzzle.fault))


def test_displays_are_kept_by_every_renderer(fresh: Callable[[int], practice.Incident]) -> None:
    one = fresh(3)
    wrong = one.guess(step="token", who="user")
    shown = [render(thing) for thing in (fresh(3).guess(), wrong, one.reveal(), practice.score({3: one}))]
    for made in (one._repr_mimebundle_(), *shown):
        assert set(made) == {"text/plain", "text/html"}
        assert read_markup(made["text/html"]).problems == []


def test_a_solution_is_folded_until_somebody_guessed(fresh: Callable[[int], practice.Incident]) -> None:
    one = fresh(1)

    def unfolded() -> bool:
        elements = read_markup(render(one.reveal())["text/html"]).elements
        return "open" in next(attributes for name, attributes in elements if name == "details")

    assert not unfolded()
    one.guess()
    assert not unfolded()
    one.guess(who="network")
    assert unfolded()


def test_where_it_shows_is_half_right(fresh: Callable[[int], practice.Incident]) -> None:
    one = fresh(12)
    plain = render(one.guess(step="callback"))["text/plain"]
    assert plain.startswith("step callback: half right: it shows there")
    assert PUZZLES[11].step_hint in plain
    assert not one.solved


def test_a_guess_may_come_in_two_halves(fresh: Callable[[int], practice.Incident]) -> None:
    one = fresh(2)
    one.guess(step="server_metadata")
    assert not one.solved
    plain = render(one.guess(who="gateway"))["text/plain"]
    assert plain == f"party gateway: wrong\n  {PUZZLES[1].who_hint}"
    one.guess(who="authorization server")
    assert one.solved
    assert one.guesses == 3
    assert "1 of 1 incidents solved" in render(practice.score({2: one}))["text/plain"]


def test_what_cannot_be_guessed_is_said_with_what_can(fresh: Callable[[int], practice.Incident]) -> None:
    with pytest.raises(BadSetting, match=r"step: got 'tokens'; expected one of challenge, .*revoked"):
        fresh(1).guess(step="tokens")
    with pytest.raises(BadSetting, match="who: got 'me'; expected one of MCP server, "):
        fresh(1).guess(who="me")
    with pytest.raises(BadSetting, match="expected 1 to 12"):
        practice.incident(13)
    with pytest.raises(ValueError, match=r"There is no fault 'no-s265'. Did you mean 'no-s256'\?"):
        practice.staged("no-s265")


def test_an_edited_request_is_marked_again_in_the_report(played: Mapping[int, practice.Incident]) -> None:
    report = played[10].report
    cards = [made for made, _ in Overview(report).cards]
    assert any(one.edited for made in cards for one in made.exchanges)
    assert not any(one.edited for made in cards for one in unjudged("", made).exchanges)


def test_no_secret_is_shown(fresh: Callable[[int], practice.Incident]) -> None:
    for number in (7, 10):
        one = fresh(number)
        things = (one, one.guess(step="token", who="user"), one.reveal())
        shown = [text for thing in things for text in thing._repr_mimebundle_().values()]
        assert_no_leak([*shown, *map(repr, things), str(one.__dict__)], one.dbg.trace.vault.values())


def test_the_server_can_be_asked_further(played: Mapping[int, practice.Incident]) -> None:
    assert {one.status for one in played[12].dbg.well_known().exchanges} >= {200, 404}


def test_the_notebook_names_no_fault() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    source = "\n".join("".join(cell["source"]) for cell in cells)
    assert [name for name in FAULTS if name in source] == []
    for number in NUMBERS:
        calls = (f"incidents[{number}]\n", f"incidents[{number}].guess(", f"incidents[{number}].reveal()")
        assert [call in source for call in calls] == [True, True, True]
    assert source.count("### Incident ") == len(PUZZLES)
