"""Scopes, PKCE and state, and the lives of codes and refresh tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import (
    CHALLENGE,
    CODE,
    NOON,
    REFRESH,
    STATE,
    VERIFIER,
    Piece,
    asm,
    authorized,
    came_back,
    jwt,
    prm,
    refresh_request,
    resource_document,
    server_document,
    tflow,
    token_answer,
    token_request,
    ttrace,
    unauthenticated,
)

from mcp_oauth_nb.facts import Table, table_of
from mcp_oauth_nb.protocol.step import BARE_CODE
from mcp_oauth_nb.records import Trace
from tests.leaks import assert_no_leak


def made(name: str, trace: Trace) -> Table:
    table = table_of(trace, name)
    assert table is not None
    return table


def texts(table: Table) -> list[str]:
    return [table.title, *table.notes, *(cell.text for row in table.rows for cell in row)]


def result(table: Table, check: str) -> tuple[str, str]:
    return next((row[1].text, row[1].mark) for row in table.rows if row[0].text == check)


class TestScopes:
    def test_all_seven_sets(self) -> None:
        asked = unauthenticated(challenge=CHALLENGE.replace("mcp:tools", "a b"))
        flow = (
            asked,
            Piece("resource_metadata", (resource_document(prm(scopes_supported=["a"])),)),
            Piece("server_metadata", (server_document(asm(scopes_supported=["a", "b", "z"])),)),
            authorized(scope="a b c"),
            Piece("token", (token_request(body=token_answer(scope="a d", access_token=jwt(scp=["a"]))),)),
        )
        table = made("scopes", tflow(*flow, upto="token"))
        found = {row[0].text: [(cell.text, cell.mark) for cell in row[1:]] for row in table.rows}
        assert list(found) == ["a", "b", "c", "d"]
        yes, no = ("yes", "good"), ("–", "")
        assert found["a"] == [yes, yes, yes, ("", ""), yes, yes, yes]
        assert found["b"] == [yes, no, yes, ("", ""), yes, ("missing", "bad"), ("missing", "bad")]
        assert found["c"] == [no, no, no, ("", ""), yes, ("missing", "warn"), ("missing", "warn")]
        assert found["d"][5] == ("extra", "warn")
        assert table.title == "Scopes: 3 requested, 2 granted, missing: b c, extra: d"
        assert table.notes == (
            "Not said: registered.",
            "1 further scope is offered and not asked for.",
            "The access token carries them in scp, as an array.",
        )

    def test_silence_grants_what_was_requested(self) -> None:
        table = made("scopes", tflow(upto="token"))
        assert (table.title, table.mark) == ("Scopes: 1 requested, 1 granted, none missing", "good")
        assert table.notes[-1].startswith("The token answer names no scope")

    def test_what_the_challenge_wants_is_not_asked_for(self) -> None:
        table = made("scopes", tflow(authorized(scope="other"), upto="authorize"))
        assert next(row[5].text for row in table.rows if row[0].text == "mcp:tools") == "missing"

    @pytest.mark.parametrize(
        ("claim", "kind"), [("a", "a string"), (["a"], "an array"), (5, "neither string nor array")]
    )
    def test_how_the_token_carries_them(self, claim: object, kind: str) -> None:
        answer = token_answer(access_token=jwt(scope=claim))
        table = made("scopes", tflow(Piece("token", (token_request(body=answer),)), upto="token"))
        assert table.notes[-1] == f"The access token carries them in scope, as {kind}."

    def test_hundreds_of_scopes_stay_a_table(self) -> None:
        table = made("scopes", tflow(authorized(scope=" ".join(f"s{at}" for at in range(500)))))
        assert len(table.rows) == 40
        assert "461 further scopes are not listed." in table.notes


class TestBinding:
    def test_a_healthy_flow(self) -> None:
        table = made("binding", tflow())
        assert table.title == "PKCE and state: verifier fits the challenge, state came back"
        assert table.mark == "good"
        assert result(table, "length of the verifier")[0] == "43 characters (43 to 128 allowed)"
        assert_no_leak(texts(table), [VERIFIER, STATE, CODE])

    @pytest.mark.parametrize(
        ("form", "check", "said"),
        [
            ({"code_verifier": "short"}, "length of the verifier", "5 characters (43 to 128 allowed)"),
            ({"code_verifier": "ü" * 50}, "alphabet of the verifier", "others as well"),
            ({"code_verifier": VERIFIER[::-1]}, "challenge from the verifier", "no, another"),
            ({"code_verifier": None}, "challenge from the verifier", "no verifier was sent"),
        ],
    )
    def test_a_verifier_that_does_not_fit(self, form: dict[str, str | None], check: str, said: str) -> None:
        table = made("binding", tflow(Piece("token", (token_request(**form),)), upto="token"))
        assert result(table, check) == (said, "bad")
        assert table.mark == "bad"

    def test_plain_is_recomputed_and_marked(self) -> None:
        table = made("binding", tflow(authorized(code_challenge=VERIFIER, code_challenge_method="plain")))
        assert result(table, "code_challenge_method") == ("plain", "bad")
        assert result(table, "challenge from the verifier") == ("yes, equal", "good")

    def test_another_state_names_the_request_it_belongs_to(self) -> None:
        earlier = authorized(state="state-of-yesterday")
        trace = ttrace(earlier, authorized(), Piece("callback", (came_back(state="state-of-yesterday"),)))
        table = made("binding", replace(trace, runs=trace.runs[1:]))
        said, mark = result(table, "state returned")
        assert said.endswith(", of the authorization request #1")
        assert mark == "bad"
        assert "yesterday" not in "".join(texts(table))
        assert result(table, "authorization requests made")[0] == "2"

    def test_a_pasted_code_has_no_state(self) -> None:
        back = replace(came_back(state=None), edited=(BARE_CODE,))
        assert result(made("binding", tflow(Piece("callback", (back,)))), "state returned")[1] == "warn"
        absent = Piece("callback", (came_back(state=None),))
        assert result(made("binding", tflow(absent)), "state returned") == ("(absent)", "bad")


class TestLifetimes:
    def test_a_healthy_flow(self) -> None:
        table = made("lifetimes", tflow())
        code, *refreshed = table.rows
        assert [cell.text for cell in code][2:] == ["#6", "#7", "1.0 s", "accepted", "1"]
        assert [row[5].text for row in refreshed] == ["accepted", "refused: 400 invalid_grant", "never redeemed"]
        assert table.mark == "good"
        assert "1 code redeemed once" in table.title
        assert_no_leak(texts(table), [CODE, REFRESH])

    def test_a_code_that_was_too_old(self) -> None:
        late = replace(token_request(400, {"error": "invalid_grant"}), started=NOON + timedelta(seconds=666))
        table = made("lifetimes", tflow(Piece("token", (late,), achieved=False, stopped="x")))
        assert [(cell.text, cell.mark) for cell in table.rows[0]][4:6] == [
            ("660.0 s", ""),
            ("refused: 400 invalid_grant", "bad"),
        ]

    def test_a_token_that_is_accepted_again(self) -> None:
        table = made("lifetimes", tflow(Piece("replay", (refresh_request("replay"),)), upto="replay"))
        assert [(row[5].text, row[5].mark) for row in table.rows][2] == ("accepted (again)", "warn")

    def test_what_earlier_runs_redeemed_counts(self) -> None:
        trace = tflow(upto="token")
        table = made("lifetimes", replace(trace, runs=()))
        assert table.rows[0][6].text == "1"

    def test_a_nonce_that_was_wanted_first_spends_nothing(self) -> None:
        first = token_request(400, {"error": "use_dpop_nonce"})
        table = made("lifetimes", tflow(Piece("token", (first, token_request())), upto="token"))
        assert [(row[5].text, row[5].mark) for row in table.rows][:2] == [
            ("refused: 400 use_dpop_nonce", ""),
            ("accepted", "good"),
        ]

    def test_a_token_from_elsewhere(self) -> None:
        table = made("lifetimes", ttrace(Piece("refresh", (refresh_request(old="older-refresh"),))))
        assert table.rows[0][2].text == "(not in this trace)"
