"""What is left of the displays in other renderers: every word, every status as a word, and nothing that runs."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from factories import ttrace

from mcp_oauth_nb import Debugger, DemoServer, Report, diagnose
from mcp_oauth_nb.evidence.notebook import notebook as evidence
from mcp_oauth_nb.evidence.pages import pages
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.records import Exchange, Request, Response, Run
from mcp_oauth_nb.steps import ROUTE, STEPS
from tests import saved
from tests.executing import Executed, without_controls
from tests.markup import read_markup
from tests.renderers import SITES, Site, by_way_of_markdown, converted, read_page, shown_at

TEMPLATES = ("lab", "classic", "basic")
FAULTS = ("client-unknown-to-tokens", "wrong-resource", "consent-form-blocked")
EMPTY: dict[str, Any] = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a session on a broken demo server, saved in both formats that are for people's eyes."""
    folder = tmp_path_factory.mktemp("incident")
    with DemoServer(FAULTS[0]) as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        dbg.save(folder / "incident.ipynb")
        dbg.save(folder / "incident.html")
    return folder


@pytest.fixture(params=["incident", "walkthrough"])
def notebook(request: pytest.FixtureRequest, incident: Path, ran: Executed) -> dict[str, Any]:
    """An executed notebook with every display in it: one that was saved, and one that was run."""
    if request.param == "incident":
        read: dict[str, Any] = json.loads((incident / "incident.ipynb").read_text())
        return read
    return without_controls(ran("walkthrough.ipynb")[0])


def folds(notebook: dict[str, Any]) -> int:
    """How many parts of the displays can be folded."""
    shown = (saved.joined(one["data"].get("text/html", "")) for one in saved.outputs(notebook) if "data" in one)
    return sum(markup.count("<details") for markup in shown)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_page_of_nbconvert_has_it_all_and_runs_nothing_of_ours(notebook: dict[str, Any], template: str) -> None:
    page, empty = (read_page(converted(one, template)) for one in (notebook, EMPTY))
    assert saved.words_of(notebook) - saved.words(page.text) == set()
    assert page.runs == empty.runs
    assert page.folds >= folds(notebook) > 20


def test_a_sanitized_page_has_it_all_and_lies_open(notebook: dict[str, Any]) -> None:
    page, empty = (read_page(converted(one, "lab", sanitize=True)) for one in (notebook, EMPTY))
    assert saved.words_of(notebook) - saved.words(page.text) == set()
    assert page.runs == empty.runs
    assert page.folds == 0


def test_markdown_made_of_it_has_it_all_and_takes_nothing_of_a_server_for_markdown() -> None:
    picture = "![a picture](https://tracker.example/x.png)"
    page = Response(200, "OK", (("Content-Type", "text/plain"),), f"some\n\n{picture}\n\n# a heading\n".encode())
    trace = ttrace()
    sent = Exchange(1, "challenge", Request("POST", "https://mcp.example.com/mcp"), page, vault=trace.vault)
    report = diagnose(replace(trace, exchanges=(sent,), runs=(Run("challenge", (1,), True),)))
    notebook = json.loads(evidence(pages(report, "incident.ipynb")))
    page = read_page(by_way_of_markdown(notebook))
    assert saved.words_of(notebook) - saved.words(page.text) == set()
    assert page.runs == []
    assert picture in page.text


def test_a_saved_page_has_it_all_and_forbids_itself_to_run(incident: Path) -> None:
    source = (incident / "incident.html").read_text()
    page = read_page(source)
    notebook = json.loads((incident / "incident.ipynb").read_text())
    assert saved.words_of(notebook) - saved.words(page.text) == set()
    assert page.runs == []
    assert page.folds == folds(notebook)
    assert "default-src 'none'" in source[: source.index("<body>")]


def test_the_code_of_saved_evidence_is_folded(incident: Path) -> None:
    notebook = json.loads((incident / "incident.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["metadata"]["jupyter"]["source_hidden"] for cell in cells)


@cache
def report(fault: str) -> Report:
    with DemoServer(fault) as server:
        return Debugger(server.url, browser="follow").run()


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_verdict_is_whole_wherever_it_is_shown(fault: str, site: Site) -> None:
    """Steps beside their status, the cause and the fix: in words, apart from each other, with all styles gone."""
    markup = render(report(fault))["text/html"]
    left = read_markup(shown_at(site, markup))
    assert left.words == read_markup(markup).words
    assert not any({"style", "class", "id"} & given.keys() for _, given in left.elements)
    for number, name in enumerate(ROUTE, 1):
        assert f" {number}. {STEPS[name].title} {report(fault).status_of(name)} " in left.words
    cause = report(fault).cause
    assert cause is not None
    assert left.words.startswith("failed step ")
    assert f"who must act {cause.who} " in left.words
    assert f"fix {' '.join(cause.fix.split())}" in left.words


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
def test_every_word_of_an_executed_notebook_survives(notebook: dict[str, Any], site: Site) -> None:
    for output in saved.outputs(notebook):
        markup = saved.joined(output.get("data", {}).get("text/html", ""))
        assert read_markup(shown_at(site, markup)).words == read_markup(markup).words


def test_the_readers_can_fail() -> None:
    odd = '<p id="a" style="color:red" onclick="x">one<svg><text>two</text></svg><script src="x">three</script></p>'
    assert read_page(odd).text.split() == ["one", "two"]
    assert read_page(odd).runs == ["p onclick=", "<script> x"]
    assert shown_at(SITES["GitHub"], odd) == '<p id="user-content-a">one</p>'
    assert shown_at(SITES["a ticket"], "<div><b>one</b> &lt;two</div>") == "<b>one</b> &lt;two"
    for loading in ('<img src="https://a.example/x">', '<p style="background:url(x)">', '<base href="/">'):
        assert read_page(loading).runs != []
