"""Authorization servers as their makers document them, played without a socket: data, and what answers by it.

A `Vendor` is one product, set up in one way, with an MCP server that trusts it; the rows stand in `products`. `walk`
runs a real `Debugger` over one, with a `World` in the place of its wire; what goes wrong is put in by a change to the
answers of one place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from factories import jwt

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.demo.answers import Answer
from mcp_oauth_nb.records import Failure, FailureKind, Request, Response
from mcp_oauth_nb.wire.http import Sent

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Change = Callable[[Answer], Answer]
WELL_KNOWN = "/.well-known/"
PRM, ASM, OIDC = (
    f"{WELL_KNOWN}{name}" for name in ("oauth-protected-resource", "oauth-authorization-server", "openid-configuration")
)
NOT_FOUND = Answer.of_json(404, {"error": "Not Found"})


@dataclass(frozen=True)
class Vendor:
    """One product, set up in one way.

    Attributes:
        issuer: as the metadata names it.
        metadata: the other members; values that begin with a slash are paths below `base`.
        at: the URLs that have the metadata.
        base: what the endpoints stand below; empty takes the issuer.
        url: the MCP server.
        resource: members of its protected resource metadata beside the authorization server; None for no document.
        challenge: of a request without a token; ``{prm}`` is the URL of the metadata. None sends no header.
        page: the body of that refusal, where it is a page for people.
        registered: what the registration answers beside what was sent; None where there is none.
        redirect: parameters of the redirect beside code and state.
        token: members of the token answer; None removes one.
        claims: of the access token where it is a JWT; empty where it is opaque. ``iss`` is added.
        header: of that JWT.
        opaque: the token where it is no JWT.
        settings: of the `Debugger`.
        habits: what a diagnosis may rightly warn of, by rule.
        refuses: the rule with which a flow rightly ends where a client must not go on.
    """

    issuer: str
    metadata: Mapping[str, Any]
    at: tuple[str, ...]
    base: str = ""
    url: str = "https://mcp.acme.dev/mcp"
    resource: Mapping[str, Any] | None = field(default_factory=dict)
    challenge: str | None = 'Bearer resource_metadata="{prm}"'
    page: str = ""
    registered: Mapping[str, Any] | None = None
    registration_status: int = 201
    redirect: Mapping[str, str] = field(default_factory=dict)
    token: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=lambda: {"alg": "RS256", "typ": "JWT", "kid": "k1"})
    opaque: str = "q8Zr5mUe2nXwKc7TfLb1"
    settings: Mapping[str, Any] = field(default_factory=dict)
    habits: frozenset[str] = frozenset()
    refuses: str = ""

    @property
    def prm_url(self) -> str:
        """Where the protected resource metadata is: the path of the MCP server inserted (RFC 9728 3.1)."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{PRM}{parts.path if parts.path != '/' else ''}"

    @property
    def document(self) -> dict[str, Any]:
        """The metadata whole."""
        base = (self.base or self.issuer).removesuffix("/")
        made = {
            name: f"{base}{value}" if isinstance(value, str) and value.startswith("/") else value
            for name, value in self.metadata.items()
        }
        return {"issuer": self.issuer, **made}

    @property
    def resource_document(self) -> dict[str, Any]:
        """The protected resource metadata whole."""
        return {"resource": self.url, "authorization_servers": [self.issuer], **(self.resource or {})}


