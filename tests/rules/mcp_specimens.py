"""Traces for the rules about access tokens, and about MCP requests and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from factories import (
    ACCESS,
    ISSUER,
    JSON,
    NOON,
    URL,
    Body,
    Piece,
    initialized,
    jwt,
    listed,
    mcp_request,
    notified,
    result,
    rpc,
    rpc_error,
    sse,
    texchange,
    tflow,
    token_answer,
    token_request,
)

from mcp_oauth_nb.records import Exchange, Headers, Trace

MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
AT_NOON = int(NOON.timestamp())
UNSIGNED = {"alg": "none", "typ": "at+jwt"}


def issued_as(header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    """An access token for the healthy flow; claims are changed, or left out where they are None."""
    right = {
        "iss": ISSUER,
        "aud": URL,
        "client_id": "client-1",
        "scope": "mcp:tools",
        "iat": AT_NOON,
        "exp": AT_NOON + 900,
    }
    told = {name: value for name, value in {**right, **claims}.items() if value is not None}
    return jwt(header, **told)


def with_token(
    token: str, *sent: Exchange, achieved: bool = True, settings: Mapping[str, str] | None = None, **answer: Any
) -> Trace:
    """A flow in which this access token was issued, up to these MCP requests or, without any, up to the token."""
    issued = Piece("token", (token_request(body=token_answer(access_token=token, **answer)),))
    if not sent:
        return tflow(issued, upto="token")
    return tflow(issued, Piece("mcp", sent, achieved, "" if achieved else "refused"), upto="mcp")


def opened_with(token: str) -> tuple[Exchange, ...]:
    """A session that works with this token."""
    return initialized(token=token), notified(token=token), listed(token=token)


def modern(
    method: str,
    request_id: int = 1,
    body: Body | None = None,
    status: int = 200,
    *,
    told: Headers | None = None,
    meta: Mapping[str, Any] | None = None,
    **params: Any,
) -> Exchange:
    """A request that is complete in itself; `told` replaces the headers that repeat its body."""
    said = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}} if meta is None else meta
    headers: Headers = (("Mcp-Method", method), *((("Mcp-Name", params["name"]),) if "name" in params else ()))
    answer = result(request_id, resultType="complete") if body is None else body
    return texchange(
        "mcp",
        URL,
        status,
        answer,
        method="POST",
        sent=rpc(method, request_id, _meta=said, **params),
        sent_headers=(
            *JSON,
            ("Accept", "application/json, text/event-stream"),
            ("Authorization", f"Bearer {ACCESS}"),
            ("MCP-Protocol-Version", MODERN),
            *(headers if told is None else told),
        ),
    )


def speaking(*sent: Exchange, achieved: bool = True, protocol: str = MODERN) -> Trace:
    """A flow in the protocol without a handshake, up to these requests."""
    return tflow(Piece("mcp", sent, achieved, "" if achieved else "no result"), upto="mcp", protocol=protocol)


def asked(*sent: Exchange, achieved: bool = True) -> Trace:
    """A flow up to these MCP requests, in the protocol with a handshake."""
    return tflow(Piece("mcp", sent, achieved, "" if achieved else "no result"), upto="mcp")


def stream(method: str = "GET", token: str | None = ACCESS, url: str = URL) -> Exchange:
    """A request to the MCP endpoint by another method than POST."""
    headers = (("Accept", "text/event-stream"), *((("Authorization", f"Bearer {token}"),) if token else ()))
    return texchange("mcp", url, 405, method=method, sent_headers=headers)


OURS = issued_as()
FOR_OTHERS = issued_as(aud="https://other.example/mcp")
TOOL = {"name": "echo", "arguments": {}}
PLAIN_TEXT: Headers = (("Content-Type", "text/plain"),)
WITHOUT_ACCEPT = mcp_request(rpc("initialize"), 406)

BREAKING: dict[str, Trace] = {
    "token-audience": with_token(FOR_OTHERS),
    "token-issuer": with_token(issued_as(iss="https://login.example/tenant-2")),
    "token-times": with_token(issued_as(iat=AT_NOON + 600)),
    "token-unsigned": with_token(issued_as(UNSIGNED)),
    "token-scope-differs": with_token(issued_as(scope="mcp:tools mcp:admin"), scope="mcp:tools"),
    "token-only-posted": asked(*opened_with(ACCESS), stream(token=None)),
    "token-in-url": asked(*opened_with(ACCESS), stream(url=f"{URL}?access_token={ACCESS}")),
    "id-token-sent": with_token(
        ACCESS, mcp_request(rpc("initialize"), 401, token="a.b.c"), achieved=False, id_token="a.b.c"
    ),
    "token-of-another-server": asked(
        mcp_request(rpc("initialize"), 401, token=issued_as(iss="https://else.example")), achieved=False
    ),
    "other-audience-accepted": with_token(FOR_OTHERS, *opened_with(FOR_OTHERS)),
    "accept-incomplete": asked(
        texchange(
            "mcp",
            URL,
            406,
            method="POST",
            sent=rpc("initialize"),
            sent_headers=(("Accept", "application/json"), ("Authorization", f"Bearer {ACCESS}")),
        ),
        achieved=False,
    ),
    "initialize-not-first": asked(listed(session=None, version=None), notified()),
    "version-header-demanded": asked(
        initialized(), notified(400, body=b"missing MCP-Protocol-Version", version=None), listed()
    ),
    "dead-session-reused": asked(initialized(), notified(), listed(404), listed(404), achieved=False),
    "meta-missing": speaking(modern("tools/list", meta={})),
    "method-header-differs": speaking(
        modern("tools/call", told=(("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?YWRk?=")), **TOOL)
    ),
    "mcp-media-type": asked(initialized(), notified(), listed(headers=PLAIN_TEXT)),
    "response-misdirected": asked(initialized(), notified(), listed(body=result(7, tools=[])), achieved=False),
    "result-type-missing": speaking(modern("tools/list", body=result(1, tools=[]))),
    "tool-failed": speaking(modern("tools/call", body=result(1, isError=True, resultType="complete"), **TOOL)),
    "discover-missing": speaking(
        modern("server/discover", body={**rpc_error(-32601), "id": 1}, status=404), achieved=False
    ),
}
"""By rule id: a trace in which this rule, perhaps among others, finds something."""

_READ = with_token(OURS, *opened_with(OURS), scope="mcp:tools")
_MODERN = speaking(modern("server/discover"), modern("tools/list", 2), modern("tools/call", 3, **TOOL))
CLEAN: dict[str, Trace] = {
    **dict.fromkeys(BREAKING, _READ),
    **dict.fromkeys(
        ("meta-missing", "method-header-differs", "result-type-missing", "tool-failed", "discover-missing"), _MODERN
    ),
    "token-only-posted": asked(*opened_with(ACCESS), stream(), stream("DELETE")),
    "token-of-another-server": asked(mcp_request(rpc("initialize"), 401, token=OURS), achieved=False),
    "version-header-demanded": asked(initialized(), notified(version=None), listed(version=None)),
    "mcp-media-type": asked(
        initialized(),
        notified(),
        listed(body=sse(result(2, tools=[])), headers=(("Content-Type", "text/event-stream; charset=utf-8"),)),
    ),
}
"""By rule id: a trace in which this rule was really tested, and found nothing."""
