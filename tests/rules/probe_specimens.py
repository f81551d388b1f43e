"""For every rule about a probe a trace that breaks it and one that does not."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from factories import (
    ASM_URL,
    CODE,
    HEALTHY,
    ISSUER,
    NO_STORE,
    REDIRECT_URI,
    SSE,
    URL,
    VERIFIER,
    Piece,
    asm,
    jwt,
    result,
    rpc,
    rpc_error,
    texchange,
    token_answer,
    ttrace,
)

from mcp_oauth_nb.protocol.pkce import s256
from mcp_oauth_nb.protocol.probes import (
    INVALID_ORIGIN,
    PLAIN_REDIRECT,
    UNKNOWN_CLIENT,
    UNKNOWN_METHOD,
    UNKNOWN_VERSION,
    UNREGISTERED_REDIRECT,
)
from mcp_oauth_nb.records import Exchange, Headers, Trace

FLOW = HEALTHY[: next(at for at, piece in enumerate(HEALTHY) if piece.step == "mcp") + 1]
OTHER = "https://mcp.example.com/another-resource"
MODERN = "2026-07-28"
OPENED = result(1, tools=[])
GONE: dict[str, Any] = {"error": "invalid_grant"}
INVALID_TOKEN: Headers = (("WWW-Authenticate", 'Bearer error="invalid_token"'),)


def probe(name: str, *exchanges: Exchange, protocol: str = "2025-11-25") -> Trace:
    """The flow up to the MCP request, and then a probe."""
    return ttrace(*FLOW, Piece(name, exchanges), protocol=protocol)


def asked(
    name: str,
    status: int,
    body: Any = b"",
    *,
    token: str | None = None,
    sent: Headers = (),
    headers: Headers | None = None,
    method: str = "POST",
    url: str = URL,
    message: dict[str, Any] | None = None,
) -> Exchange:
    """A request to the MCP server, as a probe sends it."""
    authorization: Headers = (("Authorization", token),) if token else ()
    return texchange(
        name,
        url,
        status,
        body,
        method=method,
        sent=(message or rpc("tools/list")) if method == "POST" else b"",
        sent_headers=(*authorization, *sent),
        headers=headers,
    )


def redeemed(name: str, status: int = 200, body: Any = None, **form: str | None) -> Exchange:
    """A token request of a probe."""
    members = {"grant_type": "authorization_code", "code": CODE, "code_verifier": VERIFIER, **form}
    answer = token_answer() if body is None else body
    return texchange(name, f"{ISSUER}/token", status, answer, method="POST", form=members, headers=NO_STORE)


def opened(name: str, **params: str) -> Exchange:
    """An authorization request of a probe."""
    given = {"client_id": "client-1", "redirect_uri": REDIRECT_URI, "code_challenge": s256(VERIFIER), **params}
    return texchange(name, f"{ISSUER}/authorize?{urlencode(given)}", None)


def shown(name: str, status: int, location: str = "", **params: str) -> Exchange:
    """An authorization request of a probe that is answered to us."""
    given = {"client_id": "client-1", "redirect_uri": REDIRECT_URI, **params}
    headers: Headers = (("Location", location),) if location else ()
    return texchange(name, f"{ISSUER}/authorize?{urlencode(given)}", status, headers=headers)


def foreign(status: int, token: str = "opaque-token") -> Trace:
    """A token for another resource, sent here."""
    answer = token_answer(access_token=token)
    body = OPENED if status == 200 else {}
    sent = asked("wrong_audience", status, body, token=f"Bearer {token}")
    return probe("wrong_audience", redeemed("wrong_audience", body=answer, resource=OTHER), sent)


def keys(*found: dict[str, str]) -> Trace:
    """A key set."""
    return probe("jwks", texchange("jwks", f"{ISSUER}/jwks", 200, {"keys": list(found)}))


def origin(status: int, protocol: str = "2025-11-25") -> Trace:
    """A foreign page, with a good token."""
    given = (("Origin", INVALID_ORIGIN),)
    return probe("origin", asked("origin", status, token="Bearer access-1", sent=given), protocol=protocol)


def garbage(status: int, body: Any = b"{}", headers: Headers = INVALID_TOKEN) -> Trace:
    """A token that nobody issued."""
    return probe("garbage_token", asked("garbage_token", status, body, token="Bearer garbage", headers=headers))


def scheme(status: int) -> Trace:
    """A good token behind the scheme in small letters."""
    return probe("wrong_scheme_case", asked("wrong_scheme_case", status, OPENED, token="bearer access-1"))


def in_query(status: int) -> Trace:
    """A good token in the URL."""
    given = asked("token_in_query", status, OPENED, url=f"{URL}?access_token=access-3")
    return probe("token_in_query", redeemed("token_in_query"), given)


def verifier(name: str, status: int, **form: str | None) -> Trace:
    """A code of the probe's own with another verifier than its own."""
    body = None if status == 200 else GONE
    return probe(name, opened(name), redeemed(name, status, body, **form))


def slash(location: str) -> Trace:
    """The other spelling of the URL, which redirects."""
    return probe("slash", asked("slash", 307, url=f"{URL}/", headers=(("Location", location),)))


def version(status: int, code: int) -> Trace:
    """A protocol version that there never was."""
    given = (("MCP-Protocol-Version", UNKNOWN_VERSION),)
    sent = asked("unknown_version", status, rpc_error(code), token="Bearer access-1", sent=given)
    return probe("unknown_version", sent, protocol=MODERN)


def unknown_method(status: int) -> Trace:
    """A method that there is not."""
    sent = asked("unknown_method", status, rpc_error(-32601), token="Bearer access-1", message=rpc(UNKNOWN_METHOD, 1))
    return probe("unknown_method", sent, protocol=MODERN)


