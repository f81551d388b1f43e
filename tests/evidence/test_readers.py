"""What other tools wrote is read: the same rules come to the same cause, and what a file leaves out is not tested.

The files of mcp-remote and MCPJam in ``data/recorded`` were written by these programs against the demo server.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from curled import STATE, VERIFIER, Curl
from leaks import assert_no_leak
from staging import report_on

from mcp_oauth_nb import BadSetting, DemoServer, NotOurs, Report, Trace, diagnose, load, support
from mcp_oauth_nb.__main__ import main
from mcp_oauth_nb.demo import FAULTS
from mcp_oauth_nb.evidence.curl_commands import read_command
from mcp_oauth_nb.evidence.document import from_json, to_json
from mcp_oauth_nb.evidence.har import har_of, load_har
from mcp_oauth_nb.evidence.mcp_remote import is_mcp_remote
from mcp_oauth_nb.evidence.pages import TITLE
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.grants import ROUTE
from mcp_oauth_nb.rules.rule import RULES

RECORDED = Path(__file__).parents[1] / "data" / "recorded"
WAYS: dict[str, tuple[tuple[str, ...], bool]] = {
    "-v with prompts": (("-v",), True),
    "-v": (("-v",), False),
    "--trace-ascii": (("--trace-ascii",), False),
    "--trace": (("--trace",), False),
}
"""How curl shows a transfer, and whether the command lines stand in the log."""
WITH_CURL = (
    "no-challenge",
    "wrong-resource",
    "issuer-mismatch",
    "registration-refused",
    "access-denied",
    "session-cookie-lost",
    "token-endpoint-502",
    "token-rejected",
)
MCP_REMOTE = ("wrong-resource", "issuer-mismatch", "registration-refused", "no-resource-metadata", "no-server-metadata",
              "server-metadata-crashes", "token-endpoint-502", "code-expired")  # fmt: skip
MCPJAM = ("no-challenge", "wrong-resource", "issuer-mismatch", "registration-refused", "token-endpoint-502",
          "token-rejected")  # fmt: skip


def lead(report: Report) -> tuple[str, str, str | None] | None:
    return (report.cause.rule, report.cause.who, report.failing_step) if report.cause else None


METERED_URL = "https://a.example/.well-known/oauth-protected-resource/mcp"
METERED = """\
  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current
                                 Dload  Upload   Total   Spent    Left  Speed
