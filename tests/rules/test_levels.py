"""How grave a breach is in each protocol version: every rule runs on all of them, and the version sets the level."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    ASM_URL,
    HEALTHY,
    ISSUER,
    PRM_ROOT_URL,
    Piece,
    asm,
    came_back,
    failed,
    prm,
    refresh_request,
    resource_document,
    server_document,
    texchange,
    tflow,
    token_answer,
    unauthenticated,
)

from mcp_oauth_nb.protocol.probes import ASKED_BESIDE
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.levels import levels_of
from mcp_oauth_nb.rules.requirements import decided_by
from mcp_oauth_nb.rules.rule import RULES, Finding, level_in, since

from .specimens import BREAKING

VERSIONS = tuple(PROFILES)
M, S, Y = "MUST", "SHOULD", "MAY"
TABLE = {
    "challenge-metadata-missing": (S, M, Y, Y, Y),  # 2025-11-25: the header or the well-known URI
    "resource-metadata-missing": (S, M, M, M, M),  # 2025-03-26 has no such document
    "resource-mismatch": (S, M, M, M, M),
    "authorization-servers-missing": (S, M, M, M, M),
    "authorization-servers-malformed": (S, M, M, M, M),
    "header-tokens-unsupported": (S, M, M, M, M),
    "server-metadata-missing": (S, M, M, M, M),  # 2025-03-26: SHOULD, and default endpoints without it
    "server-metadata-only-openid": (S, M, Y, Y, Y),  # RFC 8414 alone up to 2025-06-18
    "issuer-mismatch": (S, M, M, M, M),  # 2025-03-26 derives the issuer from the server's own origin
    "s256-not-advertised": (S, S, M, M, M),  # the refusal to go on came with 2025-11-25
    "registration-endpoint-missing": (S, S, Y, Y, Y),  # dynamic registration: SHOULD, later MAY, then deprecated
    "application-type-missing": (Y, Y, Y, M, M),
    "redirect-uri-unregistered": (S, M, M, M, M),
    "iss-mismatch": (S, S, S, M, M),  # before 2026-07-28 only RFC 9207 asks for it
    "iss-not-announced": (Y, Y, Y, M, M),
    "iss-not-sent": (Y, Y, Y, S, S),
    "resource-not-sent": (S, M, M, M, M),  # RFC 8707 came with 2025-06-18
    "session-not-sent": (M, M, M, Y, Y),  # sessions are gone in 2026-07-28
    "version-header-missing": (Y, M, M, M, M),  # 2025-03-26 knows no such header on MCP requests
    "url-elicitation-outdated": (S, S, Y, M, M),  # error -32042 came with 2025-11-25 and went with 2026-07-28
    "refresh-not-rotated": (S, M, M, M, M),
    "application-type-unfit": (Y, Y, Y, S, S),
    "client-document-unused": (Y, Y, S, S, S),
    "client-of-another-server": (S, S, S, M, M),
    "metadata-version-unsaid": (S, Y, Y, Y, Y),
    "refresh-grant-unnamed": (Y, Y, Y, S, S),
}
"""Rules whose level is not the same in every version, with what each asks for."""


@pytest.mark.parametrize(("rule", "levels"), TABLE.items(), ids=TABLE)
def test_level_by_version(rule: str, levels: tuple[str, ...]) -> None:
    assert tuple(level_in(RULES[rule].level, version) for version in VERSIONS) == levels


def test_all_others_are_the_same_in_every_version() -> None:
    assert {name for name, rule in RULES.items() if not isinstance(rule.level, str)} == set(TABLE)


def at(trace: Trace, version: str) -> Trace:
    return replace(trace, settings={**trace.settings, "protocol": version})


def found(trace: Trace, rule: str) -> Finding | None:
    return next((one for one in judge(trace).findings if one.rule == rule), None)


OIDC_ONLY = BREAKING["server-metadata-only-openid"]
WENT_ON = {
    "challenge-metadata-missing": tflow(unauthenticated(401, 'Bearer scope="a"'), upto="challenge"),
    "resource-mismatch": tflow(Piece("resource_metadata", (resource_document(prm(resource="https://o.example")),))),
    "server-metadata-missing": tflow(
        Piece("server_metadata", (texchange("server_metadata", ISSUER, 404),)), upto="server_metadata"
    ),
    "server-metadata-only-openid": OIDC_ONLY,
    "s256-not-advertised": tflow(
        Piece("server_metadata", (server_document(asm(code_challenge_methods_supported=None)),)),
        upto="server_metadata",
    ),
    "registration-endpoint-missing": tflow(
        Piece("server_metadata", (server_document(asm(registration_endpoint=None)),)),
        Piece("register"),
        upto="register",
    ),
    "iss-mismatch": tflow(Piece("callback", (came_back(iss=None),)), upto="callback"),
    "iss-not-announced": BREAKING["iss-not-announced"],
    "iss-not-sent": BREAKING["iss-not-sent"],
    "refresh-not-rotated": tflow(Piece("refresh", (refresh_request(body=token_answer()),)), upto="refresh"),
    "application-type-missing": BREAKING["application-type-missing"],
    "version-header-missing": BREAKING["version-header-missing"],
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("rule", WENT_ON)
def test_a_finding_shows_the_level_in_force(rule: str, version: str) -> None:
    level = TABLE[rule][VERSIONS.index(version)]
    finding = found(at(WENT_ON[rule], version), rule)
    if level == Y:
        assert finding is None
        assert judge(at(WENT_ON[rule], version)).outcomes[rule] == "passed"
        return
    assert finding is not None
    assert finding.level == level
    assert f"{level} in {version}" in finding.versions
    assert all(first in finding.versions for first in RULES[rule].level)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_list_without_s256_is_a_breach_everywhere(version: str) -> None:
    piece = Piece("server_metadata", (server_document(asm(code_challenge_methods_supported=["plain"])),))
    finding = found(at(tflow(piece, upto="server_metadata"), version), "s256-not-advertised")
    assert finding is not None
    assert (finding.level, finding.versions) == ("MUST", "")


def test_what_stopped_the_step_is_no_mere_advice() -> None:
    said = (("MCP-Protocol-Version", "2025-03-26"),)
    asked = texchange("server_metadata", ASM_URL, 503, sent_headers=said)
    trace = tflow(failed("server_metadata", asked), protocol="2025-03-26")
    report = diagnose(trace)
    assert [(one.rule, one.level) for one in report.findings] == [("server-metadata-missing", "MUST")]
    assert "SHOULD in 2025-03-26; from 2025-03-26 on SHOULD; from 2025-06-18 on MUST" in report.findings[0].versions


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("piece", [piece for piece in HEALTHY if piece.exchanges], ids=lambda piece: piece.step)
def test_a_failed_step_says_why_in_every_version(piece: Piece, version: str) -> None:
    for status in (200, 404, 500):
        answers = [texchange(piece.step, one.request.url, status, b"{}") for one in piece.exchanges]
        findings = judge(tflow(failed(piece.step, *answers), upto=piece.step, protocol=version)).findings
        level = "SHOULD" if piece.step in ASKED_BESIDE else "MUST"
        assert level in {one.level for one in findings if one.step == piece.step}


def test_the_origin_is_the_issuer_where_there_is_no_resource_metadata() -> None:
    own = Piece("server_metadata", (server_document(asm(issuer="https://mcp.example.com")),))
    nothing = Piece("resource_metadata")
    assert found(tflow(nothing, own, protocol="2025-03-26"), "issuer-mismatch") is None
    other = found(tflow(nothing, protocol="2025-03-26"), "issuer-mismatch")
    assert other is not None
    assert (other.level, other.expected) == ("SHOULD", "https://mcp.example.com")


def test_the_spec_is_that_of_the_version_in_force() -> None:
    trace = WENT_ON["challenge-metadata-missing"]
    finding = found(at(trace, "2025-06-18"), "challenge-metadata-missing")
    assert finding is not None
    url = "https://modelcontextprotocol.io/specification/2025-06-18/basic/authorization#authorization-server-location"
    assert finding.spec.url == url


def test_the_root_document_is_no_reason_to_warn() -> None:
    """From 2025-11-25 on a server may leave the URL out of its challenge and publish at a well-known URI."""
    pieces = (
        unauthenticated(401, 'Bearer scope="mcp:tools"'),
        Piece("resource_metadata", (resource_document(prm(resource="https://mcp.example.com"), url=PRM_ROOT_URL),)),
    )
    rules = {one.rule for one in judge(tflow(*pieces, upto="resource_metadata")).findings}
    assert "challenge-metadata-missing" not in rules


def test_levels_hold_up_to_the_next_version_named() -> None:
    levels = since("2025-11-25")
    assert [level_in(levels, version) for version in VERSIONS] == [S, S, M, M, M]
    assert level_in(levels, "") == M
    assert level_in("SHOULD", "draft") == S


@pytest.mark.parametrize("rule", RULES)
def test_no_must_is_broken_in_a_version_without_the_duty(rule: str) -> None:
    levels = levels_of(rule)
    if not isinstance(RULES[rule].level, str) or not decided_by(rule):
        assert levels == RULES[rule].level
        return
    for version in VERSIONS:
        has_duty = any(row.level(version) != "-" for row in decided_by(rule))
        assert level_in(levels, version) == (RULES[rule].level if has_duty else S)


def test_a_duty_of_later_versions_is_a_warning_in_earlier_ones() -> None:
    for version, level in (("2025-06-18", S), ("2026-07-28", M)):
        finding = found(at(BREAKING["discover-missing"], version), "discover-missing")
        assert finding is None or finding.level == level
    assert level_in(levels_of("discover-missing"), "2025-06-18") == S
    assert level_in(levels_of("initialize-not-first"), "2026-07-28") == S
