"""Tests for the rules about introspection, userinfo and the management of a registration."""

from __future__ import annotations

from datetime import timedelta

import pytest
from factories import (
    ACCESS,
    ISSUER,
    NEXT_ACCESS,
    NOON,
    REFRESH,
    URL,
    Piece,
    asm,
    failed,
    id_token,
    introspection,
    managed,
    revocation,
    server_document,
    tflow,
    token_answer,
    token_request,
    ttrace,
    userinfo_request,
)

from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules import diagnose, judge
from mcp_oauth_nb.rules.rule import Finding

INACTIVE = {"active": False}
SIGNED = (("Content-Type", "application/token-introspection+jwt"),)


def found(piece: Piece, *others: Piece) -> dict[str, Finding]:
    trace = tflow(piece, *others, upto=piece.step)
    return {finding.rule: finding for finding in diagnose(trace).findings}


def outcome(rule: str, *pieces: Piece, upto: str = "introspect") -> str:
    return judge(tflow(*pieces, upto=upto)).outcomes[rule]


def asked(*exchanges: Exchange) -> Piece:
    return Piece("introspect", exchanges)


class TestIntrospection:
    def test_a_public_client_is_told_to_authenticate(self) -> None:
        public = introspection(401, {"error": "invalid_client"}, form={"token": ACCESS, "client_id": "client-1"})
        finding = found(failed("introspect", public))["introspection-refused"]
        assert finding.who == "user"
        assert "RFC 7662 2.1" in finding.fix

    @pytest.mark.parametrize(
        ("status", "body", "who", "hint"),
        [
            (401, {"error": "invalid_client"}, "client", "secret"),
            (403, b"", "authorization server", "Allow"),
            (400, {"error": "unsupported_token_type"}, "user", "dbg.details"),
            (404, b"", "authorization server", "Serve"),
            (502, b"", "gateway", "gateway"),
        ],
    )
    def test_refused(self, status: int, body: object, who: str, hint: str) -> None:
        finding = found(failed("introspect", introspection(status, body)))["introspection-refused"]
        assert finding.who == who
        assert hint in finding.fix

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"active": 1}', b'{"active": "true"}'])
    def test_active_is_a_boolean(self, body: bytes) -> None:
        assert list(found(failed("introspect", introspection(body=body)))) == ["introspection-answer-invalid"]

    def test_a_signed_answer_is_not_judged(self) -> None:
        piece = asked(introspection(body=b"e30.e30.c2ln", headers=SIGNED))
        assert found(piece) == {}
        assert outcome("introspection-answer-invalid", piece) == "not tested"

    @pytest.mark.parametrize(
        ("exchange", "expected"),
        [
            (introspection(body=INACTIVE), "warned"),
            (introspection(body=INACTIVE, token=REFRESH), "warned"),
            (introspection(body=INACTIVE, token="another"), "not tested"),
            (introspection(body=INACTIVE, started=NOON + timedelta(seconds=5000)), "not tested"),
            (introspection(body=INACTIVE, token=REFRESH, started=NOON + timedelta(seconds=5000)), "warned"),
            (introspection(body=INACTIVE, started=NOON.replace(tzinfo=None)), "not tested"),
        ],
    )
    def test_only_a_token_that_must_work_may_not_be_inactive(self, exchange: Exchange, expected: str) -> None:
        assert outcome("introspection-inactive", asked(exchange)) == expected

    def test_after_revocation_it_may_be_inactive(self) -> None:
        pieces = [
            Piece("token", (token_request(),)),
            Piece("revoke", (revocation(),)),
            asked(introspection(body=INACTIVE)),
        ]
        assert judge(ttrace(*pieces)).outcomes["introspection-inactive"] == "not tested"

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            ({"aud": URL}, "passed"),
            ({"aud": ["https://else.example", URL]}, "passed"),
            ({"aud": "https://else.example"}, "warned"),
            ({"aud": [5]}, "warned"),
            ({}, "not tested"),
            ({"active": False, "aud": "https://else.example"}, "not tested"),
        ],
    )
    def test_the_audience_is_the_resource(self, answer: dict[str, object], expected: str) -> None:
        assert outcome("introspection-audience", asked(introspection(body={"active": True} | answer))) == expected

    def test_a_token_from_elsewhere_has_no_known_resource(self) -> None:
        piece = asked(introspection(body={"active": True, "aud": "x"}, token=NEXT_ACCESS))
        assert outcome("introspection-audience", piece) == "not tested"

    @pytest.mark.parametrize(("step", "name"), [("introspect", "introspection"), ("userinfo", "userinfo")])
    def test_no_endpoint(self, step: str, name: str) -> None:
        metadata = Piece("server_metadata", (server_document(asm(**{f"{name}_endpoint": None})),))
        finding = found(failed(step), metadata)["inspection-not-offered"]
        assert finding.step == step
        assert finding.summary == f"The authorization server offers no {name} endpoint."