\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0STAMP *   Trying 192.0.2.1:443...
STAMP * Connected to a.example (192.0.2.1) port 443 (#0)
STAMP > GET /.well-known/oauth-protected-resource/mcp HTTP/1.1
STAMP > Host: a.example
STAMP > Accept: */*
STAMP >
STAMP < HTTP/1.1 200 OK
STAMP < content-type: application/json
STAMP < content-length: LENGTH
STAMP <
STAMP { [LENGTH bytes data]
\r100   170  100   170    0     0  18143      0 --:--:-- --:--:-- --:--:-- 18888
STAMP * Connection #0 to host a.example left intact
BODY"""


def with_curl(fault: str | None, way: str, folder: Path) -> tuple[Curl, Path]:
    """A flow by hand against a server, and the log of it."""
    how, prompts = WAYS[way]
    curl = Curl(folder, how, prompts)
    with DemoServer(fault) as server:
        curl.walk(server.url)
    log = folder / "flow.txt"
    log.write_text(curl.log, "utf-8", "surrogateescape")
    return curl, log


def displayed(trace: Trace) -> list[str]:
    report = diagnose(trace)
    things: list[Any] = [trace, report, *trace.exchanges]
    texts = [text for thing in things for text in render(thing).values()]
    return [*texts, *map(repr, [*things, *trace.runs, *report.findings]), har_of(trace).text, to_json(trace)]


class TestCurl:
    @pytest.mark.parametrize("way", WAYS)
    def test_a_healthy_flow_trips_no_rule(self, way: str, tmp_path: Path) -> None:
        curl, log = with_curl(None, way, tmp_path)
        report = diagnose(load(log))
        assert report.findings == ()
        assert {report.status_of(step) for step in ROUTE} == {"passed"}
        secrets = {one for one in curl.secrets if len(one) > 8}
        assert {VERIFIER, STATE} < secrets
        assert_no_leak(displayed(report.trace), secrets)

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("fault", WITH_CURL)
    def test_a_fault_leads_to_the_cause_that_it_has_live(self, fault: str, way: str, tmp_path: Path) -> None:
        report = diagnose(load(with_curl(fault, way, tmp_path)[1]))
        live = lead(report_on(FAULTS[fault], "2025-11-25"))
        assert live is not None
        assert lead(report) == live

    def test_a_body_that_was_not_shown_is_not_tested(self, tmp_path: Path) -> None:
        report = diagnose(load(with_curl(None, "-v", tmp_path)[1]))
        (token,) = [one for one in report.trace.exchanges if one.step == "token"]
        assert token.untold == ("request body",)
        for rule in ("token-request-incomplete", "pkce-mismatch", "redirect-uri-differs", "application-type-missing"):
            assert report.verdict.outcomes[rule] == "not tested"
            assert "recording does not hold" in report.verdict.reasons[rule]
        assert "not in the recording, or not whole: request body" in render(token)["text/plain"]

    def test_what_is_untold_stays_so_when_it_is_saved_again(self, tmp_path: Path) -> None:
        trace = load(with_curl("token-rejected", "-v", tmp_path)[1])
        wanted = diagnose(trace).verdict.outcomes
        assert diagnose(from_json(to_json(trace))).verdict.outcomes == wanted
        assert diagnose(load_har(json.loads(har_of(trace).text))).verdict.outcomes == wanted

    def test_http2_tls_prompts_and_a_failure_in_one_log(self) -> None:
        report = diagnose(load(RECORDED / "curl-http2.log"))
        first, second, third = report.trace.exchanges
        assert (first.request.url, first.status, first.untold) == ("https://mcp.example.com/mcp", 401, ())
        assert json.loads(first.request.body)["method"] == "initialize"
        assert second.document is not None
        assert second.document["resource"] == "https://other.example.com/mcp"
        assert third.failure is not None
        assert (third.step, third.failure.kind) == ("server_metadata", "dns")
        broken = [finding.rule for finding in report.findings if finding.level == "MUST"]
        assert broken == ["resource-mismatch", "unreachable"]

    @pytest.mark.parametrize(
        ("said", "kind"),
        [
            ("curl: (6) Could not resolve host: a.example", "dns"),
            ("curl: (7) Failed to connect to a.example port 443 after 3 ms: Couldn't connect to server", "connect"),
            ("curl: (28) Operation timed out after 5000 milliseconds with 0 bytes received", "timeout"),
            ("curl: (60) SSL certificate problem: self-signed certificate", "tls"),
            ("curl: (52) Empty reply from server", "protocol"),
        ],
    )
    def test_what_curl_says_of_a_failure(self, said: str, kind: str, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.write_text(
            f"$ curl -v https://a.example/.well-known/oauth-protected-resource\n*   Trying 192.0.2.1:443...\n{said}\n"
        )
        (one,) = load(log).exchanges
        assert one.failure is not None
        assert (one.failure.kind, one.response, one.step) == (kind, None, "resource_metadata")

    def test_a_log_as_powershell_writes_it(self, tmp_path: Path) -> None:
        _, log = with_curl("wrong-resource", "-v with prompts", tmp_path)
        wide = tmp_path / "wide.txt"
        wide.write_bytes(log.read_text().replace("\n", "\r\n").encode("utf-16"))
        cause = diagnose(load(wide)).cause
        assert cause is not None
        assert cause.rule == "resource-mismatch"

    @pytest.mark.parametrize("ends", [("\n", "\r\n"), ("\r", "\r"), ("\r", "\n")], ids=["crlf", "as it is", "no cr"])
    @pytest.mark.parametrize("stamp", ["", "19:30:40.985595 ", "19:30:40.985595 [0-0] ", "[0-0] "])
    @pytest.mark.parametrize(
        "body", ['{"resource": "https://a.example/mcp"}', '{"resource": "https://a.example/mcp"}\n', "{'resource': 1}"]
    )
    def test_a_log_with_a_progress_meter(self, body: str, stamp: str, ends: tuple[str, str], tmp_path: Path) -> None:
        """An editor, a paste or a pipe that reads text makes line breaks of carriage returns."""
        text = METERED.replace("STAMP ", stamp).replace("LENGTH", str(len(body))).replace("BODY", body)
        log = tmp_path / "log"
        log.write_bytes(text.replace(*ends).encode())
        (one,) = load(log).exchanges
        assert one.response is not None
        assert (one.request.url, one.status, one.untold) == (METERED_URL, 200, ())
        assert one.response.body.strip() == body.strip().encode()

    def test_a_log_in_which_something_else_stands_before_the_body(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        body = '{"resource": "https://a.example/mcp"}'
        text = METERED.replace("STAMP ", "").replace("LENGTH", str(len(body))).replace("BODY", f"and so on\n{body}")
        log.write_text(text)
        (one,) = load(log).exchanges
        assert one.untold == ("response body",)
        assert diagnose(load(log)).findings == ()

    @pytest.mark.parametrize(
        ("line", "url", "method", "body"),
        [
            ("curl https://a/b", "https://a/b", "GET", b""),
            ("$ curl -v -X POST -d 'a=1' -d b=2 https://a/t", "https://a/t", "POST", b"a=1&b=2"),
            ("me@host:~/x$ curl -svd@file https://a/t", "https://a/t", "POST", None),
            ("% curl --data-urlencode 'a=b c' --url https://a/t", "https://a/t", "POST", b"a=b+c"),
            ("$ curl -G -d a=1 https://a/t", "https://a/t", "GET", b""),
            ("+ curl -H 'Accept: x' --json '{}' https://a/t -o out", "https://a/t", "POST", b"{}"),
            ("$ curl -I https://a/t 2>&1", "https://a/t", "HEAD", b""),
        ],
    )
    def test_a_command_line(self, line: str, url: str, method: str, body: bytes | None) -> None:
        command = read_command(line)
        assert command is not None
        assert (command.url, command.method, command.body) == (url, method, body)

    @pytest.mark.parametrize("line", ["", "curl", "curl '", "$ wget https://a", "curl -v", "curled https://a"])
    def test_what_is_no_command(self, line: str) -> None:
        assert read_command(line) is None


class TestMcpRemote:
    def test_a_healthy_flow_trips_no_rule_and_does_not_pass_what_it_does_not_show(self) -> None:
        report = diagnose(load(RECORDED / "mcp-remote-healthy.log"))
        assert report.findings == ()
        assert report.status == "incomplete"
        told = {step: report.status_of(step) for step in ("challenge", "resource_metadata", "server_metadata", "mcp")}
        assert set(told.values()) == {"passed"}
        assert {report.status_of("callback"), report.status_of("token")} == {"not tested"}
        assert report.trace.settings["protocol"] == "2025-11-25"
        assert report.verdict.outcomes["token-request-incomplete"] == "not tested"

    @pytest.mark.parametrize("fault", MCP_REMOTE)
    def test_a_fault_leads_to_its_rule_and_party(self, fault: str) -> None:
        found, live = diagnose(load(RECORDED / f"mcp-remote-{fault}.log")), report_on(FAULTS[fault])
        assert found.cause is not None
        assert live.cause is not None
        assert (found.cause.rule, found.failing_step) == (live.cause.rule, live.failing_step)
        # Of a code the log does not tell when it was issued.
        assert found.cause.who == ("client" if fault == "code-expired" else live.cause.who)

    def test_an_authorization_that_was_refused_is_told_in_the_words_of_the_log(self) -> None:
        report = diagnose(load(RECORDED / "mcp-remote-access-denied.log"))
        run = report.trace.run("callback")
        assert run is not None
        assert run.stopped.startswith("not tested")
        assert "access_denied" in run.stopped

    def test_the_lines_of_earlier_versions(self, tmp_path: Path) -> None:
        """They name one place of the metadata, and OAuth errors by the name of their class."""
        url = "https://mcp.example/mcp"
        asked = {"metadataUrl": "https://as.example/.well-known/oauth-authorization-server"}
        server = {"issuer": "https://as.example", "token_endpoint": "https://as.example/t"}
        said = [
            f"Starting mcp-remote with server URL: {url} ",
            'Fetching Protected Resource Metadata {"metadataUrl":"https://mcp.example/.well-known/oauth-protected-resource"}',
            'Failed to fetch Protected Resource Metadata {"status":503,"statusText":"Unavailable"}',
            f"Fetching authorization server metadata {json.dumps(asked)}",
            'Successfully fetched authorization server metadata {"issuer":"https://as.example","scopeCount":0}',
            f"authorizationServerMetadata: {json.dumps(server)}",
            "Redirecting to authorization URL https://as.example/a?response_type=code&client_id=c&state=x",
            "Auth code received, resolving promise ",
            "Completing authorization... ",
            'Authorization error during finishAuth {"errorMessage":"used","stack":"InvalidGrantError: used"}',
        ]
        file = tmp_path / "x_debug.log"
        file.write_text("".join(f"[2026-03-01T10:00:00.000Z][77] {one}\n" for one in said))
        trace = load(file)
        assert [(one.step, one.status) for one in trace.exchanges] == [
            ("resource_metadata", 503),
            ("server_metadata", 200),
            ("authorize", None),
            ("token", 400),
        ]
        assert trace.exchanges[-1].document == {"error": "invalid_grant", "error_description": "used"}
        assert {finding.rule for finding in diagnose(trace).findings} >= {"resource-metadata-missing", "token-refused"}

    def test_values_of_the_log_that_are_secret_are_masked(self) -> None:
        trace = load(RECORDED / "mcp-remote-healthy.log")
        (asked,) = [one for one in trace.exchanges if one.step == "authorize"]
        state = asked.request.url.partition("state=")[2].partition("&")[0]
        assert len(state) == 36
        assert_no_leak(displayed(trace), [state])


class TestMcpJam:
    def test_a_healthy_flow_has_no_failure(self) -> None:
        report = diagnose(load(RECORDED / "mcpjam-healthy.json"))
        assert [(finding.rule, finding.level) for finding in report.findings] == [("state-weak", "SHOULD")]
        assert report.status_of("callback") == "not tested"
        assert {report.status_of(step) for step in ("challenge", "register", "token", "mcp")} == {"passed"}
        assert report.status == "incomplete"

    @pytest.mark.parametrize("fault", MCPJAM)
    def test_a_fault_leads_to_its_rule_and_party(self, fault: str) -> None:
        found, live = diagnose(load(RECORDED / f"mcpjam-{fault}.json")), report_on(FAULTS[fault], "2025-11-25")
        failed = [(one.rule, one.who) for one in found.findings if one.level == "MUST"]
        assert live.cause is not None
        assert failed[0] == (live.cause.rule, live.cause.who)
        assert found.failing_step == live.failing_step

    def test_a_secret_that_it_left_in_is_masked(self, tmp_path: Path) -> None:
        secret = "jam-secret-0123456789-abcdefghij"
        text = (RECORDED / "mcpjam-healthy.json").read_text().replace("[REDACTED]", secret)
        file = tmp_path / "jam.json"
        file.write_text(text)
        assert secret in text
        assert_no_leak(displayed(load(file)), [secret])


STAMP = b"[2026-11-21T15:35:01.639Z][1] "
HARM = ("\x00", "{", "9" * 400, "\r", "\udc80", "> ", "\u2028")


def assert_data(file: Path) -> None:
    """It is diagnosed by every rule and displayed, or refused with a word on what is read."""
    try:
        trace = load(file)
    except NotOurs:
        with pytest.raises(NotOurs, match="Expected a notebook that holds evidence"):
            load(file)
        return
    report = diagnose(trace)
    assert set(report.verdict.outcomes) == set(RULES)
    assert render(report).keys() == {"text/plain", "text/html"}


def cut(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]


def shuffled(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    chance.shuffle(lines)
    return "\n".join(lines)


def garbled(text: str, chance: random.Random) -> str:
    for place in [chance.randrange(len(text)) for _ in range(40)]:
        text = text[:place] + chance.choice(HARM) + text[place + 1 :]
    return text


@pytest.mark.parametrize("harm", [cut, shuffled, garbled])
@pytest.mark.parametrize("name", ["curl-http2.log", "mcp-remote-healthy.log", "mcpjam-healthy.json"])
def test_half_a_file_is_half_a_trace_or_none(
    name: str, harm: Callable[[str, random.Random], str], tmp_path: Path
) -> None:
    whole, file = (RECORDED / name).read_text(), tmp_path / name
    for seed in range(12):
        file.write_text(harm(whole, random.Random(seed)), "utf-8", "surrogatepass")
        assert_data(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x01\x02",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"httpHistory": [' + b"9" * 6000 + b"]}",
        b'{"httpHistory": [{"request": {"method": "GET", "url": "http://[::1/"}, "response": {"status": 1e999}}]}',
        b"> GET / HTTP/1.1\n> Host: [::1\n\n< HTTP/1.1 999 x\n",
        b"=> Send header, 999999999 bytes (0x3b9ac9ff)\nffffffff: x\n",
        b"\n".join((STAMP + b"Starting mcp-remote with server URL: http://[::1/",
                    STAMP + b'Received 401 with WWW-Authenticate header {"header": 5}')),
        b"$ curl -v 'https://a\n" * 2000 + b"curl: (6) x",
    ],
)  # fmt: skip
def test_hostile_files_are_data(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert_data(file)


def test_a_long_log_is_read_in_time(tmp_path: Path) -> None:
    """Quadratic search would take minutes."""
    file = tmp_path / "log"
    file.write_text((RECORDED / "curl-http2.log").read_text() + "x" * 2_000_000 + "\n" + "} [5 bytes data]\n" * 50_000)
    assert len(load(file).exchanges) == 3


def test_the_message_lists_what_is_read(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("nothing of interest")
    with pytest.raises(NotOurs) as caught:
        load(file)
    for word in ("notebook", "dbg.save", "HAR", "MCPJam", "mcp-remote", "curl -v"):
        assert word in str(caught.value)
    with pytest.raises(BadSetting):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (f"# {TITLE}\n\n## Verdict\n", "a page that was saved to be read; its .json or .ipynb"),
        (
            f"<!DOCTYPE html>\n<html><head><title>{TITLE}</title>",
            "a page that was saved to be read; its .json or .ipynb",
        ),
        ("nothing of interest", "a text of another kind"),
        ('{"half": ', "it is not JSON (Expecting value at line 1 column 10)"),
        (" \n", "nothing, it is empty"),
    ],
)
def test_the_message_says_what_was_seen(content: str, seen: str, tmp_path: Path) -> None:
    file = tmp_path / "page"
    file.write_text(content)
    with pytest.raises(NotOurs) as caught:
        load(file)
    assert f"page holds no trace: {seen}" in str(caught.value)


def test_a_time_that_is_not_recorded_is_not_shown() -> None:
    read = load(RECORDED / "curl-http2.log")
    assert {one.elapsed_ms for one in read.exchanges} == {0.0}
    assert not [text for one in read.exchanges for text in render(one).values() if re.search(r"\b\d+ ms\b", text)]
    assert " ms" not in support(read).text


def test_load_takes_a_har(tmp_path: Path) -> None:
    live = report_on(FAULTS["wrong-resource"])
    file = tmp_path / "any.name"
    file.write_text(har_of(live.trace).text)
    assert lead(diagnose(load(file))) == lead(live)


def test_one_kind_of_log_is_not_taken_for_another() -> None:
    for file in RECORDED.glob("*"):
        assert is_mcp_remote(file.read_text()) is file.name.startswith("mcp-remote")


class TestCommand:
    @pytest.mark.parametrize(
        ("name", "code"), [("mcpjam-wrong-resource.json", 1), ("mcp-remote-healthy.log", 3), ("curl-http2.log", 1)]
    )
    def test_a_file_is_diagnosed(self, name: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["report", str(RECORDED / name)]) == code
        assert "[FAILED]" in capsys.readouterr().out or code == 3
        assert main(["report", str(RECORDED / name), "--json"]) == code
        told = json.loads(capsys.readouterr().out)
        assert told["status"] == {1: "failed", 3: "incomplete"}[code]

    def test_what_it_cannot_read_is_a_usage_error(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "notes"
        file.write_text("x")
        assert main(["report", str(file)]) == 2
        assert main(["report", str(tmp_path / "nowhere")]) == 2
        assert "Traceback" not in capsys.readouterr().err
