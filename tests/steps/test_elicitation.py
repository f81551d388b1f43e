"""A server that wants something of the user: the step waits, says what it is, and opens nothing."""

from __future__ import annotations

from typing import Any

import pytest
from playbook import Play, play

from mcp_oauth_nb.protocol.flow import ToolCall
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.steps.mcp import call_step, mcp

from .flows import URL, known

AT = "https://third.example/consent"
PARAMS = {"name": "connect", "arguments": {}}
META = "io.modelcontextprotocol/"


def outdated(request_id: int) -> dict[str, Any]:
    data = {"elicitations": [{"mode": "url", "elicitationId": "e-1", "url": AT, "message": "Connect the calendar"}]}
    return {"id": request_id, "error": {"code": -32042, "message": "consent", "data": data}}


def required(request_id: int) -> dict[str, Any]:
    wish = {"method": "elicitation/create", "params": {"mode": "url", "url": AT, "message": "Connect the calendar"}}
    result = {"resultType": "input_required", "inputRequests": {"login": wish}, "requestState": "sealed"}
    return {"id": request_id, "result": result}


SHAPES = [("2025-11-25", outdated, "error -32042"), ("2026-07-28", required, "input_required")]


def opened(version: str) -> Play:
    begun = play(mcp, known("tokens", profile=PROFILES[version], tool=ToolCall("connect")))
    if version == "2026-07-28":
        return begun.gets(200, {"id": 1, "result": {}}).gets(200, {"id": 2, "result": {"tools": []}})
    begun.gets(200, {"id": 1, "result": {"protocolVersion": version}}).gets(202)
    return begun.gets(200, {"id": 2, "result": {"tools": []}})


@pytest.mark.parametrize(("version", "answer", "shape"), SHAPES)
def test_the_flow_waits_at_the_tool(version, answer, shape) -> None:
    begun = opened(version).sends("POST", URL, json={"method": "tools/call"})
    learned = begun.gets(200, answer(3)).stops("waiting for you", input_needed={"shape": shape})
    rows = dict(learned.input_needed.shown())
    assert rows["the server needs you"] == "Connect the calendar"
    assert AT in rows.values()
    assert learned.session.id is None


@pytest.mark.parametrize(("version", "answer", "shape"), SHAPES)
def test_a_call_of_the_user_waits_and_is_sent_again(version, answer, shape) -> None:
    flow = known("session", profile=PROFILES[version])
    begun = play(call_step("tools/call", PARAMS), flow).gets(200, answer(10))
    learned = begun.stops("waiting for you", called={"summary": "tools/call: input required"})
    assert learned.input_needed.shape == shape

    method, params = learned.input_needed.answered({"login": {"action": "accept"}} if shape != "error -32042" else None)
    again = play(call_step(method, params), learned)
    sent = again._want.call.json["params"]
    assert {name: value for name, value in sent.items() if name != "_meta"} == params
    if shape == "input_required":
        assert sent["requestState"] == "sealed"
        assert sent["inputResponses"] == {"login": {"action": "accept"}}
        assert sent["_meta"][f"{META}protocolVersion"] == version
    done = again.gets(200, {"id": 10, "result": {"content": []}})
    assert done.learns(called={"summary": "tools/call answered"}).input_needed is None


def test_listing_may_want_something_too() -> None:
    begun = play(mcp, known("tokens", profile=PROFILES["2026-07-28"])).gets(200, {"id": 1, "result": {}})
    learned = begun.gets(200, required(2)).stops("waiting for you", input_needed={"method": "tools/list"})
    assert learned.session is not None
