"""Identifiers side by side: where they part, and what is left of it once both are normalised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_nb.facts.comparison import Place, address, clipped, compared, difference, outcome

HERE = "https://mcp.example.com/mcp"


@pytest.mark.parametrize(
    ("other", "only"),
    [
        ("https://mcp.example.com/mcp/", "a trailing slash"),
        ("https://MCP.example.com/mcp", "case of the host"),
        ("HTTPS://mcp.example.com/mcp", "case of the scheme"),
        ("https://mcp.example.com:443/mcp", "the default port"),
        ("https://mcp.example.com/%6Dcp", "percent-encoding"),
        ("https://mcp.example.com/mcp ", "blanks around it"),
        ("https://mcp.example.com:443/mcp/", "the default port and a trailing slash"),
        ("https://mcp.example.com/MCP", ""),
        ("https://mcp.example.com:8443/mcp", ""),
        ("http://mcp.example.com/mcp", ""),
        ("https://mcp.example.com/mcp?a=b", ""),
        ("https://mcp.example.com/mcp#a", ""),
        ("nothing", ""),
        ("", ""),
    ],
)
def test_what_alone_makes_the_difference(other: str, only: str) -> None:
    apart = difference(HERE, other)
    assert apart is not None
    assert apart.only == only
    assert ("equal after normalisation" in str(apart)) is bool(only)


@pytest.mark.parametrize(
    ("other", "at", "here", "there", "part"),
    [
        ("https://mcp.example.com/mcp/", 28, "the end", '"/"', "path"),
        ("https://mcp.example.com/mc", 27, '"p"', "the end", "path"),
        ("https://mcp.example.org/mcp", 21, '"c"', '"o"', "host"),
        ("https://mcp.еxample.com/mcp", 13, '"e"', '"е" (U+0435)', "host"),
        ("http://mcp.example.com/mcp", 5, '"s"', '":"', "scheme"),
        (" " + HERE, 1, '"h"', "a blank", ""),
    ],
)
def test_the_first_character_that_differs(other: str, at: int, here: str, there: str, part: str) -> None:
    apart = difference(HERE, other)
    assert apart is not None
    assert (apart.at, apart.here, apart.there, apart.part) == (at, here, there, part)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_texts_are_compared(one: str, other: str) -> None:
    apart = difference(one, other)
    assert (apart is None) is (one == other)
    assert apart is None or one[: apart.at - 1] == other[: apart.at - 1]


@given(st.text(max_size=60))
def test_any_text_has_components_or_none(anything: str) -> None:
    for url in (anything, f"https://{anything}", f"app:{anything}"):
        found = address(url)
        assert found is None or all(part in url for part in found)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://u:p@[::1]:80/a?b#c", ("http", "[::1]", "80", "/a", "?b")),
        ("com.example.app:/back", ("com.example.app", "", "", "/back", "")),
        ("com.example-app:back?x=1", None),
        ("no url", None),
    ],
)
def test_components(url: str, parts: tuple[str, ...] | None) -> None:
    found = address(url)
    assert (tuple(found) if found else None) == parts


def test_what_is_absent_or_alone_is_not_judged() -> None:
    absent = Place("a", None, 3, "b", (HERE,))
    assert (compared(absent).text, clipped(absent.value)) == ("", "(absent)")
    assert outcome([Place("a", HERE), absent]) == "1 place, nothing to compare"


def test_the_gravest_difference_leads() -> None:
    places = [
        Place("typed", HERE),
        Place("one", HERE + "/", 1, "typed", (HERE,)),
        Place("two", "https://x.example", 2, "typed", (HERE,)),
    ]
    assert outcome(places).startswith("3 places; two differs at character 9:")
    assert outcome(places).endswith("(and 1 more)")
    assert [compared(place).mark for place in places] == ["", "warn", "bad"]


def test_a_secret_is_not_cut_in_half() -> None:
    assert clipped("https://a.example/?key=" + "k" * 400).startswith("https://a.example/")
    assert "kkkk" not in clipped("https://a.example/?key=" + "k" * 400)
