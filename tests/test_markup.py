"""The lint of displays can fail: one broken example for each of its clauses, and a good one beside it."""

from __future__ import annotations

import pandas as pd
import pytest

from mcp_oauth_nb.evidence.document import MIME
from tests.markup import read_markup
from tests.saved import display_problems, html_problems, problems

CELL = '<td style="text-align:left">{}</td>'
ROW = "<table><tbody><tr>{}</tr></tbody></table>"

BROKEN = {
    "a script": ("<script>1</script>", "<script> is dropped"),
    "a style sheet": ("<style>b{}</style>", "<style> is dropped"),
    "an inline drawing": ("<svg>words</svg>", "<svg> is dropped"),
    "a form": ("<input>", "<input> is dropped"),
    "a class": ('<b class="x">one</b>', "class= is dropped"),
    "an id": ('<b id="x">one</b>', "id= is dropped"),
    "a handler": ('<b onclick="x">one</b>', "onclick= is dropped"),
    "data": ('<b data-x="1">one</b>', "data-x= is dropped"),
    "aria": ('<b aria-label="one">one</b>', "aria-label= is dropped"),
    "a script in a link": ('<a href="javascript:x" rel="noopener noreferrer" target="_blank">x</a>', "a link to"),
    "a link within the page": ('<a href="#x" rel="noopener noreferrer" target="_blank">x</a>', "a link to"),
    "a link with its opener": ('<a href="https://a.example/">x</a>', "hands over its opener"),
    "a remote image": ('<img alt="x" src="https://a.example/x.png">', "something loaded"),
    "a remote background": ('<b style="background:url(x);color:#fff">x</b>', "no literal"),
    "a variable": ('<b style="border-color:var(--x)">x</b>', "no literal"),
    "an inherited colour": ('<b style="border-color:inherit">x</b>', "no literal"),
    "a fixed place": ('<b style="position:fixed">x</b>', "style position is dropped"),
    "one colour of a pair": ('<b style="color:#fff">x</b>', "one colour of a pair"),
    "colour without a word": ('<b style="color:#fff;background:#a40e26"> </b>', "no word in it"),
    "nothing displayed": ('<b style="display:none">x</b>', "hides"),
    "nothing opaque": ('<b style="opacity:.1">x</b>', "hides"),
    "nothing large": ('<b style="font-size:0">x</b>', "hides"),
    "words out of the page": ('<b style="margin-left:-999px">x</b>', "hides"),
    "a cell that is set right": (ROW.format("<td>x</td>"), "without text-align:left"),
    "cells that run together": (ROW.format(CELL.format("one") + CELL.format("two")), "keeps apart"),
    "blocks that run together": ("<div>one</div><div>two</div>", "keeps apart"),
    "a break that is a tag alone": ("one<br>two", "keeps apart"),
    "a fold without a summary": ("<details><div>x</div></details>", "begins with <div>"),
    "a summary without a fold": ("<summary>x</summary>", "outside <details>"),
    "a summary without a word": ("<details><summary> </summary>\nx</details>", "without a word"),
    "an open element": ("<div>x", "is not closed"),
    "a closed stranger": ("x</div>", "closes nothing"),
    "an empty line": ("<div>one\n \ntwo</div>", "an empty line"),
    "a comment": ("<!-- x -->", "a comment"),
    "a declaration": ("<!DOCTYPE html>", "a declaration"),
    "an instruction": ("<?x ?>", "a processing instruction"),
}
GOOD = (
    '<div style="margin:2px 0"><span style="color:#fff;background:#a40e26">failed</span> <b>one</b></div>\n'
    '<details open="open"><summary>two</summary>\n<div>\nthree\n</div></details>\n'
    + ROW.format(CELL.format("four") + " " + CELL.format("five<br>\nsix"))
)
TEXT = "failed one two three four five six"


@pytest.mark.parametrize("name", BROKEN)
def test_each_clause_can_fail(name: str) -> None:
    markup, said = BROKEN[name]
    assert any(said in problem for problem in read_markup(markup).problems), read_markup(markup).problems


def test_what_is_good_passes() -> None:
    assert read_markup(GOOD).problems == []
    assert read_markup(GOOD).words == TEXT
    assert display_problems({"text/plain": TEXT, "text/html": GOOD}) == []
    assert display_problems({"text/plain": "one line", MIME: {}}) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"text/plain": "some words", "application/json": {}}, "more than text and html"),
        ({"text/plain": TEXT, "text/html": GOOD, MIME: {}}, "more than text and html"),
        ({"text/html": "<b>x</b>"}, "a display without text"),
        ({"text/plain": "<mcp_oauth_nb.Report object at 0x7f00>"}, "only names an object"),
        ({"text/plain": "red \x1b[31m words"}, "move or colour"),
        ({"text/plain": "from \u202e right"}, "move or colour"),
        ({"text/plain": "one", "text/html": "<b>one else</b>"}, "only the html has: ['else']"),
    ],
)
def test_each_clause_of_a_display_can_fail(data: dict, said: str) -> None:
    assert any(said in problem for problem in display_problems(data)), display_problems(data)


def test_a_frame_of_pandas_is_taken_as_pandas_writes_it() -> None:
    frame = pd.DataFrame({"a": ["<b>x</b>"], "b": [1]}).set_index("a")
    assert html_problems(frame.to_html(notebook=True), repr(frame)) == []
    assert html_problems(frame.to_html(notebook=True, escape=False), repr(frame)) == ["a frame with markup in it"]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({"output_type": "error", "ename": "E", "evalue": "v"}, "an error"),
        ({"output_type": "stream", "text": "x"}, "printed"),
    ],
)
def test_each_clause_of_a_notebook_can_fail(output: dict, said: str) -> None:
    notebook = {"metadata": {"widgets": {}}, "cells": [{"outputs": [output]}]}
    assert any(said in problem for problem in problems(notebook))
    assert "widget state in the metadata" in problems(notebook)
