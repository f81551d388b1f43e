"""Traces for the rules about discovery: the challenge and its parameters, the resource metadata, the client's part."""

from __future__ import annotations

from factories import (
    CHALLENGE,
    HEALTHY,
    ISSUER,
    PRM_ROOT_URL,
    PRM_URL,
    URL,
    Piece,
    asm,
    authorized,
    failed,
    mcp_request,
    prm,
    resource_document,
    rpc,
    server_document,
    texchange,
    tflow,
    ttrace,
    unauthenticated,
)

from mcp_oauth_nb.records import Exchange, Trace

BARE = 'Bearer scope="mcp:tools"'
BAD = (("WWW-Authenticate", f'Bearer error="invalid_token", {CHALLENGE.removeprefix("Bearer ")}'),)
SHARED = (
    ("WWW-Authenticate", CHALLENGE),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate"),
)
ORIGIN = (("Origin", "https://app.example"),)


def probed(step: str, *exchanges: Exchange, **settings: str) -> Trace:
    """The healthy flow with one probe behind it."""
    return ttrace(*HEALTHY, Piece(step, exchanges), **settings)


def with_challenge(challenge: str, status: int = 401, **settings: str) -> Trace:
    """A flow that ends with the challenge."""
    return tflow(unauthenticated(status, challenge), upto="challenge", **settings)


def in_browser(headers: tuple[tuple[str, str], ...]) -> Trace:
    """A challenge to a request that a page in a browser sent."""
    asked = texchange(
        "challenge", URL, 401, method="POST", sent=rpc("initialize"), sent_headers=ORIGIN, headers=headers
    )
    return tflow(Piece("challenge", (asked,)), upto="challenge")


def with_metadata(body: bytes | None = None, **settings: str) -> Trace:
    """A flow that ends with the resource metadata."""
    changes = {name: settings.pop(name) for name in tuple(settings) if name != "protocol"}
    document = prm(**changes) if body is None else body
    return tflow(Piece("resource_metadata", (resource_document(document),)), upto="resource_metadata", **settings)


def with_bad_token(status: int, headers: tuple[tuple[str, str], ...] = ()) -> Trace:
    """A token that nobody issued, and how it was answered."""
    return probed("garbage_token", mcp_request(rpc("initialize"), status, b"{}", step="garbage_token", headers=headers))


def in_two_ways(status: int) -> Trace:
    """A request with its token in the header and in the query."""
    step = "malformed_authorization"
    return probed(step, mcp_request(rpc("initialize"), status, b"{}", step=step))


def from_elsewhere(status: int) -> Trace:
    """A request that says it comes from a foreign page."""
    return probed("origin", texchange("origin", URL, status, b"{}", method="POST", sent_headers=ORIGIN))


def looked_up(status: int) -> Trace:
    """The well-known URLs of the resource, asked on request."""
    document = texchange("well_known", PRM_URL, status, prm() if status == 200 else b"")
    return probed("well_known", document, protocol="2025-06-18")


def authorized_again(*between: Exchange) -> Trace:
    """A client that is refused with its token and begins again."""
    refused = mcp_request(rpc("initialize"), 401, headers=BAD)
    again = (Piece("resource_metadata", between),) if between else ()
    return ttrace(*HEALTHY[:2], failed("mcp", refused), *again, authorized())


def cross_checked(*resources: str) -> Trace:
    """Authorization server metadata that lists resources."""
    document = server_document(asm(protected_resources=list(resources)))
    return tflow(Piece("server_metadata", (document,)), upto="server_metadata")


def chosen(issuer: str) -> Trace:
    """The user chose an authorization server, and none was asked."""
    return tflow(failed("server_metadata"), upto="server_metadata", **{"issuer chosen": issuer})


REPEATED_REQUEST = tflow(Piece("challenge", unauthenticated().exchanges * 2), upto="challenge")
ROOT_FIRST = tflow(
    unauthenticated(401, BARE),
    Piece("resource_metadata", (resource_document(url=PRM_ROOT_URL),)),
    upto="resource_metadata",
)
ELSEWHERE = f"{URL.removesuffix('/mcp')}/.well-known/oauth-authorization-server"
ORIGIN_ASKED = tflow(failed("server_metadata", server_document(b"", ELSEWHERE, 404)), upto="server_metadata")
MARKED = (
    b'\xef\xbb\xbf{"resource": "https://mcp.example.com/mcp", "authorization_servers": ["https://auth.example.com"]}'
)

BREAKING: dict[str, Trace] = {
    "redirect-uri-insecure": tflow(authorized(redirect_uri="http://app.example/cb"), upto="authorize"),
    "origin-unchecked": from_elsewhere(200),
    "challenge-metadata-foreign": with_challenge('Bearer resource_metadata="https://localhost:8000/x", scope="a"'),
    "challenge-parameter-repeated": with_challenge(f'{CHALLENGE}, scope="b"'),
    "challenge-characters": with_challenge(f'{CHALLENGE.partition(",")[0]}, scope="caf\u00e9"'),
    "challenge-offline-access": with_challenge('Bearer scope="a offline_access"', protocol="2026-07-28"),
    "challenge-not-exposed": in_browser(SHARED[:2]),
    "invalid-token-status": with_bad_token(200),
    "invalid-token-unnamed": with_bad_token(401, SHARED),
    "malformed-authorization-status": in_two_ways(200),
    "resource-malformed": with_metadata(resource="urn:mcp:example"),
    "metadata-empty-members": with_metadata(resource_documentation=[]),
    "metadata-offline-access": with_metadata(scopes_supported=["a", "offline_access"], protocol="2026-07-28"),
    "resource-metadata-not-well-known": looked_up(404),
    "metadata-byte-order-mark": with_metadata(MARKED),
    "resource-not-listed": cross_checked("https://other.example/mcp"),
    "challenge-ignored": REPEATED_REQUEST,
    "metadata-request-misplaced": ROOT_FIRST,
    "published-issuer-ignored": ORIGIN_ASKED,
    "challenge-not-followed-up": authorized_again(),
    "authorization-server-unlisted": chosen(f"{ISSUER}/"),
}

_HEALTHY = tflow()
CLEAN: dict[str, Trace] = {
    **dict.fromkeys(BREAKING, _HEALTHY),
    "origin-unchecked": from_elsewhere(403),
    "challenge-offline-access": tflow(protocol="2026-07-28"),
    "challenge-not-exposed": in_browser(SHARED),
    "invalid-token-status": with_bad_token(401, BAD),
    "invalid-token-unnamed": with_bad_token(401, BAD),
    "malformed-authorization-status": in_two_ways(400),
    "metadata-offline-access": tflow(protocol="2026-07-28"),
    "resource-metadata-not-well-known": looked_up(200),
    "resource-not-listed": cross_checked(URL, f"{ISSUER}/other"),
    "challenge-not-followed-up": authorized_again(resource_document()),
    "authorization-server-unlisted": tflow(**{"issuer chosen": ISSUER}),
}
