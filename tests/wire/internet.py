"""A pretended internet: public names, served by one server of ours, and a canary at every address that is not public.

Connections are led elsewhere only after the guard has looked at the address. So a request that it should have refused
is made, and arrives: at the canary, where a test sees it.
"""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import ExitStack
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import httpcore
import pytest
from recorder import Asked

from tests.wire.raw import RawServer, ok, response

JSON = "Content-Type: application/json"
PUBLIC = {"mcp.example": "8.8.8.8", "as.example": "8.8.4.4", "canary.example": "9.9.9.9"}
INNER = {"inner.example": "10.0.0.5", "metadata.google.internal": "169.254.169.254", "idp.example": "192.168.1.1"}


def _is_address(host: str) -> bool:
    """Whether this is an address, in any way of writing; any other name would be looked up for real."""
    try:
        socket.inet_aton(host)
    except OSError:
        return ":" in host
    return True


class Internet:
    """An MCP server at mcp.example, its authorization server at as.example, and the canary.

    Args:
        monkeypatch: what the resolver and the connections are replaced with.
        context: serve https instead of http.
        bent: members of the documents, and headers, that say something else than they should, by name.

    Attributes:
        asked: what the two servers were asked.
        connected: the addresses that were connected to.
        canary: whoever is asked instead of an inner address, or of canary.example.
        answers: what a name resolves to, one look-up after the other; the last one stays.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, context: ssl.SSLContext | None = None, **bent: str | None
    ) -> None:
        self.scheme = "https" if context else "http"
        self.bent = bent
        self.asked: list[Asked] = []
        self.connected: list[str] = []
        self.answers = {name: [address] for name, address in (PUBLIC | INNER).items()}
        self._spent: set[str] = set()
        self._open = ExitStack()
        self.canary = self._open.enter_context(RawServer(ok(b"{}", JSON)))
        served = self._open.enter_context(RawServer(self._serve, context=context))
        self._ports = {PUBLIC["mcp.example"]: served.port, PUBLIC["as.example"]: served.port}
        self._real, self._connect = socket.getaddrinfo, httpcore.SyncBackend.connect_tcp
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)
        lead = self._lead

        def connect_tcp(backend: httpcore.SyncBackend, *given: Any) -> httpcore.NetworkStream:
            return lead(backend, *given)

        monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_tcp)

    def __enter__(self) -> Internet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def url(self) -> str:
        return f"{self.scheme}://mcp.example/mcp"

    @property
    def issuer(self) -> str:
        return f"{self.scheme}://as.example"

    @property
    def untouched(self) -> bool:
        return self.canary.connections == 0 and self.canary.asked == []

    def _resolve(self, host: str, port: int, *rest: object, **named: object) -> Any:
        known = self.answers.get(host)
        if known is not None:
            address = known.pop(0) if len(known) > 1 else known[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]
        if not _is_address(host):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self._real(host, port, *rest, **named)

    def _lead(self, backend: httpcore.SyncBackend, address: str, port: int, *rest: Any) -> httpcore.NetworkStream:
        self.connected.append(address)
        return self._connect(backend, "127.0.0.1", self._ports.get(address, self.canary.port), *rest)

    # -- the servers ----------------------------------------------------------------------------------------------

    def _serve(self, connection: socket.socket, raw: bytes) -> None:
        asked = Asked.read("", raw)
        self.asked.append(asked)
        if asked.path in self.bent:
            connection.sendall(response(b"", f"Location: {self.bent[asked.path]}", status="307 Temporary Redirect"))
            return
        connection.sendall(self._answer(asked))

    def _document(self, document: dict[str, Any], status: str = "200 OK") -> bytes:
        for name in document.keys() & self.bent.keys():
            document[name] = [self.bent[name]] if isinstance(document[name], list) else self.bent[name]
        return response(json.dumps(document).encode(), JSON, "Cache-Control: no-store", status=status)

    def _answer(self, asked: Asked) -> bytes:
        site = f"{self.scheme}://mcp.example"
        match asked.path:
            case "/mcp":
                return self._mcp(asked)
            case "/.well-known/oauth-protected-resource/mcp":
                published = {"resource": self.url, "authorization_servers": [self.issuer], "jwks_uri": f"{site}/jwks"}
                return self._document(published | {"resource_documentation": f"{site}/docs"})
            case "/.well-known/oauth-authorization-server":
                endpoints = ("authorization", "token", "registration", "revocation", "introspection")
                published = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in endpoints}
                more = {
                    name: f"{self.issuer}/{name}" for name in ("jwks_uri", "op_policy_uri", "service_documentation")
                }
                pkce = {"code_challenge_methods_supported": ["S256"], "response_types_supported": ["code"]}
                return self._document({"issuer": self.issuer, **published, **more} | pkce)
            case "/registration":
                managed = {"registration_client_uri": f"{self.issuer}/client", "logo_uri": f"{self.issuer}/logo"}
                secret = {"registration_access_token": "management-Kq82jd01"}
                return self._document({"client_id": "the-client", **managed, **secret} | asked.json, "201 Created")
            case "/authorization":
                sent = dict(asked.query)
                back = urlencode({"code": "code-Zk81jd02", "state": sent["state"]})
                return response(b"", f"Location: {sent['redirect_uri']}?{back}", status="302 Found")
            case "/token":
                return self._token(dict(asked.form))
        return response(b"", JSON)

    def _token(self, form: dict[str, str]) -> bytes:
        shown = form.get("refresh_token", form.get("code", ""))
        if shown in self._spent:
            return self._document({"error": "invalid_grant"}, "400 Bad Request")
        self._spent.add(shown)
        count = len(self._spent)
        pair = {"access_token": f"access-Jw81kd93-{count}", "refresh_token": f"refresh-Pq41sd77-{count}"}
        return self._document({**pair, "token_type": "Bearer", "expires_in": 60})

    def _mcp(self, asked: Asked) -> bytes:
        if not asked.header("authorization"):
            well_known = f"{self.scheme}://mcp.example/.well-known/oauth-protected-resource/mcp"
            named = self.bent.get("resource_metadata", well_known)
            challenge = f'WWW-Authenticate: Bearer resource_metadata="{named}", scope="a"'
            return response(b"", challenge, status="401 Unauthorized")
        if "id" not in asked.json:
            return response(b"", status="202 Accepted")
        info = {"name": "s", "version": "1", "icons": [{"src": self.bent.get("icon", "")}]}
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": info, "tools": []}
        return response(json.dumps({"jsonrpc": "2.0", "id": asked.json["id"], "result": result}).encode(), JSON)
