"""From the URL to the authorization server."""

from __future__ import annotations

import pytest
from playbook import play

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.protocol.challenge import parse_challenges
from mcp_oauth_nb.protocol.flow import Challenged
from mcp_oauth_nb.steps.discovery import challenge, resource_metadata, server_metadata

from .flows import ASM, ISSUER, OIDC, PRM, URL, document, known, resource_document, server_document

BEARER = (("WWW-Authenticate", f'Bearer resource_metadata="{PRM}/x"'),)
RESULT = {"jsonrpc": "2.0", "id": 1, "result": {}}


class TestChallenge:
    def test_one_request_as_the_transport_wants_it_without_token(self) -> None:
        flow = (
            play(challenge, known())
            .sends(
                "POST",
                URL,
                json={"method": "initialize", "id": 1},
                headers={
                    "Accept": "application/json, text/event-stream",
                    "Authorization": None,
                    "MCP-Protocol-Version": None,
                },
                answer_id=1,
            )
            .gets(401, b"", BEARER)
            .learns(challenge={"status": 401, "exchange": 1})
        )
        assert flow.challenge.challenges.bearer().get("resource_metadata") == f"{PRM}/x"

    @pytest.mark.parametrize("status", [301, 403, 404, 405, 500, 502])
    def test_another_status_stops(self, status: int) -> None:
        play(challenge, known()).gets(status).stops(f"expected 401 with a challenge, got {status}")

    def test_lenient_keeps_what_was_answered(self) -> None:
        play(challenge, known(on_violation="continue")).gets(403, b"", BEARER).stops(
            "got 403", challenge={"status": 403}
        )

    def test_no_answer(self) -> None:
        play(challenge, known()).fails("dns").stops("a dns failure")

    def test_a_server_that_opens_for_anybody_is_asked_for_its_tools(self) -> None:
        (
            play(challenge, known())
            .gets(200, RESULT, (("Content-Type", "application/json"), ("Mcp-Session-Id", "s-1")))
            .sends("POST", URL, json={"method": "notifications/initialized"}, headers={"Mcp-Session-Id": "s-1"})
            .gets(202)
            .sends("POST", URL, json={"method": "tools/list"}, headers={"Authorization": None}, answer_id=2)
            .gets(401, b"", BEARER)
            .learns(challenge={"status": 401, "exchange": 3})
        )

    def test_one_that_protects_nothing_is_a_fact_too(self) -> None:
        play(challenge, known()).gets(200, RESULT).gets(202).gets(200, {"id": 2, "result": {}}).learns(
            challenge={"status": 200, "exchange": 3}
        )

    def test_a_refusal_in_json_rpc_is_asked_no_further(self) -> None:
        refused = {"id": 1, "error": {"code": -1}}
        play(challenge, known()).gets(200, refused).learns(challenge={"status": 200, "exchange": 1})

    @pytest.mark.parametrize("body", [b"<html>", {"id": 3, "result": {}}, {"id": {"a": 1}, "result": "x"}, [], b""])
    def test_a_200_that_answers_nothing_is_no_mcp_server(self, body) -> None:
        play(challenge, known()).gets(200, body).stops("expected 401 with a challenge, got 200")

    def test_an_answer_that_broke_off(self) -> None:
        play(challenge, known()).fails("protocol", after=b'{"id": 1, "error": {}}').stops("a protocol failure")

    def test_no_answer_to_the_second_question(self) -> None:
        play(challenge, known()).gets(200, RESULT).gets(202).fails("timeout").stops("a timeout failure")


class TestResourceMetadata:
    def test_needs_a_challenge(self) -> None:
        with pytest.raises(NotYet, match=r"dbg\.challenge\(\)"):
            play(resource_metadata, known())

    def test_the_challenged_url_and_no_other(self) -> None:
        named = Challenged(401, parse_challenges([BEARER[0][1]]), 1)
        begun = play(resource_metadata, known("challenge", facts={"challenge": named})).sends("GET", f"{PRM}/x")
        begun.gets(404).stops("the last URL gave status 404")

    def test_the_challenged_document(self) -> None:
        named = Challenged(401, parse_challenges([BEARER[0][1]]), 1)
        flow = play(resource_metadata, known(facts={"challenge": named})).gets(200, resource_document()).learns()
        found = flow.resource_metadata
        assert (found.kind, found.identifier, found.url) == ("challenge", URL, f"{PRM}/x")

    def test_path_first_then_root(self) -> None:
        flow = (
            play(resource_metadata, known("challenge"))
            .sends("GET", f"{PRM}/mcp", headers={"Accept": "application/json"})
            .gets(404)
            .sends("GET", PRM)
            .gets(200, resource_document(resource="https://mcp.example.com"))
            .learns(resource_metadata={"kind": "root", "exchange": 2})
        )
        assert flow.resource_metadata.identifier == "https://mcp.example.com"

    @pytest.mark.parametrize(
        ("status", "body", "said"),
        [
            (200, b"<html>", "not JSON"),
            (200, b"", "empty"),
            (200, [], "no JSON object"),
            (302, b"", "status 302"),
            (500, {}, "status 500"),
            (200, b'{"a":' * 900, "the last URL gave"),
        ],
    )
    def test_nothing_usable_anywhere(self, status: int, body, said: str) -> None:
        begun = play(resource_metadata, known("challenge")).gets(status, body)
        begun.gets(status, body).stops(said)

    def test_an_answer_that_broke_off_is_no_document(self) -> None:
        begun = play(resource_metadata, known("challenge")).fails("protocol", after=b'{"resource": "x"}')
        begun.fails("timeout").stops("a timeout failure")

    def test_another_servers_document_is_kept_and_not_used(self) -> None:
        other = resource_document(resource="https://other.example/mcp")
        play(resource_metadata, known("challenge")).gets(200, other).stops(
            "names another server", resource_metadata={"value": other}
        )

    def test_lenient_uses_it(self) -> None:
        other = resource_document(resource="https://other.example/mcp")
        begun = play(resource_metadata, known("challenge", on_violation="continue"))
        begun.gets(200, other).learns(resource_metadata={"value": other})

    @pytest.mark.parametrize("servers", [None, [], {"a": 1}, "https://auth.example.com", [1, None], 5, True])
    def test_without_an_authorization_server(self, servers) -> None:
        published = resource_document(authorization_servers=servers)
        play(resource_metadata, known("challenge")).gets(200, published).stops(
            "names no authorization server", resource_metadata={"value": published}
        )

    @pytest.mark.parametrize("resource", [None, 5, [], {"a": 1}, True])
    def test_a_resource_that_is_no_text(self, resource) -> None:
        published = resource_document(resource=resource)
        play(resource_metadata, known("challenge")).gets(200, published).stops(
            "names another server", resource_metadata={"value": published}
        )


