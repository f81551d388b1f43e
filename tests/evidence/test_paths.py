"""Paths as people type them: ``~`` is the home directory, and an error names the file and a call that mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from factories import tflow

from mcp_oauth_nb import BadSetting, Trace, check, diagnose, load, load_har, replay, scrub
from mcp_oauth_nb.commands.files import check_folder
from mcp_oauth_nb.evidence.har import har_of
from mcp_oauth_nb.evidence.save import save

SECRET = "Xb7kQ92mmZp0Lw81dR5tVn3c"


@pytest.fixture
def trace() -> Trace:
    return tflow(upto="server_metadata")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_home_directory(home: Path, trace: Trace) -> None:
    assert save(diagnose(trace), "~/flow.json") == home / "flow.json"
    har_of(trace, "~/flow.har")
    assert sorted(one.name for one in home.iterdir()) == ["flow.har", "flow.json"]
    assert len(load("~/flow.json").exchanges) == len(load_har("~/flow.har").exchanges) == len(trace.exchanges)
    assert check("~/flow.json").clean
    (home / "notes.txt").write_text(f"client_secret={SECRET}\n")
    assert scrub("~/notes.txt", keep_original=False).mended
    assert SECRET not in (home / "notes.txt").read_text()
    check_folder("~/report.xml")
    with pytest.raises(BadSetting, match="folder that there is"):
        check_folder("~/nowhere/report.xml")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (load, r"load\(path\): got '.*gone\.json', a file that cannot be read \(No such.*load\('incident\.json'\)"),
        (load_har, r"load_har\(source\): got '.*gone\.json', a file that cannot be read.*load_har\('incident\.har'\)"),
        (check, r"path: got '.*gone\.json', a file that cannot be read.*check\('incident\.ipynb'\)"),
        (scrub, r"path: got '.*gone\.json', a file that cannot be read"),
    ],
)
def test_a_file_that_is_not_there_is_named(call: Callable[[Any], object], said: str, home: Path) -> None:
    for path in (home / "gone.json", "~/gone.json"):
        with pytest.raises(BadSetting, match=said) as caught:
            call(path)
        assert str(home) in str(caught.value)


def test_a_path_from_here_is_told_with_where_here_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSetting) as caught:
        load("gone.json")
    assert f"It was looked for in {tmp_path}. load('incident.json')" in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, trace: Trace) -> None:
    said = r"got '.*no/flow\.json', a file that cannot be written.*mkdir\(parents=True\)"
    with pytest.raises(BadSetting, match=said):
        save(diagnose(trace), tmp_path / "no" / "flow.json")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (check, r"got 'NoneType'; expected the path of a file\. check\('incident\.ipynb'\)"),
        (load, r"got 'NoneType'; expected the path of a file\. load\('incident\.json'\)"),
        (load_har, r"got 'NoneType'; expected the path of a file\. load_har\('incident\.har'\)"),
        (replay, r"got a NoneType; .* replay\('incident\.json'\)"),
    ],
)
def test_nothing_is_no_path(call: Callable[[Any], object], said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        call(None)


def test_a_har_is_written_by_another_call(trace: Trace) -> None:
    with pytest.raises(BadSetting, match=r"suffix \.har; .*dbg\.har\('incident\.har'\)"):
        save(diagnose(trace), "x.har")


@pytest.mark.parametrize("value", [SECRET, json.dumps({"access_token": SECRET}), f"token\n{SECRET}", SECRET * 20])
def test_what_was_taken_for_a_path_is_not_repeated(value: str) -> None:
    with pytest.raises(BadSetting) as caught:
        load(value)
    assert SECRET not in str(caught.value)
