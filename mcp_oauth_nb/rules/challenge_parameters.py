"""Rules for the parameters of a challenge: what they name, how they are written, who can read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from mcp_oauth_nb.protocol.challenge import Challenge
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import same_origin, split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import BEARER_CHALLENGED, CHALLENGED, at_least, challenges
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import MCP_SERVER, origin, quoted, shown

HEADER = "header:WWW-Authenticate"
ONCE = ("realm", "scope", "error", "error_description", "error_uri")
"""Parameters that RFC 6750 allows once in a challenge."""
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_WORDS = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")
_GRAMMAR = {
    "scope": _SCOPE,
    "error": _WORDS,
    "error_description": _WORDS,
    "error_uri": re.compile(r"[\x21\x23-\x5b\x5d-\x7e]*"),
}
"""The characters of RFC 6750 3, by parameter."""


def bearers(exchange: Exchange) -> list[Challenge]:
    """The challenges of an answer that ask for an access token."""
    return [item for item in challenges(exchange).items if item.scheme.lower() in ("bearer", "dpop")]


def _refusals(case: Case) -> list[Exchange]:
    return [one for one in case.answered() if one.status in (401, 403) and bearers(one)]


EVERY_CHALLENGE = Selector(lambda case: case.once(_refusals), "no Bearer challenge was received yet")


def only(over: Selector, holds: Callable[[Case], bool], missing: str) -> Selector:
    """The same evidence, where the protocol version in force knows the duty."""
    return Selector(lambda case: over.pick(case) if holds(case) else (), missing)


@rule(
    "challenge-metadata-foreign",
    step="challenge",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The challenge names a metadata URL on another origin than the MCP server's.",
    fix="Build resource_metadata from the public URL of the MCP server, with its scheme, host and port.",
    spec=Spec("RFC 9728", "7.7"),
    over=BEARER_CHALLENGED,
    explains=("unreachable", "resource-not-https", "resource-metadata-missing", "resource-mismatch"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    bearer = challenges(exchange).bearer()
    named = bearer.get("resource_metadata") if bearer else None
    if named and split(named) is not None and not same_origin(named, exchange.request.url):
        yield Seen(exchange, HEADER, f"a URL that begins with {origin(exchange)}", shown(named))


@rule(
    "challenge-parameter-repeated",
    step=ANY,
    level=MUST,
    who=MCP_SERVER,
    summary="A challenge gives the same parameter twice, so that clients read different values.",
    fix="Send each of realm, scope, error, error_description and error_uri once in a challenge.",
    spec=Spec("RFC 6750", "3"),
    over=EVERY_CHALLENGE,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    for item in bearers(exchange):
        names = [name for name, _ in item.parameters]
        repeated = [name for name in ONCE if names.count(name) > 1]
        if repeated:
            yield Seen(exchange, HEADER, "each parameter once", f"{', '.join(repeated)} more than once")


@rule(
    "challenge-characters",
    step=ANY,
    level=SHOULD,
    who=MCP_SERVER,
    summary="A parameter of the challenge holds characters that it must not hold.",
    fix="Write scope and the error parameters in visible ASCII without quotes and backslashes.",
    spec=Spec("RFC 6750", "3"),
    over=EVERY_CHALLENGE,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    for name, value in (pair for item in bearers(exchange) for pair in item.parameters):
        grammar = _GRAMMAR.get(name)
        if grammar is None or not value or grammar.fullmatch(value):
            continue
        controls = sorted({f"U+{ord(one):04X}" for one in value if ord(one) < 32 or ord(one) == 127})
        yield Seen(
            exchange,
            HEADER,
            expected=f"{name} of the permitted characters",
            observed=f"{name} with {', '.join(controls[:8])}" if controls else f"{name}={quoted(value, 100)}",
            summary="A parameter of the challenge holds control characters, as injected text does." if controls else "",
            level=MUST if controls else SHOULD,
        )


@rule(
    "challenge-offline-access",
    step=ANY,
    level=SHOULD,
    who=MCP_SERVER,
    summary="The challenge asks for offline_access, which no request to the MCP server needs.",
    fix="Take offline_access out of the challenge's scope: refresh tokens are for client and authorization server "
    "to settle.",
    spec=Spec("MCP 2026-07-28", "Refresh Tokens"),
    over=only(
        EVERY_CHALLENGE,
        lambda case: at_least(case, "2026-07-28"),
        "no Bearer challenge was received under a protocol version that speaks of offline_access",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if any("offline_access" in (item.get("scope") or "").split() for item in bearers(exchange)):
        yield Seen(exchange, HEADER, "a scope without offline_access", "offline_access in the scope")


@rule(
    "challenge-not-exposed",
    step="challenge",
    level=SHOULD,
    who=MCP_SERVER,
    summary="A client in a browser cannot read the challenge: the 401 does not share it across origins.",
    fix="Send Access-Control-Allow-Origin on the 401 too, and Access-Control-Expose-Headers with WWW-Authenticate "
    "and Mcp-Session-Id: put the CORS layer in front of the token check.",
    spec=Spec("RFC 9728", "5.1"),
    over=Selector(
        lambda case: [one for one in CHALLENGED.pick(case) if one.request.header("origin")],
        "no request without a token, but with an Origin header as browsers send it, was answered with 401",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    response = exchange.response
    if response is None:
        return
    allowed = response.header("access-control-allow-origin")
    shared = (response.header("access-control-expose-headers") or "").lower().replace(" ", "").split(",")
    if not allowed:
        name = "Access-Control-Allow-Origin"
        yield Seen(exchange, f"header:{name}", "the origin that asks, or *", f"no {name}")
    elif not {"www-authenticate", "*"} & set(shared):
        name = "Access-Control-Expose-Headers"
        yield Seen(exchange, f"header:{name}", "a list with WWW-Authenticate", f"{name} without it")
