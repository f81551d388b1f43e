"""Client ID metadata documents from the cell to the server and back."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from keys import JWK
from leaks import assert_no_leak, shown
from wire.raw import RawServer, response, says

from mcp_oauth_nb import BadSetting, Client, Debugger, NotYet, Report
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.jose import secret_parts
from mcp_oauth_nb.mime import render

URL = "https://client.example/client.json"
ELSEWHERE = "http://127.0.0.1:9/mcp"


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


class TestBuilding:
    def test_it_fits_the_settings(self) -> None:
        dbg = Debugger(ELSEWHERE, scope="a b")
        made = dbg.client_document(URL)
        assert made.problems == ()
        assert made.document["client_id"] == URL
        assert made.document["redirect_uris"] == [dbg._flow.settings.redirect_uri]
        assert made.document["scope"] == "a b"
        assert json.loads(str(made)) == made.document

    def test_the_url_of_the_settings_is_taken(self) -> None:
        assert Debugger(ELSEWHERE, client_metadata_url=URL).client_document().url == URL

    def test_without_a_url_there_is_none(self) -> None:
        with pytest.raises(NotYet, match="client_document"):
            Debugger(ELSEWHERE).client_document()

    def test_a_client_with_a_key_publishes_its_public_half(self) -> None:
        pytest.importorskip("joserfc")
        client = Client(URL, private_key=json.dumps(JWK))
        dbg = Debugger(ELSEWHERE, client=client, client_metadata_url=URL)
        made = dbg.client_document()
        assert made.document["token_endpoint_auth_method"] == "private_key_jwt"
        assert made.document["jwks"]["keys"][0]["x"] == JWK["x"]
        assert made.problems == ()
        assert_no_leak([str(made), repr(made), *render(made).values()], secret_parts(json.dumps(JWK)))

    def test_the_display_says_where_and_what_is_wrong(self) -> None:
        dbg = Debugger(ELSEWHERE)
        plain = render(dbg.client_document("https://client.example/?x=<b>"))
        assert "MUST: no path, expected an https URL with a path" in plain["text/plain"]
        assert "SHOULD: a query" in plain["text/plain"]
        assert "<b>" not in plain["text/html"]
        assert "redirect_uris" in plain["text/html"]

    def test_it_is_saved_ready_to_publish(self, tmp_path: Path) -> None:
        made = Debugger(ELSEWHERE).client_document(URL)
        assert json.loads(made.save(tmp_path / "client.json").read_text()) == made.document


class TestSettings:
    @pytest.mark.parametrize("url", [URL, f"{URL}?x=1", "http://127.0.0.1:1/c", "http://localhost/c", "local"])
    def test_taken(self, url: str) -> None:
        Debugger(ELSEWHERE, client_metadata_url=url)

    @pytest.mark.parametrize(
        "url",
        [
            "http://client.example/c",
            "https://client.example",
            "https://client.example/a/../b",
            "https://client.example/a#b",
            "https://me:passw0rd@client.example/c",
            "https://client.example/a b",
            "Local",
            "",
            5,
        ],
    )
    def test_refused(self, url: Any) -> None:
        with pytest.raises(BadSetting, match="client_metadata_url") as refused:
            Debugger(ELSEWHERE, client_metadata_url=url)
        assert "passw0rd" not in str(refused.value)

    def test_a_server_elsewhere_cannot_read_a_local_document(self) -> None:
        with pytest.raises(BadSetting, match="server elsewhere"):
            Debugger("https://mcp.example.com/mcp", client_metadata_url="local")

    def test_a_redirect_uri_elsewhere_leaves_nothing_to_serve_it(self) -> None:
        with pytest.raises(BadSetting, match="'local', but"):
            Debugger(
                ELSEWHERE,
                client_metadata_url="local",
                redirect_uri="https://app.example/cb",
                allow_remote_redirect=True,
            )

    @pytest.mark.parametrize("flag", ["yes", 1, None])
    def test_a_flag_is_true_or_false(self, flag: Any) -> None:
        with pytest.raises(BadSetting, match="path_scoped_issuer"):
            Debugger(ELSEWHERE, path_scoped_issuer=flag)


class TestLocal:
    def test_a_person_in_a_browser(self, server: DemoServer) -> None:
        """The document is there as soon as the link is, and not before."""
        dbg = Debugger(server.url, registration="cimd", client_metadata_url="local")
        url = dbg._flow.settings.client_metadata_url or ""
        for step in (dbg.challenge, dbg.resource_metadata, dbg.server_metadata, dbg.register):
            assert step().status == "passed"
        assert dbg._driver.listener._servers == []
        dbg.authorize()
        assert httpx.get(url, trust_env=False).json() == dbg.client_document().document
        visit = threading.Thread(
            target=lambda: httpx.get(dbg.authorization_url or "", follow_redirects=True, trust_env=False)
        )
        visit.start()
        assert dbg.callback(timeout_s=20).status == "passed"
        visit.join(20)
        assert dbg.token().status == "passed"

    def test_the_runner_s_way(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, registration="cimd", client_metadata_url="local", browser="follow")
        for name in ("challenge", "resource_metadata", "server_metadata", "register", "pkce", "authorize", "callback"):
            assert dbg.finish(dbg.begin(name)).status == "passed"

    def test_the_same_url_in_full(self, server: DemoServer) -> None:
        first = Debugger(server.url)
        redirect = first._flow.settings.redirect_uri
        first._driver.listener.close()
        url = redirect.replace("/callback", "/client.json")
        dbg = Debugger(
            server.url, registration="cimd", client_metadata_url=url, redirect_uri=redirect, browser="follow"
        )
        assert dbg.run().status == "passed"
        assert dbg.client is not None
        assert dbg.client.client_id == url

    def test_again_serves_its_own(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, registration="cimd", client_metadata_url="local", browser="follow")
        other = dbg.again()
        assert other._flow.settings.client_metadata_url != dbg._flow.settings.client_metadata_url
        assert other.run().status == "passed"

    def test_no_document_is_served_unless_asked_for(self, server: DemoServer) -> None:
        dbg = Debugger(server.url)
        dbg._driver.listener.start()
        url = dbg._flow.settings.redirect_uri.replace("/callback", "/client.json")
        assert httpx.get(url, trust_env=False).status_code == 404


class TestWays:
    def test_without_a_document_the_client_is_registered(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, browser="follow")
        assert dbg.run().status == "passed"
        assert any(seen.path == "/register" for seen in server.log)
        assert "no client_metadata_url was given" in render(dbg.register())["text/plain"]

    def test_with_one_it_is_not(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, browser="follow", client_metadata_url=server.client_document_url)
        assert dbg.run().status == "passed"
        assert not any(seen.path == "/register" for seen in server.log)
        assert "announced in the metadata, and there is a document" in render(dbg.register())["text/plain"]

    def test_every_way_says_why(self, server: DemoServer) -> None:
        given = Client(server.public_client.client_id)
        for settings, why in (
            ({"client": given}, "a client was given"),
            ({"client": given, "registration": "preregistered"}, "as the settings say"),
            ({"registration": "dcr"}, "as the settings say"),
            ({"protocol": "2025-06-18", "client_metadata_url": "local"}, "knows no client ID metadata documents"),
        ):
            dbg = Debugger(server.url, browser="follow", **settings)
            assert dbg.run().status == "passed"
            shown_step = render(Report(dbg.trace, "register", dbg.diagnose().route, dbg.diagnose().judge))
            assert why in shown_step["text/plain"]
            assert why in shown_step["text/html"]


class TestCheck:
    def checked(self, raw: bytes) -> Debugger:
        with RawServer(says(raw, then_close=True)) as place:
            dbg = Debugger(ELSEWHERE, client_metadata_url=f"{place.url}/client.json", step_timeout_s=10)
            dbg.client_document_check()
        return dbg

    def test_a_good_one(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, client_metadata_url=server.client_document_url)
        assert dbg.client_document_check().status == "passed"
        assert dbg.exchanges[0].request.header("authorization") is None

    def test_it_stands_aside(self, server: DemoServer) -> None:
        dbg = Debugger(server.url, client_metadata_url=server.client_document_url, browser="follow")
        dbg.run()
        before = dbg._flow
        dbg.client_document_check()
        assert dbg._flow is before
        assert dbg.refresh().status == "passed"

    def test_what_is_wrong_is_told_and_no_secret_with_it(self) -> None:
        secret = "s3cret-in-the-document"
        body = json.dumps({"client_id": "https://else.example/x", "client_secret": secret}).encode()
        dbg = self.checked(response(body, "Content-Type: application/json"))
        rules = {finding.rule for finding in dbg.diagnose().findings}
        assert rules == {"client-document-id", "client-document-incomplete", "client-document-secret"}
        assert_no_leak(shown(dbg), [secret])

    def test_a_page_is_no_document(self) -> None:
        page = b"<!doctype html><title>Sign in</title>"
        dbg = self.checked(response(page, "Content-Type: text/html", status="404 Not Found"))
        report = dbg.diagnose()
        assert [finding.rule for finding in report.findings] == ["client-document-missing"]
        assert report.failing_step == "client_document_check"

    def test_it_explains_why_the_server_refuses(self, server: DemoServer) -> None:
        url = server.client_document_url
        dbg = Debugger(
            server.url,
            registration="cimd",
            client_metadata_url=url,
            redirect_uri="http://127.0.0.1:0/other".replace(":0", f":{urlsplit(url).port}"),
            browser="follow",
        )
        dbg.run()
        dbg.client_document_check()
        report = dbg.diagnose()
        assert report.cause is not None
        assert report.cause.rule == "client-document-redirect"
        assert "authorization-page" in report.cause.explains


class TestIssuers:
    def test_the_choice_among_several_is_shown(self) -> None:
        with DemoServer(other_issuers=("https://idp.invalid",)) as server:
            dbg = Debugger(server.url, browser="follow", authorization_server=server.issuer)
            assert dbg.run().findings == ()
            told = render(dbg.server_metadata())
            for text in told.values():
                assert "as the settings say, of 2" in text
                assert "https://idp.invalid" in text

    def test_the_first_is_taken_and_the_way_out_is_told(self) -> None:
        with DemoServer(other_issuers=("http://127.0.0.1:9",)) as server:
            dbg = Debugger(server.url, browser="follow")
            dbg.run()
            report = dbg.server_metadata()
            assert report.status == "failed"
            told = render(report)["text/plain"]
            assert "first of 2; the argument authorization_server of Debugger chooses another" in told
            assert server.issuer in told


def tenant(connection: socket.socket, asked: bytes) -> None:
    """A server whose authorization server has its metadata under the path of the MCP server, and nowhere else."""
    lines = asked.decode().split("\r\n")
    path = lines[0].split(" ")[1]
    origin = "http://" + next(line.partition(": ")[2] for line in lines if line.lower().startswith("host:"))
    names = ("authorization_endpoint", "token_endpoint")
    documents = {
        "/.well-known/oauth-protected-resource/mcp": {"resource": f"{origin}/mcp", "authorization_servers": [origin]},
        "/.well-known/oauth-authorization-server/mcp": {
            "issuer": origin,
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            **{name: f"{origin}/{name}" for name in names},
        },
    }
    status = "401 Unauthorized" if path == "/mcp" else "200 OK" if path in documents else "404 Not Found"
    body = json.dumps(documents.get(path, {})).encode()
    headers = ("Content-Type: application/json", "WWW-Authenticate: Bearer", "Connection: close")
    said = response(body, *headers, status=status)
    says(said, then_close=True)(connection, asked)


class TestPathScoped:
    @pytest.mark.parametrize("asked_for", [False, True])
    def test_metadata_under_the_path_is_found_by_who_asks_for_it(self, asked_for: bool) -> None:
        with RawServer(tenant) as place:
            dbg = Debugger(f"{place.url}/mcp", path_scoped_issuer=asked_for, step_timeout_s=10)
            dbg.challenge()
            dbg.resource_metadata()
            report = dbg.server_metadata()
            assert (dbg.config.server_metadata is not None) is asked_for
            assert report.status == ("warned" if asked_for else "failed")
            assert [one.rule for one in report.findings] == [
                "server-metadata-path-scoped" if asked_for else "server-metadata-missing"
            ]


class TestRegistrationSecrets:
    def test_what_opens_a_closed_endpoint_is_never_shown(self, server: DemoServer) -> None:
        token, statement = "initial-access-t0ken", "eyJhbGciOiJub25lIn0.eyJzb2Z0d2FyZSI6IngifQ.s1gned"
        dbg = Debugger(server.url, browser="follow", initial_access_token=token, software_statement=statement)
        assert dbg.run().status == "passed"
        asked = next(one for one in dbg.exchanges if one.step == "register")
        assert asked.request.header("authorization") == f"Bearer {token}"
        assert json.loads(asked.request.body)["software_statement"] == statement
        others = [one for one in dbg.exchanges if one.step != "register"]
        assert not any(token in repr((one.request.headers, one.request.body)) for one in others)
        assert_no_leak(shown(dbg), [token, statement])
        assert_no_leak(shown(dbg.again()), [token, statement])

    def test_nor_where_it_is_refused(self) -> None:
        token = "initial-access-t0ken"
        with DemoServer("registration-refused") as server:
            dbg = Debugger(server.url, browser="follow", initial_access_token=token)
            assert dbg.run().failing_step == "register"
            assert_no_leak(shown(dbg), [token])
