"""Tests for answers that say nothing of the request: too many came, or a proxy on the way wants a login."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    HTML,
    ISSUER,
    JSON,
    PAGE,
    failed,
    mcp_request,
    refresh_request,
    registered,
    resource_document,
    revocation,
    rpc,
    server_document,
    texchange,
    tflow,
    token_request,
    unauthenticated,
)

from mcp_oauth_nb.records import Exchange, Headers, Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding
from rules.plain_specimens import api_request, called

BUSY = b'{"error": "too_many_requests"}'
SOON: Headers = (*JSON, ("Retry-After", "60"))


def asked(step: str, status: int, headers: Headers = SOON, body: bytes = BUSY) -> Exchange:
    """The request of a step, answered so."""
    made = {
        "challenge": unauthenticated(status).exchanges[0],
        "resource_metadata": resource_document(body, status=status),
        "server_metadata": server_document(body, status=status),
        "register": registered(status, body),
        "callback": texchange("callback", f"{ISSUER}/authorize", status, body),
        "token": token_request(status, body),
        "mcp": mcp_request(rpc("initialize"), status, body),
        "refresh": refresh_request("refresh", status, body),
        "revoke": revocation(status, body),
    }[step]
    assert made.response is not None
    return replace(made, response=replace(made.response, headers=headers, body=body))


def lead(trace: Trace) -> Finding:
    found = diagnose(trace).cause
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("step", "cause", "who"),
    [
        ("challenge", "mcp-server-limits", "MCP server"),
        ("resource_metadata", "mcp-server-limits", "MCP server"),
        ("server_metadata", "authorization-server-limits", "authorization server"),
        ("register", "registration-rate-limited", "authorization server"),
        ("callback", "authorization-server-limits", "authorization server"),
        ("token", "token-requests-limited", "authorization server"),
        ("mcp", "too-many-requests", "user"),
        ("refresh", "too-many-refreshes", "client"),
        ("revoke", "authorization-server-limits", "authorization server"),
    ],
)
def test_too_many_requests_are_told_as_such_in_every_step(step: str, cause: str, who: str) -> None:
    found = lead(tflow(failed(step, asked(step, 429)), upto=step))
    assert (found.cause, found.who) == (cause, who)
    assert any("429" in one.quote for one in found.suspects[0].lines)


@pytest.mark.parametrize("step", ["challenge", "resource_metadata", "server_metadata", "callback", "revoke"])
def test_the_pause_is_that_of_the_answer(step: str) -> None:
    assert lead(tflow(failed(step, asked(step, 429)), upto=step)).fix.startswith("Wait 60 s, as Retry-After says")


@pytest.mark.parametrize(
    "step", ["challenge", "resource_metadata", "server_metadata", "register", "callback", "token", "mcp", "refresh"]
)
def test_a_proxy_that_wants_a_login_is_told_as_such_in_every_step(step: str) -> None:
    headers = (("Proxy-Authenticate", 'Basic realm="corp"'), ("Via", "1.1 squid"))
    found = lead(tflow(failed(step, asked(step, 407, headers, b"")), upto=step))
    assert (found.cause, found.who) == ("proxy-wants-login", "network")
    assert "HTTPS_PROXY" in found.fix


def test_the_location_that_was_limited_leads_and_not_the_last_one() -> None:
    """The document may be where nobody was let; that the other location has none says nothing."""
    nowhere = server_document(b"", url=f"{ISSUER}/.well-known/openid-configuration", status=404)
    found = lead(tflow(failed("server_metadata", asked("server_metadata", 429), nowhere), upto="server_metadata"))
    assert (found.cause, found.exchange) == ("authorization-server-limits", 3)
    assert "429" in found.observed.partition("; beside that ")[0]
    assert "404" in found.observed.partition("; beside that ")[2]


def test_a_page_of_a_firewall_may_be_a_limit_and_is_the_gateways() -> None:
    edge = (*HTML, ("Server", "cloudflare"), ("CF-RAY", "1-FRA"))
    found = lead(tflow(failed("challenge", asked("challenge", 429, edge, PAGE)), upto="challenge"))
    assert (found.cause, found.who) == ("edge-refuses", "gateway")
    assert ("mcp-server-limits", "possible") in [(one.cause, one.confidence) for one in found.suspects]


def test_who_asks_often_is_told_how_often() -> None:
    many = [replace(unauthenticated().exchanges[0]) for _ in range(40)]
    found = lead(tflow(failed("challenge", *many, asked("challenge", 429)), upto="challenge"))
    few = lead(tflow(failed("challenge", asked("challenge", 429)), upto="challenge"))
    assert "Ask less often" in found.fix
    assert "requests went there within a minute" in found.fix
    assert "Ask less often" not in few.fix


@pytest.mark.parametrize(
    ("status", "cause", "who", "fix"),
    [(429, "api-limits", "API", "Wait some minutes"), (407, "proxy-wants-login", "network", "Put the name")],
)
def test_a_request_that_an_api_did_not_look_at_is_not_to_be_corrected(
    status: int, cause: str, who: str, fix: str
) -> None:
    (found,) = [one for one in diagnose(called(api_request(status))).findings if one.rule == "api-refused"]
    assert (found.cause, found.who) == (cause, who)
    assert found.fix.startswith(fix)
