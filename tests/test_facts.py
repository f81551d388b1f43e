"""Derived tables over whole flows: real and hostile servers, echoed secrets; and where each request came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from factories import (
    PAGE,
    Piece,
    asm,
    authorized,
    came_back,
    jwt,
    prm,
    refresh_request,
    registered,
    resource_document,
    server_document,
    tflow,
    token_answer,
    token_request,
    unauthenticated,
)

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.facts import FLOW, table_of, tables_for
from mcp_oauth_nb.facts.table import TABLES
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.redact import learn
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.report import WORKED_OUT
from mcp_oauth_nb.views.tables import TableView, table_value
from tests.leaks import assert_no_leak, shown
from tests.markup import read_markup
from tests.views.test_displays import HOSTILE

ALWAYS = [name for name, one in TABLES.items() if FLOW in one.steps]
AFTER = ("introspect", "userinfo", "refresh", "replay", "revoke", "revoked", "registration", "unregister", "well_known")
SOURCES = re.compile(
    r"metadata|challenge|you typed|Location|redirect|registration|well-known|settings|version says|authorization URL"
)
"""Words of which a request's provenance has one: the document or the person that led there."""


def flow_of(text: str) -> Trace:
    """A flow in which a server says this text wherever it can, and the user has typed it."""
    headers = tuple((name, text) for name in ("Date", "Server", "Via", "X-Powered-By", "Location", "cf-ray"))
    claims = dict.fromkeys(("iss", "aud", "azp", "client_id", "scope", "exp", "iat", "nbf", "sub", text), text)
    token = token_request(body=token_answer(access_token=jwt(**claims), id_token=jwt(**claims), scope=text))
    assert token.response
    members = {"redirect_uris": [text], "scope": text, "grant_types": text, "token_endpoint_auth_method": text}
    document = resource_document(prm(resource=text, authorization_servers=[text], scopes_supported=[text]))
    sendable = text.encode("utf-8", "replace").decode()
    trace = tflow(
        unauthenticated(challenge=f'Bearer resource_metadata="{text}", scope="{text}", error="{text}"'),
        Piece("resource_metadata", (document,)),
        Piece("server_metadata", (server_document(asm(issuer=text, scopes_supported=[text], keys=[{text: text}])),)),
        Piece("register", (registered(**members, client_id=text),)),
        authorized(**dict.fromkeys(("client_id", "redirect_uri", "code_challenge", "resource"), sendable)),
        Piece("callback", (came_back(iss=sendable, state=sendable),)),
        Piece(
            "token", (replace(token, response=replace(token.response, headers=(*token.response.headers, *headers))),)
        ),
        Piece("refresh", (refresh_request(status=400, body={"error": text}),), achieved=False, stopped="x"),
        **dict.fromkeys(("listener", "proxy", "certificates", "python", "redirect host"), text),
    )
    return replace(trace, settings={**trace.settings, "url": text})


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_stays_text_in_every_table(hostile: str) -> None:
    trace = flow_of(hostile)
    made = [TableView(table, Vault()) for table in tables_for(trace, FLOW)]
    assert len(made) == len(ALWAYS)
    for one in (*made, diagnose(trace)):
        display = render(one)
        assert read_markup(display["text/html"]).problems == []
        assert not any("\x1b" in content or "\u202e" in content for content in display.values())
        assert not any(line.startswith("[PASSED] 1. all") for line in display["text/plain"].splitlines())
        assert "could not be worked out" not in display["text/plain"]


def test_a_secret_that_is_echoed_everywhere_is_masked_in_every_table() -> None:
    secret = "kQ3vZ8xT1nB6mW4yR7pL"
    vault = Vault(b"key")
    vault.learn(secret, "access_token")
    trace = replace(flow_of(secret), vault=vault)
    trace = replace(trace, exchanges=tuple(replace(one, vault=vault) for one in trace.exchanges))
    for one in trace.exchanges:
        learn(one)
    texts = [str(table_value(made, vault)) for made in tables_for(trace, FLOW)]
    assert len(texts) == len(ALWAYS)
    assert_no_leak([*texts, *render(diagnose(trace)).values()], [secret])


