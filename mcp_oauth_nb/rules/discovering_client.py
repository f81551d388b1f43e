"""Rules for the client that discovers: whether it does what the challenge and the metadata tell it.

They judge the client whose requests were captured, be it this one or a foreign one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import (
    resource_metadata_candidates,
    same_origin,
    split,
)
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.challenge_parameters import bearers
from mcp_oauth_nb.rules.evidence import (
    at_least,
    authorization_request,
    named_metadata_url,
    resource_document,
    texts,
    without_token,
)
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import origin, quoted, shown

DISCOVERY = Spec("MCP 2025-11-25", "Protected Resource Metadata Discovery Requirements")


def _next_to_refusals(case: Case) -> list[tuple[Exchange, Exchange | None]]:
    """Each 401 to a request without a token, with what was sent next."""
    sent = case.exchanges("challenge")
    following = [*pairwise(sent), *((one, None) for one in sent[-1:])]
    plain = [pair for pair in following if pair[0].request.header("authorization") is None and pair[0].status == 401]
    return plain if at_least(case, "2025-06-18") else []


@rule(
    "challenge-ignored",
    step="challenge",
    level=MUST,
    who="client",
    summary="The client answered a 401 with the same request again, in place of asking for a token.",
    fix="Make the client read WWW-Authenticate of a 401 and begin the authorization.",
    spec=DISCOVERY,
    over=Selector(_next_to_refusals, "no request without a token was answered with 401"),
)
def _(case: Case, pair: tuple[Exchange, Exchange | None]) -> Iterator[Seen]:
    refused, then = pair
    if then is None or then.request.header("authorization") is not None:
        return
    sent, again = refused.request, then.request
    if (sent.method, sent.url, sent.body) == (again.method, again.url, again.body):
        yield Seen(then, "url", "a request for the metadata, or one with a token", "the refused request once more")


def _first_for_metadata(case: Case) -> list[Exchange]:
    asked = case.exchanges("resource_metadata")[:1]
    return list(asked) if without_token(case) and split(case.url) and at_least(case, "2025-06-18") else []


@rule(
    "metadata-request-misplaced",
    step="resource_metadata",
    level=MUST,
    who="client",
    summary="The client looked for the metadata at another URL than it had to try first.",
    fix="Make the client ask at the URL of the challenge; where it names none, at the well-known URL with the "
    "endpoint's path, and only then at the root.",
    spec=DISCOVERY,
    over=Selector(_first_for_metadata, "no metadata was asked for behind a request without a token"),
    explains=("resource-metadata-missing", "unreachable"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    asked, named = exchange.request.url, named_metadata_url(case)
    if named is not None:
        if asked != named and split(named) is not None:
            summary = (
                "The challenge names the metadata URL, but the client asked elsewhere, as if it could not read it."
            )
            fix = "Parse all challenges of all WWW-Authenticate lines by their grammar, and use resource_metadata."
            yield Seen(exchange, "url", shown(named), shown(asked), summary, fix, cause="challenge-unread")
        return
    urls = [one.url for one in resource_metadata_candidates(case.url)]
    if not same_origin(asked, case.url):
        summary = "The client looked for well-known metadata on another origin than the MCP server's."
        fix = "Derive discovery URLs from the MCP server's own URL; send them through a proxy only as requests."
        cause = "discovery-on-another-origin"
        yield Seen(exchange, "url", f"a URL on {split(case.url).origin}", origin(exchange), summary, fix, cause=cause)  # type: ignore[union-attr]
    elif asked != urls[0] and at_least(case, "2025-11-25"):
        yield Seen(exchange, "url", shown(urls[0]), shown(asked))


def _asked_of_servers(case: Case) -> list[Exchange]:
    """Requests for authorization server metadata, where it is known whose had to be asked for."""
    told = bool(_issuers(case)) or bool(named_metadata_url(case) and not case.exchanges("resource_metadata"))
    return list(case.exchanges("server_metadata")) if told and at_least(case, "2025-06-18") else []


def _issuers(case: Case) -> tuple[str, ...]:
    found = resource_document(case)
    return texts(found[1].get("authorization_servers")) if found else ()


@rule(
    "published-issuer-ignored",
    step="server_metadata",
    level=MUST,
    who="client",
    summary="The client asked for the metadata of an authorization server that the MCP server does not name.",
    fix="Read authorization_servers of the protected resource metadata, choose one of them, and build the URL from it.",
    spec=Spec("MCP 2025-11-25", "Authorization Server Location"),
    over=Selector(_asked_of_servers, "nobody was asked for metadata of an authorization server that is named"),
    explains=("server-metadata-missing", "issuer-mismatch", "unreachable"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    issuers = _issuers(case)
    if not issuers:
        summary = "The client never asked for the protected resource metadata that the challenge names."
        seen = shown(exchange.request.url)
        yield Seen(exchange, "url", shown(named_metadata_url(case)), seen, summary, cause="resource-metadata-skipped")
    elif not any(same_origin(exchange.request.url, issuer) for issuer in issuers):
        yield Seen(exchange, "url", f"a URL of {shown(list(issuers))}", shown(exchange.request.url))


def _refused_later(case: Case) -> list[tuple[Exchange, str, Exchange]]:
    """A 401 behind the token that names a metadata URL, and the authorization that the client began after it."""
    request = authorization_request(case)
    refused = [one for one in case.answered("mcp", "call") if one.status == 401]
    named = [(one, url) for one in refused for item in bearers(one) if (url := item.get("resource_metadata"))]
    return [(*pair, request) for pair in named[-1:] if request and request.id > pair[0].id]


@rule(
    "challenge-not-followed-up",
    step="authorize",
    level=SHOULD,
    who="client",
    summary="The client authorized anew after a fresh challenge without reading the metadata that it names.",
    fix="Make the client ask for the metadata again whenever a challenge names it: it may have changed.",
    spec=Spec("RFC 9728", "5.2"),
    over=Selector(_refused_later, "no authorization was begun after a challenge to a request with a token"),
)
def _(case: Case, piece: tuple[Exchange, str, Exchange]) -> Iterator[Seen]:
    refused, url, request = piece
    between = (one for one in case.exchanges("resource_metadata") if refused.id < one.id < request.id)
    if not any(one.request.url == url for one in between):
        yield Seen(request, "url", f"a request to {shown(url)} first", "an authorization request at once")


def _chosen(case: Case) -> list[tuple[str, Exchange, tuple[str, ...]]]:
    """The issuer that the user chose, with the document that lists those there are."""
    chosen, found = case.trace.settings.get("issuer chosen"), resource_document(case)
    if not chosen or found is None or "server_metadata" not in case.runs:
        return []
    return [(chosen, found[0], texts(found[1].get("authorization_servers")))]


@rule(
    "authorization-server-unlisted",
    step="server_metadata",
    level=MUST,
    who="user",
    summary="The authorization server that was chosen is none of those that the MCP server names.",
    fix="Choose one of those that are listed, spelled as it is there, or leave authorization_server out.",
    spec=Spec("RFC 9728", "7.6"),
    over=Selector(_chosen, "no authorization server was chosen among those of known resource metadata"),
)
def _(case: Case, piece: tuple[str, Exchange, tuple[str, ...]]) -> Iterator[Seen]:
    """Who is asked all the same is judged by what it answers."""
    chosen, exchange, listed = piece
    if chosen not in listed and not case.exchanges("server_metadata"):
        yield Seen(exchange, "body:/authorization_servers", quoted(chosen), shown(list(listed)))
