"""No secret leaves: a server says back whatever it meets in every way of writing, and everything that leaves is read.

Each secret is marked and told from all others. They are searched for as they are, URL-encoded, in base64 at its three
places, in hexadecimal digits, in capitals and small letters, and for fragments of twelve characters. What can still
leave is written down at the end, as what it is.
"""

from __future__ import annotations

import base64
import gc
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from echoing import ECHOES, Echoing, echoing
from keys import JWK
from leaks import shown
from marks import Marks, jwt, marked

from mcp_oauth_nb import Client, Debugger, FlowRunner, check, diagnose, load
from mcp_oauth_nb.__main__ import main
from mcp_oauth_nb.errors import McpOAuthError
from mcp_oauth_nb.evidence.save import KINDS
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.vault import TAG, Vault

OWN = {name: marked(name) for name in ("tenant key", "api key", "initial access token", "client secret", "user token")}
ASSERTION = jwt({"iss": "workload", "jti": marked("assertion")}, marked("signature"))
ODD_SECRET = 'Zq3/Lw0+Yd7=Rm5%Xb2"Vn Ke8&<w>'
"""A secret of which no character is safe in any format."""

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "registered": ({}, {"initial_access_token": OWN["initial access token"], "tool": "tell"}),
    "DPoP and JWT": ({"is_jwt": True, "confidential": False}, {"dpop": True}),
    "odd client secret": ({}, {"client": Client("me", secret=ODD_SECRET)}),
    "private key": ({}, {"client": Client("me", private_key=json.dumps(JWK)), "grant": "client_credentials"}),
    "assertion": ({}, {"client": Client("me", secret=OWN["client secret"]), "grant": "jwt_bearer",
                       "assertion": ASSERTION}),
    "token in hand": ({}, {"access_token": OWN["user token"], "tool": "tell"}),
    "refused registration": ({"fails_at": "register"}, {}),
    "refused by the user": ({"fails_at": "authorize"}, {}),
    **{f"refused token, {body}": ({"fails_at": "token", "body": body}, {})
       for body in ("gzip", "chunked", "cut", "utf-16", "html")},
    "failing tools": ({"fails_at": "mcp", "body": "html", "is_jwt": True}, {}),
}  # fmt: skip


def walked(server: Echoing, settings: dict[str, Any]) -> Debugger:
    """A debugger that went through all that this server lets it."""
    dbg = Debugger(
        f"{server.url}?api_key={OWN['api key']}",
        **{"resource": server.url, "browser": "follow", "headers": {"X-Tenant-Key": OWN["tenant key"]}, **settings},
    )
    dbg.run(afterwards="access_token" not in settings)  # a token in hand goes without the metadata that revoking needs
    if dbg.trace.runs[-1].achieved:
        dbg.mcp("tools/call", {"name": "tell", "arguments": {"token": OWN["user token"]}})
    return dbg


def secrets_of(server: Echoing, dbg: Debugger) -> dict[str, str]:
    """Every secret of the run; of proofs that were signed, the whole proof."""
    own = {**OWN, "private key": JWK["d"], "odd": ODD_SECRET}
    key = dbg._flow.settings.dpop_key
    if key is not None:
        own["dpop key"] = key._key.as_dict(private=True)["d"]
    return {**own, **server.met}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Iterator[tuple[Echoing, Debugger]]:
    made, settings = CASES[request.param]
    gc.collect()  # a session that is over must not be alive: its secrets would be searched for in every file
    with echoing(**made) as server:
        yield server, walked(server, settings)


def test_everything_that_is_shown(case: tuple[Echoing, Debugger]) -> None:
    server, dbg = case
    Marks(secrets_of(server, dbg)).assert_none((f"display {at}", text) for at, text in enumerate(shown(dbg)))


def test_every_file(case: tuple[Echoing, Debugger], tmp_path: Path) -> None:
    server, dbg = case
    every = len(dbg.trace.runs) > 9  # where the flow came to its end there is most to tell, in each kind of file
    files = [dbg.save(tmp_path / f"incident{kind}") for kind in (KINDS if every else (".json", ".md"))]
    dbg.har(tmp_path / "incident.har")
    dbg.curl().save(tmp_path / "incident.sh")
    files += [tmp_path / "incident.har", tmp_path / "incident.sh"]
    Marks(secrets_of(server, dbg)).assert_none((file.name, file.read_text()) for file in files)
    for file in files:
        assert check(file, dbg).clean, str(check(file, dbg))
    for kind in (".json", ".ipynb") if every else (".json",):
        loaded = load(tmp_path / f"incident{kind}")
        texts = [render(diagnose(loaded))["text/html"], repr([vars(one.request) for one in loaded.exchanges])]
        signatures = {name: one.rpartition(".")[2] for name, one in secrets_of(server, dbg).items()}
        Marks(signatures).assert_none((f"loaded {kind}", text) for text in texts)  # header and claims of a JWT are kept