def test_values_of_any_kind_trip_no_table() -> None:
    odd: list[Any] = [None, 5, True, [], {}, [[]], [None], {"a": [1]}, "", "x" * 5000, -1.5e300]
    for value in odd:
        document = dict.fromkeys(("resource", "authorization_servers", "scopes_supported", "keys"), value)
        server = dict.fromkeys(("issuer", "scopes_supported", "keys"), value)
        names = ("client_id", "redirect_uris", "scope", "grant_types", "token_endpoint_auth_method", "client_secret")
        claims = dict.fromkeys(("iss", "aud", "azp", "scope", "scp", "exp", "nbf", "iat", "client_id"), value)
        answer = {"access_token": jwt(**claims), "scope": value, "id_token": value, "refresh_token": value}
        trace = tflow(
            Piece("resource_metadata", (resource_document(document),)),
            Piece("server_metadata", (server_document(server),)),
            Piece("register", (registered(body=dict.fromkeys(names, value)),)),
            Piece("token", (token_request(body=answer),)),
            Piece("refresh", (refresh_request(status=200, body=PAGE),)),
            listener="x",
        )
        told = [note for name in ALWAYS if (made := table_of(trace, name)) for note in made.notes]
        assert not [note for note in told if "could not be worked out" in note], value


@pytest.fixture(scope="module")
def walked() -> Iterator[Debugger]:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow", protocol="2025-11-25")
        dbg.run(afterwards=True)
        dbg.well_known()
        yield dbg


class TestRealServer:
    def test_every_table_is_good_and_folded(self, walked: Debugger) -> None:
        tables = tables_for(walked.trace, FLOW)
        assert len(tables) == len(ALWAYS)
        assert not [table.title for table in tables if table.mark in ("bad", "warn")]
        report = walked.diagnose()
        display = render(report)
        flat = read_markup(display["text/html"]).words
        places = [flat.index(table.title.split(":")[0]) for table in tables]
        assert places == sorted(places)
        assert flat.index(WORKED_OUT) < places[0]
        assert "<details open" not in display["text/html"]
        assert WORKED_OUT.lower() in display["text/plain"]

    @pytest.mark.parametrize("name", TABLES)
    def test_every_table_by_itself_and_for_pandas(self, walked: Debugger, name: str) -> None:
        view = walked.table(name)
        frame = view.frame
        assert list(frame.columns) == list(view.table.columns)
        assert len(frame) == len(view.table.rows)
        assert read_markup(render(view)["text/html"]).problems == []

    def test_the_findings_have_a_frame_too(self, walked: Debugger) -> None:
        assert len(walked.diagnose().frame) == 0

    def test_no_secret_is_left_anywhere(self, walked: Debugger) -> None:
        tokens = walked.tokens
        assert tokens
        assert tokens.refresh_token
        assert_no_leak(shown(walked), [*walked.trace.vault.values(), tokens.access_token, tokens.refresh_token])


@pytest.mark.parametrize(
    ("fault", "table", "said"),
    [
        ("issuer-mismatch", "issuers", "issuer in the metadata differs at character 5:"),
        ("wrong-resource", "urls", "resource in the metadata differs at character"),
        ("wrong-state", "binding", "state returned: another"),
        ("code-expired", "lifetimes", "1 code redeemed once"),
        ("metadata-html", "answerers", "at http://127.0.0.1"),
        ("token-endpoint-502", "answerers", "an edge at http://127.0.0.1"),
    ],
)
def test_a_fault_is_marked_in_the_table_that_shows_it(fault: str, table: str, said: str) -> None:
    with DemoServer(fault) as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        made = dbg.table(table).table
    assert said in made.title
    assert made.mark == "bad"


@pytest.mark.parametrize("protocol", PROFILES)
def test_every_request_says_which_document_or_person_led_there(protocol: str) -> None:
    with DemoServer(require_resource=protocol != "2025-03-26") as server:
        dbg = Debugger(server.url, browser="follow", protocol=protocol)
        dbg.run()
        for step in AFTER:
            getattr(dbg, step)()
    assert {run.step for run in dbg.trace.runs} >= set(AFTER)
    assert [(one.step, one.why) for one in dbg.trace.exchanges if not SOURCES.search(one.why)] == []
