"""What is predicted of mcp-remote, against the program on npm, run in Node.js up to where it would open the browser."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest
from recorder import Recorder

from mcp_oauth_nb import DemoServer, other_clients
from tests.conformance.node import end_group, node, packages

from .staged import recorded

HERE = Path(__file__).parent
RUN_S = 40
WAITS, FATAL = "Please authorize this client", "Fatal error: "
FAULTS = (None, "wrong-resource", "no-resource-metadata", "no-server-metadata", "metadata-html", "issuer-mismatch",
          "metadata-issuer-with-slash", "no-s256", "registration-not-offered")  # fmt: skip

pytestmark = [pytest.mark.oidc, pytest.mark.timeout(120)]


@pytest.mark.parametrize("fault", FAULTS)
def test_it_sends_what_was_predicted_and_stops_where_it_was_predicted(fault: str | None, tmp_path: Path) -> None:
    with DemoServer(fault) as server, Recorder(server.url) as recorder:
        expected = other_clients(recorded(recorder.url))["mcp-remote"]
        before = len(recorder.asked)
        error = told_by(recorder.url, tmp_path)
        sent = [f"{one.method} {recorder.origin}{one.target}" for one in recorder.asked[before:]]
    own = sent.index(f"POST {recorder.url}")
    assert sent[0] == f"GET {recorder.url}", "it looks around by itself first"
    walked = [f"{one.method} {one.url}" for one in expected.asked]
    registered = bool(walked) and walked[-1].startswith("POST ")  # behind that it may look for the metadata once more
    assert sent[own + 1 :][: len(walked) if registered else None] == walked
    message = expected.stop.message if expected.stop and expected.stop.point != "iss" else ""
    if message.startswith("SyntaxError"):
        assert error.startswith("SyntaxError: ")
    else:
        assert error == message


def told_by(url: str, home: Path) -> str:
    """The error with which it ends; empty where it asks for the authorization."""
    program = packages(HERE / "npm") / "mcp-remote" / "dist" / "client.js"
    quiet = {"HOME": str(home), "MCP_REMOTE_CONFIG_DIR": str(home), "PATH": str(home)}  # no browser is found there
    process = subprocess.Popen(
        [node(), str(program), url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **quiet},
        start_new_session=True,
        text=True,
        errors="replace",
    )
    watchdog = threading.Timer(RUN_S, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if FATAL in line:
                return line.partition(FATAL)[2].rstrip("\n")
            if WAITS in line:
                return ""
        raise AssertionError("it ended without a word")
    finally:
        watchdog.cancel()
        end_group(process)
        process.stdout.close()
