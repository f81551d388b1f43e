"""Rules for what an authorization request must look like, whoever sent it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import parse_qsl

from mcp_oauth_nb.protocol.pkce import VERIFIER
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import (
    AUTHORIZATION_REQUEST,
    CODE_AUTHORIZATION_REQUEST,
    is_masked,
    query,
    redirect,
    server_document,
    text,
)
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, quoted, shown

S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_HEX = re.compile(r"[0-9a-fA-F-]+")
STATE_BITS = 128
"""What cannot be guessed (OAuth 2.1 7.1.2 asks for 128 random bits)."""


def opened(case: Case) -> tuple[Exchange, ...]:
    """Every authorization request of the session, one opened twice counted once; the oldest first."""
    distinct: dict[str, Exchange] = {}
    for one in case.trace.exchanges:
        if one.step == "authorize" and one.direction == "out" and one.failure is None:
            distinct.setdefault(one.request.url, one)
    return tuple(distinct.values())


def refused_for(case: Case, *errors: str) -> tuple[str, ...]:
    """What a wrong request explains: a page in place of a redirect, or a redirect with one of these errors."""
    back = redirect(case)
    if back is None:
        return ("authorization-page",)
    return ("authorization-error",) if query(back).get("error") in errors else ()


@rule(
    "authorization-request-incomplete",
    step="authorize",
    level=MUST,
    who="client",
    summary="The authorization request lacks a parameter that it must have.",
    fix="Send response_type=code and client_id with every authorization request.",
    spec=Spec("OAuth 2.1", "4.1.1"),
    over=CODE_AUTHORIZATION_REQUEST,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    sent = query(exchange)
    for name, wanted in (("response_type", "code"), ("client_id", "")):
        value = sent.get(name, "")
        if value != wanted if wanted else not value:
            summary = f"The authorization request has no {name}." if not value else f"It asks for another {name}."
            explains = refused_for(case, "invalid_request", "unsupported_response_type", "unauthorized_client")
            yield Seen(
                exchange,
                "url",
                f"{name}={wanted}" if wanted else name,
                quoted(value) if name in sent else f"no {name}",
                summary,
                who=sender(exchange, name),
                explains=explains,
            )


@rule(
    "authorization-url-unsafe",
    step="authorize",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The metadata names an authorization endpoint that no browser should be sent to.",
    fix="Publish an https URL as authorization_endpoint.",
    spec=Spec("RFC 8414", "2"),
    over=Selector(
        lambda case: [one] if (one := server_document(case)) and text(one[1].get("authorization_endpoint")) else [],
        "no metadata with an authorization endpoint was found",
    ),
    explains=("unreachable",),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    """Of any other scheme a browser may run what it is handed, or hand it to another program."""
    endpoint = found[1]["authorization_endpoint"]
    parts = split(endpoint)
    if parts is None or "@" in parts.origin:
        yield Seen(found[0], "body:/authorization_endpoint", "an https URL", shown(endpoint))


def _own_query(case: Case) -> str:
    """The query that the authorization endpoint has of its own."""
    found = server_document(case)
    endpoint = text(found[1].get("authorization_endpoint")) if found else None
    return (endpoint or "").partition("#")[0].partition("?")[2]


def _pairs(url: str) -> list[tuple[str, str]]:
    return parse_qsl(url.partition("#")[0].partition("?")[2], keep_blank_values=True)


@rule(
    "endpoint-query-lost",
    step="authorize",
    level=MUST,
    who="client",
    summary="The query that the authorization endpoint has of its own did not arrive as published.",
    fix="Append the parameters to the query that the endpoint already has, with & and not with a second question mark.",
    spec=Spec("RFC 6749", "3.1"),
    over=Selector(
        lambda case: [one for one in AUTHORIZATION_REQUEST.pick(case) if _own_query(case)],
        "no authorization request was made to an endpoint with a query of its own",
    ),
    explains=("authorization-request-incomplete",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    own, sent = _own_query(case), _pairs(exchange.request.url)
    lost = [name for name, value in parse_qsl(own, keep_blank_values=True) if (name, value) not in sent]
    if not lost:
        return
    marks = exchange.request.url.partition("#")[0].count("?") - own.count("?")
    seen = "a second question mark in the URL" if marks > 1 else f"no such {', '.join(lost)}"
    explains = ("authorization-request-incomplete", *refused_for(case, "invalid_request"))
    yield Seen(exchange, "url", quoted(own), seen, who=sender(exchange, lost[0]), explains=explains)


def _given_twice(exchange: Exchange) -> list[str]:
    """Parameters with more than one value; resource may repeat (RFC 8707 2)."""
    body = exchange.request.body.decode("utf-8", "replace") if exchange.step != "authorize" else ""
    names = Counter(name for name, _ in (_pairs(exchange.request.url) if not body else parse_qsl(body)))
    return [name for name, times in names.items() if times > 1 and name != "resource"]


def _with_parameters(case: Case) -> list[Exchange]:
    asked = [one for one in case.exchanges("authorize") if one.direction == "out"]
    return [*asked, *(one for one in case.exchanges("token") if one.request.method == "POST")]


@rule(
    "parameter-repeated",
    step=ANY,
    level=MUST,
    who="client",
    summary="A parameter is sent more than once.",
    fix="Send each parameter once; only resource may be repeated.",
    spec=Spec("RFC 6749", "3.1"),
    over=Selector(_with_parameters, "no authorization or token request was made yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    wanted = _custom_names(case)
    for name in _given_twice(exchange):
        asks = exchange.step == "authorize"
        explains = refused_for(case, "invalid_request") if asks else ("token-refused",)
        part = "url" if asks else "body:"
        summary = f"The parameter {quoted(name, 60)} is sent more than once."
        is_wanted = name in wanted
        who, level = sender(exchange, name), SHOULD if is_wanted else None
        yield Seen(
            exchange,
            part,
            "each parameter once",
            f"{name} twice",
            summary,
            who="user" if is_wanted else who,
            level=level,
            explains=explains,
        )


def _custom_names(case: Case) -> tuple[str, ...]:
    """The parameters that the user has sent along: some servers read several of one name as a list."""
    settings = case.trace.settings
    named = settings.get("custom parameters", "").split(", ")
    return (*named, "audience") if "audience" in settings else tuple(named)


@rule(
    "code-challenge-malformed",
    step="authorize",
    level=MUST,
    who="client",
    summary="The code challenge cannot be an S256 challenge.",
    fix="Send the SHA-256 hash of the verifier as its 32 raw bytes in base64url without padding: 43 characters.",
    spec=Spec("RFC 7636", "4.2"),
    over=Selector(
        lambda case: [one for one in AUTHORIZATION_REQUEST.pick(case) if query(one).get("code_challenge")],
        "no authorization request with a code challenge was made yet",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    challenge = query(exchange)["code_challenge"]
    is_plain = query(exchange).get("code_challenge_method") == "plain"
    if is_plain and (VERIFIER.fullmatch(challenge) or is_masked(challenge)):
        return  # nothing is hashed, and `pkce-not-sent` says so
    if not S256_CHALLENGE.fullmatch(challenge):
        explains = (*refused_for(case, "invalid_request"), "pkce-mismatch", "token-refused")
        seen = f"{len(challenge)} characters{_mistake(challenge)}"
        who = sender(exchange, "code_challenge")
        yield Seen(exchange, "url", "43 characters of base64url", seen, who=who, explains=explains)


def _mistake(challenge: str) -> str:
    """What sort of mistake a challenge that is none looks like."""
    if len(challenge) == 64 and _HEX.fullmatch(challenge):
        return ", as a hash in hexadecimal digits has"
    if len(challenge) == 88:
        return ", as a hash in hexadecimal digits has when it is then written in base64"
    if challenge.endswith("="):
        return " with padding"
    return ", some of plain base64" if set("+/ ") & set(challenge) else ""


def _repeats(case: Case, name: str) -> list[Exchange]:
    """Later authorization requests whose parameter has the value of an earlier one."""
    known: set[str] = set()
    again: list[Exchange] = []
    for one in opened(case):
        value = query(one).get(name)
        if value and value in known:
            again.append(one)
        known |= {value} if value else set()
    return again


@rule(
    "code-challenge-reused",
    step="authorize",
    level=MUST,
    who="client",
    summary="Two authorization requests carry the same code challenge.",
    fix="Generate a new code verifier for every authorization request.",
    spec=Spec("RFC 7636", "4.1"),
    over=Selector(
        lambda case: [case] if len(opened(case)) > 1 else [], "fewer than two authorization requests were made"
    ),
)
def _(case: Case, whole: Case) -> Iterator[Seen]:
    for one in _repeats(case, "code_challenge")[:1]:
        who = sender(one, "code_challenge")
        yield Seen(one, "url", "a new code_challenge", "that of an earlier request", who=who, step="authorize")


@rule(
    "state-weak",
    step="authorize",
    level=SHOULD,
    who="client",
    summary="The authorization request carries no state that could not be guessed.",
    fix="Send a new random state of 128 bits or more with every authorization request; compare it on the way back.",
    spec=Spec("MCP 2025-11-25", "Open Redirection"),
    over=AUTHORIZATION_REQUEST,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    state, who = query(exchange).get("state", ""), sender(exchange, "state")
    wanted = f"a random state of {STATE_BITS} bits or more"
    if not state:
        yield Seen(exchange, "url", wanted, "no state", "The authorization request has no state.", who=who)
    elif _room(state) < STATE_BITS:
        yield Seen(exchange, "url", wanted, f"a state of {len(state)} characters", who=who)
    elif any(one.id == exchange.id for one in _repeats(case, "state")):
        summary = "The state is the one of an earlier authorization request."
        yield Seen(exchange, "url", "a new state", "the same state again", summary, who=who)


def _room(state: str) -> int:
    """How many random bits a text of this length and alphabet can hold at most."""
    return len(state.replace("-", "")) * 4 if _HEX.fullmatch(state) else len(state) * 6
