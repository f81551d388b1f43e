"""The README speaks of what there is: its faults, its words for a verdict, its notebooks, its commands."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from mcp_oauth_nb import OAuth2, practice, tokens
from mcp_oauth_nb.__main__ import main
from mcp_oauth_nb.demo import FAULTS
from mcp_oauth_nb.views.verdict import SURE, Verdict
from tests.saved import REPOSITORY

FRONT = (REPOSITORY / "README.md").read_text()
BEYOND = (REPOSITORY / "notebooks" / "README.md").read_text()
HOUSE = (REPOSITORY / "mcp_oauth_nb" / "README.md").read_text()
README = FRONT + BEYOND
"""What a user reads."""


def test_every_fault_it_names_exists() -> None:
    named = re.findall(r"""(?:DemoServer\(|staged\(|faults\[|break_with\(|--fault )["']?([a-z0-9-]+)""", README)
    assert len(set(named)) >= 3
    assert [name for name in named if name not in FAULTS] == []


def test_every_word_of_confidence_is_explained() -> None:
    for said in SURE.values():
        assert f"| {said.partition(':')[0]} | " in README


def test_every_line_of_the_verdict_is_explained() -> None:
    report = practice.staged("client-unknown-to-tokens").diagnose()
    labels = [name for name, _, _ in Verdict(report, report.cause).rows()]
    explained = {one for line in re.findall(r"^\| ([a-z ,]+) \|", README, re.M) for one in line.split(", ")}
    assert {*labels, "evidence", "rule", "other causes that fit", "would tell more"} <= explained


def test_every_notebook_is_named_and_every_named_one_exists() -> None:
    there = {path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb")}
    assert set(re.findall(r"(\w+\.ipynb)", README)) == there


def test_what_programs_read_exists() -> None:
    cause = practice.staged("client-unknown-to-tokens").diagnose().cause
    text = README[README.index("For programs the same is data") : README.index("## Good to know")]
    names = re.findall(r"`\.(\w+)`", text)
    assert len(names) > 15
    assert [name for name in names if not hasattr(cause, name) and not hasattr(cause.suspects[0], name)] == []


@pytest.mark.parametrize("command", ["login", "metadata", "request", "demo"])
def test_every_command_is_shown(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"mcp-oauth-nb {command}" in README
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    options = capsys.readouterr().out
    shown = re.findall(rf"^mcp-oauth-nb {command}\b(.*(?:\\\n.*)*)", README, re.M)
    assert [one for one in re.findall(r" (--[a-z-]+)", " ".join(shown).split("  #")[0]) if one not in options] == []


NO_ROWS = {
    "code_verifier_that_cannot_be_one": "a refusal of our own",
    "nothing_that_is_kept_of_a_flow_holds_a_secret": "a promise of our own",
}
"""Tests beside the rows of the page."""


def rows() -> list[tuple[str, str]]:
    """Every row of the page that the table names, as a test calls it, and the calls that stand beside it."""
    lines = README[README.index("| Row | Call |") :].partition("\n\n")[0].splitlines()[2:]
    cells = [line.strip("| ").split(" | ") for line in lines]
    names = [(name, call) for named, call in cells for name in named.split(", ")]
    return [("_".join(re.findall("[a-z0-9]+", name.lower())), call) for name, call in names]


def functions_in(file: Path) -> set[str]:
    made = ast.parse(file.read_text()).body
    return {one.name[5:] for one in made if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}


def test_every_row_of_the_table_has_its_test_and_every_test_its_row() -> None:
    of_rows = functions_in(REPOSITORY / "tests" / "grants" / "test_rows.py")
    elsewhere = functions_in(REPOSITORY / "tests" / "oidc" / "test_grants.py")
    named = [name for name, _ in rows()]
    assert len(named) == len(set(named)) > 40
    assert set(named) - of_rows <= elsewhere, set(named) - of_rows - elsewhere
    assert of_rows - set(named) == NO_ROWS.keys()


def test_every_call_of_the_table_can_be_made() -> None:
    calls = " ".join(call for _, call in rows())
    methods = re.findall(r"\b(oauth|tokens)\.(\w+)", calls)
    owners = {"oauth": OAuth2, "tokens": type(tokens)}
    assert [name for owner, name in methods if not hasattr(owners[owner], name)] == []
    taken = [inspect.signature(getattr(owners[owner], name)) for owner, name in methods if f"{owner}.{name}(" in calls]
    known = {name for one in (inspect.signature(OAuth2), *taken) for name in one.parameters} | {"auth"}
    assert set(re.findall(r"(\w+)=", calls)) <= known


def test_every_part_of_the_house_is_on_its_plan() -> None:
    parts = {path.name for path in (REPOSITORY / "mcp_oauth_nb").iterdir() if path.suffix == ".py" or path.is_dir()}
    parts = {name for name in parts if not name.startswith("__")}
    plan = HOUSE[HOUSE.index("## Where things live") : HOUSE.index("## Where a change goes")]
    assert {name.rstrip("/") for name in re.findall(r"`(\w+(?:\.py|/))`", plan)} >= parts


def test_every_file_that_a_plan_names_exists() -> None:
    named = set(re.findall(r"`((?:tests/)?[\w/]+(?:\.py|/)?)`", HOUSE))
    files = {name for name in named if "/" in name or name.endswith(".py")}
    assert len(files) > 40
    house = REPOSITORY / "mcp_oauth_nb"
    inside = {path.relative_to(house).as_posix() for path in house.rglob("*")}
    at = {name: (REPOSITORY if name.startswith("tests/") else house) / name for name in files}
    assert [name for name, path in at.items() if not path.exists() and f"protocol/{name}" not in inside] == []


def test_every_link_between_the_files_leads_somewhere() -> None:
    for file, text in (("README.md", FRONT), ("notebooks/README.md", BEYOND), ("mcp_oauth_nb/README.md", HOUSE)):
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            where, _, anchor = target.partition("#")
            reached = (REPOSITORY / file).parent / where if where else REPOSITORY / file
            assert reached.exists(), target
            headings = {
                re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
                for line in (reached.read_text().splitlines() if anchor else ())
                if line.startswith("#")
            }
            assert not anchor or anchor in headings, target


def test_it_stays_readable() -> None:
    assert FRONT.count("\n") < 250
    assert BEYOND.count("\n") < 250
