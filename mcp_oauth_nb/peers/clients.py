"""The rules of the clients that were read, a row each, in the published packages of the versions named.

What holds for all of them: nothing is stored from an earlier run, nothing is configured but the URL of the MCP server.
"""

from __future__ import annotations

from mcp_oauth_nb.peers.rows import Peer, Row, changed, rows_of

READ = "2026-11-21"

PYTHON_SDK = Peer(
    "Python SDK",
    "2.3.0",
    "github.com/modelcontextprotocol/python-sdk; package mcp 2.3.0 on PyPI",
    READ,
    rows_of(
        """
        challenge: any scheme | utils.py extract_field_from_www_auth
        redirects: own origin | ../../shared/_httpx_utils.py RedirectAwareAuth
        no answer: stops | oauth2.py OAuthClientProvider._auth_flow
        resource metadata at: all | utils.py build_protected_resource_metadata_discovery_urls
        path of the location: as typed | utils.py build_protected_resource_metadata_discovery_urls
        resource metadata, next: anything | utils.py handle_protected_resource_response
        no resource metadata: origin unless 5xx | oauth2.py OAuthClientProvider._auth_flow
        resource: covers | ../../shared/auth_utils.py check_resource_allowed
        resource, when: at once | oauth2.py OAuthClientProvider._auth_flow
        server metadata at: RFC 8414 and OIDC | utils.py build_oauth_authorization_server_metadata_discovery_urls
        server metadata of the origin at: RFC 8414 | utils.py build_oauth_authorization_server_metadata_discovery_urls
        server metadata, next: below 500 or no document | utils.py handle_auth_metadata_response
        OpenID document: like any | utils.py handle_auth_metadata_response
        no server metadata: paths of the MCP server | oauth2.py _perform_authorization_code_grant, _get_token_endpoint
        issuer: equal | utils.py validate_metadata_issuer
        documents: pydantic | ../../shared/auth.py ProtectedResourceMetadata, OAuthMetadata
        S256: not checked | oauth2.py _perform_authorization_code_grant
        S256, when: never | oauth2.py _perform_authorization_code_grant
        response types: not checked | oauth2.py _perform_authorization_code_grant
        registration: document or dynamic | utils.py should_use_client_metadata_url
        no registration_endpoint: /register of the MCP server | utils.py create_client_registration_request
        scope: challenge, resource, server | utils.py get_client_metadata_scopes
        offline_access: added | utils.py get_client_metadata_scopes
        resource parameter: metadata, else by version | oauth2.py OAuthContext.should_include_resource_param
        iss: checked | utils.py validate_authorization_response_iss
        token endpoint: any | oauth2.py _get_token_endpoint
        token type: bearer | ../../shared/auth.py OAuthToken
        authentication: as registered | oauth2.py OAuthContext.prepare_token_auth
        403 insufficient_scope: union, same metadata | oauth2.py OAuthClientProvider._auth_flow
        refresh: before the request | oauth2.py OAuthClientProvider._auth_flow, _handle_refresh_response
        """,
        "mcp/client/auth/",
    ),
)

TYPESCRIPT_SDK_1 = Peer(
    "TypeScript SDK",
    "1.32.2",
    "github.com/modelcontextprotocol/typescript-sdk; package @modelcontextprotocol/sdk 1.32.2 on npm",
    READ,
    rows_of(
        """
        challenge: bearer first | client/auth.js extractWWWAuthenticateParams
        redirects: own origin | shared/transport.js fetchWithinOrigin
        no answer: bare again | client/auth.js fetchWithCorsRetry
        resource metadata at: challenge or well-known | client/auth.js discoverMetadataWithFallback
        path of the location: no last slash | client/auth.js buildWellKnownPath, discoverMetadataWithFallback
        resource metadata, next: below 500 | client/auth.js shouldAttemptFallback
        no resource metadata: origin | client/auth.js discoverOAuthServerInfo
        resource: covers, not longer | shared/auth-utils.js checkResourceAllowed
        resource, when: after the server metadata | client/auth.js authInternal
        server metadata at: RFC 8414 and OIDC | client/auth.js buildDiscoveryUrls
        server metadata of the origin at: RFC 8414 and OIDC | client/auth.js discoverOAuthServerInfo
        server metadata, next: below 500 | client/auth.js discoverAuthorizationServerMetadata
        OpenID document: as OpenID provider | client/auth.js discoverAuthorizationServerMetadata
        no server metadata: paths of the server | client/auth.js startAuthorization, registerClient, executeTokenRequest
        issuer: not checked | client/auth.js discoverAuthorizationServerMetadata, authInternal
        documents: zod | shared/auth.js OAuthProtectedResourceMetadataSchema, OAuthMetadataSchema
        S256: if there is a list | client/auth.js startAuthorization
        S256, when: after registering | client/auth.js authInternal
        response types: code | client/auth.js startAuthorization
        registration: document or dynamic | client/auth.js authInternal
        no registration_endpoint: stops | client/auth.js registerClient
        scope: challenge, resource | client/auth.js authInternal
        offline_access: not added | client/auth.js authInternal
        resource parameter: metadata | client/auth.js selectResourceURL, authInternal
        iss: not checked | client/auth.js auth takes no iss
        token endpoint: any | client/auth.js executeTokenRequest
        token type: any | shared/auth.js OAuthTokensSchema
        authentication: as registered if listed | client/auth.js selectClientAuthMethod
        403 insufficient_scope: challenged | client/streamableHttp.js send
        refresh: after 401 | client/auth.js authInternal
        """,
        "dist/esm/",
    ),
    "Run in Node.js; a browser refuses answers without CORS headers as well.",
)

