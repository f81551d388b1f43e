"""``demo --list`` and what ``demo --fault`` says: the faults as they are declared."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.__main__ import main
from mcp_oauth_nb.commands.practice import shown_with
from mcp_oauth_nb.demo import FAULTS


def test_the_list_has_every_fault_with_step_party_and_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(FAULTS)
    for line, fault in zip(lines, FAULTS.values(), strict=True):
        name, step, who, summary = re.split(r"  +", line, maxsplit=3)
        shown = fault.phase if fault.phase == fault.caused_in else f"{fault.phase} (from {fault.caused_in})"
        assert (name, step, who, summary) == (fault.name, shown, fault.who, fault.summary)


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("no-s256", []),
        (
            "other-token-revoked",
            ["dbg.revoke(form={'token': 'a-value-that-was-never-issued'})", "dbg.revoked()"],
        ),
        ("code-works-twice", ["dbg.probe('code_replay')"]),
        ("no-refresh-token-without-offline-access", ["Debugger(url, protocol='2025-11-25')", "dbg.refresh()"]),
    ],
)
def test_a_fault_that_needs_more_says_with_which_calls_it_shows(name: str, calls: list[str]) -> None:
    assert list(shown_with(FAULTS[name], "http://h")) == calls


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_calls_that_are_told_exist(fault: Any) -> None:
    for call in shown_with(fault, "http://h"):
        name = re.match(r"Debugger\(url, |dbg\.(\w+)\(", call)
        assert name, call
        assert name[1] is None or callable(getattr(Debugger, name[1]))
        assert "{origin}" not in call
        compile(call, "call", "eval")
