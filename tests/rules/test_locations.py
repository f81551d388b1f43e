"""Tests for the rules about what every well-known location gave."""

from __future__ import annotations

import pytest
from factories import (
    ASM_URL,
    ISSUER,
    LOCATIONS,
    OIDC_URL,
    OWN_ASM_URL,
    PAGE,
    PRM_APPENDED,
    PRM_ROOT_URL,
    PRM_URL,
    Body,
    asm,
    located,
    prm,
    ttrace,
    unauthenticated,
)
from test_rules_contract import HOSTILE

from mcp_oauth_nb.facts import tables_for
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.attempts import attempts
from mcp_oauth_nb.rules.rule import Case

Answers = dict[str, tuple[int, Body]]


def trace(answers: Answers, challenge: str | None = None, **settings: str) -> Trace:
    first = unauthenticated() if challenge is None else unauthenticated(401, challenge)
    return ttrace(first, located(answers), **settings)


def broken(answers: Answers, challenge: str | None = None) -> list[tuple[str, str]]:
    found = diagnose(trace(answers, challenge)).findings
    return [(one.rule, one.part) for one in found if one.step == "well_known"]


def test_copies_are_compared_in_what_a_client_acts_on() -> None:
    more_for_oidc = asm(userinfo_endpoint=f"{ISSUER}/me", subject_types_supported=["public"])
    assert broken({OIDC_URL: (200, more_for_oidc)}) == []
    other_order = asm(grant_types_supported=["refresh_token", "authorization_code"])
    assert broken({OIDC_URL: (200, other_order)}) == []
    no_pkce = asm(code_challenge_methods_supported=None)
    differ = [("metadata-copies-differ", "body:/code_challenge_methods_supported")]
    assert broken({OIDC_URL: (200, no_pkce)}) == differ
    assert broken({OWN_ASM_URL: (200, no_pkce)}) == differ, "a copy at the origin of the MCP server"


def test_a_document_for_the_origin_is_no_copy_of_one_for_the_path() -> None:
    for_origin = prm(resource="https://mcp.example.com", scopes_supported=["other"])
    assert broken({PRM_ROOT_URL: (200, for_origin)}) == []
    for_path = prm(scopes_supported=["other"])
    assert broken({PRM_ROOT_URL: (200, for_path)}) == [("metadata-copies-differ", "body:/scopes_supported")]


def test_a_misnamed_copy_is_said_once() -> None:
    assert broken({OIDC_URL: (200, asm(issuer=f"{ISSUER}/"))}) == [("metadata-copy-misnamed", "body:/issuer")]
    assert broken({OIDC_URL: (200, asm(issuer=None))}) == [("metadata-copy-misnamed", "body:/issuer")]
    assert broken({PRM_URL: (200, prm(resource="https://x.example"))}) == [("metadata-copy-misnamed", "body:/resource")]


def test_where_nobody_asks_another_document_may_stand() -> None:
    assert broken({PRM_APPENDED: (200, prm(resource="https://x.example"))}) == []
    assert broken({PRM_APPENDED: (200, PAGE)}) == []
    assert broken({PRM_APPENDED: (403, b"")}) == []


def test_read_only_where_the_challenge_leads() -> None:
    lost = 'Bearer resource_metadata="https://mcp.example.com/gone"'
    assert broken({}, lost) == [("resource-metadata-unread", "url")]
    assert broken({}, "Bearer") == []
    error: Answers = {PRM_URL: (404, b""), ASM_URL: (200, asm()), PRM_APPENDED: (200, {"error": "x"})}
    assert broken(error) == [], "an error that is answered with 200 is no metadata"


@pytest.mark.parametrize(("status", "who"), [(403, "gateway"), (502, "gateway"), (500, "authorization server")])
def test_a_blocked_location_is_told_where_another_has_the_document(status: int, who: str) -> None:
    (finding,) = diagnose(trace({ASM_URL: (status, b"no")})).findings
    assert (finding.rule, finding.level, finding.who) == ("well-known-blocked", "SHOULD", who)
    assert OIDC_URL in finding.expected
    assert broken({ASM_URL: (status, b"no"), OIDC_URL: (404, b"")}) == []


def test_pages_are_one_finding_per_kind_of_document() -> None:
    pages: Answers = {PRM_ROOT_URL: (200, PAGE), OIDC_URL: (200, PAGE), OWN_ASM_URL: (200, PAGE)}
    found = diagnose(trace(pages)).findings
    assert [(one.rule, one.who) for one in found] == [
        ("well-known-page", "MCP server"),
        ("well-known-page", "authorization server"),
    ]
    assert "and 1 more" in found[1].observed


def test_nowhere_is_allowed_where_defaults_hold() -> None:
    report = diagnose(ttrace(located(nowhere=True), protocol="2025-03-26"))
    assert "metadata-nowhere" not in {one.rule for one in report.findings}


def test_without_the_probe_nothing_is_tested() -> None:
    verdict = diagnose(ttrace(unauthenticated())).verdict
    assert verdict.outcomes["metadata-copies-differ"] == "not tested"
    assert attempts(Case(ttrace(unauthenticated()))) == ()


def test_a_location_that_nothing_leads_to_any_more_is_kept() -> None:
    elsewhere = located({"https://cdn.example/prm": (200, prm())})
    last = attempts(Case(ttrace(unauthenticated(), elsewhere)))[-1]
    assert last.location.kinds == ("not known any more",)
    assert repr(last) == "<Attempt <Location server not known any more> wrong issuer>"


@pytest.mark.parametrize("body", HOSTILE)
@pytest.mark.parametrize("everywhere", [True, False])
def test_no_rule_and_no_table_trips_whatever_comes(body: bytes, everywhere: bool) -> None:
    urls = LOCATIONS if everywhere else (PRM_URL, OIDC_URL)
    made = trace({**dict.fromkeys(urls, (200, body)), "http://[": (200, body)})
    verdict = diagnose(made).verdict
    assert not [reason for reason in verdict.reasons.values() if "could not read" in reason]
    tables = tables_for(made, "well_known")
    assert len(tables) == 2
    assert not [note for table in tables for note in table.notes if "could not be worked out" in note]
