"""What tokens say of themselves, against the trace and both clocks; signatures with keys that were fetched."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from factories import (
    ISSUER,
    JSON,
    NO_STORE,
    NOON,
    URL,
    Piece,
    id_token,
    jwt,
    mcp_request,
    rpc,
    texchange,
    tflow,
    token_answer,
    token_request,
    ttrace,
)

from mcp_oauth_nb.facts import Table, table_of
from mcp_oauth_nb.jose import PrivateKey, new_key
from mcp_oauth_nb.protocol.jwt import FRAGMENT
from mcp_oauth_nb.records import Exchange, Trace

NOW = int(NOON.timestamp())
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": URL,
    "client_id": "client-1",
    "scope": "mcp:tools",
    "iat": NOW,
    "exp": NOW + 3600,
    "sub": "somebody@example.com",
    "jti": "one-of-a-kind",
    "email": "somebody@example.com",
}


def made(trace: Trace) -> Table:
    table = table_of(trace, "tokens")
    assert table is not None
    return table


def told(token: str, *others: Piece, ahead_s: float = 0, **members: Any) -> Table:
    date = format_datetime(NOON + timedelta(seconds=7 + ahead_s), usegmt=True)
    one = token_request(body=token_answer(access_token=token, **members), headers=(*NO_STORE, ("Date", date)))
    trace = tflow(Piece("token", (one,)), upto="token")
    return made(with_pieces(trace, *others))


def with_pieces(trace: Trace, *pieces: Piece) -> Trace:
    more = ttrace(*pieces)
    first = len(trace.exchanges)
    exchanges = tuple(replace(one, id=one.id + first) for one in more.exchanges)
    runs = tuple(replace(run, exchanges=tuple(number + first for number in run.exchanges)) for run in more.runs)
    return replace(trace, exchanges=(*trace.exchanges, *exchanges), runs=(*trace.runs, *runs))


def keys(*published: dict[str, Any]) -> Piece:
    return Piece("jwks", (texchange("jwks", f"{ISSUER}/jwks", 200, {"keys": list(published)}),))


def cells(table: Table, what: str) -> tuple[str, str, str]:
    row = next(row for row in table.rows if row[1].text == what)
    return row[2].text, row[3].text, row[2].mark or row[3].mark


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("opaque-token", "opaque (1 part)"),
        ("a.b", "opaque (2 parts, no JWT)"),
        ("eyJlbmMiOiJBMTI4R0NNIn0.a.b.c.d", "JWE (encrypted, 5 parts)"),
        (jwt(), "JWT (signed, 3 parts)"),
    ],
)
def test_kinds(token: str, kind: str) -> None:
    assert cells(told(token), "kind")[0] == f"{kind}, {len(token)} characters"


def test_claims_that_fit() -> None:
    table = told(jwt(**CLAIMS), id_token=id_token())
    assert table.mark == "good"
    assert cells(table, "aud") == (URL, "equal to resource in the metadata", "good")
    assert cells(table, "scope")[1] == "all that the challenge asks for"
    assert cells(table, "signature")[0] == "not verified: no key set was fetched"
    assert cells(table, "exp")[1] == "in 3593 s by our clock; in 3593 s by the server's Date"
    assert [row[3].text for row in table.rows if row[0].text == "ID token" and row[1].text == "aud"] == [
        "equal to the client"
    ]


def test_who_the_user_is_stays_out_and_no_part_of_a_token_is_shown() -> None:
    token = jwt(**CLAIMS)
    echoing = jwt(**{**CLAIMS, "iss": token[10:40], "azp": token})
    table = told(echoing, id_token=token)
    shown = "\n".join([table.title, *(cell.text for row in table.rows for cell in row)])
    assert "somebody" not in shown
    assert "one-of-a-kind" not in shown
    for secret in (token, echoing):
        assert not any(secret[at : at + FRAGMENT] in shown for at in range(len(secret) - FRAGMENT + 1))


@pytest.mark.parametrize(
    ("claims", "what", "said", "mark"),
    [
        ({"aud": "https://x.example"}, "aud", "differs at character 9 (host)", "bad"),
        ({"aud": URL + "/"}, "aud", "differs only by a trailing slash", "warn"),
        ({"aud": ["a", "b"]}, "aud", "does not hold resource in the metadata", "bad"),
        ({"aud": 5}, "aud", "does not hold resource in the metadata", "bad"),
        ({"iss": "https://x.example"}, "iss", "compared with issuer in the metadata", "bad"),
        ({"scope": "other"}, "scope", "1 of the challenge is missing", "bad"),
        ({"exp": NOW - 5}, "exp", "12 s ago by our clock", "bad"),
        ({"exp": NOW + 30}, "exp", "in 23 s by our clock", "warn"),
        ({"nbf": NOW + 500}, "nbf", "in 493 s by our clock", "bad"),
        ({"exp": "soon"}, "exp", "", "bad"),
        ({"exp": 10**30}, "exp", "", "bad"),
        ({"exp": float("nan")}, "exp", "", "bad"),
    ],
)
def test_claims_that_do_not_fit(claims: dict[str, Any], what: str, said: str, mark: str) -> None:
    table = told(jwt(**{**CLAIMS, **claims}))
    _, compared, marked = cells(table, what)
    assert said in compared
    assert (marked, table.mark) == (mark, mark)


@pytest.mark.parametrize(
    ("ahead_s", "said", "mark"),
    [(0, "agrees with ours", ""), (30, "30 s ahead of ours", "warn"), (-90, "90 s behind ours", "bad")],
)
def test_the_clock_of_the_server(ahead_s: float, said: str, mark: str) -> None:
    assert cells(told("opaque", ahead_s=ahead_s), "clock") == (said, "", mark)


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 99 Foo 2026 99:99:99 GMT", "x" * 500])
def test_a_date_that_is_none(date: str) -> None:
    one = token_request(headers=(*JSON, ("Date", date)))
    assert not any(row[1].text == "clock" for row in made(tflow(Piece("token", (one,)), upto="token")).rows)


def signed(key: PrivateKey, **header: str) -> str:
    return key.sign(header, CLAIMS)


class TestSignatures:
    KEY = new_key()

    @pytest.mark.parametrize(
        ("changes", "header", "said", "mark"),
        [
            ({}, {}, "verified with a key of the trace", "good"),
            ({"kid": "k1"}, {"kid": "k1"}, "verified with a key of the trace", "good"),
            ({"kid": "k1"}, {"kid": "k2"}, "key not found", "bad"),
            ({"alg": "ES384"}, {}, "algorithm mismatch", "bad"),
            ({"use": "enc"}, {}, "algorithm mismatch", "bad"),
            ({"kty": "RSA"}, {}, "algorithm mismatch", "bad"),
            ({"x": "AAAA"}, {}, "not verified: the published key could not be used", "warn"),
            ({"x": 5}, {}, "not verified", "warn"),
            ({"x": "A" * 9000}, {}, "not verified", "warn"),
        ],
    )
    def test_what_the_published_keys_say(self, changes: Any, header: Any, said: str, mark: str) -> None:
        table = told(signed(self.KEY, **header), keys({**self.KEY.public, **changes}))
        value, _, marked = cells(table, "signature")
        assert value.startswith(said)
        assert marked == mark

    def test_another_key(self) -> None:
        table = told(signed(self.KEY), keys(new_key().public))
        assert cells(table, "signature")[0].startswith("wrong signature")

    def test_an_algorithm_that_no_published_key_checks(self) -> None:
        part = signed(self.KEY).split(".")[1]
        for header in ("eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiJ9", "e30"):
            table = told(f"{header}.{part}.c2ln", keys(self.KEY.public))
            assert cells(table, "signature")[0].startswith("algorithm mismatch")

    @pytest.mark.parametrize("published", [[], {}, "keys", [None, 5, "k"], None])
    def test_key_sets_that_are_none(self, published: Any) -> None:
        body = json.dumps({"keys": published}).encode()
        piece = Piece("jwks", (texchange("jwks", f"{ISSUER}/jwks", 200, body, headers=JSON),))
        said = cells(told(signed(self.KEY), piece), "signature")[0]
        assert said.startswith("key not found" if isinstance(published, list) else "not verified: no key set")


def test_a_token_that_was_given_is_read_where_it_was_used() -> None:
    used: Exchange = mcp_request(rpc("initialize"), token=jwt(**CLAIMS))
    table = made(ttrace(Piece("mcp", (used,))))
    assert table.rows[0][0].text == "access token (given)"


def test_a_token_of_a_step_up_is_read_where_it_was_issued() -> None:
    wider = replace(token_request(body=token_answer(access_token=jwt(**CLAIMS))), step="mcp")
    table = made(tflow(Piece("mcp", (mcp_request(rpc("initialize"), 403), wider)), upto="mcp"))
    assert "access token (stepped up) JWT" in table.title
