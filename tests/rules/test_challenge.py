"""Tests for the rules about the challenge."""

from __future__ import annotations

import pytest
from factories import (
    CHALLENGE,
    HTML,
    PAGE,
    PRM_URL,
    URL,
    Piece,
    failed,
    prm,
    resource_document,
    result,
    rpc,
    rpc_error,
    texchange,
    tflow,
    unauthenticated,
)

from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding


def found(piece: Piece, *others: Piece) -> dict[str, Finding]:
    upto = others[-1].step if others else piece.step
    return {finding.rule: finding for finding in diagnose(tflow(piece, *others, upto=upto)).findings}


@pytest.mark.parametrize(
    ("status", "who", "hint"),
    [
        (302, "MCP server", "login page"),
        (400, "MCP server", "before anything else"),
        (403, "MCP server", "too little scope"),
        (404, "user", "documentation"),
        (405, "user", "documentation"),
        (500, "MCP server", "log"),
        (502, "gateway", "behind the gateway"),
        (503, "MCP server", "log"),
    ],
)
def test_other_status_than_401(status: int, who: str, hint: str) -> None:
    finding = found(unauthenticated(status, None))["unauthenticated-status"]
    assert (finding.level, finding.who) == ("MUST", who)
    assert hint in finding.fix
    assert str(status) in finding.observed


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (result(), "not-protected"),
        (rpc_error(-32601, "Method not found"), "not-protected"),
        (rpc_error(-32000, "Unauthorized: no access token"), "unauthenticated-status"),
        (PAGE, "unauthenticated-status"),
        (b"", "unauthenticated-status"),
        ({"error": "unauthorized"}, "unauthenticated-status"),
    ],
)
def test_success_without_a_token(body: bytes, rule: str) -> None:
    assert list(found(unauthenticated(200, None, body))) == [rule]


def test_public_server_explains_missing_metadata() -> None:
    missing = failed("resource_metadata", resource_document(b"", status=404))
    report = diagnose(tflow(unauthenticated(200, None, result()), missing))
    assert [finding.rule for finding in report.findings] == ["not-protected", "resource-metadata-missing"]
    assert report.cause is not None
    assert report.cause.rule == "not-protected"


def test_server_that_protects_only_its_tools_is_judged_by_the_last_answer() -> None:
    opened = unauthenticated(200, None, result()).exchanges
    asked = texchange(
        "challenge", URL, 401, method="POST", sent=rpc("tools/list", 2), headers=(("www-authenticate", CHALLENGE),)
    )
    assert found(Piece("challenge", (*opened, asked))) == {}


@pytest.mark.parametrize(
    ("challenge", "observed"),
    [(None, "no WWW-Authenticate header"), ("", 'WWW-Authenticate: ""'), ('Basic realm="x"', 'only "Basic"')],
)
def test_no_bearer_challenge(challenge: str | None, observed: str) -> None:
    findings = found(unauthenticated(401, challenge))
    assert list(findings) == ["challenge-missing"]
    assert findings["challenge-missing"].observed == observed


@pytest.mark.parametrize("challenge", ["DPoP " + CHALLENGE.removeprefix("Bearer "), f"Basic x=y, {CHALLENGE}"])
def test_challenge_beside_others_or_for_dpop_will_do(challenge: str) -> None:
    assert found(unauthenticated(401, challenge)) == {}


@pytest.mark.parametrize(
    ("challenge", "note"),
    [
        (f"Bearer resource_metadata={PRM_URL}, scope=a", "unquoted"),
        ('Bearer scope="a" realm="b"', "comma"),
        ('Bearer scope="a", resource_metadata="https://a.example", resource_metadata="b"', "second parameter"),
        ("Bearer", "without any parameter"),
    ],
)
def test_malformed_challenge_warns(challenge: str, note: str) -> None:
    finding = found(unauthenticated(401, challenge))["challenge-malformed"]
    assert finding.level == "SHOULD"
    assert note in finding.observed


def test_scope_may_stand_in_the_metadata_instead() -> None:
    plain = unauthenticated(401, f'Bearer resource_metadata="{PRM_URL}"')
    with_scope = Piece("resource_metadata", (resource_document(),))
    without = Piece("resource_metadata", (resource_document(prm(scopes_supported=None)),))
    assert found(plain, with_scope) == {}
    assert list(found(plain, without)) == ["challenge-scope-missing"]


def test_page_with_status_401_is_still_a_401() -> None:
    piece = Piece("challenge", (texchange("challenge", URL, 401, PAGE, method="POST", headers=HTML),))
    assert list(found(piece)) == ["challenge-missing"]
