"""Who answered, and what this side brings along."""

from __future__ import annotations

import pytest
from factories import HTML, JSON, PAGE, URL, Body, Piece, texchange, tflow, ttrace

from mcp_oauth_nb.facts import Table, table_of
from mcp_oauth_nb.records import Headers

BLOCK = b"<html><title>Attention Required! | Cloudflare</title></html>"
PLAIN_PAGE = b"<html><title>Hello</title></html>"
CHALLENGED: Headers = (*JSON, ("WWW-Authenticate", 'Bearer error="invalid_token"'))


def made(*pieces: Piece) -> Table:
    table = table_of(ttrace(*pieces), "answerers")
    assert table is not None
    return table


@pytest.mark.parametrize(
    ("status", "body", "headers", "who"),
    [
        (200, {"a": 1}, JSON, "origin"),
        (401, b"", CHALLENGED, "origin"),
        (401, b"", (*CHALLENGED, ("CF-Ray", "1")), "origin"),
        (500, {"error": "server_error"}, (*JSON, ("Via", "1.1 x")), "origin"),
        (404, b"", (), "origin"),
        (404, b"", (("cf-ray", "1"),), "edge"),
        (403, b"", (("x-amz-cf-id", "1"),), "WAF"),
        (403, b"", (("Server", "AkamaiGHost"),), "WAF"),
        (403, {"a": 1}, (*JSON, ("cf-mitigated", "challenge")), "WAF"),
        (403, BLOCK, HTML, "WAF"),
        (502, b"Bad gateway", (), "edge"),
        (503, PLAIN_PAGE, (*HTML, ("Server", "cloudflare")), "edge"),
        (200, PAGE, HTML, "login page"),
        (302, b"", (("Location", "https://idp.example/login?next=x"),), "login page"),
        (302, b"", (("Location", "/mcp/"),), "origin"),
        (404, PLAIN_PAGE, HTML, "HTML"),
        (200, PLAIN_PAGE, HTML, "HTML"),
    ],
)
def test_who_answered(status: int, body: Body, headers: Headers, who: str) -> None:
    table = made(Piece("challenge", (texchange("challenge", URL, status, body, headers=headers),)))
    assert table.rows[0][1].text == who
    assert table.mark == ("good" if who == "origin" else "bad")


def test_what_tells_is_listed_once() -> None:
    headers = (*CHALLENGED, ("Server", "nginx"), ("Via", "1.1 edge"), ("X-Served-By", "cache-1"))
    one = texchange("challenge", URL, 401, {"error": "invalid_token"}, headers=headers)
    (row,) = made(Piece("challenge", (one, one))).rows
    assert [cell.text for cell in row] == [
        "https://mcp.example.com",
        "origin",
        "#1, #2",
        "server: nginx, via: 1.1 edge, behind a cache",
        "JSON ×2",
        "error=invalid_token, WWW-Authenticate error=invalid_token",
    ]


def test_a_login_page_in_the_browser_is_as_it_should_be() -> None:
    one = texchange("callback", "https://auth.example.com/authorize", 200, PAGE, headers=HTML)
    table = made(Piece("callback", (one,)))
    assert (table.rows[0][1].text, table.mark) == ("login page (in the browser)", "")


def test_no_answer_and_an_edge_lead_the_title() -> None:
    none = texchange("challenge", URL, failure="connect")
    edge = texchange("token", "https://auth.example.com/token", 502, b"x")
    title = made(Piece("challenge", (none,)), Piece("token", (edge,))).title
    assert title == "Who answered: nothing at https://mcp.example.com (#1); an edge at https://auth.example.com (#2)"


def test_a_healthy_flow_is_answered_by_two_origins() -> None:
    table = table_of(tflow(), "answerers")
    assert table is not None
    assert table.title == "Who answered: 2 origins, each by itself"


def test_the_environment_is_read_from_the_settings() -> None:
    told = {"listener": "127.0.0.1:8765 (IPv4)", "certificates": "your own bundle", "python": "3.12.1"}
    table = table_of(tflow(**told, proxy="https_proxy to http://p:1"), "environment")
    assert table is not None
    assert table.title == (
        "Environment: listener 127.0.0.1:8765 (IPv4), proxy https_proxy to http://p:1, "
        "certificates your own bundle, Python 3.12.1"
    )
    assert table.mark == ""


@pytest.mark.parametrize(
    "told",
    [
        {"listener": "none (port 80 cannot be listened on)"},
        {"listener": "x", "certificates": "off: no certificate is checked"},
    ],
)
def test_what_is_unusual_is_marked(told: dict[str, str]) -> None:
    table = table_of(tflow(**told), "environment")
    assert table is not None
    assert table.mark == "warn"


def test_a_trace_without_these_settings_has_no_environment() -> None:
    assert table_of(tflow(), "environment") is None
