"""Exchanges of another client get the steps they are for, and what cannot be told is not tested."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from factories import ACCESS, ASM_URL, CHALLENGE, ISSUER, JSON, PRM_URL, REDIRECT_URI, URL, asm, prm

from mcp_oauth_nb.records import Exchange, Headers, Request, Response
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.classify import OTHER, classify
from mcp_oauth_nb.rules.recorded import trace_of
from mcp_oauth_nb.vault import Vault

AUTHORIZE = f"{ISSUER}/authorize?response_type=code&client_id=c&redirect_uri={REDIRECT_URI}&state=s&code_challenge=x"
BACK = f"{REDIRECT_URI}?code=code-1&state=s"
FORM: Headers = (("Content-Type", "application/x-www-form-urlencoded"),)
BEARER: Headers = (("Authorization", f"Bearer {ACCESS}"),)
VERIFIER_RULES = ("pkce-mismatch", "verifier-malformed", "verifier-not-checked")
OPENED = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
AGREED = {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-06-18"}}


def seen(method: str, url: str, status: int | None = 200, body: Any = b"", **rest: Any) -> Exchange:
    """An exchange as a recorder has it: `sent` is the body of the request, `headers` and `came` the header fields."""
    sent, headers = rest.get("sent", b""), rest.get("headers", ())
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    came = rest.get("came", () if isinstance(body, bytes) else JSON)
    data = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    return Exchange(1, "", Request(method, url, headers, data), status and Response(status, "", came, raw))


CHALLENGED = seen("POST", URL, 401, sent=OPENED, came=(("WWW-Authenticate", CHALLENGE),))
RESOURCE = seen("GET", PRM_URL, 200, prm())
SERVER = seen("GET", ASM_URL, 200, asm())
REGISTERED = seen("POST", f"{ISSUER}/register", 201, {"client_id": "c"}, sent={"redirect_uris": [REDIRECT_URI]})
ASKED = seen("GET", AUTHORIZE, 302, came=(("Location", "/login"),))
LOGIN = seen("GET", f"{ISSUER}/login", 200, b"<html>")
STYLE = seen("GET", f"{ISSUER}/style.css", 200, b"a{}")
PRESSED = seen("POST", f"{ISSUER}/login", 303, came=(("Location", BACK),), headers=FORM, sent=b"user=x")
ARRIVED = seen("GET", BACK, 200, b"done")
REDEEMED = seen(
    "POST",
    f"{ISSUER}/token",
    200,
    {"access_token": ACCESS, "token_type": "Bearer"},
    headers=FORM,
    sent=b"grant_type=authorization_code&code=code-1",
)
SPOKEN = seen("POST", URL, 200, AGREED, sent=OPENED, headers=BEARER)
FLOW = (CHALLENGED, RESOURCE, SERVER, REGISTERED, ASKED, LOGIN, STYLE, PRESSED, ARRIVED, REDEEMED, SPOKEN)


def steps(*exchanges: Exchange) -> list[str]:
    return [one.step for one in classify(exchanges)]


def test_every_exchange_of_a_flow_gets_its_step() -> None:
    found = classify(FLOW)
    assert [(one.step, one.direction, one.hop) for one in found] == [
        ("challenge", "out", 0),
        ("resource_metadata", "out", 0),
        ("server_metadata", "out", 0),
        ("register", "out", 0),
        ("authorize", "out", 0),
        ("callback", "out", 0),
        ("callback", "out", 1),
        (OTHER, "out", 0),
        ("callback", "out", 2),
        ("callback", "in", 3),
        ("token", "out", 0),
        ("mcp", "out", 0),
    ]
    assert [one.id for one in found] == list(range(1, 13))
    assert (found[4].response, found[5].status, found[9].response) == (None, 302, None)


def test_runs_and_settings_are_told_from_the_answers() -> None:
    trace = trace_of(FLOW, Vault())
    assert [run.step for run in trace.runs if run.achieved] == [
        "challenge",
        "resource_metadata",
        "server_metadata",
        "register",
        "pkce",
        "authorize",
        "callback",
        "token",
        "mcp",
    ]
    assert (trace.settings["url"], trace.settings["protocol"]) == (URL, "2025-06-18")
    assert trace.settings["redirect_uri"] == REDIRECT_URI


def test_a_redirect_that_was_never_followed_is_the_authorization_response() -> None:
    found = classify((ASKED, LOGIN, PRESSED))
    assert (found[-1].direction, found[-1].request.url) == ("in", BACK)


@pytest.mark.parametrize(
    ("exchange", "step"),
    [
        (
            seen("POST", f"{ISSUER}/token", 200, headers=FORM, sent=b"grant_type=refresh_token&refresh_token=r"),
            "refresh",
        ),
        (seen("POST", f"{ISSUER}/token", 200, headers=FORM, sent=b"grant_type=client_credentials"), "token"),
        (seen("POST", f"{ISSUER}/revoke", 200, headers=FORM, sent=b"token=t"), "revoke"),
        (seen("POST", f"{ISSUER}/introspect", 200, headers=FORM, sent=b"token=t"), "introspect"),
        (seen("GET", f"{ISSUER}/userinfo", 200, {}, headers=BEARER), "userinfo"),
        (seen("GET", URL, 401, came=(("WWW-Authenticate", CHALLENGE),)), "challenge"),
        (seen("OPTIONS", URL, 204), OTHER),
        (seen("GET", "https://cdn.example.com/logo.png"), OTHER),
        (seen("POST", "https://stats.example.com/", 204, sent={"event": "click"}), OTHER),
    ],
)
def test_what_stands_alone_is_told_by_what_it_is(exchange: Exchange, step: str) -> None:
    assert steps(SERVER, exchange)[-1] == step


def test_a_recording_without_credentials_does_not_say_that_no_token_was_sent() -> None:
    bare = seen("POST", URL, 200, AGREED, sent=OPENED)
    assert steps(REDEEMED, bare)[-1] == OTHER
    assert steps(REDEEMED, SPOKEN, bare)[-1] == "mcp"


def test_a_second_try_takes_the_place_of_the_first() -> None:
    refused = seen("POST", f"{ISSUER}/token", 400, {"error": "invalid_grant"}, headers=FORM, sent=REDEEMED.request.body)
    trace = trace_of((SERVER, ASKED, PRESSED, ARRIVED, refused, SERVER, ASKED, PRESSED, ARRIVED, REDEEMED), Vault())
    token = trace.run("token")
    assert token is not None
    assert token.achieved
    assert [one.status for one in trace.of(token)] == [200]
    metadata = trace.run("server_metadata")
    assert metadata is not None
    assert len(metadata.exchanges) == 1


def test_a_step_up_is_part_of_the_requests_it_interrupts() -> None:
    more = seen("POST", URL, 403, sent=OPENED, headers=BEARER, came=(("WWW-Authenticate", CHALLENGE),))
    last = trace_of((*FLOW, more, RESOURCE, SPOKEN), Vault()).run("mcp")
    assert last is not None
    assert len(last.exchanges) == 4


def test_an_answer_that_was_not_recorded_is_not_tested() -> None:
    report = diagnose(trace_of((CHALLENGED, seen("GET", PRM_URL, None)), Vault()))
    assert report.status_of("resource_metadata") == "not tested"
    assert report.status_of("token") == "not run"
    assert report.findings == ()


@pytest.mark.parametrize("exchanges", [(), (STYLE,), (seen("GET", "http://[::"), seen("", ""))])
def test_what_holds_no_flow_has_no_runs(exchanges: tuple[Exchange, ...]) -> None:
    trace = trace_of(exchanges, Vault())
    assert trace.runs == ()
    assert diagnose(trace).status == "incomplete"


@pytest.mark.parametrize("mark", ["‹code_verifier#3f9a1c 43 chars›", "REDACTED", "[redacted]", "*****"])
def test_a_verifier_that_was_masked_is_not_held_against_the_challenge(mark: str) -> None:
    body = REDEEMED.request.body + f"&code_verifier={quote(mark)}".encode()
    cleaned = replace(REDEEMED, request=replace(REDEEMED.request, body=body))
    report = diagnose(trace_of((*FLOW[:9], cleaned), Vault()))
    assert {rule: report.verdict.outcomes[rule] for rule in VERIFIER_RULES} == dict.fromkeys(
        VERIFIER_RULES, "not tested"
    )
