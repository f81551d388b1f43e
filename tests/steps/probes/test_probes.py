"""The probes: what each sends, that it leaves the flow as it was, and that it says so where it cannot ask."""

from __future__ import annotations

import pytest
from playbook import Play, play

from mcp_oauth_nb.protocol.flow import Client, Flow
from mcp_oauth_nb.protocol.probes import (
    FRESH,
    INVALID_ORIGIN,
    NOT_TESTED,
    PLAIN_REDIRECT,
    PROBES,
    UNKNOWN_CLIENT,
    UNKNOWN_VERSION,
    UNREGISTERED_REDIRECT,
)
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.steps import STEPS
from mcp_oauth_nb.steps.probes import PROBES as DECLARED
from steps.flows import ENTROPY, ISSUER, REDIRECT, URL, known, server_document
from steps.flows import document as published

TOKEN = "Bearer the-access-token"
FULL = known("session")
LATE = ("fresh_grant", "client_document_check", "well_known")


def played(name: str, flow: Flow = FULL) -> Play:
    return play(STEPS[name], flow)


def authorized(conversation: Play, **parameters: str) -> Play:
    """The authorization of the probe's own, up to the code."""
    opened = conversation.opens(f"{ISSUER}/authorize", parameters).opened().awaits(REDIRECT)
    state = "AAECAwQFBgcICQoLDA0ODw"
    return opened.arrives(f"{REDIRECT}?code=code-2&state={state}")


def test_every_probe_is_declared_where_its_name_is() -> None:
    assert tuple(DECLARED) == PROBES
    assert set(FRESH) <= set(PROBES)
    assert all(declared.probe for declared in DECLARED.values())


@pytest.mark.parametrize("name", [name for name in PROBES if name not in LATE])
def test_a_probe_that_knows_nothing_asks_without_a_token_or_says_why_not(name: str) -> None:
    conversation = Play(STEPS[name], known())
    want, ended = conversation._want, conversation._result
    if want is None:
        assert ended.reason.startswith(f"{NOT_TESTED}: ")
        return
    assert TOKEN not in dict(want.call.headers).values()
    assert "healthy server" in want.call.why


@pytest.mark.parametrize("version", PROFILES)
@pytest.mark.parametrize("name", [name for name in PROBES if name not in (*FRESH, *LATE)])
def test_a_probe_of_a_whole_flow_asks_and_leaves_it_as_it_was(name: str, version: str) -> None:
    flow = known("session", profile=PROFILES[version])
    conversation = Play(STEPS[name], flow)
    while conversation._want is not None:
        conversation.gets(401)
    ended = conversation._result
    assert ended is flow or ended.reason.startswith(NOT_TESTED)


def test_a_garbage_token_is_well_formed_and_not_the_good_one() -> None:
    sent = played("garbage_token").sends("POST", URL, answer_id=1)
    authorization = dict(sent._want.call.headers)["Authorization"]
    assert authorization == f"Bearer garbage-{ENTROPY[:18].hex()}"
    assert sent.gets(401).learns() is FULL


def test_the_scheme_in_small_letters_carries_the_good_token() -> None:
    good = {"Authorization": "bearer the-access-token"}
    played("wrong_scheme_case").sends("POST", URL, headers=good).gets(200).learns()


def test_the_session_goes_without_its_token() -> None:
    headers = {"Mcp-Session-Id": "the-session", "Authorization": None}
    played("session_only").sends("POST", URL, json={"method": "tools/list"}, headers=headers).gets(401).learns()
    played("session_only", known("tokens")).stops("not tested: the server keeps no session")


def test_a_foreign_origin_comes_without_and_with_the_token() -> None:
    foreign = {"Origin": INVALID_ORIGIN}
    asked = played("origin").sends("POST", URL, headers={**foreign, "Authorization": None}).gets(401)
    asked.sends("POST", URL, headers={**foreign, "Authorization": TOKEN}).gets(403).learns()


def test_the_other_spelling_of_the_url_gets_no_token() -> None:
    played("slash").sends("POST", f"{URL}/", headers={"Authorization": None}).gets(307).learns()
    ended = known("session", url=f"{URL}/?a=b")
    played("slash", ended).sends("POST", f"{URL}?a=b", headers={"Authorization": None}).gets(404).learns()


def test_the_root_of_the_origin_gets_no_token() -> None:
    sent = played("token_elsewhere").sends("POST", "https://mcp.example.com/", headers={"Authorization": None})
    sent.gets(404).learns()
    played("token_elsewhere", known("session", url="https://mcp.example.com/")).stops("no path")


def test_a_stream_is_opened_and_not_read() -> None:
    headers = {"Accept": "text/event-stream", "Authorization": TOKEN, "Mcp-Session-Id": "the-session"}
    sent = played("get_stream").sends("GET", URL, headers=headers)
    assert sent._want.opening
    sent.gets(405).learns()


