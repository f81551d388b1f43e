"""A session as a file: complete, valid, whole or not at all, without a secret, and read back as it was."""

from __future__ import annotations

import base64
import builtins
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import pytest
from factories import NOON, ttrace
from jsonschema import Draft202012Validator
from leaks import assert_no_leak, shown
from test_saved_faults import raw, tables, told

from mcp_oauth_nb import BadSetting, Client, Debugger, NotOurs, Trace, diagnose, load
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.evidence.document import MIME, SCHEMA, document_of, from_json, schema, to_json
from mcp_oauth_nb.evidence.notebook import notebook
from mcp_oauth_nb.evidence.pages import pages
from mcp_oauth_nb.evidence.save import KINDS, markdown
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.records import Exchange, Request, Response, Run
from mcp_oauth_nb.vault import TAG, Vault

HEADER_KEY = "key-Zt81LmQw0aVb73Xe"
QUERY_KEY = "Ux72hdPq91LsKe04Tz"


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


@pytest.fixture(scope="module")
def dbg(server: DemoServer) -> Debugger:
    """A healthy run with everything that comes afterwards, with secrets of the user's own."""
    demo = server.confidential_client
    made = Debugger(
        f"{server.url}?api_key={QUERY_KEY}",
        resource=server.url,
        client=Client(demo.client_id, secret=demo.client_secret),
        headers={"X-Tenant-Key": HEADER_KEY},
        browser="follow",
    )
    made.run(afterwards=True)
    made.introspect()
    return made


def secrets_of(server: DemoServer, dbg: Debugger) -> set[str]:
    found = {HEADER_KEY, QUERY_KEY, *server.secrets_issued(), *dbg.trace.vault.values()}
    return {one for one in found if len(one) >= 12}


