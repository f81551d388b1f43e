"""What another client did in the same browser is held against nobody: neither a login elsewhere nor an open page."""

from __future__ import annotations

from itertools import pairwise
from urllib.parse import quote

import pytest
from factories import ISSUER, REDIRECT_URI

from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.classify import OTHER, classify
from mcp_oauth_nb.rules.recorded import trace_of
from mcp_oauth_nb.vault import Vault

from .test_classify import (
    ARRIVED,
    ASKED,
    AUTHORIZE,
    BACK,
    CHALLENGED,
    FLOW,
    FORM,
    LOGIN,
    PRESSED,
    REDEEMED,
    REGISTERED,
    RESOURCE,
    SERVER,
    SPOKEN,
    seen,
    steps,
)

BROKER = f"{ISSUER}/login/callback"
AT_PROVIDER = (
    "https://accounts.provider.example/authorize?response_type=code&client_id=zz.apps"
    f"&redirect_uri={quote(BROKER, safe='')}&state=other-state-1"
)
CAME_BACK = f"{BROKER}?state=other-state-1&code=other-code-1"


def to(url: str, leads: str, method: str = "GET") -> Exchange:
    return seen(method, url, 302, came=(("Location", leads),))


SENT_ON = to(AUTHORIZE, AT_PROVIDER)
CONSENTED = to(CAME_BACK, f"{ISSUER}/consent")
GRANTED = to(f"{ISSUER}/consent", BACK)
LEGS: dict[str, tuple[Exchange, ...]] = {
    "redirects all the way": (SENT_ON, to(AT_PROVIDER, CAME_BACK), to(CAME_BACK, BACK)),
    "a page to log in at": (
        SENT_ON,
        seen("GET", AT_PROVIDER, 200, b"<html>"),
        to("https://accounts.provider.example/signin", CAME_BACK, "POST"),
        CONSENTED,
        GRANTED,
    ),
    "a button that leads there": (ASKED, LOGIN, to(AT_PROVIDER, CAME_BACK), CONSENTED, GRANTED),
}
BEFORE: dict[str, tuple[Exchange, ...]] = {
    "registered and published": (CHALLENGED, RESOURCE, SERVER, REGISTERED),
    "published": (CHALLENGED, RESOURCE, SERVER),
    "nothing": (),
}


@pytest.mark.parametrize("known", BEFORE)
@pytest.mark.parametrize("leg", LEGS)
def test_a_login_at_another_provider_is_a_page_on_the_way(leg: str, known: str) -> None:
    trace = trace_of((*BEFORE[known], *LEGS[leg], ARRIVED, REDEEMED, SPOKEN), Vault())
    report = diagnose(trace)
    plain = diagnose(trace_of((*BEFORE[known], ASKED, PRESSED, ARRIVED, REDEEMED, SPOKEN), Vault()))
    assert [one.request.url for one in trace.exchanges if one.step == "authorize"] == [AUTHORIZE]
    assert [one.request.url for one in trace.exchanges if one.direction == "in"] == [BACK]
    assert [one.rule for one in report.findings] == [one.rule for one in plain.findings]
    assert (report.status, trace.settings) == (plain.status, plain.trace.settings)


ELSEWHERE = "https://login.other.example"
UNRELATED: dict[str, Exchange] = {
    "authorization": to(
        f"{ELSEWHERE}/auth?response_type=code&client_id=zz&redirect_uri=https%3A%2F%2Fweb.example%2Fcb&state=1", "/x"
    ),
    "refresh": seen(
        "POST", f"{ELSEWHERE}/token", 400, {"error": "invalid_grant"}, headers=FORM, sent=b"grant_type=refresh_token"
    ),
    "code": seen(
        "POST",
        f"{ELSEWHERE}/token",
        400,
        {"error": "invalid_grant"},
        headers=FORM,
        sent=b"grant_type=authorization_code&client_id=zz&code=of-another",
    ),
}


@pytest.mark.parametrize("name", UNRELATED)
def test_what_another_page_did_is_none_of_ours(name: str) -> None:
    for place in range(len(FLOW) + 1):
        if name != "authorization" and place <= FLOW.index(SERVER):
            continue  # what the authorization server's endpoints are is not known yet
        found = classify((*FLOW[:place], UNRELATED[name], *FLOW[place:]))
        others = [one for one in found if one.request.url != UNRELATED[name].request.url]
        assert len(others) == len(found) - 1
        assert {one.step for one in found} - {one.step for one in others} <= {OTHER}
        assert [one.step for one in others] == steps(*FLOW)
    report = diagnose(trace_of((*FLOW, UNRELATED[name]), Vault()))
    assert report.status == diagnose(trace_of(FLOW, Vault())).status


def test_without_metadata_what_was_redeemed_tells_whose_it_is() -> None:
    form = f"grant_type=authorization_code&code=code-1&redirect_uri={quote(REDIRECT_URI, safe='')}".encode()
    redeemed = seen("POST", f"{ISSUER}/token", 200, {"access_token": "t"}, headers=FORM, sent=form)
    found = classify((ASKED, PRESSED, ARRIVED, redeemed, UNRELATED["authorization"]))
    assert [one.step for one in found if one.step in ("authorize", OTHER)] == ["authorize", OTHER]


def test_a_client_that_tries_again_elsewhere_is_the_same_client() -> None:
    """One sign is enough, since what is at fault may be the two others."""
    published, registered = (SERVER,), (REGISTERED,)
    for known, asked in (
        (published, f"{ISSUER}/authorize?response_type=code&client_id=new&redirect_uri=http://127.0.0.1:9/new"),
        (registered, "https://guessed.example/a?response_type=code&client_id=c&redirect_uri=http://127.0.0.1:9/new"),
        (registered, f"https://guessed.example/a?response_type=code&client_id=new&redirect_uri={REDIRECT_URI}"),
    ):
        found = classify((*known, ASKED, seen("GET", asked, 400)))
        assert [one.request.url for one in found if one.step == "authorize"] == [AUTHORIZE, asked]


def test_a_code_that_is_shown_to_the_wrong_place_is_ours() -> None:
    """The client at fault is known by the code that came back to it, or by its id."""
    for sent in (REDEEMED.request.body, b"grant_type=authorization_code&client_id=c"):
        wrong = seen("POST", f"{ELSEWHERE}/token", 404, headers=FORM, sent=sent)
        assert steps(SERVER, REGISTERED, ASKED, PRESSED, ARRIVED, wrong)[-1] == "token"


def test_of_two_authorizations_of_which_nothing_is_known_the_last_counts() -> None:
    other = UNRELATED["authorization"]
    found = classify((ASKED, PRESSED, ARRIVED, other))
    asked = [one.request.url for one in found if one.step == "authorize"]
    assert asked == [AUTHORIZE, other.request.url]
    assert all(one.id + 1 == later.id for one, later in pairwise(found))
