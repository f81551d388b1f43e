"""Tests for the rules about the authorization request and its response."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    ISSUER,
    PAGE,
    REDIRECT_URI,
    Piece,
    asm,
    authorized,
    came_back,
    failed,
    server_document,
    texchange,
    tflow,
)

from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding


def found(*pieces: Piece) -> dict[str, Finding]:
    return {finding.rule: finding for finding in diagnose(tflow(*pieces, upto="callback")).findings}


def refused(back: Exchange, *others: Piece) -> dict[str, Finding]:
    return found(*others, failed("callback", back))


@pytest.mark.parametrize(
    ("error", "who"),
    [
        ("access_denied", "user"),
        ("invalid_scope", "authorization server"),
        ("server_error", "authorization server"),
        ("something_new", "authorization server"),
    ],
)
def test_errors_name_who_must_act(error: str, who: str) -> None:
    findings = refused(came_back(code=None, error=error, error_description="because"))
    assert list(findings) == ["authorization-error"]
    finding = findings["authorization-error"]
    assert (finding.who, finding.observed) == (who, f"error={error}: because")


def test_error_text_of_a_forged_response_is_not_repeated() -> None:
    for back in (
        came_back(code=None, error="x", error_description="call 555", state="forged"),
        came_back(code=None, error="x", error_description="call 555", iss="https://evil.example"),
    ):
        findings = refused(back)
        assert not findings.keys() & {"authorization-error", "unexpected-answer"}
        assert "call 555" not in str(findings)


def test_error_without_state_is_told_first() -> None:
    assert list(refused(came_back(code=None, error="server_error", state=None))) == [
        "authorization-error",
        "state-mismatch",
    ]


def test_state_is_not_shown() -> None:
    finding = refused(came_back(state="another"))["state-mismatch"]
    assert (finding.level, finding.observed) == ("MUST", "another state")
    assert refused(came_back(state=None))["state-mismatch"].observed == "no state"


def test_state_that_was_never_sent_cannot_differ() -> None:
    assert set(found(authorized(state=None), Piece("callback", (came_back(state=None),)))) == {"state-weak"}


@pytest.mark.parametrize(
    ("promised", "iss", "wrong"),
    [
        (True, ISSUER, False),
        (True, None, True),
        (True, f"{ISSUER}/", True),
        (None, None, False),
        (None, ISSUER, False),
        (None, "https://other.example", True),
        ("true", None, False),
    ],
)
def test_issuer_table(promised: object, iss: str | None, wrong: bool) -> None:
    metadata = Piece(
        "server_metadata", (server_document(asm(authorization_response_iss_parameter_supported=promised)),)
    )
    back = came_back(iss=iss)
    lenient = found(metadata, Piece("callback", (back,)))
    assert [(rule, one.level) for rule, one in lenient.items()] == ([("iss-mismatch", "SHOULD")] if wrong else [])
    if wrong:
        assert [(rule, one.level) for rule, one in refused(back, metadata).items()] == [("iss-mismatch", "MUST")]


@pytest.mark.parametrize("params", [{"code": None}, {"code": ""}])
def test_neither_code_nor_error(params: dict[str, str | None]) -> None:
    assert list(refused(came_back(**params))) == ["code-missing"]


@pytest.mark.parametrize(
    ("status", "who", "hint"),
    [
        (200, "user", "browser"),
        (400, "authorization server", "redirect_uri"),
        (500, "authorization server", "log"),
        (502, "gateway", "gateway"),
    ],
)
def test_page_in_place_of_a_redirect(status: int, who: str, hint: str) -> None:
    finding = refused(texchange("callback", f"{ISSUER}/authorize?state=s3cret", status, PAGE))["authorization-page"]
    assert finding.who == who
    assert hint in finding.fix
    assert "s3cret" not in finding.observed


def test_unregistered_redirect_explains_the_page() -> None:
    asked = authorized(("params.redirect_uri",), redirect_uri="http://127.0.0.1:1/cb")
    findings = refused(texchange("callback", f"{ISSUER}/authorize", 400, PAGE), asked)
    assert list(findings) == ["redirect-uri-unregistered", "authorization-page"]
    assert findings["redirect-uri-unregistered"].who == "user"
    assert findings["redirect-uri-unregistered"].explains == ("authorization-page",)
    assert REDIRECT_URI in findings["redirect-uri-unregistered"].expected


@pytest.mark.parametrize("changes", [{"code_challenge": None}, {"code_challenge_method": "plain"}])
def test_pkce_left_out(changes: dict[str, str | None]) -> None:
    asked = authorized(**changes)
    findings = refused(came_back(code=None, error="invalid_request"), asked)
    assert findings["pkce-not-sent"].explains == ("authorization-error",)
    assert refused(came_back(code=None, error="access_denied"), asked)["pkce-not-sent"].explains == ()


def twice(extra: str, *others: Piece) -> dict[str, Finding]:
    """What is found of a redirect with a further parameter in front of the others."""
    whole = came_back()
    url = whole.request.url.replace("?", f"?{extra}&", 1)
    return refused(replace(whole, request=replace(whole.request, url=url)), *others)


@pytest.mark.parametrize("extra", ["state=evil", "code=zzz", "iss=https%3A%2F%2Fevil.example", "session=1&session=2"])
def test_a_parameter_of_the_response_comes_once(extra: str) -> None:
    finding = twice(extra)["response-parameter-repeated"]
    assert (finding.level, finding.who) == ("MUST", "authorization server")
    assert finding.observed == f"{extra.partition('=')[0]} 2 times"


def test_the_query_of_the_redirect_uri_may_repeat_what_it_likes() -> None:
    own = authorized(redirect_uri=f"{REDIRECT_URI}?tab=1&tab=2")
    assert "response-parameter-repeated" not in twice("tab=1&tab=2", own)
