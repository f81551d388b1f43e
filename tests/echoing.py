"""A server that goes through the flow and says back every secret it has met, in every way of writing it can think of.

What it says is meant to leave through whatever shows or keeps it: error texts, header fields and their names,
redirects, member names, JSON within JSON, markup, broken-off, packed and misencoded bodies.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from marks import jwt, marked


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _base64(lead: int, encode: Callable[[bytes], bytes]) -> Callable[[str], str]:
    return lambda secret: encode(b"~" * lead + secret.encode() + b"~~~").decode()


ECHOES: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "quoted": lambda one: quote(one, safe=""),
    "quoted all through": _percent,
    "quoted twice": lambda one: quote(_percent(one)),
    "quoted three times": lambda one: quote(quote(_percent(one))),
    "entities": lambda one: "".join(f"&#{ord(c)};" for c in one),
    "hexadecimal entities": lambda one: "".join(f"&#x{ord(c):X};" for c in one),
    "escapes of JSON": lambda one: "".join(f"\\u{ord(c):04x}" for c in one),
    "JSON in JSON": lambda one: json.dumps(json.dumps({"deep": one})),
    **{f"base64 at {lead}": _base64(lead, base64.b64encode) for lead in range(3)},
    **{f"base64url at {lead}": _base64(lead, base64.urlsafe_b64encode) for lead in range(3)},
    "base64 in a query": lambda one: quote(base64.b64encode(one.encode()), safe=""),
    "hexadecimal": lambda one: one.encode().hex(),
    "hexadecimal in capitals": lambda one: one.encode().hex().upper(),
    "capitals": str.upper,
    "small letters": str.lower,
    "in a word": lambda one: f"x{one}x",
    "in a path": lambda one: f"https://else.example/{quote(one)}/x",
    "in a host": lambda one: f"https://{one[:60].lower()}.example/",
    "as a member": lambda one: json.dumps({one: one}),
    "beginning": lambda one: f"{one[: len(one) // 2]}...",
    "end": lambda one: f"...{one[len(one) // 2 :]}",
    "middle": lambda one: f"...{one[len(one) // 2 - 8 : len(one) // 2 + 8]}...",
    "with zero bytes": "\0".join,
    "with soft hyphens": "\u00ad".join,
}
"""The ways of writing that are looked through."""


class Echoing(ThreadingHTTPServer):
    """Serves on a free loopback port.

    Args:
        fails_at: the step whose answer is an error: "", "register", "authorize", "token" or "mcp".
        body: how the answers that nothing depends on are packed: "plain", "gzip", "chunked", "cut", "utf-16", "html".
        is_jwt: access tokens are JWTs.
        confidential: registered clients get a secret and a registration access token.

    Attributes:
        met: every secret so far, by a name of its own.
    """

    daemon_threads = True

    def __init__(
        self, fails_at: str = "", body: str = "plain", *, is_jwt: bool = False, confidential: bool = True
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fails_at, self.body, self.is_jwt, self.confidential = fails_at, body, is_jwt, confidential
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.url = f"{self.origin}/mcp"
        self.met: dict[str, str] = {}
        self.answers = 0

    def issue(self, kind: str) -> str:
        """A new secret of this kind."""
        number = sum(name.startswith(kind) for name in self.met)
        value = marked(f"{kind} {number} {self.server_port}")
        if kind == "id_token" or (kind == "access_token" and self.is_jwt):
            person = marked(f"person {self.server_port}")
            value = jwt({"iss": self.origin, "sub": person, "email": f"{person}@example.com", "jti": value}, value)
        return self.meet(kind, value)

    def meet(self, kind: str, value: str) -> str:
        """Remember a secret that was sent."""
        if value and value not in self.met.values():
            self.met[f"{kind} {len(self.met)}"] = value
        return value

    def echo(self) -> dict[str, Any]:
        """Members that hold some secrets in every way: the latest, and by turns the others."""
        self.answers += 1
        known = list(self.met.values())
        latest = list(dict.fromkeys([*known[-1:], *(known[self.answers % len(known) :][:1] if known else ())]))
        said = {name: [write(one) for one in latest] for name, write in ECHOES.items()}
        halves = [{"first": one[: len(one) // 2], "second": one[len(one) // 2 :]} for one in latest if len(one) >= 24]
        return {
            "error_description": " ".join(self.met.values()),
            "said": said,
            "halves": halves,
            "nested": json.dumps({"again": json.dumps(latest)}),
            **dict.fromkeys(latest, 1),
        }

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is nobody's news."""


