"""Rules for the client ID metadata document, as the probe found it (draft-ietf-oauth-client-id-metadata-document)."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.client_document import MOST_BYTES, Kind, is_same_redirect, problems
from mcp_oauth_nb.protocol.probes import CLIENT_DOCUMENT
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import (
    answered,
    authorization_request,
    documents,
    is_edited,
    query,
    redirect,
    server_document,
    text,
    texts,
)
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import came, fix_for, shown

ANSWERED = answered(CLIENT_DOCUMENT, missing="no client ID metadata document was asked for yet")
DOCUMENT = documents(CLIENT_DOCUMENT, missing="no client ID metadata document was found")
REFUSED = ("authorization-page", "authorization-error")
"""How it shows that an authorization server did not take the document."""


def _found(case: Case, found: Found, *kinds: Kind) -> Iterator[Seen]:
    """What is wrong with the document, of these kinds."""
    exchange, document = found
    for one in problems(document, exchange.request.url, case.trace.settings.get("redirect_uri")):
        if one.kind in kinds:
            yield Seen(exchange, one.part, one.expected, one.observed, level=one.level)


@rule(
    "client-document-missing",
    step=CLIENT_DOCUMENT,
    level=MUST,
    who="client",
    summary="No client ID metadata document was found at the URL that is the client id.",
    fix="Publish the document at this very URL, for everybody and without a redirect.",
    spec=Spec("CIMD", "4"),
    over=ANSWERED,
    explains=REFUSED,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 200 or exchange.document is None:
        part = "status" if exchange.status != 200 else "body:"
        fix = fix_for(exchange, "the client ID metadata document")
        yield Seen(exchange, part, "200 with a JSON object", came(exchange), fix=fix)


@rule(
    "client-document-media-type",
    step=CLIENT_DOCUMENT,
    level=SHOULD,
    who="client",
    summary="The client ID metadata document is not served as JSON.",
    fix="Send Content-Type: application/json with the document.",
    spec=Spec("CIMD", "4"),
    over=DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    media_type = found[0].response.media_type if found[0].response else ""
    if media_type != "application/json" and not media_type.endswith("+json"):
        yield Seen(found[0], "header:Content-Type", "application/json", media_type or "no Content-Type")


@rule(
    "client-document-url",
    step=CLIENT_DOCUMENT,
    level=MUST,
    who="client",
    summary="The URL of the client ID metadata document cannot be a client id.",
    fix="Publish the document at an https URL with a path, without dot segments, user name, fragment and query.",
    spec=Spec("CIMD", "3"),
    over=ANSWERED,
    explains=REFUSED,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    yield from _found(case, (exchange, exchange.document or {}), "url")


@rule(
    "client-document-id",
    step=CLIENT_DOCUMENT,
    level=MUST,
    who="client",
    summary="The client_id in the document is not the URL that the document stands at.",
    fix="Write the URL of the document into client_id, letter by letter.",
    spec=Spec("CIMD", "4.1"),
    over=DOCUMENT,
    explains=REFUSED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    yield from _found(case, found, "client_id")


@rule(
    "client-document-incomplete",
    step=CLIENT_DOCUMENT,
    level=MUST,
    who="client",
    summary="The client ID metadata document lacks a member that must be there.",
    fix="Write client_id, client_name and redirect_uris into the document, and the keys of a client that has one.",
    spec=Spec("MCP 2025-11-25", "Client ID Metadata Documents"),
    over=DOCUMENT,
    explains=REFUSED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    yield from _found(case, found, "members", "keys")


@rule(
    "client-document-redirect",
    step=CLIENT_DOCUMENT,
    level=MUST,
    who="client",
    summary="The redirect URI in use is not among those of the client ID metadata document.",
    fix="List the redirect URI in redirect_uris letter by letter; on loopback only the port may differ.",
    spec=Spec("MCP 2025-11-25", "Client ID Metadata Documents"),
    over=DOCUMENT,
    explains=REFUSED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    yield from _found(case, found, "redirect_uri")


@rule(
    "client-document-secret",
    step=CLIENT_DOCUMENT,
    level=MUST,
    who="client",
    summary="The client ID metadata document holds a secret, or a way to authenticate that needs one.",
    fix="Take it out, and replace the secret: everybody could read it. Use none, or private_key_jwt with public keys.",
    spec=Spec("CIMD", "4.1"),
    over=DOCUMENT,
    explains=REFUSED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    yield from _found(case, found, "secret")


@rule(
    "client-document-size",
    step=CLIENT_DOCUMENT,
    level=SHOULD,
    who="client",
    summary="The client ID metadata document is so large that authorization servers may refuse to read it.",
    fix="Keep the document under 5 kB: give logos and keys by their URLs.",
    spec=Spec("CIMD", "6.6"),
    over=DOCUMENT,
    explains=REFUSED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    size = len(found[0].response.body) if found[0].response else 0
    if size > MOST_BYTES:
        yield Seen(found[0], "body:", f"at most {MOST_BYTES} bytes", f"{size} bytes")


def _by_url(case: Case) -> list[Exchange]:
    """The authorization request of a client that is known by a URL, where the server's metadata is known."""
    asked = authorization_request(case)
    known = asked is not None and split(query(asked).get("client_id", "")) and server_document(case)
    return [asked] if asked is not None and known else []


