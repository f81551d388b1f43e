"""The command line, as a shell runs it: exit codes, what is printed, and what is written."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import httpx
import pytest

from mcp_oauth_nb import DemoServer
from mcp_oauth_nb.__main__ import main
from tests.leaks import assert_no_leak

HEAVY = ("httpx", "pandas", "nbformat", "ipywidgets", "mcp", "IPython")
SECRET = "s3cr3t-of-a-user-0123456789"


@pytest.fixture(scope="module")
def server():
    with DemoServer() as made:
        yield made


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mcp_oauth_nb", *arguments]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr
    return done


def login(server: DemoServer, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("login", server.url, "--auth-mode", "headless", *more, **environment)


class TestLogin:
    def test_passes_and_leaves_no_secret_anywhere_but_where_it_was_asked_for(self, server, tmp_path: Path) -> None:
        files = {name: tmp_path / name for name in ("report.txt", "all.json", "run.sh", "credentials.json")}
        outputs = ("--curl-out", str(files["run.sh"]), "--credentials-out", str(files["credentials.json"]))
        first = login(server, "--verify-tools", *outputs, "--debug-out", str(files["report.txt"]))
        second = login(server, "--verify-call-tool", "echo", "--debug-out", str(files["all.json"]), "--format", "json")
        assert first.returncode == 0, first.stderr
        assert first.stdout.startswith("[PASSED] all 9 steps\n")
        assert "[passed] token" in first.stderr
        secrets = server.secrets_issued() - {server.confidential_client.client_secret}
        public = [file.read_text() for name, file in files.items() if name != "credentials.json"]
        assert_no_leak([first.stdout, first.stderr, second.stdout, second.stderr, *public], secrets)
        assert json.loads(second.stdout)["steps"]["token"] == "passed"
        assert "echo" in files["all.json"].read_text()
        assert [one["id"] for one in json.loads(files["all.json"].read_text())][:2] == [1, 2]
        written = json.loads(files["credentials.json"].read_text())
        assert {written["access_token"], written["refresh_token"]} <= secrets
        assert written["issuer"] == server.issuer
        assert written["resource"] == server.url
        for file in files.values():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert sorted(tmp_path.iterdir()) == sorted(files.values()), "nothing unfinished is left"

    def test_a_file_that_others_may_read_is_replaced(self, server, tmp_path: Path) -> None:
        file = tmp_path / "c.json"
        file.write_text("old")
        file.chmod(0o644)
        assert login(server, "--credentials-out", str(file)).returncode == 0
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_the_flow_ends_with_the_token_unless_more_is_asked_for(self, server) -> None:
        done = login(server, "--format", "json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["status"], list(told["steps"])[-1]) == (0, "passed", "token")

    def test_fails(self) -> None:
        with DemoServer("no-s256") as broken:
            done = login(broken, "--format", "json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["status"], told["cause"]["rule"]) == (1, "failed", "s256-not-advertised")

    def test_is_incomplete_without_a_person(self, server) -> None:
        done = run("login", server.url, "--callback-timeout", "200")
        assert done.returncode == 3
        assert f"{server.issuer}/authorize?" in done.stderr
        assert "/authorize?" not in done.stdout

    def test_a_person_opens_the_link(self, server) -> None:
        command = [sys.executable, "-m", "mcp_oauth_nb", "login", server.url, "--verify-tools"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            for line in process.stderr:
                if "/authorize?" in line:
                    urllib.request.urlopen(line.strip(), timeout=20).close()
                    break
            assert process.wait(60) == 0
            assert process.stdout.read().startswith("[PASSED]")
            process.stderr.read()

    def test_a_redirect_that_cannot_be_listened_for_needs_a_terminal(self, server) -> None:
        done = run("login", server.url, "--redirect-url", "com.example.app:/cb", "--allow-remote-redirect")
        assert done.returncode == 3
        assert "not on this machine" in done.stderr
        with socket.create_server(("127.0.0.1", 0)) as taken:
            uri = f"http://127.0.0.1:{taken.getsockname()[1]}/cb"
            done = run("login", server.url, "--redirect-url", uri)
        assert done.returncode == 3
        assert "cannot be listened" in done.stderr
        assert "no terminal" in done.stderr

    def test_pasted_until_it_can_be_a_redirect(self, server, monkeypatch, capsys) -> None:
        pasted = iter(["", "garbage without anything"])

        def paste(_: str) -> str:
            link = re.findall(r"\S+/authorize\?\S+", shown.append(capsys.readouterr().err) or "".join(shown))[0]
            return next(pasted, None) or _redirect(link)

        shown: list[str] = []
        monkeypatch.setattr("mcp_oauth_nb.commands.login.prompt", paste)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            uri = f"http://127.0.0.1:{taken.getsockname()[1]}/cb"
            assert main(["login", server.url, "--redirect-url", uri]) == 0

    def test_a_client_of_the_users(self, server) -> None:
        client = server.confidential_client
        given = ("--registration", "preregistered", "--client-id", client.client_id, "--client-secret-env", "MY_SECRET")
        done = login(server, *given, MY_SECRET=client.client_secret)
        assert done.returncode == 0, done.stdout
        assert_no_leak([done.stdout, done.stderr], [client.client_secret])

    def test_a_redirect_elsewhere_is_followed_in_this_process(self, server) -> None:
        done = login(server, "--redirect-url", "https://app.example/cb", "--allow-remote-redirect")
        assert done.returncode == 0, done.stdout

    def test_headers_and_settings(self, server) -> None:
        given = ("--header", "X-Tenant: blue", "--header-env", "X-Api-Key: MY_KEY", "--scopes", "mcp:tools")
        done = login(server, *given, "--step-timeout", "20000", "--protocol", "2025-11-25", MY_KEY=SECRET)
        assert done.returncode == 0, done.stdout
        assert_no_leak([done.stdout, done.stderr], [SECRET])


def _redirect(link: str) -> str:
    """Where a browser ends that opens the link and cannot reach the redirect URI."""
    with httpx.Client(timeout=20) as browser:
        answer = browser.get(link)
        while "code=" not in answer.headers["location"]:
            answer = browser.get(answer.headers["location"])
        return answer.headers["location"]


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("login",),
            ("login", "mcp.example"),
            ("login", "https://h/", "--registration", "magic"),
            ("login", "https://h/", "--protocol", "1999-01-01"),
            ("login", "https://h/", "--registration", "preregistered"),
            ("login", "https://h/", "--client-secret-env", "NOT_SET"),
            ("login", "https://h/", "--client-id", "x", "--client-secret-env", "NOT_SET"),
            ("login", "https://h/", "--redirect-url", "https://app.example/cb"),
            ("login", "https://h/", "--step-timeout", "0"),
            ("login", "https://h/", "--step-timeout", "soon"),
            ("login", "https://h/", "--header", "no colon"),
            ("login", "https://h/", "--header-env", "X: NOT_SET"),
            ("login", "https://h/", "--allow-host", "http://x"),
            ("login", "https://h/", "--ca", "/nowhere.pem"),
            ("login", "https://h/", "--credentials-out", "/nowhere/at/all.json"),
            ("login", "https://h/", "--registration", "cimd"),
            ("login", "https://h/", "--client-auth-method", "none", "--client-id", "x"),
            ("login", "https://h/", "--client-auth-method", "private_key_jwt"),
            ("login", "https://h/", "--header", "a b: c"),
            ("metadata", "nothing"),
            ("request", "GET", "https://h/", "--header", "a b: c"),
            ("request", "G T", "https://h/"),
            ("demo", "--fault", "no-such-fault"),
            ("demo", "--port", "99999"),
        ],
    )
    def test_is_told_in_one_line_and_sends_nothing(self, arguments: tuple[str, ...]) -> None:
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr

    @pytest.mark.parametrize(
        ("more", "told"),
        [
            (("--redirect-url", "app.x:/cb"), "--redirect-url: .* --allow-remote-redirect takes it"),
            (
                ("--registration", "cimd"),
                "--client-metadata-url: .* for --registration cimd. Give --client-metadata-url",
            ),
            (("--grant", "client_credentials"), "--client-id: .* Give --client-id ID"),
            (("--grant", "jwt_bearer", "--client-id", "x"), "--assertion-env: got none .* --grant jwt_bearer"),
            (("--grant", "enterprise", "--client-id", "x"), "--idp-token-endpoint: got none .* --id-token-env with"),
            (("--private-key-file", __file__, "--client-id", "x"), "--private-key-file: got text that is none"),
            (("--ca", "/nowhere.pem"), "--ca: got"),
            (("--header", "a b: c"), "--header: got a name with ' ' in it"),
            (("--allow-host", "http://x"), "--allow-host: got"),
        ],
    )
    def test_is_told_in_the_options_that_were_typed(self, more: tuple[str, ...], told: str, capsys) -> None:
        assert main(["login", "https://h/", *more]) == 2
        line = capsys.readouterr().err
        assert re.match(f"mcp-oauth-nb: {told}", line), line
        assert not re.search(r"\w+=|Debugger\(|Client\(|getpass|dbg\.", line), line

    @pytest.mark.parametrize(
        "more",
        [("--client-secret", SECRET), (f"--client-secret={SECRET}",), ("--header", f"Authorization: Bearer {SECRET}")],
    )
    def test_a_secret_as_an_argument_is_not_taken_and_not_repeated(self, more: tuple[str, ...]) -> None:
        done = run("login", "https://h/", *more)
        assert done.returncode == 2
        assert_no_leak([done.stdout, done.stderr], [SECRET])


class TestOneRequest:
    def test_metadata(self, server, capsys) -> None:
        url = f"{server.issuer}/.well-known/oauth-authorization-server"
        assert main(["metadata", url]) == 0
        assert "authorization_endpoint" in capsys.readouterr().out
        assert main(["metadata", url, "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["exchanges"][0]["response"]["status"] == 200
        assert main(["metadata", server.url]) == 1

    def test_request(self, server, capsys, monkeypatch) -> None:
        monkeypatch.setenv("MY_TOKEN", f"Bearer {SECRET}")
        given = ["--header-env", "Authorization: MY_TOKEN", "--body", "{}", "--format", "json"]
        assert main(["request", "POST", server.url, *given]) == 0
        out = capsys.readouterr().out
        assert json.loads(out)[0]["response"]["status"] == 401
        assert_no_leak([out], [SECRET])
        assert main(["request", "GET", "http://127.0.0.1:1/"]) == 1


def test_demo_runs_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "mcp_oauth_nb", "demo", "--fault", "no-s256"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/mcp", url)
        assert run("login", url, "--auth-mode", "headless").returncode == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert "stopped" in process.stderr.read()


def test_demo_tells_how_a_fault_shows_that_does_not_by_itself() -> None:
    command = [sys.executable, "-m", "mcp_oauth_nb", "demo", "--fault", "no-code-challenge"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stderr.readline()
        assert process.stderr.readline().startswith("it shows with dbg.authorize(params={'code_challenge': None")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_importing_it_is_light() -> None:
    code = f"import sys, mcp_oauth_nb.__main__; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class TestAudit:
    def test_passes_and_writes_what_machines_read(self, server, tmp_path: Path) -> None:
        junit, sarif = tmp_path / "audit.xml", tmp_path / "audit.sarif"
        done = run("audit", server.url, "--junit", str(junit), "--sarif", str(sarif), "--format", "json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["status"], told["score"]) == ("passed", 100)
        assert 'name="code-works-twice"' in junit.read_text()
        assert json.loads(sarif.read_text())["version"] == "2.1.0"
        assert stat.S_IMODE(junit.stat().st_mode) == stat.S_IMODE(sarif.stat().st_mode) == 0o600
        assert_no_leak([done.stdout, done.stderr, junit.read_text(), sarif.read_text()], server.secrets_issued())

    def test_fails_where_a_must_is_broken(self, capsys) -> None:
        with DemoServer("any-verifier-redeems") as broken:
            assert main(["audit", broken.url, "--not-destructive"]) == 1
        assert "[FAILED] wrong-verifier-accepted (MUST TK-15)" in capsys.readouterr().out

    def test_is_incomplete_where_no_defence_was_tested(self, server, capsys) -> None:
        assert main(["audit", server.url, "--only", "wrong_audience"]) == 3
        assert "no score" in capsys.readouterr().out

    def test_a_usage_that_cannot_work(self, server, capsys, tmp_path: Path) -> None:
        assert main(["audit", server.url, "--only", "nothing"]) == 2
        assert main(["audit", server.url, "--auth-mode", "interactive"]) == 2
        assert main(["audit", server.url, "--junit", str(tmp_path / "nowhere" / "audit.xml")]) == 2
        assert "file to write" in capsys.readouterr().err
