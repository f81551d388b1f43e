"""The token endpoint and a token's life."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playbook import play

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.protocol.flow import Client
from mcp_oauth_nb.steps.tokens import refresh, replay, revoke, token

from .flows import FACTS, ISSUER, REDIRECT, URL, document, known, server_document

ENDPOINT = f"{ISSUER}/token"
ISSUED = {"access_token": "a-2", "token_type": "Bearer", "expires_in": 900, "refresh_token": "r-2", "scope": "s"}
WITHOUT = {"server_metadata": document(server_document(token_endpoint=["x"], revocation_endpoint={"a": 1}))}

REFUSALS = [
    (400, {"error": "invalid_grant"}, "expected 200, got 400 (invalid_grant)"),
    (400, {"error": ["x"]}, "expected 200, got 400"),
    (401, b"", "got 401"),
    (500, b"<html>", "got 500"),
    (302, b"", "got 302"),
    (201, ISSUED, "got 201"),
    (200, b"", "holds no access_token"),
    (200, b"access_token=x&token_type=bearer", "holds no access_token"),
    (200, [ISSUED], "holds no access_token"),
    (200, {"access_token": None}, "holds no access_token"),
    (200, {"access_token": ["x"]}, "holds no access_token"),
    (200, {"access_token": ""}, "holds no access_token"),
]


class TestToken:
    @pytest.mark.parametrize(("upto", "call"), [("pkce", "authorize"), ("authorization", "callback")])
    def test_needs(self, upto: str, call: str) -> None:
        with pytest.raises(NotYet, match=rf"dbg\.{call}\(\)"):
            play(token, known(upto))

    def test_redeems_the_code_with_what_was_asked(self) -> None:
        form = {
            "grant_type": "authorization_code",
            "code": "the-code",
            "redirect_uri": REDIRECT,
            "code_verifier": FACTS["pkce"].verifier,
            "resource": URL,
            "client_id": "the-client",
            "client_secret": None,
        }
        begun = play(token, known("code")).sends("POST", ENDPOINT, form=form, headers={"Authorization": None})
        begun.gets(200, ISSUED).learns(
            tokens={
                "access_token": "a-2",
                "refresh_token": "r-2",
                "token_type": "Bearer",
                "expires_in_s": 900.0,
                "scope": "s",
                "exchange": 1,
            }
        )

    @pytest.mark.parametrize(
        ("client", "form", "header"),
        [
            (Client("c", "s", "client_secret_post"), {"client_id": "c", "client_secret": "s"}, None),
            (Client("c", "s", "client_secret_basic"), {"client_id": None, "client_secret": None}, "Basic Yzpz"),
            (Client("a b", "s:/", "client_secret_basic"), {"client_id": None}, "Basic YStiOnMlM0ElMkY="),
            (Client("c", None, "none"), {"client_id": "c", "client_secret": None}, None),
        ],
    )
    def test_in_the_clients_name(self, client: Client, form, header) -> None:
        begun = play(token, known("code", facts={"client": client}))
        begun.sends("POST", ENDPOINT, form=form, headers={"Authorization": header})

    def test_the_endpoint_of_the_request_counts(self) -> None:
        """A document that was read again since must not lead the code elsewhere."""
        begun = play(token, known("code", facts={"server_metadata": document(server_document(token_endpoint="x"))}))
        begun.sends("POST", ENDPOINT)

    def test_no_resource_asked_none_sent(self) -> None:
        asked = replace(FACTS["authorization"], resource=None)
        play(token, known("code", facts={"authorization": asked})).sends("POST", ENDPOINT, form={"resource": None})

    def test_no_endpoint(self) -> None:
        asked = replace(FACTS["authorization"], token_endpoint="")
        play(token, known("code", facts={"authorization": asked})).stops("names no token_endpoint")

    @pytest.mark.parametrize(("status", "body", "said"), REFUSALS)
    def test_refused(self, status: int, body, said: str) -> None:
        play(token, known("code")).gets(status, body).stops(said)

    def test_no_answer(self) -> None:
        play(token, known("code")).fails("timeout").stops("a timeout failure")

    def test_an_answer_that_broke_off(self) -> None:
        play(token, known("code")).fails("protocol", after=b'{"access_token": "x"}').stops("a protocol failure")

    @pytest.mark.parametrize(
        ("given", "read"),
        [(900, 900.0), ("900", 900.0), (1.5, 1.5), ("soon", None), (True, None), (None, None), ([], None), ({}, None)],
    )
    def test_lifetimes(self, given, read) -> None:
        play(token, known("code")).gets(200, ISSUED | {"expires_in": given}).learns(tokens={"expires_in_s": read})

    @pytest.mark.parametrize("given", [b"1e999", b"NaN", b"-Infinity", b"9" * 5000, b'"1e999"'])
    def test_lifetimes_that_are_no_numbers(self, given: bytes) -> None:
        body = b'{"access_token": "a", "expires_in": ' + given + b"}"
        play(token, known("code")).gets(200, body).learns(tokens={"expires_in_s": None, "access_token": "a"})

    def test_other_members_of_the_wrong_type(self) -> None:
        odd = {"access_token": "a", "refresh_token": 5, "scope": ["x"], "token_type": {"a": 1}}
        play(token, known("code")).gets(200, odd).learns(
            tokens={"refresh_token": None, "scope": "mcp:tools", "token_type": "(not said)"}
        )


class TestRefresh:
    def test_needs_tokens(self) -> None:
        with pytest.raises(NotYet, match=r"dbg\.token\(\)"):
            play(refresh, known("code"))

    def test_a_new_pair(self) -> None:
        form = {"grant_type": "refresh_token", "refresh_token": "the-refresh-token", "resource": URL, "code": None}
        begun = play(refresh, known("tokens")).sends("POST", ENDPOINT, form=form).gets(200, ISSUED)
        begun.learns(tokens={"access_token": "a-2", "refresh_token": "r-2"}, old_refresh_token="the-refresh-token")

    def test_an_answer_without_refresh_token_keeps_the_old_one(self) -> None:
        begun = play(refresh, known("tokens")).gets(200, {"access_token": "a-2"})
        begun.learns(tokens={"refresh_token": "the-refresh-token", "scope": "mcp:tools"})

    def test_none_was_issued(self) -> None:
        held = replace(FACTS["tokens"], refresh_token=None)
        play(refresh, known("tokens", facts={"tokens": held})).stops("no refresh token was issued")

    def test_no_endpoint(self) -> None:
        play(refresh, known("tokens", facts=WITHOUT)).stops("names no token_endpoint")

    def test_metadata_is_needed(self) -> None:
        with pytest.raises(NotYet, match=r"dbg\.server_metadata\(\)"):
            play(refresh, known("tokens", facts={"server_metadata": None}))

    @pytest.mark.parametrize(("status", "body", "said"), REFUSALS)
    def test_refused(self, status: int, body, said: str) -> None:
        play(refresh, known("tokens")).gets(status, body).stops(said)


class TestReplay:
    def test_needs_a_replaced_token(self) -> None:
        with pytest.raises(NotYet, match=r"dbg\.refresh\(\)"):
            play(replay, known("session"))

    @pytest.mark.parametrize("status", [400, 401])
    def test_refused(self, status: int) -> None:
        begun = play(replay, known("old_refresh_token"))
        begun.sends("POST", ENDPOINT, form={"refresh_token": "the-old-refresh-token"})
        begun.gets(status).learns(replayed={"summary": f"old refresh token refused with {status}"})

    def test_accepted(self) -> None:
        flow = play(replay, known("old_refresh_token")).gets(200, ISSUED).learns()
        assert "accepted" in flow.replayed.summary
        assert flow.tokens.access_token == "the-access-token"

    @pytest.mark.parametrize(("status", "body"), [(500, b""), (404, b""), (200, b"<html>"), (302, b""), (200, {})])
    def test_neither(self, status: int, body) -> None:
        play(replay, known("old_refresh_token")).gets(status, body).stops(f"expected 400 (invalid_grant), got {status}")

    def test_no_answer(self) -> None:
        play(replay, known("old_refresh_token")).fails("dns").stops("a dns failure")

    def test_no_endpoint(self) -> None:
        play(replay, known("old_refresh_token", facts=WITHOUT)).stops("names no token_endpoint")


class TestRevoke:
    ENDPOINT = f"{ISSUER}/revoke"

    @pytest.mark.parametrize(
        ("facts", "call"), [({"tokens": None}, "token"), ({"server_metadata": None}, "server_metadata")]
    )
    def test_needs(self, facts, call: str) -> None:
        with pytest.raises(NotYet, match=rf"dbg\.{call}\(\)"):
            play(revoke, known("session", facts=facts))

    def test_both_tokens(self) -> None:
        first = {"token": "the-refresh-token", "token_type_hint": "refresh_token", "client_id": "the-client"}
        second = {"token": "the-access-token", "token_type_hint": "access_token"}
        begun = play(revoke, known("session")).sends("POST", self.ENDPOINT, form=first).gets(200)
        begun.sends("POST", self.ENDPOINT, form=second).gets(200).learns(
            revoked={"summary": "revocation answered 200", "exchange": 2}
        )

    def test_no_refresh_token(self) -> None:
        held = replace(FACTS["tokens"], refresh_token=None)
        begun = play(revoke, known("session", facts={"tokens": held}))
        begun.sends("POST", self.ENDPOINT, form={"token": "the-access-token"}).gets(200).learns(revoked={"exchange": 1})

    def test_no_endpoint(self) -> None:
        play(revoke, known("session", facts=WITHOUT)).stops("names no revocation_endpoint")

    @pytest.mark.parametrize("status", [201, 302, 400, 401, 404, 500, 503])
    def test_refused(self, status: int) -> None:
        play(revoke, known("session")).gets(status, {"error": "x"}).stops(f"expected 200, got {status} (x)")

    def test_the_second_refused(self) -> None:
        play(revoke, known("session")).gets(200).gets(503).stops("expected 200, got 503")

    def test_no_answer(self) -> None:
        play(revoke, known("session")).fails("tls").stops("a tls failure")


def test_access_tokens_that_cannot_be_revoked_leave_the_revocation_done() -> None:
    begun = play(revoke, known("tokens")).gets(200)
    begun.gets(400, {"error": "unsupported_token_type"}).learns(
        revoked={"summary": "refresh token revoked; access tokens cannot be"}
    )


def test_an_access_token_that_cannot_be_revoked_and_is_the_only_one_leaves_nothing_done() -> None:
    held = replace(FACTS["tokens"], refresh_token=None)
    begun = play(revoke, known("tokens", facts={"tokens": held}))
    begun.gets(400, {"error": "unsupported_token_type"}).stops("not tested: the server revokes no access tokens")


class TestIdToken:
    @pytest.mark.parametrize(("sent", "kept"), [("e30.e30.c2ln", "e30.e30.c2ln"), (None, None), ("", None), (5, None)])
    def test_it_is_kept_when_one_comes(self, sent: object, kept: str | None) -> None:
        play(token, known("code")).gets(200, ISSUED | {"id_token": sent}).learns(tokens={"id_token": kept})

    @pytest.mark.parametrize(("sent", "kept"), [("new", "new"), (None, "old")])
    def test_a_refresh_without_one_leaves_it(self, sent: str | None, kept: str) -> None:
        held = replace(FACTS["tokens"], id_token="old")
        begun = play(refresh, known("tokens", facts={"tokens": held}))
        begun.gets(200, ISSUED | {"id_token": sent}).learns(tokens={"id_token": kept})

    def test_it_is_told_only_where_there_is_one(self) -> None:
        assert "id_token" not in dict(FACTS["tokens"].shown())
        assert dict(replace(FACTS["tokens"], id_token="x").shown())["id_token"] == "x"
