"""Rules for the client that looks for authorization server metadata and then uses it, be it this one or another."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import path_scoped_candidates, same_origin, server_metadata_candidates, split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    expected_issuer,
    form,
    is_at_idp,
    is_edited,
    oauth_error,
    resource_document,
    server_document,
    text,
    texts,
    without_nonces,
)
from mcp_oauth_nb.rules.rule import MAY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import capped, shown

DISCOVERY = Spec("MCP 2025-11-25", "Authorization Server Metadata Discovery")
OLDEST = "2025-03-26"
DEFAULTS = {"authorize": "/authorize", "token": "/token", "register": "/register"}
"""Where MCP 2025-03-26 lets a client assume the endpoints where there is no metadata."""
MEMBER = {"authorize": "authorization_endpoint", "register": "registration_endpoint"}


def _issuers(case: Case) -> tuple[str, ...]:
    """The issuers among which the client chooses, the one it has to take first where none was chosen."""
    first, found = expected_issuer(case), resource_document(case)
    others = texts(found[1].get("authorization_servers")) if found and case.version != OLDEST else ()
    return tuple(one for one in dict.fromkeys((first or "", *others)) if split(one) is not None)


def _asked_for(case: Case) -> list[tuple[str, tuple[Exchange, ...]]]:
    """What was asked of an authorization server that the client was told of, with its issuer."""
    asked = case.exchanges("server_metadata")
    if not asked or case.version not in PROFILES:
        return []
    there = [one for one in _issuers(case) if same_origin(one, asked[0].request.url)]
    chosen = next((one for one in there if asked[0].request.url in _usual(case, one)), next(iter(there), None))
    return [(chosen, asked)] if chosen else []


def _usual(case: Case, issuer: str) -> list[str]:
    kinds = PROFILES[case.version].server_metadata_kinds
    return [one.url for one in server_metadata_candidates(issuer) if one.kind in kinds]


@rule(
    "server-metadata-misplaced",
    step="server_metadata",
    level=MUST,
    who="client",
    summary="The client looked for the authorization server metadata at a URL where its protocol version does not.",
    fix="Make the client insert the well-known name between the issuer's host and path, and try the URLs in the order "
    "that MCP gives.",
    spec=DISCOVERY,
    over=Selector(_asked_for, "no metadata of an authorization server that is known was asked for yet"),
    explains=("server-metadata-missing", "issuer-mismatch"),
)
def _(case: Case, piece: tuple[str, tuple[Exchange, ...]]) -> Iterator[Seen]:
    """Under the MCP server's path a document is looked for by those only who were told to: another rule tells."""
    issuer, asked = piece
    usual = _usual(case, issuer)
    allowed = [*usual, *(one.url for one in path_scoped_candidates(issuer, case.url))]
    last = -1
    for one in asked:
        url = one.request.url
        if url not in allowed:
            yield Seen(one, "url", capped(" or ".join(usual)), capped(url), who=_editor(one))
            return
        place = allowed.index(url)
        if last + 1 < place < len(usual):
            skipped = allowed[last + 1]
            summary = "The client left out a metadata URL that comes before the one it asked for."
            yield Seen(one, "url", capped(f"{skipped} first"), capped(url), summary, who=_editor(one))
            return
        last = max(last, place)


def _editor(exchange: Exchange) -> Who:
    return "user" if exchange.edited else "client"


