"""A HAR that Chromium and Playwright recorded of a client's flow, a person's consent included, is diagnosed."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from mcp_oauth_nb import DemoServer, Report, diagnose, load_har
from mcp_oauth_nb.protocol.pkce import s256

pytestmark = pytest.mark.browser
REDIRECT = "http://127.0.0.1:8765/callback"
VERSION = "2025-11-25"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
INITIALIZE = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "recorded", "version": "1"}}


FETCH = """async ([method, url, headers, body]) => {
  const answer = await fetch(url, {method, headers, body});
  return [answer.ok, await answer.text(), answer.headers.get("mcp-session-id")];
}"""


class Client:
    """A client in a page of Chromium. The demo serves everything at one origin, so that the page may ask it."""

    def __init__(self, server: DemoServer, page: Any) -> None:
        self.server, self.page = server, page

    def send(self, method: str, url: str, body: str | None = None, **headers: str) -> tuple[bool, str, str | None]:
        """Whether it succeeded, the body, the session."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        ok, text, session = self.page.evaluate(FETCH, [method, url, named, body])
        return ok, text, session

    def flow(self, press: str = "Authorize") -> None:
        """From the request without a token to the list of tools, as far as the server lets it."""
        self.page.goto(f"{self.server.issuer}/client.html")
        self.rpc("initialize", INITIALIZE, 1)
        self.send("GET", f"{self.server.issuer}/.well-known/oauth-protected-resource/mcp")
        metadata = json.loads(self.send("GET", f"{self.server.issuer}/.well-known/oauth-authorization-server")[1])
        wanted = {
            "client_name": "recorded",
            "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
        registered = self.send("POST", metadata["registration_endpoint"], json.dumps(wanted), Content_Type=JSON)
        client = json.loads(registered[1])
        verifier = secrets.token_urlsafe(32)
        code = self.consent(metadata["authorization_endpoint"], client["client_id"], s256(verifier), press)
        if not code:
            return
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "client_id": client["client_id"],
            "code_verifier": verifier,
            "resource": self.server.url,
        }
        self.page.goto(f"{self.server.issuer}/client.html")
        ok, text, _ = self.send("POST", metadata["token_endpoint"], urlencode(form), Content_Type=FORM)
        if ok:
            self.talk(json.loads(text)["access_token"])

    def consent(self, endpoint: str, client_id: str, challenge: str, press: str) -> str:
        """The code that the redirect brings once a person has pressed a button."""
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT,
            "state": secrets.token_urlsafe(16),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "scope": "mcp:tools",
            "resource": self.server.url,
        }
        page = self.page
        page.route(f"{REDIRECT}*", lambda route: route.fulfill(body="done"))
        page.goto(f"{endpoint}?{urlencode(asked)}")
        page.get_by_role("button", name=press).click()
        page.wait_for_url(f"{REDIRECT}*")
        return parse_qs(urlsplit(page.url).query).get("code", [""])[0]

    def talk(self, token: str) -> None:
        session = self.rpc("initialize", INITIALIZE, 1, token)[2]
        headers = {"MCP_Protocol_Version": VERSION} | ({"Mcp_Session_Id": session} if session else {})
        self.rpc("notifications/initialized", None, None, token, **headers)
        self.rpc("tools/list", {}, 2, token, **headers)

    def rpc(self, method: str, params: Any, number: int | None, token: str = "", **headers: str) -> Any:
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        body = json.dumps({name: value for name, value in message.items() if value is not None})
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        accept = "application/json, text/event-stream"
        return self.send("POST", self.server.url, body, Accept=accept, Content_Type=JSON, **bearer, **headers)


def recorded(browser: Any, file: Path, fault: str | None, press: str = "Authorize") -> Report:
    """The diagnosis of what Playwright wrote down."""
    with DemoServer(*([fault] if fault else [])) as server:
        context = browser.new_context(record_har_path=str(file), record_har_content="embed")
        Client(server, context.new_page()).flow(press)
        context.close()
        return diagnose(load_har(file))


def test_a_healthy_flow_passes(browser: Any, tmp_path: Path) -> None:
    report = recorded(browser, tmp_path / "flow.har", None)
    assert [(finding.rule, finding.observed) for finding in report.findings] == []
    assert {step: report.status_of(step) for step in report.route} == dict.fromkeys(report.route, "passed")


@pytest.mark.parametrize(
    ("fault", "press", "step", "rule"),
    [
        (None, "Deny", "callback", "authorization-error"),
        ("token-endpoint-502", "Authorize", "token", "token-refused"),
        ("audience-of-another", "Authorize", "token", "token-audience"),
    ],
)
def test_what_went_wrong_is_found(
    browser: Any, tmp_path: Path, fault: str | None, press: str, step: str, rule: str
) -> None:
    report = recorded(browser, tmp_path / "flow.har", fault, press)
    assert report.cause is not None
    assert (report.cause.rule, report.cause.step) == (rule, step)
