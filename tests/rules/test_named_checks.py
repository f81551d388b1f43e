"""Tests for the check that a refusal names: how it ranks causes, and what it cannot be the word for."""

from __future__ import annotations

from typing import Any

import pytest
from factories import ACCESS, HTML, PAGE, mcp_request, rpc

from mcp_oauth_nb.records import Headers, Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.named_checks import may_be_for, named_checks
from rules.mcp_specimens import AT_NOON, issued_as
from rules.refusal_specimens import DATE, INVALID, challenged, flow, lead, refusing, suspects

DATED: Headers = (("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Date", DATE.format(0)))
FOREIGN = "https://other.example/mcp"
STOCK = "The access token provided is expired, revoked, malformed, or invalid for other reasons."


def saying(words: str) -> Headers:
    return challenged(f'{INVALID}, error_description="{words}"')


def refused(token: str, words: str, **answer: Any) -> Trace:
    return flow(token, refusing(token, saying(words)), answered=DATED, expires_in=900, **answer)


# --- which check is named ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("jwt audience invalid. expected: api://1234", {"audience"}),
        ("jwt issuer invalid. expected: https://login.example/expired", {"issuer"}),
        ("jwt expired", {"end"}),
        ("TokenExpiredError", {"end"}),
        ("jwt not active", {"begin"}),
        ("The token is not yet valid (nbf)", {"begin"}),
        ("signature verification failed", {"signature"}),
        ("unable to find a signing key that matches kid", {"signature"}),
        ("Token has been revoked", {"grant"}),
        ("token is inactive", {"grant"}),
        ("Not enough segments", {"form"}),
        ("user not found", {"person"}),
        ("could not find user", {"person"}),
        ("missing required claim sub", {"claim"}),
        ('Token is missing the \\"sub\\" claim', {"claim"}),
        ("The access token is unknown", set()),
        ("session expired", set()),
        ("Your subscription has expired", set()),
        ("invalid token", set()),
        ("Invalid or expired token", set()),
        ("expired or revoked", set()),
        (STOCK, set()),
    ],
)
def test_the_check_that_a_refusal_names(words: str, named: set[str]) -> None:
    assert named_checks(refusing(ACCESS, saying(words))) == named


def test_a_check_may_be_named_in_a_body_and_never_in_a_page() -> None:
    assert named_checks(refusing(ACCESS, (), body=b'{"message": "Audience mismatch"}')) == {"audience"}
    assert named_checks(refusing(ACCESS, HTML, body=b"<html>Session expired")) == set()


@pytest.mark.parametrize(
    ("headers", "body", "may"),
    [
        (challenged(), b"", True),
        ((), b"", True),
        (saying("audience invalid"), b"", True),
        (saying(STOCK), b"", True),
        (saying("no key for kid"), b"", False),
        (challenged('Basic realm="x"'), b"", False),
        (challenged('Basic realm="x", Bearer'), b"", True),
        (HTML, PAGE, False),
    ],
)
def test_a_refusal_that_may_be_for_the_audience(headers: Headers, body: bytes, may: bool) -> None:
    assert may_be_for(refusing(ACCESS, headers, body=body), "audience") is may


# --- the words rank the causes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "cause", "who"),
    [
        ("signature verification failed", "published-keys-not-held", "MCP server"),
        ("unable to find a signing key that matches kid", "published-keys-not-held", "MCP server"),
        ("jwt expired", "times-read-otherwise", "MCP server"),
        ("jwt not active", "times-read-otherwise", "MCP server"),
        ("jwt issuer invalid. expected: https://login.example/v2.0", "expected-issuer-differs", "MCP server"),
        ("jwt audience invalid. expected: api://1234", "expected-audience-differs", "MCP server"),
        ("token has been revoked", "grant-revoked", "user"),
        ("user not found", "person-unknown", "MCP server"),
        ("missing required claim email", "claim-demanded", "authorization server"),
    ],
)
def test_the_words_of_the_server_rank_the_causes(words: str, cause: str, who: str) -> None:
    found = lead(refused(issued_as(), words))
    assert (found.rule, found.cause, found.who) == ("token-rejected", cause, who)
    best = found.suspects[0]
    assert (best.cause, best.confidence) == (cause, "likely"), "words prove nothing"
    assert any(words in one.quote for one in best.lines)