class _Handler(BaseHTTPRequestHandler):
    server: Echoing
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._meet(b"")
        path, origin = urlsplit(self.path).path, self.server.origin
        if path.startswith("/.well-known/oauth-protected-resource"):
            self._say(200, {"resource": self.server.url, "authorization_servers": [origin]})
        elif path.startswith("/.well-known/"):
            self._say(200, self._metadata())
        elif path == "/authorize":
            self._authorize()
        elif path == "/mcp":
            self._say(405, {})
        else:
            self._say(404, {"error": "not_found"})

    def do_DELETE(self) -> None:
        self._meet(b"")
        self._say(405, {"error": "no"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._meet(body)
        path = urlsplit(self.path).path
        if path == self.server.fails_at.join("/ ").strip() and self.server.fails_at != "mcp":
            self._say(400, {"error": "invalid_request"}, free=True)
        elif path == "/register":
            self._register(json.loads(body))
        elif path == "/token":
            self._token(dict(parse_qsl(body.decode())))
        elif path == "/mcp":
            self._mcp(json.loads(body))
        else:
            self._say(200, {})

    def _meet(self, body: bytes) -> None:
        """Remember what came as a secret."""
        meet = self.server.meet
        for name in ("DPoP", "Cookie", "X-Tenant-Key"):
            meet(name.lower(), self.headers.get(name, "").partition("=")[2 if name == "Cookie" else 0])
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            meet("secret", base64.b64decode(credentials).decode().partition(":")[2])
        else:
            meet("credentials", credentials)
        sent = parse_qsl(urlsplit(self.path).query)
        if "form" in self.headers.get("Content-Type", ""):
            sent += parse_qsl(body.decode())
        for name, value in sent:
            if name in ("state", "code", "code_verifier", "refresh_token", "client_assertion", "assertion", "api_key",
                        "token", "client_secret", "subject_token"):  # fmt: skip
                meet(name, value)

    def _metadata(self) -> dict[str, Any]:
        origin = self.server.origin
        paths = ("authorize", "token", "register", "revoke", "introspect")
        names = ("authorization", "token", "registration", "revocation", "introspection")
        return {
            "issuer": origin,
            **{f"{name}_endpoint": f"{origin}/{path}" for name, path in zip(names, paths, strict=True)},
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [
                "none", "client_secret_basic", "client_secret_post", "private_key_jwt",
            ],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            "dpop_signing_alg_values_supported": ["ES256"],
            "grant_types_supported": [
                "authorization_code", "refresh_token", "client_credentials",
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
            ],
            "authorization_response_iss_parameter_supported": True,
        }  # fmt: skip

    def _register(self, asked: dict[str, Any]) -> None:
        told = asked | {"client_id": "public-client"}
        if self.server.confidential:
            told |= {
                "client_secret": self.server.issue("client_secret"),
                "client_secret_expires_at": 0,
                "token_endpoint_auth_method": "client_secret_basic",
                "registration_access_token": self.server.issue("registration_access_token"),
                "registration_client_uri": f"{self.server.origin}/register/public-client",
            }
        self._say(201, told)

    def _authorize(self) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query))
        if self.server.fails_at == "authorize":
            told = {"error": "access_denied", "error_description": " ".join(self.server.met.values())}
        else:
            told = {"code": self.server.issue("code")}
        told |= {"state": asked["state"], "iss": self.server.origin, "hint": " ".join(self.server.met.values())}
        self._say(302, {}, {"Location": f"{asked['redirect_uri']}?{urlencode(told)}"})

    def _token(self, asked: dict[str, str]) -> None:
        issue = self.server.issue
        told = {"access_token": issue("access_token"), "token_type": "DPoP" if "DPoP" in self.headers else "Bearer"}
        told |= {"expires_in": 60, "refresh_token": issue("refresh_token"), "id_token": issue("id_token")}
        self._say(200, told, {"Cache-Control": "no-store"})

    def _mcp(self, asked: dict[str, Any]) -> None:
        if "Authorization" not in self.headers:
            metadata = f"{self.server.origin}/.well-known/oauth-protected-resource/mcp"
            said = " ".join(self.server.met.values())
            challenge = f'Bearer error="invalid_token", error_description="{said}", resource_metadata="{metadata}"'
            self._say(401, {"error": "invalid_token"}, {"WWW-Authenticate": challenge}, free=True)
        elif self.server.fails_at == "mcp":
            self._say(500, {"error": "server_error"}, free=True)
        elif "id" not in asked:
            self._send(202, b"", {})
        else:
            tool = {"name": "tell", "description": " ".join(self.server.met.values()), "inputSchema": {}}
            result = {
                "protocolVersion": asked.get("params", {}).get("protocolVersion", ""),
                "serverInfo": {"name": "echo", "version": "1"},
                "capabilities": {"tools": {}},
                "tools": [tool],
                "content": [{"type": "text", "text": f"your token is {self.server.issue('access_token of a tool')}"}],
            }
            session = self.headers.get("Mcp-Session-Id") or self.server.issue("session")
            message = {"jsonrpc": "2.0", "id": asked["id"], "result": result | {"_meta": self.server.echo()}}
            self._send(200, json.dumps(message).encode(), {"Mcp-Session-Id": session})

    def _say(
        self, status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None, *, free: bool = False
    ) -> None:
        """Answer with JSON and echoes; an answer that nothing depends on may be packed or broken."""
        said = self.server.echo() | body
        kind, sent = self.server.body if free else "plain", json.dumps(said).encode()
        own = dict(headers or {})
        if kind == "gzip":
            sent, own["Content-Encoding"] = gzip.compress(sent), "gzip"
        elif kind == "utf-16":
            sent, own["Content-Type"] = json.dumps(said, ensure_ascii=False).encode("utf-16"), "text/plain"
        elif kind == "html":
            markup = "".join(f"<b title='{html.escape(one)}'>{one}</b>" for one in self.server.met.values())
            sent, own["Content-Type"] = f"<!doctype html><p>{markup}</p>".encode(), "text/html"
        elif kind == "cut" and self.server.met:
            last = next(reversed(self.server.met.values()))
            whole = f'{{"error": "invalid_token", "was": "{last}"}}'.encode()
            cut = whole.rindex(last.encode()) + len(last) * 2 // 3
            self._send(status, whole[:cut], own, length=len(whole))
            return
        self._send(status, sent, own, chunked=kind == "chunked")

    def _send(
        self, status: int, sent: bytes, headers: Mapping[str, str], *, length: int | None = None, chunked: bool = False
    ) -> None:
        known = list(self.server.met.values())
        self.send_response(status, f"Said {known[-1] if known else ''}")
        for name, value in ({"Content-Type": "application/json"} | dict(headers)).items():
            self.send_header(name, value)
        if len(known) < 9:
            self.send_header("Set-Cookie", f"sid={self.server.issue('cookie')}; Path=/{known[0] if known else ''}")
        for number, one in enumerate(known[-3:]):
            self.send_header(f"X-{one.replace('.', '-')[:200]}", "name")
            for way in ("plain", "base64 at 1", "hexadecimal", "quoted twice", "small letters", "middle"):
                self.send_header(f"X-Echo-{number}", ECHOES[way](one))
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(sent), 7_001):
                piece = sent[at : at + 7_001]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(sent) if length is None else length))
        self.end_headers()
        self.wfile.write(sent)
        if length is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Not into the test's output."""


@contextmanager
def echoing(fails_at: str = "", body: str = "plain", **more: bool) -> Iterator[Echoing]:
    """An echoing server that serves."""
    with Echoing(fails_at, body, **more) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