@rule(
    "metadata-version-unsaid",
    step="server_metadata",
    level={OLDEST: SHOULD, "2025-06-18": MAY},
    who="client",
    summary="The client asked for metadata without saying its protocol version.",
    fix="Send MCP-Protocol-Version with requests for metadata.",
    spec=Spec("MCP 2025-03-26", "Authorization Server Metadata Discovery"),
    over=Selector(
        lambda case: list(case.exchanges("server_metadata")) if case.version == OLDEST else [],
        "no metadata was asked for under MCP 2025-03-26, the one version in which requests say it",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.request.header("mcp-protocol-version") is None:
        yield Seen(exchange, "url", "a request with MCP-Protocol-Version", "none", who=_editor(exchange))


def _without_query(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _to_endpoints(case: Case) -> list[tuple[str, Exchange]]:
    """The requests of this client to endpoints that it knows from metadata, each with its step."""
    opened = authorization_request(case)
    registered = [("register", one) for one in case.exchanges("register") if one.direction == "out"]
    return [*registered, *([("authorize", opened)] if opened else [])]


def _by_metadata(case: Case) -> list[tuple[str, Exchange, Found]]:
    found = server_document(case)
    return [(step, one, found) for step, one in _to_endpoints(case)] if found else []


@rule(
    "endpoint-not-published",
    step="authorize",
    level=MUST,
    who="client",
    summary="The client used another endpoint than the one in the metadata.",
    fix="Make the client take every endpoint from the metadata that it read, and guess none.",
    spec=DISCOVERY,
    over=Selector(_by_metadata, "no endpoint was used for which there is metadata"),
    explains=("registration-refused", "authorization-page", "unreachable"),
)
def _(case: Case, piece: tuple[str, Exchange, Found]) -> Iterator[Seen]:
    step, exchange, (_, document) = piece
    published = text(document.get(MEMBER[step]))
    used = _without_query(exchange.request.url)
    known = {_without_query(text(one.get(MEMBER[step])) or "") for _, one in case.documents("server_metadata")}
    if used not in known:
        seen = shown(published) if published else f"no {MEMBER[step]} in the metadata"
        yield Seen(exchange, "url", seen, capped(used), who=_editor(exchange), step=step)


def _without_metadata(case: Case) -> list[tuple[str, Exchange]]:
    """Requests to endpoints of an authorization server whose metadata was never read.

    What was recorded from the middle on does not show what was read before.
    """
    looked = case.exchanges("challenge", "resource_metadata", "server_metadata")
    if any(case.documents("server_metadata")) or case.version not in PROFILES or not looked:
        return []
    return _to_endpoints(case)


@rule(
    "endpoint-guessed",
    step="register",
    level=MUST,
    who="client",
    summary="The client guessed an endpoint although it found no metadata that names one.",
    fix="Make the client stop and say that there is no metadata; the server has to publish it.",
    spec=DISCOVERY,
    over=Selector(_without_metadata, "no endpoint was used without metadata"),
    explains=("registration-refused", "authorization-page", "unreachable"),
)
def _(case: Case, piece: tuple[str, Exchange]) -> Iterator[Seen]:
    """The first version names default endpoints for this case, to be used once the metadata was asked for."""
    step, exchange = piece
    used, origin = _without_query(exchange.request.url), expected_issuer(case) or ""
    if case.version == OLDEST:
        earlier = any(one.id < exchange.id for one in case.exchanges("server_metadata"))
        if earlier and used == origin + DEFAULTS[step]:
            return
        wanted = f"{origin}{DEFAULTS[step]}, after the metadata was asked for"
    else:
        wanted = f"a {MEMBER[step]} of metadata"
    yield Seen(exchange, "url", capped(wanted), capped(used), who=_editor(exchange), step=step)


def _authenticated(case: Case) -> list[tuple[Exchange, str, Found]]:
    """Token requests with the way in which each authenticates, where the metadata says which there are."""
    found = server_document(case)
    if not found or "token_endpoint" not in found[1]:
        return []
    sent = [one for one in case.exchanges("token") if one.request.method == "POST" and not is_at_idp(one)]
    return [(one, _method(one), found) for one in without_nonces(case, sent)]


def _registered(case: Case) -> set[str | None]:
    """The ways to authenticate that the authorization server gave this client itself."""
    return {text((one.document or {}).get("token_endpoint_auth_method")) for one in case.answered("register")}


def _method(exchange: Exchange) -> str:
    sent = form(exchange)
    if (exchange.request.header("authorization") or "").lower().startswith("basic "):
        return "client_secret_basic"
    if sent.get("client_assertion"):
        return "private_key_jwt"
    return "client_secret_post" if sent.get("client_secret") else "none"


@rule(
    "client-method-unlisted",
    step="token",
    level=SHOULD,
    who="client",
    summary="The client authenticates in a way that the metadata does not list.",
    fix="Authenticate in a way that token_endpoint_auth_methods_supported lists, or have the server list this one.",
    spec=Spec("RFC 8414", "2"),
    over=Selector(_authenticated, "no token request was made for which there is metadata"),
    explains=("token-refused",),
)
def _(case: Case, piece: tuple[Exchange, str, Found]) -> Iterator[Seen]:
    """A public client that is served although the list leaves it out shows that the list is short, not the client.

    Without a list there is client_secret_basic alone; that a public client may come all the same is widespread.
    """
    exchange, used, (shown_by, document) = piece
    name = "token_endpoint_auth_methods_supported"
    if (name not in document and used == "none") or (document.get(name) is None and used == "client_secret_basic"):
        return
    if used in _registered(case) or exchange.status == 200:
        return
    listed = texts(document.get(name))
    if used == "private_key_jwt" and "client_secret_jwt" in listed:
        return
    if used not in listed:
        seen = shown(document[name]) if name in document else f"no {name}"
        summary = f"The client authenticates with {used}, which the metadata does not list."
        about_client = oauth_error(exchange) in ("invalid_client", "unauthorized_client")
        yield Seen(
            shown_by,
            f"body:/{name}",
            expected=f'a list with "{used}"',
            observed=seen,
            summary=summary,
            who=_sender(exchange),
            step="token",
            explains=None if about_client else (),
        )


def _sender(exchange: Exchange) -> Who:
    names = ("authorization", "client_secret", "client_assertion", "client_id")
    return "user" if any(is_edited(exchange, name) for name in names) else "client"
