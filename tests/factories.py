"""Believable records in one word: exchanges, the pieces of a healthy flow, and whole traces.

Times are fixed and no secret is real. Every piece is a `Piece`: a step with its exchanges; `tflow` puts them together.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from mcp_oauth_nb.protocol.pkce import s256
from mcp_oauth_nb.records import Exchange, Failure, FailureKind, Headers, Request, Response, Run, Trace

URL = "https://mcp.example.com/mcp"
ISSUER = "https://auth.example.com"
PRM_URL = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
PRM_ROOT_URL = "https://mcp.example.com/.well-known/oauth-protected-resource"
ASM_URL = f"{ISSUER}/.well-known/oauth-authorization-server"
OIDC_URL = f"{ISSUER}/.well-known/openid-configuration"
REDIRECT_URI = "http://127.0.0.1:8765/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
STATE, CODE, SESSION = "state-6Qx1hT3vLw9cZk2bNf8s", "code-9fK2", "session-1"
ACCESS, REFRESH, NEXT_ACCESS, NEXT_REFRESH = "access-1", "refresh-1", "access-2", "refresh-2"
CHALLENGE = f'Bearer resource_metadata="{PRM_URL}", scope="mcp:tools"'
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

JSON: Headers = (("Content-Type", "application/json"),)
HTML: Headers = (("Content-Type", "text/html; charset=utf-8"),)
SSE: Headers = (("Content-Type", "text/event-stream"),)
PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>Sign in</body></html>"
REASONS = {200: "OK", 201: "Created", 202: "Accepted", 302: "Found", 401: "Unauthorized", 404: "Not Found"}

Body = Mapping[str, Any] | bytes


@dataclass(frozen=True)
class Piece:
    """One step of a flow with what it sent and got."""

    step: str
    exchanges: tuple[Exchange, ...] = ()
    achieved: bool = True
    stopped: str = ""


def prm(**changes: Any) -> dict[str, Any]:
    """Protected resource metadata; a change to None removes the member."""
    document = {"resource": URL, "authorization_servers": [ISSUER], "scopes_supported": ["mcp:tools"]}
    return _changed(document, changes)


def asm(**changes: Any) -> dict[str, Any]:
    """Authorization server metadata; a change to None removes the member."""
    document = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "registration_endpoint": f"{ISSUER}/register",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "introspection_endpoint": f"{ISSUER}/introspect",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
    return _changed(document, changes)


def _changed(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**document, **changes}.items() if value is not None}


def texchange(
    step: str,
    url: str,
    status: int | None = 200,
    body: Body = b"",
    *,
    method: str = "GET",
    sent: Body = b"",
    form: Mapping[str, str | None] | None = None,
    sent_headers: Headers = (),
    headers: Headers | None = None,
    failure: FailureKind | None = None,
    **rest: Any,
) -> Exchange:
    """An exchange. A mapping as `body` is sent as JSON; `status` None and `failure` say that no answer came."""
    if form is not None:
        sent = urlencode({name: value for name, value in form.items() if value is not None}).encode()
        sent_headers = (("Content-Type", "application/x-www-form-urlencoded"), *sent_headers)
    request = Request(method, url, sent_headers, _bytes(sent))
    response = None
    if status is not None and failure is None:
        media = JSON if isinstance(body, Mapping) else ()
        response = Response(status, REASONS.get(status, ""), media if headers is None else headers, _bytes(body))
    failed = Failure(failure, f"a {failure} failure") if failure else None
    return Exchange(0, step, request, response, failed, **{"started": NOON, "elapsed_ms": 12.5, **rest})


def _bytes(body: Body) -> bytes:
    return json.dumps(body).encode() if isinstance(body, Mapping) else body


def failed(step: str, *exchanges: Exchange, stopped: str = "it went wrong") -> Piece:
    """A step that did not get what it is for."""
    return Piece(step, exchanges, achieved=False, stopped=stopped)


def ttrace(*pieces: Piece, **settings: str) -> Trace:
    """The trace of these steps, exchanges numbered in order, each some seconds after the one before."""
    exchanges: list[Exchange] = []
    runs: list[Run] = []
    for piece in pieces:
        first = len(exchanges) + 1
        for one in piece.exchanges:
            number = len(exchanges) + 1
            started = one.started + timedelta(seconds=number) if one.started == NOON else one.started
            exchanges.append(replace(one, id=number, started=started))
        ids = tuple(range(first, len(exchanges) + 1))
        runs.append(Run(piece.step, ids, piece.achieved, piece.stopped))
    known = {"url": URL, "protocol": "2025-11-25", "redirect_uri": REDIRECT_URI, "on_violation": "stop"}
    return Trace(tuple(exchanges), tuple(runs), {**known, **settings})


def tflow(*others: Piece, upto: str = "unregister", **settings: str) -> Trace:
    """The healthy flow up to a step, with these pieces in place of its own; it ends at one that failed."""
    given = {piece.step: piece for piece in others}
    pieces: list[Piece] = []
    for healthy in HEALTHY:
        pieces.append(given.get(healthy.step, healthy))
        if healthy.step == upto or not pieces[-1].achieved:
            break
    return ttrace(*pieces, **settings)


# --- what is sent and answered, step by step --------------------------------------------------------------------------


def rpc(method: str, request_id: int | None = 1, **params: Any) -> dict[str, Any]:
    """A JSON-RPC message."""
    message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    return {name: value for name, value in message.items() if value is not None}


def result(request_id: int = 1, **members: Any) -> dict[str, Any]:
    """A JSON-RPC answer."""
    return {"jsonrpc": "2.0", "id": request_id, "result": members}


def rpc_error(code: int, message: str = "no", **data: Any) -> dict[str, Any]:
    """A JSON-RPC error answer to ``tools/list``."""
    return {"jsonrpc": "2.0", "id": 2, "error": {"code": code, "message": message, "data": data}}


def sse(message: Mapping[str, Any]) -> bytes:
    """A JSON-RPC message as an event stream."""
    return f"event: message\ndata: {json.dumps(message)}\n\n".encode()


def unauthenticated(status: int = 401, challenge: str | None = CHALLENGE, body: Body = b"{}", **rest: Any) -> Piece:
    """The challenge step: one request without a token."""
    headers = (*JSON, ("WWW-Authenticate", challenge)) if challenge is not None else JSON
    one = texchange("challenge", URL, status, body, method="POST", sent=rpc("initialize"), headers=headers, **rest)
    return Piece("challenge", (one,))


def resource_document(document: Body | None = None, url: str = PRM_URL, status: int = 200, **rest: Any) -> Exchange:
    """A request for protected resource metadata."""
    return texchange("resource_metadata", url, status, prm() if document is None else document, **rest)


def server_document(document: Body | None = None, url: str = ASM_URL, status: int = 200, **rest: Any) -> Exchange:
    """A request for authorization server metadata."""
    return texchange("server_metadata", url, status, asm() if document is None else document, **rest)


REGISTRATION = {
    "client_name": "mcp-oauth-nb",
    "redirect_uris": [REDIRECT_URI],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    "application_type": "native",
}


def registered(status: int = 201, body: Body | None = None, **changes: Any) -> Exchange:
    """A registration; changes are made to the members that come back."""
    answer = _changed({"client_id": "client-1", **REGISTRATION}, changes) if body is None else body
    url = f"{ISSUER}/register"
    return texchange("register", url, status, answer, method="POST", sent=REGISTRATION, sent_headers=JSON)


CLIENT_URL = "https://client.example.com/client.json"


def client_document(
    status: int = 200,
    body: Body | None = None,
    *,
    url: str = CLIENT_URL,
    headers: Headers | None = None,
    **changes: Any,
) -> Exchange:
    """The probe of the client ID metadata document; changes are made to its members."""
    members = {"client_id": url, **REGISTRATION}
    answer = _changed(members, changes) if body is None else body
    return texchange("client_document_check", url, status, answer, headers=headers)


def authorized(edited: tuple[str, ...] = (), **changes: str | None) -> Piece:
    """The authorization request; changes are made to its parameters."""
    params = {
        "response_type": "code",
        "client_id": "client-1",
        "redirect_uri": REDIRECT_URI,
        "code_challenge": s256(VERIFIER),
        "code_challenge_method": "S256",
        "state": STATE,
        "scope": "mcp:tools",
        "resource": URL,
        **changes,
    }
    url = f"{ISSUER}/authorize?{urlencode({name: value for name, value in params.items() if value is not None})}"
    return Piece("authorize", (texchange("authorize", url, None, edited=edited),))


def came_back(**params: str | None) -> Exchange:
    """The redirect that reached us; a parameter that is None is left out."""
    given = {"code": CODE, "state": STATE, "iss": ISSUER, **params}
    query = urlencode({name: value for name, value in given.items() if value is not None})
    return texchange("callback", f"{REDIRECT_URI}?{query}", None, direction="in")


NO_STORE: Headers = (*JSON, ("Cache-Control", "no-store"))


def token_answer(**changes: Any) -> dict[str, Any]:
    """A token answer; a change to None removes the member."""
    answer = {"access_token": ACCESS, "token_type": "Bearer", "expires_in": 900, "refresh_token": REFRESH}
    return _changed(answer, changes)


def token_request(
    status: int = 200,
    body: Body | None = None,
    *,
    edited: tuple[str, ...] = (),
    headers: Headers = NO_STORE,
    **form: Any,
) -> Exchange:
    """A token request; further arguments change its form."""
    members = {
        "grant_type": "authorization_code",
        "code": CODE,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
        "resource": URL,
        "client_id": "client-1",
        **form,
    }
    answer = token_answer() if body is None else body
    url = f"{ISSUER}/token"
    return texchange("token", url, status, answer, method="POST", form=members, headers=headers, edited=edited)


def refresh_request(
    step: str = "refresh",
    status: int = 200,
    body: Body | None = None,
    *,
    old: str = REFRESH,
    elapsed_ms: float = 12.5,
    **form: Any,
) -> Exchange:
    """A refresh, or the replay of an old refresh token."""
    members = {"grant_type": "refresh_token", "refresh_token": old, "resource": URL, "client_id": "client-1", **form}
    answer = token_answer(access_token=NEXT_ACCESS, refresh_token=NEXT_REFRESH) if body is None else body
    url = f"{ISSUER}/token"
    return texchange(step, url, status, answer, method="POST", form=members, headers=NO_STORE, elapsed_ms=elapsed_ms)


def mcp_request(
    message: Mapping[str, Any],
    status: int = 200,
    body: Body = b"",
    *,
    step: str = "mcp",
    token: str | None = ACCESS,
    session: str | None = SESSION,
    version: str | None = "2025-11-25",
    headers: Headers | None = None,
    **rest: Any,
) -> Exchange:
    """A request to the MCP server with a token."""
    sent: list[tuple[str, str]] = [*JSON, ("Accept", "application/json, text/event-stream")]
    sent += [("Authorization", f"Bearer {token}")] if token else []
    if message.get("method") != "initialize":
        sent += [("MCP-Protocol-Version", version)] if version else []
        sent += [("Mcp-Session-Id", session)] if session else []
    return texchange(
        step, URL, status, body, method="POST", sent=message, sent_headers=tuple(sent), headers=headers, **rest
    )


OPENED = result(1, protocolVersion="2025-11-25", serverInfo={"name": "Example"}, capabilities={})


def initialized(body: Body | None = None, **rest: Any) -> Exchange:
    """``initialize`` with a token, answered with a session."""
    headers = (*SSE, ("Mcp-Session-Id", SESSION))
    return mcp_request(rpc("initialize"), 200, sse(OPENED) if body is None else body, headers=headers, **rest)


def notified(status: int = 202, **rest: Any) -> Exchange:
    """``notifications/initialized``."""
    return mcp_request(rpc("notifications/initialized", None), status, **rest)


def listed(status: int = 200, body: Body | None = None, **rest: Any) -> Exchange:
    """``tools/list``."""
    return mcp_request(rpc("tools/list", 2), status, result(2, tools=[]) if body is None else body, **rest)


def revocation(
    status: int = 200, body: Body = b"", hint: str = "access_token", token: str = NEXT_ACCESS, step: str = "revoke"
) -> Exchange:
    """A revocation."""
    form = {"token": token, "token_type_hint": hint, "client_id": "client-1"}
    return texchange(step, f"{ISSUER}/revoke", status, body, method="POST", form=form)


def introspection(status: int = 200, body: Body | None = None, *, token: str = ACCESS, **rest: Any) -> Exchange:
    """An introspection of a token; a client that authenticates asks."""
    answer = {"active": True, "aud": URL, "client_id": "client-1"} if body is None else body
    form = {"token": token, "token_type_hint": "access_token", "client_id": "client-1", "client_secret": "s3cret"}
    url = f"{ISSUER}/introspect"
    return texchange("introspect", url, status, answer, method="POST", **{"form": form, **rest})


def userinfo_request(status: int = 200, body: Body | None = None, **rest: Any) -> Exchange:
    """A request for the claims about the user."""
    headers = (("Authorization", f"Bearer {ACCESS}"),)
    answer = {"sub": "user-1"} if body is None else body
    return texchange("userinfo", f"{ISSUER}/userinfo", status, answer, sent_headers=headers, **rest)


def managed(step: str, status: int, body: Body = b"") -> Exchange:
    """The reading or removal of the registration."""
    method = "GET" if step == "registration" else "DELETE"
    headers = (("Authorization", "Bearer manage-1"),)
    return texchange(step, f"{ISSUER}/register/client-1", status, body, method=method, sent_headers=headers)


def id_token(**changes: Any) -> str:
    """An ID token for the client of the healthy flow; a change to None removes the claim."""
    claims = {"iss": ISSUER, "aud": "client-1", "sub": "user-1", "exp": int(NOON.timestamp()) + 3600}
    return jwt(**_changed(claims, changes))


def jwt(header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    """An unsigned JWT with these claims."""
    parts = [header or {"alg": "ES256", "typ": "at+jwt"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


PRM_APPENDED = f"{URL}/.well-known/oauth-protected-resource"
OWN_ASM_URL = "https://mcp.example.com/.well-known/oauth-authorization-server"
LOCATIONS: Mapping[str, tuple[int, Body]] = {
    PRM_URL: (200, prm()),
    PRM_ROOT_URL: (404, b"not found"),
    PRM_APPENDED: (404, b"not found"),
    f"{PRM_URL}/": (404, b"not found"),
    ASM_URL: (200, asm()),
    OIDC_URL: (200, asm()),
    OWN_ASM_URL: (404, b"not found"),
    "https://mcp.example.com/.well-known/openid-configuration": (404, b"not found"),
}
"""Every location that the probe asks, with what a healthy server has there."""


def located(answers: Mapping[str, tuple[int, Body]] | None = None, *, nowhere: bool = False) -> Piece:
    """The probe of every well-known location; `answers` replaces some of them, an HTML page where a body is one."""
    found = (
        texchange("well_known", url, 404 if nowhere else status, body, headers=HTML if body == PAGE else None)
        for url, (status, body) in {**LOCATIONS, **(answers or {})}.items()
    )
    return Piece("well_known", tuple(found), achieved=not nowhere, stopped="nothing found" if nowhere else "")


HEALTHY = (
    unauthenticated(),
    Piece("resource_metadata", (resource_document(),)),
    Piece("server_metadata", (server_document(),)),
    Piece("register", (registered(),)),
    Piece("pkce"),
    authorized(),
    Piece("callback", (came_back(),)),
    Piece("token", (token_request(),)),
    Piece("mcp", (initialized(), notified(), listed())),
    Piece("call", (mcp_request(rpc("ping", 10), body=result(10), step="call"),)),
    Piece("introspect", (introspection(),)),
    Piece("userinfo", (userinfo_request(),)),
    Piece("refresh", (refresh_request(),)),
    Piece("replay", (refresh_request("replay", 400, {"error": "invalid_grant"}),)),
    Piece("revoke", (revocation(hint="refresh_token", token=NEXT_REFRESH), revocation())),
    Piece("revoked", (mcp_request(rpc("initialize"), 401, b"{}", step="revoked", token=NEXT_ACCESS),)),
    Piece("registration", (managed("registration", 200, {"client_id": "client-1"}),)),
    Piece("unregister", (managed("unregister", 204),)),
)
"""Every step of a flow in which nothing is wrong."""
