"""The probe of every well-known location against real servers, from a notebook's calls and from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from mcp_oauth_nb import BadSetting, Debugger, NotYet
from mcp_oauth_nb.__main__ import main
from mcp_oauth_nb.demo import FAULTS, DemoServer
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.profiles import AUTO, PROFILES
from tests.leaks import assert_no_leak, shown
from tests.wire.raw import RawServer, response

SECRET = "s3cr3t-of-a-user-0123456789"
OTHERS = {
    "metadata-issuer-with-slash": ["metadata-copy-misnamed"],
    "issuer-of-inner-address": ["metadata-copy-misnamed"],
    "issuer-with-other-path": ["metadata-copy-misnamed"],
    "issuer-placeholder": ["metadata-copy-misnamed"],
    "server-metadata-empty": ["metadata-copy-misnamed"],
    "document-flag-in-other-copy": ["metadata-copies-differ"],
    "wrong-resource": ["metadata-copy-misnamed"],
    "metadata-html": ["well-known-page"],
    "issuer-mismatch": ["metadata-copy-misnamed"],
    "metadata-url-relative": ["unreachable", "resource-metadata-unread"],
    "metadata-url-null": ["unreachable", "resource-metadata-unread"],
    "metadata-url-plain-http": ["unreachable", "resource-metadata-unread"],
    "metadata-url-internal": ["unreachable", "resource-metadata-unread"],
    "metadata-url-misbuilt": ["resource-metadata-unread"],
    "resource-of-inner-address": ["metadata-copy-misnamed"],
    "resource-no-url": ["metadata-copy-misnamed"],
    "resource-metadata-html": ["well-known-page"],
    "authorization-server-gone": ["unreachable"],
}
"""Faults of the demo that are faults of a well-known location, with what the probe says of them."""


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


def found(dbg: Debugger) -> list[str]:
    return [finding.rule for finding in dbg.diagnose().findings if finding.step == "well_known"]


@pytest.mark.parametrize("protocol", [AUTO, *PROFILES])
def test_a_healthy_server_trips_nothing(protocol: str) -> None:
    with DemoServer(require_resource=protocol != "2025-03-26") as server:
        dbg = Debugger(server.url, browser="follow", protocol=protocol)
        assert dbg.well_known().status == "passed"
        assert dbg.run().status == "passed"
        assert dbg.well_known().status == "passed"
        assert dbg.diagnose().findings == ()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_elsewhere_trips_nothing_here(fault: str) -> None:
    with DemoServer(fault) as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        dbg.well_known()
        assert found(dbg) == OTHERS.get(fault, [])


def test_it_changes_nothing_of_the_flow(server: DemoServer) -> None:
    dbg = Debugger(server.url, browser="follow")
    dbg.challenge()
    before = dbg._flow
    report = dbg.well_known()
    assert dbg._flow is before
    assert [one.step for one in dbg.trace.runs] == ["challenge", "well_known"]
    assert {one.request.method for one in report.exchanges} == {"GET"}
    assert len(report.exchanges) == 6
    dbg.probe("well_known")
    assert len(dbg.trace.runs) == 2
    assert dbg.run().status == "passed"


def test_the_report_and_the_table_show_the_matrix(server: DemoServer) -> None:
    dbg = Debugger(server.url, browser="follow")
    with pytest.raises(NotYet, match="well_known"):
        dbg.table("locations")
    dbg.run()
    report = dbg.well_known()
    assert "Locations of the metadata: 6 asked, 2 with a document that fits" in render(report)["text/plain"]
    frame = dbg.table("locations").frame
    assert list(frame[frame["taken"] == "taken"]["document"]) == ["resource metadata", "server metadata"]
    assert "Locations of the metadata" in render(dbg.diagnose())["text/html"]


def test_names_that_there_are_not_are_told(server: DemoServer) -> None:
    dbg = Debugger(server.url)
    with pytest.raises(BadSetting, match="well_known"):
        dbg.probe("challenge")
    with pytest.raises(BadSetting, match="locations"):
        dbg.table("nothing")
    assert dbg.exchanges == ()


def answering(made: Callable[[str, str], tuple[str, str, bytes]]) -> RawServer:
    """A server whose answer depends on the path: status line, header, body."""

    def answer(connection: object, asked: bytes) -> None:
        target = asked.split(b" ")[1].decode()
        host = next(line for line in asked.split(b"\r\n") if line.lower().startswith(b"host:")).split(b" ")[1].decode()
        status, header, body = made(f"http://{host}", target)
        connection.sendall(response(body, header, status=status))

    return RawServer(answer)


def two_copies(origin: str, target: str) -> tuple[str, str, bytes]:
    """Resource metadata that names an inner host too, and two copies of the server's, with secrets in them."""
    kind = "Content-Type: application/json"
    if target.partition("?")[0].endswith("oauth-protected-resource/mcp"):
        servers = [origin, "http://169.254.169.254/latest"]
        document = {"resource": f"{origin}/mcp?api_key={SECRET}", "authorization_servers": servers}
        return "200 OK", kind, json.dumps(document).encode()
    if target.endswith("/openid-configuration"):
        document = {"issuer": origin, "client_secret": "hunter2-abc", "echo": SECRET, SECRET: 1}
        return "200 OK", kind, json.dumps(document).encode()
    if target.endswith("/oauth-authorization-server"):
        document = {"issuer": origin, "client_secret": "hunter2-xyz", "echo": [SECRET], "state": SECRET}
        return "200 OK", kind, json.dumps(document).encode()
    return "404 Not Found", f"X-Echo: {SECRET}", SECRET.encode()