def test_tags_are_equal_across_steps(case: tuple[Echoing, Debugger]) -> None:
    """One secret, one fingerprint: in the answer that brought it, in the request that sends it, in the echoes."""
    server, dbg = case
    vault = dbg.trace.vault
    text = "\n".join(render(one)["text/plain"] for one in dbg.exchanges)
    fingerprints: dict[str, set[str]] = {}
    for tag in set(TAG.findall(text)):
        value = vault.behind(tag)
        fingerprints.setdefault(value or tag, set()).add(tag.partition("#")[2])
    assert all(len(one) == 1 for one in fingerprints.values())
    met = [one for one in server.met.values() if one in fingerprints]
    assert met, "there must be secrets that are shown as tags"


def test_an_audit_and_what_it_writes(tmp_path: Path) -> None:
    with echoing() as server:
        dbg = walked(server, {})
        audit = dbg.audit(destructive=False)
        texts = [repr(audit), *render(audit).values(), audit.junit(), audit.sarif()]
        audit.junit(tmp_path / "a.xml")
        audit.sarif(tmp_path / "a.sarif")
        texts += [(tmp_path / "a.xml").read_text(), (tmp_path / "a.sarif").read_text()]
        Marks(secrets_of(server, dbg)).assert_none((f"audit {at}", text) for at, text in enumerate(texts))


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record) + repr(record.args))


