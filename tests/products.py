"""Products as their makers document them, each healthy: what they publish, what they answer, and their habits.

Nothing in a row is broken, although much is not as the MCP specification would have it: issuers with a path or a slash,
tokens that are opaque, encrypted or made out to a name, no registration. `habits` are the warnings that are true.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vendors import Vendor

from mcp_oauth_nb import Client

CODE: dict[str, Any] = {
    "response_types_supported": ["code"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
}
S256: dict[str, Any] = {"code_challenge_methods_supported": ["S256"]}
ISS: dict[str, Any] = {"authorization_response_iss_parameter_supported": True}
OPENID: dict[str, Any] = {
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "scopes_supported": ["openid", "profile", "email", "offline_access"],
}
SECRETS: dict[str, Any] = {"token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]}
PUBLIC: dict[str, Any] = {"token_endpoint_auth_methods_supported": ["none", "client_secret_basic"]}
OWN = "https://mcp.acme.dev/mcp"
_NO_ISS = "iss-not-sent"


def _by_hand(client_id: str = "0oa1b2c3d4", secret: str | None = None, **settings: Any) -> dict[str, Any]:
    return {"client": Client(client_id, secret=secret), **settings}


def _places(issuer: str, *kinds: str) -> tuple[str, ...]:
    """Where metadata of an issuer is: ``insert`` and ``append`` (RFC 8414 3.1, OpenID Connect Discovery 4)."""
    scheme, _, rest = issuer.partition("://")
    host, slash, path = rest.partition("/")
    path = (slash + path).removesuffix("/")
    made = {
        "insert": f"{scheme}://{host}/.well-known/oauth-authorization-server{path}",
        "append": f"{scheme}://{host}{path}/.well-known/openid-configuration",
    }
    return tuple(made[kind] for kind in kinds)


KEYCLOAK = Vendor(
    "https://sso.acme.dev/realms/prod",
    {
        "authorization_endpoint": "/protocol/openid-connect/auth",
        "token_endpoint": "/protocol/openid-connect/token",
        "introspection_endpoint": "/protocol/openid-connect/token/introspect",
        "userinfo_endpoint": "/protocol/openid-connect/userinfo",
        "end_session_endpoint": "/protocol/openid-connect/logout",
        "jwks_uri": "/protocol/openid-connect/certs",
        "revocation_endpoint": "/protocol/openid-connect/revoke",
        "registration_endpoint": "/clients-registrations/openid-connect",
        "grant_types_supported": [
            "authorization_code",
            "implicit",
            "refresh_token",
            "password",
            "client_credentials",
            "urn:openid:params:grant-type:ciba",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "response_types_supported": ["code", "none", "id_token", "token", "id_token token", "code id_token"],
        "response_modes_supported": ["query", "fragment", "form_post", "query.jwt", "jwt"],
        "token_endpoint_auth_methods_supported": [
            "private_key_jwt",
            "client_secret_basic",
            "client_secret_post",
            "tls_client_auth",
            "client_secret_jwt",
        ],
        "code_challenge_methods_supported": ["plain", "S256"],
        "require_pushed_authorization_requests": False,
        "pushed_authorization_request_endpoint": "/protocol/openid-connect/ext/par/request",
        **OPENID,
        **ISS,
    },
    _places("https://sso.acme.dev/realms/prod", "append", "insert"),
    resource={"scopes_supported": ["mcp:tools"]},
    registered={
        "client_secret": "Zk0pV1hBq9",
        "client_secret_expires_at": 0,
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "address phone offline_access microprofile-jwt mcp:tools",
        "registration_client_uri": "https://sso.acme.dev/realms/prod/clients-registrations/openid-connect/3f1c9a52",
        "registration_access_token": "eyJhbGciOiJIUzUxMiJ9.eyJqdGkiOiJhIn0.c2ln",
    },
    redirect={"session_state": "5f1b0a7e-0f1f-4a9e", "iss": "https://sso.acme.dev/realms/prod"},
    claims={"aud": "account", "azp": "3f1c9a52", "typ": "Bearer", "scope": "mcp:tools", "sub": "user-1"},
    token={"scope": "mcp:tools", "refresh_expires_in": 1800, "not-before-policy": 0, "session_state": "5f1b0a7e"},
    habits=frozenset(("token-audience", "plain-pkce-offered", "old-grants-offered", "registration-changed")),
)
AUTH0 = Vendor(
    "https://acme.eu.auth0.com/",
    {
        "authorization_endpoint": "/authorize",
        "token_endpoint": "/oauth/token",
        "device_authorization_endpoint": "/oauth/device/code",
        "userinfo_endpoint": "/userinfo",
        "mfa_challenge_endpoint": "/mfa/challenge",
        "jwks_uri": "/.well-known/jwks.json",
        "registration_endpoint": "/oidc/register",
        "revocation_endpoint": "/oauth/revoke",
        "response_types_supported": ["code", "token", "id_token", "code token", "code id_token"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256", "plain"],
        "request_uri_parameter_supported": False,
        **OPENID,
    },
    _places("https://acme.eu.auth0.com/", "append", "insert"),
    registered={"application_type": None},
    claims={"aud": [OWN, "https://acme.eu.auth0.com/userinfo"], "azp": "c", "scope": "openid", "sub": "auth0|1"},
    token={"scope": "openid", "refresh_token": None},
    settings={"scope": "openid"},
    habits=frozenset(("plain-pkce-offered", _NO_ISS)),
)
TENANT = "8d1f0b6a-2f57-4a7e-9a43-8a0b6f8c1d2e"
_LOGIN = f"https://login.microsoftonline.com/{TENANT}"
_ENTRA_SCOPES = {"scopes_supported": ["api://mcp-acme/mcp.tools"]}
ENTRA = Vendor(
    f"{_LOGIN}/v2.0",
    {
        "authorization_endpoint": "/oauth2/v2.0/authorize",
        "token_endpoint": "/oauth2/v2.0/token",
        "device_authorization_endpoint": "/oauth2/v2.0/devicecode",
        "end_session_endpoint": "/oauth2/v2.0/logout",
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "jwks_uri": "/discovery/v2.0/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "request_uri_parameter_supported": False,
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        **OPENID,
        "subject_types_supported": ["pairwise"],
    },
    _places(f"{_LOGIN}/v2.0", "append"),
    base=_LOGIN,
    resource=_ENTRA_SCOPES,
    redirect={"session_state": "0069f9d6"},
    claims={"aud": "f1e2d3c4-api", "azp": "0oa1b2c3d4", "scp": "mcp.tools", "tid": TENANT, "ver": "2.0"},
    token={"scope": "api://mcp-acme/mcp.tools", "ext_expires_in": 3600, "refresh_token": None},
    settings=_by_hand(),
    habits=frozenset((_NO_ISS, "token-audience")),
    refuses="s256-not-advertised",
)
OKTA = Vendor(
    "https://acme.okta.com/oauth2/aus9xk2m1",
    {
        "authorization_endpoint": "/v1/authorize",
        "token_endpoint": "/v1/token",
        "registration_endpoint": "https://acme.okta.com/oauth2/v1/clients",
        "jwks_uri": "/v1/keys",
        "introspection_endpoint": "/v1/introspect",
        "revocation_endpoint": "/v1/revoke",
        "userinfo_endpoint": "/v1/userinfo",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "grant_types_supported": ["authorization_code", "implicit", "refresh_token", "password", "client_credentials"],
        "response_types_supported": ["code", "token", "id_token", "code id_token"],
        **S256,
        **OPENID,
    },
    _places("https://acme.okta.com/oauth2/aus9xk2m1", "append", "insert"),
    resource={"scopes_supported": ["mcp.tools"]},
    claims={
        "aud": "api://mcp",
        "cid": "0oa1b2c3d4",
        "scp": ["mcp.tools"],
        "uid": "00u1",
        "sub": "a@acme.dev",
        "ver": 1,
    },
    token={"scope": "mcp.tools", "refresh_token": None},
    settings=_by_hand(),
    habits=frozenset((_NO_ISS, "token-audience", "old-grants-offered")),
)
_POOL = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_aB3dE5fG7"
COGNITO = Vendor(
    _POOL,
    {
        "authorization_endpoint": "/oauth2/authorize",
        "token_endpoint": "/oauth2/token",
        "revocation_endpoint": "/oauth2/revoke",
        "userinfo_endpoint": "/oauth2/userInfo",
        "end_session_endpoint": "/logout",
        "jwks_uri": f"{_POOL}/.well-known/jwks.json",
        "response_types_supported": ["code", "token"],
        **SECRETS,
        **OPENID,
        "scopes_supported": ["openid", "email", "phone", "profile"],
    },
    _places(_POOL, "append"),
    base="https://acme.auth.eu-west-1.amazoncognito.com",
    resource={"scopes_supported": ["mcp/tools"]},
    claims={"client_id": "0oa1b2c3d4", "token_use": "access", "scope": "mcp/tools", "version": 2, "username": "u"},
    settings=_by_hand(secret="9s8d7f6g5h4j"),
    habits=frozenset((_NO_ISS, "token-audience")),
    refuses="s256-not-advertised",
)
GOOGLE = Vendor(
    "https://accounts.google.com",
    {
        "authorization_endpoint": "/o/oauth2/v2/auth",
        "device_authorization_endpoint": "https://oauth2.googleapis.com/device/code",
        "token_endpoint": "https://oauth2.googleapis.com/token",
        "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
        "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
        "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
        "response_types_supported": ["code", "token", "id_token", "code token", "code id_token", "none"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        **OPENID,
        "scopes_supported": ["openid", "email", "profile"],
    },
    _places("https://accounts.google.com", "append"),
    resource={"scopes_supported": ["https://www.googleapis.com/auth/calendar.readonly"]},
    redirect={"scope": "https://www.googleapis.com/auth/calendar.readonly", "authuser": "0", "prompt": "consent"},
    opaque="ya29.a0AfB_byC9Qw2Er4Ty6Ui8",
    token={"refresh_token": None, "scope": "https://www.googleapis.com/auth/calendar.readonly"},
    settings=_by_hand("42-abc.apps.googleusercontent.com", "GOCSPX-1a2b3c"),
    habits=frozenset((_NO_ISS, "plain-pkce-offered")),
)
GITHUB = Vendor(
    "https://github.com/login/oauth",
    {
        "authorization_endpoint": "/authorize",
        "token_endpoint": "/access_token",
        **CODE,
        "service_documentation": "https://docs.github.com/apps",
        **S256,
    },
    _places("https://github.com/login/oauth", "insert"),
    url="https://api.githubcopilot.com/mcp/",
    resource={
        "scopes_supported": ["repo", "read:org"],
        "bearer_methods_supported": ["header"],
        "resource_name": "GitHub MCP Server",
    },
    challenge='Bearer error="invalid_request", error_description="No access token was provided in this request", '
    'resource_metadata="{prm}"',
    page="bad request: missing required Authorization header",
    opaque="gho_16C7e42F292c6912E7710c838347Ae178B4a",
    token={"expires_in": None, "refresh_token": None, "token_type": "bearer", "scope": "read:org,repo"},
    settings=_by_hand("Iv1.8a61f9b3a7aba766", "5b2e1f0c9d"),
    habits=frozenset((_NO_ISS, "token-expiry-missing", "scope-narrowed")),
)
WORKERS = Vendor(
    "https://mcp.acme.workers.dev",
    {
        "authorization_endpoint": "/authorize",
        "token_endpoint": "/token",
        "registration_endpoint": "/register",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint": "/token",
        "code_challenge_methods_supported": ["plain", "S256"],
    },
    _places("https://mcp.acme.workers.dev", "insert"),
    url="https://mcp.acme.workers.dev/mcp",
    resource={"bearer_methods_supported": ["header"], "resource_name": "Acme"},
    challenge='Bearer realm="OAuth", resource_metadata="{prm}", error="invalid_token", '
    'error_description="Missing or invalid access token"',
    registered={"client_id_issued_at": 1772366400, "registration_client_uri": "/register/3f1c9a52"},
    opaque="u1:gR4nT:s3cr3tT0k3n",
    token={"token_type": "bearer", "scope": ""},
    habits=frozenset((_NO_ISS, "plain-pkce-offered")),
)
AUTHKIT = Vendor(
    "https://acme.authkit.app",
    {
        "authorization_endpoint": "/oauth2/authorize",
        "token_endpoint": "/oauth2/token",
        "introspection_endpoint": "/oauth2/introspection",
        "registration_endpoint": "/oauth2/register",
        "jwks_uri": "/oauth2/jwks",
        "scopes_supported": ["email", "offline_access", "openid", "profile"],
        "response_modes_supported": ["query"],
        "client_id_metadata_document_supported": True,
        **PUBLIC,
        **CODE,
        **S256,
    },
    _places("https://acme.authkit.app", "insert", "append"),
    claims={"aud": OWN, "sid": "app_consent_01", "sub": "user_01", "scope": "openid"},
    settings={"scope": "openid"},
    token={"scope": "openid"},
    habits=frozenset((_NO_ISS,)),
)
STYTCH = Vendor(
    "https://lush-paper-1234.customers.stytch.dev",
    {
        "authorization_endpoint": "https://app.acme.dev/oauth/authorize",
        "token_endpoint": "/v1/oauth2/token",
        "registration_endpoint": "/v1/oauth2/register",
        "revocation_endpoint": "/v1/oauth2/revoke",
        "introspection_endpoint": "/v1/oauth2/introspect",
        "userinfo_endpoint": "/v1/oauth2/userinfo",
        "jwks_uri": "/.well-known/jwks.json",
        "client_id_metadata_document_supported": True,
        **CODE,
        **PUBLIC,
        **S256,
        **OPENID,
    },
    _places("https://lush-paper-1234.customers.stytch.dev", "append", "insert"),
    resource={"scopes_supported": ["openid", "email", "profile"]},
    claims={"aud": ["project-live-0b1c"], "scope": "openid email profile", "sub": "user-live-1"},
    token={"scope": "openid email profile", "refresh_token": None},
    habits=frozenset((_NO_ISS, "token-audience")),
)
DESCOPE = Vendor(
    "https://api.descope.com/v1/apps/agentic/P2abc/MS3def",
    {
        "authorization_endpoint": "https://api.descope.com/oauth2/v1/apps/agentic/P2abc/MS3def/authorize",
        "token_endpoint": "https://api.descope.com/oauth2/v1/apps/agentic/P2abc/MS3def/token",
        "registration_endpoint": "https://api.descope.com/v1/mgmt/inboundapp/app/P2abc/MS3def/register",
        "revocation_endpoint": "https://api.descope.com/oauth2/v1/apps/revoke",
        "userinfo_endpoint": "https://api.descope.com/oauth2/v1/apps/userinfo",
        "jwks_uri": "https://api.descope.com/P2abc/.well-known/jwks.json",
        **CODE,
        **PUBLIC,
        **S256,
        **OPENID,
    },
    _places("https://api.descope.com/v1/apps/agentic/P2abc/MS3def", "append", "insert"),
    resource={"scopes_supported": ["mcp:tools"]},
    claims={"aud": ["P2abc", OWN], "azp": "3f1c9a52", "scope": "mcp:tools", "drn": "DS", "sub": "U1"},
    token={"scope": "mcp:tools"},
    habits=frozenset((_NO_ISS,)),
)
HYDRA = Vendor(
    "https://acme.projects.oryapis.com",
    {
        "authorization_endpoint": "/oauth2/auth",
        "token_endpoint": "/oauth2/token",
        "registration_endpoint": "/oauth2/register",
        "revocation_endpoint": "/oauth2/revoke",
        "userinfo_endpoint": "/userinfo",
        "jwks_uri": "/.well-known/jwks.json",
        "grant_types_supported": ["authorization_code", "implicit", "client_credentials", "refresh_token"],
        "response_types_supported": ["code", "code id_token", "id_token", "token id_token", "token"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "client_secret_basic",
            "private_key_jwt",
            "none",
        ],
        "code_challenge_methods_supported": ["plain", "S256"],
        "request_parameter_supported": True,
        **OPENID,
        "scopes_supported": ["offline_access", "offline", "openid"],
    },
    _places("https://acme.projects.oryapis.com", "append"),
    registered={
        "owner": "",
        "client_secret_expires_at": 0,
        "metadata": {},
        "skip_consent": None,
        "registration_access_token": "ory_at_reg.1a2b",
        "registration_client_uri": "https://acme.projects.oryapis.com/oauth2/register/3f1c9a52",
    },
    redirect={"scope": "openid"},
    opaque="ory_at_9sKq2Lw.uY7tR5",
    token={"token_type": "bearer", "scope": "openid", "refresh_token": None},
    settings={"scope": "openid"},
    habits=frozenset((_NO_ISS, "plain-pkce-offered", "old-grants-offered")),
)
AUTHENTIK = Vendor(
    "https://auth.acme.dev/application/o/mcp/",
    {
        "authorization_endpoint": "https://auth.acme.dev/application/o/authorize/",
        "token_endpoint": "https://auth.acme.dev/application/o/token/",
        "userinfo_endpoint": "https://auth.acme.dev/application/o/userinfo/",
        "end_session_endpoint": "https://auth.acme.dev/application/o/mcp/end-session/",
        "introspection_endpoint": "https://auth.acme.dev/application/o/introspect/",
        "revocation_endpoint": "https://auth.acme.dev/application/o/revoke/",
        "jwks_uri": "https://auth.acme.dev/application/o/mcp/jwks/",
        "response_types_supported": ["code", "id_token", "id_token token", "code token", "code id_token"],
        "grant_types_supported": ["authorization_code", "refresh_token", "implicit", "client_credentials", "password"],
        "code_challenge_methods_supported": ["plain", "S256"],
        **SECRETS,
        **OPENID,
    },
    _places("https://auth.acme.dev/application/o/mcp/", "append"),
    resource={"scopes_supported": ["openid", "profile"]},
    claims={"aud": "0oa1b2c3d4", "azp": "0oa1b2c3d4", "scope": "openid profile", "sub": "h", "auth_time": 1772366000},
    token={"scope": "openid profile", "refresh_token": None},
    settings=_by_hand(),
    habits=frozenset((_NO_ISS, "token-audience", "plain-pkce-offered", "old-grants-offered")),
)
ZITADEL = Vendor(
    "https://acme-x1y2.zitadel.cloud",
    {
        "authorization_endpoint": "/oauth/v2/authorize",
        "token_endpoint": "/oauth/v2/token",
        "introspection_endpoint": "/oauth/v2/introspect",
        "userinfo_endpoint": "/oidc/v1/userinfo",
        "revocation_endpoint": "/oauth/v2/revoke",
        "jwks_uri": "/oauth/v2/keys",
        "response_types_supported": ["code", "id_token", "id_token token"],
        "grant_types_supported": ["authorization_code", "implicit", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        **S256,
        **OPENID,
    },
    _places("https://acme-x1y2.zitadel.cloud", "append", "insert"),
    resource={"scopes_supported": ["openid", "urn:zitadel:iam:org:project:id:2810:aud"]},
    opaque="uIhVxL1pQmN0_V2jKq",
    token={"scope": "openid urn:zitadel:iam:org:project:id:2810:aud", "refresh_token": None},
    settings=_by_hand("2810@mcp"),
    habits=frozenset((_NO_ISS, "old-grants-offered")),
)
SCALEKIT = Vendor(
    "https://acme.scalekit.com/resources/res_7102",
    {
        "authorization_endpoint": "https://acme.scalekit.com/oauth/authorize",
        "token_endpoint": "https://acme.scalekit.com/oauth/token",
        "registration_endpoint": "https://acme.scalekit.com/resources/res_7102/oauth/register",
        "jwks_uri": "https://acme.scalekit.com/keys",
        "scopes_supported": ["tools:read"],
        **CODE,
        **PUBLIC,
        **S256,
    },
    _places("https://acme.scalekit.com/resources/res_7102", "insert"),
    resource={"scopes_supported": ["tools:read"], "resource_documentation": "https://mcp.acme.dev/docs"},
    claims={"aud": [OWN], "scopes": ["tools:read"], "client_id": "c", "sub": "usr_1", "oid": "org_1"},
    token={"scope": "tools:read"},
    habits=frozenset((_NO_ISS,)),
)
FASTMCP_PROXY = Vendor(
    "https://mcp.acme.dev/",
    {
        "authorization_endpoint": "/authorize",
        "token_endpoint": "/token",
        "registration_endpoint": "/register",
        "revocation_endpoint": "/revoke",
        "scopes_supported": ["read:user"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "client_id_metadata_document_supported": True,
        **CODE,
        **S256,
    },
    _places("https://mcp.acme.dev/", "insert"),
    resource={"scopes_supported": ["read:user"], "bearer_methods_supported": ["header"]},
    challenge='Bearer error="invalid_token", error_description="Authentication required", resource_metadata="{prm}"',
    header={"alg": "HS256", "typ": "JWT"},
    claims={"aud": OWN, "client_id": "c", "scope": "read:user", "upstream_claims": {"login": "octo"}},
    token={"scope": "read:user"},
    habits=frozenset((_NO_ISS,)),
)
SUPABASE = Vendor(
    "https://xyzcompany.supabase.co/auth/v1",
    {
        "authorization_endpoint": "/oauth/authorize",
        "token_endpoint": "/oauth/token",
        "userinfo_endpoint": "/oauth/userinfo",
        "jwks_uri": "/.well-known/jwks.json",
        "registration_endpoint": "/oauth/clients/register",
        "response_modes_supported": ["query"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256", "plain"],
        **CODE,
        **OPENID,
    },
    _places("https://xyzcompany.supabase.co/auth/v1", "insert", "append"),
    header={"alg": "ES256", "typ": "JWT", "kid": "k2"},
    claims={"aud": "authenticated", "role": "authenticated", "sub": "u", "client_id": "c", "aal": "aal1"},
    token={"scope": "email", "token_type": "bearer"},
    settings={"scope": "email"},
    habits=frozenset((_NO_ISS, "token-audience", "plain-pkce-offered")),
)
ACCESS = Vendor(
    "https://acme.cloudflareaccess.com",
    {
        "authorization_endpoint": "/cdn-cgi/access/oauth/authorization",
        "token_endpoint": "/cdn-cgi/access/oauth/token",
        "registration_endpoint": "/cdn-cgi/access/oauth/registration",
        "revocation_endpoint": "/cdn-cgi/access/oauth/revoke",
        **CODE,
        **PUBLIC,
        **S256,
    },
    _places("https://acme.cloudflareaccess.com", "insert"),
    challenge='Bearer realm="OAuth", error="invalid_token", error_description="Missing or invalid access token", '
    'resource_metadata="{prm}"',
    page="<!doctype html><html><head><title>Sign in - Cloudflare Access</title></head><body>Sign in</body></html>",
    opaque="oauth:8d1f0b6a:s3cr3t",
    habits=frozenset((_NO_ISS,)),
)

_OLD_ENDPOINTS = {"resource": {"scopes_supported": ["mcp:tools"]}}
HEALTHY: dict[str, Vendor] = {
    "keycloak": KEYCLOAK,
    "keycloak, registration answered 200": replace(
        KEYCLOAK, registration_status=200, habits=KEYCLOAK.habits | {"registration-status"}
    ),
    "keycloak, scopes by default": replace(
        KEYCLOAK,
        resource={},
        token={**KEYCLOAK.token, "scope": "openid profile email"},
        claims={**KEYCLOAK.claims, "scope": "openid profile email"},
    ),
    "keycloak, opaque token, no resource named": replace(
        KEYCLOAK, claims={}, opaque="b3BhcXVl", habits=KEYCLOAK.habits - {"token-audience"}
    ),
    "auth0": AUTH0,
    "auth0, no audience: the token is encrypted": replace(
        AUTH0, claims={}, opaque="eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwiaXNzIjoiaHR0cHM6Ly9hIn0..aXY.Y2lwaGVy.dGFn"
    ),
    "auth0, of an audience parameter": replace(
        AUTH0,
        claims={**AUTH0.claims, "aud": ["https://api.acme.dev", "https://acme.eu.auth0.com/userinfo"]},
        habits=AUTH0.habits | {"token-audience", "other-audience-accepted"},
    ),
    "entra": ENTRA,
    "entra, tokens of version 1": replace(
        ENTRA,
        claims={**ENTRA.claims, "iss": f"https://sts.windows.net/{TENANT}/", "aud": "api://mcp-acme", "ver": "1.0"},
        habits=ENTRA.habits | {"token-issuer"},
    ),
    "okta": OKTA,
    "cognito": COGNITO,
    "google": GOOGLE,
    "google, with offline access": replace(GOOGLE, token={"scope": GOOGLE.token["scope"]}),
    "github": GITHUB,
    "workers-oauth-provider": WORKERS,
    "authkit": AUTHKIT,
    "stytch": STYTCH,
    "descope": DESCOPE,
    "hydra": HYDRA,
    "hydra, issuer with a slash": replace(HYDRA, issuer="https://acme.projects.oryapis.com/"),
    "authentik": AUTHENTIK,
    "zitadel": ZITADEL,
    "scalekit": SCALEKIT,
    "fastmcp oauth proxy": FASTMCP_PROXY,
    "supabase": SUPABASE,
    "cloudflare access": ACCESS,
    "behind a path prefix": replace(AUTHKIT, url="https://acme.dev/apps/files/mcp", claims={}),
    "resource is the origin": replace(
        AUTHKIT,
        resource={"resource": "https://mcp.acme.dev"},
        claims={**AUTHKIT.claims, "aud": "https://mcp.acme.dev"},
        habits=AUTHKIT.habits | {"resource-mismatch"},
    ),
    "resource with a slash": replace(
        AUTHKIT,
        resource={"resource": f"{OWN}/"},
        claims={**AUTHKIT.claims, "aud": f"{OWN}/"},
        habits=AUTHKIT.habits | {"resource-mismatch"},
    ),
    "refuses with a page": replace(AUTHKIT, page="<!doctype html><html><title>401</title><h1>Unauthorized</h1></html>"),
    "says nothing of metadata": replace(
        AUTHKIT, challenge='Bearer realm="mcp"', habits=AUTHKIT.habits | {"challenge-metadata-missing"}
    ),
}
"""Every healthy setting by its name."""
