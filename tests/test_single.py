"""One request, and one metadata document with its rules."""

from __future__ import annotations

import json

import pytest

from mcp_oauth_nb import BadSetting, DemoServer, Exchange, Report, metadata, request
from mcp_oauth_nb.mime import render
from tests.leaks import assert_no_leak
from tests.wire.raw import RawServer, ok, response

SECRET = "s3cr3t-of-a-user-0123456789"


@pytest.fixture(scope="module")
def server():
    with DemoServer() as made:
        yield made


def texts(thing: object) -> list[str]:
    return [repr(thing), str(thing), *render(thing).values()]


class TestRequest:
    def test_returns_the_exchange(self) -> None:
        with RawServer(ok(b"hello")) as server:
            exchange = request("get", f"{server.url}/a/../b?x=1")
            assert server.asked[0].startswith(b"GET /a/../b?x=1 HTTP/1.1\r\n")
        assert isinstance(exchange, Exchange)
        assert (exchange.status, exchange.response.body, exchange.failure) == (200, b"hello", None)
        assert "200 OK" in render(exchange)["text/plain"]

    @pytest.mark.parametrize(
        ("given", "body", "media_type"),
        [
            ({"json": {"a": [1]}}, b'{"a":[1]}', "application/json"),
            ({"form": {"a": "1 2", "b": ["x", "y"], "c": None}}, b"a=1+2&b=x&b=y", "application/x-www-form-urlencoded"),
            ({"body": "t\u00e9xt"}, "t\u00e9xt".encode(), None),
            ({"body": b"\x00\xff"}, b"\x00\xff", None),
            ({"json": {}, "headers": {"content-type": "application/x"}}, b"{}", "application/x"),
        ],
    )
    def test_bodies(self, given: dict, body: bytes, media_type: str | None) -> None:
        with RawServer(ok()) as server:
            exchange = request("POST", server.url, **given)
            assert server.asked[0].endswith(b"\r\n\r\n" + body)
        assert exchange.request.header("content-type") == media_type

    def test_redirects_are_shown(self) -> None:
        with RawServer(lambda c, _: c.sendall(response(b"", "Location: /else", status="302 Found"))) as server:
            assert request("GET", server.url).status == 302
            assert len(server.asked) == 1

    def test_what_the_server_does_wrong_is_data(self) -> None:
        assert request("GET", "http://127.0.0.1:1/").failure.kind == "connect"

    def test_secrets_are_masked(self) -> None:
        answer = json.dumps({"access_token": f"a-{SECRET}", "echo": SECRET}).encode()
        with RawServer(ok(answer, "Content-Type: application/json", f"X-Echo: {SECRET}")) as server:
            made = [
                request("POST", server.url, headers={"X-Api-Key": SECRET}, form={"client_secret": SECRET}),
                request("POST", f"{server.url}/?api_key={SECRET}", json={"refresh_token": SECRET}),
                request("GET", server.url, headers={"Authorization": f"Bearer {SECRET}"}),
            ]
        for exchange in made:
            assert_no_leak(texts(exchange), [SECRET])

    @pytest.mark.parametrize(
        ("name", "arguments", "given"),
        [
            ("method", ("G T", "http://h/"), {}),
            ("method", (5, "http://h/"), {}),
            ("url", ("GET", "ftp://h/"), {}),
            ("url", ("GET", "http://h/ x"), {}),
            ("url", ("GET", None), {}),
            ("body", ("POST", "http://h/"), {"json": 1, "body": "x"}),
            ("body", ("POST", "http://h/"), {"body": 5}),
            ("json", ("POST", "http://h/"), {"json": object()}),
            ("form", ("POST", "http://h/"), {"form": "a=b"}),
            ("headers", ("GET", "http://h/"), {"headers": {"X": "a\r\nb"}}),
            ("headers", ("GET", "http://h/"), {"headers": {"a b": "x"}}),
            ("headers", ("GET", "http://h/"), {"headers": {5: "x"}}),
            ("headers", ("GET", "http://h/"), {"headers": {"X": "x "}}),
            ("verify", ("GET", "http://h/"), {"verify": "/nowhere.pem"}),
            ("^timeout_s", ("GET", "http://h/"), {"timeout_s": 0}),
        ],
    )
    def test_arguments_that_cannot_work(self, name: str, arguments: tuple, given: dict) -> None:
        with pytest.raises(BadSetting, match=name):
            request(*arguments, **given)


class TestMetadata:
    @pytest.mark.parametrize(
        ("path", "step", "kind"),
        [
            ("/.well-known/oauth-protected-resource/mcp", "resource_metadata", "protected resource metadata"),
            ("/.well-known/oauth-authorization-server", "server_metadata", "authorization server metadata"),
        ],
    )
    def test_of_a_healthy_server(self, server: DemoServer, path: str, step: str, kind: str) -> None:
        report = metadata(server.issuer + path)
        assert isinstance(report, Report)
        assert (report.step, report.status, report.findings) == (step, "passed", ())
        assert f"document: {kind}" in render(report)["text/plain"]

    @pytest.mark.parametrize(
        ("fault", "path", "rule"),
        [
            ("wrong-resource", "/.well-known/oauth-protected-resource/mcp", "resource-mismatch"),
            ("no-s256", "/.well-known/oauth-authorization-server", "s256-not-advertised"),
            ("metadata-html", "/.well-known/oauth-authorization-server", "server-metadata-missing"),
        ],
    )
    def test_the_rules_of_its_kind_hold(self, fault: str, path: str, rule: str) -> None:
        with DemoServer(fault) as server:
            report = metadata(server.issuer + path)
        assert (report.status, report.cause.rule) == ("failed", rule)

    @pytest.mark.parametrize(
        ("document", "step", "word"),
        [
            ({"resource": "https://x.example"}, "resource_metadata", "protected resource"),
            ({"issuer": "https://x.example"}, "server_metadata", "authorization server"),
            (
                {"client_id": "https://x.example/c", "redirect_uris": []},
                "server_metadata",
                "client ID metadata document",
            ),
            ({"hello": 1}, "server_metadata", "no metadata"),
        ],
    )
    def test_its_kind_is_told_by_its_members(self, document: dict, step: str, word: str) -> None:
        with RawServer(ok(json.dumps(document).encode(), "Content-Type: application/json")) as server:
            report = metadata(f"{server.url}/anywhere")
        assert report.step == step
        assert word in render(report)["text/plain"]

    def test_a_resource_at_an_ordinary_url_is_held_against_nothing(self) -> None:
        document = {"resource": "https://x.example/mcp", "authorization_servers": ["https://as.example"]}
        with RawServer(ok(json.dumps(document).encode(), "Content-Type: application/json")) as server:
            assert metadata(f"{server.url}/anywhere").status == "passed"

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"<html>", b'{"issuer": {"a": []}}'])
    def test_any_answer_is_data(self, body: bytes) -> None:
        with RawServer(ok(body)) as server:
            report = metadata(server.url)
        assert report.status == "failed"
        assert texts(report)

    def test_no_answer_is_data(self) -> None:
        report = metadata("http://127.0.0.1:1/.well-known/oauth-protected-resource")
        assert (report.status, report.cause.rule) == ("failed", "unreachable")

    def test_secrets_are_masked(self) -> None:
        with RawServer(ok(json.dumps({"issuer": SECRET}).encode())) as server:
            assert_no_leak(texts(metadata(server.url, headers={"X-Api-Key": SECRET})), [SECRET])

    def test_arguments_that_cannot_work(self) -> None:
        with pytest.raises(BadSetting, match="url"):
            metadata("mcp.example")