def test_logs_at_their_most_talkative() -> None:
    kept, root = _Kept(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    try:
        with echoing(is_jwt=True) as server:
            dbg = walked(server, {})
    finally:
        root.removeHandler(kept)
        root.setLevel(level)
    Marks(secrets_of(server, dbg)).assert_none((f"record {at}", text) for at, text in enumerate(kept.texts))


def told(error: BaseException) -> str:
    """Everything that a traceback can show of our own frames, and the values in them."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(whole.format()) + "".join(getattr(error, "_render_traceback_", list)())


def test_what_errors_show() -> None:
    """Of every call with an argument that cannot work, where a secret is the argument."""
    secret, pem = marked("an argument"), f"-----BEGIN PRIVATE KEY-----\n{marked('pem')}\n-----END PRIVATE KEY-----"
    wrong: list[dict[str, Any]] = [
        {"headers": {"X-Key": f"{secret}\n"}},
        {"headers": {"X-Key": [secret, 5]}},
        {"client": secret},
        {"access_token": f"{secret}\n"},
        {"access_token": [secret]},
        {"scope": [secret]},
        {"grant": secret},
        {"protocol": secret},
        {"registration": secret},
        {"assertion": [secret], "grant": "jwt_bearer"},
        {"redirect_uri": f"ftp://{secret}"},
        {"tool": ("tell", secret)},
        {"verify": secret},
        {"initial_access_token": {secret: 1}},
    ]
    calls = [lambda more=more: Debugger("https://mcp.example.com/mcp", **more) for more in wrong]
    calls += [
        lambda: Debugger(f"ftp://user:{secret}@mcp.example.com/?api_key={secret}"),
        lambda: Debugger(f"http://[::1?api_key={secret}"),
        lambda: Client("me", private_key=pem),
        lambda: Client("", secret=secret),
        lambda: Client("me", secret=secret, auth_method="private_key_jwt"),
        lambda: load(f"/nowhere/{secret}"),
        lambda: load({secret: secret}),
        lambda: check(f"/nowhere/{secret}\0"),
    ]
    texts = []
    for call in calls:
        try:
            call()
        except (McpOAuthError, TypeError) as error:
            texts.append("".join(getattr(error, "_render_traceback_", list)()) or str(error))
    assert len(texts) > len(calls) // 2
    Marks({"argument": secret, "pem": marked("pem")}).assert_none(
        (f"error {at}", text) for at, text in enumerate(texts)
    )


def test_frames_of_a_session_show_no_secret(case: tuple[Echoing, Debugger], tmp_path: Path) -> None:
    """A traceback with all local values of all frames below the call: what a notebook extension may print."""
    server, dbg = case
    calls = [
        lambda: dbg.probe("nothing"),
        lambda: dbg.table("nothing"),
        lambda: dbg.curl("nothing"),
        lambda: dbg.save(tmp_path / "incident.txt"),
        lambda: dbg.save(tmp_path / "nowhere" / "incident.json"),
        lambda: dbg.har(tmp_path / "nowhere" / "incident.har"),
        lambda: dbg.mcp("tools/call", 5),
    ]
    texts = []
    for call in calls:
        with suppress(TypeError):
            try:
                call()
            except McpOAuthError as error:
                texts += [told(error), repr(error)]
    assert len(texts) >= 10
    Marks(secrets_of(server, dbg)).assert_none((f"error {at}", text) for at, text in enumerate(texts))


def test_what_widgets_keep() -> None:
    from ipywidgets.widgets import widget

    before = set(widget._instances)
    with echoing() as server:
        dbg = Debugger(server.url, browser="follow", headers={"X-Tenant-Key": OWN["tenant key"]})
        runner = FlowRunner(dbg)
        runner._make_widgets()
        dbg.run()
        states = [
            json.dumps(one.get_state(), default=repr) for key, one in widget._instances.items() if key not in before
        ]
        texts = [*states, repr(runner), *(str(runner._card(run.step)) for run in dbg.trace.runs)]
    assert states
    Marks(secrets_of(server, dbg)).assert_none((f"widget {at}", text) for at, text in enumerate(texts))


@pytest.mark.parametrize("fails_at", ["", "token"])
def test_what_commands_write(fails_at: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                             monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("INITIAL", OWN["initial access token"])
    met = dict(OWN)
    for form, suffix in (("text", "txt"), ("json", "json")):
        files = ["--debug-out", str(tmp_path / f"d.{suffix}"), "--curl-out", str(tmp_path / f"c-{suffix}.sh")]
        options = ["--auth-mode", "headless", "--initial-access-token-env", "INITIAL", "--format", form, *files]
        with echoing(fails_at) as server:
            main(["login", server.url, *options, "--verify-tools", "--verify-call-tool", "tell"])
        met |= {f"{form} {name}": one for name, one in server.met.items()}
    with echoing() as server:
        main(["request", "GET", f"{server.url}?api_key={OWN['api key']}"])
    met |= {f"request {name}": one for name, one in server.met.items()}
    with echoing() as server:
        main(["metadata", server.url, "--everywhere"])
    met |= {f"metadata {name}": one for name, one in server.met.items()}
    texts = [*capsys.readouterr(), *(file.read_text() for file in tmp_path.iterdir())]
    assert len(texts) == 6
    Marks(met).assert_none((f"text {at}", text) for at, text in enumerate(texts))


# --- what can still leave ---------------------------------------------------------------------------------------------

LIMITS = {
    "backwards": lambda one: one[::-1],
    "base64 of base64": lambda one: ECHOES["base64 at 0"](ECHOES["base64 at 0"](one)),
    "base64, capitals": lambda one: ECHOES["base64 at 0"](one).upper(),
    "spelled out": " ".join,
    "in pieces of eleven": lambda one: " / ".join(one[at : at + 11] for at in range(0, len(one), 11)),
    "hexadecimal, backwards": lambda one: one.encode().hex()[::-1],
    "character codes": lambda one: str(list(one.encode())),
    "pieces of eleven in markup": lambda one: "<b></b>".join(one[at : at + 11] for at in range(0, len(one), 11)),
    "small letters for capitals": str.swapcase,
    "base32": lambda one: base64.b32encode(one.encode()).decode(),
    "UTF-16 in hexadecimal": lambda one: one.encode("utf-16-le").hex(),
    "UTF-16 in base64": lambda one: base64.b64encode(one.encode("utf-16-le")).decode(),
    "quoted four times": lambda one: quote(quote(quote(ECHOES["quoted all through"](one)))),
}
"""Ways of writing that are not looked through. A server that wants to give a secret away can always make up another."""


@pytest.mark.parametrize("way", LIMITS)
def test_the_limits_are_as_they_are_written_down(way: str) -> None:
    vault, secret = Vault(), marked("a limit")
    vault.learn(secret, "token")
    assert mask_text(vault, LIMITS[way](secret)) == LIMITS[way](secret)


@pytest.mark.parametrize("way", ECHOES)
def test_every_other_way_is_looked_through(way: str) -> None:
    vault, secret = Vault(), marked("no limit")
    vault.learn(secret, "token")
    Marks({"it": secret}).assert_none([(way, mask_text(vault, f"<{ECHOES[way](secret)}>"))])
