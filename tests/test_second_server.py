"""A server by somebody else: FastMCP with its in-memory OAuth provider, as its package ships it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from leaks import assert_no_leak, shown

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.steps import ROUTE

pytest.importorskip("fastmcp")

START_S = 20.0
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The MCP endpoint, served from a thread with a loop of its own."""
    import uvicorn
    from fastmcp import FastMCP
    from fastmcp.server.auth.auth import ClientRegistrationOptions, RevocationOptions
    from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider

    listener = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    provider = InMemoryOAuthProvider(
        base_url=base,
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=["mcp:tools"], default_scopes=["mcp:tools"]
        ),
        revocation_options=RevocationOptions(enabled=True),
        required_scopes=["mcp:tools"],
    )
    made = FastMCP("second", auth=provider)
    made.tool(_add, name="add")
    config = uvicorn.Config(made.http_app(path="/mcp"), log_config=None, access_log=False, ws="none", lifespan="on")
    server = uvicorn.Server(config)
    started = threading.Event()

    async def startup(sockets=None) -> None:
        await uvicorn.Server.startup(server, sockets)
        started.set()

    server.startup = startup
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    assert started.wait(START_S)
    yield f"{base}/mcp"
    server.should_exit = server.force_exit = True
    thread.join(START_S)
    listener.close()


def _add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(scope="module")
def dbg(url: str) -> Debugger:
    """A debugger that went the whole way once."""
    made = Debugger(url, browser="follow", step_timeout_s=20)
    made.run(afterwards=True)
    return made


def test_the_whole_flow_passes(url: str) -> None:
    dbg = Debugger(url, browser="follow", step_timeout_s=20)
    report = dbg.run()
    assert [run.step for run in dbg.trace.runs if run.achieved] == list(ROUTE)
    assert report.status == "passed", report.findings


def test_a_token_is_refreshed_and_the_old_one_refused(dbg: Debugger) -> None:
    achieved = [run.step for run in dbg.trace.runs if run.achieved]
    assert achieved == [*ROUTE, "refresh", "replay"]


def test_its_defect_is_found_and_named(dbg: Debugger) -> None:
    """Its revocation endpoint asks public clients for a secret (RFC 7009 2.1 says that they identify themselves)."""
    report = dbg.diagnose()
    assert report.failing_step == "revoke"
    assert report.cause.rule == "revocation-refused"
    assert report.cause.who == "authorization server"
    assert "client_secret" in report.cause.observed
    assert [finding.rule for finding in report.findings if finding.level == "MUST"] == ["revocation-refused"]


def test_a_tool_can_be_called(url: str) -> None:
    dbg = Debugger(url, browser="follow", step_timeout_s=20)
    dbg.run()
    assert dbg.mcp("tools/call", {"name": "add", "arguments": {"a": 2, "b": 40}}).status in ("passed", "warned")
    assert b"42" in dbg.exchanges[-1].response.body
    assert dbg._flow.session.tools == ("add",)


def test_nothing_that_is_shown_holds_a_secret(dbg: Debugger) -> None:
    tokens = dbg._flow.tokens
    issued = [tokens.access_token, tokens.refresh_token, dbg._flow.old_refresh_token, dbg._flow.code.code]
    assert_no_leak(shown(dbg), [*issued, dbg._flow.pkce.verifier, dbg._flow.authorization.state])
