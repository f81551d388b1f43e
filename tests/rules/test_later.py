"""Tests for the rules about refreshing and revoking, and for the suspects behind a refusal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from factories import (
    ACCESS,
    HEALTHY,
    NEXT_ACCESS,
    NEXT_REFRESH,
    NOON,
    REFRESH,
    Piece,
    asm,
    authorized,
    failed,
    initialized,
    jwt,
    listed,
    mcp_request,
    refresh_request,
    registered,
    revocation,
    rpc,
    server_document,
    tflow,
    token_answer,
    token_request,
    ttrace,
)

from mcp_oauth_nb.records import Exchange, Trace
from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.rule import Finding
from rules.later_specimens import LOGIN, OLD, SHORT, walked, without

INVALID = {"error": "invalid_grant"}


def finding(trace: Trace, rule: str) -> Finding:
    return next(one for one in judge(trace).findings if one.rule == rule)


def outcome(trace: Trace, rule: str) -> str:
    return judge(trace).outcomes[rule]


class TestRefreshTokens:
    def test_two_refreshes_at_the_same_time_are_a_race(self) -> None:
        slow = refresh_request("mcp", elapsed_ms=5_000)
        second = refresh_request("mcp", 400, INVALID)
        found = finding(walked(slow, second), "refresh-token-reused")
        assert (found.cause, found.who) == ("refresh-race", "client")
        assert "under a lock" in found.fix

    def test_one_after_the_other_is_no_race(self) -> None:
        found = finding(walked(OLD, refresh_request("mcp", 400, INVALID)), "refresh-token-reused")
        assert found.cause == "refresh-token-reused"

    def test_that_are_not_rotated_may_be_used_again(self) -> None:
        same = refresh_request("mcp", body=token_answer(access_token=NEXT_ACCESS))
        assert outcome(walked(same, same), "refresh-token-reused") == "passed"

    def test_replay_of_the_probe_is_no_mistake_of_the_client(self) -> None:
        assert outcome(tflow(), "refresh-token-reused") == "passed"

    @pytest.mark.parametrize("scope", [None, "mcp:tools"])
    def test_scope_may_be_repeated_or_left_out(self, scope: str | None) -> None:
        assert outcome(walked(refresh_request("mcp", scope=scope)), "refresh-scope-widened") == "passed"

    def test_scope_that_was_granted_counts_more_than_what_was_asked_for(self) -> None:
        narrow = Piece("token", (token_request(body=token_answer(scope="mcp:read")),))
        trace = tflow(narrow, Piece("refresh", (refresh_request(scope="mcp:tools"),)), upto="refresh")
        assert finding(trace, "refresh-scope-widened").expected == 'no more than "mcp:read"'

    @pytest.mark.parametrize("part", ["url", "header"])
    def test_in_a_wrong_place(self, part: str) -> None:
        used = mcp_request(rpc("tools/list", 2), token=REFRESH if part == "header" else ACCESS)
        if part == "url":
            url = f"{used.request.url}?t={REFRESH}"
            used = Exchange(0, "mcp", type(used.request)("POST", url, used.request.headers, b"{}"), used.response)
        found = finding(walked(used), "refresh-token-exposed")
        assert found.part.startswith(part)
        assert REFRESH not in found.observed

    def test_another_token_endpoint_than_the_one_that_issued_it(self) -> None:
        elsewhere = refresh_request("mcp")
        request = type(elsewhere.request)("POST", "https://new.example.com/token", (), elsewhere.request.body)
        trace = walked(Exchange(0, "mcp", request, elsewhere.response, started=NOON))
        assert "another token endpoint" in finding(trace, "refresh-client-differs").summary


class TestLoggingInAgain:
    def expired(self, *exchanges: Exchange) -> Trace:
        late = listed(401, started=NOON + timedelta(hours=2))
        return ttrace(*HEALTHY[:7], Piece("token", (SHORT,)), Piece("mcp", (*exchanges, late, LOGIN)))

    def test_without_having_tried_the_refresh_token(self) -> None:
        assert finding(self.expired(), "login-instead-of-refresh").cause == "refresh-not-tried"

    def test_after_a_refresh_that_brought_no_new_refresh_token(self) -> None:
        kept = token_answer(refresh_token=None, expires_in=0)
        late = listed(401, token=NEXT_ACCESS, started=NOON + timedelta(hours=2))
        again = refresh_request("mcp", body={**kept, "access_token": NEXT_ACCESS})
        trace = ttrace(*HEALTHY[:7], Piece("token", (SHORT,)), Piece("mcp", (again, late, LOGIN)))
        assert finding(trace, "login-instead-of-refresh").cause == "refresh-token-forgotten"

    def test_after_a_failure_that_passes(self) -> None:
        down = refresh_request("mcp", 503, b"")
        assert finding(walked(down, LOGIN), "login-instead-of-refresh").cause == "refresh-not-repeated"

    def test_is_right_once_the_refresh_token_is_dead(self) -> None:
        dead = refresh_request("mcp", 400, INVALID)
        assert "login-instead-of-refresh" not in [one.rule for one in judge(walked(dead, LOGIN)).findings]

    def test_is_right_for_a_token_that_was_refused_early(self) -> None:
        assert outcome(walked(listed(401), LOGIN), "login-instead-of-refresh") == "passed"


class TestNoRefreshToken:
    def missing(self, *pieces: Piece) -> Finding:
        bare = Piece("token", (token_request(body=token_answer(refresh_token=None)),))
        return finding(tflow(*pieces, bare, failed("refresh"), upto="refresh"), "refresh-token-missing")

    def test_because_the_client_was_not_registered_for_it(self) -> None:
        one = self.missing(Piece("register", (registered(grant_types=["authorization_code"]),)))
        assert (one.cause, one.caused_in, one.who) == ("refresh-grant-not-registered", "register", "client")

    def test_because_offline_access_was_not_asked_for(self) -> None:
        offering = asm(scopes_supported=["mcp:tools", "offline_access"])
        one = self.missing(Piece("server_metadata", (server_document(offering),)))
        assert (one.cause, one.caused_in, one.who) == ("offline-access-not-asked", "authorize", "client")

    def test_although_it_was_asked_for(self) -> None:
        offering = Piece("server_metadata", (server_document(asm(scopes_supported=["offline_access"])),))
        one = self.missing(offering, authorized(scope="mcp:tools offline_access"))
        assert (one.cause, one.suspects) == ("refresh-token-missing", ())


def refused(status: int = 400, body: dict[str, str] | bytes = b"", **form: str | None) -> Finding:
    return finding(
        tflow(failed("refresh", refresh_request(status=status, body=body, **form)), upto="refresh"), "refresh-refused"
    )


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "body", "cause", "who"),
        [
            (400, {**INVALID, "error_description": "Token expired"}, "refresh-token-expired", "user"),
            (400, {**INVALID, "error_description": "Session was revoked"}, "grant-revoked", "user"),
            (400, {"error": "unauthorized_client"}, "refresh-grant-not-allowed", "authorization server"),
            (401, {"error": "invalid_client"}, "client-forgotten", "authorization server"),
            (429, b"", "too-many-refreshes", "client"),
            (500, b"", "authorization-server-failing", "authorization server"),
            (503, b"", "authorization-server-failing", "authorization server"),
            (502, b"<html>", "token-endpoint-behind-failing-gateway", "gateway"),
            (503, b"<html>", "token-endpoint-behind-failing-gateway", "gateway"),
        ],
    )
    def test_that_speak_for_one_cause(self, status: int, body: dict[str, str] | bytes, cause: str, who: str) -> None:
        found = refused(status, body)
        assert (found.cause, found.who) == (cause, who)
        assert found.suspects[0].lines

    def test_that_say_nothing_leave_all_causes_possible(self) -> None:
        found = refused(400, INVALID)
        assert found.cause == "refresh-refused"
        assert [(one.cause, one.confidence) for one in found.suspects] == [
            ("refresh-token-expired", "possible"),
            ("grant-revoked", "possible"),
        ]

    def test_of_both_tokens_mean_a_revoked_grant(self) -> None:
        trace = ttrace(
            *HEALTHY[:8], Piece("mcp", (listed(401),)), failed("refresh", refresh_request(status=400, body=INVALID))
        )
        found = finding(trace, "refresh-refused")
        assert (found.cause, found.who) == ("grant-revoked", "user")
        assert len(found.suspects[0].lines) == 2

    def test_of_resource_are_certain_once_it_worked_without(self) -> None:
        no = failed("refresh", refresh_request(status=400, body={"error": "invalid_request"}))
        likely = finding(tflow(no, upto="refresh"), "refresh-refused").suspects[0]
        assert (likely.cause, likely.confidence) == ("resource-refused-at-refresh", "possible")
        bare = Piece("call", (refresh_request("call", resource=None),))
        known = finding(tflow(bare, no, upto="refresh"), "refresh-refused").suspects[0]
        assert (known.cause, known.confidence) == ("resource-refused-at-refresh", "certain")

    def test_of_a_client_that_authenticates_differently(self) -> None:
        first = Piece("token", (token_request(client_secret="s3cret"),))
        trace = tflow(
            first, failed("refresh", refresh_request(status=401, body={"error": "invalid_client"})), upto="refresh"
        )
        found = finding(trace, "refresh-refused")
        assert (found.cause, found.who) == ("authenticates-differently-at-refresh", "client")
        assert "s3cret" not in " ".join(one.quote for one in found.suspects[0].lines)

    def test_after_a_replay_of_the_same_grant(self) -> None:
        replayed = Piece("replay", (refresh_request("replay", 400, INVALID),))
        again = failed("refresh", refresh_request(status=400, body=INVALID, old=NEXT_REFRESH))
        found = finding(ttrace(*HEALTHY[:8], replayed, again), "refresh-refused")
        assert (found.cause, found.caused_in) == ("grant-ended-by-replay", "replay")

    def test_a_replay_of_an_earlier_grant_is_not_the_cause(self) -> None:
        replayed = Piece("replay", (refresh_request("replay", 400, INVALID),))
        again = failed("refresh", refresh_request(status=400, body=INVALID, old=NEXT_REFRESH))
        found = finding(ttrace(*HEALTHY[:8], replayed, Piece("token", (token_request(),)), again), "refresh-refused")
        assert "grant-ended-by-replay" not in {found.cause, *(one.cause for one in found.suspects)}

    def test_status_that_fits_the_error(self) -> None:
        assert outcome(tflow(), "refresh-error-status") == "passed"


class TestRevocation:
    @pytest.mark.parametrize(("status", "expected"), [(401, "passed"), (403, "not tested"), (500, "not tested")])
    def test_answers_to_a_revoked_token(self, status: int, expected: str) -> None:
        used = Piece("revoked", (mcp_request(rpc("initialize"), status, step="revoked", token=NEXT_ACCESS),))
        assert outcome(without("replay", used), "revoked-token-accepted") == expected

    def test_a_refusal_after_a_refused_replay_proves_nothing(self) -> None:
        verdict = judge(tflow())
        assert verdict.outcomes["revoked-token-accepted"] == "not tested"
        assert "a replay had been refused before" in verdict.reasons["revoked-token-accepted"]

    def test_a_success_after_a_refused_replay_proves_it_all_the_same(self) -> None:
        accepted = Piece("revoked", (initialized(step="revoked", token=NEXT_ACCESS),))
        assert outcome(tflow(accepted), "revoked-token-accepted") == "failed"

    def test_a_jwt_that_goes_on_working_is_a_warning(self) -> None:
        token = jwt(aud="x", exp=4102444800)
        accepted = Piece("revoked", (initialized(step="revoked", token=token),))
        report = diagnose(without("replay", accepted))
        assert report.status == "warned"
        assert report.cause is not None
        assert (report.cause.cause, report.cause.caused_in) == ("self-contained-token", "token")
        assert token not in " ".join(one.quote for one in report.suspects[0].lines)

    def test_an_opaque_token_leaves_both_servers_suspect(self) -> None:
        accepted = Piece("revoked", (initialized(step="revoked", token=NEXT_ACCESS),))
        found = finding(without("replay", accepted), "revoked-token-accepted")
        assert [one.cause for one in found.suspects] == ["revocation-not-carried-out", "revocation-not-looked-up"]

    def test_a_revoked_refresh_token_that_works_convicts_the_authorization_server(self) -> None:
        pieces = (
            Piece("revoke", (revocation(token=REFRESH), revocation(token=ACCESS))),
            Piece("revoked", (initialized(step="revoked"),)),
            Piece("refresh", (refresh_request(),)),
        )
        found = finding(ttrace(*HEALTHY[:9], *pieces), "revoked-token-accepted")
        assert (found.cause, found.who) == ("revocation-not-carried-out", "authorization server")
        assert found.suspects[0].confidence == "certain"

    def test_a_token_that_was_revoked_and_then_refused_is_the_users_own_doing(self) -> None:
        trace = ttrace(*HEALTHY[:8], Piece("revoke", (revocation(token=ACCESS),)), failed("mcp", listed(401)))
        found = finding(trace, "token-rejected")
        assert (found.cause, found.who) == ("grant-revoked", "user")

    def test_at_another_place_of_unknown_values_needs_known_tokens(self) -> None:
        trace = ttrace(Piece("revoke", (revocation(token="given-by-the-user"),)))
        assert outcome(trace, "revoked-another-token") == "not tested"
