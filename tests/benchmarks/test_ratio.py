"""What the package costs beside what it does: ratios of medians, measured in interleaved pairs.

Absolute times say something about the machine; a ratio of two things done in turn says something about the code.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.protocol.pkce import pkce_from

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

FLOW_RATIO, IMPORT_RATIO, DEBUGGER_RATIO = 1.25, 1.3, 1.7
FLOW_PAIRS, IMPORT_PAIRS, WARM_UP = 80, 15, 10
REDIRECT = "http://127.0.0.1:8765/callback"
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


class Bare:
    """The same requests in the same order with one kept `httpx.Client` and nothing else: no record, no check."""

    def __init__(self, server: DemoServer) -> None:
        self.http = httpx.Client(timeout=20, trust_env=False)
        self.url, self.issuer = server.url, server.issuer

    def rpc(self, number: int | None, method: str, params: dict | None, headers: dict) -> httpx.Response:
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        body = {name: value for name, value in message.items() if value is not None}
        return self.http.post(self.url, json=body, headers=ACCEPT | headers)

    def initialize(self, headers: dict) -> httpx.Response:
        info = {"name": "bare", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
        return self.rpc(1, "initialize", params, headers)

    def flow(self) -> list[int]:
        statuses = [self.initialize({}).status_code]
        published = self.http.get(f"{self.issuer}/.well-known/oauth-protected-resource/mcp")
        metadata = self.http.get(f"{self.issuer}/.well-known/oauth-authorization-server")
        known = metadata.json()
        made = self.http.post(
            known["registration_endpoint"],
            json={
                "client_name": "bare",
                "redirect_uris": [REDIRECT],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            },
        )
        client_id = made.json()["client_id"]
        pair = pkce_from(os.urandom(32))
        params = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT,
            "code_challenge": pair.challenge,
            "code_challenge_method": "S256",
            "state": os.urandom(16).hex(),
            "scope": "mcp:tools",
            "resource": self.url,
        }
        asked = self.http.get(known["authorization_endpoint"], params=params)
        consented = self.http.get(asked.headers["location"])
        form = {
            "grant_type": "authorization_code",
            "code": httpx.URL(consented.headers["location"]).params["code"],
            "redirect_uri": REDIRECT,
            "code_verifier": pair.verifier,
            "resource": self.url,
            "client_id": client_id,
        }
        token = self.http.post(known["token_endpoint"], data=form)
        headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        opened = self.initialize(headers)
        headers |= {"Mcp-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
        initialized = self.rpc(None, "notifications/initialized", None, headers)
        listed = self.rpc(2, "tools/list", {}, headers)
        answers = (published, metadata, made, asked, consented, token, opened, initialized, listed)
        return statuses + [answer.status_code for answer in answers]


def seconds(work) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def interleaved(ours, theirs, pairs: int) -> tuple[float, float, float]:
    """Medians of both and of the ratio of each pair; who goes first changes from pair to pair."""
    both: list[tuple[float, float]] = []
    for number in range(pairs):
        if number % 2:
            other = seconds(theirs)
            both.append((seconds(ours), other))
        else:
            both.append((seconds(ours), seconds(theirs)))
    middle = [statistics.median(column) for column in zip(*both, strict=True)]
    return middle[0], middle[1], statistics.median(one / other for one, other in both)


def test_a_flow_costs_little_more_than_its_requests(server: DemoServer, capsys: pytest.CaptureFixture[str]) -> None:
    bare = Bare(server)

    def ours() -> Debugger:
        dbg = Debugger(server.url, protocol="2025-11-25", browser="follow", step_timeout_s=20)
        dbg.run()
        return dbg

    assert [x.status for x in ours().exchanges if x.response] == bare.flow(), "both must do the same"
    for _ in range(WARM_UP):
        ours()
        bare.flow()
    mine, theirs, ratio = interleaved(ours, bare.flow, FLOW_PAIRS)
    bare.http.close()
    with capsys.disabled():
        sys.stdout.write(f"\n  flow: {mine * 1000:.1f} ms, bare httpx: {theirs * 1000:.1f} ms, ratio {ratio:.3f}")
    assert ratio <= FLOW_RATIO


def test_looking_at_the_report_is_paid_once(server: DemoServer, capsys: pytest.CaptureFixture[str]) -> None:
    """What `run` leaves for later must not cost more than the run itself."""
    runs, looks = [], []
    for _ in range(FLOW_PAIRS // 4):
        dbg = Debugger(server.url, protocol="2025-11-25", browser="follow", step_timeout_s=20)
        runs.append(seconds(dbg.run))
        looks.append(seconds(lambda dbg=dbg: dbg.diagnose()._repr_mimebundle_()))
    ratio = statistics.median(look / run for look, run in zip(looks, runs, strict=True))
    with capsys.disabled():
        sys.stdout.write(f"\n  report: {statistics.median(looks) * 1000:.1f} ms, beside the flow {ratio:.2f}")
    assert ratio <= 3


def test_an_import_costs_little_more_than_httpx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With bytecode cached, as an installed package has it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)

    def running(code: str) -> float:
        # Without a time limit: waiting with one looks every 50 ms only, and says so much too much.
        return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True, env=environment))

    bare, package, debugger = "import httpx", "import mcp_oauth_nb", "from mcp_oauth_nb import Debugger"
    for code, bound in ((package, IMPORT_RATIO), (debugger, DEBUGGER_RATIO)):
        running(code)
        running(bare)
        mine, theirs, ratio = interleaved(partial(running, code), partial(running, bare), IMPORT_PAIRS)
        with capsys.disabled():
            sys.stdout.write(f"\n  {code}: {mine * 1000:.0f} ms, httpx: {theirs * 1000:.0f} ms, ratio {ratio:.3f}")
        assert ratio <= bound
