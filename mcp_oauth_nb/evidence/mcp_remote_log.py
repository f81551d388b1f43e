"""What each line of a debug log of mcp-remote tells of what went over the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from mcp_oauth_nb.evidence.har_entries import failure_said
from mcp_oauth_nb.records import NEVER, Exchange, Failure, Headers, Part, Request, Response, read_json
from mcp_oauth_nb.rules.classify import OTHER
from mcp_oauth_nb.vault import Vault

MOST = 10_000
"""Exchanges; of a longer log the rest is left out."""
_RAW = re.compile(r"HTTP (\d{3}): Invalid OAuth error response: .*?Raw body: (.*)", re.DOTALL)
_CLASS = re.compile(r"([A-Z][A-Za-z]+)Error: ")
OAUTH_ERRORS = ("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
                "invalid_scope", "access_denied", "server_error", "invalid_target")  # fmt: skip
BY_CLASS = {error.title().replace("_", ""): error for error in OAUTH_ERRORS}
"""The SDK's names of OAuth errors, such as ``InvalidGrantError``."""
SENT: tuple[Part, ...] = ("request headers", "request body")
CAME: tuple[Part, ...] = ("response headers", "response body")
TOKEN: Headers = (("Authorization", "Bearer [redacted access token]"),)
"""Sent, by the log, with every message once there are tokens; the log does not show them."""


