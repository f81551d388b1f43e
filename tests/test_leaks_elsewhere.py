"""No secret leaves by the side doors: comparisons, replays, recordings, plain OAuth 2.0, foreign files, commands.

The searches and the servers are those of `test_leaks`; what is searched here is what is made of a session afterwards,
or without a session of our own.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from artefacts import texts_of
from curled import STATE as CURL_STATE
from curled import VERIFIER as CURL_VERIFIER
from curled import Curl
from echoing import Echoing, echoing
from foreign import foreign_har
from leaks import assert_no_leak, shown
from marks import Marks, marked
from plain_server import CLIENT_SECRET, PASSWORD, USER_CODE, PlainServer
from test_leaks import OWN, secrets_of, walked
from test_oauth2 import API_KEY, GRANTS, NONCE, VERIFIER, made

from mcp_oauth_nb import (
    Debugger,
    check,
    compare,
    diagnose,
    load,
    other_clients,
    practice,
    record,
    replay,
    support,
    unattended,
)
from mcp_oauth_nb.__main__ import main
from mcp_oauth_nb.evidence.har import har_of
from mcp_oauth_nb.facts import table_of
from mcp_oauth_nb.facts.table import TABLES
from mcp_oauth_nb.keeping.tokens import TokenList
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.views.tables import TableView

RECORDED = Path(__file__).parent / "data" / "recorded"
PASSPHRASE = "a passphrase of the two of us"


@pytest.fixture(scope="module")
def session() -> Iterator[tuple[Echoing, Debugger]]:
    """One session with an echoing server, of which everything else is made."""
    with echoing() as server:
        yield server, walked(server, {"initial_access_token": OWN["initial access token"]})


def search(secrets: dict[str, str], texts: Iterable[str]) -> None:
    named = [(f"text {at}", text) for at, text in enumerate(texts)]
    assert named
    Marks(secrets).assert_none(named)


def told_of(trace: Trace, folder: Path) -> Iterator[str]:
    """What is made of a trace alone, wherever it comes from."""
    report = diagnose(trace)
    tables = [TableView(made, trace.vault) for name in TABLES if (made := table_of(trace, name)) is not None]
    yield from texts_of([trace, report, *trace.exchanges, *trace.runs, *report.findings, *tables])
    yield from texts_of([other_clients(trace), support(trace)])
    yield support(trace, hosts=False).text
    yield har_of(trace, folder / "made.har").text
    yield (folder / "made.har").read_text()


# --- what is made of sessions -----------------------------------------------------------------------------------------


def test_runs_side_by_side(session: tuple[Echoing, Debugger], tmp_path: Path) -> None:
    server, dbg = session
    other = dbg.again(scope="other", same_tags=True)
    other.run()
    file = dbg.save(tmp_path / "old.json")
    with pytest.raises(Exception, match="given anew") as refused:
        replay(file)
    again = [replay(dbg, go_on=False)]
    varied = dbg.vary("token", until="token", form={"audience": [OWN["user token"], None]})
    compared = [compare(dbg, other), compare(dbg, file), again[0].comparison]
    things = [*compared, varied, *(one for each in compared for one in each.differences)]
    # A file holds no secret, so that nothing can tell that a server says one of it in a later run.
    early = {name: one for name, one in secrets_of(server, dbg).items() if one in set(dbg.trace.vault.values())}
    search(early, [str(refused.value), *texts_of(things)])


def test_kept_tokens(session: tuple[Echoing, Debugger], tmp_path: Path) -> None:
    server, dbg = session
    tokens = TokenList()
    kept = tokens.add("mine", dbg)
    pasted = tokens.add("pasted", OWN["user token"], auto_refresh=False)
    notes = [tokens.share("mine", tmp_path / "shared", PASSPHRASE, with_refresh=True), tokens.unshare("mine")]
    for use in (kept.refresh, kept.introspect, kept.revoke):  # what the server says of other flows' secrets is no news
        use()
    taken = TokenList().take(tmp_path / "shared", PASSPHRASE)
    things = [tokens, kept, pasted, taken, kept.details, kept.kept, tokens.auth, kept.auth, kept.flow, *notes]
    things.append(tokens.delete("mine"))
    found = {**secrets_of(server, dbg), "passphrase": PASSPHRASE}
    search(found, [*texts_of(things), (tmp_path / "shared").read_text()])


# --- what others did ------------------------------------------------------------------------------------------------


def by_hand(http: httpx.Client, url: str, note: object) -> None:
    """A flow as somebody types it with httpx; every answer is an echo."""
    said = http.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "initialize"})
    assert said.status_code == 401
    metadata = http.get(f"{url.removesuffix('/mcp')}/.well-known/oauth-authorization-server").json()
    back = "http://127.0.0.1:9/callback"
    client = http.post(metadata["registration_endpoint"], json={"redirect_uris": [back]}).json()
    asked = {"response_type": "code", "client_id": client["client_id"], "redirect_uri": back, "state": marked("state")}
    went = http.get(metadata["authorization_endpoint"], params=asked)
    note(str(went.request.url), went.headers["Location"])
    code = parse_qs(urlsplit(went.headers["Location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": marked("verifier")}
    token = http.post(metadata["token_endpoint"], data=form, auth=(client["client_id"], client["client_secret"])).json()
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    http.post(url, json={"jsonrpc": "2.0", "id": 2, "method": "tools/list"}, headers=bearer)


def test_a_recording(tmp_path: Path) -> None:
    with echoing() as server, httpx.Client() as http, record(http) as recording:
        by_hand(http, server.url, lambda link, back: (recording.authorization(link), recording.redirect(back)))
        files = [recording.save(tmp_path / f"recording{kind}") for kind in (".json", ".md")]
        texts = [*texts_of([recording]), *told_of(recording.trace, tmp_path), *(one.read_text() for one in files)]
        search(server.met, texts)
        assert all(check(one).clean for one in files)


def test_a_log_of_curl(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curl = Curl(tmp_path)
    with echoing() as server:
        curl.walk(server.url)
    (tmp_path / "flow.txt").write_text(curl.log, "utf-8", "surrogateescape")
    texts = [*told_of(load(tmp_path / "flow.txt"), tmp_path), *commands_on(tmp_path / "flow.txt", capsys)]
    typed = {CURL_STATE, CURL_VERIFIER}  # words, of which a fragment tells nothing
    search({name: one for name, one in server.met.items() if one not in typed}, texts)
    assert_no_leak(texts, typed)


def test_a_har_of_somebody_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a session without headers that only their owner knows to be secret: no file tells that."""
    file = tmp_path / "foreign.har"
    with echoing() as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run(afterwards=True)
    file.write_text(json.dumps(foreign_har(dbg.trace)))
    met = dict(server.met)
    del dbg
    gc.collect()
    search(met, [*told_of(load(file), tmp_path), *commands_on(file, capsys)])