@pytest.mark.parametrize("words", [STOCK, "invalid token", "Invalid or expired token", "The access token is unknown"])
def test_words_that_name_no_check_rank_nothing(words: str) -> None:
    assert suspects(refused(issued_as(), words), "token-rejected") == {
        "expected-audience-differs": "possible",
        "signature-or-policy": "possible",
    }


def test_what_the_token_shows_goes_before_the_words() -> None:
    assert lead(refused(issued_as(iss="https://other.example"), "invalid issuer")).cause == "issuer-of-another-tenant"
    assert lead(refused(issued_as(nbf=AT_NOON + 600), "jwt not active")).cause == "token-from-the-future"
    old = refused(issued_as(exp=AT_NOON - 60), "jwt expired")
    assert "times-read-otherwise" not in [one.cause for found in diagnose(old).findings for one in found.suspects]
    held = refused(issued_as(email="a@b.example"), "missing required claim email")
    assert "claim-demanded" not in suspects(held, "token-rejected")


# --- a token that is no JWT -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["jwt expired", "jwt not active", "jwt issuer invalid", "invalid JWT signature"])
def test_who_names_a_check_of_a_jwt_has_read_one(words: str) -> None:
    found = suspects(refused(ACCESS, words), "token-rejected")
    assert "opaque-token" not in found
    assert found["another-token-read"] == "likely"
    assert lead(refused(ACCESS, words)).who == "gateway"


@pytest.mark.parametrize("words", ["jwt malformed", "Not enough segments", "Error decoding token headers"])
def test_who_cannot_decode_a_token_wants_one_that_is_a_jwt(words: str) -> None:
    assert lead(refused(ACCESS, words)).cause == "opaque-token"
    assert "another-token-read" not in suspects(refused(ACCESS, words), "token-rejected")


def test_words_that_some_say_of_every_token_leave_both() -> None:
    found = suspects(refused(ACCESS, "signature verification failed"), "token-rejected")
    assert (found["opaque-token"], found["another-token-read"]) == ("possible", "possible")


def test_an_opaque_token_that_is_called_expired_in_its_lifetime() -> None:
    assert suspects(refused(ACCESS, "token expired"), "token-rejected")["times-read-otherwise"] == "likely"


# --- a token for somebody else ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "folds"),
    [
        (challenged(), b"{}", True),
        (saying("invalid audience"), b"{}", True),
        (saying(STOCK), b"{}", True),
        (saying("no key for kid"), b"{}", False),
        (challenged('Bearer error="insufficient_scope", scope="mcp:admin"'), b"{}", False),
        (saying("user not found"), b"{}", False),
        (challenged('Basic realm="x"'), b"", False),
        ((*HTML, ("Via", "1.1 edge")), PAGE, False),
    ],
)
def test_a_foreign_audience_explains_the_refusals_that_may_be_for_it(
    headers: Headers, body: bytes, folds: bool
) -> None:
    token = issued_as(aud=FOREIGN)
    found = lead(flow(token, refusing(token, headers, body=body)))
    assert (found.rule == "token-audience") is folds
    assert ("audience-of-another" in [one.cause for one in found.suspects]) is folds


def test_a_foreign_issuer_explains_the_refusals_that_may_be_for_it() -> None:
    token = issued_as(iss=FOREIGN)
    assert lead(refused(token, "unknown issuer")).rule == "token-issuer"
    assert lead(refused(token, "user not found")).cause == "person-unknown"


def test_a_foreign_audience_and_two_refusals() -> None:
    """One of them may be for the audience: that is enough."""
    token = issued_as(aud=FOREIGN)
    first = mcp_request(rpc("initialize"), 401, b"{}", token=token, headers=challenged())
    assert lead(flow(token, first, refusing(token, saying("user not found")))).rule == "token-audience"
