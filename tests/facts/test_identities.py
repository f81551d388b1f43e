"""URL, issuer, client and redirect URI in every place that names them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    ASM_URL,
    ISSUER,
    REDIRECT_URI,
    URL,
    Piece,
    authorized,
    came_back,
    id_token,
    jwt,
    prm,
    refresh_request,
    registered,
    resource_document,
    server_document,
    tflow,
    token_answer,
    token_request,
    ttrace,
    unauthenticated,
)

from mcp_oauth_nb.facts import Table, table_of
from mcp_oauth_nb.facts.redirects import PARTS
from mcp_oauth_nb.records import Trace


def made(name: str, trace: Trace) -> Table:
    table = table_of(trace, name)
    assert table is not None
    return table


def rows(table: Table) -> dict[str, tuple[str, ...]]:
    return {row[0].text: tuple(cell.text for cell in row[1:]) for row in table.rows}


def answered(**changes: object) -> Piece:
    return Piece("token", (token_request(body=token_answer(**changes)),))


class TestUrls:
    def test_a_healthy_flow(self) -> None:
        table = made("urls", tflow())
        assert (table.title, table.mark) == ("URL identity: 5 places, all equal", "good")
        assert rows(table)["resource at refresh"] == (URL, "equal to resource in the metadata", "#14")
        assert rows(table)["resource_metadata URL"][1] == "well-known URL of the URL you typed (path)"

    @pytest.mark.parametrize(("chosen", "mark"), [("", ""), (f"{URL}/ api", "bad"), (f"{URL} api", "good")])
    def test_a_plain_api_is_known_by_the_resource_that_was_chosen(self, chosen: str, mark: str) -> None:
        trace = ttrace(answered(), protocol="oauth2", url="https://elsewhere.example/me", resource=chosen)
        assert made("urls", trace).mark.replace("warn", "bad") == mark

    def test_every_place_is_held_against_what_was_published(self) -> None:
        published = URL + "/"
        document = Piece("resource_metadata", (resource_document(prm(resource=published)),))
        table = made("urls", tflow(document))
        found = rows(table)
        assert found["resource in the metadata"][1].startswith('differs at character 28 (path): "/" against the end')
        assert "differs only by a trailing slash" in found["resource at authorize"][1]
        assert (table.mark, "character 28" in table.title) == ("warn", True)

    @pytest.mark.parametrize(
        ("audience", "mark"), [(URL, "good"), (["x", URL], "good"), ("https://x", "bad"), ([], "good")]
    )
    def test_the_audience_of_a_token(self, audience: object, mark: str) -> None:
        assert made("urls", tflow(answered(access_token=jwt(aud=audience)), upto="token")).mark == mark

    def test_redirects_of_the_server_are_listed_once(self) -> None:
        (one,) = unauthenticated(307).exchanges
        assert one.response
        moved = replace(one, response=replace(one.response, headers=(("Location", "/mcp/"),)))
        table = made("urls", ttrace(Piece("challenge", (moved, moved))))
        assert table.title.endswith("; the MCP server redirects once")
        assert rows(table)["Location of challenge"][0] == URL + "/"

    @pytest.mark.parametrize("named", ["https://x.example/.well-known/oauth-protected-resource", "https://x.example/a"])
    def test_a_metadata_url_from_elsewhere(self, named: str) -> None:
        trace = ttrace(unauthenticated(challenge=f'Bearer resource_metadata="{named}"'))
        assert made("urls", trace).mark == "warn"


class TestIssuers:
    def test_a_healthy_flow(self) -> None:
        table = made("issuers", tflow(answered(id_token=id_token())))
        assert (table.title, table.mark) == ("Issuer identity: 4 places, all equal", "good")
        assert rows(table)["URL of the metadata"][0] == ASM_URL
        assert rows(table)["iss of the ID token"][0] == ISSUER

    def test_another_issuer_is_marked_where_it_stands(self) -> None:
        back = Piece("callback", (came_back(iss=ISSUER + "/"),))
        token = answered(access_token=jwt(iss="https://evil.example"))
        table = made("issuers", tflow(back, token))
        marks = {row[0].text: row[2].mark for row in table.rows}
        assert marks["iss of the redirect"] == "warn"
        assert marks["iss of the access token"] == "bad"
        assert "iss of the access token differs at character 9:" in table.title

    def test_an_issuer_that_was_not_taken_says_so(self) -> None:
        document = Piece(
            "resource_metadata", (resource_document(prm(authorization_servers=["https://a.example", ISSUER])),)
        )
        found = rows(made("issuers", tflow(document)))
        assert found["authorization_servers"][0] == ISSUER
        assert found["authorization_servers, not taken (2)"][0] == "https://a.example"

    def test_metadata_that_nobody_named(self) -> None:
        trace = ttrace(unauthenticated(), Piece("server_metadata", (server_document(),)))
        assert rows(made("issuers", trace))["URL of the metadata"][1] == "the resource names no issuer"


class TestClient:
    def test_a_client_registered_now(self) -> None:
        table = made("client", tflow())
        assert table.title == "Client identity: registered now, public: no secret at the token endpoint"
        assert rows(table)["redirect_uris"][2] == "equal"

    def test_members_that_changed(self) -> None:
        changed = registered(
            grant_types=["authorization_code"],
            redirect_uris=["https://x"],
            token_endpoint_auth_method="private_key_jwt",
        )
        table = made("client", tflow(Piece("register", (changed,))))
        marks = {row[0].text: row[3].mark for row in table.rows}
        assert (marks["redirect_uris"], marks["grant_types"]) == ("bad", "warn")
        assert marks["method at the token endpoint"] == "bad"
        assert table.title.endswith("4 members differ")

    def test_a_member_that_is_not_repeated_falls_back_to_its_default(self) -> None:
        table = made("client", tflow(Piece("register", (registered(token_endpoint_auth_method=None),))))
        assert rows(table)["token_endpoint_auth_method"][2] == "not repeated: the default counts"

    @pytest.mark.parametrize(
        ("client_id", "settings", "source"),
        [
            ("c1", {"client_id": "c1"}, "configured"),
            ("https://c.example/c.json", {}, "client ID metadata document"),
            ("c2", {}, "another than the one known"),
        ],
    )
    def test_where_a_client_comes_from(self, client_id: str, settings: dict[str, str], source: str) -> None:
        trace = ttrace(unauthenticated(), authorized(client_id=client_id), **settings)
        assert made("client", trace).title == f"Client identity: {source}"

    def test_the_method_that_was_really_used(self) -> None:
        one = token_request(client_secret="hunter2-hunter2")
        assert "client_secret_post" in made("client", tflow(Piece("token", (one,)), upto="token")).title
        basic = replace(one, request=replace(one.request, headers=(("Authorization", "Basic YTpi"),)))
        title = made("client", tflow(Piece("token", (basic,)), upto="token")).title
        assert "client_secret_basic and client_secret_post" in title


class TestRedirects:
    def test_a_healthy_flow(self) -> None:
        table = made("redirects", tflow())
        assert (table.title, table.mark) == ("Redirect URI: 4 places, all equal", "good")
        assert rows(table)["come back to"][:4] == ("http", "127.0.0.1", "8765", "/callback")

    @pytest.mark.parametrize(
        ("uri", "part", "mark"),
        [
            ("http://localhost:8765/callback", 2, "bad"),
            ("http://127.0.0.1:9999/callback", 3, "warn"),
            ("https://127.0.0.1:8765/callback", 1, "bad"),
            ("http://127.0.0.1:8765/callback/", 4, "warn"),
            ("http://127.0.0.1:8765/other", 4, "bad"),
        ],
    )
    def test_the_component_that_differs_is_marked(self, uri: str, part: int, mark: str) -> None:
        table = made("redirects", tflow(Piece("register", (registered(redirect_uris=[uri]),))))
        assert [cell.mark for cell in table.rows[0][1:5]] == [mark if at == part else "" for at in range(1, 5)]
        assert table.title == f"Redirect URI: 4 places, registered: another {PARTS[part - 1]}"

    def test_what_came_with_the_redirect_is_left_out(self) -> None:
        sent = f"{REDIRECT_URI}?tenant=a"
        (back,) = (came_back(tenant="a"),)
        flow = (authorized(redirect_uri=sent), Piece("callback", (back,)))
        table = made("redirects", tflow(*flow, Piece("token", (token_request(redirect_uri=sent),))))
        assert rows(table)["come back to"][3] == "/callback?tenant=a"
        assert "code" not in "".join(cell.text for row in table.rows for cell in row[1:5])

    def test_what_is_missing_or_no_uri(self) -> None:
        trace = tflow(
            Piece("register", (registered(redirect_uris=["///"]),)), Piece("token", (token_request(redirect_uri=None),))
        )
        table = made("redirects", trace)
        assert table.mark == "bad"


def test_a_refresh_that_drops_the_resource_is_seen() -> None:
    trace = tflow(Piece("refresh", (refresh_request(resource="https://x.example"),)))
    assert "resource at refresh differs" in made("urls", trace).title
