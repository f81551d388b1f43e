"""The scripts: they run, they repeat what was sent, they hold no secret, and nothing hostile in them is executed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from leaks import assert_no_leak
from steps.flows import ISSUER, REDIRECT, URL

from mcp_oauth_nb import Client, Debugger, NotYet
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.evidence.bash import joined, quoted, variable_name
from mcp_oauth_nb.evidence.curl import curl_script
from mcp_oauth_nb.records import Exchange, Request, Response, Run, Trace
from mcp_oauth_nb.steps import AFTERWARDS, ROUTE
from mcp_oauth_nb.wire.learning import LearningVault

TOOLS = ("bash", "curl", "jq", "openssl")
BASH = shutil.which("bash") or "bash"
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]
pytestmark = pytest.mark.skipif(
    bool(MISSING) and os.environ.get("CI") != "true", reason=f"needs {', '.join(MISSING)}; in CI that is a failure"
)
RUN_S = 60

HOSTILE = [
    "'; touch PWNED; '",
    '"; touch PWNED; "',
    "$(touch PWNED)",
    "`touch PWNED`",
    "\n touch PWNED\n",
    "\r\ntouch PWNED\r\n",
    "x\x1b[2J\x1b]0;PWNED\x07",
    "\\'; touch PWNED #",
    "$'\\x27; touch PWNED'",
    "!!; touch PWNED",
    "${IFS}touch${IFS}PWNED",
    "; touch PWNED;",
    "& touch PWNED &",
    "| touch PWNED",
    "\u202etouch PWNED",
    "a\0b",
    "\ud800",
    "@/etc/passwd",
    "-o/tmp/PWNED",
    "--config=/etc/passwd",
    "{a,b}[1-3]",
    "$'",
    "'",
    "\\",
    "",
]


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


def bash(script: str, folder: Path, *, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script where it can do no harm and only sees what it is given."""
    usual = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    path = folder / "script.sh"
    path.write_text(script)
    return subprocess.run(
        [BASH, path.name],
        cwd=folder,
        env=usual | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )


