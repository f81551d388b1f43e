"""The matrix of clients as it is shown: hostile documents, secrets, saved evidence, pandas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factories import ASM_URL, Piece, asm, prm, resource_document, texchange, tflow, unauthenticated

from mcp_oauth_nb import BadSetting, Debugger, DemoServer, NotOurs, Trace, load, other_clients
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.peers import PEERS
from mcp_oauth_nb.peers.outlook import POINTS
from tests.evidence.test_save import secrets_of
from tests.foreign import foreign_har
from tests.leaks import assert_no_leak
from tests.markup import read_markup

from .test_displays import HOSTILE


def test_it_leads_with_who_gets_through_and_who_stops() -> None:
    wrong = Piece("resource_metadata", (resource_document(prm(resource="https://other.example/mcp")),))
    shown = render(other_clients(tflow(wrong)))
    first, second, *_ = shown["text/plain"].splitlines()
    assert first == "What other clients would do with https://mcp.example.com: 8 stop, 1 not known from this recording"
    assert second.startswith("  [STOPS] Python SDK 2.3.0  is it this resource?: resource is https://other.example/mcp")
    assert "OAuthFlowError: Protected resource https://other.example/mcp does not match" in second
    read = read_markup(shown["text/html"])
    assert read.problems == []
    assert first in read.words
    assert "client/auth.js selectResourceURL" in read.words
    assert "read 2026-11-21" in read.words


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_documents_stay_text(hostile: str) -> None:
    pieces = (
        unauthenticated(challenge=f'Bearer scope="{hostile.encode("utf-8", "replace").decode()}"'),
        Piece("resource_metadata", (resource_document(prm(resource=hostile, scopes_supported=[hostile])),)),
        Piece("server_metadata", (texchange("server_metadata", ASM_URL, 200, asm(issuer=hostile)),)),
    )
    found = other_clients(tflow(*pieces))
    shown = render(found)
    assert read_markup(shown["text/html"]).problems == []
    assert not any("\x1b" in text or "\u202e" in text for text in shown.values())
    assert not any(line.startswith("[PASSED]") for line in shown["text/plain"].splitlines())
    assert len(found.frame) == len(PEERS) * len(POINTS)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"resource": ' + b"9" * 6000 + b"}", b'{"issuer": 7}', b"\x00\xff"])
@pytest.mark.parametrize("url", ["https://mcp.example.com/mcp", "http://[::1/", "", "mcp"])
def test_nothing_that_a_server_sends_raises(body: bytes, url: str) -> None:
    pieces = (
        Piece("resource_metadata", (resource_document(body),)),
        Piece("server_metadata", (texchange("server_metadata", ASM_URL, 200, body),)),
    )
    assert len(other_clients(tflow(*pieces, url=url)).each) == len(PEERS)


def test_no_secret_is_shown_and_saved_evidence_says_the_same(tmp_path: Path) -> None:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        found = dbg.other_clients()
        secrets = secrets_of(server, dbg)
        texts = [*render(found).values(), repr(found), repr(found.each), found.frame.to_csv()]
        saved = dbg.save(tmp_path / "incident.json")
    assert_no_leak(texts, secrets)
    again = other_clients(str(saved))
    assert render(again)["text/plain"] == texts[0] or render(again)["text/plain"] in texts
    har = tmp_path / "their.har"
    har.write_text(json.dumps(foreign_har(dbg.trace)))
    assert [one.fate for one in other_clients(har).each] == [one.fate for one in found.each]
    assert_no_leak(render(other_clients(har)).values(), secrets)
    assert [one.fate for one in other_clients(dbg.diagnose()).each] == [one.fate for one in other_clients(dbg).each]
    assert len(other_clients(load(saved)).each) == len(PEERS)


@pytest.mark.parametrize("evidence", [None, 7, b"x", {"trace": 1}])
def test_what_is_no_evidence_is_refused(evidence: object) -> None:
    with pytest.raises(BadSetting, match="other_clients"):
        other_clients(evidence)


def test_a_file_without_evidence_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(NotOurs):
        other_clients(tmp_path / "x.json")
    with pytest.raises(BadSetting):
        other_clients(tmp_path / "missing.json")


def test_a_trace_without_anything_is_no_reason_to_fail() -> None:
    assert "9 not known from this recording" in render(other_clients(Trace()))["text/plain"]
