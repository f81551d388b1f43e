"""What a correct client sends, as data: for each protocol version every request of one whole run, and why it is sent.

A row is where, method, path, what the body is, and the sentence that asks for it. The two rows of the browser are those
of the demo server's consent; a client only opens the first. `auto` begins with the newest version, so that against a
server which speaks it the run is that of the newest version: the challenge says nothing about versions, and the answer
to the same request with the token settles it.
"""

from __future__ import annotations

from typing import NamedTuple

from recorder import AUTHORIZATION, RESOURCE


class Row(NamedTuple):
    """One request, and the reason for it."""

    where: str
    method: str
    path: str
    kind: str
    reason: str

    @property
    def line(self) -> tuple[str, str, str, str]:
        return self[:4]


WAYS = ("dcr", "public", "confidential", "client_credentials")
VERSIONS = ("2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "draft", "auto")
PRM = "/.well-known/oauth-protected-resource/mcp"
ASM = "/.well-known/oauth-authorization-server"

_REGISTERED = Row(AUTHORIZATION, "POST", "/register", "JSON", "once, where nobody gave a client: RFC 7591 3.1")
_BROWSER = (
    Row(AUTHORIZATION, "GET", "/authorize", "nothing", "the browser, at authorization_endpoint: RFC 6749 4.1.1"),
    Row(AUTHORIZATION, "GET", "/consent", "nothing", "the browser, where that server sends it"),
)
_HANDSHAKE = (
    Row(RESOURCE, "POST", "/mcp", "initialize", "lifecycle: first request, now with the token"),
    Row(RESOURCE, "POST", "/mcp", "notifications/initialized", "lifecycle: after the answer, before anything else"),
    Row(RESOURCE, "POST", "/mcp", "tools/list", "the operation"),
    # No DELETE: a client SHOULD send one for a session it no longer needs, and the next cell goes on with this one.
)
_PROBE = Row(RESOURCE, "POST", "/mcp", "initialize", "lifecycle: first request; without a token, to be challenged")
_RESOURCE_METADATA = Row(RESOURCE, "GET", PRM, "nothing", "RFC 9728 5.1: the URL of the challenge, and no other")
_SERVER_METADATA = Row(AUTHORIZATION, "GET", ASM, "nothing", "RFC 8414 3.1: the first candidate answers, no second")


def _row_of_grant(way: str) -> Row:
    grant = "client_credentials" if way == "client_credentials" else "authorization_code"
    return Row(AUTHORIZATION, "POST", "/token", grant, "RFC 6749 4.1.3 or 4.4.2, once")


def expected(version: str, way: str) -> tuple[Row, ...]:
    """Every request of a run, in order."""
    registered = (_REGISTERED,) if way == "dcr" else ()
    browser = () if way == "client_credentials" else _BROWSER
    middle = (_SERVER_METADATA, *registered, *browser, _row_of_grant(way))
    match version:
        case "2025-03-26":  # the MCP server is its own authorization server; RFC 9728 is not known yet
            rows = (_PROBE, *middle, *_HANDSHAKE)
            return tuple(row._replace(where=RESOURCE) for row in rows)
        case "2025-06-18" | "2025-11-25":
            return (_PROBE, _RESOURCE_METADATA, *middle, *_HANDSHAKE)
    opening = Row(RESOURCE, "POST", "/mcp", "server/discover", "no handshake: this request is complete in itself")
    listed = Row(RESOURCE, "POST", "/mcp", "tools/list", "the operation; no session, so that nothing ends one")
    return (opening, _RESOURCE_METADATA, *middle, opening, listed)


ALWAYS = frozenset("host user-agent accept accept-encoding connection".split())
"""Headers of every request."""
SENT_BODY = frozenset({"content-type", "content-length"})
IN_A_SESSION = ("notifications/initialized", "tools/list")
PKCE = frozenset("response_type client_id redirect_uri code_challenge code_challenge_method state scope".split())
CODE = frozenset("grant_type code redirect_uri code_verifier".split())
MACHINE = frozenset({"grant_type", "scope"})
REGISTRATION = frozenset(
    "client_name redirect_uris grant_types response_types token_endpoint_auth_method application_type".split()
)


def sends_resource(version: str) -> bool:
    """RFC 8707 came with 2025-06-18."""
    return version != "2025-03-26"


def is_modern(version: str) -> bool:
    return version in ("2026-07-28", "draft", "auto")


def headers(version: str, row: Row, way: str, *, has_token: bool) -> frozenset[str]:
    """The header names of one request, no more and no fewer."""
    names = ALWAYS | (SENT_BODY if row.method == "POST" else frozenset())
    if row.path == ASM and version == "2025-03-26":
        return names | {"mcp-protocol-version"}  # MCP 2025-03-26: SHOULD, on metadata requests only
    if row.path == "/token":
        return names | ({"authorization"} if way in ("confidential", "client_credentials") else frozenset())
    if row.path != "/mcp":
        return names
    names |= {"authorization"} if has_token else frozenset()
    if is_modern(version):
        return names | {"mcp-protocol-version", "mcp-method"}
    if row.kind not in IN_A_SESSION:
        return names  # initialize negotiates in its body
    return names | {"mcp-session-id"} | ({"mcp-protocol-version"} if version != "2025-03-26" else frozenset())
