"""Tests for the suspects behind the authorization request and its response: evidence that fits, and that does not."""

from __future__ import annotations

import pytest
from factories import (
    HTML,
    ISSUER,
    PRM_URL,
    REDIRECT_URI,
    URL,
    Piece,
    asm,
    authorized,
    came_back,
    failed,
    prm,
    registered,
    resource_document,
    server_document,
    texchange,
    tflow,
    unauthenticated,
)

from mcp_oauth_nb.records import Exchange, Headers, Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding
from mcp_oauth_nb.rules.suspect import Suspect


def lead(trace: Trace) -> Finding:
    found = diagnose(trace).cause
    assert found is not None
    return found


def suspects(trace: Trace) -> dict[str, Suspect]:
    """Every suspect of every finding, by its id."""
    return {one.cause: one for finding in diagnose(trace).findings for one in finding.suspects}


def page(text: str, status: int = 400, headers: Headers = HTML, *, host: str = ISSUER, hop: int = 0) -> Exchange:
    body = f"<html><title>Error</title><body>{text}</body></html>".encode()
    return texchange("callback", f"{host}/authorize", status, body, headers=headers, hop=hop)


def met(shown: Exchange, *others: Piece, **settings: str) -> Trace:
    return tflow(*others, failed("callback", shown), upto="callback", **settings)


GIVEN = Piece("register")
"""A registration step that sent nothing, because a client was given."""


@pytest.mark.parametrize(
    "words", ["Client not found", "unknown client_id", "The application was not recognised", "AADSTS700016"]
)
def test_unknown_client_is_whoever_lost_it(words: str) -> None:
    lost = lead(met(page(words)))
    assert (lost.cause, lost.who, lost.caused_in) == ("registration-lost", "authorization server", "register")
    given = lead(met(page(words), GIVEN))
    assert (given.cause, given.who) == ("client-id-unknown", "user")
    assert words.split(maxsplit=1)[0] in lost.suspects[0].lines[0].quote


def test_a_page_that_says_nothing_accuses_nobody() -> None:
    found = lead(met(page("Something went wrong")))
    assert (found.cause, found.suspects) == ("authorization-page", ())


def test_redirect_uri_of_a_given_client_is_for_the_user_to_register() -> None:
    assert lead(met(page("Invalid redirect_uri"), GIVEN)).cause == "redirect-uri-refused"
    assert "redirect-uri-refused" not in suspects(met(page("Invalid redirect_uri")))


@pytest.mark.parametrize(
    ("uri", "certain"),
    [
        ("http://127.0.0.1:33418/callback", True),
        ("http://127.0.0.1/callback", True),
        ("http://127.0.0.1:33418/other", False),
        ("https://mcp.example.com/callback", False),
    ],
)
def test_only_another_port_of_loopback_is_the_servers_mistake(uri: str, certain: bool) -> None:
    once = Piece("register", (registered(redirect_uris=[uri]),))
    found = suspects(met(page("redirect_uri is not registered"), once))
    assert ("loopback-port-compared" in found) is certain


@pytest.mark.parametrize(
    ("sources", "blocked"),
    [
        ("'self'", True),
        ("'self' https:", True),
        ("'none'", True),
        ("'self' http://127.0.0.1:8765", False),
        ("'self' http://127.0.0.1:*", False),
        ("'self' http:", False),
        ("*", False),
    ],
)
def test_policy_that_keeps_the_form_from_the_redirect_uri(sources: str, blocked: bool) -> None:
    policy = (*HTML, ("Content-Security-Policy", f"default-src 'none'; form-action {sources}; base-uri 'none'"))
    found = suspects(met(page("<form></form>", 200, policy)))
    assert ("consent-form-blocked" in found) is blocked


def test_page_without_a_policy_is_for_the_user() -> None:
    found = lead(met(page("<form><button>Authorize</button></form>", 200)))
    assert (found.cause, found.who, found.suspects) == ("authorization-page", "user", ())


def test_button_that_cannot_be_pressed() -> None:
    assert lead(met(page("<button disabled>Authorize</button>", 200))).cause == "consent-disabled"


@pytest.mark.parametrize(
    ("text", "hop", "fits"), [("Session not found", 1, True), ("Session not found", 0, False), ("No", 1, False)]
)
def test_session_that_got_lost_on_the_way(text: str, hop: int, fits: bool) -> None:
    assert ("session-cookie-lost" in suspects(met(page(text, hop=hop)))) is fits


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("An administrator has to consent", "denied-by-policy"),
        ("AADSTS65001: not consented", "denied-by-policy"),
        ("The user denied the request", "denied-by-user"),
        ("Request denied by user", "denied-by-user"),
        ("", "authorization-error"),
    ],
)
def test_who_said_no(said: str, cause: str) -> None:
    found = lead(met(came_back(code=None, error="access_denied", error_description=said)))
    assert (found.cause, found.who) == (cause, "user")


def refused_scope(*pieces: Piece, **settings: str) -> Trace:
    return met(came_back(code=None, error="invalid_scope"), *pieces, **settings)


