"""FastMCP's own client and its OAuth flow, recorded through the client factory that its transport takes."""

from __future__ import annotations

import asyncio
import threading
import webbrowser

import httpx
import pytest

from mcp_oauth_nb import DemoServer, Recording, record
from mcp_oauth_nb.protocol.grants import ROUTE

from .sdk import silence

fastmcp = pytest.importorskip("fastmcp")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using in-memory token storage"),
]
WAIT_S = 10.0


@pytest.fixture(autouse=True)
def browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that consents, in a thread, once the listener for the redirect is up."""
    transport = httpx.HTTPTransport(retries=8)  # the listener comes up after the browser was opened

    def browse(url: str) -> bool:
        with httpx.Client(trust_env=False, transport=transport, follow_redirects=True, timeout=WAIT_S) as client:
            client.get(url)
        return True

    def opens(url: str) -> bool:
        threading.Thread(target=browse, args=(url,), daemon=True).start()
        return True

    monkeypatch.setattr(webbrowser, "open", opens)


def recorded(url: str) -> tuple[Recording, list[str] | Exception]:
    from fastmcp.client.transports import StreamableHttpTransport

    recording = record()
    transport = StreamableHttpTransport(url, auth="oauth", httpx_client_factory=recording.client_factory)

    async def tools() -> list[str]:
        async with fastmcp.Client(transport) as client:
            return [tool.name for tool in await client.list_tools()]

    with recording, silence():
        try:
            return recording, asyncio.run(tools())
        except Exception as error:  # noqa: BLE001 - whatever it is, the recording is what counts
            return recording, error


def test_a_healthy_flow_has_every_step_and_no_finding() -> None:
    with DemoServer() as server:
        recording, came = recorded(server.url)
    assert isinstance(came, list)
    report = recording.diagnose()
    assert {report.status_of(step) for step in ROUTE} == {"passed"}
    assert (report.status, list(report.findings)) == ("passed", [])


def test_its_look_at_the_authorization_page_is_the_authorization_request() -> None:
    """It asks for the page itself before it opens the browser: one request of the two is told, with its answer."""
    with DemoServer() as server:
        recording, _ = recorded(server.url)
    steps = [(one.step, one.direction, one.status) for one in recording.exchanges]
    at = steps.index(("authorize", "out", None))
    assert steps[at + 1 : at + 3] == [("callback", "out", 302), ("callback", "in", None)]
    assert [step for step, _, _ in steps].count("authorize") == 1


@pytest.mark.parametrize(
    ("fault", "rule", "who"),
    [
        ("issuer-mismatch", "issuer-mismatch", "authorization server"),
        ("wrong-resource", "resource-mismatch", "MCP server"),
        ("no-s256", "s256-not-advertised", "authorization server"),
    ],
)
def test_a_fault_that_it_met_leads_to_its_rule_and_party(fault: str, rule: str, who: str) -> None:
    with DemoServer(fault) as server:
        recording, _ = recorded(server.url)
    cause = recording.diagnose().cause
    assert cause is not None
    assert (cause.rule, cause.who) == (rule, who)
