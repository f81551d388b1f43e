"""The audit: a healthy server passes it, a broken one does not, and no secret leaves with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from factories import HEALTHY, Piece, texchange, ttrace
from junitparser import JUnitXml
from leaks import assert_no_leak
from rules.probe_specimens import BREAKING, CLEAN, garbage, in_query, origin
from rules.specimens import HEALTHY_FLOW

from mcp_oauth_nb import BadSetting, Client, Debugger, DemoServer
from mcp_oauth_nb.audit import CEILING, FORMULA, Audit
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.probes import FRESH, PROBES
from mcp_oauth_nb.protocol.profiles import AUTO, PROFILES
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import RULES
from mcp_oauth_nb.steps import AFTERWARDS


def outcomes(audit: Audit) -> dict[str, str]:
    return {check.rule: check.outcome for check in audit.checks}


# --- a whole audit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [AUTO, *PROFILES])
def test_a_healthy_server_passes(protocol: str) -> None:
    with DemoServer(require_resource=protocol != "2025-03-26") as server:
        dbg = Debugger(server.url, browser="follow", protocol=protocol)
        audit = dbg.audit()
        assert (audit.status, audit.score) == ("passed", 100)
        assert [check for check in audit.checks if check.outcome in ("failed", "warned")] == []
        assert all(check.reason for check in audit.checks if check.outcome == "not tested")
        assert dbg.diagnose().findings == ()
        assert dbg.mcp("tools/list").status == "passed", "the tokens of the flow are still good"


@pytest.mark.parametrize("protocol", ["2025-11-25", "2026-07-28"])
def test_nearly_every_defence_is_tested(protocol: str) -> None:
    with DemoServer() as server:
        audit = Debugger(server.url, browser="follow", protocol=protocol).audit()
    untested = {check.rule for check in audit.checks if check.step in PROBES and check.outcome == "not tested"}
    of_documents = {"keys-unreadable", "keys-private", "metadata-copies-differ", "resource-metadata-not-well-known"}
    of_clients = {rule for rule in untested if rule.startswith("client-document")}
    of_versions = {"get-delete-answered", "unknown-method-answer"}
    if protocol == "2026-07-28":
        of_versions = {"session-is-enough", "stream-refused"}
    assert untested - of_clients == {"foreign-token-accepted"} | of_documents | of_versions


@pytest.mark.parametrize(
    ("fault", "rule", "status"),
    [
        ("code-works-twice", "code-works-twice", "failed"),
        ("garbage-token-accepted", "invalid-token-status", "failed"),
        ("replay-accepted", "replay-accepted", "failed"),
        ("revocation-ignored", "revoked-token-accepted", "failed"),
        ("lower-case-bearer", "scheme-case", "warned"),
    ],
)
def test_a_fault_is_found_and_caps_the_score(fault: str, rule: str, status: str) -> None:
    with DemoServer(fault) as server:
        audit = Debugger(server.url, browser="follow").audit()
    assert outcomes(audit)[rule] == status
    assert audit.status == status
    assert (audit.score <= CEILING) is (status == "failed")
    assert audit.score < 100


def test_a_flow_that_fails_is_audited_as_far_as_it_goes() -> None:
    with DemoServer("no-s256") as server:
        audit = Debugger(server.url, browser="follow").audit()
    found = outcomes(audit)
    assert found["s256-not-advertised"] == "failed"
    assert found["invalid-token-status"] == "passed"
    assert found["code-works-twice"] == "not tested"
    assert audit.status == "failed"


def test_without_a_person_to_consent_and_without_a_flow_it_is_refused() -> None:
    with DemoServer() as server, pytest.raises(BadSetting, match="browser='follow'"):
        Debugger(server.url).audit()


def test_behind_a_flow_of_a_persons_own_what_needs_consent_is_not_tested() -> None:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        dbg._driver.browser = None
        audit = dbg.audit()
        asked = {run.step for run in dbg.trace.runs}
    assert not asked & {*FRESH, *AFTERWARDS}
    found = {check.rule: check for check in audit.checks}
    assert "somebody who consents" in found["code-works-twice"].reason
    assert "somebody who consents" in found["replay-accepted"].reason
    assert found["origin-unchecked"].outcome == "passed"
    assert audit.score == 100


def test_a_given_token_is_enough_for_what_needs_no_other_one() -> None:
    with DemoServer() as server:
        first = Debugger(server.url, browser="follow")
        first.run()
        audit = Debugger(server.url, access_token=first.tokens.access_token).audit()
    found = outcomes(audit)
    assert found["invalid-token-status"] == found["version-not-refused"] == "passed"
    assert found["wrong-verifier-accepted"] == "not tested"


@pytest.mark.parametrize("registers", [False, True])
def test_a_given_token_is_not_spent_by_what_needs_a_grant_of_its_own(registers: bool) -> None:
    """Without a client no grant can be had; with one, a grant that is refused leaves nothing to revoke either."""
    with DemoServer() as server:
        first = Debugger(server.url, browser="follow")
        first.run()
        dbg = Debugger(server.url, browser="follow", access_token=first.tokens.access_token)
        if registers:
            for call in (dbg.challenge, dbg.resource_metadata, dbg.server_metadata, dbg.register):
                call()
            server.break_with("user-said-no")
        audit = dbg.audit()
        server.mend()
        assert dbg.mcp().status == "passed", "the given token is still good"
    reason = next(check.reason for check in audit.checks if check.rule == "revoked-token-accepted")
    assert ("no authorization of its own" if registers else "there is no client yet") in reason
    assert "revoke" not in {run.step for run in dbg.trace.runs}


def test_a_client_that_acts_for_itself_needs_nobody() -> None:
    with DemoServer() as server:
        known = server.confidential_client
        client = Client(known.client_id, known.client_secret)
        audit = Debugger(server.url, client=client, grant="client_credentials").audit()
    found = {check.rule: check for check in audit.checks}
    assert found["query-token-accepted"].outcome == "passed"
    assert "has no authorization code" in found["code-works-twice"].reason
    assert audit.status == "passed"


def test_it_can_be_limited() -> None:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow")
        audit = dbg.audit(only=["origin", "garbage_token"])
        assert {check.step for check in audit.checks} == {"origin", "garbage_token"}
        assert not {run.step for run in dbg.trace.runs} & {*AFTERWARDS, "code_replay"}
        assert dbg.audit(only="slash").checks[0].rule == "slash-redirect-leaves"
        for wrong in ("nothing", [], 7, [7]):
            with pytest.raises(BadSetting, match="names of probes"):
                dbg.audit(only=wrong)


def test_what_ends_a_grant_can_be_left_out() -> None:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow")
        audit = dbg.audit(destructive=False)
        assert not {run.step for run in dbg.trace.runs} & {*AFTERWARDS, "code_replay", "fresh_grant"}
    found = {check.rule: check for check in audit.checks}
    assert "destructive=False" in found["code-works-twice"].reason
    assert "destructive=False" in found["replay-accepted"].reason
    assert found["wrong-verifier-accepted"].outcome == "passed"


def test_what_the_user_ran_is_left_as_it_is() -> None:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        dbg.refresh()
        before = dbg.trace.run("refresh")
        dbg.audit()
        assert dbg.trace.run("refresh") == before
        assert dbg.mcp("tools/list").status == "passed"


def test_what_a_probe_could_not_ask_fails_no_report() -> None:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        report = dbg.probe("wrong_audience")
        assert (report.status, report.status_of("wrong_audience")) == ("incomplete", "not tested")
        assert report.findings == ()
        assert dbg.diagnose().status == "passed"


# --- the score -------------------------------------------------------------------------------------------------------


def audited(*traces: Trace, only: tuple[str, ...] = ()) -> Audit:
    """The audit of one trace that holds what these hold."""
    exchanges, runs = [], []
    for trace in traces:
        shift = len(exchanges)
        exchanges += [replace(one, id=one.id + shift) for one in trace.exchanges]
        runs += [replace(run, exchanges=tuple(one + shift for one in run.exchanges)) for run in trace.runs]
    last = {run.step: run for run in runs}
    return Audit(Trace(tuple(exchanges), tuple(last.values()), traces[-1].settings), only)


def test_no_score_without_a_probe_of_a_must() -> None:
    assert audited(HEALTHY_FLOW).score is None
    assert audited(HEALTHY_FLOW).status == "incomplete"
    assert Audit(Trace()).score is None
    assert audited(CLEAN["slash-redirect-leaves"]).score is None, "a SHOULD alone"


def test_the_weights() -> None:
    alone = ("garbage_token",)
    assert audited(garbage(401), only=alone).score == 100
    # a MUST holds (3), a SHOULD does not (1): 3 of 4
    unsaid = audited(garbage(401, headers=()), only=alone)
    assert (unsaid.score, unsaid.status) == (75, "warned")
    # one MUST holds (3), one is broken (3): half of it
    assert audited(garbage(403), origin(403), only=(*alone, "origin")).score == 50


def test_a_broken_must_caps_the_score() -> None:
    assert audited(origin(200)).score == CEILING
    assert audited(in_query(200), origin(403)).score > CEILING
    assert str(CEILING) in FORMULA
    assert FORMULA in render(audited(origin(200)))["text/plain"]


def test_a_verdict_of_the_audit_is_that_of_the_rules() -> None:
    for trace in (*BREAKING.values(), *CLEAN.values()):
        audit, report = Audit(trace), diagnose(trace)
        told = {rule for rule, outcome in report.verdict.outcomes.items() if outcome in ("failed", "warned")}
        assert {check.rule for check in audit.checks if check.found} == told


def test_every_check_of_a_server_stands_in_the_audit_once() -> None:
    found = [check.rule for check in audited(HEALTHY_FLOW).checks]
    assert len(found) == len(set(found))
    assert set(found) == {
        rule.id for rule in RULES.values() if rule.who not in ("client", "user") and rule.step != "any"
    }


def test_a_passed_check_names_its_evidence() -> None:
    audit = audited(origin(403))
    check = next(one for one in audit.checks if one.rule == "origin-unchecked")
    assert audit.exchange(check).step == "origin"
    assert check.requirements == ("GEN-06",)


# --- for machines ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broken() -> Iterator[tuple[Audit, list[str]]]:
    """The audit of a broken server, and every secret that was about."""
    with DemoServer("code-works-twice") as server:
        dbg = Debugger(server.url, browser="follow", headers={"X-Api-Key": "tenant-key-91xQ"})
        audit = dbg.audit()
        sent = [one.request.header("authorization") or "" for one in dbg.exchanges]
        made = [one.partition(" ")[2] for one in sent if one.partition(" ")[2]]
        yield audit, [*server.secrets_issued(), *made, "tenant-key-91xQ", dbg._flow.pkce.verifier]


def test_nothing_that_is_shown_or_written_holds_a_secret(broken: tuple[Audit, list[str]]) -> None:
    audit, secrets = broken
    texts = [repr(audit), *map(repr, audit.checks), *render(audit).values(), audit.junit(), audit.sarif()]
    texts += [audit.frame.to_csv(), repr(audit.trace)]
    assert_no_leak(texts, secrets)


def test_junit_is_read_by_others(broken: tuple[Audit, list[str]]) -> None:
    audit, _ = broken
    read = JUnitXml.fromstring(audit.junit().encode())
    found = list(outcomes(audit).values())
    assert (read.tests, read.failures) == (len(found), found.count("failed"))
    assert read.skipped == found.count("not tested") > 0
    cases = {case.name: case for suite in read for case in suite}
    assert cases["code-works-twice"].is_failure
    assert "works twice" in cases["code-works-twice"].result[0].message
    assert cases["keys-private"].is_skipped
    assert cases["origin-unchecked"].is_passed


def test_sarif_has_what_its_schema_demands(broken: tuple[Audit, list[str]]) -> None:
    audit, _ = broken
    log = json.loads(audit.sarif())
    assert log["version"] == "2.1.0"
    run = log["runs"][0]
    driver = run["tool"]["driver"]
    assert driver["name"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids)) == len(run["results"])
    for at, one in enumerate(run["results"]):
        assert (one["ruleId"], one["ruleIndex"]) == (ids[at], at)
        assert one["kind"] in ("pass", "fail", "open")
        assert (one["level"] != "none") is (one["kind"] == "fail"), "a level goes with kind fail only (3.27.10)"
        assert one["level"] in ("none", "warning", "error")
        assert one["message"]["text"]
        uri = one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[!-~]*", uri), uri
    failed = [one["ruleId"] for one in run["results"] if one["level"] == "error"]
    assert failed == ["code-works-twice"]


def test_files_are_written_whole_and_for_their_owner(broken: tuple[Audit, list[str]], tmp_path: Path) -> None:
    audit, _ = broken
    for write in (audit.junit, audit.sarif):
        target = tmp_path / "audit"
        target.write_text("what was there")
        assert write(target) == target.read_text(encoding="utf-8")
        assert target.stat().st_mode & 0o777 == 0o600
        assert [one.name for one in tmp_path.iterdir()] == ["audit"]
        with pytest.raises(BadSetting, match="cannot be written"):
            write(tmp_path / "nowhere" / "audit")
        with pytest.raises(BadSetting, match="cannot be written"):
            write(tmp_path)


HOSTILE = ("\x1b[2J", "\x00", "]]>", "<script>alert(1)</script>", "\ud800", "\ufffe", "&amp;", "\u202e")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str, broken: tuple[Audit, list[str]]) -> None:
    url = f"https://mcp.example.com/{text}"
    piece = next(one for one in HEALTHY if one.step == "challenge")
    one = replace(piece.exchanges[0], request=replace(piece.exchanges[0].request, url=url))
    hostile = ttrace(replace(piece, exchanges=(replace(one, response=replace(one.response, status=403)),)), url=url)
    audit = replace(broken[0], trace=hostile)
    read = JUnitXml.fromstring(audit.junit().encode())
    assert read.tests == len(audit.checks)
    assert json.loads(audit.sarif())["runs"]
    assert "<script>" not in render(audit)["text/html"]


def test_a_client_that_a_probe_leaves_registered_is_named() -> None:
    with DemoServer("plain-redirect-registered") as server:
        audit = Debugger(server.url, browser="follow").audit()
    (left,) = audit.left_registered
    answer = next(one for one in audit.trace.exchanges if one.step == "http_redirect_registration")
    assert left == answer.document["client_id"]
    shown = render(audit)
    assert (
        f"Left registered by a probe, because the server does not say how to delete it or refused to: {left}"
        in (shown["text/plain"])
    )
    assert left in shown["text/html"]


@pytest.mark.parametrize(("status", "left"), [(204, ()), (401, ("client-9",)), (None, ("client-9",))])
def test_a_client_that_was_deleted_again_is_not_left(status: int | None, left: tuple[str, ...]) -> None:
    step, url = "http_redirect_registration", "https://as.example/register/client-9"
    made = texchange(
        step, "https://as.example/register", 201, {"client_id": "client-9", "registration_client_uri": url}
    )
    sent = (made, texchange(step, url, status, method="DELETE")) if status else (made,)
    assert Audit(ttrace(Piece(step, sent))).left_registered == left
    assert Audit(HEALTHY_FLOW).left_registered == ()
