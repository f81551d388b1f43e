"""The whole flow against every server, under every protocol version, as every kind of client that the server offers.

Green means: passed, and nothing found. Where a cell is not green the table says what the server lacks, and the test
holds that to be exactly what is found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.request import urlopen

import pytest
from fastmcp_server import Second, second_server
from recorder import AUTHORIZATION, Recorder
from strict_runs import VERSIONS, WAYS, expected

from mcp_oauth_nb import Client, Debugger, DemoServer
from mcp_oauth_nb.steps import route_for
from tests.oidc.conftest import asking as asking  # noqa: PLC0414 - the fixtures
from tests.oidc.conftest import oidc as oidc  # noqa: PLC0414
from tests.oidc.server import Oidc

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SECRET = "a-secret-Zk81-of-the-second"
FASTMCP_CLIENTS = {
    "dcr": None,
    "public": Client("public", auth_method="none"),
    "confidential": Client("posting", SECRET, "client_secret_post"),
}
UNLISTED = "none"
"""FastMCP takes public clients, but does not list them."""
ADD = ("add", {"a": 2, "b": 40})


@pytest.fixture(scope="module", params=[False, True], ids=["stream", "json"])
def demos(request: pytest.FixtureRequest) -> Iterator[dict[str, DemoServer]]:
    """One that wants a resource indicator, and one for the version that knows none; in both ways of answering."""
    with (
        DemoServer(json_response=request.param) as wanting,
        DemoServer(json_response=request.param, require_resource=False) as not_wanting,
    ):
        yield {version: not_wanting if version == "2025-03-26" else wanting for version in VERSIONS}


@pytest.fixture(scope="module")
def second() -> Iterator[Second]:
    pytest.importorskip("fastmcp")
    with second_server() as server:
        yield server


TRUE_OF_FASTMCP: dict[str, tuple[str, ...]] = dict.fromkeys(("2026-07-28", "draft", "auto"), ("iss-not-sent",))
"""By protocol version, the rules that it breaks by a SHOULD alone, in every cell."""


def assert_green(dbg: Debugger, grant: str = "authorization_code", true: tuple[str, ...] = ()) -> None:
    report = dbg.run()
    assert tuple(finding.rule for finding in report.findings) == true
    assert report.status == ("warned" if true else "passed")
    assert [run.step for run in dbg.trace.runs if run.achieved] == list(route_for(grant))
    assert b"42" in dbg.exchanges[-1].response.body


def grant_of(way: str) -> str:
    return way if way == "client_credentials" else "authorization_code"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", VERSIONS)
def test_demo(demos: dict[str, DemoServer], version: str, way: str) -> None:
    demo, grant = demos[version], grant_of(way)
    known = {"public": demo.public_client}.get(way, demo.confidential_client)
    client = None if way == "dcr" else Client(known.client_id, known.client_secret)
    assert_green(Debugger(demo.url, protocol=version, client=client, grant=grant, browser="follow", tool=ADD), grant)


@pytest.mark.parametrize("way", FASTMCP_CLIENTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_fastmcp(second: Second, version: str, way: str) -> None:
    client = FASTMCP_CLIENTS[way]
    settings = {"client": client, "client_auth_method": UNLISTED if client is None else None}
    dbg = Debugger(second.url, protocol=version, browser="follow", tool=ADD, step_timeout_s=20, **settings)
    if client is not None:
        second.register(client, redirect_of(dbg))
    assert_green(dbg, true=TRUE_OF_FASTMCP.get(version, ()))


@pytest.mark.parametrize("version", VERSIONS)
def test_fastmcp_gives_a_secret_to_a_client_that_goes_by_its_list(second: Second, version: str) -> None:
    """It does so without Cache-Control, and lists no public clients, although it takes them."""
    dbg = Debugger(second.url, protocol=version, browser="follow", tool=ADD, step_timeout_s=20)
    assert_green(dbg, true=("registration-cacheable", *TRUE_OF_FASTMCP.get(version, ())))
    assert dbg.client.auth_method == "client_secret_post"


def redirect_of(dbg: Debugger) -> str:
    return dbg._flow.settings.redirect_uri


@pytest.mark.parametrize("way", FASTMCP_CLIENTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_fastmcp_receives_what_a_correct_client_sends(second: Second, version: str, way: str) -> None:
    """The same requests as at the demo server, but for the page of consent that it does not have."""
    client = FASTMCP_CLIENTS[way]
    with Recorder(second.url, apart=version != "2025-03-26") as recorder:
        settings = {"client": client, "client_auth_method": UNLISTED if client is None else None}
        dbg = Debugger(recorder.url, protocol=version, browser="follow", step_timeout_s=20, **settings)
        if client is not None:
            second.register(client, redirect_of(dbg))
        report = dbg.run()
    assert tuple(finding.rule for finding in report.findings) == TRUE_OF_FASTMCP.get(version, ())
    assert recorder.lines == [row.line for row in expected(version, way) if row.path != "/consent"]


class TestWhereFastmcpIsNotGreen:
    """Two cells, each with the one finding that is true of that server."""

    def test_it_announces_basic_and_reads_the_client_id_from_the_form_alone(self, second: Second) -> None:
        """RFC 6749 2.3.1: with HTTP Basic the client id is in the header; it need not be in the form as well."""
        assert "client_secret_basic" in published(second)["token_endpoint_auth_methods_supported"]
        client = Client("basic", SECRET, "client_secret_basic")
        dbg = Debugger(second.url, client=client, browser="follow", step_timeout_s=20)
        second.register(client, redirect_of(dbg))
        report = dbg.run()
        musts = [finding.rule for finding in report.findings if finding.level == "MUST"]
        assert musts == ["token-refused", "token-error-malformed"]
        assert "Missing client_id" in report.cause.observed
        also = Debugger(second.url, client=client, browser="follow", step_timeout_s=20)
        second.register(client, redirect_of(also))
        for step in route_for("authorization_code")[:-2]:
            if step != "pkce":
                getattr(also, step)()
        assert also.token(form={"client_id": "basic"}).status == "passed", "that, and nothing else, was missing"

    def test_it_offers_no_client_credentials(self, second: Second) -> None:
        assert published(second)["grant_types_supported"] == ["authorization_code", "refresh_token"]
        client = FASTMCP_CLIENTS["confidential"]
        second.register(client, "http://127.0.0.1/callback")
        report = Debugger(second.url, client=client, grant="client_credentials", step_timeout_s=20).run()
        assert [finding.rule for finding in report.findings] == ["token-refused"]
        assert "grant_type" in report.cause.observed


def published(second: Second) -> dict[str, list[str]]:
    with urlopen(f"{second.issuer}/.well-known/oauth-authorization-server", timeout=20) as answer:
        return json.load(answer)


@pytest.mark.oidc
@pytest.mark.timeout(600)
class TestOidcProvider:
    """Run by: python -m pytest -m oidc tests/test_matrix.py."""

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("version", VERSIONS[1:])
    def test_green(self, oidc: Oidc, version: str, way: str) -> None:
        known = {"public": oidc.public, "confidential": oidc.confidential, "client_credentials": oidc.service}
        grant = grant_of(way)
        dbg = Debugger(
            oidc.url,
            protocol=version,
            client=known.get(way),
            grant=grant,
            browser="follow",
            tool=ADD,
            step_timeout_s=20,
        )
        assert_green(dbg, grant)

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("version", VERSIONS[1:])
    def test_it_receives_what_a_correct_client_sends(self, asking: Oidc, version: str, way: str) -> None:
        """Its endpoints have other paths, and its pages are the browser's; kinds and order are the same.

        Its tokens are opaque here: what is signed would go on naming the address behind the recorder.
        """
        known = {"public": asking.public, "confidential": asking.confidential, "client_credentials": asking.service}
        with Recorder(asking.url, issuer=asking.issuer) as recorder:
            dbg = Debugger(
                recorder.url,
                protocol=version,
                client=known.get(way),
                grant=grant_of(way),
                browser="follow",
                step_timeout_s=20,
            )
            report = dbg.run()
        assert (report.status, report.findings) == ("passed", ())
        hops = [one for one in recorder.asked if one.header("accept") == "*/*"]
        assert all((one.where, one.method, one.kind) == (AUTHORIZATION, "GET", "nothing") for one in hops)
        rows = [row for row in expected(version, way) if row.path not in ("/authorize", "/consent")]
        assert [(one.where, one.method, one.kind) for one in recorder.asked if one not in hops] == [
            (row.where, row.method, row.kind) for row in rows
        ]
        asked = [dict(one.query) for one in hops[:1]] + [dict(one.form) for one in recorder.asked if one.form]
        assert {one["resource"] for one in asked} == {recorder.url}

    @pytest.mark.parametrize(("way", "last"), [("dcr", "register"), ("public", "callback")])
    def test_the_oldest_version_cannot_find_it(self, oidc: Oidc, way: str, last: str) -> None:
        """In 2025-03-26 the authorization server is the MCP server's own origin, and this one is elsewhere."""
        client = oidc.public if way == "public" else None
        dbg = Debugger(oidc.url, protocol="2025-03-26", client=client, browser="follow", step_timeout_s=20)
        report = dbg.run()
        assert (report.status, dbg.trace.runs[-1].step) == ("failed", last)
        assert not [one for one in dbg.exchanges if one.request.url.startswith(oidc.issuer)]
