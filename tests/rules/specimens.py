"""For every rule a trace that breaks it and one that does not; the contract test holds both against the rules."""

from __future__ import annotations

from factories import (
    ASM_URL,
    CLIENT_URL,
    HTML,
    ISSUER,
    JSON,
    OIDC_URL,
    PAGE,
    PRM_APPENDED,
    PRM_ROOT_URL,
    PRM_URL,
    SESSION,
    Piece,
    asm,
    authorized,
    came_back,
    client_document,
    failed,
    id_token,
    initialized,
    introspection,
    listed,
    located,
    managed,
    mcp_request,
    notified,
    prm,
    refresh_request,
    registered,
    resource_document,
    result,
    revocation,
    rpc,
    rpc_error,
    server_document,
    texchange,
    tflow,
    token_answer,
    token_request,
    ttrace,
    unauthenticated,
    userinfo_request,
)

from mcp_oauth_nb.records import Exchange, Trace
from mcp_oauth_nb.rules.rule import RULES
from rules import (
    authorization_specimens,
    discovery_specimens,
    mcp_specimens,
    probe_specimens,
    registration_specimens,
)
from rules.later_specimens import LATER_BREAKING, LATER_CLEAN
from rules.plain_specimens import PLAIN_BREAKING, PLAIN_CLEAN


def met(step: str, *exchanges: Exchange) -> Trace:
    """A flow that ends with this step, which got what it is for."""
    return tflow(Piece(step, exchanges), upto=step)


def broke(step: str, *exchanges: Exchange, stopped: str = "it went wrong") -> Trace:
    """A flow that ends with this step, which failed."""
    return tflow(failed(step, *exchanges, stopped=stopped), upto=step)


def challenged(challenge: str | None, status: int = 401, body: bytes = b"{}") -> Trace:
    """A flow that ends with the challenge."""
    return tflow(unauthenticated(status, challenge, body), upto="challenge")


def everywhere(probe: Piece) -> Trace:
    """The challenge, and then this probe."""
    return ttrace(unauthenticated(), probe)


def described(document: Exchange) -> Trace:
    """The challenge, and then a look at the client ID metadata document."""
    return everywhere(Piece(PROBE, (document,)))


def with_id_token(*others: Piece, upto: str = "token", id_token: object) -> Trace:
    """A flow in which this ID token was issued."""
    return tflow(Piece("token", (token_request(body=token_answer(id_token=id_token)),)), *others, upto=upto)


PROBE = "client_document_check"
HEALTHY_FLOW = tflow()
DESCRIBED = described(client_document())
WITH_NONCE = authorized(nonce="nonce-1")
WITH_ID_TOKEN = with_id_token(WITH_NONCE, id_token=id_token(nonce="nonce-1"))
EVERYWHERE = everywhere(located())
WITH_SECRET = met("register", registered(client_secret="s3cret", client_secret_expires_at=0))
LOGGED_IN = texchange("callback", f"{ISSUER}/login", 302, headers=(("Location", "/consent"),))
NOT_PROMISED = Piece("server_metadata", (server_document(asm(authorization_response_iss_parameter_supported=None)),))
UNTYPED = texchange("register", f"{ISSUER}/register", 201, {"client_id": "x"}, method="POST", sent={"client_name": "x"})
REDIRECTED = tflow(Piece("callback", (LOGGED_IN, came_back())), upto="callback")

