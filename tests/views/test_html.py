"""The builder: text is escaped, unseen characters are written out, links are safe, and nothing else makes markup."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_nb.views import html
from tests.markup import read_markup

ANYTHING = st.text(st.characters(codec=None))  # lone surrogates included


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("\x1b[31m", "\\u001b[31m"),
        ("\x00\x7f\x85", "\\u0000\\u007f\\u0085"),
        ("\ud800", "\\ud800"),
        ("\u2066\u2069\u200e\u200f", "\\u2066\\u2069\\u200e\\u200f"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("line\u2028and\u2029paragraph", "line\\u2028and\\u2029paragraph"),
        ("no\u00a0break", "no\\u00a0break"),
        ("\U000e0041", "\\U000e0041"),
        ("one\ntwo\tthree", "one\\u000atwo\\u0009three"),
        ("Grüße 日本 ‹tag›", "Grüße 日本 ‹tag›"),
    ],
)
def test_unseen_characters_are_written_out(given_text: str, shown: str) -> None:
    assert html.visible(given_text) == shown


def test_lines_stay_lines_where_there_may_be_some() -> None:
    assert html.visible("a\r\nb\n\tc\rd\x1b", lines=True) == "a\nb\n\tc\\u000dd\\u001b"


@given(ANYTHING)
def test_text_reads_back_as_what_is_visible(content: str) -> None:
    read = read_markup(html.tag("span", html.text(content)))
    assert not read.problems
    assert read.text == html.visible(content)
    html.text(content).encode()


@given(ANYTHING)
def test_a_pre_reads_back_line_by_line(content: str) -> None:
    read = read_markup(html.pre(content))
    assert not read.problems
    assert read.text == "\n" + html.visible(content, lines=True)


@given(ANYTHING, ANYTHING)
def test_an_attribute_cannot_be_left(value: str, content: str) -> None:
    read = read_markup(html.tag("span", html.text(content), title=value))
    assert read.elements == [("span", {"title": html.visible(value)})]


@given(st.sampled_from(["", "http://", "https://", "javascript:", "data:", "HTTPS://"]), ANYTHING)
def test_only_web_addresses_are_clickable(scheme: str, rest: str) -> None:
    url = scheme + rest
    read = read_markup(html.link(url))
    assert not read.problems
    assert read.text == html.visible(url)
    assert read.links in ([], [url])


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        "https://a.example/\nx",
        "https://a.example/\u202etxt.exe",
        "https://good.example\\@bad.example/",
        "https://a.example/?code=‹code#123456 9 chars›",
        " https://a.example/",
        "file:///etc/passwd",
        "//a.example/",
        "https://",
        "https://a.example/" + "x" * html.LONGEST_VALUE,
    ],
)
def test_a_url_that_is_not_safe_to_click_is_only_shown(url: str) -> None:
    assert not read_markup(html.link(url)).links


def test_a_link_shows_its_whole_address() -> None:
    url = 'https://a.example/path?a=1&b="2"'.replace('"', "%22")
    read = read_markup(html.link(url))
    assert (read.links, read.text) == ([url], url)


def test_a_text_that_is_too_long_is_counted() -> None:
    assert html.one_line("é" * 20, 10) == "é" * 10 + " … 20 more bytes not shown"
    assert html.clip("short", 10) == ("short", "")
    read = read_markup(html.pre("x" * (html.LONGEST_BODY + 3211)))
    assert read.text.endswith("… 3,211 more bytes not shown")


@pytest.mark.parametrize("content", ["one\n\ntwo", "\n\n one", "one\n \t\n\n\ntwo\n\n", "\n", "one\r\n\r\n# two"])
def test_text_with_empty_lines_is_markup_without_them(content: str) -> None:
    read = read_markup(html.pre(content))
    assert read.problems == []
    assert read.text.removeprefix("\n") == content.replace("\r\n", "\n")


@pytest.mark.parametrize("name", ["script", "style", "svg", "iframe", "base"])
def test_an_unsafe_element_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        html.tag(name)


@pytest.mark.parametrize("name", ["onclick", "id", "class", "src"])
def test_an_unsafe_attribute_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        html.tag("div", **{name: "x"})


@pytest.mark.parametrize("status", ["passed", "failed", "warned", "needs you", "running", "not run", "not tested"])
def test_a_badge_says_its_word_on_a_pair_of_colours(status: str) -> None:
    read = read_markup(html.badge(status))
    assert (read.text, read.problems) == (status, [])


def test_details_fold_and_flatten() -> None:
    read = read_markup(html.details(html.text("summary"), html.text("body"), unfold=True))
    assert read.elements[0] == ("details", {"style": "margin:2px 0", "open": "open"})
    assert read.words == "summary body"


def test_a_table_flattens_to_words() -> None:
    read = read_markup(html.table([(html.text("name"), html.text("value"))], ("one", "two")))
    assert read.words == "one two name value"
    assert all("text-align:left" in attributes["style"] for name, attributes in read.elements if name in ("td", "th"))


def test_nothing_else_makes_markup() -> None:
    folder = Path(html.__file__).parent
    for path in folder.glob("*.py"):
        if path.name == "html.py":
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Html"]
        assert not made, f"{path.name} makes Html from text"
