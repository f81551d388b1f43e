"""Rules for what stands in the protected resource metadata beyond what the flow needs of it."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import PROTECTED_RESOURCE, is_loopback, split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import (
    RESOURCE_DOCUMENT,
    Members,
    at_least,
    resource_document,
    server_document,
    text,
    texts,
)
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, came, capped, party, shown

Found = tuple[Exchange, Members]
_JUDGED_ELSEWHERE = ("resource", "authorization_servers", "bearer_methods_supported")
"""Members that have a rule of their own, or whose empty list has a meaning."""


@rule(
    "resource-malformed",
    step="resource_metadata",
    level=MUST,
    who=MCP_SERVER,
    summary="The resource is no https URL that tokens can be asked for.",
    fix="Publish the MCP endpoint's public https URL as resource, without fragment and query.",
    spec=Spec("RFC 9728", "1.2"),
    over=RESOURCE_DOCUMENT,
    explains=("resource-mismatch", "authorization-error", "token-refused"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    resource = text(document.get("resource"))
    if resource is None or resource == case.url:  # what the user typed is judged as the URL that it is
        return
    wrong, level = "", MUST
    if split(resource) is None:
        wrong = "no http(s) URL"
    elif "#" in resource:
        wrong = "a URL with a fragment"
    elif resource.lower().startswith("http:") and not is_loopback(resource):
        wrong = "a plain http URL"
    elif "?" in resource:
        wrong, level = "a URL with a query", SHOULD
    if wrong:
        summary = f"The resource is {wrong}."
        yield Seen(exchange, "body:/resource", "an https URL", shown(resource), summary, level=level)


@rule(
    "metadata-empty-members",
    step="resource_metadata",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The protected resource metadata holds members without a value.",
    fix="Leave a member out of the document in place of sending null or an empty array.",
    spec=Spec("RFC 9728", "3.2"),
    over=RESOURCE_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    empty = [name for name, value in document.items() if value in (None, []) and name not in _JUDGED_ELSEWHERE]
    if empty:
        yield Seen(exchange, "body:", "members with a value only", capped(f"nothing in {', '.join(empty)}"))


@rule(
    "metadata-offline-access",
    step="resource_metadata",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The metadata lists offline_access among its scopes, which is no scope of the MCP server.",
    fix="Take offline_access out of scopes_supported; the authorization server's own metadata may list it.",
    spec=Spec("MCP 2026-07-28", "Refresh Tokens"),
    over=Selector(
        lambda case: RESOURCE_DOCUMENT.pick(case) if at_least(case, "2026-07-28") else (),
        "no metadata was found under a protocol version that speaks of offline_access",
    ),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    if "offline_access" in texts(document.get("scopes_supported")):
        yield Seen(exchange, "body:/scopes_supported", "the server's own scopes", "offline_access among them")


def _looked_up(case: Case) -> list[tuple[Exchange, ...]]:
    """The attempts at the well-known URLs of the resource, where the version has no other way than them."""
    tried = tuple(one for one in case.answered("well_known") if PROTECTED_RESOURCE in one.request.url)
    return [tried] if tried and case.version == "2025-06-18" else []


@rule(
    "resource-metadata-not-well-known",
    step="well_known",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The metadata is not at a well-known URL: clients that do not read the challenge find nothing.",
    fix="Serve the same document at /.well-known/oauth-protected-resource with the endpoint's path behind it.",
    spec=Spec("RFC 9728", "3"),
    over=Selector(_looked_up, "the well-known URLs were not asked for under protocol version 2025-06-18"),
)
def _(case: Case, tried: tuple[Exchange, ...]) -> Iterator[Seen]:
    if not any(one.status == 200 and one.document is not None for one in tried):
        yield Seen(tried[0], "status", "200 with the protected resource metadata", came(tried[0]))


@rule(
    "metadata-byte-order-mark",
    step=ANY,
    level=SHOULD,
    who=MCP_SERVER,
    summary="The metadata begins with a byte order mark, at which many JSON parsers fail.",
    fix="Save and send the document as UTF-8 without a byte order mark.",
    spec=Spec("RFC 8259", "8.1"),
    over=Selector(
        lambda case: [pair for step in ("resource_metadata", "server_metadata") for pair in case.documents(step)],
        "no metadata document was found",
    ),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange = found[0]
    if exchange.response is not None and exchange.response.body.startswith(b"\xef\xbb\xbf"):
        seen = "the bytes EF BB BF in front of it"
        yield Seen(exchange, "body:", "a body that begins with {", seen, who=party(exchange.step))


def _cross_checked(case: Case) -> list[tuple[Found, str]]:
    found, published = server_document(case), resource_document(case)
    resource = text(published[1].get("resource")) if published else None
    return [(found, resource)] if found and resource and texts(found[1].get("protected_resources")) else []


@rule(
    "resource-not-listed",
    step="server_metadata",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server lists the resources it protects, and the MCP server is not among them.",
    fix="Add the resource to protected_resources exactly as the MCP server publishes it, or leave the member out.",
    spec=Spec("RFC 9728", "4"),
    over=Selector(_cross_checked, "no authorization server metadata lists protected_resources"),
)
def _(case: Case, piece: tuple[Found, str]) -> Iterator[Seen]:
    (exchange, document), resource = piece
    if resource not in texts(document.get("protected_resources")):
        listed = shown(document["protected_resources"])
        yield Seen(exchange, "body:/protected_resources", shown(resource), listed)
