"""A plain OAuth 2.0 authorization server with an API behind it, in this process: every grant, healthy or with faults.

It speaks what the RFCs say and knows nothing of MCP. A fault is a name; what each does stands where it is looked at.
It consents by itself: the authorization endpoint redirects at once.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode

from factories import jwt

from mcp_oauth_nb.protocol.pkce import s256

CLIENT_ID, CLIENT_SECRET = "plain-client", "s3cret-Zk81-value-Qp"
USERNAME, PASSWORD = "alice", "correct-horse-9Xv-battery"
USER_CODE = "WDJB-MJHT"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class PlainServer:
    """The server, started; `faults` name what it does wrong, `pending` is how often a device has to ask in vain.

    Attributes:
        url: its origin, which is its issuer.
        seen: every request so far: method, path with query, headers, body.
        issued: every secret that it gave out.
    """

    def __init__(self, *faults: str, pending: int = 1, interval: float | None = 0.01, lifetime_s: float = 900) -> None:
        self.faults, self.pending, self.interval, self.lifetime_s = set(faults), pending, interval, lifetime_s
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, str] = {}
        self.refresh_tokens: set[str] = set()
        self.device_codes: dict[str, int] = {}
        self.seen: list[tuple[str, str, Mapping[str, str], str]] = []
        self.issued: list[str] = []
        self._number = 0
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.plain = self  # type: ignore[attr-defined]
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def at(self, path: str) -> str:
        """The URL of a path here."""
        return self.url + path

    @property
    def endpoints(self) -> dict[str, str]:
        """The arguments of an `OAuth2` that name the endpoints."""
        return {
            "authorization_url": self.at("/authorize"),
            "token_url": self.at("/token"),
            "revocation_url": self.at("/revoke"),
            "introspection_url": self.at("/introspect"),
            "userinfo_url": self.at("/userinfo"),
        }

    def posts(self, path: str) -> list[dict[str, list[str]]]:
        """The forms that were posted to a path."""
        return [parse_qs(body) for method, at, _, body in self.seen if method == "POST" and at.split("?")[0] == path]

    def metadata(self) -> dict[str, Any]:
        names = ("authorize", "token", "revoke", "introspect", "userinfo", "device")
        members = ("authorization", "token", "revocation", "introspection", "userinfo", "device_authorization")
        return {
            "issuer": self.url + ("/other" if "issuer" in self.faults else ""),
            **{f"{member}_endpoint": self.at(f"/{name}") for member, name in zip(members, names, strict=True)},
            "response_types_supported": ["code", "token", "id_token token"],
            "grant_types_supported": ["authorization_code", "implicit", "password", "client_credentials",
                                      "refresh_token", DEVICE_GRANT],
            "code_challenge_methods_supported": ["S256", "plain"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        }  # fmt: skip

    def new(self, kind: str) -> str:
        """A new secret."""
        self._number += 1
        value = f"{kind}-{self._number}-" + base64.urlsafe_b64encode(f"{kind}{self._number}".encode() * 3).decode()
        self.issued.append(value.rstrip("="))
        return value.rstrip("=")

    # -- the endpoints --------------------------------------------------------------------------------------------

    def authorize(self, asked: Mapping[str, str]) -> str:
        """Where the browser is sent back to."""
        wanted, state = asked.get("response_type", ""), {"state": asked.get("state", "")}
        back = asked["redirect_uri"]
        if "denied" in self.faults:
            mark = "#" if "token" in wanted else "?"
            return back + mark + urlencode({"error": "access_denied", **state})
        if "state" in self.faults:
            state = {"state": "another-state-9f8Kq2LmZ"}
        if "token" not in wanted:
            code = self.new("code")
            self.codes[code] = dict(asked)
            return f"{back}?{urlencode({'code': code, **state})}"
        answer = {**self.grant(asked.get("scope", ""), refresh=False), **state}
        if "id_token" in wanted:
            nonce = "another-nonce" if "nonce" in self.faults else asked.get("nonce")
            answer["id_token"] = self.id_token(nonce)
        if "no_token_type" in self.faults:
            del answer["token_type"]
        if "refresh_in_fragment" in self.faults:
            answer["refresh_token"] = self.new("refresh")
        return f"{back}{'?' if 'in_query' in self.faults else '#'}{urlencode(answer)}"

    def id_token(self, nonce: str | None) -> str:
        made = jwt({"alg": "ES256"}, iss=self.url, aud=CLIENT_ID, sub="alice", exp=4102444800, iat=1767225600,
                   **({"nonce": nonce} if nonce else {}))  # fmt: skip
        self.issued.append(made)
        return made

    def grant(self, scope: str, *, refresh: bool = True) -> dict[str, Any]:
        token = self.new("access") + ("\nX-Evil: 1" if "token_breaks_the_line" in self.faults else "")
        self.tokens[token] = scope
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime_s}
        if scope:
            answer["scope"] = scope
        if refresh:
            answer["refresh_token"] = self.new("refresh")
            self.refresh_tokens.add(answer["refresh_token"])
        return answer

    def token(self, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """An answer of the token endpoint."""
        kind = form.get("grant_type", "")
        if not self.is_known(form, headers, public_too=kind != "client_credentials"):
            return 401, {"error": "invalid_client"}
        if "unauthorized_client" in self.faults:
            return 400, {"error": "unauthorized_client"}
        match kind:
            case "authorization_code":
                asked = self.codes.pop(form.get("code", ""), None)
                good = asked is not None and asked["redirect_uri"] == form.get("redirect_uri") and _fits(asked, form)
                if asked is None or not good:
                    return 400, {"error": "invalid_grant"}
                answer = self.grant(asked.get("scope", ""))
                if "openid" in asked.get("scope", ""):
                    answer["id_token"] = self.id_token(asked.get("nonce"))
                return 200, answer
            case "password":
                good = (form.get("username"), form.get("password")) == (USERNAME, PASSWORD)
                return (200, self.grant(form.get("scope", ""))) if good else (400, {"error": "invalid_grant"})
            case "client_credentials":
                return 200, self.grant(form.get("scope", ""), refresh=False)
            case "refresh_token":
                if form.get("refresh_token") not in self.refresh_tokens:
                    return 400, {"error": "invalid_grant"}
                self.refresh_tokens.discard(form["refresh_token"])
                return 200, self.grant("")
            case kind if kind == DEVICE_GRANT:
                return self.poll(form.get("device_code", ""))
        return 400, {"error": "unsupported_grant_type"}

    def device(self) -> tuple[int, dict[str, Any]]:
        """An answer of the device authorization endpoint."""
        if "device_refused" in self.faults:
            return 400, {"error": "unauthorized_client"}
        code = self.new("device")
        self.device_codes[code] = 0
        answer = {
            "device_code": code,
            "user_code": USER_CODE,
            "verification_uri": self.at("/activate"),
            "verification_uri_complete": self.at(f"/activate?user_code={USER_CODE}"),
            "expires_in": 600,
            "interval": self.interval,
        }
        if "hostile_device" in self.faults:
            answer |= {"user_code": '"><script>alert(1)</script>', "verification_uri": "javascript:alert(1)"}
            del answer["verification_uri_complete"]
        if "no_user_code" in self.faults:
            del answer["user_code"]
        if "no_expires_in" in self.faults:
            del answer["expires_in"]
        return 200, {name: value for name, value in answer.items() if value is not None}

    def poll(self, code: str) -> tuple[int, dict[str, Any]]:
        if code not in self.device_codes:
            return 400, {"error": "invalid_grant"}
        self.device_codes[code] += 1
        for fault in ("access_denied", "expired_token"):
            if fault in self.faults:
                return 400, {"error": fault}
        if self.device_codes[code] <= self.pending:
            status = 200 if "pending_with_200" in self.faults else 400
            return status, {"error": "slow_down" if "slow_down" in self.faults else "authorization_pending"}
        return 200, self.grant("")

    def is_known(self, form: Mapping[str, str], headers: Mapping[str, str], *, public_too: bool = True) -> bool:
        """Whether the client is ours: by Basic, by the form, or as a public one."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            name, _, secret = base64.b64decode(credentials).decode().partition(":")
            return (unquote_plus(name), unquote_plus(secret)) == (CLIENT_ID, CLIENT_SECRET)
        if "client_secret" in form:
            return (form.get("client_id"), form["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)
        return public_too and form.get("client_id", CLIENT_ID) == CLIENT_ID

    def api(self, query: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, Any, dict[str, str]]:
        """An answer of the API: 401 with a challenge unless a token of ours comes in a way that is taken."""
        shown = headers.get("authorization", "").rpartition(" ")[2] or query.get("access_token", "")
        if "forbidden" in self.faults:
            challenge = 'Bearer error="insufficient_scope", scope="write"'
            return 403, {"error": "no"}, {"WWW-Authenticate": challenge}
        if shown in self.tokens and "api_refuses" not in self.faults:
            return 200, {"hello": "alice", "scope": self.tokens[shown]}, {}
        silent = "api_silent" in self.faults
        challenge = 'Bearer realm="api", error="invalid_token", error_description="unknown"'
        return 401, {"error": "no"}, {} if silent else {"WWW-Authenticate": challenge}


def _fits(asked: Mapping[str, str], form: Mapping[str, str]) -> bool:
    """Whether the verifier belongs to the challenge, by its method; none is needed where none was sent."""
    challenge, verifier = asked.get("code_challenge"), form.get("code_verifier", "")
    if challenge is None:
        return not verifier
    return (verifier if asked.get("code_challenge_method", "plain") == "plain" else s256(verifier)) == challenge


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def plain(self) -> PlainServer:
        found: PlainServer = self.server.plain  # type: ignore[attr-defined]
        return found

    def do_GET(self) -> None:
        path, query = self._noted("")
        if path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
            self._json(200, self.plain.metadata())
        elif path == "/authorize":
            self._answer(302, b"", {"Location": self.plain.authorize(query)})
        elif path == "/userinfo":
            status, _, headers = self.plain.api({}, self._headers())
            self._json(status, {"sub": "alice"}, headers)
        elif path.startswith("/api"):
            status, body, headers = self.plain.api(query, self._headers())
            self._json(status, body, headers)
        else:
            self._json(404, {"error": "not found"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path, query = self._noted(body)
        form = dict(parse_qsl(body, keep_blank_values=True))
        headers = self._headers()
        if path == "/token":
            self._json(*self.plain.token(form, headers), {"Cache-Control": "no-store"})
        elif path == "/device":
            self._json(*self.plain.device(), {"Cache-Control": "no-store"})
        elif path == "/revoke":
            self.plain.tokens.pop(form.get("token", ""), None)
            self._answer(200, b"", {})
        elif path == "/introspect":
            self._json(200, {"active": form.get("token") in self.plain.tokens, "client_id": CLIENT_ID})
        elif path.startswith("/api"):
            status, answer, more = self.plain.api(query, headers)
            self._json(status, answer, more)
        else:
            self._json(404, {"error": "not found"})

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _noted(self, body: str) -> tuple[str, dict[str, str]]:
        self.plain.seen.append((self.command, self.path, self._headers(), body))
        path, _, query = self.path.partition("?")
        return path, dict(parse_qsl(query, keep_blank_values=True))

    def _json(self, status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
        self._answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""