@rule(
    "client-document-unannounced",
    step="authorize",
    level=SHOULD,
    who="client",
    summary="The client id is the URL of a metadata document, but the server does not say that it reads those.",
    fix="Register in another way, or have the server announce client_id_metadata_document_supported where it does.",
    spec=Spec("MCP 2025-11-25", "Client ID Metadata Documents"),
    over=Selector(_by_url, "no authorization request with a URL as client_id was made yet"),
    explains=REFUSED,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    found = server_document(case)
    name = "client_id_metadata_document_supported"
    if found and found[1].get(name) is not True:
        seen = shown(found[1][name]) if name in found[1] else f"no {name}"
        who: Who = "user" if is_edited(exchange, "client_id") else "client"
        yield Seen(found[0], f"body:/{name}", "true", seen, who=who, step="authorize")


def _faulty(case: Case) -> list[tuple[Exchange, str]]:
    """Authorization requests by a document that does not fit them, and that were answered; each with what is wrong."""
    asked, found = authorization_request(case), next(iter(case.documents(CLIENT_DOCUMENT)), None)
    sent = query(asked) if asked else {}
    if asked is None or found is None or sent.get("client_id") != found[0].request.url:
        return []
    listed, used = texts(found[1].get("redirect_uris")), sent.get("redirect_uri")
    wrong = [name for name in ("client_id", "client_name") if not text(found[1].get(name))]
    wrong += ["client_id"] if found[1].get("client_id") not in (None, sent["client_id"]) else []
    wrong += ["redirect_uris"] if used and not any(is_same_redirect(one, used) for one in listed) else []
    answers = redirect(case) or next((one for one in case.answered("authorize", "callback") if one.status), None)
    return [(answers, ", ".join(dict.fromkeys(wrong)))] if answers and wrong else []


@rule(
    "client-document-unchecked",
    step="callback",
    level=MUST,
    who="authorization server",
    summary="The authorization server gave out a code for a client ID metadata document that does not hold.",
    fix="Check that client_id in the document is its URL, that the members which must be there are, and that "
    "redirect_uri is listed; refuse without a redirect where not.",
    spec=Spec("MCP 2025-11-25", "Client ID Metadata Documents"),
    over=Selector(_faulty, "no authorization was asked for with a metadata document that does not fit it"),
)
def _(case: Case, piece: tuple[Exchange, str]) -> Iterator[Seen]:
    exchange, wrong = piece
    if exchange.direction == "in" and query(exchange).get("code"):
        yield Seen(exchange, "url", "an error page", f"a code, though wrong in the document: {wrong}")