def test_no_secret_is_shown_and_a_refused_address_is_not_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(two_copies) as server:
        url = f"{server.url}/mcp?api_key={SECRET}"
        dbg = Debugger(url, headers={"X-Api-Key": f"h-{SECRET}"})
        dbg.challenge()
        dbg.well_known()
        code = main(["metadata", url, "--everywhere"])
        main(["metadata", url, "--everywhere", "--format", "json"])
    tables = [dbg.table(name) for name in ("locations", "copies")]
    texts = [text for table in tables for text in (*render(table).values(), repr(table), table.frame.to_csv())]
    printed = capsys.readouterr()
    assert_no_leak([*shown(dbg), *texts, printed.out, printed.err], [SECRET, "hunter2-abc", "hunter2-xyz"])
    matrix = dbg.table("locations").frame
    refused = matrix[matrix["location"].str.contains("169.254")]
    assert set(refused["verdict"]) == {"address refused"}
    assert len(refused) == 7
    assert "echo" in render(dbg.table("copies"))["text/plain"]
    assert code == 0
    assert "address refused" in printed.out


def test_copies_that_differ_are_found(server: DemoServer) -> None:
    def made(origin: str, target: str) -> tuple[str, str, bytes]:
        document = {"issuer": origin, "token_endpoint": f"{origin}/{'a' if 'openid' in target else 'b'}"}
        return "200 OK", "Content-Type: application/json", json.dumps(document).encode()

    with answering(made) as other:
        dbg = Debugger(f"{other.url}/mcp")
        dbg.well_known()
    assert "metadata-copies-differ" in found(dbg)
    assert "token_endpoint" in render(dbg.table("copies"))["text/html"]


class TestCommandLine:
    def test_prints_the_matrix(self, server: DemoServer, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["metadata", server.url, "--everywhere"]) == 0
        out = capsys.readouterr().out
        assert out.startswith("[PASSED] Ask every well-known location\n")
        assert "built as: challenge, path" in out
        assert "exchanges" not in out

    def test_as_json(self, server: DemoServer, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["metadata", server.url, "--everywhere", "--format", "json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert [one["title"].partition(" ")[0] for one in told["tables"]] == ["Locations", "Copies"]
        assert len(told["tables"][0]["rows"]) == len(told["exchanges"]) == 6

    def test_fails_where_nothing_is_anywhere(self, capsys: pytest.CaptureFixture[str]) -> None:
        with answering(lambda origin, target: ("404 Not Found", "X: y", b"")) as server:
            assert main(["metadata", f"{server.url}/mcp", "--everywhere"]) == 1
        assert "metadata-nowhere" in capsys.readouterr().out
        assert main(["metadata", "http://127.0.0.1:1/mcp", "--everywhere"]) == 1

    def test_a_usage_that_cannot_work(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["metadata", "nothing", "--everywhere"]) == 2
        assert main(["metadata", "https://h/", "--everywhere", "--allow-host", "http://x"]) == 2
        assert capsys.readouterr().out == ""
