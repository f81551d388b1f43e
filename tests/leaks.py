"""Everything that a debugging session shows, searched for secrets."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.facts import table_of
from mcp_oauth_nb.facts.table import TABLES
from mcp_oauth_nb.mime import render


def shown(dbg: Debugger) -> Iterator[str]:
    """Every text that a notebook could be left with."""
    report = dbg.diagnose()
    things = [dbg, report, dbg.trace, dbg.config, dbg.details, *dbg.exchanges, *dbg.trace.runs, *report.findings]
    things += [type(report)(report.trace, run.step, report.route, report.judge) for run in dbg.trace.runs]
    things += [dbg.table(name) for name in TABLES if table_of(dbg.trace, name) is not None]
    yield from map(repr, things)
    yield from map(str, things)
    yield repr([dbg._flow, dbg._same, dbg._driver, dbg._driver.listener, dbg._driver.wire])
    for thing in things:
        try:
            yield from render(thing).values()
        except TypeError:
            continue
    yield from render(dbg.other_clients()).values()
    yield dbg.support().text
    yield dbg.support(hosts=False).text
    yield dbg.har().text
    if dbg.trace.runs:
        yield str(dbg.curl())
    for run in dbg.trace.runs:
        yield str(dbg.curl(run.step))


def forms(secret: str) -> tuple[str, ...]:
    """How a secret may stand in a text."""
    raw = secret.encode()
    return secret, quote(secret, safe=""), base64.b64encode(raw).decode().rstrip("="), raw.hex()


def assert_no_leak(texts: Iterable[str], secrets: Iterable[str]) -> None:
    """None of these secrets stands in any of these texts."""
    wanted = [(form, number) for number, secret in enumerate(secrets) for form in forms(secret)]
    assert wanted, "there must be secrets to look for"
    for text in texts:
        for form, number in wanted:
            at = text.find(form)
            assert at < 0, f"secret {number} stands in: …{text[max(0, at - 60) : at]}[here]…"