class Log:
    """What the lines so far have told.

    Attributes:
        found: the exchanges, each with what the log does not say of it.
        url: the MCP server's URL.
        protocol: the protocol version that was agreed on.
        came_back: a code was received.
        refused: what the log says of an authorization that failed.
    """

    def __init__(self, vault: Vault) -> None:
        self.found: list[Exchange] = []
        self.url = self.protocol = self.refused = ""
        self.came_back = False
        self._vault, self._when = vault, NEVER
        self._candidates: list[str] = []
        self._resource_url = self._issuer = self._code = ""
        self._server: Mapping[str, Any] = {}
        self._described: int | None = None
        self._sent: dict[str, Mapping[str, Any]] = {}
        self._has_token = self._completing = False

    def take(self, when: datetime, said: str) -> None:
        """Read the next line, all of it behind its time."""
        self._when = when
        for beginning, act in LINES:
            if said.startswith(beginning):
                act(self, said[len(beginning) :].strip())
                return

    # --- the lines, in the order of a flow ---

    def starts(self, rest: str) -> None:
        self.url = self.url or rest.split(maxsplit=1)[0] if rest else self.url

    def challenged(self, rest: str) -> None:
        header = _text(_object(rest).get("header"))
        if self.url:
            self._add("GET", self.url, 401, (("WWW-Authenticate", header),) if header else ())

    def asks_resource(self, rest: str) -> None:
        self._resource_url = _text(_object(rest).get("metadataUrl"))

    def resource_answer(self, status: int) -> Callable[[str], None]:
        def act(rest: str) -> None:
            told = _object(rest)
            names = {"resource": "resource", "authorizationServers": "authorization_servers",
                     "scopesSupported": "scopes_supported"}  # fmt: skip
            document = {name: told[key] for key, name in names.items() if key in told}
            url = _text(told.get("metadataUrl")) or self._resource_url
            self._get(url, status or _status(told), document if status == 200 else None)

        return act

    def asks_server(self, rest: str) -> None:
        told = _object(rest)
        self._issuer = _text(told.get("serverUrl")) or self._issuer
        named = told.get("candidates")
        urls = named if isinstance(named, list) else [told.get("metadataUrl")]
        self._candidates = [one for one in urls if isinstance(one, str)]

    def server_answer(self, status: int) -> Callable[[str], None]:
        def act(rest: str) -> None:
            told = _object(rest)
            url = _text(told.get("metadataUrl")) or (self._candidates[0] if self._candidates else "")
            self._candidates = self._candidates[self._candidates.index(url) + 1 :] if url in self._candidates else []
            document = {name: told[name] for name in ("issuer", "scopes_supported") if name in told}
            if self._get(url, status or _status(told), document if status == 200 else None) and status == 200:
                self._described = len(self.found) - 1

        return act

    def resource_failed(self, rest: str) -> None:
        self._failed(_text(_object(rest).get("metadataUrl")) or self._resource_url, rest)

    def server_failed(self, rest: str) -> None:
        self._failed(_text(_object(rest).get("metadataUrl")), rest)

    def probe_failed(self, rest: str) -> None:
        self._failed(self.url, rest)

    def server_described(self, rest: str) -> None:
        """The whole document, behind an answer of which only some members were told."""
        document = _object(rest)
        if not document:
            return
        self._server = document
        if self._described is not None:
            known = self.found[self._described]
            response = Response(200, "", (), _json(document))
            self.found[self._described] = _with(known, response, ("response headers",))
            self._described = None

    def registered(self, rest: str) -> None:
        endpoint = _text(self._server.get("registration_endpoint")) or self._at_issuer("/register")
        if endpoint and _object(rest).get("client_id") and _object(rest).get("restamp") is not True:
            self._add("POST", endpoint, 0, sent=SENT)

    def authorizes(self, rest: str) -> None:
        if rest.startswith(("http://", "https://")):
            self._add("GET", rest.split(maxsplit=1)[0], 0)

    def came(self, _: str) -> None:
        self.came_back = True

    def not_authorized(self, rest: str) -> None:
        self.refused = rest[:300]

    def completes(self, _: str) -> None:
        self._completing = True

    def got_token(self, _: str) -> None:
        if self._completing and self._token_endpoint:
            self._add("POST", self._token_endpoint, 0, sent=SENT)
        self._has_token, self._completing = True, False

    def refused_by_oauth(self, rest: str) -> None:
        """An error with its HTTP status, its body or its OAuth error code, of registration or token endpoint."""
        told = _object(rest)
        if told.get("name") == "RegistrationRejectedError":
            sent = told.get("submittedMetadata")
            body = _json(sent) if isinstance(sent, dict) else b""
            missing: tuple[Part, ...] = ("request headers",) if body else SENT
            # Before the first authorization request the log names the issuer only, and no endpoint.
            endpoint = _text(self._server.get("registration_endpoint")) or self._issuer
            self._add("POST", endpoint, _status(told), (), _text(told.get("body")).encode("utf-8", "replace"),
                      sent=missing, came=("response headers",), request_body=body)  # fmt: skip
            return
        message, stack = _text(told.get("errorMessage")), _text(told.get("stack"))
        endpoint = self._token_endpoint if self._completing else ""
        if not endpoint or not (raw := _RAW.match(message)):
            code = BY_CLASS.get(named[1], "") if (named := _CLASS.match(stack)) else ""
            self._code = _text(told.get("code")) if _text(told.get("code")) in OAUTH_ERRORS else code or self._code
            if endpoint and message and self._code:
                # The log has the error and not the status; it is the one that goes with the error (RFC 6749 5.2).
                status = 401 if self._code == "invalid_client" else 400
                body = _json({"error": self._code, "error_description": message})
                self._add("POST", endpoint, status, (), body, sent=SENT, came=("response headers",))
            return
        self._add("POST", endpoint, int(raw[1]), (), raw[2].encode("utf-8", "replace"), sent=SENT,
                  came=("response headers",))  # fmt: skip

    def asks_rpc(self, rest: str) -> None:
        told = _object(rest)
        if "id" in told and _text(told.get("method")):
            self._sent[json.dumps(told["id"])] = told

    def answers_rpc(self, rest: str) -> None:
        told = _object(rest)
        asked = self._sent.pop(json.dumps(told.get("id")), None)
        if asked is None or not self.url:
            return
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": told["id"]}
        is_error = isinstance(told.get("error"), dict)
        message |= {"error": told["error"]} if is_error else {"result": {}}
        params = read_json(_text(asked.get("params"))).value
        cut = "params" in asked and not isinstance(params, dict)
        sent = {
            "jsonrpc": "2.0",
            "id": asked["id"],
            "method": asked["method"],
            **({"params": params} if params else {}),
        }
        self._add("POST", self.url, 200, (), _json(message), sent=SENT if cut else ("request headers",),
                  came=("response headers",) if is_error else CAME, request_body=_json(sent))  # fmt: skip

    def token_rejected(self, rest: str) -> None:
        """The server answered 401 to a token; of the challenge that came with it the log says nothing."""
        self._add("POST", self.url, 401, sent=SENT, came=CAME, request_body=b'{"jsonrpc": "2.0"}')

    def agreed(self, rest: str) -> None:
        self.protocol = rest.split(maxsplit=1)[0] if rest else self.protocol

    # --- exchanges ---

    @property
    def _token_endpoint(self) -> str:
        return _text(self._server.get("token_endpoint")) or self._at_issuer("/token")

    def _at_issuer(self, path: str) -> str:
        asked = next((one.request.url for one in reversed(self.found) if "response_type=" in one.request.url), "")
        match = re.match(r"(https?://[^/?#]+)/authorize\?", asked)
        return match[1] + path if match else ""

    def _get(self, url: str, status: int, document: Mapping[str, Any] | None) -> bool:
        if not url or not status:
            return False
        self._add("GET", url, status, (), _json(document) if document else b"")
        return True

    def _failed(self, url: str, rest: str) -> None:
        failure = failure_said(_text(_object(rest).get("error")) or "no reason")
        if url:  # what is no failure of the network may as well be an answer that could not be read
            self._add("GET", url, 0, failure=None if failure.kind == "protocol" else failure)

    def _add(
        self,
        method: str,
        url: str,
        status: int,
        headers: Headers = (),
        body: bytes = b"",
        *,
        sent: tuple[Part, ...] = (),
        came: tuple[Part, ...] = CAME,
        request_body: bytes = b"",
        failure: Failure | None = None,
    ) -> None:
        if len(self.found) >= MOST or not url:
            return
        to_mcp = self._has_token and url == self.url
        request = Request(method, url, TOKEN if to_mcp else (), request_body)
        response = Response(status, "", headers, body) if status else None
        untold = (*sent, *(came if response else ()))
        self.found.append(
            Exchange(1, OTHER, request, response, failure, started=self._when, untold=untold, vault=self._vault)
        )


