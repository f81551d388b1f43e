"""Rules for what an authorization request asks for: which resource, and which scopes."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.authorization_request import refused_for
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    challenges,
    query,
    redirect,
    resource_document,
    server_document,
    text,
    texts,
    without_token,
)
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, quoted

RESOURCE = Spec("MCP 2025-11-25", "Resource Parameter Implementation")
OFFLINE = "offline_access"


def _naming(case: Case) -> list[Exchange]:
    one = authorization_request(case)
    return [one] if one is not None and query(one).get("resource") else []


NAMING_RESOURCE = Selector(_naming, "no authorization request with a resource was made yet")


def published_resource(case: Case) -> str:
    """What resource must be: that of the metadata, else the URL of the MCP server."""
    found = resource_document(case)
    return (text(found[1].get("resource")) if found else None) or case.url


def _chosen(case: Case, exchange: Exchange, name: str) -> Who:
    """Who is behind a value: the user who edited the request or set it, else the client."""
    return "user" if case.trace.settings.get(name) == query(exchange).get(name) else sender(exchange, name)


def _after_wrong_resource(case: Case) -> tuple[str, ...]:
    later = ("token-refused", "token-audience", "token-rejected")
    return (*refused_for(case, "invalid_target", "invalid_request"), *later)


@rule(
    "resource-sent-wrong",
    step="authorize",
    level=MUST,
    who="client",
    summary="The authorization request asks for a token for something else than this MCP server.",
    fix="Send the resource of the protected resource metadata, letter by letter.",
    spec=RESOURCE,
    over=NAMING_RESOURCE,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    sent, wanted = query(exchange)["resource"], published_resource(case)
    if sent == wanted:
        return
    absolute = split(sent) is not None and "#" not in sent
    if absolute and resource_match(sent, wanted, wanted) in ("same", "spelling"):
        return
    summary = "" if absolute else "The resource in the authorization request is no absolute URI without a fragment."
    who = _chosen(case, exchange, "resource")
    explains = _after_wrong_resource(case)
    yield Seen(exchange, "url", quoted(wanted), quoted(sent), summary, who=who, explains=explains)


@rule(
    "resource-sent-spelling",
    step="authorize",
    level=SHOULD,
    who="client",
    summary="The resource in the authorization request is spelled otherwise than the server publishes it.",
    fix="Send the resource of the protected resource metadata, letter by letter: a slash or a capital letter counts.",
    spec=Spec("MCP 2025-11-25", "Canonical Server URI"),
    over=NAMING_RESOURCE,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    sent, wanted = query(exchange)["resource"], published_resource(case)
    if sent != wanted and resource_match(sent, wanted, wanted) == "spelling":
        who = _chosen(case, exchange, "resource")
        yield Seen(exchange, "url", quoted(wanted), quoted(sent), who=who, explains=_after_wrong_resource(case))


@rule(
    "unknown-resource-error",
    step="callback",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="A resource that the authorization server does not know is refused with another error than invalid_target.",
    fix="Answer a request for an unknown resource with error=invalid_target.",
    spec=Spec("RFC 8707", "2"),
    over=Selector(
        lambda case: [one] if (one := redirect(case)) and "error" in query(one) and _asked_for_other(case) else [],
        "no request for a resource that is not this server's was refused",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    error = query(exchange)["error"]
    if error in ("invalid_request", "server_error"):
        yield Seen(exchange, "url", "error=invalid_target", f"error={quoted(error, 60)}")


def _asked_for_other(case: Case) -> bool:
    wanted = published_resource(case)
    return any(resource_match(query(one)["resource"], wanted, wanted) == "other" for one in _naming(case))


# --- scopes -----------------------------------------------------------------------------------------------------------


def asked_scopes(case: Case) -> frozenset[str]:
    """The scopes of the authorization request."""
    asked = authorization_request(case)
    return frozenset(query(asked).get("scope", "").split()) if asked else frozenset()


def challenged_scopes(case: Case) -> frozenset[str]:
    """The scopes that the first challenge names."""
    exchange = without_token(case)
    bearer = challenges(exchange).bearer() if exchange else None
    return frozenset((bearer.get("scope") or "").split()) if bearer else frozenset()


def listed_scopes(case: Case) -> frozenset[str]:
    """The scopes that the protected resource metadata lists."""
    found = resource_document(case)
    return frozenset(texts(found[1].get("scopes_supported"))) if found else frozenset()


def server_scopes(case: Case) -> frozenset[str]:
    """The scopes that the authorization server lists; empty where it lists none."""
    found = server_document(case)
    return frozenset(texts(found[1].get("scopes_supported"))) if found else frozenset()


def _stepped_up(case: Case) -> bool:
    """Whether the MCP server asked for more later on: then the request is for that."""
    return any(one.status == 403 and challenges(one).bearer() for one in case.trace.exchanges)


def _asking(case: Case) -> list[Exchange]:
    one = authorization_request(case)
    return [one] if one is not None and case.answered("challenge") and not _stepped_up(case) else []


@rule(
    "scope-selection",
    step="authorize",
    level=SHOULD,
    who="client",
    summary="The authorization request asks for other scopes than the MCP server names.",
    fix="Ask for the scope of the challenge, else for all of scopes_supported in the protected resource metadata, else "
    "leave scope out.",
    spec=Spec("MCP 2025-11-25", "Scope Selection Strategy"),
    over=Selector(_asking, "no authorization request was made after a challenge yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    asked = asked_scopes(case)
    expected = challenged_scopes(case) or listed_scopes(case)
    extra, lacking = asked - expected, expected - asked
    if OFFLINE in server_scopes(case):
        extra -= {OFFLINE}
    if case.trace.settings.get("scope") and not refused_for(case, "invalid_scope"):
        extra = frozenset()  # what the user wants beside is a choice, and no mistake until it is refused
    if extra or lacking:
        wanted = quoted(" ".join(sorted(expected))) if expected else "no scope"
        seen = "; ".join(
            f"{word} {quoted(' '.join(sorted(names)))}" for word, names in (("also", extra), ("not", lacking)) if names
        )
        who, explains = _chosen(case, exchange, "scope"), refused_for(case, "invalid_scope") if extra else ()
        later = ("insufficient-scope",) if lacking else ()
        unlisted = lacking and listed_scopes(case) and not lacking & listed_scopes(case)
        cause = "scope-struck-out" if unlisted and lacking <= challenged_scopes(case) else ""
        yield Seen(exchange, "url", wanted, seen, who=who, explains=(*explains, *later), cause=cause)
