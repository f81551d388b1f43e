"""The pure parts of a comparison: fields, alignment, hosts, and when two values are the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from factories import ACCESS, ISSUER, JSON, jwt, mcp_request, rpc, texchange, token_request

from mcp_oauth_nb.comparing.aligning import aligned
from mcp_oauth_nb.comparing.fields import MOST, claims_of, fields_of, url_fields
from mcp_oauth_nb.comparing.hosts import REDIRECT, RESOURCE, parts_of, placed_alike, renamings
from mcp_oauth_nb.comparing.sameness import Sameness, is_volatile
from mcp_oauth_nb.records import Exchange, Trace
from mcp_oauth_nb.redact import redact
from mcp_oauth_nb.vault import Vault

NAMES = ("works", "fails")
LONG = "Zx8-" * 12


def fields(exchange: Exchange) -> dict[str, str]:
    return {f"{half} {part}": value for (half, part), value in fields_of(redact(exchange)).items()}


def sameness(ours: Vault | None = None, theirs: Vault | None = None, **rest: Any) -> Sameness:
    return Sameness(
        (Vault() if ours is None else ours, Vault() if theirs is None else theirs), (str, str), NAMES, **rest
    )


class TestFields:
    def test_a_url_by_its_components_with_tags_in_it(self) -> None:
        url = "https://a.example:8443/p?x=1&code=‹code#3f9a1c 43 chars›&e=#s=2"
        assert dict(url_fields(url)) == {
            "url scheme": "https",
            "url host": "a.example:8443",
            "url path": "/p",
            "query x": "1",
            "query code": "‹code#3f9a1c 43 chars›",
            "query e": "",
            "fragment s": "2",
        }

    @pytest.mark.parametrize("url", ["", "urn:a:b", "\ue0009\ue001", "http://[::1/", "‹a#000000 1 chars›"])
    def test_what_is_no_url_is_one_field_or_parts_of_it(self, url: str) -> None:
        assert "".join(value for _, value in url_fields(url)).replace("http", "") in (url, "[::1/", "")

    def test_an_answer_by_its_members(self) -> None:
        body = {"a": {"b": [1, 2], "c/d": "900"}, "n": 900, "l": [{"name": "x", "v": None}], "e": []}
        made = fields(texchange("token", ISSUER, body=json.dumps(body).encode()))
        assert made["answer body /a/b"] == "[1, 2]"
        assert (made["answer body /a/c~1d"], made["answer body /n"]) == ('"900"', "900")
        assert (made["answer body /l/x/v"], made["answer body /e"]) == ("null", "[]")

    def test_an_event_stream_and_a_byte_order_mark(self) -> None:
        stream = b'event: message\r\ndata: {"id": 1}\r\n\r\ndata: {"id": 2}\r\n\r\n'
        made = fields(texchange("mcp", ISSUER, headers=(("Content-Type", "text/event-stream"),), body=stream))
        assert (made["answer body /id"], made["answer body of event 2 /id"]) == ("1", "2")
        assert "answer beginning of the body" in fields(texchange("token", ISSUER, body=b'\xef\xbb\xbf{"a": 1}'))

    def test_repeats_are_kept_and_a_flood_is_cut(self) -> None:
        twice = texchange("token", ISSUER, headers=(("A", "1"), ("a", "2")))
        assert (fields(twice)["answer header a"], fields(twice)["answer header a (2)"]) == ("1", "2")
        flood = texchange("token", ISSUER, headers=JSON, body={f"m{number}": number for number in range(5000)})
        assert len(fields(flood)) == MOST + 1

    def test_a_token_tells_whom_it_is_for_and_nothing_of_a_person(self) -> None:
        vault = Vault()
        token = jwt(aud="https://a.example", sub="alice", email="a@a.example", iat=5, exp=65)
        told = claims_of(vault.tag(token, "access_token"), vault)
        assert (told["form"], told["aud"], told["lifetime_s"]) == ("JWT", "https://a.example", "60")
        assert "alice" not in str(told)
        assert "email" in told["claims"]
        assert claims_of(vault.tag(LONG, "access_token"), vault) == {"form": "opaque"}
        assert claims_of(vault.tag(token, "state"), vault) == claims_of("‹token#000000 9 chars›", vault) == {}


class TestAlignment:
    def test_by_role_and_not_by_number(self) -> None:
        ours = [mcp_request(rpc("tools/list"))]
        theirs = [mcp_request(rpc("initialize")), mcp_request(rpc("tools/list"))]
        assert aligned(ours, theirs) == [(None, theirs[0]), (ours[0], theirs[1])]

    def test_another_place_for_the_same_purpose(self) -> None:
        one, other = token_request(), token_request()
        moved = replace(other, request=replace(other.request, url="https://auth.example.com/oauth/token"))
        assert aligned([one], [moved]) == [(one, moved)]

    def test_another_purpose_at_the_same_place(self) -> None:
        one, other = mcp_request(rpc("initialize")), mcp_request(rpc("server/discover"))
        assert aligned([one], [other]) == [(one, other)]

    def test_nothing_in_common(self) -> None:
        one, other = token_request(), texchange("token", "https://a.example/x")
        assert aligned([one], [other]) == [(one, None), (None, other)]


class TestHosts:
    OURS = Trace(settings={"url": "http://127.0.0.1:81/mcp", "redirect_uri": "http://127.0.0.1:8/cb"})
    THEIRS = Trace(settings={"url": "http://127.0.0.1:82/mcp", "redirect_uri": "http://127.0.0.1:9/cb"})

    def test_those_that_differ_go_by_their_part(self) -> None:
        ours, theirs = renamings(parts_of(self.OURS), parts_of(self.THEIRS), align=None)
        assert ours("http://127.0.0.1:81/mcp") == theirs("http://127.0.0.1:82/mcp") == f"http://⟦{RESOURCE}⟧/mcp"
        assert ours("u=http%3A%2F%2F127.0.0.1%3A8%2Fcb") == f"u=http%3A%2F%2F⟦{REDIRECT}⟧%2Fcb"
        assert ours("127.0.0.1:810 127.0.0.1:82") == "127.0.0.1:810 127.0.0.1:82"

    def test_only_the_redirect_port_where_hosts_count(self) -> None:
        ours, _ = renamings(parts_of(self.OURS), parts_of(self.THEIRS), align=False)
        assert ours("127.0.0.1:81 127.0.0.1:8") == f"127.0.0.1:81 ⟦{REDIRECT}⟧"

    @pytest.mark.parametrize("text", ["a.example.evil", "xa.example", "a.example:8", "a.example-b"])
    def test_a_host_inside_another_one_is_left_alone(self, text: str) -> None:
        ours, _ = renamings({RESOURCE: "a.example"}, {RESOURCE: "b.example"}, align=None)
        assert ours(text) == text
        assert ours("https://A.example/") == f"https://⟦{RESOURCE}⟧/"

    def test_one_host_or_two(self) -> None:
        one, two = {RESOURCE: "a", "authorization server": "a"}, {RESOURCE: "a", "authorization server": "b"}
        assert placed_alike(one, one)
        assert not placed_alike(one, two)
        assert placed_alike(one, {RESOURCE: "a"})


class TestSameness:
    @pytest.mark.parametrize(
        ("part", "one", "other", "sort"),
        [
            ("status", "200", "200", "equal"),
            ("status", "200", "401", "different"),
            ("header date", "yesterday", "today", "renewed"),
            ("header server", "nginx", "caddy", "noise"),
            ("header x-tenant", "one", "two", "different"),
            ("body /exp", "1795275357", "1795275999", "renewed"),
            ("body /expires_in", "900", "898", "renewed"),
            ("body /expires_in", "900", "60", "different"),
            ("body /expires_in", "900", '"900"', "different"),
            ("body /scopes_supported", '["a", "b"]', '["b", "a"]', "noise"),
            ("body /scopes_supported", '["a", "b"]', '["a"]', "different"),
            ("body /scope", "a b", "b a", "noise"),
            ("body /request_id", "9f1b-33c2-aa01", "77aa-0d0d-1b2c", "renewed"),
            ("query code_challenge", "A" * 43, "B" * 43, "renewed"),
            ("query code_challenge", "A" * 43, "B" * 43 + "=", "different"),
            ("body /token", "‹token#00000a 43 chars›", "‹token#00000b 43 chars›", "renewed"),
            ("body /token", "‹token#00000a 43 chars›", "‹token#00000b 1200 chars›", "different"),
            ("form code_verifier", "‹code_verifier#00000a 43 chars›", "‹code_verifier#00000b 42 chars›", "different"),
            ("form x", "‹client_secret#00000a 43 chars›", "", "different"),
            ("header authorization", "Bearer ‹token#00000a 9 chars›", "Basic ‹token#00000b 9 chars›", "different"),
            ("form x", "‹client_secret#00000a 9 chars›", "‹refresh_token#00000b 9 chars›", "different"),
        ],
    )
    def test_two_values(self, part: str, one: str, other: str, sort: str) -> None:
        assert sameness().compare("request", part, one, other, "here").sort == sort

    def test_a_gateway_says_much(self) -> None:
        assert sameness().compare("answer", "header x-cache", "hit", "miss", "here").sort == "noise"

    def test_one_token_here_and_two_there(self) -> None:
        same = sameness()
        one, other, third = (f"‹access_token#00000{at} 43 chars›" for at in "abc")
        assert same.compare("request", "body /access_token", one, other, "token (answer)").sort == "renewed"
        outcome = same.compare("request", "header authorization", one, third, "mcp (request)")
        assert outcome.sort == "different"
        assert outcome.said == "works has the access_token of token (answer) there, fails another one"

    def test_what_must_be_fresh_comes_twice(self) -> None:
        tag = "‹state#00000a 22 chars›"
        assert "made anew" in sameness().compare("request", "query state", tag, tag, "here").said
        assert sameness(one_run=True).compare("request", "query state", tag, tag, "here").sort == "renewed"

    def test_another_secret_of_the_same_client(self) -> None:
        first = Vault()
        one, other = "‹client_secret#00000a 43 chars›", "‹client_secret#00000b 43 chars›"
        assert sameness(first, Vault(first)).compare("request", "form x", one, other, "here").sort == "different"
        assert sameness(first, Vault()).compare("request", "form x", one, other, "here").sort == "renewed"

    def test_ids_that_servers_gave_out(self) -> None:
        same = sameness()
        same.given_out("client_id", "client-one", "client-two")
        assert (
            same.compare("request", "url path", "/register/client-one", "/register/client-two", "here").sort == "equal"
        )
        same.given_out("client_id", "mcp", "api")
        assert same.compare("request", "url path", "/mcp", "/api", "here").sort == "different"

    def test_what_tokens_say(self) -> None:
        vaults = Vault(), Vault()
        tags = [
            vault.tag(jwt(aud=aud, iat=5, exp=65 + at), "access_token")
            for at, (vault, aud) in enumerate(zip(vaults, ("https://a.example", "https://b.example"), strict=True))
        ]
        assert list(sameness(*vaults).claims(*tags)) == [("aud", "https://a.example", "https://b.example")]

    @pytest.mark.parametrize("value", ["nan", "1e999", "9" * 6000, "٣" * 10, "\ud800", ""])
    def test_odd_numbers_are_data(self, value: str) -> None:
        assert is_volatile("expires_in", value, value) in (True, False)
        assert sameness().compare("request", "body /expires_in", value, "1", "here").sort == "different"


def test_the_token_of_the_factories_is_masked() -> None:
    assert ACCESS not in str(fields(mcp_request(rpc("tools/list"))))
