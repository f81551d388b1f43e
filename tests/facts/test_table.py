"""The registry of derived tables."""

from __future__ import annotations

import pytest
from factories import located, tflow, ttrace, unauthenticated

from mcp_oauth_nb.facts import FLOW, Cell, Table, derived, table_of, tables_for
from mcp_oauth_nb.facts.table import LONGEST_CELL, TABLES, Derived, said
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules.rule import Case
from mcp_oauth_nb.steps import STEPS
from mcp_oauth_nb.vault import Vault


@pytest.mark.parametrize("declared", TABLES.values(), ids=TABLES)
def test_a_declared_table_stands_under_steps_that_there_are(declared: Derived) -> None:
    assert declared.steps
    assert set(declared.steps) <= {*STEPS, FLOW}


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_trace_has_no_table(name: str) -> None:
    assert table_of(Trace(), name) is None


def test_a_table_stands_under_its_steps_only() -> None:
    trace = ttrace(unauthenticated(), located())
    assert len(tables_for(trace, "well_known")) == 2
    assert tables_for(trace, "revoke") == ()
    assert len(tables_for(trace, "challenge")) == 1
    assert tables_for(trace, "challenge", whole=False) == ()
    assert tables_for(tflow(), "well_known") == ()


def test_a_table_that_trips_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(case: Case) -> Table | None:
        raise LookupError("secret text of a server")

    monkeypatch.setitem(TABLES, "broken", Derived("broken", ("revoke",), broken))
    (made,) = tables_for(ttrace(unauthenticated()), "revoke")
    assert made.notes == ("The table could not be worked out (LookupError).",)


def test_a_name_is_given_once() -> None:
    name = next(iter(TABLES))
    with pytest.raises(ValueError, match="two tables"):
        derived(name, steps=("challenge",))(lambda case: None)


def test_rows_are_as_wide_as_the_headings() -> None:
    with pytest.raises(ValueError, match="number of cells"):
        Table("t", ("a", "b"), ((Cell("1"),),))


def test_reprs_show_no_text() -> None:
    assert "secret" not in repr([Cell("secret"), Table("secret", ("a",), ((Cell("secret"),),))])


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("issuer", "https://a.example", "https://a.example"),
        ("scopes_supported", ["a", "é"], '["a", "é"]'),
        ("flag", None, "null"),
    ],
)
def test_a_member_as_text(name: str, value: object, text: str) -> None:
    assert said(Vault(), name, value) == text


def test_a_member_is_masked_by_its_name_and_cut() -> None:
    assert "hunter2" not in said(Vault(), "client_secret", "hunter2")
    assert "hunter2" not in said(Vault(), "clients", [{"client_secret": "hunter2"}])
    assert len(said(Vault(), "x", ["a"] * 9000)) < LONGEST_CELL + 20
