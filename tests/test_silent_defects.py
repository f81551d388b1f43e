"""Thirteen defects that clients in use pass over in silence or tell in one catch-all sentence: each is told in full.

Told in full means that the first lines of the report name the step, the URL, the status, where it is written down, and
the fix. A lenient client survives some of the defects by falling back; the report is then amber and says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from amendments import Change, challenges, meant, members, page, refuses, says
from recorder import Asked, Recorder

from mcp_oauth_nb import Debugger, DemoServer, Report
from mcp_oauth_nb.demo.answers import Answer
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.steps import STEPS

HEAD = 12
"""Lines of the report that tell the defect: a headline, the verdict with its evidence, the rule."""
PROTOCOLS = ("auto", "2025-11-25", "2025-06-18")

DEFECTS: dict[str, tuple[str, Change, str, str]] = {
    "no resource metadata": ("resource_metadata", says(404, {"detail": "Not Found"}), "resource_metadata", "404"),
    "resource metadata fails": ("resource_metadata", says(500, {"detail": "oops"}), "resource_metadata", "500"),
    "no challenge": ("challenge", says(401, {"error": "unauthorized"}), "challenge", "401"),
    "no server metadata": ("server_metadata", says(404, {"detail": "Not Found"}), "server_metadata", "404"),
    "server metadata is a page": ("server_metadata", page(200, "Sign in"), "server_metadata", "200"),
    "wrong issuer": ("server_metadata", members(issuer="https://other.example"), "server_metadata", "200"),
    "S256 not announced": (
        "server_metadata",
        members(code_challenge_methods_supported=["plain"]),
        "server_metadata",
        "200",
    ),
    "resource of another host": (
        "resource_metadata",
        members(resource="https://other.example/mcp"),
        "resource_metadata",
        "200",
    ),
    "no registration endpoint": ("server_metadata", members(registration_endpoint=None), "register", "200"),
    "registration forbidden": ("register", refuses(403, "access_denied", "approved clients only"), "register", "403"),
    "code refused": ("token", refuses(400, "invalid_grant", "unknown code"), "token", "400"),
    "token endpoint behind a dead gateway": ("token", page(502, "502 Bad Gateway"), "token", "502"),
    "good token refused": ("mcp", challenges(401, 'Bearer error="invalid_token"'), "mcp", "401"),
}
"""By name: what is amended and how, the step that must be named, and the status."""
FURTHER = {"resource metadata is a page": ("resource_metadata", page(200, "Welcome"), "resource_metadata", "200")}
ALL = {**DEFECTS, **FURTHER}


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


def report_on(server: DemoServer, name: str, protocol: str = "auto", **settings: str) -> Report:
    place, change, _, _ = ALL[name]

    def amend(asked: Asked, answer: Answer) -> Answer:
        return change(answer) if meant(asked) == place else answer

    with Recorder(server.url, apart=True, amend=amend) as recorder:
        return Debugger(recorder.url, browser="follow", protocol=protocol, step_timeout_s=10, **settings).run()


def head(report: Report) -> str:
    return "\n".join(render(report)["text/plain"].splitlines()[:HEAD])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ALL)
def test_a_defect_is_told_in_full(server: DemoServer, name: str, protocol: str) -> None:
    _, _, step, status = ALL[name]
    report = report_on(server, name, protocol)
    told = head(report)
    assert report.status in ("failed", "warned"), "never green"
    assert report.cause.step == step
    assert STEPS[step].title in told
    assert re.search(r"https?://127\.0\.0\.1:\d+/\S*", told), "the URL"
    assert re.search(rf"-> {status}\b", told), "the status"
    assert re.search(r"rule: [a-z0-9-]+ \((MUST|SHOULD)\), \S.* https://", told), "where it is written down"
    assert re.search(r"fix: \w.*\.", told)
    assert re.search(r"who must act: \w", told)


@pytest.mark.parametrize("name", DEFECTS)
def test_none_of_them_ends_green_for_a_client_that_goes_on_regardless(server: DemoServer, name: str) -> None:
    strict, lenient = (report_on(server, name, on_violation=how) for how in ("stop", "continue"))
    assert lenient.status in ("failed", "warned")
    assert (lenient.cause.rule, lenient.cause.step) == (strict.cause.rule, strict.cause.step)


def test_a_fallback_that_works_is_not_green_and_says_why() -> None:
    """Where no document was found, clients guess; the oldest version allows it, and the report says that it was so."""

    def amend(asked: Asked, answer: Answer) -> Answer:
        if meant(asked) in ("resource_metadata", "server_metadata"):
            return Answer.of_json(404, {"detail": "Not Found"})
        return answer.without_header("www-authenticate") if meant(asked) == "challenge" else answer

    with DemoServer(require_resource=False) as lenient, Recorder(lenient.url, amend=amend) as recorder:
        report = Debugger(recorder.url, browser="follow", protocol="2025-03-26", step_timeout_s=10).run()
    assert [run.step for run in report.trace.runs if not run.achieved] == []
    assert {one.rule: one.level for one in report.findings} == {
        "challenge-missing": "MUST",
        "server-metadata-missing": "SHOULD",
    }


@pytest.mark.parametrize(
    "names",
    [
        ("no resource metadata", "resource metadata fails", "resource metadata is a page"),
        ("no server metadata", "server metadata is a page"),
    ],
)
def test_404_500_and_a_page_are_told_in_different_words(server: DemoServer, names: tuple[str, ...]) -> None:
    found = [report_on(server, name).cause for name in names]
    for words in ("summary", "fix", "observed"):
        assert len({getattr(finding, words) for finding in found}) == len(names)


def test_a_refused_token_does_not_make_a_loop(server: DemoServer) -> None:
    place, change, _, _ = DEFECTS["good token refused"]
    with Recorder(
        server.url, apart=True, amend=lambda asked, answer: change(answer) if meant(asked) == place else answer
    ) as recorder:
        Debugger(recorder.url, browser="follow", step_timeout_s=10).run()
    assert len(recorder.asked) <= 12
    assert len(recorder.of("authorization_code")) == 1
