"""Products that are no demo: what is healthy is not blamed, what is broken is named, only proof is called certain."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from products import HEALTHY, S256
from vendor_incidents import CERTAIN, INCIDENTS, LIKELY, Incident, bearer
from vendors import NOW, Vendor, debugger, walk, world

from mcp_oauth_nb import Report, diagnose
from mcp_oauth_nb.demo.answers import Answer
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.probes import ASKED_BESIDE
from mcp_oauth_nb.rules.cause import PRESUMED, SYMPTOMS, sureness
from mcp_oauth_nb.rules.recorded import trace_of
from mcp_oauth_nb.rules.rule import RULES, Finding

AUTHKIT_WITHOUT_CLAIMS = replace(HEALTHY["authkit"], claims={})
dated = bearer(401, 'error="invalid_token"')
VERSIONS = ("2025-11-25", "2025-06-18", "auto")
TRUE_OF_MANY = frozenset(
    (
        "challenge-error-without-token",
        "challenge-scope-missing",
        "iss-not-sent",
        "registration-endpoint-missing",
        "old-grants-offered",
        "registration-management-halved",
        "server-metadata-only-openid",
    )
)
"""Warnings that are true of many products, and that name a sentence which the product does not follow."""

BROKEN = {("says nothing of metadata", "2025-06-18"): "challenge-metadata-missing"}
"""What a version demands of everybody, although a client gets its token without it."""


def announcing(vendor: Vendor) -> Vendor:
    """The product as it would be if it announced PKCE, where it does not."""
    return replace(vendor, metadata={**vendor.metadata, **S256}) if vendor.refuses else vendor


def only_openid(vendor: Vendor) -> bool:
    """Whether the product publishes an OpenID Connect document alone, for which clients of 2025-06-18 do not look."""
    return not any("oauth-authorization-server" in url for url in vendor.at)


def sure(report: Report, lead: Finding) -> str:
    return sureness(lead, stopped=report.status == "failed")


CASES = [
    (name, version)
    for name in HEALTHY
    for version in VERSIONS
    if version != "2025-06-18" or not only_openid(HEALTHY[name])
]


@pytest.mark.parametrize(("name", "version"), CASES)
def test_a_healthy_product_is_not_blamed(name: str, version: str) -> None:
    vendor = announcing(HEALTHY[name])
    if (name, version) in BROKEN:
        assert walk(vendor, protocol=version).diagnose().cause.rule == BROKEN[name, version]
        return
    report = walk(vendor, protocol=version).diagnose()
    assert report.status in ("passed", "warned"), report.findings
    assert report.failing_step is None
    assert {one.level for one in report.findings} <= {"SHOULD"}
    assert {one.rule for one in report.findings} <= vendor.habits | TRUE_OF_MANY


@pytest.mark.parametrize("name", HEALTHY)
def test_questions_beside_the_flow_do_not_make_it_fail(name: str) -> None:
    refused = bearer(401, 'error="invalid_token"')
    gone = {"userinfo": refused, "introspect": refused}
    dbg = walk(announcing(HEALTHY[name]), gone, protocol="2025-11-25")
    before = dbg.diagnose().status
    dbg.userinfo()
    dbg.introspect()
    world(dbg).changes = {"resource_metadata": lambda _: Answer(404), "server_metadata": lambda _: Answer(404)}
    assert dbg.well_known().status == "failed", "the step itself did not get what it is for"
    report = dbg.diagnose()
    assert before in ("passed", "warned")
    assert (report.status, report.failing_step) == ("warned", None)
    beside = [one for one in report.findings if one.step in ASKED_BESIDE]
    assert {one.level for one in beside} == {"SHOULD"}
    assert {one.step for one in beside} == {"userinfo", "introspect", "well_known"}
    assert "FAILED" not in render(report)["text/plain"].splitlines()[0]


def met(incident: Incident, change: Callable[[Answer], Answer] | None = None, **world_of: object) -> Report:
    """The report on an incident; `change` is made to what its changed place answers."""
    changes = {
        place: (lambda answer, made=made: change(made(answer))) if change else made
        for place, made in incident.changes.items()
    }
    dbg = debugger(incident.vendor, changes, **{"protocol": "2025-11-25", **incident.settings})
    for name, value in world_of.items():
        setattr(world(dbg), name, value)
    dbg.run()
    if incident.step == "refresh":
        dbg.refresh()
    return dbg.diagnose()


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_leads_to_its_cause(name: str) -> None:
    incident = INCIDENTS[name]
    report = met(incident)
    lead = report.cause
    assert lead is not None
    assert (report.status, report.failing_step) == ("failed", incident.step)
    assert (lead.cause, lead.who, sure(report, lead)) == (incident.cause, incident.who, incident.sure)
    assert lead.caused_in == (incident.caused_in or incident.step)
    second = [one for one in report.findings if one.level == "MUST" and one.rule not in (lead.rule, *lead.explains)]
    assert second == []


@pytest.mark.parametrize("name", INCIDENTS)
def test_the_order_of_members_and_headers_says_nothing(name: str) -> None:
    assert told(met(INCIDENTS[name], turned=True)) == told(met(INCIDENTS[name]))


def told(report: Report) -> list[tuple[str, str, str, str]]:
    return [(one.rule, one.cause, one.who, one.level) for one in report.findings]


def test_a_confidential_client_need_not_have_its_refresh_tokens_replaced() -> None:
    dbg = walk(HEALTHY["keycloak"], protocol="2025-11-25")
    dbg.refresh()
    dbg.replay()
    report = dbg.diagnose()
    assert report.verdict.outcomes["replay-accepted"] == "warned"
    assert report.status == "warned"


@pytest.mark.parametrize("name", ["google", "github", "auth0", "okta"])
def test_a_refresh_token_that_need_not_be_issued_is_no_failure(name: str) -> None:
    dbg = walk(HEALTHY[name], protocol="2025-11-25")
    assert dbg.refresh().status_of("refresh") == "not tested"
    assert (dbg.diagnose().status, dbg.diagnose().failing_step) == ("warned", None)


@pytest.mark.parametrize("name", ["scalekit", "supabase", "github"])
def test_a_revocation_endpoint_that_need_not_be_there_is_no_failure(name: str) -> None:
    dbg = walk(HEALTHY[name], protocol="2025-11-25")
    assert dbg.revoke().status_of("revoke") == "not tested"
    assert dbg.diagnose().status in ("passed", "warned")
    assert dbg.diagnose().failing_step is None


@pytest.mark.parametrize("name", HEALTHY)
def test_a_recording_of_a_healthy_product_is_not_blamed_either(name: str) -> None:
    """Nobody says of a recording which exchange is which: one endpoint may even serve two purposes."""
    vendor = announcing(HEALTHY[name])
    dbg = walk(vendor, protocol="2025-11-25")
    dbg.refresh()
    dbg.revoke()
    kept = [replace(one, step="") for one in dbg.trace.exchanges if one.step != "authorize"]
    report = diagnose(trace_of(kept, dbg.trace.vault))
    assert [run.step for run in report.trace.runs if not run.achieved] == []
    assert {one.level for one in report.findings} <= {"SHOULD"}
    assert {one.rule for one in report.findings} <= vendor.habits | TRUE_OF_MANY | {"scope-selection"}


# --- how sure ---------------------------------------------------------------------------------------------------------


def test_what_is_presumed_is_a_rule_or_one_of_its_causes() -> None:
    assert PRESUMED - set(RULES) == {"audience-may-be-alias"}
    assert not PRESUMED & SYMPTOMS


@pytest.mark.parametrize("name", [name for name, one in INCIDENTS.items() if one.sure == CERTAIN])
def test_only_what_the_lines_prove_is_called_certain(name: str) -> None:
    """Where another cause fits as well, the verdict does not say that the lines allow no other."""
    report = met(INCIDENTS[name])
    assert report.cause is not None
    assert {one.cause for one in report.suspects} <= {report.cause.cause}
    assert "the captured lines allow no other cause" in render(report)["text/plain"]


# --- words ------------------------------------------------------------------------------------------------------------


def in_other_words(answer: Answer) -> Answer:
    """The same answer with its descriptions in a language that no rule reads."""
    words = "Заявка отклонена"
    document = answer.json
    if isinstance(document, dict) and "error_description" in document:
        answer = answer.patched(error_description=words)
    if "error_description=" in answer.header("www-authenticate"):
        parts = answer.header("www-authenticate").split(", ")
        kept = [one for one in parts if "error_description=" not in one]
        answer = answer.with_header("www-authenticate", ", ".join(kept))
    return answer.relocated(error_description=words) if "error_description=" in answer.header("location") else answer


@pytest.mark.parametrize("name", INCIDENTS)
def test_without_words_that_are_understood_nothing_else_is_claimed(name: str) -> None:
    """A cause that was read out of a description is open without it; none takes its place."""
    incident = INCIDENTS[name]
    report = met(incident, in_other_words)
    lead = report.cause
    assert lead is not None
    assert report.failing_step == incident.step
    assert lead.cause == incident.cause or sure(report, lead) not in (LIKELY, CERTAIN) or lead.who == incident.who


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def auckland(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine half a day ahead, in a time zone with summer time."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


MOMENTS = {
    "before midnight": datetime(2026, 2, 28, 23, 59, 56, tzinfo=UTC),
    "end of the year": datetime(2026, 12, 31, 23, 59, 56, tzinfo=UTC),
    "leap day": datetime(2028, 2, 28, 23, 59, 58, tzinfo=UTC),
    "summer time ends in Auckland": datetime(2026, 4, 4, 13, 59, 55, tzinfo=UTC),
    "summer time begins in Auckland": datetime(2026, 9, 26, 13, 59, 55, tzinfo=UTC),
}


@pytest.mark.usefixtures("auckland")
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.parametrize("name", ["keycloak", "authkit", "okta", "github"])
def test_no_moment_of_the_calendar_matters(name: str, moment: datetime) -> None:
    vendor = announcing(HEALTHY[name])
    findings = told(walk(vendor, now=moment, protocol="2025-11-25").diagnose())
    assert findings == told(walk(vendor, now=NOW, protocol="2025-11-25").diagnose())


@pytest.mark.parametrize("hours", [-13, -1, 1, 13])
@pytest.mark.parametrize("name", HEALTHY)
def test_a_wrong_clock_here_blames_no_server(name: str, hours: int) -> None:
    """The answers say by Date what their own clock says."""
    dbg = debugger(announcing(HEALTHY[name]), protocol="2025-11-25")
    world(dbg).ahead = timedelta(hours=hours)
    dbg.run()
    assert "token-times" not in {one.rule for one in dbg.diagnose().findings}
    assert dbg.diagnose().status in ("passed", "warned")


@pytest.mark.parametrize("hours", [-13, -1, 1, 13])
@pytest.mark.parametrize("name", [name for name, one in INCIDENTS.items() if one.step == "mcp"])
def test_a_wrong_clock_here_is_no_cause(name: str, hours: int) -> None:
    incident = INCIDENTS[name]
    lead = met(incident, ahead=timedelta(hours=hours)).cause
    assert lead is not None
    assert (lead.cause, lead.who) == (incident.cause, incident.who)


@pytest.mark.parametrize(("left_s", "cause"), [(3600, "token-rejected"), (8, "token-expired"), (600, "token-rejected")])
def test_a_token_is_called_expired_only_once_it_was(left_s: int, cause: str) -> None:
    """The MCP server refuses the third request; its own Date says when."""
    vendor = replace(AUTHKIT_WITHOUT_CLAIMS, token={"expires_in": left_s})
    dbg = debugger(vendor, {"mcp": dated}, protocol="2025-11-25")
    for step in ("challenge", "resource_metadata", "server_metadata", "register", "pkce", "authorize", "callback"):
        getattr(dbg, step)()
    dbg.token()
    world(dbg).now += timedelta(seconds=20)
    dbg.mcp()
    lead = dbg.diagnose().cause
    assert lead is not None
    assert lead.cause == cause
    if cause == "token-expired":
        assert sure(dbg.diagnose(), lead) in (LIKELY, CERTAIN)
