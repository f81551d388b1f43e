"""What people report of an authorization that does not work, each played through: the diagnosis is the one that helps.

Each test is a symptom as somebody without this tool would put it. Its server is the demo with a fault, with a proxy in
front, or asked wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from amendments import Change, challenges, meant, members, page, refuses, says
from recorder import Asked, Recorder
from staging import report_on

from mcp_oauth_nb import Debugger, DemoServer, Report
from mcp_oauth_nb.demo.answers import Answer
from mcp_oauth_nb.demo.faults import FAULTS
from mcp_oauth_nb.mime import render

TO_THE_CODE = ("challenge", "resource_metadata", "server_metadata", "register", "pkce", "authorize", "callback")


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


def debugger(url: str, **settings: object) -> Debugger:
    return Debugger(url, browser="follow", step_timeout_s=10, **settings)


def walked(server: DemoServer | Recorder, **settings: object) -> Debugger:
    dbg = debugger(server.url, **settings)
    dbg.run()
    return dbg


def amended(server: DemoServer, place: str, change: Change) -> Report:
    def amend(asked: Asked, answer: Answer) -> Answer:
        return change(answer) if meant(asked) == place else answer

    with Recorder(server.url, apart=True, amend=amend) as recorder:
        return walked(recorder).diagnose()


def told(report: Report) -> tuple[str, str, str]:
    """Rule, cause, party of what leads."""
    assert report.cause is not None
    assert report.cause.fix.endswith(".")
    return report.cause.rule, report.cause.cause, report.cause.who


# --- every request with the token is refused --------------------------------------------------------------------------


def test_the_token_was_meant_for_another_route() -> None:
    report = report_on(FAULTS["audience-of-another"])
    assert told(report) == ("token-audience", "audience-of-another", "authorization server")
    assert "token-rejected" in report.cause.explains


def test_a_token_of_another_route_was_brought_along(server: DemoServer) -> None:
    with DemoServer() as other:
        token = walked(other)._flow.tokens.access_token
    dbg = debugger(server.url, access_token=token)
    dbg.mcp()
    assert told(dbg.diagnose()) == ("token-rejected", "token-from-elsewhere", "user")


def test_the_server_takes_its_own_address_for_another_one() -> None:
    """Behind a proxy or under a domain of one's own the address that the server works out is not the published one."""
    report = report_on(FAULTS["expected-audience-differs"])
    assert told(report) == ("token-rejected", "expected-audience-differs", "MCP server")
    assert report.cause.caused_in == "resource_metadata"


def test_the_refusal_names_the_audience(server: DemoServer) -> None:
    report = amended(server, "mcp", challenges(401, 'Bearer error="invalid_audience"'))
    assert told(report) == ("token-rejected", "expected-audience-differs", "MCP server")


def test_the_server_publishes_the_address_behind_its_proxy() -> None:
    assert told(report_on(FAULTS["resource-of-inner-address"]))[1:] == ("resource-of-inner-address", "MCP server")


def test_the_request_carries_no_token() -> None:
    assert told(report_on(FAULTS["token-left-out"])) == ("token-not-sent", "token-not-sent", "user")


def test_the_token_is_lost_on_the_way() -> None:
    assert told(report_on(FAULTS["authorization-header-removed"]))[1:] == ("authorization-header-removed", "gateway")


def test_the_token_has_run_out() -> None:
    assert told(report_on(FAULTS["expired-token-used"])) == ("token-rejected", "token-expired", "user")


def test_the_token_was_revoked(server: DemoServer) -> None:
    dbg = walked(server)
    dbg.revoke()
    dbg.mcp()
    assert told(dbg.diagnose()) == ("token-rejected", "grant-revoked", "user")


def test_an_old_refresh_token_was_used_again(server: DemoServer) -> None:
    """A careful server then ends the whole grant, and refuses the newest access token as well."""
    dbg = walked(server)
    dbg.refresh()
    dbg.replay()
    dbg.mcp()
    assert told(dbg.diagnose()) == ("token-rejected", "grant-ended-by-replay", "user")
    assert dbg.diagnose().cause.caused_in == "replay"


def test_the_token_has_another_scope_than_the_only_one_there_is(server: DemoServer) -> None:
    report = amended(server, "mcp", challenges(403, 'Bearer error="insufficient_scope", scope="mcp:other"'))
    assert told(report) == ("insufficient-scope", "scope-unknown-to-authorization-server", "MCP server")


# --- the token endpoint refuses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("left_out", "rule"), [("resource", "resource-not-sent"), ("code_verifier", "pkce-mismatch")])
def test_the_token_request_is_invalid_for_want_of_a_parameter(server: DemoServer, left_out: str, rule: str) -> None:
    dbg = debugger(server.url)
    for name in TO_THE_CODE:
        getattr(dbg, name)()
    dbg.token(form={left_out: None})
    assert told(dbg.diagnose()) == (rule, rule, "user")
    assert "token-refused" in dbg.diagnose().cause.explains


