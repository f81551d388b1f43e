"""Believable records for the displays: a flow that passed, one that failed, and one in which every field is hostile."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from mcp_oauth_nb.protocol.flow import Document
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange, Failure, Headers, Request, Response, Run, Trace
from mcp_oauth_nb.redact import learn
from mcp_oauth_nb.rules.rule import Finding, Report, Status, Verdict
from mcp_oauth_nb.steps import ROUTE
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.config import Config

URL = "https://mcp.example.com/v1/mcp"
ISSUER = "https://login.example.com/tenant-a"
REDIRECT = "http://127.0.0.1:53682/callback"

SECRETS = {
    "access_token": "at-9fQ2xV7LkPz81mNc0RtY",
    "refresh_token": "rt-Zk3vB8sWq1Ud6HjE5oXa",
    "code": "SplxlOBeZQQYbYS6WxSbIA77",
    "state": "af0ifjsldkj83kLmQ2",
    "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "client_secret": "cs-7Hq2Wm9Xe4Rt6Yu8",
    "cookie": "sess-51ab77c0e9d4f2",
}
"""Every secret of the specimens, by kind."""

RESOURCE_METADATA: dict[str, Any] = {
    "resource": URL,
    "authorization_servers": [ISSUER],
    "scopes_supported": ["mcp:read", "mcp:tools"],
    "bearer_methods_supported": ["header"],
}
SERVER_METADATA: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "registration_endpoint": f"{ISSUER}/register",
    "response_types_supported": ["code"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
    "authorization_response_iss_parameter_supported": True,
}
JSON_TYPE = ("Content-Type", "application/json")
SERVED: Headers = (
    ("Date", "Sat, 21 Nov 2026 09:17:03 GMT"),
    ("Server", "nginx"),
    ("Cache-Control", "no-store"),
    ("Set-Cookie", f"sid={SECRETS['cookie']}; Path=/; HttpOnly"),
)
PLAN: Mapping[str, tuple[str, str]] = {
    "challenge": ("POST", URL),
    "resource_metadata": ("GET", "https://mcp.example.com/.well-known/oauth-protected-resource/v1/mcp"),
    "server_metadata": ("GET", "https://login.example.com/.well-known/oauth-authorization-server/tenant-a"),
    "register": ("POST", f"{ISSUER}/register"),
    "token": ("POST", f"{ISSUER}/token"),
    "mcp": ("POST", URL),
}


def response(value: Any, status: int = 200, reason: str = "OK", headers: Headers = ()) -> Response:
    """A JSON answer as a server sends it."""
    return Response(status, reason, (*SERVED, JSON_TYPE, *headers), json.dumps(value).encode())


def exchange(
    vault: Vault, number: int, step: str, request: Request, answer: Response | Failure | None = None, **more: Any
) -> Exchange:
    """An exchange at a fixed time; `answer` is what came, or why nothing did."""
    came: dict[str, Any] = {"failure": answer} if isinstance(answer, Failure) else {"response": answer}
    started = datetime(2026, 11, 21, 9, 17, number, tzinfo=UTC)
    made = Exchange(number, step, request, started=started, elapsed_ms=41.5 + number, vault=vault, **came, **more)
    learn(made)
    return made


def passing(vault: Vault) -> list[Exchange]:
    """The exchanges of a whole flow that went well."""
    rpc = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}})
    asked: Headers = (("Accept", "application/json, text/event-stream"), JSON_TYPE)
    get: Headers = (("Accept", "application/json"), ("User-Agent", "mcp-oauth-nb"))
    challenge = f'Bearer error="invalid_token", resource_metadata="{PLAN["resource_metadata"][1]}", scope="mcp:tools"'
    query = {
        "response_type": "code",
        "client_id": "client-77",
        "redirect_uri": REDIRECT,
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "state": SECRETS["state"],
        "scope": "mcp:tools",
        "resource": URL,
    }
    form = {
        "grant_type": "authorization_code",
        "code": SECRETS["code"],
        "redirect_uri": REDIRECT,
        "client_id": "client-77",
        "code_verifier": SECRETS["code_verifier"],
        "resource": URL,
    }
    tokens = {"access_token": SECRETS["access_token"], "token_type": "Bearer", "expires_in": 900}
    tokens |= {"refresh_token": SECRETS["refresh_token"], "scope": "mcp:tools"}
    back = urlencode({"code": SECRETS["code"], "state": SECRETS["state"], "iss": ISSUER})
    bearer: Headers = (*asked, ("Authorization", f"Bearer {SECRETS['access_token']}"))
    hello = {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-11-25", "serverInfo": {"name": "demo"}}}
    stream = Response(
        200,
        "OK",
        (*SERVED, ("Content-Type", "text/event-stream"), ("Mcp-Session-Id", "5f1c9a70-4d3e-4c55")),
        f"event: message\r\nid: 1\r\ndata: {json.dumps(hello)}\r\n\r\n".encode(),
    )
    registered = {"client_id": "client-77", "client_secret": SECRETS["client_secret"], "redirect_uris": [REDIRECT]}
    typed = Request("POST", URL, asked, rpc.encode())
    form_type = ("Content-Type", "application/x-www-form-urlencoded")
    told = "authorization_endpoint in the authorization server metadata"
    sent: list[tuple[str, Request, Response | None, dict[str, Any]]] = [
        (
            "challenge",
            typed,
            response({"error": "invalid_token"}, 401, "Unauthorized", (("WWW-Authenticate", challenge),)),
            {"why": "the URL you typed"},
        ),
        (
            "resource_metadata",
            Request(*PLAN["resource_metadata"], get),
            response(RESOURCE_METADATA),
            {"why": "resource_metadata in the WWW-Authenticate challenge"},
        ),
        (
            "server_metadata",
            Request(*PLAN["server_metadata"], get),
            response(SERVER_METADATA),
            {"why": "authorization_servers in the protected resource metadata (rfc8414-insert)"},
        ),
        (
            "register",
            Request(*PLAN["register"], (JSON_TYPE,), json.dumps({"redirect_uris": [REDIRECT]}).encode()),
            response(registered, 201, "Created"),
            {},
        ),
        ("authorize", Request("GET", f"{ISSUER}/authorize?{urlencode(query)}"), None, {"why": told}),
        ("callback", Request("GET", f"{REDIRECT}?{back}"), None, {"direction": "in"}),
        (
            "token",
            Request(*PLAN["token"], (form_type, ("Accept", "application/json")), urlencode(form).encode()),
            response(tokens),
            {"edited": ("form.resource",)},
        ),
        ("mcp", Request("POST", URL, bearer, rpc.encode()), stream, {}),
    ]
    return [
        exchange(vault, at, step, request, answer, **more) for at, (step, request, answer, more) in enumerate(sent, 1)
    ]


def runs(exchanges: Sequence[Exchange], stopped: str = "") -> tuple[Run, ...]:
    """The runs of these exchanges, one per step; the last one stops when a reason is given."""
    steps = list(dict.fromkeys(one.step for one in exchanges))
    if "authorize" in steps:
        steps.insert(steps.index("authorize"), "pkce")
    made = [Run(step, tuple(one.id for one in exchanges if one.step == step), True) for step in steps]
    if stopped:
        made[-1] = replace(made[-1], achieved=False, stopped=stopped)
    return tuple(made)


def passed_trace() -> Trace:
    """A trace of the whole flow, with what the token step learned."""
    vault = Vault(b"key")
    exchanges = tuple(passing(vault))
    learned = (("access_token", SECRETS["access_token"]), ("token_type", "Bearer"), ("refresh_token", "(none)"))
    made = tuple(replace(run, learned=learned) if run.step == "token" else run for run in runs(exchanges))
    return Trace(exchanges, made, {"url": URL}, vault)


def failed_trace() -> Trace:
    """A trace that stops at the authorization server metadata: two places asked, 404 and a page of HTML."""
    vault = Vault(b"key")
    first = passing(vault)[:2]
    places = (PLAN["server_metadata"][1], "https://login.example.com/tenant-a/.well-known/openid-configuration")
    page = Response(404, "Not Found", (*SERVED, ("Content-Type", "text/html")), b"<html><h1>404 Not Found</h1></html>")
    why = "authorization_servers in the protected resource metadata"
    first += [
        exchange(vault, at, "server_metadata", Request("GET", url, (("Accept", "application/json"),)), page, why=why)
        for at, url in enumerate(places, 3)
    ]
    stopped = "expected authorization server metadata: 200 with a JSON object; the last URL gave status 404"
    return Trace(tuple(first), runs(first, stopped), {"url": URL}, vault)


def finding(**changes: Any) -> Finding:
    """A broken MUST at the authorization server metadata."""
    plain = Finding(
        rule="asm-not-found",
        step="server_metadata",
        level="MUST",
        who="authorization server",
        summary="No authorization server metadata at any well-known URL of the issuer",
        expected="200 with a JSON object",
        observed="404 Not Found, text/html",
        exchange=3,
        part="status",
        fix="Publish the metadata at /.well-known/oauth-authorization-server followed by the issuer's path.",
        spec=Spec("RFC 8414", "3.1"),
        explains=("asm-oidc-not-found",),
    )
    return replace(plain, **{"cause": "", "caused_in": "", **changes})


def report(trace: Trace, findings: Sequence[Finding] = (), step: str | None = None) -> Report:
    """A report whose rules found just these findings, passed 31 others, and left two untested."""
    outcomes: dict[str, Status] = {f"rule-{at}": "passed" for at in range(31)}
    outcomes |= {one.rule: one.status for one in findings}
    outcomes |= {"token-cache-control": "not tested", "refresh-rotation": "not tested"}
    reasons = {"token-cache-control": "no token response was seen", "refresh-rotation": "nothing was refreshed"}
    verdict = Verdict(tuple(findings), outcomes, reasons)
    return Report(trace, step, ROUTE, lambda _: verdict)


def failed_report(step: str | None = None) -> Report:
    """A report on the failed trace: the cause, one that follows from it, and a warning."""
    others = (
        finding(rule="asm-oidc-not-found", summary="No OpenID configuration either", exchange=4, explains=()),
        finding(
            rule="challenge-scope",
            step="challenge",
            level="SHOULD",
            who="MCP server",
            summary="The challenge asks for fewer scopes than the metadata lists",
            expected="mcp:read mcp:tools",
            observed="mcp:tools",
            exchange=1,
            part="header:WWW-Authenticate",
            explains=(),
        ),
    )
    return report(failed_trace(), (finding(), *others), step)


def config(
    resource: Mapping[str, Any] = RESOURCE_METADATA,
    server: Mapping[str, Any] = SERVER_METADATA,
    vault: Vault | None = None,
) -> Config:
    """The configuration that both metadata documents make."""
    return Config(
        Document(resource, PLAN["resource_metadata"][1], "challenge", URL, 2),
        Document(server, PLAN["server_metadata"][1], "rfc8414-insert", ISSUER, 3),
        vault or Vault(b"key"),
    )
