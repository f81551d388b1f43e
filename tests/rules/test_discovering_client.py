"""Tests for the rules about discovery that judge the client, and for the finer words of those about the challenge."""

from __future__ import annotations

import pytest
from factories import (
    CHALLENGE,
    ISSUER,
    PRM_ROOT_URL,
    PRM_URL,
    URL,
    Piece,
    authorized,
    failed,
    prm,
    resource_document,
    server_document,
    texchange,
    tflow,
    ttrace,
    unauthenticated,
)

from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding
from rules.discovery_specimens import BARE, ELSEWHERE, ORIGIN, REPEATED_REQUEST, probed


def found(trace: Trace) -> dict[str, Finding]:
    return {finding.rule: finding for finding in diagnose(trace).findings}


def asked_at(url: str, challenge: str, protocol: str = "2025-11-25") -> dict[str, Finding]:
    """A client whose first request for metadata goes to this URL."""
    asked = Piece("resource_metadata", (resource_document(url=url),))
    return found(tflow(unauthenticated(401, challenge), asked, upto="resource_metadata", protocol=protocol))


@pytest.mark.parametrize(
    ("url", "challenge", "cause"),
    [
        (PRM_ROOT_URL, f'Basic realm="a", Bearer realm = "b" , resource_metadata="{PRM_URL}"', "challenge-unread"),
        (PRM_ROOT_URL, BARE, "metadata-request-misplaced"),
        ("https://inspector.example/.well-known/oauth-protected-resource/mcp", BARE, "discovery-on-another-origin"),
    ],
)
def test_a_client_that_asks_at_another_url_first(url: str, challenge: str, cause: str) -> None:
    finding = asked_at(url, challenge)["metadata-request-misplaced"]
    assert (finding.who, finding.level, finding.cause) == ("client", "MUST", cause)


@pytest.mark.parametrize(
    ("url", "challenge", "protocol"),
    [
        (PRM_URL, BARE, "2025-11-25"),
        (PRM_URL, CHALLENGE, "2025-11-25"),
        (PRM_ROOT_URL, f'Bearer resource_metadata="{PRM_ROOT_URL}"', "2025-11-25"),
        (PRM_URL, 'Bearer resource_metadata="/relative"', "2025-11-25"),
        (PRM_ROOT_URL, BARE, "2025-06-18"),
        (PRM_ROOT_URL, CHALLENGE, "2025-03-26"),
    ],
)
def test_a_client_that_asks_where_it_should(url: str, challenge: str, protocol: str) -> None:
    assert "metadata-request-misplaced" not in asked_at(url, challenge, protocol)


def test_a_client_that_skips_the_resource_metadata() -> None:
    asked = failed("server_metadata", server_document(b"", ELSEWHERE, 404))
    trace = ttrace(unauthenticated(), asked)
    finding = found(trace)["published-issuer-ignored"]
    assert (finding.who, finding.cause) == ("client", "resource-metadata-skipped")
    assert "server-metadata-missing" in finding.explains
    assert diagnose(trace).cause == finding
    assert "published-issuer-ignored" not in found(ttrace(unauthenticated(), asked, protocol="2025-03-26"))


def test_another_path_at_a_named_authorization_server_is_not_the_clients_fault() -> None:
    asked = server_document(url=f"{ISSUER}/.well-known/oauth-authorization-server/mcp")
    assert "published-issuer-ignored" not in found(tflow(Piece("server_metadata", (asked,)), upto="server_metadata"))


def test_a_refused_request_may_be_followed_by_another_one() -> None:
    assert "challenge-ignored" in found(REPEATED_REQUEST)
    first, second = REPEATED_REQUEST.exchanges
    opened = texchange("challenge", URL, 401, method="POST", sent={"method": "server/discover"})
    assert second.request == first.request
    assert "challenge-ignored" not in found(tflow(Piece("challenge", (opened, second)), upto="challenge"))


def test_scope_that_the_metadata_does_not_list_is_left_out() -> None:
    challenged = unauthenticated(401, f'Bearer resource_metadata="{PRM_URL}", scope="mcp:tools extra"')
    finding = found(tflow(challenged, upto="authorize"))["scope-selection"]
    assert (finding.level, finding.who, finding.cause) == ("SHOULD", "client", "scope-struck-out")
    assert finding.observed == 'not "extra"'
    by_hand = authorized(edited=("params.scope",), scope="mcp:tools")
    assert found(tflow(challenged, by_hand, upto="authorize"))["scope-selection"].who == "user"


@pytest.mark.parametrize(("value", "level"), [("a\u00e9", "SHOULD"), ("a\\\\b", "SHOULD"), ("\x1b[2Jgone", "MUST")])
def test_characters_of_a_challenge(value: str, level: str) -> None:
    trace = tflow(unauthenticated(401, f'{CHALLENGE}, error_description="{value}"'), upto="challenge")
    finding = found(trace)["challenge-characters"]
    assert finding.level == level
    assert "\x1b" not in finding.observed


@pytest.mark.parametrize(
    ("status", "protocol", "level"),
    [
        (200, "2025-11-25", "MUST"),
        (200, "2025-06-18", "SHOULD"),
        (400, "2025-11-25", "SHOULD"),
        (400, "2025-06-18", None),
        (403, "2025-11-25", None),
        (401, "2025-11-25", None),
    ],
)
def test_a_foreign_origin(status: int, protocol: str, level: str | None) -> None:
    asked = texchange("origin", URL, status, b"{}", method="POST", sent_headers=ORIGIN)
    trace = probed("origin", asked, protocol=protocol)
    finding = found(trace).get("origin-unchecked")
    assert (finding.level if finding else None) == level
    tested = diagnose(trace).verdict.outcomes["origin-unchecked"] != "not tested"
    assert tested == (status != 401)


@pytest.mark.parametrize(
    ("used", "level"),
    [("http://app.example/cb", "MUST"), ("com.example:/cb", "SHOULD"), ("https://app.example/cb", None)],
)
def test_where_a_redirect_may_lead(used: str, level: str | None) -> None:
    finding = found(tflow(authorized(redirect_uri=used), upto="authorize")).get("redirect-uri-insecure")
    assert (finding.level if finding else None) == level


@pytest.mark.parametrize(
    ("resource", "level"),
    [
        ("urn:mcp:a", "MUST"),
        (f"{URL}#a", "MUST"),
        ("http://mcp.example.com/mcp", "MUST"),
        (f"{URL}?a=b", "SHOULD"),
        (URL, None),
    ],
)
def test_what_a_resource_must_look_like(resource: str, level: str | None) -> None:
    document = Piece("resource_metadata", (resource_document(prm(resource=resource)),))
    finding = found(tflow(document, upto="resource_metadata")).get("resource-malformed")
    assert (finding.level if finding else None) == level


def test_offline_access_is_no_matter_before_the_version_that_names_it() -> None:
    challenged = unauthenticated(401, f"{CHALLENGE.replace('mcp:tools', 'mcp:tools offline_access')}")
    open_yet = {"protocol": "2026-07-28", "protocol told": "not told yet"}
    for settings, tested in (
        ({"protocol": "2026-07-28"}, True),
        ({"protocol": "2025-11-25"}, False),
        (open_yet, False),
    ):
        outcomes = diagnose(tflow(challenged, upto="challenge", **settings)).verdict.outcomes
        assert outcomes["challenge-offline-access"] == ("warned" if tested else "not tested")
