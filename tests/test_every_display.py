"""Every display of the package, of flows with every kind of fault, in the form that every renderer keeps."""

from __future__ import annotations

import importlib
import pkgutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from mcp_oauth_nb import (
    Debugger,
    DemoServer,
    Report,
    check,
    compare,
    practice,
    record,
    replay,
    request,
    scrub,
    unattended,
)
from mcp_oauth_nb import views as package
from mcp_oauth_nb.demo import FAULTS
from mcp_oauth_nb.evidence.pages import pages
from mcp_oauth_nb.keeping.tokens import TokenList
from mcp_oauth_nb.link import AuthorizationLink
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.practice import Incident
from mcp_oauth_nb.views.check import Check
from mcp_oauth_nb.views.noted import Noted
from tests.saved import display_problems
from tests.staging import report_on

SAMPLE = tuple(FAULTS)[::9]
"""About thirty faults out of all, from every step."""


def shown_by(report: Report) -> Iterator[tuple[str, Any]]:
    """All displays of one report, by what they show: the whole, each step, each exchange, the pages of a file."""
    yield "report", render(report)
    yield "trace", render(report.trace)
    for run in report.trace.runs:
        yield run.step, render(replace(report, step=run.step))
    for one in report.trace.exchanges:
        yield f"#{one.id}", render(one)
    for page in pages(report, "incident.ipynb"):
        yield page.heading, page.shown


@pytest.mark.parametrize("name", SAMPLE)
def test_every_display_of_a_fault_keeps_the_contract(name: str) -> None:
    for what, shown in shown_by(report_on(FAULTS[name])):
        assert display_problems(shown) == [], what


def checks() -> Iterator[Check]:
    """What was found in a clean file, in one with secrets, and in that one when they were replaced."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "notes.txt"
        file.write_text("nothing here")
        yield check(file)
        file.write_text("Authorization: Bearer Zk3vQx9hw8rT5Jq82LzXw0aVb73Xe\nclient_secret=Ux72hdPq91LsKe04Tz\n")
        found = check(file)
        assert not found.clean
        yield found
        yield scrub(file)


def of_evidence(dbg: Debugger) -> Iterator[Any]:
    """What is made of one run or of two."""
    again = replay(dbg)
    with httpx.Client() as client, record(client) as recording:
        client.get(dbg.url)
    grid = dbg.vary("challenge", headers={"X-One": ["1", "2"]})
    yield from (compare(dbg, again.dbg), again, recording, dbg.other_clients(), dbg.support(), grid)


def of_kept_tokens(dbg: Debugger) -> Iterator[Any]:
    """A list of tokens, one of them, and what deleting says."""
    kept = TokenList()
    yield from (kept, kept.add("alice", dbg), kept, kept.unshare("alice"), kept.delete("alice"))


@cache
def of_every_class() -> dict[str, list[Any]]:
    """Objects to show, by the name of their class."""
    with DemoServer(jwt=True) as server:
        dbg = Debugger(server.url, browser="follow", client_metadata_url=server.client_document_url)
        audit = dbg.audit()
        link = Debugger(server.url)
        for step in ("challenge", "resource_metadata", "server_metadata", "register", "pkce"):
            getattr(link, step)()
        incident = practice.incident(1)
        objects = [
            *(audit, dbg.config, dbg.details, dbg.curl(), dbg.curl("token"), dbg.diagnose(), dbg.trace),
            *(dbg.exchanges[0], dbg.client_document(), link.authorize(), server),
            *(incident, incident.guess(), incident.guess(step="token", who="gateway"), incident.reveal()),
            *(practice.score({1: incident}), request("GET", f"{server.issuer}/.well-known/oauth-authorization-server")),
            *(dbg.table(name) for name in ("urls", "issuers", "tokens")),
            unattended.investigate(server.url, browser=None),
            *checks(),
            *of_evidence(dbg),
            *of_kept_tokens(dbg),
        ]
    made: dict[str, list[Any]] = {}
    for one in objects:
        made.setdefault(type(one).__name__, []).append(one._repr_mimebundle_())
    return made


CLASSES = (
    "Audit AuthorizationLink Check ClientDocument Config DemoServer Exchange Incident Investigation Report Script "
    "Solution TableView TokenDetails Trace Answer Comparison Note Outlooks Recording Replayed Support KeptToken "
    "TokenList Variants"
).split()


@pytest.mark.parametrize("name", CLASSES)
def test_a_display_of_every_class_keeps_the_contract(name: str) -> None:
    for shown in of_every_class()[name]:
        assert display_problems(shown) == []


def test_no_class_with_a_display_is_left_out() -> None:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    registered = {kind.__name__ for kind in render.registry if kind.__module__.startswith("mcp_oauth_nb.")}
    inside = {
        "TokenTable": TokenList,
        "Reading": Incident,
        "LinkView": AuthorizationLink,
        "Noted": unattended.Investigation,
    }
    assert registered - set(inside) <= set(CLASSES)
    assert {kind.__name__ for kind in inside.values()} <= set(CLASSES)
    assert display_problems(render(Noted(report_on(FAULTS[SAMPLE[0]]), ("one note", "another")))) == []