class TestUserinfo:
    def with_id_token(self, *userinfo: Exchange) -> dict[str, Finding]:
        issued = Piece("token", (token_request(body=token_answer(id_token=id_token())),))
        return found(Piece("userinfo", userinfo), issued)

    def test_the_subject_is_that_of_the_id_token(self) -> None:
        assert self.with_id_token(userinfo_request()) == {}
        finding = self.with_id_token(userinfo_request(body={"sub": "user-2"}))["userinfo-subject"]
        assert "user-" not in finding.expected + finding.observed

    @pytest.mark.parametrize("subject", [None, "", 5, ["user-1"]])
    def test_there_is_a_subject(self, subject: object) -> None:
        assert list(found(Piece("userinfo", (userinfo_request(body={"sub": subject}),)))) == ["userinfo-subject"]

    def test_a_refusal_may_be_meant(self) -> None:
        finding = found(failed("userinfo", userinfo_request(403)))["userinfo-refused"]
        assert (finding.who, "by design" in finding.fix) == ("client", True)

    def test_a_signed_answer_is_not_judged(self) -> None:
        signed = userinfo_request(body=b"e30.e30.c2ln", headers=(("Content-Type", "application/jwt"),))
        assert found(Piece("userinfo", (signed,))) == {}

    def test_a_page_is_no_answer(self) -> None:
        assert list(found(failed("userinfo", userinfo_request(body=b"<html>")))) == ["userinfo-refused"]


class TestIdToken:
    @pytest.mark.parametrize(
        ("changes", "rules"),
        [
            ({}, []),
            ({"aud": ["client-1", "another"]}, []),
            ({"aud": None}, ["id-token-audience"]),
            ({"iss": 5}, ["id-token-issuer"]),
            ({"iss": None}, ["id-token-issuer"]),
            ({"exp": None}, ["id-token-expired"]),
            ({"exp": "1e9"}, ["id-token-expired"]),
            ({"exp": -(10**400)}, ["id-token-expired"]),
            ({"exp": float("nan")}, ["id-token-expired"]),
            ({"exp": int(NOON.timestamp())}, ["id-token-expired"]),
        ],
    )
    def test_claims(self, changes: dict[str, object], rules: list[str]) -> None:
        piece = Piece("token", (token_request(body=token_answer(id_token=id_token(**changes))),))
        assert list(found(piece)) == rules
        assert outcome("id-token-nonce", piece, upto="token") == "not tested"

    @pytest.mark.parametrize("token", ["", "opaque", "a.b.c", 5, ["x"], "e30.e30.c2ln"])
    def test_no_jwt(self, token: object) -> None:
        piece = Piece("token", (token_request(body=token_answer(id_token=token)),))
        assert list(found(piece)) == ["id-token-malformed"]
        assert outcome("id-token-issuer", piece, upto="token") == "not tested"

    def test_no_part_of_it_stands_in_a_finding(self) -> None:
        token = id_token(iss="https://other.example", aud="another", exp=1)
        piece = Piece("token", (token_request(body=token_answer(id_token=token)),))
        for finding in found(piece).values():
            assert token[:12] not in finding.observed + finding.expected

    def test_the_client_of_basic_credentials(self) -> None:
        basic = (("Authorization", "Basic Y2xpZW50LTE6cw=="), ("Content-Type", "application/x-www-form-urlencoded"))
        sent = token_request(body=token_answer(id_token=id_token(aud="client-2")), client_id=None)
        sent = type(sent)(
            **{**vars(sent), "request": type(sent.request)("POST", sent.request.url, basic, sent.request.body)}
        )
        trace = ttrace(Piece("server_metadata", (server_document(),)), Piece("token", (sent,)))
        assert [one.expected for one in judge(trace).findings if one.rule == "id-token-audience"] == ['aud="client-1"']


class TestManagement:
    @pytest.mark.parametrize(
        ("status", "hint"), [(401, "register again"), (405, "console"), (403, "console"), (404, "Serve"), (200, "JSON")]
    )
    def test_refused(self, status: int, hint: str) -> None:
        body = b"<" if status == 200 else b""
        finding = found(failed("registration", managed("registration", status, body)))["registration-read-refused"]
        assert hint in finding.fix

    @pytest.mark.parametrize(
        ("client_id", "complains"), [("client-1", False), ("client-2", True), (None, True), (5, True)]
    )
    def test_the_same_client_is_read(self, client_id: object, complains: bool) -> None:
        rules = found(Piece("registration", (managed("registration", 200, {"client_id": client_id}),)))
        assert list(rules) == (["registration-read-differs"] if complains else [])

    @pytest.mark.parametrize(("status", "rules"), [(204, []), (200, ["registration-not-removed"])])
    def test_removed(self, status: int, rules: list[str]) -> None:
        assert list(found(Piece("unregister", (managed("unregister", status),)))) == rules

    @pytest.mark.parametrize(("status", "hint"), [(401, "register again"), (405, "console"), (404, "Serve")])
    def test_not_removed(self, status: int, hint: str) -> None:
        finding = found(failed("unregister", managed("unregister", status)))["registration-not-removed"]
        assert hint in finding.fix

    def test_a_client_from_elsewhere_is_compared_with_nothing(self) -> None:
        piece = Piece("registration", (managed("registration", 200, {"client_id": "x"}),))
        assert judge(ttrace(piece)).outcomes["registration-read-differs"] == "not tested"
        assert ISSUER in piece.exchanges[0].request.url