_CLIENT_2 = "@modelcontextprotocol/client dist/*.mjs: "
TYPESCRIPT_SDK_2 = Peer(
    "TypeScript SDK",
    "2.4.0",
    "github.com/modelcontextprotocol/typescript-sdk; package @modelcontextprotocol/client 2.4.0 on npm",
    READ,
    changed(
        tuple(Row(row.behaviour, row.value, _CLIENT_2 + row.source.partition(" ")[2]) for row in TYPESCRIPT_SDK_1.rows),
        *rows_of(
            """
            no answer: stops | fetchWithCorsRetry, with CORS_IS_POSSIBLE false in Node.js
            resource metadata, next: below 500 or 502 | shouldAttemptFallback
            server metadata, next: below 500 or 502 | discoverAuthorizationServerMetadata
            issuer: equal or no last slash | discoverAuthorizationServerMetadata
            offline_access: if registered | determineScope
            iss: checked | validateAuthorizationResponseIssuer
            token endpoint: https or this machine | assertSecureTokenEndpoint
            403 insufficient_scope: union | computeScopeUnion, in the transport
            """,
            _CLIENT_2,
        ),
    ),
    "Run in Node.js. The application has to hand over `iss` of the redirect for it to be checked.",
)

_INSPECTOR = "clients/cli/build/index.js "
INSPECTOR = Peer(
    "Inspector",
    "2.12.0",
    "github.com/modelcontextprotocol/inspector; package @modelcontextprotocol/inspector 2.12.0 on npm",
    READ,
    changed(
        tuple(Row(row.behaviour, row.value, f"uses client 2.3.1: {row.source}") for row in TYPESCRIPT_SDK_2.rows),
        Row("OpenID document", "either, asked beforehand", _INSPECTOR + "withRfc8414OidcCompat"),
        Row("scope", "resource", _INSPECTOR + "authenticate hands over the configured scope alone; seen in runs"),
        Row("offline_access", "added", _INSPECTOR + "get clientMetadata declares refresh_token"),
        Row("403 insufficient_scope", "asks first", _INSPECTOR + "step_up_confirm, unionAuthorizationScopes"),
    ),
    "The command line client; the web client does its requests through a proxy of its own.",
)  # fmt: skip

_REMOTE = "dist/chunk-KJCT2FXL.js "
MCP_REMOTE = Peer(
    "mcp-remote",
    "0.15.1",
    "github.com/geelen/mcp-remote; package mcp-remote 0.15.1 on npm, with client 2.0.0 inside",
    READ,
    changed(
        tuple(Row(row.behaviour, row.value, f"{_REMOTE}{row.source.partition(': ')[2]}") for row in
              TYPESCRIPT_SDK_2.rows),
        *rows_of(
            """
            redirects: any | fetchWithCorsRetry, plain fetch
            resource metadata, next: 4xx or 502 | shouldAttemptFallback
            server metadata, next: 4xx or 502 | discoverAuthorizationServerMetadata
            scope: mcp-remote | NodeOAuthClientProvider.requestedScope, determineScope
            offline_access: added | determineScope, NodeOAuthClientProvider.grantTypes
            resource parameter: metadata as URL | selectResourceURL, startAuthorization
            authentication: as registered, list first | NodeOAuthClientProvider.getTokenEndpointAuthMethod
            403 insufficient_scope: union | the transport of client 2.0.0
            refresh: after 401, with scope | NodeOAuthClientProvider.scopeToRepeatOnRefresh
            """,
            _REMOTE,
        ),
    ),
    "Before these requests it asks for the same documents once by itself (discoverOAuthServerInfo), beginning with a "
    "GET of the MCP server; what fails there stops nothing.",
)  # fmt: skip

CLIENTS = (PYTHON_SDK, TYPESCRIPT_SDK_1, TYPESCRIPT_SDK_2, INSPECTOR, MCP_REMOTE)
"""The clients, in the order shown."""
