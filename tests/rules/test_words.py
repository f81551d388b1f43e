"""Tests for the words for what came back."""

from __future__ import annotations

import pytest
from factories import HTML, REDIRECT_URI, URL, texchange

from mcp_oauth_nb.records import Headers, Response
from mcp_oauth_nb.rules.words import capped, fix_for, is_page, kind_of, shown, who_answered

DATE = "Sun, 01 Mar 2026 13:00:00 GMT"


def test_cutting_never_leaves_half_a_word() -> None:
    token = "t0k3n" * 20
    assert capped(f"short {token}", 20) == "short …"
    assert capped(f"a=1&b={token}", 20) == "a=1&…"
    assert capped("x" * 300) == "x" * 300
    assert capped("x" * 301) == "…"
    assert len(capped("ab " * 200)) <= 300


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        ("a", '"a"'),
        (["a", "b"], '["a", "b"]'),
        ([1], "an array of 1"),
        (["a"] * 9, "an array of 9"),
        ({"a": 1}, "an object with 1 members"),
        (True, "true"),
        (7, "the number 7"),
    ],
)
def test_values_in_few_words(value: object, words: str) -> None:
    assert shown(value) == words


@pytest.mark.parametrize(
    ("body", "headers", "page"),
    [
        (b"  <!DOCTYPE html>", (), True),
        (b"\xef\xbb\xbf<html>", (), True),
        (b"<!-- x --><html>", (), True),
        (b"Access denied", HTML, True),
        (b'{"a": 1}', HTML, False),
        (b"{", (), False),
    ],
)
def test_pages_are_known_by_their_beginning_or_their_type(body: bytes, headers: object, page: bool) -> None:
    assert is_page(Response(200, headers=headers, body=body)) is page


@pytest.mark.parametrize(
    ("status", "headers", "kind", "who", "fix"),
    [
        (429, (("Retry-After", "60"),), "too many requests", "MCP server", "Wait 60 s, as Retry-After says, then"),
        (429, (), "too many requests", "MCP server", "Wait some minutes, then"),
        (429, (("Retry-After", DATE),), "too many requests", "MCP server", f'Wait until "{DATE}", then'),
        (407, (("Proxy-Authenticate", "Basic"),), "proxy login", "network", "Log in to the proxy"),
        (408, (), "refused", "MCP server", "Make the server accept"),
    ],
)
def test_an_answer_that_says_nothing_of_the_request(
    status: int, headers: Headers, kind: str, who: str, fix: str
) -> None:
    one = texchange("mcp", URL, status, {"error": "too_many_requests"}, headers=headers)
    assert (kind_of(one), who_answered(one)) == (kind, who)
    assert fix_for(one, "an answer").startswith(fix)


def test_a_redirect_in_the_browser_is_no_missing_answer() -> None:
    assert kind_of(texchange("callback", REDIRECT_URI, None, direction="in")) == "no answer"