def test_the_code_was_too_old(server: DemoServer) -> None:
    report = report_on(FAULTS["code-expired"])
    assert told(report) == ("token-refused", "code-lifetime-short", "authorization server")


def test_the_code_was_redeemed_before(server: DemoServer) -> None:
    dbg = walked(server)
    dbg.token()
    assert told(dbg.diagnose()) == ("token-refused", "code-spent", "client")
    assert "authorize" in dbg.diagnose().suspects[0].call


# --- consent ----------------------------------------------------------------------------------------------------------


def test_the_button_of_the_consent_page_is_dead() -> None:
    assert told(report_on(FAULTS["consent-disabled"])) == ("authorization-page", "consent-disabled", "user")


def test_the_tool_wants_consent_at_another_service() -> None:
    report = report_on(FAULTS["upstream-not-connected"])
    assert told(report) == ("url-elicitation-required", "url-elicitation-required", "user")
    assert "https://" in report.cause.observed, "the address that is to be opened"


def test_the_redirect_uri_is_not_the_registered_one() -> None:
    report = report_on(FAULTS["redirect-uri-of-another"])
    assert told(report) == ("redirect-uri-unregistered", "redirect-uri-unregistered", "user")
    assert report.cause.step == "authorize"


def _dropped(answer: Answer) -> Answer:
    return replace(answer, delivery="dropped")


@pytest.mark.parametrize(
    ("place", "change", "cause", "who"),
    [
        (
            "server_metadata",
            members(authorization_endpoint="http://localhost:1/authorize"),
            "endpoint-out-of-reach",
            "authorization server",
        ),
        ("authorize", _dropped, "unreachable", "gateway"),
        ("authorize", page(502, "502 Bad Gateway"), "gateway-without-authorization-endpoint", "gateway"),
    ],
    ids=["address", "connection", "gateway"],
)
def test_the_browser_does_not_get_to_the_authorization_server(
    server: DemoServer, place: str, change: Change, cause: str, who: str
) -> None:
    report = amended(server, place, change)
    assert report.failing_step == "callback"
    assert told(report)[1:] == (cause, who)


# --- registration and discovery ---------------------------------------------------------------------------------------


def test_the_redirect_uri_is_plain_http_on_another_machine() -> None:
    assert told(report_on(FAULTS["redirect-on-plain-http"]))[1:] == ("redirect-on-plain-http", "user")


def test_the_registration_takes_no_such_redirect_uri(server: DemoServer) -> None:
    report = amended(server, "register", refuses(400, "invalid_redirect_uri", "use https or http://localhost"))
    assert report.cause.rule == "registration-refused"
    assert [one.cause for one in report.suspects] == ["loopback-refused"]
    assert "localhost" in report.suspects[0].call


def test_the_url_is_that_of_another_service(server: DemoServer) -> None:
    report = walked_at(server.url.replace("/mcp", "/nothing-here"))
    assert told(report) == ("unauthenticated-status", "wrong-url", "user")


def walked_at(url: str) -> Report:
    return debugger(url).run()


def test_there_is_no_metadata_at_the_well_known_url(server: DemoServer) -> None:
    report = amended(server, "server_metadata", says(404, {"detail": "Not Found"}))
    assert told(report)[1:] == ("server-metadata-not-published", "authorization server")


def test_the_refusal_without_a_token_names_no_metadata(server: DemoServer) -> None:
    report = amended(server, "challenge", says(401, {"error": "unauthorized"}))
    assert told(report) == ("challenge-missing", "challenge-missing", "MCP server")


def test_the_metadata_does_not_list_s256() -> None:
    assert told(report_on(FAULTS["no-s256"]))[1:] == ("s256-not-advertised", "authorization server")


# --- what is right all the same ---------------------------------------------------------------------------------------


def test_a_refusal_that_should_come_is_no_failure(server: DemoServer) -> None:
    """Revoked tokens are refused, and an unknown token is revoked with 200: both are as they should be."""
    dbg = walked(server)
    steps: tuple[Callable[[], Report], ...] = (dbg.refresh, dbg.revoke, dbg.revoked)
    assert [step().status for step in steps] == ["passed"] * 3
    assert dbg.diagnose().findings == ()


def test_the_report_says_where_the_flow_stopped_and_which_step_was_the_last_good_one(server: DemoServer) -> None:
    text = render(amended(server, "token", refuses(400, "invalid_grant")))["text/plain"]
    assert text.index("[PASSED] 7.") < text.index("[FAILED] 8.") < text.index("[NOT RUN] 9.")
