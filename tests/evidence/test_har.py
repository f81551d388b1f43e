"""HAR both ways: other readers open ours, and we diagnose those of others; no secret stands in what is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from foreign import archive, entry, foreign_har
from haralyzer import HarParser
from hypothesis import given
from hypothesis import strategies as st
from leaks import assert_no_leak
from staging import TOOL, report_on

from mcp_oauth_nb import BadSetting, Debugger, DemoServer, NotOurs, Report, Trace, diagnose, load_har
from mcp_oauth_nb.demo import FAULTS
from mcp_oauth_nb.evidence.har import har_of
from mcp_oauth_nb.facts import table_of
from mcp_oauth_nb.facts.table import TABLES
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.grants import ROUTE

OVER_ALL_STEPS = (
    "no-challenge",
    "wrong-resource",
    "issuer-mismatch",
    "registration-refused",
    "access-denied",
    "session-cookie-lost",
    "token-endpoint-502",
    "verifier-not-checked",
    "audience-of-another",
    "token-rejected",
    "session-unknown-as-401",
    "missing-scope-as-401",
    "refresh-502",
    "revocation-404",
    "revocation-ignored",
)
BEHIND_THE_MASK = ("verifier-not-checked", "audience-of-another")
"""Faults that show in the value of a secret alone."""


def lead(report: Report) -> tuple[str, str] | None:
    return (report.cause.rule, report.cause.cause) if report.cause else None


def shown(trace: Trace) -> list[str]:
    """All that is displayed of a trace."""
    report = diagnose(trace)
    things: list[Any] = [trace, report, *trace.exchanges]
    tables = [table for name in TABLES if (table := table_of(trace, name)) is not None]
    texts = [text for thing in things for text in render(thing).values()]
    return [*texts, *map(repr, [*things, *tables, *report.findings]), har_of(trace).text]


@pytest.fixture(scope="module")
def walked() -> Debugger:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow", protocol="2025-11-25", tool=TOOL)
        dbg.run(afterwards=True)
    return dbg


@pytest.mark.parametrize("name", OVER_ALL_STEPS)
def test_a_fault_that_another_tool_recorded_leads_to_the_same_cause(name: str) -> None:
    report = report_on(FAULTS[name])
    loaded = diagnose(load_har(foreign_har(report.trace)))
    assert lead(loaded) == lead(report)
    assert loaded.failing_step == report.failing_step
    own = diagnose(load_har(har_of(report.trace)))
    assert lead(own) == lead(report)


def test_the_faults_are_of_every_part_of_the_flow() -> None:
    assert {*ROUTE, "refresh", "revoke", "revoked"} - {FAULTS[name].phase for name in OVER_ALL_STEPS} == {
        "pkce",  # sends nothing
        "authorize",  # its faults are changes by hand, of which another tool knows nothing
    }


def test_a_healthy_flow_of_another_tool_trips_no_rule() -> None:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow", protocol="2025-11-25", tool=TOOL)
        dbg.run()
        dbg.refresh()
    report = diagnose(load_har(foreign_har(dbg.trace)))
    assert [finding.rule for finding in report.findings] == []
    assert {report.status_of(step) for step in (*report.route, "refresh")} == {"passed"}
    for name in ("url", "protocol", "redirect_uri"):
        assert report.trace.settings[name] == dbg.trace.settings[name]


@pytest.mark.parametrize("protocol", ["2025-03-26", "2025-11-25", "2026-07-28"])
def test_a_piece_of_a_healthy_recording_trips_no_rule(protocol: str) -> None:
    """What came before or after is not known, so nothing may be said of it."""
    with DemoServer(require_resource=protocol != "2025-03-26") as server:
        dbg = Debugger(server.url, browser="follow", protocol=protocol)
        dbg.run()
        dbg.refresh()
        dbg.revoke()
    entries = foreign_har(dbg.trace)["log"]["entries"]
    for first in range(len(entries)):
        for last in range(first + 1, len(entries) + 1):
            report = diagnose(load_har(archive(entries[first:last])))
            assert [finding.rule for finding in report.findings] == [], (first, last)
            assert report.failing_step is None


def test_a_reader_of_others_opens_what_is_written(walked: Debugger, tmp_path: Path) -> None:
    file = tmp_path / "flow.har"
    har = walked.har(file)
    assert json.loads(file.read_text()) == har
    assert [one.name for one in tmp_path.iterdir()] == ["flow.har"]
    parser = HarParser.from_file(str(file))
    assert (parser.version, parser.creator["name"]) == ("1.2", "mcp-oauth-nb")
    (page,) = parser.pages
    assert len(page.entries) == len(walked.exchanges)
    for told, exchange in zip(page.entries, walked.exchanges, strict=True):
        assert (told.request.method, told.status) == (exchange.request.method, exchange.status or 0)
        assert told.startTime == exchange.started.replace(microsecond=exchange.started.microsecond // 1000 * 1000)
        assert told.response.contentSize == len(told.response.text.encode())
    assert repr(har) == f"<Har of {len(walked.exchanges)} exchanges>"


def test_what_is_written_and_loaded_again_is_the_same_trace(walked: Debugger) -> None:
    loaded = load_har(json.loads(walked.har().text))
    assert [(one.id, one.step, one.direction, one.hop, one.why) for one in loaded.exchanges] == [
        (one.id, one.step, one.direction, one.hop, one.why) for one in walked.exchanges
    ]
    assert [(run.step, run.exchanges, run.achieved) for run in loaded.runs] == [
        (run.step, run.exchanges, run.achieved) for run in walked.trace.runs
    ]
    assert har_of(loaded) == walked.har()
    assert (diagnose(loaded).status, diagnose(loaded).findings) == ("passed", ())


def test_no_secret_leaves_in_either_direction(walked: Debugger) -> None:
    secrets = [value for value in walked.trace.vault.values() if len(value) > 12]
    assert_no_leak([walked.har().text, repr(walked.har())], secrets)
    loaded = load_har(foreign_har(walked.trace))
    assert set(secrets) <= set(loaded.vault.values())
    assert_no_leak(shown(loaded), secrets)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("curl -v", "it is not JSON"),
        ("[1]", "a list"),
        ('{"cells": []}', "without log.entries"),
        ('{"log": {"entries": {}}}', "without log.entries"),
        ('{"log": {"entries": [1, {}, {"request": {"url": 1}}]}}', "none of its 3 entries"),
    ],
)
def test_what_is_no_har_is_named(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "thing.har"
    file.write_text(text)
    with pytest.raises(NotOurs, match=rf"thing\.har .*{why}.*Expected a HAR file"):
        load_har(file)


def test_a_loaded_trace_is_displayed_without_a_debugger(walked: Debugger, tmp_path: Path) -> None:
    file = tmp_path / "flow.har"
    file.write_text(json.dumps(foreign_har(walked.trace)))
    code = (
        "import sys; from mcp_oauth_nb import diagnose, load_har; trace = load_har(sys.argv[1]); "
        "bundle = diagnose(trace)._repr_mimebundle_(); print(len(bundle), len(trace.frame) > 5)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "True"]


def test_a_file_that_is_not_there_is_a_bad_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="cannot be read"):
        load_har(tmp_path / "nothing.har")


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["GET", "http://a/?code=1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "request response method url headers name value status content text encoding postData params time "
                "startedDateTime _mcp_oauth_nb step hop runs settings _error redirectURL mimeType size".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(told=st.lists(JUNK, max_size=4), ours=JUNK, part=JUNK)
def test_garbage_never_raises(told: list[Any], ours: Any, part: Any) -> None:
    known = {"request": {"method": "GET", "url": "http://a/", "headers": part, "postData": part}, "response": part}
    har = {"log": {"entries": [*told, known, {**known, "response": {"status": 200, "content": part}}]}}
    har["log"]["_mcp_oauth_nb"] = ours
    trace = load_har(har)
    assert len(trace.exchanges) >= 2
    assert diagnose(trace).status


def test_a_body_that_was_not_kept_is_not_judged_as_empty(walked: Debugger) -> None:
    found = next(one for one in walked.exchanges if one.step == "resource_metadata")
    told = entry(found)
    told["response"]["content"] = {"size": 300, "mimeType": "application/json"}
    report = diagnose(load_har(archive([entry(walked.exchanges[0]), told])))
    assert report.status_of("resource_metadata") == "not tested"
    assert report.findings == ()


def test_why_there_was_no_answer_is_taken_from_the_recorder(walked: Debugger) -> None:
    told = {**entry(walked.exchanges[0]), "_error": "net::ERR_NAME_NOT_RESOLVED"}
    told["response"] = {"status": 0}
    (one,) = load_har(archive([told])).exchanges
    assert one.failure is not None
    assert one.failure.kind == "dns"
