"""The matrix of locations and the differences between copies, as pure data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    ASM_URL,
    ISSUER,
    OIDC_URL,
    PAGE,
    PRM_ROOT_URL,
    PRM_URL,
    Body,
    Piece,
    asm,
    located,
    prm,
    resource_document,
    server_document,
    texchange,
    ttrace,
    unauthenticated,
)

from mcp_oauth_nb.facts import Table, table_of
from mcp_oauth_nb.records import Failure, Trace

Answers = dict[str, tuple[int, Body]]


def made(name: str, answers: Answers | None = None, *before: Piece) -> Table:
    table = table_of(ttrace(*(before or (unauthenticated(),)), located(answers)), name)
    assert table is not None
    return table


def row(table: Table, url: str) -> dict[str, str]:
    return next(
        {name: cell.text for name, cell in zip(table.columns, cells, strict=True)}
        for cells in table.rows
        if cells[0].text == url
    )


def test_a_row_says_all_of_a_location() -> None:
    assert row(made("locations"), PRM_URL) == {
        "location": PRM_URL,
        "document": "resource metadata",
        "built as": "challenge, path",
        "status": "200",
        "content type": "application/json",
        "ms": "12",
        "verdict": "document fits",
        "asked by": "1st for 2025-06-18, 2025-11-25, 2026-07-28",
        "taken": "",
    }


def test_what_the_flow_took_is_marked() -> None:
    flow = (
        unauthenticated(),
        Piece("resource_metadata", (resource_document(),)),
        Piece("server_metadata", (server_document(b"", ASM_URL, 404), server_document(url=OIDC_URL))),
    )
    table = made("locations", None, *flow)
    assert [cells[0].text for cells in table.rows if cells[-1].text] == [PRM_URL, OIDC_URL]
    assert table.notes == ()
    assert made("locations").notes == ("The flow has taken none of these documents (yet).",)


@pytest.mark.parametrize(
    ("answer", "verdict", "mark"),
    [
        ((200, prm(resource="https://mcp.example.com")), "document fits", "good"),
        ((200, prm(resource="https://mcp.example.com/mcp/")), "another spelling", "warn"),
        ((200, prm(resource="https://other.example")), "wrong resource", "bad"),
        ((200, {"error": "x"}), "wrong resource", "bad"),
        ((200, b"[1]"), "not JSON", "bad"),
        ((200, b""), "not JSON", "bad"),
        ((200, PAGE), "HTML page", "bad"),
        ((404, PAGE), "not found", ""),
        ((307, b""), "redirect", "warn"),
        ((403, b""), "blocked", "bad"),
        ((401, b""), "blocked", "bad"),
        ((503, b""), "blocked", "bad"),
        ((400, b""), "refused", "bad"),
        ((202, {"a": 1}), "refused", "bad"),
    ],
)
def test_verdicts(answer: tuple[int, Body], verdict: str, mark: str) -> None:
    table = made("locations", {PRM_ROOT_URL: answer})
    cell = next(cells[6] for cells in table.rows if cells[0].text == PRM_ROOT_URL)
    assert (cell.text, cell.mark) == (verdict, mark)


@pytest.mark.parametrize(
    ("kind", "verdict"), [("address", "address refused"), ("timeout", "no answer"), ("url", "no answer")]
)
def test_no_answer_is_told_apart_from_an_address_that_was_refused(kind: str, verdict: str) -> None:
    piece = located()
    broken = replace(piece.exchanges[1], response=None, failure=Failure(kind, "m"))
    table = table_of(ttrace(replace(piece, exchanges=(piece.exchanges[0], broken))), "locations")
    assert (row(table, PRM_ROOT_URL)["verdict"], row(table, PRM_ROOT_URL)["status"]) == (verdict, f"{kind} failure")
    assert table.notes[0] == "6 further locations were not asked."


def test_a_redirect_says_where_it_leads() -> None:
    moved = texchange("well_known", PRM_ROOT_URL, 301, headers=(("Location", "/login?next=secret"),))
    table = table_of(ttrace(Piece("well_known", (moved,))), "locations")
    assert row(table, PRM_ROOT_URL)["status"] == "301 to /login"


def test_any_issuer_will_do_where_it_is_only_assumed() -> None:
    url = "https://mcp.example.com/.well-known/oauth-authorization-server"
    alone = Piece("well_known", (texchange("well_known", url, 200, asm()),))
    assert row(table_of(ttrace(alone), "locations"), url)["verdict"] == "document fits"
    other = made("locations", {url: (200, asm(issuer="https://other.example"))})
    assert row(other, url)["verdict"] == "wrong issuer"
    assert row(made("locations", {url: (200, asm())}), url)["verdict"] == "document fits"


def test_equal_copies_are_said_to_be_equal() -> None:
    table = made("copies")
    assert (table.title, table.rows) == ("Copies of the authorization server metadata", ())
    assert table.notes == ("All 2 copies are equal.",)


def test_differences_stand_side_by_side() -> None:
    other = asm(registration_endpoint=None, token_endpoint=f"{ISSUER}/t", grant_types_supported=["a"])
    table = made("copies", {OIDC_URL: (200, other), PRM_ROOT_URL: (200, prm(scopes_supported=["b"]))})
    assert table.title == "Copies of the protected resource metadata that differ"
    (below,) = table.tail
    assert below.columns == ("member", "copy 1", "copy 2")
    assert [[cell.text for cell in cells] for cells in below.rows] == [
        ["found at", ASM_URL, OIDC_URL],
        ["token_endpoint", f"{ISSUER}/token", f"{ISSUER}/t"],
        ["registration_endpoint", f"{ISSUER}/register", "(absent)"],
        ["grant_types_supported", '["authorization_code", "refresh_token"]', '["a"]'],
    ]
    assert below.notes == (f"{len(asm()) - 3} further members are equal everywhere.",)


def test_documents_of_two_authorization_servers_are_no_copies() -> None:
    second = "https://second.example"
    url = f"{second}/.well-known/oauth-authorization-server"
    answers: Answers = {
        PRM_URL: (200, prm(authorization_servers=[ISSUER, second])),
        OIDC_URL: (404, b""),
        url: (200, asm(issuer=second)),
    }
    assert made("copies", answers).notes == ("No document was found at more than one location.",)


def test_the_same_tables_come_from_a_trace_that_was_saved() -> None:
    trace = ttrace(unauthenticated(), located({OIDC_URL: (200, asm(token_endpoint="https://x.example"))}))
    again = Trace(trace.exchanges, trace.runs, {"url": trace.settings["url"]})
    for name in ("locations", "copies"):
        assert table_of(trace, name) == table_of(again, name)