class World:
    """Answers for one vendor and its MCP server, in the place of a wire.

    Args:
        vendor: whose answers they are.
        changes: what is done to the answers of a place: ``challenge``, ``resource_metadata``, ``server_metadata``,
            ``register``, ``authorize``, ``token``, ``refresh``, ``revoke``, ``userinfo``, ``introspect``, ``mcp``.
        now: what every clock says at first; each request takes a second.

    Attributes:
        ahead: by how much the clock of this machine runs ahead of theirs.
        turned: every JSON object, and every list of headers, comes in the other order.
    """

    def __init__(self, vendor: Vendor, changes: Mapping[str, Change] | None = None, now: datetime = NOW) -> None:
        self.vendor, self.changes, self.now = vendor, changes or {}, now
        self.ahead, self.turned = timedelta(0), False
        self.timeout_s = 30.0
        self._issued = 0
        endpoints = vendor.document
        self._places = {
            _bare(endpoints[name]): place
            for name, place in (
                ("authorization_endpoint", "authorize"),
                ("token_endpoint", "token"),
                ("registration_endpoint", "register"),
                ("revocation_endpoint", "revoke"),
                ("userinfo_endpoint", "userinfo"),
                ("introspection_endpoint", "introspect"),
            )
            if name in endpoints
        }

    def close(self) -> None:
        """Nothing is open."""

    def send(self, request: Request, *, answer_id: int | str | None = None, opening: bool = False) -> Sent:
        """Answer a request."""
        self.now += timedelta(seconds=1)
        place, answer = self._answer(request)
        answer = self.changes.get(place, lambda same: same)(answer)
        if answer.delivery != "whole":
            kind: FailureKind = "timeout" if answer.delivery == "never" else "protocol"
            return Sent(request, None, Failure(kind, "nothing came"), self.now + self.ahead, 12.0)
        made = _turned(answer) if self.turned else answer
        return Sent(request, Response(made.status, "", made.headers, made.body), None, self.now + self.ahead, 12.0)

    def _answer(self, request: Request) -> tuple[str, Answer]:
        vendor, url = self.vendor, request.url
        if url == vendor.url:
            return ("mcp", self._mcp(request)) if request.header("authorization") else ("challenge", self._refused())
        if url == vendor.prm_url:
            found = vendor.resource is not None
            return "resource_metadata", Answer.of_json(200, vendor.resource_document) if found else NOT_FOUND
        if url in vendor.at:
            return "server_metadata", Answer.of_json(200, vendor.document)
        if PRM in url:
            return "resource_metadata", NOT_FOUND
        if WELL_KNOWN in url:
            return "server_metadata", NOT_FOUND
        place = self._places.get(_bare(url), "elsewhere")
        if place in ("token", "revoke"):  # some products have one endpoint for both
            sent = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
            refreshed = sent.get("grant_type") == "refresh_token"
            place = "refresh" if refreshed else "token" if "grant_type" in sent else "revoke"
            return place, Answer(200) if place == "revoke" else self._tokens(refreshed=refreshed)
        return place, getattr(self, f"_{place}")(request)

    def _refused(self) -> Answer:
        vendor = self.vendor
        body = Answer.of_html(401, vendor.page) if vendor.page else Answer.of_json(401, {"error": "invalid_token"})
        if vendor.challenge is None:
            return body
        return body.with_header("www-authenticate", vendor.challenge.replace("{prm}", vendor.prm_url))

    def _mcp(self, request: Request) -> Answer:
        message = json.loads(request.body)
        method, request_id = message["method"], message.get("id")
        if request_id is None:
            return Answer(202)
        if method == "server/discover":
            error = {"code": -32600, "message": "Bad Request: Missing session ID"}
            return Answer.of_json(400, {"jsonrpc": "2.0", "id": "server-error", "error": error})
        if method == "initialize":
            result = {
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "Acme", "version": "1.4.2"},
            }
            made = _streamed({"jsonrpc": "2.0", "id": request_id, "result": result})
            return made.with_header("mcp-session-id", "0b5ad86e6d0b4d1c9b1e5b8f7a3c2d10")
        return _streamed({"jsonrpc": "2.0", "id": request_id, "result": {"tools": []}})

    def _register(self, request: Request) -> Answer:
        sent = json.loads(request.body)
        members = {"client_id": "3f1c9a52-6b0e-4b1f-9d7a-1c2e4f5a6b7c", **sent}
        if sent.get("token_endpoint_auth_method") in ("client_secret_basic", "client_secret_post"):
            members |= {"client_secret": "cs-4Hq8LzW2vNb7Tk5R", "client_secret_expires_at": 0}
        members |= self.vendor.registered or {}
        kept = {name: value for name, value in members.items() if value is not None}
        return Answer.of_json(self.vendor.registration_status, kept, cache_control="no-store")

    def _authorize(self, request: Request) -> Answer:
        sent = dict(parse_qsl(urlsplit(request.url).query))
        back = {"code": "c0de-7Gh2Kq9Lw3", "state": sent.get("state", ""), **self.vendor.redirect}
        return Answer(302, (("location", f"{sent['redirect_uri']}?{urlencode(back)}"),))

    def _tokens(self, *, refreshed: bool) -> Answer:
        vendor = self.vendor
        self._issued += 1
        answer: dict[str, Any] = {
            "access_token": self._access_token(),
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": f"rt-{self._issued}-Jd82hYt5Pq",
            **vendor.token,
        }
        if refreshed:
            answer.pop("id_token", None)
        kept = {name: value for name, value in answer.items() if value is not None}
        return Answer.of_json(200, kept, cache_control="no-store", date=self.now.strftime("%a, %d %b %Y %H:%M:%S GMT"))

    def _access_token(self) -> str:
        if not self.vendor.claims:
            return f"{self.vendor.opaque}{self._issued}"
        begun = int(self.now.timestamp())
        times = {"iat": begun, "exp": begun + 3600, "jti": f"j{self._issued}"}
        return jwt(dict(self.vendor.header), **{"iss": self.vendor.issuer, **times, **self.vendor.claims})

    def _userinfo(self, request: Request) -> Answer:
        return Answer.of_json(200, {"sub": "user-1"})

    def _introspect(self, request: Request) -> Answer:
        return Answer.of_json(200, {"active": True, "client_id": "3f1c9a52-6b0e-4b1f-9d7a-1c2e4f5a6b7c"})

    def _elsewhere(self, request: Request) -> Answer:
        return Answer.of_html(404, "<!doctype html><title>Not Found</title>")


def _turned(answer: Answer) -> Answer:
    document = answer.json
    body = json.dumps(_backwards(document)).encode() if isinstance(document, dict) else answer.body
    return replace(answer, body=body, headers=tuple(reversed(answer.headers)))


def _backwards(value: Any) -> Any:
    """Members of objects in the other order; arrays keep theirs, which means something."""
    if isinstance(value, dict):
        return {name: _backwards(value[name]) for name in reversed(value)}
    return value


def _bare(url: str) -> str:
    return url.partition("?")[0]


def _streamed(message: Mapping[str, Any]) -> Answer:
    body = f"event: message\ndata: {json.dumps(message)}\n\n".encode()
    return Answer(200, (("content-type", "text/event-stream"),), body)


def debugger(
    vendor: Vendor, changes: Mapping[str, Change] | None = None, *, now: datetime = NOW, **settings: Any
) -> Debugger:
    """A debugger whose wire is this vendor's world."""
    dbg = Debugger(vendor.url, browser="follow", **{**vendor.settings, **settings})
    dbg._driver.wire = World(vendor, changes, now)
    return dbg


def walk(
    vendor: Vendor, changes: Mapping[str, Change] | None = None, *, now: datetime = NOW, **settings: Any
) -> Debugger:
    """The same once it has run."""
    dbg = debugger(vendor, changes, now=now, **settings)
    dbg.run()
    return dbg


def world(dbg: Debugger) -> World:
    """The world of a debugger."""
    found: Any = dbg._driver.wire
    assert isinstance(found, World)
    return found
