"""Where several causes fit, they are ranked, with words and a call that tell them apart; the call leaves one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from amendments import Change, challenges, meant, page, refuses
from recorder import Amend, Asked, Instead, Recorder
from wire.raw import response

from mcp_oauth_nb import Debugger, DemoServer, Report
from mcp_oauth_nb.demo.answers import Answer
from mcp_oauth_nb.mime import render

NAMED = "/.well-known/oauth-protected-resource/mcp"
ROOT = "/.well-known/oauth-protected-resource"


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


def debugger(url: str, **settings: object) -> Debugger:
    return Debugger(url, browser="follow", step_timeout_s=10, **settings)


def ranking(report: Report) -> list[tuple[str, str]]:
    return [(one.cause, one.confidence) for one in report.suspects]


def calls(report: Report) -> list[str]:
    return [one.call for one in report.suspects]


def assert_told_apart(report: Report, *words: str) -> None:
    """Each suspect that does not lead stands in the text, with what tells it apart and the call."""
    text = render(report)["text/plain"].partition("\nsteps\n")[0]
    for one in report.suspects:
        if one.cause != report.cause.cause:
            assert one.summary in text
            assert f"tell apart: {one.apart}  {one.call}".rstrip() in text
    told = " ".join(one.apart for one in report.suspects)
    assert all(word in told for word in words)


def at(place: str, change: Change) -> Amend:
    return lambda asked, answer: change(answer) if meant(asked) == place else answer


def _at_the_root(of: Callable[[], Recorder]) -> Instead:
    def instead(asked: Asked) -> bytes | None:
        if asked.path != ROOT:
            return None
        document = {"resource": of().url, "authorization_servers": [of().issuer]}
        return response(json.dumps(document).encode(), "Content-Type: application/json")

    return instead


@pytest.mark.parametrize(
    ("elsewhere", "left"),
    [(False, ("metadata-not-published", "likely")), (True, ("metadata-url-wrong", "certain"))],
    ids=["nowhere", "at the root"],
)
def test_metadata_that_is_not_where_the_challenge_says(
    server: DemoServer, elsewhere: bool, left: tuple[str, str]
) -> None:
    def amend(asked: Asked, answer: Answer) -> Answer:
        return Answer.of_json(404, {"detail": "Not Found"}) if asked.path == NAMED else answer

    instead = _at_the_root(lambda: recorder) if elsewhere else None
    with Recorder(server.url, apart=True, amend=amend, instead=instead) as recorder:
        dbg = debugger(recorder.url)
        before = dbg.run()
        dbg.well_known()
    assert ranking(before) == [("metadata-url-wrong", "possible"), ("metadata-not-published", "possible")]
    assert before.cause.cause == "resource-metadata-missing", "two are as good as each other: none leads"
    assert calls(before) == ["dbg.well_known()"] * 2
    assert_told_apart(before, "gives the document", "All URLs")
    after = dbg.diagnose()
    assert ranking(after) == [left]
    assert after.cause.cause == left[0]


def test_a_revoked_token_that_still_works() -> None:
    with DemoServer("revocation-not-carried-out") as server:
        dbg = debugger(server.url)
        dbg.run()
        dbg.revoke()
        dbg.revoked()
        before = dbg.diagnose()
        dbg.refresh()
    assert ranking(before) == [("revocation-not-carried-out", "possible"), ("revocation-not-looked-up", "possible")]
    assert {one.who for one in before.suspects} == {"authorization server", "MCP server"}
    assert calls(before)[0] == "dbg.refresh()"
    assert_told_apart(before, "revoked refresh token still works", "remembered")
    after = dbg.diagnose()
    assert (after.cause.rule, after.cause.who) == ("revoked-refresh-token-accepted", "authorization server")
    assert "revoked-token-accepted" in after.cause.explains


def test_a_token_that_is_refused_as_if_there_were_none() -> None:
    with DemoServer("authorization-header-removed") as server:
        dbg = debugger(server.url)
        before = dbg.run()
        dbg.probe("garbage_token")
    assert ranking(before) == [("authorization-header-removed", "likely"), ("opaque-token", "possible")]
    assert calls(before) == ["dbg.probe('garbage_token')", "dbg.introspect()"]
    assert_told_apart(before, "error=invalid_token", "active by introspection")
    after = dbg.diagnose()
    assert ranking(after)[0] == ("authorization-header-removed", "likely")
    assert len(after.cause.suspects[0].lines) > len(before.cause.suspects[0].lines)


def test_a_client_that_the_token_endpoint_does_not_know(server: DemoServer) -> None:
    asked_before: list[str] = []

    def forget_the_first(asked: Asked, answer: Answer) -> Answer:
        if meant(asked) != "token":
            return answer
        asked_before.append(dict(asked.form)["client_id"])
        return refuses(401, "invalid_client", "unknown client")(answer) if len(asked_before) == 1 else answer

    with Recorder(server.url, apart=True, amend=forget_the_first) as recorder:
        dbg = debugger(recorder.url)
        before = dbg.run()
        dbg.register()
        after = dbg.run()
    assert ranking(before) == [("registration-lost", "likely"), ("secret-demanded", "possible")]
    assert before.cause.cause == "registration-lost"
    assert calls(before) == ["dbg.register()", "dbg.token(form={'client_secret': getpass()})"]
    assert_told_apart(before, "secret of the registration answer")
    assert len(set(asked_before)) == 2, "the second one is another client"
    assert (after.status, after.suspects) == ("passed", ())


def test_a_scope_that_the_token_lacks(server: DemoServer) -> None:
    wanted = 'Bearer error="insufficient_scope", scope="mcp:admin"'
    refusing = at("mcp", challenges(403, wanted))
    with Recorder(
        server.url,
        apart=True,
        amend=lambda one, answer: refusing(one, answer) if one.kind == "prompts/list" else answer,
    ) as recorder:
        dbg = debugger(recorder.url)
        dbg.run()
        dbg.mcp("prompts/list")  # a call of the user's own: nobody authorizes again for it by himself
        before = dbg.diagnose()
        dbg.authorize(params={"scope": "mcp:tools mcp:admin"})
        dbg.callback()
    assert ranking(before) == [("scope-never-asked", "likely"), ("scope-unknown-to-authorization-server", "possible")]
    assert {one.who for one in before.suspects} == {"client", "MCP server"}
    assert calls(before) == ["dbg.authorize(params={'scope': '...'})", "dbg.config"]
    assert_told_apart(before)
    after = dbg.diagnose()
    assert (after.cause.rule, after.failing_step) == ("authorization-error", "callback")
    assert ranking(after)[0] == ("scope-unknown-to-authorization-server", "certain")
    assert (after.cause.cause, after.cause.who) == ("scope-unknown-to-authorization-server", "MCP server")


def test_a_url_at_which_there_is_nothing(server: DemoServer) -> None:
    """The probe turns the diagnosis over: the URL is right, and its route is missing."""
    with Recorder(server.url, apart=True, amend=at("challenge", page(404, "Not Found"))) as recorder:
        dbg = debugger(recorder.url)
        before = dbg.run()
        dbg.well_known()
    assert (ranking(before), calls(before)) == ([("wrong-url", "likely")], ["dbg.well_known()"])
    assert ranking(dbg.diagnose()) == [("endpoint-not-routed", "likely")]
    assert dbg.diagnose().cause.who == "gateway"


def test_a_refresh_that_trips_over_the_resource() -> None:
    def refuse(asked: Asked) -> bytes | None:
        if meant(asked) != "refresh" or "resource" not in dict(asked.form):
            return None
        return response(b'{"error": "invalid_request"}', "Content-Type: application/json", status="400 Bad Request")

    with DemoServer(require_resource=False) as server, Recorder(server.url, apart=True, instead=refuse) as recorder:
        dbg = debugger(recorder.url)
        dbg.run()
        dbg.refresh()
        before = dbg.diagnose()
        dbg.refresh(form={"resource": None})
        without = dbg.diagnose()
        dbg.refresh()
    assert ranking(before) == [("resource-refused-at-refresh", "possible")]
    assert before.cause.cause == "refresh-refused"
    assert calls(before) == ["dbg.refresh(form={'resource': None})"]
    assert without.trace.run("refresh").achieved
    assert ranking(dbg.diagnose()) == [("resource-refused-at-refresh", "certain")]
    assert dbg.diagnose().cause.who == "authorization server"
