"""A tool of a real server that wants the user first: what is shown, and how the call is sent again."""

from __future__ import annotations

import pytest

from mcp_oauth_nb import Debugger, DemoServer
from mcp_oauth_nb.mime import render
from tests.leaks import assert_no_leak, shown

CALL = ("tools/call", {"name": "connect", "arguments": {}})
AT = "https://calendar.example/connect"


@pytest.mark.parametrize(
    ("protocol", "rule"), [("2025-11-25", "url-elicitation-required"), ("2026-07-28", "input-required")]
)
def test_it_needs_you_and_opens_nothing(protocol: str, rule: str) -> None:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow", protocol=protocol)
        assert dbg.run().status == "passed"
        report = dbg.mcp(*CALL)
        assert report.status_of("call") == "needs you"
        assert [(one.rule, one.who) for one in report.findings] == [(rule, "user")]
        assert AT in render(report)["text/plain"]
        assert all(not exchange.request.url.startswith(AT) for exchange in dbg.exchanges)
        assert_no_leak(shown(dbg), server.secrets_issued() - {server.confidential_client.client_secret})


def test_the_answer_goes_back_with_the_same_call() -> None:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow", protocol="2026-07-28")
        dbg.run()
        dbg.mcp(*CALL)
        assert dbg.input_needed is not None
        assert dbg.mcp(*dbg.input_needed.answered({"calendar": {"action": "accept"}})).status == "passed"
        assert dbg.exchanges[-1].response is not None
        assert b"connected" in dbg.exchanges[-1].response.body
        assert dbg.input_needed is None


def test_the_flow_waits_at_the_tool_that_it_was_told_to_call() -> None:
    with DemoServer() as server:
        report = Debugger(server.url, browser="follow", tool="connect").run()
    assert (report.status, report.failing_step) == ("incomplete", None)
    assert "needs you" in render(report)["text/plain"]
