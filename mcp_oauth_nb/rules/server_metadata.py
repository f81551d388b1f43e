"""Rules for the authorization server metadata (RFC 8414, OpenID Connect Discovery)."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import is_loopback, path_scoped_candidates, server_metadata_candidates, split
from mcp_oauth_nb.records import Run
from mcp_oauth_nb.rules.discovery import Found, no_document, wrong_media_type
from mcp_oauth_nb.rules.evidence import (
    CODE_SERVER_DOCUMENT,
    SERVER_DOCUMENT,
    expected_issuer,
    server_document,
    text,
    texts,
    whole_run,
)
from mcp_oauth_nb.rules.rule import MAY, MUST, SHOULD, Case, Seen, Selector, rule, since
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, shown

ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "registration_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "userinfo_endpoint",
)


@rule(
    "server-metadata-missing",
    step="server_metadata",
    level=since("2025-06-18"),
    who=AUTHORIZATION_SERVER,
    summary="No authorization server metadata was found.",
    fix="Publish the metadata at a well-known URL of the issuer.",
    spec=Spec("RFC 8414", "3"),
    over=whole_run("server_metadata", "no metadata URL of the authorization server has answered yet"),
)
def _(case: Case, run: Run) -> Iterator[Seen]:
    wanted = "a JSON object that has issuer, authorization_endpoint and token_endpoint"
    yield from no_document(case, run, "authorization server metadata", wanted)


@rule(
    "server-metadata-only-openid",
    step="server_metadata",
    level={"2025-03-26": SHOULD, "2025-06-18": MUST, "2025-11-25": MAY},
    who=AUTHORIZATION_SERVER,
    summary="There is only an OpenID Connect document; clients of this protocol version look for one of RFC 8414.",
    fix="Publish it at the well-known URL of RFC 8414 as well, or have clients follow MCP 2025-11-25 or later, "
    "which take the OpenID Connect document.",
    spec=Spec("MCP 2025-11-25", "Authorization Server Metadata Discovery"),
    over=SERVER_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    documents = [exchange.request.url for exchange, _ in case.documents("server_metadata")]
    if all("/.well-known/openid-configuration" in url for url in documents):
        yield Seen(found[0], "url", "a document at /.well-known/oauth-authorization-server", found[0].request.url)


@rule(
    "server-metadata-media-type",
    step="server_metadata",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server metadata is not served as application/json.",
    fix="Send Content-Type: application/json with the document.",
    spec=Spec("RFC 8414", "3.2"),
    over=SERVER_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    yield from wrong_media_type(found[0])


def _with_known_issuer(case: Case) -> list[Found]:
    return list(case.documents("server_metadata")) if expected_issuer(case) is not None else []


def _under_known_path(case: Case) -> list[Found]:
    """The document that the flow took, where the issuer it was looked up for is known and has no path."""
    issuer = expected_issuer(case)
    found = server_document(case)
    return [found] if issuer and found and path_scoped_candidates(issuer, case.url) else []


@rule(
    "server-metadata-path-scoped",
    step="server_metadata",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The metadata stands under the MCP server's path, where no client looks for this issuer's.",
    fix="Serve the metadata at the well-known URL of the issuer, or name the issuer with its path in "
    "authorization_servers and in the metadata.",
    spec=Spec("RFC 8414", "3.1"),
    over=Selector(_under_known_path, "no metadata of an issuer without a path was found for an MCP server with one"),
    explains=("issuer-mismatch",),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    issuer, url = expected_issuer(case) or "", found[0].request.url
    if url in (one.url for one in path_scoped_candidates(issuer, case.url)):
        yield Seen(found[0], "url", " or ".join(one.url for one in server_metadata_candidates(issuer)), url)


@rule(
    "issuer-mismatch",
    step="server_metadata",
    level=since("2025-06-18"),
    who=AUTHORIZATION_SERVER,
    summary="The document names another issuer than the one it was looked up for.",
    fix="Make issuer in the authorization server's metadata and the entry in the MCP server's authorization_servers "
    "the same text.",
    spec=Spec("RFC 8414", "3.3"),
    over=Selector(_with_known_issuer, "no authorization server metadata was found for a known issuer"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    wanted, issuer = expected_issuer(case) or "", document.get("issuer")
    if issuer == wanted or issuer is None:
        return
    fits = any(other.get("issuer") == wanted for _, other in case.documents("server_metadata"))
    only_slash = isinstance(issuer, str) and issuer.rstrip("/") == wanted.rstrip("/")
    if only_slash and case.version == "2025-03-26":  # nobody spelled the issuer: it was guessed from an origin
        return
    slash = "The issuer differs by a slash at its end only, but must be the same letter by letter."
    yield Seen(
        exchange,
        "body:/issuer",
        expected=wanted,
        observed=shown(issuer),
        summary=slash if only_slash else "",
        level=SHOULD if fits else None,
    )


_NEEDED = {
    "authorization_code": ("authorization_endpoint", "token_endpoint"),
    "implicit": ("authorization_endpoint",),
    "device": ("device_authorization_endpoint", "token_endpoint"),
}
"""The endpoints that a grant needs; any other grant the token endpoint alone (RFC 8414 2, RFC 8628 4)."""
_TYPED_AS = {
    "authorization_endpoint": "authorization_url",
    "token_endpoint": "token_url",
    "device_authorization_endpoint": "device_url",
}
"""The setting that stands in for an endpoint which the metadata does not name."""


@rule(
    "server-metadata-incomplete",
    step="server_metadata",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server metadata lacks a member that must be there.",
    fix="Add the member to the authorization server's metadata.",
    spec=Spec("RFC 8414", "2"),
    over=SERVER_DOCUMENT,
    explains=("unexpected-answer", "s256-not-advertised", "registration-endpoint-missing"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    needed = ("issuer", *_NEEDED.get(case.trace.settings.get("grant", "authorization_code"), ("token_endpoint",)))
    needed = tuple(name for name in needed if _TYPED_AS.get(name) not in case.trace.settings)
    if not any(document.get(name) for name in needed):
        seen = "none of them" if document else "an empty object"
        summary = "The authorization server metadata holds nothing that a client could use."
        yield Seen(exchange, "body:", ", ".join(needed), seen, summary, level=MUST)
        return
    for name in needed:
        value = document.get(name)
        if not isinstance(value, str) or split(value) is None:
            seen = shown(value) if name in document else f"no {name}"
            summary = f"The authorization server metadata has no usable {name}."
            yield Seen(exchange, f"body:/{name}", f"{name} with an http(s) URL", seen, summary)
    if not isinstance(document.get("response_types_supported"), list):
        yield Seen(
            exchange,
            "body:/response_types_supported",
            "an array of response types",
            shown(document["response_types_supported"])
            if "response_types_supported" in document
            else "no response_types_supported",
            level=SHOULD,
        )


@rule(
    "code-flow-not-offered",
    step="server_metadata",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server does not offer the authorization code flow.",
    fix="Enable the authorization code flow, and list code and authorization_code in the metadata.",
    spec=Spec("RFC 8414", "2"),
    over=CODE_SERVER_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    for name, wanted in (("response_types_supported", "code"), ("grant_types_supported", "authorization_code")):
        offered = document.get(name)
        if isinstance(offered, list) and wanted not in texts(offered):
            yield Seen(exchange, f"body:/{name}", f'a list with "{wanted}"', shown(offered))


@rule(
    "s256-not-advertised",
    step="server_metadata",
    level=since("2025-11-25"),
    who=AUTHORIZATION_SERVER,
    summary="The authorization server does not say that it supports PKCE with S256, so clients must refuse to go on.",
    fix='Support PKCE with S256 and publish "code_challenge_methods_supported": ["S256"].',
    spec=Spec("MCP 2025-11-25", "Authorization Code Protection"),
    over=CODE_SERVER_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    """Without the list nothing is said about PKCE, which older versions let pass; a list needs S256 in all of them."""
    methods = document.get("code_challenge_methods_supported")
    if methods is None:
        seen = "no code_challenge_methods_supported"
        yield Seen(exchange, "body:/code_challenge_methods_supported", '["S256"]', seen)
    elif "S256" not in texts(methods):
        yield Seen(exchange, "body:/code_challenge_methods_supported", '["S256"]', shown(methods), level=MUST)


@rule(
    "endpoint-not-https",
    step="server_metadata",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="An endpoint of the authorization server is on plain http.",
    fix="Serve the endpoint over https and publish its https URL; behind a proxy, set the server's public URL.",
    spec=Spec("MCP 2025-11-25", "Communication Security"),
    over=SERVER_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    for name in ENDPOINTS:
        url = text(document.get(name)) or ""
        if url.lower().startswith("http:") and not is_loopback(url):
            summary = f"The {name} is on plain http."
            yield Seen(exchange, f"body:/{name}", "an https URL (http only on this machine)", shown(url), summary)


@rule(
    "pushed-request-required",
    step="server_metadata",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server wants authorization requests pushed or signed, which MCP clients do not do.",
    fix="Accept plain authorization requests from MCP clients.",
    spec=Spec("RFC 9126", "5"),
    over=CODE_SERVER_DOCUMENT,
    explains=("authorization-error", "authorization-page"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    for name in ("require_pushed_authorization_requests", "require_signed_request_object"):
        if document.get(name) is True:
            yield Seen(exchange, f"body:/{name}", "false, or no such member", "true")