def plain(status: int, body: Any) -> Trace:
    """A redirect URI over plain http."""
    sent = {"redirect_uris": [PLAIN_REDIRECT]}
    name = "http_redirect_registration"
    return probe(name, texchange(name, f"{ISSUER}/register", status, body, method="POST", sent=sent))


def introspected(status: int, body: Any) -> Trace:
    """Introspection by nobody."""
    name = "introspect_anonymous"
    return probe(name, texchange(name, f"{ISSUER}/introspect", status, body, method="POST", form={"token": "x"}))


def bare(name: str, status: int, body: Any = OPENED, **rest: Any) -> Trace:
    """A request without a token."""
    return probe(name, asked(name, status, body, **rest))


def stream(name: str, status: int, *, token: str | None, protocol: str = "2025-11-25") -> Trace:
    """GET at the endpoint."""
    headers = SSE if status == 200 else ()
    return probe(name, asked(name, status, method="GET", token=token, headers=headers), protocol=protocol)


def refetched(**changes: Any) -> Trace:
    """The metadata a second time."""
    return probe("second_fetch", texchange("second_fetch", ASM_URL, 200, asm(**changes)))


SESSION_HEADER: Headers = (("Mcp-Session-Id", "session-1"),)
ROOT = "https://mcp.example.com/"

BREAKING: dict[str, Trace] = {
    "metadata-unsteady": refetched(token_endpoint=f"{ISSUER}/old-token"),
    "token-not-demanded": bare("without_token", 200),
    "scheme-case": scheme(401),
    "query-token-accepted": in_query(200),
    "unprotected-twin": bare("token_elsewhere", 200, url=ROOT),
    "session-is-enough": bare("session_only", 200, sent=SESSION_HEADER),
    "foreign-token-accepted": foreign(200, jwt(aud=OTHER)),
    "slash-redirect-leaves": slash("http://mcp.example.com/mcp"),
    "accept-falls-over": bare("accept", 500, b"", token="Bearer access-1"),
    "stream-refused": stream("get_stream", 401, token="Bearer access-1"),
    "stream-not-protected": stream("post_get", 200, token=None),
    "get-delete-answered": stream("get_and_delete", 200, token="Bearer access-1", protocol=MODERN),
    "version-not-refused": version(200, -32022),
    "unknown-method-answer": unknown_method(200),
    "wrong-verifier-accepted": verifier("wrong_verifier", 200, code_verifier="x" * 43),
    "missing-verifier-accepted": verifier("without_verifier", 200, code_verifier=None),
    "code-works-twice": probe("code_replay", redeemed("code_replay"), redeemed("code_replay")),
    "unregistered-redirect-taken": probe(
        "unregistered_redirect",
        shown("unregistered_redirect", 302, f"{UNREGISTERED_REDIRECT}?code=1", redirect_uri=UNREGISTERED_REDIRECT),
    ),
    "unknown-client-redirected": probe(
        "unknown_client", shown("unknown_client", 302, f"{REDIRECT_URI}?error=x", client_id=UNKNOWN_CLIENT)
    ),
    "plain-redirect-registered": plain(201, {"client_id": "c", "redirect_uris": [PLAIN_REDIRECT]}),
    "introspection-open": introspected(200, {"active": False}),
    "keys-unreadable": probe("jwks", texchange("jwks", f"{ISSUER}/jwks", 404)),
    "keys-private": keys({"kty": "EC", "x": "1", "y": "2", "d": "3"}),
}
"""By rule id: a trace in which this rule finds something."""

CLEAN: dict[str, Trace] = {
    "metadata-unsteady": refetched(),
    "token-not-demanded": bare("without_token", 401, b"{}"),
    "scheme-case": scheme(200),
    "query-token-accepted": in_query(401),
    "unprotected-twin": bare("token_elsewhere", 404, b"", url=ROOT),
    "session-is-enough": bare("session_only", 401, b"{}", sent=SESSION_HEADER),
    "foreign-token-accepted": foreign(401),
    "slash-redirect-leaves": slash("/mcp"),
    "accept-falls-over": bare("accept", 406, b"", token="Bearer access-1"),
    "stream-refused": stream("get_stream", 405, token="Bearer access-1"),
    "stream-not-protected": stream("post_get", 401, token=None),
    "get-delete-answered": stream("get_and_delete", 405, token="Bearer access-1", protocol=MODERN),
    "version-not-refused": version(400, -32022),
    "unknown-method-answer": unknown_method(404),
    "wrong-verifier-accepted": verifier("wrong_verifier", 400, code_verifier="x" * 43),
    "missing-verifier-accepted": verifier("without_verifier", 400, code_verifier=None),
    "code-works-twice": probe("code_replay", redeemed("code_replay"), redeemed("code_replay", 400, GONE)),
    "unregistered-redirect-taken": probe(
        "unregistered_redirect", shown("unregistered_redirect", 400, redirect_uri=UNREGISTERED_REDIRECT)
    ),
    "unknown-client-redirected": probe("unknown_client", shown("unknown_client", 400, client_id=UNKNOWN_CLIENT)),
    "plain-redirect-registered": plain(400, {"error": "invalid_redirect_uri"}),
    "introspection-open": introspected(401, {"error": "invalid_client"}),
    "keys-unreadable": keys({"kty": "EC", "x": "1", "y": "2"}),
    "keys-private": keys({"kty": "EC", "x": "1", "y": "2"}),
}
"""By rule id: a trace in which this rule was really tested, and found nothing."""
