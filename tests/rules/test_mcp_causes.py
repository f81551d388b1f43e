"""Tests for the suspects behind a refused token, a lost session, and an MCP request without an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import (
    ACCESS,
    CHALLENGE,
    HTML,
    ISSUER,
    NEXT_ACCESS,
    NOON,
    PAGE,
    SESSION,
    URL,
    Piece,
    failed,
    initialized,
    listed,
    mcp_request,
    notified,
    refresh_request,
    rpc,
    rpc_error,
    server_document,
    texchange,
    tflow,
    token_answer,
    token_request,
)

from mcp_oauth_nb.records import Headers
from mcp_oauth_nb.rules import diagnose
from rules.mcp_specimens import AT_NOON, UNSIGNED, issued_as
from rules.refusal_specimens import DATE, INVALID, challenged, flow, lead, refusing, suspects

GUID = "6f1c2d34-5a7b-4c8d-9e0f-1a2b3c4d5e6f"


# --- what the token says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audience", "cause", "who"),
    [
        (f"{URL}/", "audience-respelled", "authorization server"),
        ("https://mcp.example.com", "audience-respelled", "authorization server"),
        ("account", "audience-default", "authorization server"),
        ("client-1", "audience-default", "authorization server"),
        (None, "audience-default", "authorization server"),
        (GUID, "audience-application", "MCP server"),
        (f"api://{GUID}", "audience-application", "MCP server"),
        ("https://other.example/mcp", "audience-of-another", "authorization server"),
    ],
)
def test_an_audience_that_was_refused(audience: str | None, cause: str, who: str) -> None:
    found = lead(flow(issued_as(aud=audience)))
    assert (found.rule, found.cause, found.who, found.caused_in) == ("token-audience", cause, who, "token")
    assert "token-rejected" in found.explains


def test_an_audience_that_was_accepted_has_no_suspects() -> None:
    token = issued_as(aud=GUID)
    (finding,) = diagnose(
        tflow(Piece("token", (token_request(body=token_answer(access_token=token)),)), upto="token")
    ).findings
    assert (finding.rule, finding.suspects) == ("token-audience", ())


def test_another_route_of_the_same_host_is_told_apart() -> None:
    assert "another route" in lead(flow(issued_as(aud="https://mcp.example.com/other"))).fix


@pytest.mark.parametrize(
    ("issuer", "cause", "who"),
    [
        (f"https://sts.windows.net/{GUID}/", "issuer-of-older-version", "user"),
        (f"{ISSUER}/tenant-2", "issuer-of-another-tenant", "authorization server"),
    ],
)
def test_an_issuer_that_was_refused(issuer: str, cause: str, who: str) -> None:
    found = lead(flow(issued_as(iss=issuer)))
    assert (found.rule, found.cause, found.who) == ("token-issuer", cause, who)


def test_an_audience_that_fits_and_is_called_wrong() -> None:
    said = f'{INVALID}, error_description="invalid audience"'
    found = lead(flow(issued_as(), refusing(issued_as(), challenged(said))))
    assert (found.cause, found.caused_in, found.who) == ("expected-audience-differs", "resource_metadata", "MCP server")


def test_a_token_whose_words_all_fit_leaves_key_and_policy() -> None:
    trace = flow(issued_as())
    assert lead(trace).cause == "token-rejected"
    assert suspects(trace, "token-rejected") == {
        "expected-audience-differs": "possible",
        "signature-or-policy": "possible",
    }


# --- its kind, its signature, its time --------------------------------------------------------------------------------


def test_an_opaque_token_is_possible_and_likely_where_the_server_speaks_of_it() -> None:
    assert suspects(flow(ACCESS), "token-rejected")["opaque-token"] == "possible"
    said = f'{INVALID}, error_description="Not enough segments"'
    assert lead(flow(ACCESS, refusing(ACCESS, challenged(said)))).cause == "opaque-token"
    only_keys = {"jwks_uri": f"{ISSUER}/jwks", "introspection_endpoint": None}
    assert lead(flow(ACCESS, asm_changes=only_keys)).cause == "opaque-token"
    assert "opaque-token" not in suspects(flow(issued_as()), "token-rejected")


def test_an_encrypted_token() -> None:
    header = issued_as({"alg": "dir", "enc": "A256GCM"}).partition(".")[0]
    assert lead(flow(f"{header}..aXY.Y2lwaGVy.dGFn")).cause == "encrypted-token"


def test_signatures() -> None:
    assert suspects(flow(issued_as({"alg": "HS256"})), "token-rejected")["symmetric-signature"] == "possible"
    unsigned = diagnose(flow(issued_as(UNSIGNED)))
    assert unsigned.cause is not None
    assert (unsigned.cause.rule, unsigned.failing_step) == ("token-unsigned", "token")


def test_clocks_that_differ_are_told_by_the_dates_of_both_servers() -> None:
    token, late = issued_as(iat=AT_NOON + 20), challenged(INVALID, ("Date", DATE.format(12)))
    source = (("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Date", DATE.format(20)))
    trace = flow(token, refusing(token, late), answered=source)
    assert lead(trace).cause == "clocks-differ"
    assert "clocks-differ" not in suspects(flow(token, refusing(token, late)), "token-rejected")
    same = challenged(INVALID, ("Date", DATE.format(21)))
    assert "clocks-differ" not in suspects(flow(token, refusing(token, same), answered=source), "token-rejected")


DATED: Headers = (("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Date", DATE.format(0)))
HALF_AN_HOUR_AHEAD = ("Date", "Sun, 01 Mar 2026 12:30:00 GMT")
CALLED_EXPIRED = f'{INVALID}, error_description="token expired"'


@pytest.mark.parametrize(
    ("token", "said", "confidence"),
    [
        (issued_as(), CALLED_EXPIRED, "certain"),
        (issued_as(), INVALID, "certain"),
        (issued_as(), "Bearer", "likely"),
        (ACCESS, CALLED_EXPIRED, "likely"),
    ],
)
def test_a_clock_that_is_ahead_calls_a_fresh_token_expired(token: str, said: str, confidence: str) -> None:
    """The token is seconds old by the clock of its issuer; that of who refuses it is half an hour ahead."""
    found = lead(flow(token, refusing(token, challenged(said, HALF_AN_HOUR_AHEAD)), answered=DATED, expires_in=900))
    assert (found.cause, found.who) == ("clocks-differ", "MCP server")
    assert found.suspects[0].confidence == confidence
    assert "token-expired" not in [one.cause for one in found.suspects]
    dates = [one.quote for one in found.suspects[0].lines if one.part == "header:Date"]
    assert dates == [DATE.format(0), HALF_AN_HOUR_AHEAD[1]]


def test_a_token_that_was_used_too_late_by_all_clocks_has_expired() -> None:
    token, later = issued_as(), NOON + timedelta(minutes=30)
    late = refusing(token, challenged(CALLED_EXPIRED, HALF_AN_HOUR_AHEAD), started=later)
    found = lead(flow(token, late, answered=DATED, expires_in=900))
    assert (found.cause, found.who, found.suspects[0].confidence) == ("token-expired", "user", "certain")
    assert "clocks-differ" not in [one.cause for one in found.suspects]


def test_the_clock_of_the_refusal_alone_does_not_make_it_certain_that_a_token_expired() -> None:
    token = issued_as()
    found = lead(flow(token, refusing(token, challenged(CALLED_EXPIRED, HALF_AN_HOUR_AHEAD))))
    assert (found.cause, found.suspects[0].confidence) == ("token-expired", "likely")


def test_a_token_that_begins_or_ends_at_the_wrong_time() -> None:
    dated = (("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Date", DATE.format(20)))
    found = lead(flow(issued_as(nbf=AT_NOON + 300), answered=dated))
    assert (found.rule, found.cause) == ("token-times", "token-from-the-future")
    found = lead(flow(issued_as(nbf=AT_NOON + 300)))
    assert (found.rule, found.cause) == ("token-times", "token-times")
    assert "by the clock of this machine" in found.summary
    found = lead(flow(issued_as(exp=AT_NOON - 1)))
    assert (found.rule, found.cause, found.who) == ("token-times", "token-expired-at-once", "authorization server")
    found = lead(flow(issued_as(exp=AT_NOON + 3600)))
    assert (found.rule, found.cause) == ("token-rejected", "token-rejected")


def test_a_token_that_was_used_too_late() -> None:
    token = issued_as()
    late = refusing(token, challenged(INVALID, ("Date", "Sun, 01 Mar 2026 12:30:00 GMT")))
    found = lead(flow(token, late))
    assert (found.cause, found.caused_in, found.who) == ("token-expired", "mcp", "user")


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        (f'{INVALID}, scope="mcp:tools profile"', True),
        (f'{INVALID}, error_description="missing scope profile"', True),
        (f'{INVALID}, scope="mcp:tools"', False),
    ],
)
def test_a_missing_scope_that_is_called_an_invalid_token(said: str, fits: bool) -> None:
    trace = flow(issued_as(), refusing(issued_as(), challenged(said)))
    assert ("missing-scope-as-401" in suspects(trace, "token-rejected")) is fits


def test_a_key_that_is_not_published() -> None:
    token = issued_as({"alg": "ES256", "kid": "k-2"})
    issued = Piece("token", (token_request(body=token_answer(access_token=token)),))
    for known, fits in (("k-1", True), ("k-2", False)):
        keys = replace(server_document({"keys": [{"kid": known}]}, url=f"{ISSUER}/jwks"), step="jwks")
        pieces = tflow(issued, failed("mcp", refusing(token)), upto="mcp")
        seen = replace(keys, id=len(pieces.exchanges) + 1)
        run = replace(pieces.runs[-1], step="jwks", exchanges=(seen.id,), achieved=True, stopped="")
        trace = replace(pieces, exchanges=(*pieces.exchanges, seen), runs=(*pieces.runs, run))
        assert (suspects(trace, "token-rejected").get("signing-key-unknown") == "likely") is fits


# --- the way, and the session -----------------------------------------------------------------------------------------


def test_an_answer_as_without_a_token_points_at_the_way() -> None:
    found = lead(flow(ACCESS, refusing(ACCESS, challenged(CHALLENGE))))
    assert (found.cause, found.who) == ("authorization-header-removed", "gateway")
    assert "authorization-header-removed" not in suspects(flow(ACCESS), "token-rejected")


def test_a_page_with_401_is_the_gateways() -> None:
    found = lead(flow(ACCESS, refusing(ACCESS, (*HTML, ("Via", "1.1 edge")), body=PAGE)))
    assert (found.cause, found.who) == ("edge-demands-login", "gateway")


def test_a_server_behind_the_gateway_that_gets_no_token() -> None:
    call = mcp_request(rpc("tools/call", 3, name="echo"), 401, b"{}", headers=(("Server", "backend"),))
    found = lead(flow(ACCESS, initialized(), notified(), listed(), call))
    assert (found.cause, found.who) == ("token-lost-behind-gateway", "gateway")


def test_a_session_that_is_not_known_and_answered_with_401() -> None:
    found = lead(flow(ACCESS, initialized(), notified(), listed(401, b"{}", headers=challenged())))
    assert (found.cause, found.who) == ("session-unknown-as-401", "MCP server")
    bare = flow(ACCESS, initialized(), notified(), listed(401, b"{}", session=None, headers=challenged()))
    assert "session-unknown-as-401" not in suspects(bare, "token-rejected")


@pytest.mark.parametrize(("status", "headers"), [(401, challenged()), (403, ())])
def test_a_session_that_is_bound_to_its_token(status: int, headers: Headers) -> None:
    later = mcp_request(rpc("tools/list", 10), status, b"{}", step="call", token=NEXT_ACCESS, headers=headers)
    trace = tflow(Piece("call"), Piece("refresh", (refresh_request(),)), upto="refresh")
    seen = replace(later, id=len(trace.exchanges) + 1, started=trace.exchanges[-1].started)
    run = replace(trace.runs[-1], step="call", exchanges=(seen.id,), achieved=False, stopped="refused")
    kept = tuple(one for one in trace.runs if one.step != "call")
    found = lead(replace(trace, exchanges=(*trace.exchanges, seen), runs=(*kept, run)))
    assert (found.cause, found.caused_in, found.step) == ("session-bound-to-token", "refresh", "call")


def test_a_session_that_is_gone_at_once_or_later() -> None:
    at_once = lead(flow(ACCESS, initialized(), notified(), listed(404)))
    assert (at_once.cause, at_once.who) == ("sessions-not-shared", "MCP server")
    gone = flow(ACCESS, initialized(), notified(404), listed(404))
    assert suspects(gone, "session-lost") == {"sessions-not-shared": "likely"}
    later = flow(ACCESS, initialized(), notified(), listed(), mcp_request(rpc("tools/call", 3, name="echo"), 404))
    assert (lead(later).cause, lead(later).who) == ("session-ended", "user")


# --- no answer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "body", "cause", "who"),
    [
        (307, (("Location", "/mcp/"),), b"", "slash-redirected", "MCP server"),
        (307, (("Location", "/mcp"),), b"", "redirect-loop", "MCP server"),
        (308, (("Location", f"{URL}#top"),), b"", "redirect-loop", "MCP server"),
        (302, (("Location", "https://MCP.example.com:443/mcp"),), b"", "redirect-loop", "MCP server"),
        (307, (("Location", "http://mcp.example.com/mcp/"),), b"", "redirect-loses-token", "gateway"),
        (308, (("Location", "http://10.0.0.7:8080/mcp"),), b"", "redirect-loses-token", "gateway"),
        (302, (("Location", "https://login.example/start"),), b"", "login-page-in-front", "gateway"),
        (200, HTML, PAGE, "login-page-in-front", "gateway"),
        (406, (), b"", "accept-changed-on-the-way", "gateway"),
        (429, (("Retry-After", "30"),), b"", "too-many-requests", "user"),
        (405, (("Allow", "GET"),), b"", "endpoint-takes-no-post", "user"),
        (500, (), b"", "mcp-server-crashes", "MCP server"),
        (503, (), b"", "gateway-without-mcp-server", "gateway"),
    ],
)
def test_an_mcp_request_without_an_answer(status: int, headers: Headers, body: bytes, cause: str, who: str) -> None:
    found = lead(flow(ACCESS, mcp_request(rpc("initialize"), status, body, headers=headers)))
    assert (found.rule, found.cause, found.who) == ("mcp-error", cause, who)


def sent_on(*headers: tuple[str, str]) -> Piece:
    """The request without a token, answered with a redirect."""
    return Piece("challenge", (texchange("challenge", URL, 307, method="POST", headers=headers),))


def test_a_request_without_a_token_that_goes_round_in_a_circle() -> None:
    for location in ("/mcp", URL):
        found = lead(tflow(sent_on(("Location", location)), upto="challenge"))
        assert [one.cause for one in found.suspects] == ["redirect-loop"]
    kept = sent_on(("Location", URL), ("Set-Cookie", "seen=1"))
    assert "cookie" in lead(tflow(kept, upto="challenge")).fix


REFUSED_IN_WORDS = (
    "Unauthorized: token expired",
    "Unauthorized",
    "Authentication required",
    "The access token has expired",
    "Invalid token",
)


@pytest.mark.parametrize("said", REFUSED_IN_WORDS)
def test_a_refusal_under_a_status_of_success(said: str) -> None:
    sent = mcp_request(rpc("initialize"), 200, {**rpc_error(-32001, said), "id": 1})
    found = lead(flow(ACCESS, sent))
    assert (found.rule, found.cause, found.who) == ("token-rejected", "refusal-under-success", "MCP server")
    assert said in found.observed
    assert "401" in found.fix


def test_a_refusal_under_a_status_of_success_has_its_causes() -> None:
    sent = mcp_request(rpc("initialize"), 200, {**rpc_error(-32001, "Unauthorized: token expired"), "id": 1})
    found = suspects(flow(ACCESS, sent, answered=DATED, expires_in=900), "token-rejected")
    assert found["times-read-otherwise"] == "likely"


@pytest.mark.parametrize(
    ("method", "code", "said"),
    [
        ("initialize", -32603, "Unauthorized"),
        ("initialize", -32603, "Internal error: upstream 401 Unauthorized"),
        ("initialize", -32000, "Server error: the upstream said Unauthorized"),
        ("tools/call", -32000, "Unauthorized: connect your calendar first"),
        ("initialize", -32602, "Invalid token in parameters"),
    ],
)
def test_an_error_that_is_no_refusal_of_the_token(method: str, code: int, said: str) -> None:
    sent = mcp_request(rpc(method), 200, {**rpc_error(code, said), "id": 1})
    assert lead(flow(ACCESS, sent)).rule == "mcp-error"


def test_a_redirect_for_an_expired_token_is_the_servers() -> None:
    headers, late = (("Location", "/login"),), NOON + timedelta(minutes=30)
    found = lead(flow(ACCESS, mcp_request(rpc("initialize"), 307, headers=headers, started=late)))
    assert (found.cause, found.who) == ("expired-token-redirected", "MCP server")


# --- forbidden --------------------------------------------------------------------------------------------------------


def test_a_scope_that_is_there_in_another_shape() -> None:
    said = 'Bearer error="insufficient_scope", scope="mcp:tools"'
    for claims, fits in (({"scope": None, "scp": ["mcp:tools"]}, True), ({"scope": ["mcp:tools"]}, True), ({}, False)):
        token = issued_as(**claims)
        trace = flow(token, refusing(token, challenged(said), status=403))
        assert (suspects(trace, "insufficient-scope").get("scope-in-another-shape") == "likely") is fits


def test_an_origin_that_is_refused() -> None:
    sent = mcp_request(rpc("initialize"), 403, b"Invalid Origin")
    from_a_page = replace(
        sent, request=replace(sent.request, headers=(*sent.request.headers, ("Origin", "https://a.example")))
    )
    assert lead(flow(ACCESS, from_a_page)).cause == "origin-refused"
    assert "origin-refused" not in suspects(flow(ACCESS, sent), "insufficient-scope")


def test_no_suspect_quotes_a_token() -> None:
    token = issued_as(aud="account", iss="https://other.example", exp=AT_NOON - 1)
    trace = flow(token, refusing(token, challenged(CHALLENGE), session=SESSION))
    quotes = [line.quote for found in diagnose(trace).findings for one in found.suspects for line in one.lines]
    assert quotes
    assert not [quote for quote in quotes if token in quote or token.split(".")[1] in quote]
