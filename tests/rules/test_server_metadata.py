"""Tests for the rules about authorization server metadata."""

from __future__ import annotations

import pytest
from factories import ISSUER, OIDC_URL, Piece, asm, failed, server_document, tflow

from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding


def found(*tried: object, achieved: bool = True) -> dict[str, Finding]:
    piece = Piece("server_metadata", tried, achieved, "" if achieved else "stopped")
    return {finding.rule: finding for finding in diagnose(tflow(piece, upto="server_metadata")).findings}


def test_another_issuer_fails_and_a_slash_is_named() -> None:
    other = found(server_document(asm(issuer="https://other.example")), achieved=False)["issuer-mismatch"]
    assert (other.level, other.expected, other.observed) == ("MUST", ISSUER, '"https://other.example"')
    slash = found(server_document(asm(issuer=f"{ISSUER}/")), achieved=False)["issuer-mismatch"]
    assert "slash" in slash.summary
    assert "slash" not in other.summary


def test_another_issuer_only_warns_where_the_next_document_fits() -> None:
    findings = found(server_document(asm(issuer=f"{ISSUER}/")), server_document(asm(jwks_uri=f"{ISSUER}/k"), OIDC_URL))
    assert findings["issuer-mismatch"].level == "SHOULD"


def test_missing_issuer_is_incomplete_and_not_another_issuer() -> None:
    assert list(found(server_document(asm(issuer=None)), achieved=False)) == ["server-metadata-incomplete"]


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
@pytest.mark.parametrize("value", [None, 1, "", "/authorize"])
def test_endpoints_must_be_urls(name: str, value: object) -> None:
    findings = found(server_document(asm(**{name: value})))
    assert findings["server-metadata-incomplete"].part == f"body:/{name}"
    assert name in findings["server-metadata-incomplete"].summary


def test_missing_endpoint_explains_why_a_later_step_had_nothing_to_send() -> None:
    piece = Piece("server_metadata", (server_document(asm(authorization_endpoint=None)),))
    report = diagnose(tflow(piece, failed("authorize", stopped="no authorization_endpoint")))
    assert report.failing_step == "server_metadata"
    assert [finding.rule for finding in report.findings] == ["server-metadata-incomplete", "unexpected-answer"]
    assert report.findings[0].explains == ("unexpected-answer",)


@pytest.mark.parametrize("methods", [None, [], ["plain"], "S256", ["s256"]])
def test_s256_must_be_listed(methods: object) -> None:
    piece = server_document(asm(code_challenge_methods_supported=methods))
    assert list(found(piece, achieved=False)) == ["s256-not-advertised"]


def test_plain_http_is_for_loopback_only() -> None:
    findings = found(server_document(asm(token_endpoint="http://127.0.0.1:9000/token")))
    assert list(findings) == ["endpoint-internal"]
    assert list(found(server_document(asm(token_endpoint="HTTP://auth.example.com/t")))) == ["endpoint-not-https"]


@pytest.mark.parametrize("name", ["introspection_endpoint", "userinfo_endpoint"])
def test_tokens_are_not_asked_about_in_the_clear(name: str) -> None:
    assert list(found(server_document(asm(**{name: "http://auth.example.com/x"})))) == ["endpoint-not-https"]


def test_defaults_of_grant_types_are_good_enough() -> None:
    assert found(server_document(asm(grant_types_supported=None))) == {}
    findings = found(server_document(asm(grant_types_supported=["client_credentials"])))
    assert list(findings) == ["code-flow-not-offered"]
