"""Rules for the client that registers, and for what it does with the client id: this one's requests or another's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mcp_oauth_nb.protocol.client_document import application_type
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import (
    Members,
    authorization_request,
    form,
    is_at_idp,
    is_edited,
    query,
    sent_json,
    server_document,
    text,
    texts,
    uses_code,
)
from mcp_oauth_nb.rules.rule import MAY, MUST, SHOULD, Case, Seen, Selector, rule, since
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import quoted, shown

APPROACHES = Spec("MCP 2025-11-25", "Client Registration Approaches")


def registrations(case: Case) -> list[Exchange]:
    """The requests of this client to be registered."""
    return [one for one in case.exchanges("register") if one.direction == "out"]


REQUESTS = Selector(registrations, "no registration was asked for yet")


def sender(exchange: Exchange, *names: str) -> Who:
    """Who chose these members of a request: the user who edited them, or the client."""
    return "user" if any(is_edited(exchange, name) for name in names) else "client"


@rule(
    "registration-malformed",
    step="register",
    level=MUST,
    who="client",
    summary="The registration is not asked for in the form that it must have.",
    fix="POST one JSON object with redirect_uris as application/json.",
    spec=Spec("RFC 7591", "3.1"),
    over=REQUESTS,
    explains=("registration-refused", "registration-answer-invalid"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    media_type = (exchange.request.header("content-type") or "").partition(";")[0].strip().lower()
    if exchange.request.method != "POST":
        yield Seen(exchange, "url", "a POST", exchange.request.method)
    elif media_type != "application/json":
        who = sender(exchange, "content-type")
        yield Seen(exchange, "header:Content-Type", "application/json", media_type or "no Content-Type", who=who)
    elif not isinstance(exchange.request.parsed.value, dict):
        yield Seen(exchange, "body:", "one JSON object", "something else")
    elif uses_code(case) and not texts(sent_json(exchange).get("redirect_uris")):
        who = sender(exchange, "redirect_uris")
        yield Seen(exchange, "body:/redirect_uris", "at least one redirect URI", "none", who=who)


@rule(
    "application-type-unfit",
    step="register",
    level=since("2026-07-28", SHOULD, before=MAY),
    who="client",
    summary="The application_type does not fit the redirect URIs.",
    fix='Send "native" for redirects to this machine or to an app, and "web" for https pages elsewhere.',
    spec=Spec("MCP 2026-07-28", "Application Type and Redirect URI Constraints"),
    over=Selector(
        lambda case: [one for one in registrations(case) if sent_json(one).get("application_type") is not None],
        "no registration with an application_type was asked for yet",
    ),
    explains=("registration-refused",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    sent = sent_json(exchange)
    uris = texts(sent.get("redirect_uris"))
    fitting = application_type(uris)
    mixed = len({application_type((uri,)) for uri in uris}) > 1
    if uris and not mixed and sent.get("application_type") != fitting:
        who = sender(exchange, "application_type", "redirect_uris")
        yield Seen(exchange, "body:/application_type", quoted(fitting), shown(sent["application_type"]), who=who)


def _refreshing(case: Case) -> list[tuple[Exchange, str]]:
    """Registrations of a client that then shows that it wants refresh tokens, each with how it shows."""
    asked = authorization_request(case)
    wants = "scope=offline_access" if asked and "offline_access" in query(asked).get("scope", "").split() else ""
    refreshed = any(form(one).get("grant_type") == "refresh_token" for one in case.exchanges("refresh"))
    wants = wants or ("a refresh" if refreshed else "")
    return [(one, wants) for one in registrations(case)] if wants else []


@rule(
    "refresh-grant-unnamed",
    step="register",
    level=since("2026-07-28", SHOULD, before=MAY),
    who="client",
    summary="The client wants refresh tokens, but did not register the grant for them.",
    fix='Register with "grant_types": ["authorization_code", "refresh_token"].',
    spec=Spec("RFC 7591", "2"),
    over=Selector(_refreshing, "no client that was registered here asked for or used a refresh token"),
    explains=("refresh-refused", "refresh-token-missing"),
)
def _(case: Case, piece: tuple[Exchange, str]) -> Iterator[Seen]:
    """Left out, grant_types stand for the authorization code alone (RFC 7591 2); none is missed that is not offered."""
    found = server_document(case)
    offered = texts(found[1].get("grant_types_supported")) if found else ()
    if offered and "refresh_token" not in offered:
        return
    exchange, wants = piece
    grants = sent_json(exchange).get("grant_types")
    if "refresh_token" not in texts(grants):
        who = sender(exchange, "grant_types")
        seen = f"{shown(grants) if grants is not None else 'no grant_types'}, then {wants}"
        yield Seen(exchange, "body:/grant_types", 'a list with "refresh_token"', seen, who=who)


def _begun(case: Case) -> list[Exchange]:
    """What shows how this client came to its client id: its registrations, else its authorization request."""
    asked = authorization_request(case)
    return registrations(case)[:1] or ([asked] if asked else [])


@rule(
    "given-client-unused",
    step="register",
    level=SHOULD,
    who="client",
    summary="A client id is configured, but the client registers itself anew.",
    fix="Use the configured client id first, on every way to the authorization, and register only where there is none.",
    spec=APPROACHES,
    over=Selector(
        lambda case: _begun(case) if case.trace.settings.get("client_id") else [],
        "nothing was registered or authorized yet with a client that was given",
    ),
    explains=("registration-refused", "registration-answer-invalid"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.step == "register":
        given = quoted(case.trace.settings.get("client_id") or "", 60)
        yield Seen(exchange, "url", f"no registration: client_id {given} is given", "a registration request")


def _with_document(case: Case) -> list[tuple[Exchange, str]]:
    """How a client began that has a metadata document, where the server reads those."""
    url, found = case.trace.settings.get("client_metadata_url"), server_document(case)
    announced = found and found[1].get("client_id_metadata_document_supported") is True
    given = case.trace.settings.get("client_id")
    return [(one, url) for one in _begun(case)] if url and announced and not given else []


@rule(
    "client-document-unused",
    step="register",
    level=since("2025-11-25", SHOULD, before=MAY),
    who="client",
    summary="The client registers itself although it has a metadata document and the server reads those.",
    fix="Send the URL of the document as client_id where client_id_metadata_document_supported is true.",
    spec=APPROACHES,
    over=Selector(_with_document, "no client with a metadata document began at a server that reads those"),
)
def _(case: Case, piece: tuple[Exchange, str]) -> Iterator[Seen]:
    if piece[0].step == "register":
        yield Seen(piece[0], "url", f"client_id={quoted(piece[1])}", "a registration request")


def _documents(case: Case) -> list[Members]:
    """Every authorization server document of the trace, older runs included."""
    found = (one for one in case.trace.exchanges if one.step == "server_metadata" and one.status == 200)
    return [one.document for one in found if one.document is not None]


def _by_endpoint(documents: list[Members], member: str) -> Mapping[str, set[str]]:
    """The issuers by an endpoint that their documents name."""
    issuers: dict[str, set[str]] = {}
    for document in documents:
        endpoint, issuer = text(document.get(member)), text(document.get("issuer"))
        if endpoint and issuer:
            issuers.setdefault(endpoint.partition("?")[0], set()).add(issuer)
    return issuers


Shown = tuple[Exchange, str, set[str], set[str]]


def _shown_to(case: Case) -> list[Shown]:
    """Requests that show a client id which a server gave out: with those who gave it, and those who are asked."""
    documents = case.once(_documents)
    givers, given = _by_endpoint(documents, "registration_endpoint"), dict[str, set[str]]()
    asked = {
        "authorize": _by_endpoint(documents, "authorization_endpoint"),
        "token": _by_endpoint(documents, "token_endpoint"),
    }
    found: list[Shown] = []
    for one in case.trace.exchanges:
        if one.step == "register" and one.status in (200, 201):
            client_id = text((one.document or {}).get("client_id"))
            if client_id and (known := givers.get(one.request.url.partition("?")[0])):
                given[client_id] = known
        elif given and one.step in asked and one.direction == "out" and not is_at_idp(one):
            client_id = (query(one) if one.step == "authorize" else form(one)).get("client_id", "")
            issuers = asked[one.step].get(one.request.url.partition("?")[0])
            if client_id in given and split(client_id) is None and issuers:
                found.append((one, client_id, given[client_id], issuers))
    return found


@rule(
    "client-of-another-server",
    step="authorize",
    level=since("2026-07-28"),
    who="client",
    summary="The client shows one authorization server the client id that another one gave it.",
    fix="Keep client ids by the issuer that gave them, and register anew where the MCP server names another issuer.",
    spec=Spec("MCP 2026-07-28", "Client Registration Approaches"),
    over=Selector(_shown_to, "no client id of a registration was shown to a server whose metadata is known"),
    explains=("authorization-page", "authorization-error", "token-refused"),
)
def _(case: Case, piece: Shown) -> Iterator[Seen]:
    exchange, client_id, givers, asked = piece
    if givers & asked:
        return
    who = sender(exchange, "client_id")
    yield Seen(
        exchange,
        "url",
        expected=f"a client id that {quoted(min(asked))} gave out",
        observed=f"{quoted(client_id, 60)}, given out by {quoted(min(givers))}",
        who=who,
        step=exchange.step,
    )
