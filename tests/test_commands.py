"""Grants, keys and tools from a shell: what is sent, how it ends, and that no secret is left anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from joserfc import jwk
from keys import JWK

from mcp_oauth_nb import DemoServer
from tests.leaks import assert_no_leak

PEM = jwk.import_key(JWK).as_pem(private=True).decode()
SECRET = "s3cr3t-of-a-user-0123456789"
ID_TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLWlk"


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


class Login:
    """One login with everything it wrote, searched for secrets."""

    def __init__(self, server: DemoServer, folder: Path, *more: str, secrets: tuple[str, ...] = (), **env: str) -> None:
        self.exchanges, report = folder / "all.json", folder / "report.txt"
        before = len(server.log)
        self.done = run("login", server.url, *more, "--debug-out", str(self.exchanges), "--format", "json", **env)
        assert self.done.returncode in (0, 1, 3), self.done.stderr
        self.told = json.loads(self.done.stdout)
        self.seen = server.log[before:]
        again = run("login", server.url, *more, "--debug-out", str(report), **env)
        texts = [self.done.stdout, self.done.stderr, again.stdout, again.stderr]
        issued = server.secrets_issued() - {server.confidential_client.client_secret}
        assert_no_leak([*texts, self.exchanges.read_text(), report.read_text()], {*secrets, *issued})

    @property
    def code(self) -> int:
        return self.done.returncode

    def form(self, path: str) -> set[str]:
        """The names of the members of the last form that was sent there."""
        return set(next(one for one in reversed(self.seen) if one.path == path).form_names)


class TestGrants:
    @pytest.mark.parametrize("mode", [("--auth-mode", "client_credentials"), ("--grant", "client_credentials")])
    def test_client_credentials(self, server: DemoServer, tmp_path: Path, mode: tuple[str, ...]) -> None:
        client = server.confidential_client
        given = (*mode, "--client-id", client.client_id, "--client-secret-env", "MY_SECRET", "--verify-tools")
        found = Login(server, tmp_path, *given, secrets=(client.client_secret,), MY_SECRET=client.client_secret)
        assert found.code == 0, found.told
        assert list(found.told["steps"])[-2:] == ["token", "mcp"]
        assert "authorize" not in found.told["steps"]
        assert "grant_type" in found.form("/token")

    def test_a_private_key(self, server: DemoServer, tmp_path: Path) -> None:
        key = tmp_path / "key.pem"
        key.write_text(PEM)
        given = (
            "--auth-mode",
            "client_credentials",
            "--client-id",
            "demo-confidential",
            "--private-key-file",
            str(key),
        )
        found = Login(server, tmp_path, *given, secrets=(JWK["d"], PEM))
        assert found.code == 1, "the demo server knows no keys"
        assert found.told["failing_step"] == "token"
        assert {"client_assertion", "client_assertion_type"} <= found.form("/token")

    def test_an_assertion(self, server: DemoServer, tmp_path: Path) -> None:
        given = ("--grant", "jwt_bearer", "--client-id", "demo-public", "--assertion-env", "MY_JWT")
        found = Login(server, tmp_path, *given, secrets=(ID_TOKEN,), MY_JWT=ID_TOKEN)
        assert (found.code, found.told["failing_step"]) == (1, "token")
        assert "assertion" in found.form("/token")

    def test_an_identity_provider(self, server: DemoServer, tmp_path: Path) -> None:
        given = ("--grant", "enterprise", "--client-id", "demo-public", "--idp-client-id", "us")
        given += (
            "--id-token-env",
            "IDT",
            "--idp-token-endpoint",
            f"{server.issuer}/token",
            "--idp-client-secret-env",
            "IDS",
        )
        found = Login(server, tmp_path, *given, secrets=(ID_TOKEN, SECRET), IDT=ID_TOKEN, IDS=SECRET)
        assert (found.code, found.told["failing_step"]) == (1, "token")
        assert {"subject_token", "requested_token_type"} <= found.form("/token")

    def test_dpop(self, server: DemoServer, tmp_path: Path) -> None:
        found = Login(server, tmp_path, "--auth-mode", "headless", "--dpop")
        assert found.told["steps"]["token"] in ("passed", "warned")
        asked = next(one for one in reversed(found.seen) if one.path == "/token")
        assert "dpop" in asked.header_names

    def test_dpop_with_an_algorithm(self, server: DemoServer, tmp_path: Path) -> None:
        found = Login(server, tmp_path, "--auth-mode", "headless", "--dpop-algorithm", "EdDSA")
        asked = json.loads(found.exchanges.read_text())
        assert found.told["steps"]["token"] in ("passed", "warned")
        assert any("DPoP" in dict(one["request"]["headers"]) for one in asked)

    def test_a_way_to_authenticate(self, server: DemoServer, tmp_path: Path) -> None:
        found = Login(server, tmp_path, "--auth-mode", "headless", "--client-auth-method", "client_secret_post")
        assert found.code == 0
        assert "client_secret" in found.form("/token")


class TestOtherOptions:
    def test_a_tool_with_arguments(self, server: DemoServer, tmp_path: Path) -> None:
        given = ("--verify-call-tool", "add", "--tool-arguments", '{"a": 2, "b": 40}')
        found = Login(server, tmp_path, "--auth-mode", "headless", *given)
        assert found.code == 0
        last = json.loads(found.exchanges.read_text())[-1]
        assert json.loads(last["request"]["body"])["params"]["arguments"] == {"a": 2, "b": 40}
        assert '"42"' in last["response"]["body"]

    @pytest.mark.parametrize("given", [("nosuch",), ("add", "--tool-arguments", '{"a": "x"}')])
    def test_a_tool_that_fails_fails_the_login(
        self, server: DemoServer, tmp_path: Path, given: tuple[str, ...]
    ) -> None:
        found = Login(server, tmp_path, "--auth-mode", "headless", "--verify-call-tool", *given)
        assert (found.code, found.told["status"], found.told["failing_step"]) == (1, "failed", "mcp")
        assert found.told["findings"][0]["rule"] == "tool-failed"

    @pytest.mark.parametrize("protocol", ["2025-11-25", "2026-07-28"])
    def test_a_tool_that_wants_a_person_leaves_the_login_incomplete(self, server, tmp_path, protocol: str) -> None:
        given = ("--auth-mode", "headless", "--protocol", protocol, "--verify-call-tool", "connect")
        found = Login(server, tmp_path, *given)
        assert (found.code, found.told["status"], found.told["steps"]["mcp"]) == (3, "incomplete", "needs you")
        assert found.told["findings"][0]["who"] == "user"

    def test_an_authorization_server_by_name(self, server: DemoServer, tmp_path: Path) -> None:
        headless = ("--auth-mode", "headless", "--authorization-server")
        assert Login(server, tmp_path, *headless, server.issuer).code == 0
        found = Login(server, tmp_path, *headless, "https://unknown.example")
        assert (found.code, found.told["failing_step"]) == (1, "server_metadata")

    def test_a_registration_that_is_not_open_to_everybody(self, server: DemoServer, tmp_path: Path) -> None:
        given = ("--initial-access-token-env", "IAT", "--software-statement-env", "STATEMENT")
        found = Login(
            server,
            tmp_path,
            "--auth-mode",
            "headless",
            *given,
            secrets=(SECRET, ID_TOKEN),
            IAT=SECRET,
            STATEMENT=ID_TOKEN,
        )
        asked = next(one for one in reversed(found.seen) if one.path == "/register")
        assert "authorization" in asked.header_names
        assert found.told["steps"]["register"] in ("passed", "warned", "failed")

    def test_a_client_metadata_document(self, server: DemoServer, tmp_path: Path) -> None:
        given = ("--registration", "cimd", "--client-metadata-url", "https://app.example/client.json")
        found = Login(server, tmp_path, "--auth-mode", "headless", *given)
        assert found.told["steps"]["register"] in ("passed", "warned", "failed")
        assert not [one for one in found.seen if one.path == "/register"]


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("--auth-mode", "client_credentials"),
            ("--auth-mode", "client_credentials", "--grant", "jwt_bearer", "--client-id", "x"),
            ("--auth-mode", "nobody"),
            ("--grant", "password"),
            ("--grant", "client_credentials", "--client-id", "public"),
            ("--grant", "jwt_bearer", "--client-id", "x"),
            ("--grant", "jwt_bearer", "--client-id", "x", "--assertion-env", "NOT_SET"),
            ("--grant", "enterprise", "--client-id", "x"),
            ("--grant", "enterprise", "--client-id", "x", "--idp-client-id", "us"),
            ("--assertion-env", "PATH"),
            ("--private-key-file", "/nowhere.pem", "--client-id", "x"),
            ("--private-key-file", __file__),
            ("--private-key-file", __file__, "--client-id", "x"),
            ("--private-key-file", __file__, "--client-id", "x", "--private-key-algorithm", "none"),
            ("--client-metadata-url", "http://app.example/c.json"),
            ("--initial-access-token-env", "NOT_SET"),
            ("--tool-arguments", "{}"),
            ("--verify-call-tool", "echo", "--tool-arguments", "{"),
            ("--verify-call-tool", "echo", "--tool-arguments", "[1]"),
        ],
    )
    def test_is_told_in_few_words_and_sends_nothing(self, arguments: tuple[str, ...]) -> None:
        done = run("login", "https://h.example/mcp", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert done.stderr

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--assertion", SECRET),
            (f"--assertion={SECRET}",),
            ("--private-key", SECRET),
            ("--id-token", SECRET),
            ("--access-token", SECRET),
            ("--assertion-env", SECRET, "--grant", "jwt_bearer", "--client-id", "x"),
            ("--client-secret-env", SECRET, "--client-id", "x"),
            ("--private-key-file", SECRET, "--client-id", "x"),
            ("--initial-access-token-env", SECRET),
            ("--verify-call-tool", "echo", "--tool-arguments", SECRET),
            ("--verify-call-tool", "echo", "--tool-arguments", f'["{SECRET}"]'),
        ],
    )
    def test_a_secret_as_an_argument_is_not_taken_and_not_repeated(self, arguments: tuple[str, ...]) -> None:
        done = run("login", "https://h.example/mcp", *arguments)
        assert done.returncode == 2
        assert_no_leak([done.stdout, done.stderr], [SECRET])