class TestFiles:
    @pytest.mark.parametrize("kind", KINDS)
    def test_no_file_holds_a_secret(self, dbg: Debugger, server: DemoServer, tmp_path: Path, kind: str) -> None:
        path = dbg.save(tmp_path / f"incident{kind}")
        assert path.stat().st_mode & 0o077 == 0
        assert_no_leak([path.read_text()], secrets_of(server, dbg))
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("kind", [".json", ".ipynb"])
    def test_what_was_saved_is_read_back(self, dbg: Debugger, server: DemoServer, tmp_path: Path, kind: str) -> None:
        loaded = load(str(dbg.save(tmp_path / f"incident{kind}")))
        live, again = dbg.diagnose(), diagnose(loaded)
        assert list(told(again)) == list(told(live))
        assert again.verdict.outcomes == live.verdict.outcomes
        assert tables(loaded) == tables(dbg.trace)
        assert [one.step for one in loaded.exchanges] == [one.step for one in dbg.exchanges]
        assert [one.started for one in loaded.exchanges] == [one.started for one in dbg.exchanges]
        assert_no_leak([raw(loaded)], secrets_of(server, dbg))

    def test_a_loaded_trace_is_shown_under_the_same_tags(self, dbg: Debugger, tmp_path: Path) -> None:
        loaded = load(dbg.save(tmp_path / "incident.json"))
        for live, one in zip(dbg.exchanges, loaded.exchanges, strict=True):
            assert TAG.findall(render(one)["text/plain"]) == TAG.findall(render(live)["text/plain"])

    def test_saved_again_it_says_the_same(self, dbg: Debugger) -> None:
        first = document_of(dbg.trace, now=NOON)
        second = document_of(from_json(json.dumps(first)), now=NOON)
        assert {**second, "secrets": 0} == {**first, "secrets": 0}
        assert second["secrets"].keys() == first["secrets"].keys()

    def test_the_notebook_is_valid_and_complete(self, dbg: Debugger, tmp_path: Path) -> None:
        made = nbformat.read(dbg.save(tmp_path / "incident.ipynb"), as_version=4)
        nbformat.validate(made)
        headings = [cell.source for cell in made.cells if cell.cell_type == "markdown"]
        assert headings[:3] == ["# Evidence of an authorization", "## Verdict", "## Settings and versions"]
        assert sum(one.startswith("## Step: ") for one in headings) == len(dbg.trace.runs)
        assert sum(one.startswith("## Derived: ") for one in headings) == len(tables(dbg.trace))
        for cell in (cell for cell in made.cells if cell.cell_type == "code"):
            (output,) = cell.outputs
            assert {"text/plain", MIME} & output.data.keys()
            compile(cell.source, cell.id, "exec")
        assert made.cells[-1].outputs[0].data[MIME]["format"] == MIME

    def test_the_code_of_the_notebook_shows_it_again(
        self, dbg: Debugger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = nbformat.read(dbg.save(tmp_path / "incident.ipynb"), as_version=4)
        monkeypatch.chdir(tmp_path)
        names: dict[str, Any] = {}
        for cell in (cell for cell in made.cells if cell.cell_type == "code"):
            before, _, last = cell.source.rpartition("\n")
            exec(before, names)
            value = eval(last, names)
            if "written" not in cell.outputs[0].data["text/plain"]:
                assert value._repr_mimebundle_()["text/plain"] == cell.outputs[0].data["text/plain"]

    def test_the_page_loads_and_runs_nothing(self, dbg: Debugger, tmp_path: Path) -> None:
        page = dbg.save(tmp_path / "incident.html").read_text()
        assert re.findall(r"(?i)<(?:script|link|iframe|object|embed|img)\b|\bon\w+=|\bsrc=", page) == []
        assert "Settings and versions" in page

    def test_without_nbconvert_the_call_that_mends_it_is_told(
        self, dbg: Debugger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = builtins.__import__

        def missing(name: str, *rest: Any, **more: Any) -> Any:
            if name.startswith("nbconvert"):
                raise ImportError(name)
            return real(name, *rest, **more)

        monkeypatch.setattr(builtins, "__import__", missing)
        with pytest.raises(BadSetting, match="pip install"):
            dbg.save(tmp_path / "incident.html")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("path", ["incident", "incident.txt", "incident.har.zip", "", 5, None])
    def test_another_kind_of_file_is_refused(self, dbg: Debugger, path: Any) -> None:
        with pytest.raises(BadSetting, match=r"save\(path\)"):
            dbg.save(path)

    def test_what_cannot_be_written_leaves_the_old_file(self, dbg: Debugger, tmp_path: Path) -> None:
        with pytest.raises(BadSetting):
            dbg.save(tmp_path / "nowhere" / "incident.json")
        (tmp_path / "taken.json").mkdir()
        with pytest.raises(BadSetting):
            dbg.save(tmp_path / "taken.json")
        assert [one.name for one in tmp_path.iterdir()] == ["taken.json"]

    def test_markdown_is_not_broken_out_of(self) -> None:
        page = Response(200, "OK", (("Content-Type", "text/html"),), b"```\n# Injected\n~~~\n````")
        made = ttrace()
        sent = Exchange(1, "challenge", Request("POST", "https://mcp.example.com/mcp"), page, vault=made.vault)
        trace = replace(made, exchanges=(sent,), runs=(Run("challenge", (1,), True),))
        text = markdown(pages(diagnose(trace), "incident.md"))
        fence = ""
        for line in text.splitlines():
            if re.fullmatch("`{3,}text", line) and not fence:
                fence = line.removesuffix("text")
            elif line == fence:
                fence = ""
            assert fence or not line.startswith("# ") or line == "# Evidence of an authorization"
        assert fence == ""


MARKED = {
    "access_token": "marked-Access-5Jq82LzXw0",
    "refresh_token": "marked-Refresh-71KdPq93Ab",
    "client_secret": "marked/Secret+44==Zq%91:xy",
    "state": "marked-State-66RtYu20Op",
    "session": "marked-Session-58GhJk13Ty",
    "cookie": "marked-Cookie-92BnMq47Ws",
}
PERSON = "Ada Lovelace-Byron 1815"


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def nasty() -> Trace:
    """A server that echoes every secret in every place it has."""
    vault = Vault()
    jwt = f"{encoded({'alg': 'ES256'})}.{encoded({'iss': 'x', 'name': PERSON, **MARKED})}.c2lnbmF0dXJlLW9mLWl0"
    everything = {**MARKED, "jwt": jwt}
    echoes = "&".join(f"error_description={quote(quote(one))}" for one in everything.values())
    body = {
        **everything,
        "error_description": " ".join(everything.values()),
        "nested": json.dumps({"deep": json.dumps(everything)}),
        "base64": [base64.b64encode(f"..{one}..".encode()).decode() for one in everything.values()],
        "hex": [one.encode().hex() for one in everything.values()],
        **dict.fromkeys(everything.values(), 1),
    }
    basic = base64.b64encode(f"client:{quote(MARKED['client_secret'], safe='')}".encode()).decode()
    request = Request(
        "POST",
        "https://auth.example.com/token",
        (
            ("Authorization", f"Basic {basic}"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Cookie", f"sid={MARKED['cookie']}"),
            ("Mcp-Session-Id", MARKED["session"]),
        ),
        f"grant_type=refresh_token&refresh_token={MARKED['refresh_token']}&state={MARKED['state']}".encode(),
    )
    headers = (
        ("Content-Type", "application/json"),
        ("Set-Cookie", f"sid={MARKED['cookie']}; Path=/{MARKED['session']}"),
        ("Location", f"https://else.example/cb?{echoes}#access_token={MARKED['access_token']}"),
        ("WWW-Authenticate", f'Bearer error="invalid_token", error_description="{MARKED["refresh_token"]}"'),
        ("X-Echo", " ".join(everything.values())),
    )
    answers = (
        Response(400, MARKED["state"], headers, json.dumps(body).encode()),
        Response(200, "OK", (("Content-Type", "text/html"),), f"<p title='{jwt}'>{body}</p>".encode() + b"\xff\xfe"),
    )
    exchanges = tuple(
        Exchange(number, "token", request, answer, started=NOON, vault=vault)
        for number, answer in enumerate(answers, 1)
    )
    learned = (("access_token", MARKED["access_token"]), ("scope", f"x {MARKED['refresh_token']}"))
    run = Run("token", (1, 2), achieved=False, stopped=f"it said {MARKED['session']}", learned=learned)
    settings = {"url": f"https://mcp.example.com/mcp?api_key={MARKED['access_token']}", "protocol": "2025-11-25"}
    return Trace(exchanges, (run,), settings, vault)


class TestSecrets:
    @pytest.mark.parametrize(
        "written",
        [
            to_json,
            lambda trace: notebook(pages(diagnose(trace), "n.ipynb")),
            lambda trace: markdown(pages(diagnose(trace), "n.md")),
            lambda trace: raw(from_json(to_json(trace))),
            lambda trace: repr(from_json(to_json(trace)).vault.values()),
        ],
        ids=["json", "notebook", "markdown", "loaded", "loaded vault"],
    )
    def test_nothing_echoed_is_written(self, written: Callable[[Trace], str]) -> None:
        text = written(nasty())
        assert_no_leak([text], [*MARKED.values(), PERSON])
        for secret in MARKED.values():
            pieces = {secret[at : at + 12] for at in range(len(secret) - 11)}
            assert not [piece for piece in pieces if piece in text]

    def test_what_was_equal_stays_equal(self) -> None:
        live, loaded = nasty(), from_json(to_json(nasty()))
        document = loaded.exchanges[0].document
        assert document is not None
        assert f"sid={document['cookie']}" == loaded.exchanges[0].request.header("cookie")
        assert document["session"] == loaded.exchanges[0].request.header("mcp-session-id")
        sent = base64.b64decode((loaded.exchanges[0].request.header("authorization") or "").split(" ")[1]).decode()
        assert sent == f"client:{quote(document['client_secret'], safe='')}"
        assert {name: len(str(document[name])) for name in MARKED} == {name: len(MARKED[name]) for name in MARKED}
        assert json.loads(json.loads(document["nested"])["deep"])["state"] == document["state"]
        assert next(told(diagnose(loaded))) == next(told(diagnose(live)))

    def test_a_forged_tag_is_text(self) -> None:
        forged = "‹access_token#abcdef 43 chars›"
        answer = Response(200, "OK", (("Content-Type", "text/plain"),), forged.encode())
        sent = Exchange(1, "challenge", Request("POST", "https://mcp.example.com/mcp"), answer)
        document = document_of(Trace((sent,), (), {}, sent.vault))
        assert document["secrets"] == {}
        assert from_json(json.dumps(document)).exchanges[0].response == answer

    def test_what_the_debugger_shows_later_is_still_masked(self, dbg: Debugger, server: DemoServer) -> None:
        to_json(dbg.trace)
        assert_no_leak(shown(dbg), secrets_of(server, dbg))


class TestForeignFiles:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "nothing, it is empty"),
            (b"not json", "a text of another kind"),
            (b"\xff\xfe", "nothing, it is empty"),
            (b"{not json", "it is not JSON"),
            (b"{\xff\xfe", "it is not UTF-8"),
            (b"[]", "a list"),
            (b"{}", "a JSON object of another kind"),
            (b'{"log": {"version": "1.2"}}', "a JSON object of another kind"),
            (b'{"nbformat": 4, "cells": []}', "a notebook without"),
            (b'{"nbformat": 4, "cells": [{"outputs": [{"data": {"text/plain": ""}}, 5]}, null]}', "a notebook without"),
            (json.dumps({"format": MIME, "version": 99}).encode(), "another version"),
            (json.dumps({"format": MIME, "version": 2}).encode(), r"version \(2\).* version 1 .*pip install -U"),
            (
                json.dumps({"format": MIME, "version": "2"}).encode(),
                r"another version\. .* of its schema\.",
            ),
            (json.dumps({"format": MIME, "version": 1}).encode(), "breaks its schema"),
            (json.dumps({"nbformat": 4, "cells": [{"outputs": [{"data": {MIME: []}}]}]}).encode(), "a list"),
        ],
    )
    def test_what_is_no_evidence_is_told(self, tmp_path: Path, content: bytes, said: str) -> None:
        path = tmp_path / "foreign.json"
        path.write_bytes(content)
        with pytest.raises(NotOurs, match=said) as caught:
            load(path)
        assert "foreign.json" in str(caught.value)
        assert "Expected" in str(caught.value)

    @pytest.mark.parametrize(
        "changed",
        [
            lambda one: one["exchanges"][0].update(id=7),
            lambda one: one["exchanges"].pop(0),
            lambda one: one["runs"][0].update(exchanges=[99]),
            lambda one: one["exchanges"][0].pop("request"),
            lambda one: one["runs"][0].update(step="of a later version"),
            lambda one: one["exchanges"][0]["request"].update(body=5),
            lambda one: one["secrets"].update({"no tag": {"parts": [], "known": True}}),
            lambda one: next(iter(one["secrets"].values())).update(sha256=""),
            lambda one: next(iter(one["secrets"].values())).update(parts=[{"shape": "x{1}"}]),
        ],
    )
    def test_broken_evidence_is_told(self, changed: Callable[[Any], object]) -> None:
        document = document_of(nasty())
        changed(document)
        with pytest.raises(NotOurs):
            from_json(json.dumps(document))

    def test_a_tag_inside_itself_ends(self) -> None:
        document = document_of(nasty())
        tag, facts = next(iter(document["secrets"].items()))
        facts["parts"] = [{"json": {"alg": tag}, "length": 9}, {"shape": "x{99999999}", "letters": []}]
        assert len(from_json(json.dumps(document)).exchanges) == 2

    @pytest.mark.parametrize("path", [5, None, b"incident.json", "nowhere/incident.json", "."])
    def test_what_cannot_be_read_is_told(self, path: Any) -> None:
        with pytest.raises(BadSetting, match=r"load\(path\)"):
            load(path)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())
    assert SCHEMA.read_text().endswith("}\n")