LINES: tuple[tuple[str, Callable[[Log, str], None]], ...] = (
    ("Starting mcp-remote with server URL:", Log.starts),
    ("Received 401 with WWW-Authenticate header", Log.challenged),
    ("Error probing MCP server", Log.probe_failed),
    ("Fetching Protected Resource Metadata", Log.asks_resource),
    ("Successfully fetched Protected Resource Metadata", lambda log, rest: log.resource_answer(200)(rest)),
    ("Protected Resource Metadata not found (404)", lambda log, rest: log.resource_answer(404)(rest)),
    ("Failed to fetch Protected Resource Metadata", lambda log, rest: log.resource_answer(0)(rest)),
    ("Error fetching Protected Resource Metadata", Log.resource_failed),
    ("Fetching authorization server metadata", Log.asks_server),
    ("Successfully fetched authorization server metadata", lambda log, rest: log.server_answer(200)(rest)),
    ("Authorization server metadata endpoint not found (404)", lambda log, rest: log.server_answer(404)(rest)),
    ("Failed to fetch authorization server metadata", lambda log, rest: log.server_answer(0)(rest)),
    ("Error fetching authorization server metadata", Log.server_failed),
    ("authorizationServerMetadata:", Log.server_described),
    ("Saving client info", Log.registered),
    ("Redirecting to authorization URL", Log.authorizes),
    ("Auth code received", Log.came),
    ("Authorization failed:", Log.not_authorized),
    ("Completing authorization", Log.completes),
    ("Saving tokens", Log.got_token),
    ("Authorization error", Log.refused_by_oauth),
    ("Connection error", Log.refused_by_oauth),
    ("Local → Remote message", Log.asks_rpc),
    ("Remote → Local message", Log.answers_rpc),
    ("Rejected token after a successful authorization", Log.token_rejected),
    ("Already attempted auth reconnection, giving up", Log.token_rejected),
    ("Setting negotiated protocol version on remote transport", Log.agreed),
)
"""How a line begins, and what it tells."""


def _with(one: Exchange, response: Response, untold: tuple[Part, ...]) -> Exchange:
    return Exchange(one.id, one.step, one.request, response, started=one.started, untold=untold, vault=one.vault)


def _object(rest: str) -> Mapping[str, Any]:
    """The JSON object behind a sentence; empty where there is none."""
    at = rest.find("{")
    value = read_json(rest[at:]).value if at >= 0 else None
    return value if isinstance(value, dict) else {}


def _status(told: Mapping[str, Any]) -> int:
    status = told.get("status")
    return status if type(status) is int and 100 <= status <= 999 else 0


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
