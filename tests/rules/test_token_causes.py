"""Tests for the suspects behind the token endpoint: evidence that fits, and evidence that does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from factories import (
    CODE,
    HTML,
    JSON,
    NOON,
    PAGE,
    URL,
    VERIFIER,
    Piece,
    asm,
    authorized,
    came_back,
    failed,
    registered,
    server_document,
    tflow,
    token_answer,
    token_request,
)

from mcp_oauth_nb.protocol.pkce import s256
from mcp_oauth_nb.records import Exchange, Headers, Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding

GRANT = {"error": "invalid_grant"}
EXPIRED = {"error": "invalid_grant", "error_description": "The authorization code has expired"}


def lead(*pieces: Piece | Exchange, **settings: str) -> Finding:
    given = [one if isinstance(one, Piece) else failed("token", one) for one in pieces]
    found = diagnose(tflow(*given, upto="token", **settings)).cause
    assert found is not None
    return found


def aged(seconds: float, document: dict[str, str]) -> tuple[Piece, Piece]:
    """A code that came at noon and is refused so many seconds later."""
    back = replace(came_back(), started=NOON + timedelta(seconds=100), elapsed_ms=0)
    sent = replace(token_request(400, document), started=NOON + timedelta(seconds=100 + seconds))
    return Piece("callback", (back,)), failed("token", sent)


@pytest.mark.parametrize(
    ("seconds", "document", "cause", "who"),
    [
        (300, GRANT, "code-expired", "user"),
        (31, EXPIRED, "code-expired", "user"),
        (15, EXPIRED, "code-expired", "user"),
        (15, GRANT, "token-refused", "authorization server"),
        (1, EXPIRED, "code-lifetime-short", "authorization server"),
        (1, GRANT, "token-refused", "authorization server"),
    ],
)
def test_age_of_the_code(seconds: float, document: dict[str, str], cause: str, who: str) -> None:
    found = lead(*aged(seconds, document))
    assert (found.rule, found.cause, found.who) == ("token-refused", cause, who)


def test_times_that_cannot_be_compared_say_nothing() -> None:
    back, sent = aged(300, GRANT)
    naive = failed("token", replace(sent.exchanges[0], started=NOON.replace(tzinfo=None)))
    assert lead(back, naive).cause == "token-refused"


@pytest.mark.parametrize(("status", "confidence"), [(200, "certain"), (None, "likely"), (400, "likely")])
def test_code_that_was_sent_before(status: int | None, confidence: str) -> None:
    first = token_request(status or 200, EXPIRED if status == 400 else None)
    first = first if status else replace(first, response=None)
    report = diagnose(tflow(failed("token", first, token_request(400, GRANT)), upto="token"))
    (spent,) = [one for found in report.findings for one in found.suspects if one.cause == "code-spent"]
    assert spent.confidence == confidence
    assert CODE not in str([one.quote for one in spent.lines])


def test_verifier_of_another_flow_and_of_none() -> None:
    other = "w" * 43
    older = authorized(state="o" * 43, code_challenge=s256(other)).exchanges[0]
    both = Piece("authorize", (older, *authorized().exchanges))
    sent = token_request(400, GRANT, code_verifier=other)
    shared = lead(both, sent)
    assert (shared.rule, shared.cause, shared.caused_in) == ("pkce-mismatch", "verifier-of-another-flow", "pkce")
    assert lead(sent).cause == "verifier-newer"
    assert lead(replace(sent, edited=("form.code_verifier",))).cause == "pkce-mismatch"


def test_crash_on_a_pair_that_does_not_fit() -> None:
    assert lead(token_request(500, b"oops", headers=(), code_verifier="w" * 43)).cause == "bad-pair-crashes"
    assert lead(token_request(500, b"oops", headers=(), code_verifier=VERIFIER)).cause == "server-crashes"


def refused_client(*pieces: Piece, said: str = "", **settings: str) -> Finding:
    return lead(*pieces, token_request(401, {"error": "invalid_client", "error_description": said}), **settings)


def test_client_that_is_refused() -> None:
    secret = Piece("register", (registered(client_secret="s", client_secret_expires_at=0),))
    assert refused_client(secret).cause == "secret-demanded"
    assert refused_client(said="client authentication is required").cause == "secret-demanded"
    assert refused_client(said="client not found").cause == "registration-lost"
    assert refused_client().cause == "token-refused"
    given = refused_client(Piece("register"), client_id="client-1")
    assert (given.cause, given.who) == ("credentials-wrong", "user")


ENTRA = "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'."


@pytest.mark.parametrize(
    ("said", "secret", "cause"),
    [
        (ENTRA, None, "secret-not-given"),
        ("client_secret is missing", None, "secret-not-given"),
        ("Missing client secret", None, "secret-not-given"),
        ("unknown client", None, "credentials-wrong"),
        ("AADSTS7000215: Invalid client secret provided.", "s", "credentials-wrong"),
        ("client_secret is missing", "s", "credentials-wrong"),
    ],
)
def test_a_given_client_without_the_secret_that_is_wanted(said: str, secret: str | None, cause: str) -> None:
    sent = token_request(401, {"error": "invalid_client", "error_description": said}, client_secret=secret)
    listed = server_document(asm(token_endpoint_auth_methods_supported=["client_secret_post", "none"]))
    found = lead(Piece("server_metadata", (listed,)), Piece("register"), sent, client_id="client-1")
    assert (found.cause, found.who) == (cause, "user")


def test_a_secret_that_is_wanted_with_another_error() -> None:
    sent = token_request(400, {"error": "invalid_request", "error_description": ENTRA})
    assert lead(Piece("register"), sent, client_id="client-1").cause == "secret-not-given"


def test_a_client_that_registered_itself_lacks_no_secret_of_the_users() -> None:
    assert refused_client(said="client_secret is missing").cause == "secret-demanded"


def test_secret_that_had_expired() -> None:
    soon = NOON.timestamp() + 5  # after the registration, before the token request
    old = registered(token_endpoint_auth_method="client_secret_post", client_secret="s", client_secret_expires_at=soon)
    sent = token_request(401, {"error": "invalid_client"}, client_secret="s")
    assert lead(Piece("register", (old,)), sent).cause == "secret-expired"


def test_resource_that_is_right_and_unknown() -> None:
    assert lead(token_request(400, {"error": "invalid_target"})).cause == "resource-unknown"
    differs = lead(token_request(400, {"error": "invalid_target"}, resource=f"{URL}/x"))
    assert differs.rule == "resource-differs"


CLOUD: Headers = (*HTML, ("Server", "cloudflare"), ("CF-RAY", "1-FRA"))


@pytest.mark.parametrize(
    ("status", "body", "headers", "cause", "who"),
    [
        (403, PAGE, CLOUD, "edge-blocks", "gateway"),
        (403, PAGE, HTML, "edge-blocks", "gateway"),
        (429, b"", (), "token-requests-limited", "authorization server"),
        (429, b'{"error": "too_many_requests"}', JSON, "token-requests-limited", "authorization server"),
        (407, b"", (), "proxy-wants-login", "network"),
        (503, PAGE, HTML, "gateway-without-server", "gateway"),
        (502, PAGE, HTML, "gateway-without-server", "gateway"),
        (404, PAGE, HTML, "token-endpoint-elsewhere", "authorization server"),
        (302, b"", (("Location", "/login"),), "token-endpoint-elsewhere", "authorization server"),
        (405, b"", (), "token-endpoint-elsewhere", "authorization server"),
        (500, b"oops", (), "server-crashes", "authorization server"),
        (401, b'[{"code": 1}]', (), "error-of-another-form", "authorization server"),
        (400, b"<Error>no</Error>", (), "error-of-another-form", "authorization server"),
        (400, b"", (), "token-refused", "authorization server"),
    ],
)
def test_answers_that_are_no_oauth(status: int, body: bytes, headers: Headers, cause: str, who: str) -> None:
    found = lead(token_request(status, body, headers=headers))
    assert (found.rule, found.cause, found.who) == ("token-refused", cause, who)
    assert found.fix


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ({"ok": True, "authed_user": {"access_token": "xoxp"}}, "token-nested"),
        ({"ok": True, "token": 1}, "token-answer-invalid"),
        (token_answer(token_type="bot"), "token-type-own"),
        (token_answer(token_type=None), "token-answer-invalid"),
        (b"access_token=abc&token_type=bearer", "token-as-form"),
        (b"scope=a&access_token=abc&token_type=bearer", "token-as-form"),
        (PAGE, "token-route-shows-page"),
    ],
)
def test_tokens_in_another_form(body: Any, cause: str) -> None:
    found = lead(token_request(200, body))
    assert (found.rule, found.cause) == ("token-answer-invalid", cause)
    assert not {"xoxp", "abc"} & {one.quote for suspect in found.suspects for one in suspect.lines}


@pytest.mark.parametrize(
    ("value", "cause"), [("3599", "expiry-as-text"), (None, "token-expiry-missing"), ("soon", "token-expiry-missing")]
)
def test_lifetime_as_text(value: str | None, cause: str) -> None:
    trace: Trace = tflow(Piece("token", (token_request(body=token_answer(expires_in=value)),)), upto="token")
    (found,) = diagnose(trace).findings
    assert found.cause == cause
