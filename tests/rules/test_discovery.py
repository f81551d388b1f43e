"""Tests for the rules about protected resource metadata."""

from __future__ import annotations

import pytest
from factories import PRM_ROOT_URL, PRM_URL, Piece, failed, prm, resource_document, tflow, unauthenticated

from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding

NO_URL = unauthenticated(401, 'Bearer scope="a"')
AT_ROOT = unauthenticated(401, f'Bearer resource_metadata="{PRM_ROOT_URL}", scope="a"')


def mismatch(resource: object, url: str = PRM_URL, first: Piece | None = None, typed: str = "") -> Finding | None:
    piece = Piece("resource_metadata", (resource_document(prm(resource=resource), url),))
    given = {"url": typed} if typed else {}
    report = diagnose(tflow(first or unauthenticated(), piece, upto="resource_metadata", **given))
    return next((finding for finding in report.findings if finding.rule == "resource-mismatch"), None)


@pytest.mark.parametrize(
    ("resource", "level"),
    [
        ("https://mcp.example.com/mcp", None),
        ("https://mcp.example.com/mcp/", "SHOULD"),
        ("https://MCP.example.com/mcp", "SHOULD"),
        ("https://mcp.example.com:443/mcp", "SHOULD"),
        ("https://mcp.example.com", "SHOULD"),
        ("https://mcp.example.com/", "SHOULD"),
        ("https://mcp.example.com/mc", "MUST"),
        ("https://mcp.example.com/mcp/more", "MUST"),
        ("http://mcp.example.com/mcp", "MUST"),
        ("https://mcp.example.com:8443/mcp", "MUST"),
        ("https://other.example/mcp", "MUST"),
        ("mcp", "MUST"),
        (None, "MUST"),
        (7, "MUST"),
    ],
)
def test_resource_is_graded(resource: object, level: str | None) -> None:
    finding = mismatch(resource)
    assert (finding and finding.level) == level


def test_document_at_the_root_may_name_what_its_url_was_built_from() -> None:
    assert mismatch("https://mcp.example.com", PRM_ROOT_URL, NO_URL) is None
    finding = mismatch("https://mcp.example.com", PRM_ROOT_URL, AT_ROOT)
    assert finding is not None
    assert (finding.level, finding.expected) == ("SHOULD", "https://mcp.example.com/mcp")


def test_missing_document_lists_every_attempt() -> None:
    tried = (resource_document(b"", PRM_URL, 404), resource_document(b"{", PRM_ROOT_URL, 200))
    (finding,) = diagnose(tflow(NO_URL, failed("resource_metadata", *tried))).findings
    assert finding.rule == "resource-metadata-missing"
    assert finding.exchange == 3
    assert PRM_URL in finding.observed
    assert PRM_ROOT_URL in finding.observed
    assert "last of 2 URLs" in finding.summary


def test_earlier_attempt_without_document_is_no_breach_where_a_later_one_has_it() -> None:
    tried = (resource_document(b"", PRM_URL, 404), resource_document(url=PRM_ROOT_URL))
    assert diagnose(tflow(NO_URL, Piece("resource_metadata", tried), upto="resource_metadata")).findings == ()


@pytest.mark.parametrize("listed", [None, [], "https://auth.example.com", [1], {}])
def test_authorization_servers_must_be_a_list_of_texts(listed: object) -> None:
    piece = failed("resource_metadata", resource_document(prm(authorization_servers=listed)))
    (finding,) = diagnose(tflow(piece)).findings
    assert finding.rule == "authorization-servers-missing"


@pytest.mark.parametrize(
    "issuer", ["auth.example.com", "https://a.example#x", "https://a.example/.well-known/openid-configuration"]
)
def test_entries_must_be_issuers(issuer: str) -> None:
    piece = Piece("resource_metadata", (resource_document(prm(authorization_servers=[issuer])),))
    (finding,) = diagnose(tflow(piece, upto="resource_metadata")).findings
    assert (finding.rule, finding.part) == ("authorization-servers-malformed", "body:/authorization_servers/0")


def test_long_text_of_a_server_is_cut_and_no_word_is_halved() -> None:
    secret = "a" * 500
    finding = mismatch(f"https://other.example/{secret}")
    assert finding is not None
    assert len(finding.observed) <= 300
    assert "aaaa" not in finding.observed
