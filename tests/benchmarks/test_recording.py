"""What it costs a client to be recorded: the ratio to the same client without, measured in interleaved pairs."""

from __future__ import annotations

import sys

import httpx
import pytest

from mcp_oauth_nb import record
from mcp_oauth_nb.demo import DemoServer

from .test_ratio import Bare, interleaved

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

FLOW_RATIO, REQUEST_RATIO = 1.15, 1.4
FLOW_PAIRS, REQUEST_PAIRS, WARM_UP = 80, 40, 10
REQUESTS = 100
"""Without a network and without a server, where nothing but the client itself takes time."""


def test_a_recorded_flow_costs_little_more_than_a_bare_one(capsys: pytest.CaptureFixture[str]) -> None:
    with DemoServer() as server:
        bare, other = Bare(server), Bare(server)
        recording = record(other.http)
        for _ in range(WARM_UP):
            assert bare.flow() == other.flow()
        mine, theirs, ratio = interleaved(other.flow, bare.flow, FLOW_PAIRS)
        recording.stop()
        bare.http.close()
        other.http.close()
    with capsys.disabled():
        sys.stdout.write(f"\n  recorded flow: {mine * 1000:.1f} ms, bare: {theirs * 1000:.1f} ms, ratio {ratio:.3f}")
    assert ratio <= FLOW_RATIO


def test_a_recorded_request_costs_little_more_than_a_bare_one(capsys: pytest.CaptureFixture[str]) -> None:
    def client() -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"issuer": "x"})))

    def work(http: httpx.Client) -> None:
        for _ in range(REQUESTS):
            http.post("http://a.example/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})

    bare, other = client(), client()
    recording = record(other)
    for http in (bare, other):
        work(http)
    mine, theirs, ratio = interleaved(lambda: work(other), lambda: work(bare), REQUEST_PAIRS)
    recording.stop()
    each = (mine - theirs) / REQUESTS * 1e6
    with capsys.disabled():
        sys.stdout.write(f"\n  recording costs {each:.0f} µs per request without a network, ratio {ratio:.3f}")
    assert ratio <= REQUEST_RATIO
