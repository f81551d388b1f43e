"""Incidents of products, as people report them: what one place answers, and what a diagnosis may say of it.

The bodies are those that the products document. An incident names its cause only as far as the exchange proves it:
where several causes look the same, `cause` is the rule itself and `sure` says that it is open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from amendments import back, challenges, members, page, refused_in_redirect, refuses, says
from products import (
    ACCESS,
    AUTH0,
    AUTHENTIK,
    AUTHKIT,
    COGNITO,
    DESCOPE,
    ENTRA,
    FASTMCP_PROXY,
    GITHUB,
    GOOGLE,
    HEALTHY,
    HYDRA,
    KEYCLOAK,
    OKTA,
    OWN,
    S256,
    SCALEKIT,
    STYTCH,
    SUPABASE,
    TENANT,
    WORKERS,
    ZITADEL,
)
from vendors import Change, Vendor

from mcp_oauth_nb.demo.answers import Answer

MCP, AS, GATEWAY, USER, CLIENT = "MCP server", "authorization server", "gateway", "user", "client"
METADATA = f'resource_metadata="{AUTHKIT.prm_url}"'
CLOUD = {"cf_ray": "8f0c0ffee-FRA", "server": "cloudflare"}
LIKELY, CERTAIN, OPEN, UNPROVEN = "likely", "certain", "possible", "unproven"


@dataclass(frozen=True)
class Incident:
    """One thing that is wrong with one product.

    Attributes:
        vendor: the product, with its own mistake where that is in what it publishes.
        changes: what is done to the answers of which place.
        step: where it shows.
        cause: what is found; a rule where nothing finer is honest.
        who: who must act.
        sure: how sure that is.
        caused_in: where the mistake was made; empty where it shows.
        settings: of the debugger.
    """

    vendor: Vendor
    changes: Mapping[str, Change]
    step: str
    cause: str
    who: str
    sure: str = LIKELY
    caused_in: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


def bearer(status: int, *parameters: str, **headers: str) -> Change:
    """A refusal with a Bearer challenge that names the metadata."""

    def change(_: Answer) -> Answer:
        made = Answer.of_json(status, {"error": "invalid_token"})
        for name, value in headers.items():
            made = made.with_header(name.replace("_", "-"), value)
        return made.with_header("www-authenticate", f"Bearer {', '.join((*parameters, METADATA))}")

    return change


def moved(location: str, status: int = 307) -> Change:
    """A redirect."""
    return lambda _: Answer(status, (("location", location),))


def form(body: bytes) -> Change:
    """A form in place of JSON."""
    return lambda _: Answer(200, (("content-type", "application/x-www-form-urlencoded; charset=utf-8"),), body)


def claiming(vendor: Vendor, **claims: Any) -> Vendor:
    """The product with other claims in its tokens."""
    return replace(vendor, claims={**vendor.claims, **claims})


def publishing(vendor: Vendor, **members: Any) -> Vendor:
    """The product behind an MCP server with other metadata of its own."""
    return replace(vendor, resource={**(vendor.resource or {}), **members})


def with_s256(vendor: Vendor) -> Vendor:
    """The product behind a proxy that adds to its metadata what it does not announce itself."""
    return replace(vendor, metadata={**vendor.metadata, **S256})


INVALID = 'error="invalid_token"'
ENTRA_S256, COGNITO_S256 = with_s256(ENTRA), with_s256(COGNITO)
OKTA_REFRESHED = replace(OKTA, token={"scope": "mcp.tools", "refresh_token": "rt-Qw9"})
COMMON = "https://login.microsoftonline.com/common/v2.0"
_MISMATCH = "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes."
_SPEAKING: Callable[..., Change] = refused_in_redirect

_DISCOVERY = {
    "spring security forbids anybody": Incident(
        OKTA,
        {"challenge": says(403, {"status": 403, "error": "Forbidden", "path": "/mcp"})},
        "challenge",
        "forbidden-to-anybody",
        MCP,
    ),
    "refusal hidden in 200": Incident(
        AUTHKIT,
        {"challenge": says(200, {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "Unauthorized"}})},
        "challenge",
        "refusal-as-success",
        MCP,
    ),
    "next.js sends to its login": Incident(
        AUTHKIT, {"challenge": moved("/login?next=%2Fmcp")}, "challenge", "web-app-answers", GATEWAY
    ),
    "metadata url of the container": Incident(
        AUTHKIT,
        {"challenge": challenges(401, 'Bearer resource_metadata="http://localhost:8000/.well-known/x"')},
        "resource_metadata",
        "public-url-unknown",
        MCP,
        caused_in="challenge",
    ),
    "no metadata anywhere": Incident(
        replace(AUTHKIT, resource=None, challenge=None), {}, "challenge", "challenge-missing", MCP, LIKELY
    ),
    "metadata behind the middleware": Incident(
        AUTHKIT,
        {"resource_metadata": bearer(401, INVALID)},
        "resource_metadata",
        "metadata-behind-login",
        MCP,
    ),
    "metadata behind cloudflare access": Incident(
        ACCESS,
        {"resource_metadata": moved("https://acme.cloudflareaccess.com/cdn-cgi/access/login/mcp.acme.dev", 302)},
        "resource_metadata",
        "edge-refuses-discovery",
        GATEWAY,
    ),
    "single page app answers": Incident(
        SUPABASE, {"resource_metadata": page(200, "Acme")}, "resource_metadata", "page-in-place-of-metadata", MCP
    ),
    "resource of the container": Incident(
        AUTHKIT,
        {"resource_metadata": members(resource="http://localhost:8000/mcp")},
        "resource_metadata",
        "resource-of-inner-address",
        MCP,
    ),
    "auth0 listed without its slash": Incident(
        publishing(AUTH0, authorization_servers=["https://acme.eu.auth0.com"]),
        {},
        "server_metadata",
        "issuer-with-slash",
        AS,
        CERTAIN,
    ),
    "authentik listed without its slash": Incident(
        publishing(AUTHENTIK, authorization_servers=["https://auth.acme.dev/application/o/mcp"]),
        {},
        "server_metadata",
        "issuer-with-slash",
        AS,
        CERTAIN,
    ),
    "entra of all tenants": Incident(
        replace(
            publishing(ENTRA_S256, authorization_servers=[COMMON]),
            issuer="https://login.microsoftonline.com/{tenantid}/v2.0",
            at=(f"{COMMON}/.well-known/openid-configuration",),
        ),
        {},
        "server_metadata",
        "issuer-placeholder",
        MCP,
        CERTAIN,
    ),
    "keycloak by its inner name": Incident(
        KEYCLOAK,
        {"server_metadata": members(issuer="http://keycloak:8080/realms/prod")},
        "server_metadata",
        "issuer-of-inner-address",
        AS,
    ),
    "supabase at the root only": Incident(
        replace(SUPABASE, at=("https://xyzcompany.supabase.co/.well-known/oauth-authorization-server",)),
        {},
        "server_metadata",
        "server-metadata-missing",
        AS,
        OPEN,
    ),
    "cognito announces no pkce": Incident(COGNITO, {}, "server_metadata", "s256-not-advertised", AS, CERTAIN),
    "entra announces no pkce": Incident(ENTRA, {}, "server_metadata", "s256-not-advertised", AS, CERTAIN),
}

_REGISTRATION = {
    "entra registers nobody": Incident(
        replace(ENTRA_S256, settings={}), {}, "register", "registered-by-hand-only", USER
    ),
    "okta registers with a token": Incident(
        replace(OKTA, settings={}),
        {"register": says(403, {"errorCode": "E0000005", "errorSummary": "Invalid session"})},
        "register",
        "registration-closed",
        AS,
    ),
    "keycloak trusts other hosts": Incident(
        KEYCLOAK,
        {"register": refuses(403, "insufficient_scope", "Policy 'Trusted Hosts' rejected request")},
        "register",
        "registration-closed",
        AS,
    ),
    "auth0 has too many clients": Incident(
        AUTH0,
        {"register": says(429, {"statusCode": 429, "error": "Too Many Requests"})},
        "register",
        "registration-rate-limited",
        AS,
        CERTAIN,
    ),
    "auth0 registration is off": Incident(
        AUTH0,
        {"register": says(404, {"statusCode": 404, "error": "Not Found"})},
        "register",
        "registration-endpoint-dead",
        AS,
        caused_in="server_metadata",
    ),
    "descope fails": Incident(
        DESCOPE, {"register": says(500, {"errorCode": "E011001"})}, "register", "registration-crashes", AS
    ),
}

_AUTHORIZATION = {
    "entra: resource against scope": Incident(
        ENTRA_S256,
        {"authorize": page(200, f"Sign in to your account {_MISMATCH}")},
        "callback",
        "resource-against-scopes",
        AS,
        caused_in="authorize",
    ),
    "entra: administrator has to agree": Incident(
        ENTRA_S256,
        {"authorize": _SPEAKING("consent_required", "AADSTS65001: The user or administrator has not consented.")},
        "callback",
        "denied-by-policy",
        USER,
        caused_in="authorize",
    ),
    "entra: redirect uri unknown": Incident(
        ENTRA_S256,
        {"authorize": page(400, "AADSTS50011: The redirect URI specified in the request does not match")},
        "callback",
        "redirect-uri-refused",
        USER,
        caused_in="register",
    ),
    "entra: scope does not exist": Incident(
        ENTRA_S256,
        {"authorize": _SPEAKING("invalid_scope", "AADSTS70011: The value for the parameter 'scope' is not valid.")},
        "callback",
        "scope-advertised-refused",
        MCP,
        caused_in="resource_metadata",
    ),
    "google: redirect uri unknown": Incident(
        GOOGLE,
        {"authorize": page(400, "Error 400: redirect_uri_mismatch")},
        "callback",
        "redirect-uri-refused",
        USER,
        caused_in="register",
    ),
    "auth0: no such api": Incident(
        AUTH0,
        {"authorize": _SPEAKING("access_denied", f"Service not found: {OWN}")},
        "callback",
        "resource-unknown",
        AS,
        caused_in="authorize",
    ),
    "auth0: no connection for the client": Incident(
        AUTH0,
        {"authorize": _SPEAKING("invalid_request", "no connections enabled for the client")},
        "callback",
        "authorization-error",
        AS,
        UNPROVEN,
    ),
    "okta: policy": Incident(
        OKTA,
        {"authorize": _SPEAKING("access_denied", "Policy evaluation failed for this request.")},
        "callback",
        "denied-by-policy",
        USER,
        caused_in="authorize",
    ),
    "keycloak: no such client scope": Incident(
        KEYCLOAK,
        {"authorize": _SPEAKING("invalid_scope", "Invalid scopes: mcp:tools")},
        "callback",
        "scope-advertised-refused",
        MCP,
        caused_in="resource_metadata",
    ),
    "keycloak: iss of the inner name": Incident(
        KEYCLOAK,
        {"authorize": back(iss="http://keycloak:8080/realms/prod")},
        "callback",
        "issuer-of-upstream",
        AS,
    ),
    "workers: registration purged": Incident(
        WORKERS,
        {"authorize": page(400, "Invalid client. The clientId provided does not match to this client.")},
        "callback",
        "registration-lost",
        AS,
        caused_in="register",
    ),
    "stytch: state lost": Incident(STYTCH, {"authorize": back(state=None)}, "callback", "state-changed", AS),
}

_TOKEN = {
    "keycloak: code not valid": Incident(
        KEYCLOAK, {"token": refuses(400, "invalid_grant", "Code not valid")}, "token", "token-refused", AS, OPEN
    ),
    "keycloak: the same in another language": Incident(
        KEYCLOAK, {"token": refuses(400, "invalid_grant", "Code ungültig")}, "token", "token-refused", AS, OPEN
    ),
    "cognito: bare invalid_grant": Incident(
        COGNITO_S256, {"token": refuses(400, "invalid_grant")}, "token", "token-refused", AS, OPEN
    ),
    "workers: one reason or another": Incident(
        WORKERS,
        {"token": refuses(400, "invalid_grant", "Grant not found or authorization code expired")},
        "token",
        "token-refused",
        AS,
        OPEN,
    ),
    "cognito: wrong secret": Incident(
        COGNITO_S256,
        {"token": refuses(400, "invalid_client")},
        "token",
        "credentials-wrong",
        USER,
        caused_in="register",
    ),
    "entra: resource not supported": Incident(
        ENTRA_S256,
        {"token": refuses(400, "invalid_request", "AADSTS901002: The 'resource' request parameter isn't supported.")},
        "token",
        "resource-against-scopes",
        AS,
        caused_in="authorize",
    ),
    "stytch: secret nobody asked for": Incident(
        replace(STYTCH, registered={"client_secret": "s3cr3tAbCdEf", "token_endpoint_auth_method": "none"}),
        {"token": refuses(401, "invalid_client", "client authentication required")},
        "token",
        "secret-demanded",
        AS,
        caused_in="register",
    ),
    "github: token as a form": Incident(
        GITHUB,
        {"token": form(b"access_token=gho_abcDEF123&scope=repo&token_type=bearer")},
        "token",
        "token-as-form",
        AS,
        CERTAIN,
    ),
    "github: error as success": Incident(
        GITHUB,
        {"token": says(200, {"error": "bad_verification_code", "error_description": "The code is incorrect."})},
        "token",
        "token-refused",
        AS,
        UNPROVEN,
    ),
    "okta: too many requests": Incident(
        OKTA,
        {"token": says(429, {"errorCode": "E0000047", "errorSummary": "API call exceeded rate limit"})},
        "token",
        "token-requests-limited",
        AS,
    ),
    "auth0: bot check": Incident(
        AUTH0, {"token": page(403, "Just a moment...", **CLOUD)}, "token", "edge-blocks", GATEWAY
    ),
    "authkit: maintenance in json": Incident(
        AUTHKIT, {"token": says(503, {"message": "maintenance"}, retry_after="120")}, "token", "server-crashes", AS
    ),
    "authkit: gateway without server": Incident(
        AUTHKIT, {"token": page(503, "503 Service Temporarily Unavailable")}, "token", "gateway-without-server", GATEWAY
    ),
}

_MCP = {
    "keycloak: audience account": Incident(
        claiming(KEYCLOAK), {"mcp": bearer(401, INVALID)}, "mcp", "audience-default", AS, caused_in="token"
    ),
    "supabase: audience authenticated": Incident(
        SUPABASE, {"mcp": bearer(401, INVALID)}, "mcp", "audience-default", AS, caused_in="token"
    ),
    "cognito: no audience": Incident(
        COGNITO_S256,
        {"mcp": bearer(401, INVALID, 'error_description="Missing audience"')},
        "mcp",
        "audience-default",
        AS,
        caused_in="token",
    ),
    "entra: audience is the application": Incident(
        claiming(ENTRA_S256, aud=f"api://{TENANT}"),
        {"mcp": bearer(401, INVALID)},
        "mcp",
        "audience-application",
        MCP,
        caused_in="token",
    ),
    "entra: issuer of version 1": Incident(
        claiming(ENTRA_S256, iss=f"https://sts.windows.net/{TENANT}/", ver="1.0", aud=OWN),
        {"mcp": bearer(401, INVALID)},
        "mcp",
        "issuer-of-older-version",
        USER,
        caused_in="token",
    ),
    "auth0: encrypted token": Incident(
        HEALTHY["auth0, no audience: the token is encrypted"],
        {"mcp": bearer(401, INVALID)},
        "mcp",
        "encrypted-token",
        AS,
        caused_in="token",
    ),
    "google: reference refused": Incident(GOOGLE, {"mcp": bearer(401, INVALID)}, "mcp", "token-rejected", MCP, OPEN),
    "fastmcp: refused after a deployment": Incident(
        FASTMCP_PROXY, {"mcp": bearer(401, INVALID)}, "mcp", "token-rejected", MCP, OPEN
    ),
    "okta: scp is not read": Incident(
        OKTA,
        {"mcp": bearer(403, 'error="insufficient_scope"', 'scope="mcp.tools"')},
        "mcp",
        "scope-in-another-shape",
        MCP,
        caused_in="token",
    ),
    "descope: another scope": Incident(
        DESCOPE,
        {"mcp": bearer(403, 'error="insufficient_scope"', 'scope="mcp:admin"')},
        "mcp",
        "scope-not-granted",
        USER,
        caused_in="token",
    ),
    "authkit: overloaded, in json": Incident(
        AUTHKIT, {"mcp": says(503, {"error": "overloaded"})}, "mcp", "mcp-server-crashes", MCP
    ),
    "scalekit: slash added": Incident(SCALEKIT, {"mcp": moved(f"{OWN}/")}, "mcp", "slash-redirected", MCP, CERTAIN),
    "cloudflare forbids": Incident(
        ACCESS, {"mcp": page(403, "Attention Required! | Cloudflare", **CLOUD)}, "mcp", "gateway-forbids", GATEWAY
    ),
}

_LATER = {
    "keycloak: session not active": Incident(
        KEYCLOAK,
        {"refresh": refuses(400, "invalid_grant", "Session not active")},
        "refresh",
        "grant-revoked",
        USER,
        caused_in="revoke",
    ),
    "okta: invalid or expired": Incident(
        OKTA_REFRESHED,
        {"refresh": refuses(400, "invalid_grant", "The refresh token is invalid or expired.")},
        "refresh",
        "refresh-refused",
        USER,
        OPEN,
    ),
    "okta: maintenance": Incident(
        OKTA_REFRESHED,
        {"refresh": says(503, {"message": "maintenance"})},
        "refresh",
        "authorization-server-failing",
        AS,
    ),
    "hydra: resource at refresh": Incident(
        replace(HYDRA, token={**HYDRA.token, "refresh_token": "ory_rt_9sKq"}),
        {"refresh": refuses(400, "invalid_request", "The parameter 'resource' is not supported")},
        "refresh",
        "resource-refused-at-refresh",
        AS,
    ),
    "zitadel: client is gone": Incident(
        replace(ZITADEL, token={**ZITADEL.token, "refresh_token": "V2_9sKq"}),
        {"refresh": refuses(401, "invalid_client", "Errors.App.NotFound")},
        "refresh",
        "client-forgotten",
        AS,
        caused_in="register",
    ),
}

INCIDENTS = {**_DISCOVERY, **_REGISTRATION, **_AUTHORIZATION, **_TOKEN, **_MCP, **_LATER}
"""Every incident by its name, in the order of the flow."""