def parses(script: str, folder: Path) -> None:
    path = folder / "script.sh"
    path.write_text(script)
    checked = subprocess.run([BASH, "-n", str(path)], capture_output=True, text=True, timeout=RUN_S, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def with_a_person(script: str, folder: Path, **environment: str) -> tuple[int, str, str]:
    """Run the whole script; the test is the browser: it takes the printed URL, follows it and hands in the code."""
    usual = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    path, said = folder / "script.sh", folder / "stderr"
    path.write_text(script)
    lines: list[str] = []
    with said.open("w") as errors:
        running = subprocess.Popen(
            [BASH, str(path)],
            cwd=folder,
            env=usual | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            for line in running.stdout:
                lines.append(line)
                if line.startswith(("http://", "https://")):
                    running.stdin.write(code_of(line.strip()) + "\n")
                    running.stdin.flush()
            status = running.wait(RUN_S)
        finally:
            running.kill()
            running.stdin.close()
            running.stdout.close()
            running.wait()
    return status, "".join(lines), said.read_text()


def code_of(url: str) -> str:
    with httpx.Client(trust_env=False, timeout=10) as client:
        while "code=" not in httpx.URL(url).query.decode():
            url = client.get(url).headers["location"]
    return httpx.URL(url).params["code"]


class TestReally:
    def test_a_public_client(self, server: DemoServer, tmp_path: Path) -> None:
        dbg = Debugger(
            server.url, protocol="2025-11-25", browser="follow", tool=("echo", {"text": 'it\'s $HOME `x` "y"'})
        )
        assert dbg.run(afterwards=True).status == "passed"
        assert dbg.mcp("tools/call", {"name": "echo", "arguments": {"text": "once more"}}).status == "failed"
        script = str(dbg.curl())
        parses(script, tmp_path)
        before = server.secrets_issued()
        seen = len(server.log)
        status, out, err = with_a_person(script, tmp_path)
        assert (status, err) == (0, "")
        assert 'it\'s $HOME `x` \\"y\\"' in out
        again = [(one.method, one.path, one.status) for one in server.log[seen:]]
        first = [(x.request.method, httpx.URL(x.request.url).path, x.status) for x in dbg.exchanges if x.response]
        assert again == first
        assert_no_leak([script], before)
        assert_no_leak([out], server.secrets_issued() - before)

    def test_a_confidential_client(self, server: DemoServer, tmp_path: Path) -> None:
        demo = server.confidential_client
        dbg = Debugger(
            server.url,
            protocol="2025-11-25",
            client=Client(demo.client_id, secret=demo.client_secret),
            browser="follow",
        )
        assert dbg.run(afterwards=True).status == "passed"
        script = str(dbg.curl())
        assert_no_leak([script], server.secrets_issued())
        without = bash(script, tmp_path)
        assert without.returncode != 0
        assert "set CLIENT_SECRET in the environment" in without.stderr
        status, _, err = with_a_person(script, tmp_path, CLIENT_SECRET=demo.client_secret)
        assert (status, err) == (0, "")

    def test_an_own_token_and_a_key(self, server: DemoServer, tmp_path: Path) -> None:
        first = Debugger(server.url, protocol="2025-11-25", browser="follow")
        first.run()
        token = first._flow.tokens.access_token
        dbg = Debugger(server.url, protocol="2025-11-25", access_token=token, headers={"X-Api-Key": "key-0123456789"})
        dbg.run()
        script = str(dbg.curl())
        assert_no_leak([script], [token, "key-0123456789"])
        needs = {"ACCESS_TOKEN": token, "X_API_KEY": "key-0123456789"}
        done = bash(script, tmp_path, **needs)
        assert (done.returncode, done.stderr) == (0, "")
        assert "echo" in done.stdout
        assert "set ACCESS_TOKEN" in bash(script, tmp_path, X_API_KEY="x").stderr

    def test_one_step_pasted_alone(self, server: DemoServer, tmp_path: Path) -> None:
        dbg = Debugger(server.url, protocol="2025-11-25", browser="follow")
        dbg.run(afterwards=True)
        for name in ("challenge", "resource_metadata", "server_metadata", "register"):
            done = bash(str(dbg.curl(name)), tmp_path)
            assert done.returncode == 0, done.stderr
            assert done.stdout.startswith("HTTP/1.1 ")
        unset = bash(str(dbg.curl("token")), tmp_path)
        assert unset.returncode != 0
        assert "AUTH_CODE" in unset.stderr
        refused = bash(str(dbg.curl("token")), tmp_path, AUTH_CODE="x", CODE_VERIFIER="y" * 43)
        assert refused.stdout.startswith("HTTP/1.1 400 ")
        assert "invalid_grant" in refused.stdout
        link = bash(str(dbg.curl("authorize")), tmp_path).stdout.splitlines()[-1]
        assert code_of(link)

    def test_a_failing_flow_is_repeated_as_far_as_it_went(self, server: DemoServer, tmp_path: Path) -> None:
        server.break_with("registration-refused")
        dbg = Debugger(server.url, protocol="2025-11-25", browser="follow")
        dbg.run()
        status, out, err = with_a_person(str(dbg.curl()), tmp_path)
        assert (status, err) == (0, "")
        assert "403" in out

    def test_an_answer_without_a_token_ends_the_script(self, server: DemoServer, tmp_path: Path) -> None:
        dbg = Debugger(server.url, protocol="2025-11-25", browser="follow")
        dbg.run()
        script = str(dbg.curl())
        server.break_with("token-endpoint-502")
        status, _, err = with_a_person(script, tmp_path)
        assert status != 0
        assert "the answer holds no access_token" in err


class TestContent:
    @pytest.fixture
    def dbg(self, server: DemoServer) -> Debugger:
        made = Debugger(server.url, protocol="2025-11-25", browser="follow")
        made.run(afterwards=True)
        return made

    def test_each_token_request_uses_its_own_variable(self, dbg: Debugger) -> None:
        script = str(dbg.curl())
        section = {part.split()[0]: part for part in script.split("\n# -- ")[1:]}
        assert '"refresh_token=${REFRESH_TOKEN}"' in section["refresh"]
        assert '"refresh_token=${OLD_REFRESH_TOKEN}"' in section["replay"]
        assert '"token=${REFRESH_TOKEN}"' in section["revoke"]
        assert '"token=${ACCESS_TOKEN}"' in section["revoke"]
        assert '"Authorization: Bearer ${ACCESS_TOKEN}"' in section["mcp"]
        assert '"Mcp-Session-Id: ${SESSION_ID}"' in section["mcp"]
        assert '--url "${TOKEN_ENDPOINT}"' in section["token"]
        assert "${OLD_REFRESH_TOKEN}" not in section["refresh"]

    def test_no_line_is_repeated_for_show(self, dbg: Debugger) -> None:
        lines = str(dbg.curl()).splitlines()
        assert [line for line in lines if len(line) > 60 and lines.count(line) > 4] == []

    def test_every_step_is_there_and_parses(self, dbg: Debugger, tmp_path: Path) -> None:
        script = str(dbg.curl())
        assert re.findall(r"^# -- (\w+) ", script, re.MULTILINE) == list(ROUTE + AFTERWARDS)
        parses(script, tmp_path)
        for name in ROUTE + AFTERWARDS:
            parses(str(dbg.curl(name)), tmp_path)

    def test_no_secret_in_any(self, dbg: Debugger, server: DemoServer) -> None:
        scripts = [str(dbg.curl()), *(str(dbg.curl(name)) for name in ROUTE + AFTERWARDS)]
        flow = dbg._flow
        extra = {flow.pkce.verifier, flow.authorization.state, flow.session.id}
        assert_no_leak(scripts, server.secrets_issued() | extra)

    def test_what_the_user_changed_is_in_it(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, protocol="2025-11-25", browser="follow")
        dbg.run()
        dbg.authorize()
        dbg.callback()
        dbg.token(form={"resource": "https://other.example/mcp", "code_verifier": "w" * 43, "x": "it's"})
        script = str(dbg.curl("token"))
        assert "'resource=https://other.example/mcp'" in script
        assert "EDITED_CODE_VERIFIER" in script
        assert "w" * 43 not in script
        assert r"'x=it'\''s'" in script

    def test_needs_a_run(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, protocol="2025-11-25")
        with pytest.raises(NotYet, match=r"dbg\.run\(\)"):
            dbg.curl()
        with pytest.raises(NotYet, match=r"dbg\.token\(\)"):
            dbg.curl("token")


def trace_of(hostile: str) -> Trace:
    """A flow in which everything that a server can choose is hostile."""
    vault = LearningVault()
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    document = dict.fromkeys(("token_endpoint", "registration_endpoint"), f"{ISSUER}/{hostile}")
    document["authorization_endpoint"] = f"{ISSUER}/a{hostile}"
    made: list[tuple[str, Request, Any]] = [
        ("challenge", Request("POST", URL, (("Accept", hostile), ("X-H", f"x{hostile}")), b'{"a":1}'), None),
        ("resource_metadata", Request("GET", f"https://mcp.example/{hostile}"), {"resource": hostile}),
        ("server_metadata", Request("GET", hostile), document),
        ("register", Request("POST", f"{ISSUER}/{hostile}", (), _raw(hostile)), {"client_id": hostile}),
        ("pkce", None, None),
        (
            "authorize",
            Request("GET", f"{ISSUER}/a{hostile}?client_id={hostile}&{hostile}={hostile}&resource={hostile}"),
            None,
        ),
        ("callback", Request("GET", f"{REDIRECT}?code=the-code-1234&state={hostile}"), None),
        (
            "token",
            Request(
                "POST",
                f"{ISSUER}/{hostile}",
                form,
                f"code=the-code-1234&a={hostile}&resource={hostile}".encode("utf-8", "replace"),
            ),
            {"access_token": f"token-{hostile}-12345678", "refresh_token": hostile},
        ),
        (
            "mcp",
            Request("POST", URL, (("Authorization", f"Bearer token-{hostile}-12345678"), ("Mcp-Session-Id", hostile))),
            None,
        ),
        ("call", Request("POST", URL, (), _raw(f'{{"text":{json.dumps(hostile)}}}')), None),
    ]
    exchanges, runs = [], []
    for step, request, body in made:
        ids = ()
        if request is not None:
            ids = (len(exchanges) + 1,)
            raw = b"" if body is None else json.dumps(body).encode()
            direction = "in" if step == "callback" else "out"
            answer = None if direction == "in" else Response(200, "", (), raw)
            exchange = Exchange(ids[0], step, request, answer, direction=direction, vault=vault)
            vault.note(exchange)
            exchanges.append(exchange)
        runs.append(Run(step, ids, achieved=True))
    return Trace(tuple(exchanges), tuple(runs), {"url": URL, "redirect_uri": REDIRECT, "client_id": hostile}, vault)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "replace")


ANSWER = {"client_id": "c", "access_token": "a", "refresh_token": "r"}
ANSWER |= {"token_endpoint": "t", "registration_endpoint": "r", "authorization_endpoint": "-e"}
STUB = f"""#!/bin/bash
printf '%s\\0' "$#" "$@" >> "$RECORD"
printf %s '{json.dumps(ANSWER)}'
"""


class TestHostile:
    @pytest.mark.parametrize("hostile", HOSTILE)
    def test_nothing_is_executed(self, hostile: str, tmp_path: Path) -> None:
        """Whole script and single steps run with a curl that only records its arguments."""
        stub = tmp_path / "bin" / "curl"
        stub.parent.mkdir()
        stub.write_text(STUB)
        stub.chmod(0o700)
        record = tmp_path / "record"
        needs = dict.fromkeys("ACCESS_TOKEN REFRESH_TOKEN SESSION_ID AUTH_CODE STATE CLIENT_SECRET".split(), "given")
        path = f"{stub.parent}:{os.environ['PATH']}"
        trace = trace_of(hostile)
        scripts = [curl_script(trace), *(curl_script(trace, run.step) for run in trace.runs)]
        for script in scripts:
            script.encode()
            parses(script, tmp_path)
            variables = set(re.findall(r"\$\{(\w+):\?", script)) | set(needs)
            environment = dict.fromkeys(variables, "given") | {"PATH": path, "RECORD": str(record)}
            bash(script, tmp_path, stdin="the-code\n", **environment)
            assert not [one for one in tmp_path.rglob("*") if "PWNED" in one.name]
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", script), "nothing invisible in the text"
        assert record.exists()

    @pytest.mark.parametrize("hostile", [one for one in HOSTILE if "\0" not in one and "\ud800" not in one])
    def test_curl_is_handed_exactly_what_was_sent(self, hostile: str, tmp_path: Path) -> None:
        stub = tmp_path / "curl"
        stub.write_text(STUB)
        stub.chmod(0o700)
        record = tmp_path / "record"
        body = json.dumps({"text": hostile})
        headers = (("X-A", f"a{hostile}b"), ("Content-Type", "application/json"))
        exchange = Exchange(1, "challenge", Request("POST", f"https://x.example/{hostile}", headers, body.encode()))
        trace = Trace((exchange,), (Run("challenge", (1,), achieved=True),), {}, exchange.vault)
        path = f"{tmp_path}:{os.environ['PATH']}"
        done = bash(curl_script(trace, "challenge"), tmp_path, PATH=path, RECORD=str(record))
        assert done.returncode == 0, done.stderr
        arguments = record.read_bytes().decode().split("\0")[1:-1]
        assert arguments[arguments.index("--url") + 1] == f"https://x.example/{hostile}"
        assert arguments[arguments.index("-H") + 1] == f"X-A: a{hostile}b"
        assert arguments[arguments.index("--data-raw") + 1] == body
        assert {"-g", "--proto"} <= set(arguments)

    def test_a_public_value_that_looks_like_another_parameter(self, tmp_path: Path) -> None:
        """A client that is called ``code`` must not turn response_type=code into a variable."""
        url = f"{ISSUER}/authorize?response_type=code&client_id=code&resource=code"
        exchange = Exchange(1, "authorize", Request("GET", url))
        settings = {"client_id": "code", "redirect_uri": REDIRECT}
        trace = Trace((exchange,), (Run("authorize", (1,), achieved=True),), settings, exchange.vault)
        script = curl_script(trace)
        assert "add 'response_type' 'code'" in script
        assert "add 'client_id' \"${CLIENT_ID}\"" in script


class TestWords:
    @pytest.mark.parametrize("text", [*HOSTILE, "plain", "ünï ☕", "\x7f\x9b", "\u200b\u2028\ufeff", "'\x1b'", "\\n\n"])
    def test_a_word_means_its_text(self, text: str) -> None:
        expected = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
        for word in (quoted(text), joined([(text, False)]), joined([("${E-}", True), (text, False)])):
            assert "\n" not in word
            done = subprocess.run(
                [BASH, "-c", f"printf %s {word}"],
                capture_output=True,
                timeout=RUN_S,
                check=True,
                env={"LC_ALL": "C.UTF-8"},
            )
            assert done.stdout == expected.encode()

    @pytest.mark.parametrize(
        ("name", "variable"),
        [
            ("X-Api-Key", "X_API_KEY"),
            ("access_token", "ACCESS_TOKEN"),
            ("path", "SECRET_PATH"),
            ("IFS", "SECRET_IFS"),
            ("2nd-key", "SECRET_2ND_KEY"),
            ("é", "SECRET"),
            ("", "SECRET"),
            ("$(touch PWNED)", "SECRET_TOUCH_PWNED"),
        ],
    )
    def test_a_variable_is_a_name_and_no_shells_own(self, name: str, variable: str) -> None:
        assert variable_name(name) == variable

    def test_two_secrets_under_one_name_get_two_variables(self) -> None:
        vault = LearningVault()
        headers = (("X-Key", "first-secret-1"), ("x_key", "second-secret-2"))
        exchange = Exchange(1, "challenge", Request("GET", URL, headers), vault=vault)
        vault.learn("first-secret-1", "key")
        vault.learn("second-secret-2", "key")
        script = curl_script(Trace((exchange,), (Run("challenge", (1,)),), {}, vault), "challenge")
        assert '"X-Key: ${X_KEY:?}"' in script
        assert '"x_key: ${X_KEY_2:?}"' in script
        assert "secret-" not in script

    def test_basic_credentials_that_need_encoding(self, tmp_path: Path) -> None:
        headers = (("Authorization", "Basic YStiOnMlM0ElMkY="), ("X", ""))
        exchange = Exchange(1, "token", Request("POST", URL, headers), Response(200))
        vault = replace(exchange).vault
        script = curl_script(Trace((exchange,), (Run("token", (1,)),), {}, vault), "token")
        stub = tmp_path / "curl"
        stub.write_text(STUB)
        stub.chmod(0o700)
        path = f"{tmp_path}:{os.environ['PATH']}"
        bash(script, tmp_path, PATH=path, RECORD=str(tmp_path / "record"), CLIENT_SECRET="s:/")
        arguments = (tmp_path / "record").read_bytes().decode().split("\0")
        assert arguments[arguments.index("-u") + 1] == "a+b:s%3A%2F"
        assert "X;" in arguments
