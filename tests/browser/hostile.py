"""A server that goes through the flow, and has markup in every string that it may choose."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

MARK = "window.__pwned"
STAGES = ("", "challenge", "authorize", "token", "mcp")


class Hostile(ThreadingHTTPServer):
    """Serves on a free loopback port.

    Args:
        fails_at: the stage that ends in an error, whose every word is markup too.

    Attributes:
        beacons: what was fetched because some markup said so.
    """

    daemon_threads = True

    def __init__(self, fails_at: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fails_at = fails_at
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.beacons: list[str] = []

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    def evil(self, name: str = "text") -> str:
        """Markup that runs, loads or redirects, should anything take it for markup."""
        return (
            f"{name}'\"></pre></td></details></textarea><img src=x onerror={MARK}='{name}'>"
            f"<script>{MARK}='{name}'</script><svg onload={MARK}='{name}'></svg>"
            f"<img src={self.origin}/beacon/{name}><link rel=stylesheet href={self.origin}/beacon/{name}.css>"
            f"<base href={self.origin}/beacon/><style>body{{display:none}}</style>"
        )

    def evils(self, *names: str) -> dict[str, Any]:
        """Members by these names, one by a hostile name, and links that are none."""
        return {name: self.evil(name) for name in names} | {
            self.evil("key"): [self.evil("list"), {self.evil("inner"): self.evil("value")}],
            "logo_uri": f"javascript:{MARK}='logo'",
            "service_documentation": f"data:text/html,<script>{MARK}=1</script>",
            "op_policy_uri": self.evil("policy"),
            "scopes_supported": ["mcp:tools", self.evil("scope").replace(" ", "/")],
        }

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is nobody's news."""


class _Handler(BaseHTTPRequestHandler):
    server: Hostile
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith("/beacon"):
            self.server.beacons.append(self.path)
            self._json(404, {})
        elif path.startswith("/.well-known/oauth-protected-resource"):
            told = {"resource": self.server.url, "authorization_servers": [self.server.origin]}
            self._json(200, self.server.evils("resource_name", "resource_documentation") | told)
        elif path.startswith("/.well-known/"):
            self._json(200, self.server.evils("note") | self._metadata())
        elif path == "/authorize":
            self._authorize()
        else:
            self._json(404, self.server.evils("error"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        if path == "/register":
            told = {"client_id": f"id<img/src=x/onerror={MARK}=2>", "token_endpoint_auth_method": "none"}
            self._json(201, self.server.evils("client_name", "client_uri") | json.loads(body) | told)
        elif path == "/token":
            self._token()
        elif path == "/mcp":
            self._mcp(json.loads(body))
        else:
            self._json(404, self.server.evils("error"))

    def _metadata(self) -> dict[str, Any]:
        origin = self.server.origin
        return {
            "issuer": origin,
            "authorization_endpoint": f"{origin}/authorize",
            "token_endpoint": f"{origin}/token",
            "registration_endpoint": f"{origin}/register",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", self.server.evil("method")],
            "grant_types_supported": ["authorization_code"],
        }

    def _authorize(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        # Other markup than everywhere else: of a code even a part is hidden wherever it stands.
        told = {"code": "code<svg/onload=top.__pwned=3>"}
        if self.server.fails_at == "authorize":
            told = {name: self.server.evil(name) for name in ("error", "error_description", "error_uri")}
        told |= {"state": asked["state"], "iss": self.server.origin, "evil": self.server.evil("query")}
        self._json(302, {}, {"Location": f"{asked['redirect_uri']}?{urlencode(told)}"})

    def _token(self) -> None:
        if self.server.fails_at == "token":
            self._json(400, self.server.evils("error", "error_description", "error_uri"))
            return
        told = {"access_token": "a-token-as-it-should-be", "token_type": "Bearer", "expires_in": 60}
        self._json(200, self.server.evils("scope", "hint") | told)

    def _mcp(self, asked: dict[str, Any]) -> None:
        server = self.server
        if "Authorization" not in self.headers:
            metadata = f"{server.origin}/.well-known/oauth-protected-resource/mcp"
            if server.fails_at == "challenge":
                metadata = f"javascript:{MARK}='metadata'"
            quoted = server.evil("realm").replace('"', '\\"')
            challenge = f'Bearer realm="{quoted}", error="{quoted}", scope="mcp:tools", resource_metadata="{metadata}"'
            self._json(401, server.evils("error"), {"WWW-Authenticate": challenge})
        elif server.fails_at == "mcp":
            error = {"code": -32042, "message": server.evil("message"), "data": server.evils("data")}
            self._json(200, {"jsonrpc": "2.0", "id": asked.get("id"), "error": error})
        elif "id" not in asked:
            self._json(202, None)
        else:
            tool = {"name": server.evil("tool"), "description": server.evil("description"), "inputSchema": {}}
            info = {"name": server.evil("server"), "version": server.evil("version"), "title": server.evil("title")}
            result = {
                "protocolVersion": asked.get("params", {}).get("protocolVersion", ""),
                "serverInfo": info,
                "capabilities": {"tools": {}},
                "instructions": server.evil("instructions"),
                "tools": [tool],
            }
            self._json(200, {"jsonrpc": "2.0", "id": asked["id"], "result": result})

    def _json(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        sent = b"" if body is None else json.dumps(body).encode()
        self.send_response(status, f"Said <img src=x onerror={MARK}=4>")
        own = {"Content-Type": "application/json", "X-Evil": self.server.evil("header"), "Cache-Control": "no-store"}
        for name, value in (own | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        """Not into the test's output."""


@contextmanager
def hostile(fails_at: str = "") -> Iterator[Hostile]:
    """A hostile server that serves."""
    with Hostile(fails_at) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
