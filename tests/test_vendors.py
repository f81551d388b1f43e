"""Products that are no demo: what is healthy is not blamed, what is broken is named, only proof is called certain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from products import HEALTHY, S256
from vendor_incidents import INCIDENTS, bearer
from vendors import Vendor, walk

from mcp_oauth_nb import Report, diagnose
from mcp_oauth_nb.demo.answers import Answer
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.probes import ASKED_BESIDE
from mcp_oauth_nb.rules.cause import sureness
from mcp_oauth_nb.rules.rule import Finding

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
    dbg._driver.wire.changes = {"resource_metadata": lambda _: Answer(404), "server_metadata": lambda _: Answer(404)}
    assert dbg.well_known().status == "failed", "the step itself did not get what it is for"
    report = dbg.diagnose()
    assert before in ("passed", "warned")
    assert (report.status, report.failing_step) == ("warned", None)
    beside = [one for one in report.findings if one.step in ASKED_BESIDE]
    assert {one.level for one in beside} == {"SHOULD"}
    assert {one.step for one in beside} == {"userinfo", "introspect", "well_known"}
    assert "FAILED" not in render(report)["text/plain"].splitlines()[0]


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_leads_to_its_cause(name: str) -> None:
    incident = INCIDENTS[name]
    dbg = walk(incident.vendor, incident.changes, **{"protocol": "2025-11-25", **incident.settings})
    if incident.step == "refresh":
        dbg.refresh()
    report, lead = dbg.diagnose(), dbg.diagnose().cause
    assert lead is not None
    assert (report.status, report.failing_step) == ("failed", incident.step)
    assert (lead.cause, lead.who, sure(report, lead)) == (incident.cause, incident.who, incident.sure)
    assert lead.caused_in == (incident.caused_in or incident.step)
    second = [one for one in report.findings if one.level == "MUST" and one.rule not in (lead.rule, *lead.explains)]
    assert second == []


def test_an_incident_is_judged_alike_from_its_trace_alone() -> None:
    for incident in INCIDENTS.values():
        dbg = walk(incident.vendor, incident.changes, **{"protocol": "2025-11-25", **incident.settings})
        assert diagnose(dbg.trace).verdict == dbg.diagnose().verdict