def test_an_unknown_version_is_named_alike_in_header_and_message() -> None:
    flow = known("session", profile=PROFILES["2026-07-28"])
    sent = played("unknown_version", flow).sends("POST", URL, headers={"MCP-Protocol-Version": UNKNOWN_VERSION})
    meta = sent._want.call.json["params"]["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == UNKNOWN_VERSION
    sent.gets(400).learns()
    played("unknown_version", known("tokens")).stops("no conversation")


def test_a_wrong_and_a_missing_verifier_redeem_a_code_of_the_probes_own() -> None:
    for name in ("wrong_verifier", "without_verifier"):
        flow = FULL.learn(server_metadata=published(server_document()))
        asked = authorized(played(name, flow), code_challenge_method="S256")
        sent = asked.sends("POST", f"{ISSUER}/token", form={"code": "code-2", "client_id": "the-client"})
        body = sent._want.call.request().body.decode()
        assert ("code_verifier=" in body) is (name == "wrong_verifier")
        assert "the-code" not in body
        assert sent.gets(400, {"error": "invalid_grant"}).learns() is flow


def test_a_code_is_replayed_with_everything_that_was_right_the_first_time() -> None:
    asked = authorized(played("code_replay")).sends("POST", f"{ISSUER}/token", form={"code": "code-2"})
    first = asked._want.call.form
    asked = asked.gets(200, {"access_token": "a", "token_type": "Bearer"}).sends("POST", f"{ISSUER}/token")
    assert asked._want.call.form == first
    assert asked.gets(400, {"error": "invalid_grant"}).learns() is FULL


def test_a_foreign_token_is_asked_for_another_resource_and_sent_here() -> None:
    other = "https://mcp.example.com/another-resource"
    asked = authorized(played("wrong_audience"), resource=other)
    asked = asked.sends("POST", f"{ISSUER}/token", form={"resource": other})
    asked = asked.gets(200, {"access_token": "foreign", "token_type": "Bearer"})
    assert asked.sends("POST", URL, headers={"Authorization": "Bearer foreign"}).gets(401).learns() is FULL


def test_a_server_that_issues_no_foreign_token_is_not_tested() -> None:
    opened = played("wrong_audience").opens(f"{ISSUER}/authorize").opened().awaits(REDIRECT)
    refused = opened.arrives(f"{REDIRECT}?error=invalid_target&state=AAECAwQFBgcICQoLDA0ODw")
    refused.stops("not tested: no authorization of its own: the authorization server answered error=invalid_target")


def test_a_redirect_is_followed_within_the_authorization_server_only() -> None:
    asked = played("unregistered_redirect").sends("GET", f"{ISSUER}/authorize?{_query('unregistered_redirect')}")
    assert UNREGISTERED_REDIRECT.rpartition("/")[0].removeprefix("https://") in asked._want.call.full_url()
    asked = asked.gets(302, b"", (("Location", "/consent"),)).sends("GET", f"{ISSUER}/consent")
    asked.gets(302, b"", (("Location", f"{UNREGISTERED_REDIRECT}?code=1"),)).learns()


def _query(name: str) -> str:
    return str(play(STEPS[name], FULL)._want.call.full_url()).partition("?")[2]


def test_what_a_probe_registered_is_deleted_by_the_server_that_knows_it() -> None:
    managed = {"client_id": "c", "registration_client_uri": f"{ISSUER}/register/c", "registration_access_token": "rat"}
    asked = played("http_redirect_registration").sends(
        "POST", f"{ISSUER}/register", json={"redirect_uris": [PLAIN_REDIRECT]}
    )
    asked = asked.gets(201, managed).sends("DELETE", f"{ISSUER}/register/c", headers={"Authorization": "Bearer rat"})
    asked.gets(204).learns()
    elsewhere = managed | {"registration_client_uri": "https://other.example/c"}
    again = played("http_redirect_registration").sends("POST", f"{ISSUER}/register").gets(201, elsewhere)
    again.learns()


def test_a_stranger_asks_for_nothing_that_could_come_of_it() -> None:
    asked = played("unknown_client")
    assert f"client_id={UNKNOWN_CLIENT}" in asked._want.call.full_url()
    asked = asked.gets(400).sends("POST", f"{ISSUER}/token", form={"client_id": UNKNOWN_CLIENT, "code": "no-such-code"})
    asked.gets(401, {"error": "invalid_client"}).learns()


def test_a_secret_is_shown_both_ways_with_a_dummy_code() -> None:
    client = Client("c", "s3cret", "client_secret_basic", "registered dynamically", 4)
    asked = played("basic_or_body", FULL.learn(client=client))
    asked = asked.sends("POST", f"{ISSUER}/token", form={"code": "no-such-code", "client_secret": None})
    asked = asked.gets(400, {"error": "invalid_grant"})
    asked = asked.sends("POST", f"{ISSUER}/token", form={"client_secret": "s3cret"}, headers={"Authorization": None})
    asked.gets(401, {"error": "invalid_client"}).learns()
    played("basic_or_body").stops("a public client")


@pytest.mark.parametrize("name", FRESH)
def test_an_authorization_of_its_own_needs_a_grant_with_a_browser_or_a_client(name: str) -> None:
    played(name, known("server_metadata")).stops("not tested: there is no client yet")


def test_no_answer_is_no_test() -> None:
    played("garbage_token").sends("POST", URL).fails("timeout").stops("not tested: a timeout failure")