class TestServerMetadata:
    def test_needs_resource_metadata(self) -> None:
        with pytest.raises(NotYet, match=r"dbg\.resource_metadata\(\)"):
            play(server_metadata, known("challenge"))

    def test_oauth_first_then_openid(self) -> None:
        (
            play(server_metadata, known("resource_metadata"))
            .sends("GET", ASM)
            .gets(404)
            .sends("GET", OIDC)
            .gets(200, server_document())
            .learns(server_metadata={"kind": "oidc", "identifier": ISSUER, "exchange": 2})
        )

    def test_an_issuer_with_a_path_has_three_places(self) -> None:
        issuer = f"{ISSUER}/tenant"
        published = document(resource_document(authorization_servers=[issuer, ISSUER]))
        begun = play(server_metadata, known("resource_metadata", facts={"resource_metadata": published}))
        begun.sends("GET", f"{ASM}/tenant").gets(404).sends("GET", f"{OIDC}/tenant").gets(404)
        begun.sends("GET", f"{issuer}/.well-known/openid-configuration").gets(404).stops(
            "status 404", issuer={"taken": issuer, "others": (ISSUER,)}
        )

    def test_a_document_of_another_issuer_is_passed_over(self) -> None:
        begun = play(server_metadata, known("resource_metadata")).gets(
            200, server_document(issuer="https://evil.example")
        )
        begun.sends("GET", OIDC).gets(200, server_document()).learns(server_metadata={"kind": "oidc"})

    def test_none_of_the_right_issuer(self) -> None:
        wrong = server_document(issuer="https://evil.example")
        begun = play(server_metadata, known("resource_metadata")).gets(200, wrong).gets(404)
        begun.stops("not the issuer", server_metadata={"value": wrong, "kind": "rfc8414"})

    def test_lenient_takes_the_first(self) -> None:
        begun = play(server_metadata, known("resource_metadata", on_violation="continue"))
        begun.gets(200, server_document(issuer=None)).learns(server_metadata={"kind": "rfc8414"})

    @pytest.mark.parametrize("methods", [None, [], ["plain"], "S256", {"S256": 1}, [["S256"]], 5])
    def test_s256_must_be_advertised(self, methods) -> None:
        published = server_document(code_challenge_methods_supported=methods)
        play(server_metadata, known("resource_metadata")).gets(200, published).stops(
            "S256 is not advertised", server_metadata={"value": published}
        )

    def test_lenient_goes_on_without_s256(self) -> None:
        published = server_document(code_challenge_methods_supported=None)
        begun = play(server_metadata, known("resource_metadata", on_violation="continue"))
        begun.gets(200, published).learns(server_metadata={"value": published})

    @pytest.mark.parametrize("issuer", ["auth.example.com", "javascript:alert(1)", "file:///etc/passwd", "http:/x", ""])
    def test_an_issuer_that_is_no_url(self, issuer: str) -> None:
        published = document(resource_document(authorization_servers=[issuer]))
        begun = play(server_metadata, known("resource_metadata", facts={"resource_metadata": published}))
        begun.stops("no http(s) URL")

    def test_no_issuer(self) -> None:
        published = document(resource_document(authorization_servers=[]))
        play(server_metadata, known(facts={"resource_metadata": published})).stops("names no authorization server")

    @pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b""), (500, b""), (200, "text"), (302, b"")])
    def test_nothing_usable_anywhere(self, status: int, body) -> None:
        begun = play(server_metadata, known("resource_metadata")).gets(status, body)
        begun.gets(status, body).stops("expected authorization server metadata")

    def test_no_answer(self) -> None:
        play(server_metadata, known("resource_metadata")).fails("tls").fails("connect").stops("a connect failure")
