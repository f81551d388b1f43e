"""Breaking and clean traces for the rules about authorization server metadata and registration."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from factories import (
    ASM_URL,
    CLIENT_URL,
    ISSUER,
    JSON,
    OIDC_URL,
    REGISTRATION,
    Piece,
    asm,
    authorized,
    came_back,
    client_document,
    failed,
    registered,
    server_document,
    tflow,
    token_request,
    ttrace,
)

from mcp_oauth_nb.records import Exchange, Trace

OTHER = "https://other.example"
ORIGIN = "https://mcp.example.com"
OPENID = {
    "jwks_uri": f"{ISSUER}/jwks",
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
}
ANNOUNCED = {"client_id_metadata_document_supported": True}


def metadata(url: str = ASM_URL, **changes: Any) -> Piece:
    """The metadata, with changes to its members."""
    return Piece("server_metadata", (server_document(asm(**changes), url),))


def published(url: str = ASM_URL, **changes: Any) -> Trace:
    """A flow that ends with this metadata."""
    return tflow(metadata(url, **changes), upto="server_metadata")


def asked_to_register(**changes: Any) -> Exchange:
    """A registration with changes to what is sent; None leaves a member out."""
    sent = {name: value for name, value in {**REGISTRATION, **changes}.items() if value is not None}
    one = registered()
    return replace(one, request=replace(one.request, body=json.dumps(sent).encode()))


def answered(exchange: Exchange, **settings: str) -> Trace:
    """A flow that ends with this registration."""
    return tflow(Piece("register", (exchange,)), upto="register", **settings)


def with_header(name: str, value: str, status: int = 201, **changes: Any) -> Exchange:
    """A registration whose answer has one more header."""
    one = registered(status, **changes)
    return replace(one, response=replace(one.response, headers=(*JSON, (name, value))))


def refused(status: int, body: bytes | dict[str, Any]) -> Trace:
    """A flow that ends with a refused registration."""
    return tflow(failed("register", registered(status, body)), upto="register")


def looked_at(trace: Trace, document: Exchange) -> Trace:
    """The trace, with a look at the client ID metadata document behind it."""
    more = ttrace(Piece("client_document_check", (document,)))
    number = len(trace.exchanges) + 1
    run = replace(more.runs[0], exchanges=(number,))
    return Trace((*trace.exchanges, replace(more.exchanges[0], id=number)), (*trace.runs, run), trace.settings)


def of_document(back: Exchange) -> Trace:
    """A client whose document does not list its redirect URI asked for a code, and this came back."""
    asked = authorized(client_id=CLIENT_URL)
    trace = tflow(metadata(**ANNOUNCED), asked, Piece("callback", (back,)), upto="callback")
    return looked_at(trace, client_document(redirect_uris=[f"{OTHER}/cb"]))


def moved() -> Trace:
    """The MCP server names another issuer meanwhile; the client goes there with the id of the first one."""
    new = {
        "issuer": OTHER,
        "authorization_endpoint": f"{OTHER}/authorize",
        "token_endpoint": f"{OTHER}/token",
        "registration_endpoint": f"{OTHER}/register",
    }
    first = tflow(upto="register")
    asked = authorized().exchanges[0]
    there = replace(asked, request=replace(asked.request, url=asked.request.url.replace(ISSUER, OTHER)))
    more = ttrace(metadata(**new), Piece("authorize", (there,)))
    number = len(first.exchanges)
    exchanges = tuple(replace(one, id=one.id + number) for one in more.exchanges)
    runs = tuple(replace(run, exchanges=tuple(one + number for one in run.exchanges)) for run in more.runs)
    kept = tuple(run for run in first.runs if run.step != "server_metadata")
    return Trace((*first.exchanges, *exchanges), (*kept, *runs), first.settings)


GUESSED = [failed("server_metadata", server_document(b"", status=404)), Piece("register", (registered(),))]
DEFAULT = replace(registered().request, url=f"{ORIGIN}/register")
BY_DEFAULT = ttrace(
    Piece(
        "server_metadata",
        (server_document(b"", "https://mcp.example.com/.well-known/oauth-authorization-server", 404),),
    ),
    Piece("register", (replace(registered(), request=DEFAULT),)),
    protocol="2025-03-26",
)
SAID = replace(server_document(), request=replace(server_document().request, headers=(("MCP-Protocol-Version", "x"),)))
ERROR_PAGE = replace(came_back(), direction="out", response=registered(400, b"no").response)
NATIVE = asked_to_register(application_type="native")

UNSUPPORTED = token_request(400, {"error": "unsupported_grant_type"}, grant_type="client_credentials")

BREAKING: dict[str, Trace] = {
    "issuer-malformed": published(issuer="http://auth.example.com"),
    "endpoint-malformed": published(revocation_endpoint="/revoke"),
    "endpoint-internal": published(token_endpoint="https://0.0.0.0:3000/token"),
    "plain-pkce-offered": published(code_challenge_methods_supported=["plain", "S256"]),
    "old-grants-offered": published(grant_types_supported=["authorization_code", "password"]),
    "openid-members-missing": published(OIDC_URL),
    "server-metadata-empty-members": published(scopes_supported=[]),
    "document-flag-malformed": published(client_id_metadata_document_supported="true"),
    "grant-not-offered": tflow(failed("token", UNSUPPORTED), upto="token", grant="client_credentials"),
    "server-metadata-misplaced": published(f"{ISSUER}/tenant/.well-known/oauth-authorization-server"),
    "metadata-version-unsaid": tflow(upto="server_metadata", protocol="2025-03-26"),
    "endpoint-not-published": tflow(metadata(registration_endpoint=f"{OTHER}/register"), upto="register"),
    "endpoint-guessed": ttrace(*GUESSED),
    "client-method-unlisted": tflow(
        metadata(token_endpoint_auth_methods_supported=["private_key_jwt"]),
        Piece("register"),
        failed("token", token_request(401, {"error": "invalid_client"})),
        upto="token",
    ),
    "registration-malformed": answered(asked_to_register(redirect_uris=None)),
    "application-type-unfit": answered(asked_to_register(application_type="web"), protocol="2026-07-28"),
    "refresh-grant-unnamed": tflow(
        Piece("register", (asked_to_register(grant_types=None),)),
        authorized(scope="a offline_access"),
        upto="authorize",
        protocol="2026-07-28",
    ),
    "given-client-unused": tflow(upto="register", client_id="given-1"),
    "client-document-unused": tflow(metadata(**ANNOUNCED), upto="register", client_metadata_url=CLIENT_URL),
    "client-of-another-server": moved(),
    "registration-media-type": answered(replace(registered(), response=replace(registered().response, headers=()))),
    "registration-method-contradicted": answered(registered(client_secret="s3cret", client_secret_expires_at=0)),
    "registration-method-replaced": answered(registered(token_endpoint_auth_method="private_key_jwt")),
    "public-client-unsaid": tflow(
        Piece("register", (asked_to_register(token_endpoint_auth_method=None),)), upto="token"
    ),
    "registration-cacheable": answered(registered(registration_access_token="manage-1")),
    "registration-management-halved": answered(registered(registration_access_token="manage-1")),
    "registration-error-malformed": refused(400, b"no"),
    "client-document-unchecked": of_document(came_back()),
}

CLEAN: dict[str, Trace] = {
    **dict.fromkeys(BREAKING, tflow()),
    "openid-members-missing": published(OIDC_URL, **OPENID),
    "grant-not-offered": tflow(
        metadata(grant_types_supported=["client_credentials"]), upto="server_metadata", grant="client_credentials"
    ),
    "metadata-version-unsaid": tflow(Piece("server_metadata", (SAID,)), upto="server_metadata", protocol="2025-03-26"),
    "endpoint-guessed": BY_DEFAULT,
    "application-type-unfit": answered(NATIVE),
    "given-client-unused": tflow(
        Piece("register"), authorized(client_id="given-1"), upto="authorize", client_id="given-1"
    ),
    "client-document-unused": tflow(
        metadata(**ANNOUNCED),
        Piece("register"),
        authorized(client_id=CLIENT_URL),
        upto="authorize",
        client_metadata_url=CLIENT_URL,
    ),
    "registration-cacheable": answered(
        with_header(
            "Cache-Control", "no-store", registration_access_token="manage-1", registration_client_uri=f"{ISSUER}/r/1"
        )
    ),
    "registration-error-malformed": refused(400, {"error": "invalid_redirect_uri"}),
    "client-document-unchecked": of_document(ERROR_PAGE),
}
