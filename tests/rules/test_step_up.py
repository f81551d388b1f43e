"""Tests for the rules about too little scope, and for the suspects behind such a refusal."""

from __future__ import annotations

import pytest
from factories import (
    HEALTHY,
    NEXT_ACCESS,
    REDIRECT_URI,
    Piece,
    asm,
    failed,
    listed,
    mcp_request,
    refresh_request,
    rpc,
    rpc_error,
    server_document,
    texchange,
    tflow,
    token_answer,
    token_request,
    ttrace,
)

from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.rule import Finding
from rules.later_specimens import STEPPED_UP, TWICE, asked, redeemed, tried, walked, worked

RULES_OF_CLIENTS = ("step-up-scope-dropped", "step-up-endless", "step-up-not-tried")


def finding(trace: Trace, rule: str) -> Finding:
    return next(one for one in judge(trace).findings if one.rule == rule)


def rules(trace: Trace) -> list[str]:
    return [one.rule for one in judge(trace).findings]


def test_a_step_up_that_worked_leaves_nothing_to_mend() -> None:
    report = diagnose(STEPPED_UP)
    assert report.findings == ()
    assert report.status == "passed"


class TestTheServer:
    @pytest.mark.parametrize(
        ("version", "expected"), [("2025-06-18", []), ("2025-11-25", ["scope-challenge-incomplete"])]
    )
    def test_has_to_name_the_scope_only_where_the_version_says_so(self, version: str, expected: list[str]) -> None:
        found = rules(walked(tried(None), protocol=version))
        assert [one for one in found if one.startswith("scope-")] == expected

    def test_that_asks_for_what_was_granted_leads(self) -> None:
        assert diagnose(ttrace(*walked_pieces(tried("mcp:tools")))).cause.rule == "scope-challenged-again"  # type: ignore[union-attr]

    def test_that_asks_for_more_and_more(self) -> None:
        trace = walked(*TWICE, tried("c", token=NEXT_ACCESS))
        assert "yet more scope for tools/call write" in finding(trace, "scope-challenged-again").summary

    def test_may_ask_for_more_for_another_operation(self) -> None:
        other = mcp_request(
            rpc("tools/call", 4, name="delete"),
            403,
            token=NEXT_ACCESS,
            headers=(("WWW-Authenticate", 'Bearer error="insufficient_scope", scope="c"'),),
        )
        assert "scope-challenged-again" not in rules(walked(*TWICE, worked(token=NEXT_ACCESS), other))

    @pytest.mark.parametrize(("status", "error"), [(401, "insufficient_scope"), (403, "invalid_token")])
    def test_that_swaps_the_statuses_leads(self, status: int, error: str) -> None:
        swapped = listed(status, headers=(("WWW-Authenticate", f'Bearer error="{error}"'),))
        lead = diagnose(tflow(failed("mcp", swapped))).cause
        assert lead is not None
        assert (lead.rule, lead.who) == ("refusal-status-swapped", "MCP server")


def walked_pieces(*exchanges: object) -> list[Piece]:
    return [*HEALTHY[:8], failed("mcp", *exchanges)]  # type: ignore[arg-type]


