"""Introspection and userinfo."""

from __future__ import annotations

from typing import Any

import pytest
from playbook import play

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.jose import new_key
from mcp_oauth_nb.protocol.flow import Client, Flow, Tokens
from mcp_oauth_nb.steps.inspection import introspect_step, userinfo

from .flows import ISSUER, document, known, server_document

ENDPOINT, USERINFO = f"{ISSUER}/introspect", f"{ISSUER}/userinfo"
JWT_ANSWER = (("Content-Type", "application/token-introspection+jwt"),)


def flow(facts: dict[str, Any] | None = None, **changes: Any) -> Flow:
    metadata = document(server_document(introspection_endpoint=ENDPOINT, userinfo_endpoint=USERINFO))
    return known("tokens", facts={"server_metadata": metadata} | (facts or {}), **changes)


class TestIntrospect:
    @pytest.mark.parametrize(
        ("which", "token"), [("access_token", "the-access-token"), ("refresh_token", "the-refresh-token")]
    )
    def test_asks_about_either_token(self, which: Any, token: str) -> None:
        form = {"token": token, "token_type_hint": which, "client_id": "the-client"}
        begun = play(introspect_step(which), flow()).sends("POST", ENDPOINT, form=form)
        answer = {"active": True, "scope": "mcp:tools", "aud": ["a", "b"], "exp": 5, "username": "somebody"}
        details = (("scope", "mcp:tools"), ("aud", "a b"), ("exp", "5"))
        summary = f"the {which.replace('_', ' ')} is active"
        begun.gets(200, answer).learns(introspected={"summary": summary, "details": details, "exchange": 1})

    @pytest.mark.parametrize(
        ("client", "headers", "form"),
        [
            (
                Client("id", "s", "client_secret_basic"),
                {"Authorization": "Basic aWQ6cw=="},
                {"client_id": None, "client_secret": None},
            ),
            (
                Client("id", "s", "client_secret_post"),
                {"Authorization": None},
                {"client_id": "id", "client_secret": "s"},
            ),
        ],
    )
    def test_authenticates_as_at_the_token_endpoint(self, client: Client, headers: Any, form: Any) -> None:
        play(introspect_step(), flow({"client": client})).sends("POST", ENDPOINT, headers=headers, form=form)

    def test_an_inactive_token_is_an_outcome(self) -> None:
        begun = play(introspect_step(), flow()).gets(200, {"active": False})
        begun.learns(introspected={"summary": "the access token is not active", "details": ()})

    def test_a_signed_answer_is_not_taken_apart(self) -> None:
        begun = play(introspect_step(), flow()).gets(200, b"e30.e30.c2ln", JWT_ANSWER)
        assert "RFC 9701" in begun.learns(introspected={"details": ()}).introspected.summary

    @pytest.mark.parametrize(
        ("status", "body", "said"),
        [
            (401, {"error": "invalid_client"}, "expected 200, got 401 (invalid_client)"),
            (403, b"", "got 403"),
            (302, b"", "got 302"),
            (200, b"", "does not say"),
            (200, b"<html>", "does not say"),
            (200, [True], "does not say"),
            (200, {}, "does not say"),
            (200, {"active": "true"}, "does not say"),
            (200, {"active": 1}, "does not say"),
            (200, {"active": None}, "does not say"),
        ],
    )
    def test_anything_else_stops(self, status: int, body: Any, said: str) -> None:
        play(introspect_step(), flow()).gets(status, body).stops(said)

    def test_no_answer_or_half_of_one(self) -> None:
        play(introspect_step(), flow()).fails("connect").stops("a connect failure")
        play(introspect_step(), flow()).fails("protocol", after=b'{"active": true}').stops("a protocol failure")

    @pytest.mark.parametrize("endpoint", [None, 5, ["x"]])
    def test_no_endpoint(self, endpoint: Any) -> None:
        metadata = document(server_document(introspection_endpoint=endpoint))
        play(introspect_step(), flow({"server_metadata": metadata})).stops("names no introspection_endpoint")

    def test_no_refresh_token(self) -> None:
        play(introspect_step("refresh_token"), flow({"tokens": Tokens("a")})).stops("no refresh token was issued")

    @pytest.mark.parametrize("fact", ["tokens", "server_metadata", "client"])
    def test_needs(self, fact: str) -> None:
        with pytest.raises(NotYet):
            play(introspect_step(), flow({fact: None}))


class TestUserinfo:
    def test_asks_with_the_access_token(self) -> None:
        begun = play(userinfo, flow()).sends("GET", USERINFO, headers={"Authorization": "Bearer the-access-token"})
        begun.gets(200, {"sub": "a", "email": "b"}).learns(userinfo={"summary": "claims: sub, email", "exchange": 1})

    def test_with_a_proof_where_the_token_is_bound(self) -> None:
        tokens = Tokens("t", token_type="DPoP")
        begun = play(userinfo, flow({"tokens": tokens}, dpop_key=new_key()))
        begun.sends("GET", USERINFO, headers={"Authorization": "DPoP t"})
        nonce = (("WWW-Authenticate", 'DPoP error="use_dpop_nonce"'), ("DPoP-Nonce", "n"))
        begun.gets(401, b"", nonce).sends("GET", USERINFO).gets(200, {"sub": "a"}).learns(userinfo={"exchange": 2})

    def test_a_signed_answer_is_not_taken_apart(self) -> None:
        begun = play(userinfo, flow()).gets(200, b"e30.e30.c2ln", (("Content-Type", "application/jwt"),))
        begun.learns(userinfo={"summary": "answered with a JWT, which is not taken apart here"})

    @pytest.mark.parametrize(
        ("status", "body", "said"),
        [
            (401, b"", "got 401"),
            (403, {"error": "x"}, "got 403 (x)"),
            (200, b"", "no JSON object"),
            (200, [1], "no JSON"),
        ],
    )
    def test_anything_else_stops(self, status: int, body: Any, said: str) -> None:
        play(userinfo, flow()).gets(status, body).stops(said)

    def test_no_endpoint(self) -> None:
        play(userinfo, known("tokens")).stops("names no userinfo_endpoint")

    def test_names_are_cut(self) -> None:
        begun = play(userinfo, flow()).gets(200, {"x" * 5000: 1})
        assert len(begun.learns().userinfo.summary) < 100