_NAMED = re.compile(
    r'(?i)(?:\\*"(?:access_?token|refresh_?token|code_?verifier|authorization_?code|code|client_?secret|state)\\*"\s*:'
    r'\s*\\*"|[?&](?:code|state|code_verifier|refresh_token)=|Bearer )([\w.-]{12,})'
)


@pytest.mark.parametrize("name", ["mcp-remote-healthy.log", "mcp-remote-code-expired.log", "mcpjam-healthy.json",
                                  "mcpjam-token-rejected.json", "curl-http2.log"])  # fmt: skip
def test_logs_of_other_programs(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The recorded file with marks in the places of its secrets."""
    text = (RECORDED / name).read_text("utf-8", "surrogateescape")
    secrets = {one: marked(one) for one in _NAMED.findall(text)}
    for one, mark in secrets.items():
        text = text.replace(one, mark)
    file = tmp_path / name
    file.write_text(text, "utf-8", "surrogateescape")
    assert secrets
    search(secrets, [*told_of(load(file), tmp_path), *commands_on(file, capsys)])


def commands_on(file: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the commands say that read a file."""
    capsys.readouterr()
    for command in (["report"], ["report", "--json"], ["clients"], ["support"], ["support", "--no-hosts"]):
        main([command[0], str(file), *command[1:]])
    return list(capsys.readouterr())


def test_commands_on_what_was_saved(session: tuple[Echoing, Debugger], tmp_path: Path,
                                    capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    server, dbg = session
    search(secrets_of(server, dbg), commands_on(dbg.save(tmp_path / "incident.json"), capsys))


# --- without an MCP server, and without a person ----------------------------------------------------------------------


@pytest.mark.parametrize("grant", GRANTS)
def test_every_grant_of_plain_oauth(grant: str, tmp_path: Path) -> None:
    known = {"client secret": CLIENT_SECRET, "password": PASSWORD, "user code": USER_CODE, "verifier": VERIFIER,
             "key": API_KEY, "nonce": NONCE}  # fmt: skip
    with PlainServer() as server:
        oauth = made(server, grant)
        oauth.run(afterwards=True)
        oauth.request("GET", json={"token": VERIFIER}) if grant == "custom" else None
        kept = TokenList().add("mine", oauth)
        files = [oauth.save(tmp_path / f"plain{kind}") for kind in (".json", ".md")]
        texts = [*shown(oauth), *texts_of([oauth, oauth.diagnose(), oauth.config, kept, kept.details])]
        texts += [*(one.read_text() for one in files), *texts_of([diagnose(load(files[0]))])]
    search({**known, **{f"issued {at}": one for at, one in enumerate(server.issued)}}, texts)


def test_unattended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANT", OWN["tenant key"])
    with echoing() as server:
        monkeypatch.setenv("SERVER", f"{server.url}?api_key={OWN['api key']}")
        case = unattended.investigate(url_env="SERVER", headers_env={"X-Tenant-Key": "TENANT"})
    things = [case, case.report, *case.steps, *case.tables, case.provenance, case.evidence]
    search(secrets_of(server, case.dbg), [*texts_of(things), *case.notes])


@pytest.mark.parametrize("number", [1, 12])
def test_practice(number: int) -> None:
    one = practice.incident(number)
    texts = [*texts_of([one]), *texts_of([one.report, one.guess(step="token", who="client"), one.reveal()])]
    texts += texts_of([practice.score({number: one})])
    values = [value for value in one.dbg.trace.vault.values() if len(value) >= 36]
    assert values
    search({f"vault {at}": value[-24:] for at, value in enumerate(values)}, texts)  # they begin with a plain word


# --- secrets in odd places --------------------------------------------------------------------------------------------


def test_user_information_in_the_url(tmp_path: Path) -> None:
    word = marked("a password in the URL")
    with echoing() as server:
        dbg = Debugger(server.url.replace("//", f"//me:{word}@"), resource=server.url, browser="follow")
        dbg.run()
        files = [dbg.save(tmp_path / f"incident{kind}") for kind in (".json", ".md")]
        dbg.curl().save(tmp_path / "incident.sh")
        files.append(tmp_path / "incident.sh")
        texts = [*shown(dbg), *texts_of([dbg, dbg.diagnose(), dbg.config]), *(one.read_text() for one in files)]
    search({"password": word, **server.met}, texts)
