"""What is predicted of the TypeScript SDK, against the two clients on npm, run in Node.js."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from mcp_oauth_nb import DemoServer, other_clients
from tests.conformance.node import bounded, node, packages

from .staged import FAULTS, recorded

HERE = Path(__file__).parent
RUN_S = 120
CLIENTS = {"TypeScript SDK 1.32.2": "sdk/dist/esm/client/auth.js", "TypeScript SDK 2.4.0": "client/dist/index.mjs"}
KINDS = ("TypeError", "SyntaxError", "ZodError")
"""Errors of the platform and its libraries: the kind is predicted, not the wording."""

pytestmark = [pytest.mark.oidc, pytest.mark.timeout(300)]


@pytest.mark.parametrize("client", CLIENTS)
def test_it_sends_what_was_predicted_and_stops_where_it_was_predicted(client: str) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(DemoServer(fault)) for fault in FAULTS]
        predicted = [other_clients(recorded(server.url))[client] for server in servers]
        place = packages(HERE / "npm") / "@modelcontextprotocol" / CLIENTS[client]
        command = [node(), str(HERE / "auth.mjs"), str(place), *(server.url for server in servers)]
        ended = bounded(command, RUN_S, cwd=HERE)
    assert ended.status == 0, ended.output[-2000:]
    lines = [json.loads(line) for line in ended.output.splitlines() if line.startswith("{")]
    assert len(lines) == len(FAULTS)
    for fault, expected, real in zip(FAULTS, predicted, lines, strict=True):
        assert [f"{one.method} {one.url}" for one in expected.asked] == real["requests"], fault
        stop = expected.stop
        if stop is None or stop.point == "iss":
            assert not real["error"] or expected.open, fault
        elif stop.message.startswith(KINDS):
            assert real["error"].partition(":")[0] == stop.message.split()[0].rstrip(":"), fault
        else:
            assert real["error"] == stop.message, fault
        if real["authorization"] and expected.at("scope").outcome == "ok":
            assert real["authorization"].get("resource", "none") == expected.at("resource parameter").told, fault
            assert real["authorization"].get("scope", "none") == expected.at("scope").told, fault
