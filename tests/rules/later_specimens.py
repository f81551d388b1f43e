"""Breaking and clean traces for the rules about refreshing, revoking, stepping up, and the extensions."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

from factories import (
    ACCESS,
    HEALTHY,
    ISSUER,
    NEXT_ACCESS,
    NEXT_REFRESH,
    NO_STORE,
    PRM_URL,
    REDIRECT_URI,
    REFRESH,
    URL,
    Piece,
    asm,
    failed,
    initialized,
    jwt,
    listed,
    mcp_request,
    refresh_request,
    result,
    revocation,
    rpc,
    server_document,
    texchange,
    tflow,
    token_answer,
    token_request,
    ttrace,
)

from mcp_oauth_nb.protocol.grants import ID_JAG, ID_TOKEN, JWT_BEARER, TOKEN_EXCHANGE
from mcp_oauth_nb.protocol.proofs import ASSERTION_TYPE
from mcp_oauth_nb.records import Exchange, Trace

NEVER_ENDS = 4102444800
IDP = "https://idp.example.com/token"


def walked(*exchanges: Exchange, upto: str = "token", **settings: str) -> Trace:
    """The healthy flow up to a step, then this in the MCP step: what a client does of itself, one after the other."""
    pieces = [*HEALTHY[: [piece.step for piece in HEALTHY].index(upto) + 1], Piece("mcp", exchanges)]
    return ttrace(*pieces, **settings)


def tried(scope: str | None, session: str | None = None, **rest: Any) -> Exchange:
    """A tool call that is refused for this scope."""
    named = f', scope="{scope}"' if scope else ""
    challenge = f'Bearer error="insufficient_scope"{named}, resource_metadata="{PRM_URL}"'
    return mcp_request(
        rpc("tools/call", 3, name="write"), 403, headers=(("WWW-Authenticate", challenge),), session=session, **rest
    )


def worked(**rest: Any) -> Exchange:
    """The same tool call, with a result."""
    return mcp_request(rpc("tools/call", 3, name="write"), body=result(3), **rest)


def asked(scope: str) -> Exchange:
    """An authorization request in the middle of the MCP step."""
    query = {"response_type": "code", "client_id": "client-1", "redirect_uri": REDIRECT_URI, "scope": scope}
    query |= {"resource": URL}
    return texchange("mcp", f"{ISSUER}/authorize?{urlencode(query)}", None)


def redeemed(scope: str, token: str = NEXT_ACCESS) -> Exchange:
    """A token request in the middle of the MCP step."""
    form = {"grant_type": "authorization_code", "code": "c", "client_id": "client-1", "resource": URL}
    answer = token_answer(access_token=token, scope=scope)
    return texchange("mcp", f"{ISSUER}/token", body=answer, method="POST", form=form, headers=NO_STORE)


def machine(*, document: dict[str, Any] | None = None, status: int = 200, **form: Any) -> Trace:
    """A client that acts for itself, as far as its token."""
    members = {"grant_type": "client_credentials", "client_secret": "s3cret", "resource": URL, **form}
    sent = texchange("token", f"{ISSUER}/token", status, token_answer(refresh_token=None), method="POST", form=members)
    found = server_document(document if document is not None else asm())
    return ttrace(
        HEALTHY[0], HEALTHY[1], Piece("server_metadata", (found,)), Piece("token", (sent,)), grant="client_credentials"
    )


def assertion(**claims: Any) -> dict[str, str]:
    """The members of a client that authenticates with a JWT."""
    known = {"iss": "client-1", "sub": "client-1", "aud": ISSUER, "exp": NEVER_ENDS, "jti": "1", **claims}
    return {"client_secret": None, "client_assertion": jwt(**known), "client_assertion_type": ASSERTION_TYPE}


def declared(extensions: dict[str, Any]) -> Trace:
    """An MCP request of a client with client credentials, which declares these extensions."""
    meta = {"io.modelcontextprotocol/clientCapabilities": {"extensions": extensions}}
    sent = mcp_request(rpc("server/discover", 1, _meta=meta), body=result(1))
    return ttrace(Piece("mcp", (sent,)), grant="client_credentials", protocol="2026-07-28")


def id_jag(**claims: Any) -> str:
    """An identity assertion grant."""
    known = {"iss": "https://idp.example.com", "sub": "alice", "aud": ISSUER, "resource": URL, "client_id": "client-1"}
    return jwt(
        {"typ": "oauth-id-jag+jwt", "alg": "ES256"}, **known | {"jti": "1", "exp": NEVER_ENDS, "iat": 1} | claims
    )


def enterprise(*, answer: dict[str, Any] | None = None, grant: str = "", **form: Any) -> Trace:
    """Enterprise-managed authorization, as far as its token."""
    members = {
        "grant_type": TOKEN_EXCHANGE,
        "requested_token_type": ID_JAG,
        "audience": ISSUER,
        "resource": URL,
        "subject_token": "id-token-1",
        "subject_token_type": ID_TOKEN,
        **form,
    }
    given = {"access_token": id_jag(), "issued_token_type": ID_JAG, "token_type": "N_A", **(answer or {})}
    at_idp = texchange("token", IDP, body=given, method="POST", form=members, headers=NO_STORE)
    shown = {"grant_type": JWT_BEARER, "assertion": grant or id_jag(), "client_id": "client-1", "resource": URL}
    here = texchange("token", f"{ISSUER}/token", body=token_answer(), method="POST", form=shown, headers=NO_STORE)
    return ttrace(*HEALTHY[:3], Piece("token", (at_idp, here)), grant="enterprise")


def by_assertion(*statuses: int) -> Trace:
    """The same assertion shown several times."""
    form = {"grant_type": JWT_BEARER, "assertion": jwt(sub="workload"), "resource": URL}
    url, refusal = f"{ISSUER}/token", {"error": "invalid_grant"}
    sent = [texchange("token", url, status, refusal, method="POST", form=form) for status in statuses]
    return ttrace(*HEALTHY[:3], failed("token", *sent), grant="jwt_bearer")


def proof(url: str, *, token: str | None = None, **claims: Any) -> tuple[tuple[str, str], ...]:
    """The header with a DPoP proof for a POST."""
    hashed = urlsafe_b64encode(hashlib.sha256((token or "").encode()).digest()).rstrip(b"=").decode()
    known = {"htm": "POST", "htu": url, "jti": "j-1", "iat": 1} | ({"ath": hashed} if token else {}) | claims
    return (("DPoP", jwt({"typ": "dpop+jwt", "alg": "ES256"}, **known)),)


def bound(scheme: str = "DPoP", **claims: Any) -> Trace:
    """A token that is bound to a key, and its use."""
    url = f"{ISSUER}/token"
    form = {"grant_type": "authorization_code", "code": "c", "client_id": "client-1", "resource": URL}
    answer = token_answer(token_type="DPoP", refresh_token=None)
    sent = texchange(
        "token", url, body=answer, method="POST", form=form, headers=NO_STORE, sent_headers=proof(url, **claims)
    )
    header = (("Authorization", f"{scheme} {ACCESS}"), *proof(URL, token=ACCESS, jti="j-2"))
    used = texchange("mcp", URL, body=result(1), method="POST", sent=rpc("server/discover"), sent_headers=header)
    return ttrace(*HEALTHY[:3], Piece("token", (sent,)), Piece("mcp", (used,)))


def nonces(*, given: bool = True, again: bool = True) -> Trace:
    """A token endpoint that wants a DPoP nonce."""
    url = f"{ISSUER}/token"
    form = {"grant_type": "authorization_code", "code": "c", "client_id": "client-1", "resource": URL}
    headers = (*NO_STORE, ("DPoP-Nonce", "n-1")) if given else NO_STORE
    refusal = {"error": "use_dpop_nonce"}
    first = texchange("token", url, 400, refusal, method="POST", form=form, headers=headers, sent_headers=proof(url))
    second = texchange(
        "token", url, body=token_answer(), method="POST", form=form, headers=NO_STORE,
        sent_headers=proof(url, jti="j-2", nonce="n-1"),
    )  # fmt: skip
    sent = (first, second) if again else (first,)
    return ttrace(*HEALTHY[:3], Piece("token", sent) if again else failed("token", *sent))


ALGORITHMS = "dpop_signing_alg_values_supported"
WANTED = "key made for this run, ES256"


def unsignable(*listed: str, **settings: str) -> Trace:
    """DPoP was asked for of an authorization server that lists these algorithms, and nothing was sent after that."""
    found = server_document(asm(**{ALGORITHMS: list(listed)}))
    return tflow(Piece("server_metadata", (found,)), upto="server_metadata", dpop=WANTED, **settings)


def refused_proof(*listed: str) -> Trace:
    """A proof signed with ES256 that the authorization server refuses; it lists these algorithms."""
    url, refusal = f"{ISSUER}/token", {"error": "invalid_dpop_proof"}
    form = {"grant_type": "authorization_code", "code": "c", "client_id": "client-1", "resource": URL}
    sent = texchange("token", url, 400, refusal, method="POST", form=form, headers=NO_STORE, sent_headers=proof(url))
    found = server_document(asm(**{ALGORITHMS: list(listed)}))
    return ttrace(*HEALTHY[:2], Piece("server_metadata", (found,)), failed("token", sent))


def without(step: str, *others: Piece) -> Trace:
    """The healthy flow without one of its steps."""
    given = {piece.step: piece for piece in others}
    return ttrace(*(given.get(piece.step, piece) for piece in HEALTHY if piece.step != step))


OLD = refresh_request("mcp")
NEW = refresh_request("mcp", old=NEXT_REFRESH, body=token_answer(access_token="access-3", refresh_token="refresh-3"))
DEAD = refresh_request("mcp", 400, {"error": "invalid_grant"})
EXPIRED = mcp_request(rpc("tools/list", 2), 401, elapsed_ms=1)
SHORT = token_request(body=token_answer(expires_in=0, scope="mcp:tools"))
UNDER_WAY = refresh_request("refresh")
LOGIN = asked("mcp:tools")
TWICE = (tried("b"), asked("mcp:tools b"), redeemed("mcp:tools b"))

LATER_BREAKING: dict[str, Trace] = {
    "refresh-without-token": tflow(
        failed("refresh", refresh_request(status=400, body={"error": "invalid_request"}, old="")), upto="refresh"
    ),
    "refresh-token-reused": walked(OLD, refresh_request("mcp", 400, {"error": "invalid_grant"})),
    "refresh-scope-widened": tflow(
        failed("refresh", refresh_request(status=400, body={"error": "invalid_scope"}, scope="mcp:admin")),
        upto="refresh",
    ),
    "refresh-token-exposed": walked(
        mcp_request(rpc("tools/call", 3, name="x", arguments={"t": REFRESH}), body=result(3))
    ),
    "refresh-error-status": tflow(
        Piece("replay", (refresh_request("replay", 401, {"error": "invalid_grant"}),)), upto="replay"
    ),
    "refresh-client-differs": walked(refresh_request("mcp", client_id="client-2")),
    "dead-token-reused": walked(DEAD, listed(401)),
    "login-instead-of-refresh": walked(refresh_request("mcp", 503, b""), LOGIN),
    "revoked-another-token": tflow(Piece("revoke", (revocation(token="another-value"),)), upto="revoke"),
    "revoked-token-accepted": tflow(Piece("revoked", (initialized(step="revoked"),)), upto="revoked"),
    "revoked-refresh-token-accepted": ttrace(
        *HEALTHY[:8], Piece("revoke", (revocation(token=REFRESH),)), Piece("refresh", (refresh_request(),))
    ),
    "refresh-survives-revocation": ttrace(
        *HEALTHY[:8],
        Piece("refresh", (refresh_request(elapsed_ms=60_000),)),
        Piece("revoke", (revocation(token=REFRESH),)),
        Piece("mcp", (listed(token=NEXT_ACCESS),)),
    ),
    "scope-challenge-incomplete": walked(tried(None)),
    "refusal-status-swapped": walked(
        mcp_request(rpc("tools/list", 2), 403, headers=(("WWW-Authenticate", 'Bearer error="invalid_token"'),))
    ),
    "scope-challenged-again": walked(tried("mcp:tools")),
    "step-up-scope-dropped": walked(
        tried("b"), asked("b"), redeemed("b"), worked(token=NEXT_ACCESS), protocol="2026-07-28"
    ),
    "step-up-endless": walked(*TWICE, *TWICE),
    "step-up-not-tried": walked(tried("b"), tried("b")),
    "client-credentials-undocumented": machine(document=asm(token_endpoint_auth_methods_supported=["none"])),
    "client-credentials-malformed": machine(client_secret=None),
    "client-assertion-claims": machine(**assertion(aud="https://else.example")),
    "extension-not-declared": declared({}),
    "token-exchange-malformed": enterprise(audience="https://else.example"),
    "token-exchange-answer": enterprise(answer={"token_type": "Bearer"}),
    "identity-grant-differs": enterprise(grant=id_jag(client_id="client-2")),
    "assertion-retried": by_assertion(400, 400),
    "dpop-proof-invalid": bound(htm="GET"),
    "dpop-scheme": bound("Bearer"),
    "dpop-algorithms-foreign": unsignable("ES256K"),
    "dpop-algorithm-unlisted": refused_proof("PS256"),
    "dpop-nonce-missing": nonces(given=False, again=False),
    "dpop-nonce-unused": nonces(again=False),
}
"""By rule id: a trace in which this rule, perhaps among others, finds something."""

HEALTHY_FLOW = tflow()
STEPPED_UP = walked(*TWICE, worked(token=NEXT_ACCESS), protocol="2026-07-28")
MACHINE, ENTERPRISE, BOUND = machine(), enterprise(), bound()
LATER_CLEAN: dict[str, Trace] = {
    **dict.fromkeys(LATER_BREAKING, HEALTHY_FLOW),
    "dead-token-reused": walked(DEAD, LOGIN),
    "login-instead-of-refresh": walked(LOGIN),
    "revoked-token-accepted": without("replay"),
    "revoked-refresh-token-accepted": ttrace(
        *HEALTHY[:8],
        Piece("revoke", (revocation(token=REFRESH),)),
        failed("refresh", refresh_request(status=400, body={"error": "invalid_grant"})),
    ),
    "refresh-survives-revocation": ttrace(
        *HEALTHY[:8],
        Piece("refresh", (refresh_request(elapsed_ms=60_000),)),
        Piece("revoke", (revocation(token=REFRESH),)),
        failed("mcp", listed(401, token=NEXT_ACCESS)),
    ),
    **dict.fromkeys(
        (
            "scope-challenge-incomplete",
            "scope-challenged-again",
            "step-up-scope-dropped",
            "step-up-endless",
            "step-up-not-tried",
        ),
        STEPPED_UP,
    ),
    "client-credentials-undocumented": MACHINE,
    "client-credentials-malformed": MACHINE,
    "client-assertion-claims": machine(**assertion()),
    "extension-not-declared": declared({"io.modelcontextprotocol/oauth-client-credentials": {}}),
    "token-exchange-malformed": ENTERPRISE,
    "token-exchange-answer": ENTERPRISE,
    "identity-grant-differs": ENTERPRISE,
    "assertion-retried": by_assertion(400),
    "dpop-proof-invalid": BOUND,
    "dpop-scheme": BOUND,
    "dpop-algorithms-foreign": unsignable("ES256K", "RS256"),
    "dpop-algorithm-unlisted": refused_proof("PS256", "ES256"),
    "dpop-nonce-missing": nonces(),
    "dpop-nonce-unused": nonces(),
}
"""By rule id: a trace in which this rule was really tested, and found nothing."""
