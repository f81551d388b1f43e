"""Derived tables as they are shown: in columns, in blocks, as markup, for pandas; hostile text and secrets in them."""

from __future__ import annotations

import json

import pytest
from factories import ASM_URL, OIDC_URL, asm, located, ttrace, unauthenticated

from mcp_oauth_nb.facts import FLOW, Cell, Table
from mcp_oauth_nb.facts.table import TABLES, Derived
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.tables import WIDEST, TableView, table_value
from tests.leaks import assert_no_leak
from tests.markup import read_markup

from .test_displays import HOSTILE

ROWS = ((Cell("a"), Cell("yes", "good")), (Cell("long name"), Cell("")))
NARROW = Table("Two", ("name", "value"), ROWS, ("A note.",))


def text(table: Table) -> str:
    return render(TableView(table, Vault()))["text/plain"]


def unfolded(markup: str) -> bool:
    """Whether the first part that folds is open."""
    return next("open" in attributes for name, attributes in read_markup(markup).elements if name == "details")


def test_narrow_tables_stand_in_columns() -> None:
    assert text(NARROW) == "Two\n  name       value\n  a          ✓ yes\n  long name\n  A note."


def test_wide_tables_stand_in_blocks() -> None:
    url = "https://a.example/" + "x" * WIDEST
    wide = Table("Wide", ("url", "status", "note"), ((Cell(url, wire=True), Cell("404", "bad"), Cell("")),))
    assert text(wide) == f"Wide\n  {url}\n      status: ✗ 404"


def test_tables_that_belong_below_follow() -> None:
    both = Table("First", (), notes=("Nothing.",), tail=(NARROW,))
    assert text(both).startswith("First\n  Nothing.\nTwo\n")
    assert "First Nothing. Two name value a ✓ yes" in read_markup(render(TableView(both, Vault()))["text/html"]).words


def test_the_frame_has_the_cells() -> None:
    frame = TableView(Table("t", ("a", "b"), ((Cell("=1"), Cell("x", "bad")),)), Vault()).frame
    assert frame.to_dict("records") == [{"a": "'=1", "b": "x"}]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_stays_text(hostile: str) -> None:
    cells = (Cell(hostile), Cell(hostile, "bad"), Cell(hostile, wire=True))
    made = Table(hostile, ("a", "b", "c"), (cells,), (hostile,), (Table(hostile, ("a",), ((Cell(hostile),),)),))
    shown = render(TableView(made, Vault()))
    assert read_markup(shown["text/html"]).problems == []
    assert not any("\x1b" in content or "\u202e" in content for content in shown.values())
    assert not any(line.startswith("[PASSED]") for line in shown["text/plain"].splitlines())


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_document_stays_text_in_the_report(hostile: str) -> None:
    document = asm(**{hostile: hostile, "token_endpoint": hostile, "issuer": hostile})
    trace = ttrace(unauthenticated(), located({OIDC_URL: (200, document), ASM_URL: (200, asm())}))
    for report in (Report(trace, "well_known", judge=judge), diagnose(trace)):
        shown = render(report)
        assert read_markup(shown["text/html"]).problems == []
        assert not any("\x1b" in content or "\u202e" in content for content in shown.values())
        assert not any(line.startswith("[PASSED] 1. all") for line in shown["text/plain"].splitlines())


def test_secrets_are_masked_in_every_form() -> None:
    vault = Vault(b"key")
    secret = "kQ3vZ8xT1nB6mW4yR7pL"
    vault.learn(secret, "access_token")
    inner = Table(secret, ("a",), ((Cell(f"see {secret}", "bad"),),), (secret,))
    view = TableView(Table(f"of {secret}", ("a",), ((Cell(secret, wire=True),),), (f"note {secret}",), (inner,)), vault)
    value = json.dumps(table_value(view.table, vault))
    assert_no_leak([*render(view).values(), repr(view), str(view), view.frame.to_csv(), value], [secret])
    assert "‹access_token#" in view.frame.to_csv()


def test_a_table_of_the_whole_flow_stands_in_its_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES, "all", Derived("all", (FLOW,), lambda case: NARROW))
    trace = ttrace(unauthenticated())
    shown = render(diagnose(trace))
    assert "  Two\n    name       value" in shown["text/plain"]
    assert "A note." in shown["text/html"]
    assert "A note." not in render(Report(trace, "challenge", judge=judge))["text/plain"]


def test_a_probe_with_a_table_is_unfolded_and_a_step_of_the_flow_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES, "step", Derived("step", ("challenge",), lambda case: NARROW))
    trace = ttrace(unauthenticated(), located())
    probe = render(Report(trace, "well_known", judge=judge))["text/html"]
    step = render(Report(trace, "challenge", ("challenge",), judge))["text/html"]
    assert unfolded(probe)
    assert not unfolded(step)
    assert "A note." in step
