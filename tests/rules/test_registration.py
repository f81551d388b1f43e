"""Tests for the rules about client registration."""

from __future__ import annotations

import pytest
from factories import PAGE, REDIRECT_URI, Piece, asm, failed, registered, server_document, tflow

from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.rule import Finding


def found(*sent: Exchange, achieved: bool = True) -> dict[str, Finding]:
    piece = Piece("register", sent, achieved, "" if achieved else "stopped")
    return {finding.rule: finding for finding in diagnose(tflow(piece, upto="register")).findings}


@pytest.mark.parametrize(
    ("status", "body", "who", "hint"),
    [
        (400, {"error": "invalid_redirect_uri"}, "client", "127.0.0.1"),
        (400, {"error": "invalid_client_metadata"}, "client", "grant types"),
        (401, {}, "authorization server", "Open anonymous"),
        (403, {"error": "access_denied"}, "authorization server", "by hand"),
        (404, b"", "authorization server", "stop advertising"),
        (429, b"", "authorization server", "Keep the client id"),
        (500, b"", "authorization server", "log"),
        (502, PAGE, "gateway", "gateway"),
        (302, b"", "authorization server", "redirect"),
    ],
)
def test_refusals_differ(status: int, body: bytes, who: str, hint: str) -> None:
    findings = found(registered(status, body), achieved=False)
    assert list(findings) == ["registration-refused"]
    assert findings["registration-refused"].who == who
    assert hint in findings["registration-refused"].fix


@pytest.mark.parametrize("client_id", [None, "", "  ", 7])
def test_answer_without_a_usable_client_id(client_id: object) -> None:
    assert "registration-answer-invalid" in found(registered(client_id=client_id), achieved=False)


def test_page_with_a_status_of_success() -> None:
    page = registered(201, PAGE)
    finding = found(page, achieved=False)["registration-answer-invalid"]
    assert '"Sign in"' in finding.observed


def test_given_client_needs_no_endpoint() -> None:
    bare = Piece("server_metadata", (server_document(asm(registration_endpoint=None)),))
    verdict = judge(tflow(bare, Piece("register"), upto="register"))
    assert verdict.findings == ()
    assert verdict.outcomes["registration-endpoint-missing"] == "passed"


def test_missing_endpoint_is_the_users_to_solve() -> None:
    bare = Piece("server_metadata", (server_document(asm(registration_endpoint=None)),))
    (finding,) = diagnose(tflow(bare, failed("register"))).findings
    assert (finding.rule, finding.who, finding.part) == (
        "registration-endpoint-missing",
        "user",
        "body:/registration_endpoint",
    )


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"redirect_uris": [REDIRECT_URI, "https://more.example"]}, None),
        ({"redirect_uris": []}, "MUST"),
        ({"redirect_uris": [REDIRECT_URI + "/"]}, "MUST"),
        ({"redirect_uris": None}, "SHOULD"),
        ({"grant_types": ["refresh_token", "authorization_code"]}, None),
        ({"grant_types": ["authorization_code"]}, "SHOULD"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "SHOULD"),
        ({"scope": "mcp:tools"}, None),
    ],
)
def test_changes_of_what_was_sent(changes: dict[str, object], level: str | None) -> None:
    finding = found(registered(**changes)).get("registration-changed")
    assert (finding and finding.level) == level


@pytest.mark.parametrize(
    ("expires", "complains"), [(0, False), (2e9, False), (1e9, True), (None, True), ("0", True), (True, True)]
)
def test_expiry_of_a_secret(expires: object, complains: bool) -> None:
    findings = found(registered(client_secret="s3cret", client_secret_expires_at=expires))
    assert ("registration-secret-expiry" in findings) is complains
    assert all("s3cret" not in finding.observed for finding in findings.values())
