"""The engine by itself, on made-up recordings: where clients part ways, and what a recording leaves open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from factories import (
    ASM_URL,
    ISSUER,
    OIDC_URL,
    OWN_ASM_URL,
    PRM_ROOT_URL,
    PRM_URL,
    URL,
    Body,
    Piece,
    asm,
    prm,
    registered,
    texchange,
    tflow,
    ttrace,
    unauthenticated,
)

from mcp_oauth_nb import Trace, other_clients
from mcp_oauth_nb.peers import PEERS
from mcp_oauth_nb.peers.outlook import POINTS, Outlook
from mcp_oauth_nb.peers.rows import NOT_KNOWN
from mcp_oauth_nb.peers.values import VALUES

PY, TS1, TS2, REMOTE = "Python SDK", "TypeScript SDK 1.32.2", "TypeScript SDK 2.4.0", "mcp-remote"
PLAIN = "Bearer"


def trace(challenge: str | None = PLAIN, url: str = URL, **answers: tuple[int, Body] | None) -> Trace:
    """A recording in which these locations answered; the keywords are the names below."""
    places = {"prm": PRM_URL, "root": PRM_ROOT_URL, "asm": ASM_URL, "oidc": OIDC_URL, "own": OWN_ASM_URL}
    asked = [texchange("well_known", places[name], *answer) for name, answer in answers.items() if answer]
    return ttrace(unauthenticated(challenge=challenge), Piece("well_known", tuple(asked)), url=url)


def paths(one: Outlook) -> list[str]:
    return [ask.url.removeprefix("https://") for ask in one.asked if ask.method == "GET"]


def healthy(**changes: Any) -> dict[str, Any]:
    return {"prm": (200, prm()), "asm": (200, asm()), **changes}


def test_what_nobody_asked_is_unknown_and_the_call_that_asks_is_named() -> None:
    one = other_clients(trace(prm=(404, b"")))[PY]
    assert (one.fate, one.open.point) == ("unknown", "resource metadata")
    assert one.open.told == f"the recording does not show GET {PRM_ROOT_URL}"
    assert [ask.came for ask in one.asked] == ["404", "not in the recording"]
    assert {one.at(point).outcome for point in list(POINTS)[1:]} == {"not reached"}


def test_without_a_challenge_nothing_is_presumed() -> None:
    for found in (Trace(), ttrace(unauthenticated(200))):
        assert {one.fate for one in other_clients(found).each} == {"unknown"}
        assert [ask for one in other_clients(found).each for ask in one.asked] == []


def test_an_answer_that_was_edited_or_cut_is_not_used() -> None:
    edited = texchange("well_known", PRM_URL, 200, prm(), edited=("headers.Accept",))
    one = other_clients(ttrace(unauthenticated(challenge=PLAIN), Piece("well_known", (edited,))))[PY]
    assert one.fate == "unknown"


def test_a_slash_more_in_the_resource_stops_typescript_alone() -> None:
    found = other_clients(trace(**healthy(prm=(200, prm(resource=f"{URL}/")))))
    assert found[PY].at("resource").outcome == "ok"
    assert found[TS1].stop.message == f"Error: Protected resource {URL}/ does not match expected {URL} (or origin)"
    assert found["MCP 2025-11-25"].at("resource").outcome == "ok"


def test_a_null_member_is_no_document_for_typescript() -> None:
    found = other_clients(trace(**healthy(asm=(200, {**asm(), "scopes_supported": None}), oidc=(404, b""))))
    assert found[PY].at("server metadata").outcome == "ok"
    assert found[TS1].stop.message == "ZodError about scopes_supported"


def test_a_crash_of_the_authorization_server_parts_them() -> None:
    found = other_clients(trace(**healthy(asm=(503, b""), oidc=(200, asm()))))
    assert found[PY].at("server metadata").told.startswith("finds none and goes on with https://mcp.example.com/auth")
    assert found[TS1].stop.message == f"Error: HTTP 503 trying to load OAuth metadata from {ASM_URL}"
    assert found["MCP 2025-11-25"].at("server metadata").told == f"takes the document of {OIDC_URL}"
    assert found["MCP 2025-06-18"].stop.point == "server metadata"


def test_a_crash_of_the_mcp_server_stops_python_alone() -> None:
    found = other_clients(trace(prm=(500, b""), root=(404, b""), own=(200, asm(issuer="https://mcp.example.com"))))
    assert found[PY].stop.message == "OAuthFlowError: Protected resource metadata request failed: HTTP 500"
    assert paths(found[TS1]) == [PRM_URL[8:], OWN_ASM_URL[8:]]
    assert found[TS1].at("server metadata").outcome == "ok"


def test_the_url_of_the_challenge_goes_first_and_typescript_looks_nowhere_else() -> None:
    named = "https://mcp.example.com/meta"
    gone = texchange("resource_metadata", named, 404)
    told = unauthenticated(challenge=f'Bearer resource_metadata="{named}"')
    rest = [texchange("well_known", url, 404) for url in (PRM_URL, PRM_ROOT_URL, OWN_ASM_URL)]
    found = other_clients(ttrace(told, Piece("resource_metadata", (gone,)), Piece("well_known", tuple(rest))))
    assert paths(found[PY]) == [named[8:], PRM_URL[8:], PRM_ROOT_URL[8:], OWN_ASM_URL[8:]]
    assert paths(found[TS1])[:2] == [named[8:], OWN_ASM_URL[8:]]
    assert paths(found["MCP 2025-11-25"]) == [named[8:]]


def test_the_challenge_has_to_begin_with_bearer_for_typescript() -> None:
    told = f'Basic realm="x", Bearer resource_metadata="{PRM_ROOT_URL}"'
    found = other_clients(trace(told, prm=(404, b""), root=(404, b"")))
    assert paths(found[PY])[0] == PRM_ROOT_URL[8:]
    assert paths(found[TS1])[0] == PRM_URL[8:]


def test_a_redirect_within_the_origin_is_followed_and_no_other() -> None:
    moved = texchange("well_known", PRM_URL, 307, headers=(("Location", PRM_ROOT_URL),))
    away = texchange("well_known", PRM_ROOT_URL, 307, headers=(("Location", "https://elsewhere.example/prm"),))
    found = other_clients(ttrace(unauthenticated(challenge=PLAIN), Piece("well_known", (moved, away))))
    assert paths(found[PY])[:2] == [PRM_URL[8:], PRM_ROOT_URL[8:]]
    assert found[REMOTE].open.told == "the recording does not show GET https://elsewhere.example/prm"


def test_a_connection_that_fails_stops_some_and_makes_others_ask_again() -> None:
    broken = texchange("well_known", PRM_URL, None, failure="connect")
    found = other_clients(ttrace(unauthenticated(challenge=PLAIN), Piece("well_known", (broken,))))
    assert found[TS2].stop.message == "TypeError: fetch failed"
    assert paths(found[TS1]) == [PRM_URL[8:], PRM_URL[8:], PRM_ROOT_URL[8:]]


def test_what_our_own_caution_refused_says_nothing_of_the_server() -> None:
    refused = texchange("well_known", PRM_URL, None, failure="address")
    found = other_clients(ttrace(unauthenticated(challenge=PLAIN), Piece("well_known", (refused,))))
    assert found[PY].open.told == f"the recording does not show GET {PRM_URL}"


@pytest.mark.parametrize(
    ("listed", "stopped"),
    [(["S256"], ()), (["plain"], (TS1, TS2, "MCP 2025-11-25")), (None, ("MCP 2025-11-25",))],
)
def test_s256(listed: list[str] | None, stopped: tuple[str, ...]) -> None:
    found = other_clients(trace(**healthy(asm=(200, asm(code_challenge_methods_supported=listed)))))
    for name in (PY, TS1, TS2, "MCP 2025-06-18", "MCP 2025-11-25"):
        assert (found[name].at("S256").outcome == "stops") == (name in stopped), name


@pytest.mark.parametrize(
    ("challenge", "listed", "offered", "python", "remote"),
    [
        ('Bearer scope="a"', ["b"], ["offline_access"], "a offline_access", "a offline_access"),
        (PLAIN, ["b", "c"], None, "b c", "b c"),
        (PLAIN, [], ["d"], "none", "none"),
        (PLAIN, None, ["d"], "d", "d"),
        (PLAIN, None, None, "none", "openid email profile"),
    ],
)
def test_scope(challenge: str, listed: Any, offered: Any, python: str, remote: str) -> None:
    answers = healthy(prm=(200, prm(scopes_supported=listed)), asm=(200, asm(scopes_supported=offered)))
    found = other_clients(trace(challenge, **answers))
    assert found[PY].at("scope").told == python
    assert found[REMOTE].at("scope").told == remote


def test_a_bare_origin_as_resource_gets_a_slash_from_some() -> None:
    bare = "https://mcp.example.com"
    found = other_clients(trace(**healthy(prm=(200, prm(resource=bare)))))
    assert found[TS1].at("resource parameter").told == bare
    assert found[REMOTE].at("resource parameter").told == f"{bare}/"


def test_a_token_endpoint_in_the_clear_stops_those_that_look() -> None:
    clear = "http://auth.example.com/token"
    answers = asm(token_endpoint=clear)
    found = other_clients(tflow(Piece("server_metadata", (texchange("server_metadata", ASM_URL, 200, answers),))))
    assert found[TS2].stop.point == "token endpoint"
    assert found[TS1].at("token endpoint").outcome == "ok"


def test_a_whole_flow_lets_clients_through() -> None:
    found = other_clients(tflow(Piece("register", (registered(token_endpoint_auth_method="none"),))))
    assert {str(one.peer): one.fate for one in found.each if one.fate == "stops"} == {}
    assert found[PY].at("registration").told == f"registers at {ISSUER}/register"


def test_every_client_has_a_row_with_a_source_for_every_behaviour() -> None:
    for peer in PEERS:
        assert sorted(row.behaviour for row in peer.rows) == sorted(VALUES), peer
        for row in peer.rows:
            assert row.value in (*VALUES[row.behaviour], NOT_KNOWN), (peer, row)
            assert row.source.strip(), (peer, row)
        assert len(peer.read) == 10


def test_every_behaviour_decides_a_point() -> None:
    used = [behaviour for behaviours in POINTS.values() for behaviour in behaviours]
    assert sorted(used) == sorted(VALUES)


def test_a_registration_that_a_probe_tried_says_nothing() -> None:
    flow = tflow(Piece("register", (registered(token_endpoint_auth_method="none"),)))
    refused = texchange("http_redirect_registration", f"{ISSUER}/register", 400, method="POST")
    probed = replace(flow, exchanges=(*flow.exchanges, replace(refused, id=len(flow.exchanges) + 1)))
    assert other_clients(probed)[PY].at("registration") == other_clients(flow)[PY].at("registration")
    assert other_clients(probed)[PY].at("registration").outcome == "ok"
