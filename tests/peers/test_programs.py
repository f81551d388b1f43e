"""What is predicted of mcp-remote and the Inspector, against the programs on npm, up to where they open the browser."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from recorder import Recorder

from mcp_oauth_nb import DemoServer, other_clients
from tests.conformance.node import end_group, node, packages

from .staged import recorded

HERE = Path(__file__).parent
RUN_S = 40
FAULTS = (
    None,
    "wrong-resource",
    "no-resource-metadata",
    "no-server-metadata",
    "server-metadata-crashes",
    "metadata-html",
    "only-openid-metadata",
    "issuer-mismatch",
    "metadata-issuer-with-slash",
    "no-s256",
    "registration-not-offered",
)

pytestmark = [pytest.mark.oidc, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Program:
    """A program on npm.

    Attributes:
        name: the client's name in the predictions.
        script: what node runs.
        arguments: what follows the URL.
        waits: how the line begins that shows the link.
        fatal: how the line begins that says why it stops.
    """

    name: str
    script: str
    arguments: tuple[str, ...]
    waits: str
    fatal: str


PROGRAMS = (
    Program("mcp-remote", "mcp-remote/dist/client.js", (), "Please authorize this client", "Fatal error: "),
    Program(
        "Inspector",
        "@modelcontextprotocol/inspector/clients/cli/build/index.js",
        ("--transport", "http", "--method", "tools/list"),
        "Please navigate to: ",
        '{"error":',
    ),
)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_it_sends_what_was_predicted_and_stops_where_it_was_predicted(
    program: Program, fault: str | None, tmp_path: Path
) -> None:
    with DemoServer(fault) as server, Recorder(server.url) as recorder:
        expected = other_clients(recorded(recorder.url))[program.name]
        before = len(recorder.asked)
        error = told_by(program, recorder.url, tmp_path)
        sent = [f"{one.method} {recorder.origin}{one.target}" for one in recorder.asked[before:]]
    opened = sent.index(f"POST {recorder.url}")
    assert set(sent[:opened]) <= {one for one in sent if one.startswith("GET ")}, "it may look around first"
    walked = [f"{one.method} {one.url}" for one in expected.asked]
    registered = bool(walked) and walked[-1].startswith("POST ")  # behind that it may look for the metadata once more
    assert sent[opened + 1 :][: len(walked) if registered else None] == walked
    kind, _, message = expected.stop.message.partition(": ") if expected.stop else ("", "", "")
    if expected.stop and expected.stop.point == "iss":
        message = ""
    assert bool(error) == (expected.stop is not None and expected.stop.point != "iss")
    assert message in error, "the kind of error is predicted where the wording is the platform's" if kind else ""


def told_by(program: Program, url: str, home: Path) -> str:
    """The error with which it ends; empty where it shows the link."""
    quiet = {"HOME": str(home), "MCP_REMOTE_CONFIG_DIR": str(home), "MCP_AUTO_OPEN_ENABLED": "true"}
    process = subprocess.Popen(
        [node(), str(packages(HERE / "npm") / program.script), url, *program.arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **quiet, "PATH": str(home)},  # where no browser is found
        start_new_session=True,
        text=True,
        errors="replace",
    )
    watchdog = threading.Timer(RUN_S, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith('{"error":'):
                return str(json.loads(line)["error"]["message"])
            if program.fatal in line:
                return line.partition(program.fatal)[2].rstrip("\n")
            if program.waits in line:
                return ""
        raise AssertionError("it ended without a word")
    finally:
        watchdog.cancel()
        end_group(process)
        process.stdout.close()