class TestTheClient:
    def test_that_drops_scopes_is_told_only_where_it_has_to_keep_them(self) -> None:
        steps = (tried("b"), asked("b"), redeemed("b"), worked(token=NEXT_ACCESS))
        assert "step-up-scope-dropped" not in rules(walked(*steps, protocol="2025-11-25"))
        assert "mcp:tools" in finding(walked(*steps, protocol="2026-07-28"), "step-up-scope-dropped").observed

    def test_that_asks_without_the_challenged_scope(self) -> None:
        found = finding(walked(tried("b"), asked("mcp:tools"), protocol="2025-11-25"), "step-up-scope-dropped")
        assert "without the scope that exchange" in found.summary

    def test_that_goes_to_and_fro_between_scopes(self) -> None:
        steps = (tried("b"), asked("b"), redeemed("b"), tried("a"), asked("a"), redeemed("a"), tried("b"), asked("b"))
        assert "step-up-endless" in rules(walked(*steps, protocol="2025-11-25"))

    def test_that_tries_too_often(self) -> None:
        steps = [one for scope in "bcde" for one in (tried(scope), asked(f"mcp:tools {scope}"))]
        assert finding(walked(*steps), "step-up-endless").observed == "4 authorizations for tools/call write"

    def test_that_refreshes_instead(self) -> None:
        found = finding(walked(tried("b"), refresh_request("mcp"), tried("b", token=NEXT_ACCESS)), "step-up-not-tried")
        assert found.cause == "step-up-by-refresh"
        assert "cannot add any scope" in found.summary

    @pytest.mark.parametrize("grant", ["client_credentials", "authorization_code"])
    def test_that_acts_for_itself_may_give_up(self, grant: str) -> None:
        given_up = rules(walked(tried("b"), tried("b"), grant=grant))
        assert ("step-up-not-tried" in given_up) == (grant == "authorization_code")

    def test_that_stops_after_one_refusal_is_not_blamed(self) -> None:
        assert not {*RULES_OF_CLIENTS} & {*rules(walked(tried("b")))}


class TestSuspects:
    def refusal(self, *exchanges: object, **changes: object) -> Finding:
        document = Piece("server_metadata", (server_document(asm(**changes)),))
        return finding(tflow(document, failed("mcp", *exchanges)), "insufficient-scope")  # type: ignore[arg-type]

    def test_scope_that_was_never_asked_for(self) -> None:
        found = self.refusal(tried("b"))
        assert (found.cause, found.who, found.caused_in) == ("scope-never-asked", "client", "authorize")
        assert found.fix == 'Authorize again with scope="b mcp:tools".'

    def test_scope_that_was_asked_for_and_not_granted(self) -> None:
        narrow = Piece("token", (token_request(body=token_answer(scope="mcp:read")),))
        found = finding(tflow(narrow, failed("mcp", tried("mcp:tools"))), "insufficient-scope")
        assert (found.cause, found.who, found.caused_in) == ("scope-not-granted", "user", "token")

    def test_scope_that_the_authorization_server_refuses(self) -> None:
        back = texchange("mcp", f"{REDIRECT_URI}?error=invalid_scope", None, direction="in")
        found = self.refusal(tried("b"), asked("mcp:tools b"), back)
        assert (found.cause, found.who) == ("scope-unknown-to-authorization-server", "MCP server")
        assert found.suspects[0].confidence == "certain"

    def test_scope_that_no_list_has(self) -> None:
        causes = [one.cause for one in self.refusal(tried("b"), scopes_supported=["mcp:tools"]).suspects]
        assert causes == ["scope-never-asked", "scope-unknown-to-authorization-server"]
        assert "scope-unknown-to-authorization-server" not in [
            one.cause for one in self.refusal(tried("b"), scopes_supported=["b"]).suspects
        ]

    @pytest.mark.parametrize(
        ("headers", "cause"), [((("CF-Ray", "1"),), "gateway-forbids"), ((), "insufficient-scope")]
    )
    def test_page_of_a_gateway(self, headers: tuple[tuple[str, str], ...], cause: str) -> None:
        page = b"<!doctype html><title>Blocked</title>" if headers else b"{}"
        assert self.refusal(listed(403, page, headers=headers)).cause == cause

    @pytest.mark.parametrize(
        ("message", "name", "confidence"),
        [("Permission denied", "mcp-error", "likely"), ("out of memory", "mcp-error", "possible")],
    )
    def test_denial_that_looks_like_a_crash(self, message: str, name: str, confidence: str) -> None:
        crash = mcp_request(rpc("tools/call", 3, name="x"), body=rpc_error(-32603, message))
        found = finding(tflow(failed("mcp", listed(), crash)), name)
        assert [(one.cause, one.confidence) for one in found.suspects] == [("denial-as-error", confidence)]

    def test_crash_of_everything_is_no_denial(self) -> None:
        crash = mcp_request(rpc("tools/call", 3, name="x"), 500, b"denied")
        assert [one.cause for one in finding(tflow(failed("mcp", crash)), "mcp-error").suspects] == [
            "mcp-server-crashes"
        ]