def metadata(listed: list[str], known: list[str] | None) -> tuple[Piece, Piece, Piece]:
    return (
        unauthenticated(401, f'Bearer resource_metadata="{PRM_URL}"'),
        Piece("resource_metadata", (resource_document(prm(scopes_supported=listed)),)),
        Piece("server_metadata", (server_document(asm(scopes_supported=known)),)),
    )


def test_scope_that_the_resource_lists_and_its_server_does_not() -> None:
    asked = authorized(scope="a b")
    found = lead(refused_scope(*metadata(["a", "b"], ["a"]), asked))
    assert (found.cause, found.caused_in, found.who) == ("scope-advertised-refused", "resource_metadata", "MCP server")
    assert found.suspects[0].lines[0].quote == "b"
    assert lead(refused_scope(*metadata(["a", "b"], ["a", "b"]), asked)).cause == "scope-not-allowed"
    assert lead(refused_scope(*metadata(["a", "b"], None), asked)).cause == "authorization-error"


def test_scope_of_the_challenge_that_the_server_does_not_know() -> None:
    known = Piece("server_metadata", (server_document(asm(scopes_supported=["other"])),))
    found = lead(refused_scope(known))
    assert (found.cause, found.caused_in) == ("scope-challenged-refused", "challenge")


def test_scope_of_nobody_is_the_clients_or_the_users() -> None:
    assert set(suspects(refused_scope(authorized(scope="openid")))) == {"scope-invented"}
    assert set(suspects(refused_scope(authorized(scope="openid"), scope="openid"))) == {"scope-chosen-unknown"}
    report = diagnose(refused_scope(authorized(scope="openid")))
    assert [one.rule for one in report.findings] == ["scope-selection", "authorization-error"]


def test_resource_that_is_right_and_unknown() -> None:
    error = came_back(code=None, error="invalid_target")
    assert lead(met(error)).cause == "resource-unknown"
    assert lead(met(error, authorized(resource="https://else.example"))).rule == "resource-sent-wrong"
    assert lead(met(error, authorized(resource=f"{URL}/"))).rule == "resource-sent-spelling"


def test_resource_and_scopes_that_do_not_go_together() -> None:
    text = "AADSTS9010010: The resource parameter doesn't match with the requested scopes"
    assert lead(met(page(text))).cause == "resource-against-scopes"
    upstream = lead(met(page("AADSTS901002: resource not supported", host="https://login.example.org", hop=1)))
    assert (upstream.cause, upstream.who) == ("resource-sent-upstream", "authorization server")


def test_state_of_an_older_link() -> None:
    older = authorized(state="o" * 43, code_challenge="p" * 43).exchanges[0]
    both = Piece("authorize", (older, *authorized().exchanges))
    found = lead(met(came_back(state="o" * 43), both))
    assert (found.cause, found.who) == ("older-link-finished", "user")
    open_question = lead(met(came_back(state="x" * 43)))
    assert open_question.cause == "state-mismatch"
    assert {one.confidence for one in open_question.suspects} == {"possible"}
    followed = tflow(failed("callback", page("", 302), came_back(state="x" * 43)), upto="callback")
    assert lead(followed).cause == "state-changed"


@pytest.mark.parametrize(
    ("iss", "cause"),
    [(None, "issuer-not-sent"), (f"{ISSUER}/", "issuer-respelled"), ("https://else.example", "issuer-of-upstream")],
)
def test_issuer_that_differs(iss: str | None, cause: str) -> None:
    assert lead(met(came_back(iss=iss))).cause == cause


def test_code_behind_a_number_sign() -> None:
    url = f"{REDIRECT_URI}#code=c&state=s"
    found = lead(met(texchange("callback", url, None, direction="in")))
    assert (found.rule, found.cause) == ("code-missing", "code-in-fragment")
    assert lead(met(texchange("callback", REDIRECT_URI, None, direction="in"))).cause == "code-missing"


def test_silence_has_many_reasons_and_claims_none() -> None:
    waited = failed("callback", stopped="waiting for the redirect: no redirect came within 300 s")
    report = diagnose(tflow(waited, upto="callback"))
    assert report.status == "incomplete"
    (found,) = report.findings
    assert (found.rule, found.cause, found.level) == ("redirect-not-received", "redirect-not-received", "SHOULD")
    assert [one.confidence for one in found.suspects] == ["possible"] * 4
    elsewhere = authorized(redirect_uri="https://app.example/cb")
    far = suspects(tflow(GIVEN, elsewhere, waited, upto="callback"))
    assert far["redirect-leads-elsewhere"].confidence == "likely"


def test_no_secret_of_a_page_is_cut_or_changed() -> None:
    secret = "Code-9fK2-AbCdEfGhIjKlMnOpQrStUvWxYz-0123456789-" * 3
    found = lead(met(page(f"{secret} Client not found {secret}")))
    quote = found.suspects[0].lines[0].quote
    assert "Client not found" in quote
    assert not [word for word in quote.replace("…", "").split() if word[:6].lower() == "code-9" and word != secret]
