"""Defects that a proxy puts into the answers of a server which nobody here wrote: one each, all else untouched."""

from __future__ import annotations

from dataclasses import dataclass

from amendments import (
    Change,
    back,
    challenges,
    expiry_as_text,
    forbidden,
    inner,
    meant,
    members,
    nested,
    page,
    refused_in_redirect,
    refuses,
    says,
    unquoted,
    with_slash,
)
from recorder import Amend, Asked

from mcp_oauth_nb import Debugger, Report
from mcp_oauth_nb.demo.answers import Answer
from mcp_oauth_nb.rules.rule import Finding


@dataclass(frozen=True)
class Led:
    """What a diagnosis must come to: where it shows, rule, party, and where finer than these, cause and its step."""

    step: str
    rule: str
    who: str
    cause: str = ""
    caused_in: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cause", self.cause or self.rule)
        object.__setattr__(self, "caused_in", self.caused_in or self.step)


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong: how the answers of which place are changed, and what must be found.

    `place` is written as in `meant`; `elsewhere` says what is found at the other server, where its healthy answers
    give other evidence.
    """

    place: str
    change: Change
    led: Led
    elsewhere: Led | None = None

    def amend(self) -> Amend:
        """The change as a proxy makes it."""

        def amend(asked: Asked, answer: Answer) -> Answer:
            return self.change(answer) if meant(asked) == self.place else answer

        return amend


# --- the defects ------------------------------------------------------------------------------------------------------

MCP, AS, GATEWAY, USER = "MCP server", "authorization server", "gateway", "user"
BLOCKED = {"server": "cloudflare", "cf_ray": "8f0c0ffee-FRA"}
INVALID = 'Bearer error="invalid_token", error_description="The access token is not valid"'
SCOPE = 'Bearer error="insufficient_scope", scope="mcp:admin"'


def _challenge(rule: str, who: str = MCP, cause: str = "") -> Led:
    return Led("challenge", rule, who, cause)


def _metadata(rule: str, who: str = MCP, cause: str = "") -> Led:
    return Led("resource_metadata", rule, who, cause)


def _server(rule: str, who: str = AS, cause: str = "") -> Led:
    return Led("server_metadata", rule, who, cause)


def _register(who: str, cause: str = "", caused_in: str = "", rule: str = "registration-refused") -> Led:
    return Led("register", rule, who, cause, caused_in)


def _callback(rule: str, who: str = AS, cause: str = "", caused_in: str = "") -> Led:
    return Led("callback", rule, who, cause, caused_in)


def _token(who: str, cause: str = "", caused_in: str = "", rule: str = "token-refused") -> Led:
    return Led("token", rule, who, cause, caused_in)


def _mcp(rule: str, who: str = MCP, cause: str = "", caused_in: str = "") -> Led:
    return Led("mcp", rule, who, cause, caused_in)


_NO_METADATA, _NO_SERVER, _STATUS = "resource-metadata-missing", "server-metadata-missing", "unauthenticated-status"
_DISCOVERY = {
    "challenge-missing": Defect("challenge", says(401, {"error": "unauthorized"}), _challenge("challenge-missing")),
    "challenge-unquoted": Defect("challenge", unquoted, _challenge("challenge-malformed")),
    "challenge-of-another-scheme": Defect(
        "challenge",
        challenges(401, 'Basic realm="staff"'),
        _challenge("challenge-missing", GATEWAY, "another-scheme-wanted"),
    ),
    "challenge-403": Defect("challenge", forbidden, _challenge(_STATUS, MCP, "forbidden-to-anybody")),
    "challenge-404": Defect("challenge", page(404, "Not Found"), _challenge(_STATUS, USER, "wrong-url")),
    "challenge-500": Defect("challenge", says(500), _challenge(_STATUS, MCP, "mcp-server-crashes")),
    "challenge-502": Defect(
        "challenge", page(502, "502 Bad Gateway"), _challenge(_STATUS, GATEWAY, "gateway-without-mcp-server")
    ),
    "challenge-blocked": Defect(
        "challenge", page(403, "Just a moment...", **BLOCKED), _challenge(_STATUS, GATEWAY, "edge-refuses")
    ),
    "metadata-404": Defect("resource_metadata", says(404, {"detail": "Not Found"}), _metadata(_NO_METADATA)),
    "metadata-500": Defect(
        "resource_metadata", says(500, {"detail": "oops"}), _metadata(_NO_METADATA, MCP, "mcp-server-crashes")
    ),
    "metadata-page": Defect(
        "resource_metadata", page(200, "Welcome"), _metadata(_NO_METADATA, MCP, "page-in-place-of-metadata")
    ),
    "metadata-blocked": Defect(
        "resource_metadata",
        page(403, "Attention Required!", **BLOCKED),
        _metadata(_NO_METADATA, GATEWAY, "edge-refuses-discovery"),
    ),
    "metadata-of-another": Defect(
        "resource_metadata", members(resource="https://other.example/mcp"), _metadata("resource-mismatch")
    ),
    "metadata-with-slash": Defect(
        "resource_metadata",
        with_slash("resource"),
        _metadata("resource-mismatch", MCP, "resource-spelled-differently"),
        Led("callback", "resource-mismatch", MCP, "resource-spelled-differently", "resource_metadata"),
    ),
    "metadata-without-resource": Defect("resource_metadata", members(resource=None), _metadata("resource-mismatch")),
    "metadata-names-nobody": Defect(
        "resource_metadata", members(authorization_servers=[]), _metadata("authorization-servers-missing")
    ),
    "metadata-names-another": Defect(
        "resource_metadata",
        members(authorization_servers=["http://127.0.0.1:1"]),
        Led("server_metadata", "unreachable", MCP, "dead-authorization-server", "resource_metadata"),
    ),
    "server-404": Defect(
        "server_metadata",
        says(404, {"detail": "Not Found"}),
        _server(_NO_SERVER, AS, "server-metadata-not-published"),
    ),
    "server-500": Defect("server_metadata", says(500), _server(_NO_SERVER, AS, "server-metadata-crashes")),
    "server-502": Defect(
        "server_metadata",
        page(502, "502 Bad Gateway"),
        _server(_NO_SERVER, GATEWAY, "gateway-without-authorization-server"),
    ),
    "server-page": Defect(
        "server_metadata", page(200, "Sign in"), _server(_NO_SERVER, AS, "page-in-place-of-server-metadata")
    ),
    "issuer-slash": Defect(
        "server_metadata", with_slash("issuer"), _server("issuer-mismatch", AS, "issuer-with-slash")
    ),
    "issuer-other": Defect("server_metadata", members(issuer="https://other.example"), _server("issuer-mismatch")),
    "plain-only": Defect(
        "server_metadata", members(code_challenge_methods_supported=["plain"]), _server("s256-not-advertised")
    ),
    "no-pkce": Defect(
        "server_metadata", members(code_challenge_methods_supported=None), _server("s256-not-advertised")
    ),
    "no-token-endpoint": Defect("server_metadata", members(token_endpoint=None), _server("server-metadata-incomplete")),
    "no-registration": Defect(
        "server_metadata",
        members(registration_endpoint=None),
        _register(USER, "registered-by-hand-only", rule="registration-endpoint-missing"),
    ),
    "inner-token-endpoint": Defect(
        "server_metadata",
        inner("token_endpoint"),
        _token(AS, "endpoint-out-of-reach", "server_metadata", "unreachable"),
    ),
    "inner-registration": Defect(
        "server_metadata",
        inner("registration_endpoint"),
        _register(AS, "endpoint-out-of-reach", "server_metadata", "unreachable"),
    ),
}

_REGISTRATION = {
    "registration-401": Defect(
        "register", challenges(401, 'Bearer realm="registration"'), _register(AS, "registration-closed")
    ),
    "registration-403": Defect(
        "register", refuses(403, "access_denied", "not for you"), _register(AS, "registration-closed")
    ),
    "registration-404": Defect(
        "register", page(404, "Not Found"), _register(AS, "registration-endpoint-dead", "server_metadata")
    ),
    "registration-429": Defect(
        "register",
        says(429, {"error": "too_many_requests"}, retry_after="60"),
        _register(AS, "registration-rate-limited"),
    ),
    "registration-500": Defect("register", page(500, "Internal Server Error"), _register(AS, "registration-crashes")),
    "registration-502": Defect(
        "register", page(502, "502 Bad Gateway"), _register(GATEWAY, "gateway-without-registration")
    ),
    "registration-without-id": Defect(
        "register", members(client_id=None), _register(AS, rule="registration-answer-invalid")
    ),
    "registration-other-redirect": Defect(
        "register",
        members(redirect_uris=["https://client.example/callback"]),
        _register(AS, rule="registration-changed"),
    ),
}

_ERRORS = {
    "invalid_request": _callback("authorization-error"),
    "unauthorized_client": _callback("authorization-error"),
    "access_denied": _callback("authorization-error", USER),
    "unsupported_response_type": _callback("authorization-error"),
    "server_error": _callback("authorization-error"),
    "temporarily_unavailable": _callback("authorization-error"),
    "invalid_target": _callback("authorization-error", AS, "resource-unknown", "authorize"),
    "login_required": _callback("authorization-error", USER),
    "consent_required": _callback("authorization-error", USER),
    "invalid_scope": _callback("authorization-error", AS, "scope-not-allowed", "register"),
}
_AUTHORIZATION = {
    **{f"authorize-{code}": Defect("authorize", refused_in_redirect(code), led) for code, led in _ERRORS.items()},
    "authorize-invalid_scope": Defect(
        "authorize",
        refused_in_redirect("invalid_scope"),
        _ERRORS["invalid_scope"],
        _callback("authorization-error", MCP, "scope-challenged-refused", "challenge"),
    ),
    "authorize-page": Defect("authorize", page(400, "Invalid redirect_uri"), _callback("authorization-page")),
    "authorize-500": Defect(
        "authorize", page(500, "Oops"), _callback("authorization-page", AS, "authorization-endpoint-crashes")
    ),
    "authorize-502": Defect(
        "authorize",
        page(502, "502 Bad Gateway"),
        _callback("authorization-page", GATEWAY, "gateway-without-authorization-endpoint"),
    ),
    "state-changed": Defect("authorize", back(state="x" * 22), _callback("state-mismatch", AS, "state-changed")),
    "state-lost": Defect("authorize", back(state=None), _callback("state-mismatch", AS, "state-changed")),
    "iss-changed": Defect(
        "authorize", back(iss="https://other.example"), _callback("iss-mismatch", AS, "issuer-of-upstream")
    ),
    "no-code": Defect("authorize", back(code=None), _callback("code-missing")),
}

_INVALID_ANSWER = "token-answer-invalid"
_TOKENS = {
    "token-invalid_grant": Defect("token", refuses(400, "invalid_grant"), _token(AS)),
    "token-code-expired-at-once": Defect(
        "token", refuses(400, "invalid_grant", "code expired"), _token(AS, "code-lifetime-short", "callback")
    ),
    "token-invalid_client": Defect(
        "token", refuses(400, "invalid_client", "unknown client"), _token(AS, "registration-lost", "register")
    ),
    "token-unsupported_grant_type": Defect("token", refuses(400, "unsupported_grant_type"), _token(AS)),
    "token-404": Defect("token", page(404, "Not Found"), _token(AS, "token-endpoint-elsewhere", "server_metadata")),
    "token-500": Defect("token", says(500), _token(AS, "server-crashes")),
    "token-502": Defect("token", page(502, "502 Bad Gateway"), _token(GATEWAY, "gateway-without-server")),
    "token-blocked": Defect("token", page(403, "Attention Required!", **BLOCKED), _token(GATEWAY, "edge-blocks")),
    "token-error-as-200": Defect("token", refuses(200, "bad_verification_code", "code is wrong"), _token(AS)),
    "token-page": Defect(
        "token", page(200, "Sign in"), _token(AS, "token-route-shows-page", "server_metadata", _INVALID_ANSWER)
    ),
    "token-expiry-as-text": Defect("token", expiry_as_text, _token(AS, "expiry-as-text", rule="token-expiry-missing")),
    "token-nested": Defect("token", nested, _token(AS, "token-nested", rule=_INVALID_ANSWER)),
    "token-without-type": Defect("token", members(token_type=None), _token(AS, rule=_INVALID_ANSWER)),
    "token-without-token": Defect("token", members(access_token=None), _token(AS, rule=_INVALID_ANSWER)),
}

NOT_ACCEPTABLE = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "Client must accept both"}}
_REQUESTS = {
    "mcp-401": Defect("mcp", challenges(401, INVALID), _mcp("token-rejected")),
    "mcp-401-bare": Defect("mcp", says(401), _mcp("token-rejected")),
    "mcp-403-scope": Defect(
        "mcp",
        challenges(403, SCOPE),
        _mcp("insufficient-scope", MCP, "scope-unknown-to-authorization-server"),
        elsewhere=_mcp("insufficient-scope", "user", "scope-not-granted", "token"),
    ),
    "mcp-403": Defect("mcp", says(403, {"detail": "Forbidden"}), _mcp("insufficient-scope")),
    "mcp-404": Defect("mcp", page(404, "Not Found"), _mcp("mcp-error")),
    "mcp-406": Defect("mcp", says(406, NOT_ACCEPTABLE), _mcp("mcp-error", GATEWAY, "accept-changed-on-the-way")),
    "mcp-429": Defect("mcp", says(429, retry_after="30"), _mcp("mcp-error", USER, "too-many-requests")),
    "mcp-500": Defect("mcp", says(500), _mcp("mcp-error", MCP, "mcp-server-crashes")),
    "mcp-502": Defect("mcp", page(502, "502 Bad Gateway"), _mcp("mcp-error", GATEWAY, "gateway-without-mcp-server")),
    "mcp-to-another-host": Defect(
        "mcp",
        says(307, location="http://mcp.example/mcp"),
        _mcp("mcp-error", GATEWAY, "redirect-loses-token"),
    ),
    "mcp-login-page": Defect("mcp", page(200, "Sign in"), _mcp("mcp-error", GATEWAY, "login-page-in-front")),
}

_LATER = {
    "refresh-invalid_grant": Defect(
        "refresh",
        refuses(400, "invalid_grant", "refresh token expired"),
        Led("refresh", "refresh-refused", USER, "refresh-token-expired"),
    ),
    "refresh-502": Defect(
        "refresh",
        page(502, "502 Bad Gateway"),
        Led("refresh", "refresh-refused", GATEWAY, "token-endpoint-behind-failing-gateway"),
    ),
    "refresh-not-rotated": Defect("refresh", members(refresh_token=None), Led("refresh", "refresh-not-rotated", AS)),
    "revoke-404": Defect(
        "revoke",
        page(404, "Not Found"),
        Led("revoke", "revocation-refused", AS, "revocation-endpoint-dead", "server_metadata"),
    ),
}

DEFECTS = {**_DISCOVERY, **_REGISTRATION, **_AUTHORIZATION, **_TOKENS, **_REQUESTS, **_LATER}
"""Every defect by its name, in the order of the flow."""
MERELY_WARNED = ("challenge-unquoted", "metadata-with-slash", "token-expiry-as-text")
"""Those with which a lenient client gets its token all the same: the report is amber."""


def met(dbg: Debugger, defect: Defect) -> Report:
    """Run the route, and behind it the call with which a later defect shows."""
    report = dbg.run()
    if defect.place in ("refresh", "revoke"):
        getattr(dbg, defect.place)()
        report = dbg.diagnose()
    return report


def leading(report: Report, rule: str) -> Finding:
    """The finding that leads the report; in one that only warns, the one of this rule."""
    if report.status == "warned":
        return next(one for one in report.findings if one.rule == rule)
    assert report.cause is not None
    return report.cause
