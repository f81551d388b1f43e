"""A small, honest OAuth client for the tests: each method is one request, each parameter can be bent."""

import base64
import hashlib
import json
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from mcp_oauth_nb.demo import DemoClient, DemoServer

REDIRECT = "http://127.0.0.1:8765/callback"
ACCEPT = "application/json, text/event-stream"
PROTOCOL = "2025-11-25"
REGISTRATION = {
    "client_name": "walker",
    "redirect_uris": [REDIRECT],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}


def query_of(url: str) -> dict[str, str]:
    """The query parameters of a URL, each once."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def message_of(answer: httpx.Response) -> dict[str, Any]:
    """The JSON-RPC message of an MCP answer, JSON or event stream."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        data = [line[5:].strip() for line in answer.text.splitlines() if line.startswith("data:")]
        return dict(json.loads(next(text for text in data if text)))
    return dict(answer.json())


class Walker:
    """Walks the flow by hand."""

    def __init__(self, server: DemoServer, client: DemoClient | None = None) -> None:
        self.server = server
        self.http = httpx.Client(timeout=10)
        self.client_id = client.client_id if client else ""
        self.secret = client.client_secret if client else None
        self.verifier = secrets.token_urlsafe(32)

    def __enter__(self) -> "Walker":
        return self

    def __exit__(self, *args: object) -> None:
        self.http.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET a path of the server."""
        return self.http.get(self.server.issuer + path, **options)

    def register(self, **members: Any) -> httpx.Response:
        """Register dynamically; remembers the client."""
        answer = self.http.post(self.server.issuer + "/register", json=REGISTRATION | members)
        if answer.status_code == 201:
            self.client_id = answer.json()["client_id"]
            self.secret = answer.json().get("client_secret")
        return answer

    def request(self, **params: str | None) -> httpx.Response:
        """The authorization request; None leaves a parameter out."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        wanted: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "state": "walker-state",
            "resource": self.server.url,
        }
        return self.get("/authorize", params={k: v for k, v in (wanted | params).items() if v is not None})

    def authorize(self, **params: str | None) -> dict[str, str]:
        """Authorization request and consent without a browser; the parameters of the redirect back."""
        answer = self.request(**params)
        assert answer.status_code == 302, answer.text
        back = self.http.get(answer.headers["location"])
        assert back.status_code == 302, back.text
        assert back.headers["location"].startswith((params.get("redirect_uri") or REDIRECT) + "?")
        return query_of(back.headers["location"])

    def post(self, path: str, **form: str | None) -> httpx.Response:
        """POST a form with client authentication."""
        known = {k: v for k, v in form.items() if v is not None}
        if self.secret:
            return self.http.post(self.server.issuer + path, data=known, auth=(self.client_id, self.secret))
        return self.http.post(self.server.issuer + path, data={"client_id": self.client_id} | known)

    def token(self, code: str, **form: str | None) -> httpx.Response:
        """The token request for a code."""
        wanted: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": self.verifier,
            "redirect_uri": REDIRECT,
            "resource": self.server.url,
        }
        return self.post("/token", **(wanted | form))

    def tokens(self) -> dict[str, Any]:
        """The whole way to the first tokens."""
        answer = self.token(self.authorize()["code"])
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refresh(self, token: str, **form: str | None) -> httpx.Response:
        """The refresh request."""
        wanted = {"grant_type": "refresh_token", "refresh_token": token, "resource": self.server.url}
        return self.post("/token", **(wanted | form))

    def mcp(
        self, method: str = "initialize", token: str | None = None, session: str = "", **params: Any
    ) -> httpx.Response:
        """One MCP request."""
        headers = {"accept": ACCEPT}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if session:
            headers |= {"mcp-session-id": session, "mcp-protocol-version": PROTOCOL}
        if method == "initialize":
            params = {
                "protocolVersion": PROTOCOL,
                "capabilities": {},
                "clientInfo": {"name": "w", "version": "1"},
            } | params
        body: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if not method.startswith("notifications/"):
            body["id"] = 1
        return self.http.post(self.server.url, json=body, headers=headers)

    def works(self, token: str) -> bool:
        """Whether the MCP endpoint accepts this token."""
        answer = self.mcp(token=token)
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200