BREAKING: dict[str, Trace] = {
    "unreachable": broke("token", texchange("token", f"{ISSUER}/token", failure="connect")),
    "resource-not-https": ttrace(
        Piece("challenge", (texchange("challenge", "http://mcp.example.com/mcp", 401),)),
        url="http://mcp.example.com/mcp",
    ),
    "unexpected-answer": broke("pkce", stopped="no entropy"),
    "unauthenticated-status": challenged(None, 403),
    "not-protected": challenged(None, 200, b'{"jsonrpc":"2.0","id":1,"result":{}}'),
    "challenge-missing": challenged(None),
    "challenge-malformed": challenged(f"Bearer resource_metadata={PRM_URL} scope=a"),
    "challenge-metadata-missing": tflow(
        unauthenticated(401, 'Bearer scope="a"'), upto="challenge", protocol="2025-06-18"
    ),
    "challenge-metadata-url": challenged('Bearer resource_metadata="/.well-known/x", scope="a"'),
    "challenge-error-without-token": challenged('Bearer error="invalid_token", scope="a"'),
    "challenge-scope-missing": challenged(f'Bearer resource_metadata="{PRM_URL}"'),
    "resource-metadata-missing": broke("resource_metadata", resource_document(b"", status=404)),
    "resource-metadata-media-type": met("resource_metadata", resource_document(headers=HTML)),
    "resource-mismatch": broke("resource_metadata", resource_document(prm(resource="https://other.example/mcp"))),
    "authorization-servers-missing": broke("resource_metadata", resource_document(prm(authorization_servers=[]))),
    "authorization-servers-malformed": met(
        "resource_metadata", resource_document(prm(authorization_servers=[f"{ISSUER}?tenant=1"]))
    ),
    "header-tokens-unsupported": met("resource_metadata", resource_document(prm(bearer_methods_supported=["body"]))),
    "server-metadata-missing": broke("server_metadata", server_document(PAGE, headers=HTML)),
    "server-metadata-only-openid": tflow(
        Piece("server_metadata", (server_document(url=OIDC_URL),)), upto="server_metadata", protocol="2025-06-18"
    ),
    "server-metadata-media-type": met("server_metadata", server_document(headers=())),
    "server-metadata-path-scoped": met("server_metadata", server_document(url=f"{ASM_URL}/mcp")),
    "issuer-mismatch": broke("server_metadata", server_document(asm(issuer=f"{ISSUER}/"))),
    "server-metadata-incomplete": met("server_metadata", server_document(asm(token_endpoint=None))),
    "code-flow-not-offered": met("server_metadata", server_document(asm(response_types_supported=["token"]))),
    "s256-not-advertised": broke("server_metadata", server_document(asm(code_challenge_methods_supported=["plain"]))),
    "endpoint-not-https": met("server_metadata", server_document(asm(token_endpoint="http://auth.example.com/t"))),
    "pushed-request-required": met("server_metadata", server_document(asm(require_signed_request_object=True))),
    "registration-endpoint-missing": tflow(
        Piece("server_metadata", (server_document(asm(registration_endpoint=None)),)), failed("register")
    ),
    "application-type-missing": tflow(Piece("register", (UNTYPED,)), upto="register", protocol="2026-07-28"),
    "registration-refused": broke("register", registered(400, {"error": "invalid_redirect_uri"})),
    "registration-answer-invalid": broke("register", registered(client_id=None)),
    "registration-status": met("register", registered(200)),
    "registration-secret-expiry": met("register", registered(client_secret="s3cret")),
    "registration-changed": met("register", registered(redirect_uris=["https://other.example/cb"])),
    "client-document-unannounced": tflow(authorized(client_id=CLIENT_URL), upto="authorize"),
    "client-document-missing": everywhere(failed(PROBE, client_document(404, b""))),
    "client-document-media-type": described(client_document(headers=(("Content-Type", "text/plain"),))),
    "client-document-url": described(client_document(url="http://client.example.com/client.json")),
    "client-document-id": described(client_document(client_id="https://client.example.com/client.json/")),
    "client-document-incomplete": described(client_document(client_name=None)),
    "client-document-redirect": described(client_document(redirect_uris=["http://127.0.0.1/other"])),
    "client-document-secret": described(client_document(client_secret="s3cret")),
    "client-document-size": described(client_document(logo_uri=f"data:image/png;base64,{'A' * 6000}")),
    "pkce-not-sent": tflow(authorized(code_challenge=None), upto="authorize"),
    "redirect-uri-unregistered": tflow(authorized(redirect_uri="http://localhost:1/cb"), upto="authorize"),
    "authorization-page": broke("callback", texchange("callback", f"{ISSUER}/authorize", 400, PAGE, headers=HTML)),
    "authorization-error": broke("callback", came_back(code=None, error="access_denied")),
    "state-mismatch": broke("callback", came_back(state="another")),
    "iss-mismatch": broke("callback", came_back(iss=None)),
    "iss-not-announced": tflow(NOT_PROMISED, upto="callback", protocol="2026-07-28"),
    "iss-not-sent": tflow(
        NOT_PROMISED, Piece("callback", (came_back(iss=None),)), upto="callback", protocol="2026-07-28"
    ),
    "code-missing": broke("callback", came_back(code=None)),
    "resource-not-sent": met("token", token_request(resource=None)),
    "pkce-mismatch": broke("token", token_request(400, {"error": "invalid_grant"}, code_verifier="x" * 43)),
    "redirect-uri-differs": broke("token", token_request(400, {"error": "invalid_grant"}, redirect_uri="http://other")),
    "token-refused": broke("token", token_request(400, {"error": "invalid_client"})),
    "token-answer-invalid": broke("token", token_request(body=b"access_token=a&token_type=bearer")),
    "access-token-unsendable": broke("token", token_request(body=token_answer(access_token="access-4Qm1\nX-Evil: 1"))),
    "token-cacheable": met("token", token_request(headers=JSON)),
    "token-expiry-missing": met("token", token_request(body=token_answer(expires_in=None))),
    "token-expiry-unusable": met("token", token_request(body=token_answer(expires_in=0))),
    "token-not-sent": broke("mcp", mcp_request(rpc("initialize"), 401, token=None)),
    "token-rejected": broke("mcp", mcp_request(rpc("initialize"), 401)),
    "insufficient-scope": broke("mcp", initialized(), notified(), listed(403)),
    "url-elicitation-required": broke(
        "mcp", initialized(), notified(), listed(body=rpc_error(-32042, elicitations=[{"url": "https://else.example"}]))
    ),
    "url-elicitation-outdated": tflow(
        failed("mcp", listed(body=rpc_error(-32042, elicitations=[{"url": "https://else.example"}]))),
        upto="mcp",
        protocol="2026-07-28",
    ),
    "input-required": broke("mcp", initialized(), notified(), listed(body=result(2, resultType="input_required"))),
    "mcp-error": broke("mcp", initialized(), notified(), listed(body=rpc_error(-32603, "boom"))),
    "session-not-sent": broke("mcp", initialized(), notified(), listed(400, session=None)),
    "version-header-missing": met("mcp", initialized(), notified(), listed(version=None)),
    "session-lost": broke("mcp", initialized(), notified(), listed(404, session=SESSION)),
    "version-unsupported": met("mcp", initialized(b'data: {"id":1,"result":{"protocolVersion":"1900"}}\n\n')),
    "notification-status": met("mcp", initialized(), notified(200), listed()),
    "refresh-token-missing": tflow(
        Piece("token", (token_request(body=token_answer(refresh_token=None)),)),
        failed("refresh", stopped="none issued"),
    ),
    "refresh-refused": broke("refresh", refresh_request(status=400, body={"error": "invalid_grant"})),
    "refresh-not-rotated": met("refresh", refresh_request(body=token_answer())),
    "replay-accepted": met("replay", refresh_request("replay")),
    "revocation-endpoint-missing": tflow(
        Piece("server_metadata", (server_document(asm(revocation_endpoint=None)),)), failed("revoke"), upto="revoke"
    ),
    "revocation-refused": broke("revoke", revocation(503)),
    "metadata-nowhere": everywhere(located(nowhere=True)),
    "resource-metadata-unread": everywhere(located({PRM_URL: (404, b""), PRM_APPENDED: (200, prm())})),
    "metadata-copies-differ": everywhere(located({OIDC_URL: (200, asm(registration_endpoint=None))})),
    "metadata-copy-misnamed": everywhere(located({OIDC_URL: (200, asm(issuer="https://other.example"))})),
    "well-known-page": everywhere(located({PRM_ROOT_URL: (200, PAGE)})),
    "well-known-blocked": everywhere(located({ASM_URL: (403, PAGE)})),
    "id-token-malformed": with_id_token(id_token="opaque"),
    "id-token-issuer": with_id_token(id_token=id_token(iss=f"{ISSUER}/")),
    "id-token-audience": with_id_token(id_token=id_token(aud=["client-2"])),
    "id-token-expired": with_id_token(id_token=id_token(exp=1)),
    "id-token-nonce": with_id_token(WITH_NONCE, id_token=id_token()),
    "inspection-not-offered": tflow(
        Piece("server_metadata", (server_document(asm(introspection_endpoint=None)),)),
        failed("introspect"),
        upto="introspect",
    ),
    "introspection-refused": broke("introspect", introspection(401, {"error": "invalid_client"})),
    "introspection-answer-invalid": broke("introspect", introspection(body={"active": "true"})),
    "introspection-inactive": met("introspect", introspection(body={"active": False})),
    "introspection-audience": met("introspect", introspection(body={"active": True, "aud": "https://else.example"})),
    "userinfo-refused": broke("userinfo", userinfo_request(401)),
    "userinfo-subject": met("userinfo", userinfo_request(body={"name": "A"})),
    "registration-unmanaged": broke("unregister", stopped="the client was not registered here"),
    "registration-read-refused": broke("registration", managed("registration", 401)),
    "registration-read-differs": met("registration", managed("registration", 200, {"client_id": "client-2"})),
    "registration-not-removed": met("unregister", managed("unregister", 200)),
    **probe_specimens.BREAKING,
    **discovery_specimens.BREAKING,
    **registration_specimens.BREAKING,
    **authorization_specimens.BREAKING,
    **LATER_BREAKING,
    **PLAIN_BREAKING,
    **mcp_specimens.BREAKING,
}
"""By rule id: a trace in which this rule, perhaps among others, finds something."""

CLEAN: dict[str, Trace] = {
    **dict.fromkeys(BREAKING, HEALTHY_FLOW),
    **{rule.id: EVERYWHERE for rule in RULES.values() if rule.step == "well_known"},
    **{rule.id: DESCRIBED for rule in RULES.values() if rule.step == PROBE},
    **authorization_specimens.CLEAN,
    "registration-secret-expiry": WITH_SECRET,
    "client-document-unannounced": tflow(
        Piece("server_metadata", (server_document(asm(client_id_metadata_document_supported=True)),)),
        authorized(client_id=CLIENT_URL),
        upto="authorize",
    ),
    "authorization-page": REDIRECTED,
    **dict.fromkeys([rule for rule in BREAKING if rule.startswith("id-token-")], WITH_ID_TOKEN),
    **probe_specimens.CLEAN,
    **discovery_specimens.CLEAN,
    **registration_specimens.CLEAN,
    **LATER_CLEAN,
    **PLAIN_CLEAN,
    **mcp_specimens.CLEAN,
}
"""By rule id: a trace in which this rule was really tested, and found nothing."""
