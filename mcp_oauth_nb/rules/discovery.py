"""Rules for the protected resource metadata (RFC 9728)."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import is_loopback, resource_metadata_candidates, split
from mcp_oauth_nb.records import Exchange, Run
from mcp_oauth_nb.rules.evidence import (
    RESOURCE_DOCUMENT,
    Members,
    named_metadata_url,
    text,
    texts,
    whole_run,
)
from mcp_oauth_nb.rules.rule import SHOULD, Case, Seen, rule, since
from mcp_oauth_nb.rules.words import MCP_SERVER, Kind, answer, came, fix_for, kind_of, shown, who_answered

Found = tuple[Exchange, Members]
SINCE_RESOURCE_METADATA = since("2025-06-18")
"""MCP 2025-03-26 has no protected resource metadata: the MCP server is its own authorization server there."""

NOT_OF_THE_URL: tuple[Kind, ...] = ("too many requests", "proxy login")


def no_document(case: Case, run: Run, what: str, wanted: str) -> Iterator[Seen]:
    """One breach for a run that found no document: the last answer, and every other attempt beside it.

    An answer that says nothing of its URL goes before the last one: the document may have been there.
    """
    answered = case.answered(run.step)
    if any(one.status == 200 and one.document is not None for one in answered):
        return
    told = next((one for one in answered if kind_of(one) in NOT_OF_THE_URL), answered[-1])
    others = [came(one) for one in answered if one is not told]
    order, which = ("before that", "the last") if told is answered[-1] else ("beside that", "one")
    tried = f"; {order} {'; '.join(others)}" if others else ""
    yield Seen(
        told,
        "status" if told.status != 200 else "body:",
        expected=f"200 with {wanted}",
        observed=came(told) + tried,
        summary=f"No {what} was found: {f'{which} of {len(answered)} URLs gave ' if others else ''}{answer(told)}.",
        fix=fix_for(told, f"the {what}"),
        who=who_answered(told),
    )


@rule(
    "resource-metadata-missing",
    step="resource_metadata",
    level=SINCE_RESOURCE_METADATA,
    who=MCP_SERVER,
    summary="No protected resource metadata was found.",
    fix="Publish the document at the URL that the challenge names, or at the well-known URL.",
    spec=Spec("RFC 9728", "3.1"),
    over=whole_run("resource_metadata", "no metadata URL of the MCP server has answered yet"),
)
def _(case: Case, run: Run) -> Iterator[Seen]:
    wanted = "a JSON object that has resource and authorization_servers"
    yield from no_document(case, run, "protected resource metadata", wanted)


@rule(
    "resource-metadata-media-type",
    step="resource_metadata",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The protected resource metadata is not served as application/json.",
    fix="Send Content-Type: application/json with the document.",
    spec=Spec("RFC 9728", "3.2"),
    over=RESOURCE_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    yield from wrong_media_type(found[0])


def wrong_media_type(exchange: Exchange) -> Iterator[Seen]:
    """A breach where a JSON document does not say that it is one."""
    media_type = exchange.response.media_type if exchange.response else ""
    if media_type != "application/json":
        yield Seen(exchange, "header:Content-Type", "application/json", media_type or "no Content-Type")


@rule(
    "resource-mismatch",
    step="resource_metadata",
    level=SINCE_RESOURCE_METADATA,
    who=MCP_SERVER,
    summary="The document describes another resource than the MCP server that was asked.",
    fix="Set resource to the exact URL that clients connect to; behind a proxy, to the public one.",
    spec=Spec("RFC 9728", "3.3"),
    over=RESOURCE_DOCUMENT,
    explains=("authorization-error", "authorization-page", "token-refused", "token-audience", "token-rejected"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    identifier = _identifier(case, exchange.request.url)
    resource = text(document.get("resource"))
    match = resource_match(resource, identifier, case.url)
    if match == "same":
        return
    if "resource" not in document:
        yield Seen(exchange, "body:/resource", identifier, "no resource member", "The document names no resource.")
        return
    summaries = {
        "spelling": "The resource differs from the MCP server's URL in spelling only (slash, case or default port); "
        "clients compare them letter by letter.",
        "parent": "The resource is a parent path of the MCP server's URL; strict clients refuse it.",
        "other": "",
    }
    yield Seen(
        exchange,
        "body:/resource",
        expected=identifier,
        observed=shown(document.get("resource")),
        summary=summaries[match],
        level=None if match == "other" else SHOULD,
    )


def _identifier(case: Case, url: str) -> str:
    """What the document at this URL must name: the MCP URL, or what its well-known URL was built from."""
    if named_metadata_url(case) == url:
        return case.url
    candidates = resource_metadata_candidates(case.url)
    return next((one.identifier for one in candidates if one.url == url), case.url)


@rule(
    "authorization-servers-missing",
    step="resource_metadata",
    level=SINCE_RESOURCE_METADATA,
    who=MCP_SERVER,
    summary="The document names no authorization server.",
    fix="Add authorization_servers, an array with at least one issuer URL.",
    spec=Spec("MCP 2025-11-25", "Authorization Server Location"),
    over=RESOURCE_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    if not texts(document.get("authorization_servers")):
        has = "authorization_servers" in document
        seen = shown(document["authorization_servers"]) if has else "no authorization_servers member"
        yield Seen(exchange, "body:/authorization_servers", "an array with an issuer URL", seen)


@rule(
    "authorization-servers-malformed",
    step="resource_metadata",
    level=SINCE_RESOURCE_METADATA,
    who=MCP_SERVER,
    summary="An entry of authorization_servers is no issuer identifier.",
    fix="List the issuer exactly as the authorization server publishes it: a URL without query and fragment, and not "
    "the URL of its metadata.",
    spec=Spec("RFC 8414", "2"),
    over=RESOURCE_DOCUMENT,
    explains=("server-metadata-missing", "issuer-mismatch", "unreachable", "endpoint-not-https", "unexpected-answer"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    for place, issuer in enumerate(texts(document.get("authorization_servers"))):
        part = f"body:/authorization_servers/{place}"
        if split(issuer) is None or "?" in issuer or "#" in issuer or "/.well-known/" in issuer:
            yield Seen(exchange, part, "an http(s) URL of an issuer", shown(issuer))
        elif issuer.lower().startswith("http:") and not is_loopback(issuer):
            summary = "An entry of authorization_servers is a plain http URL."
            yield Seen(exchange, part, "an https URL", shown(issuer), summary)


@rule(
    "header-tokens-unsupported",
    step="resource_metadata",
    level=SINCE_RESOURCE_METADATA,
    who=MCP_SERVER,
    summary="The metadata says that tokens are not accepted in the Authorization header, where MCP clients send them.",
    fix='Add "header" to bearer_methods_supported, or leave the member out.',
    spec=Spec("RFC 9728", "2"),
    over=RESOURCE_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    methods = document.get("bearer_methods_supported")
    if methods is not None and "header" not in texts(methods):
        yield Seen(exchange, "body:/bearer_methods_supported", '["header"]', shown(methods))
