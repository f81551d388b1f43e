"""Rules for the grants that RFC 9700 gives up: the implicit one, whose token comes with the redirect, and passwords."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import AUTHORIZATION_REQUEST, form, is_implicit, query, redirect, returned
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.token_form import token_requests
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, quoted

IMPLICIT = Spec("RFC 6749", "4.2.2")
TOKENS = ("access_token", "id_token")


def implicit_answer(case: Case) -> tuple[Exchange, Mapping[str, str]] | None:
    """The response of an implicit grant that is no error, with its parameters."""
    back = redirect(case) if is_implicit(case) else None
    told = returned(case, back) if back is not None else {}
    return (back, told) if back is not None and "error" not in told else None


ANSWER = Selector(
    lambda case: [one] if (one := implicit_answer(case)) else [], "no response of an implicit grant has come back yet"
)


@rule(
    "implicit-grant-used",
    step="authorize",
    level=SHOULD,
    who="client",
    summary="The token is asked for with the implicit grant, which hands it to everything that sees the address.",
    fix="Ask for a code with PKCE, and redeem it at the token endpoint.",
    spec=Spec("RFC 9700", "2.1.2"),
    over=AUTHORIZATION_REQUEST,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    wanted = query(exchange).get("response_type", "")
    if "token" in wanted.split():
        who = sender(exchange, "response_type")
        yield Seen(exchange, "url", "response_type=code", quoted(wanted, 60), who=who)


@rule(
    "password-grant-used",
    step="token",
    level=SHOULD,
    who="client",
    summary="The client asks with the user's own password, and so gets to know it.",
    fix="Ask with the authorization code and PKCE; without a browser, with the device grant or client credentials.",
    spec=Spec("RFC 9700", "2.4"),
    over=Selector(token_requests, "no token request was made yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if form(exchange).get("grant_type") == "password":
        yield Seen(exchange, "body:", "another grant", "grant_type=password", who=sender(exchange, "grant_type"))


@rule(
    "implicit-answer-incomplete",
    step="callback",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The response of the implicit grant lacks a parameter that it must have.",
    fix="Send access_token and token_type, and id_token where it was asked for, in the fragment of the redirect URI.",
    spec=IMPLICIT,
    over=ANSWER,
    explains=("unexpected-answer",),
)
def _(case: Case, found: tuple[Exchange, Mapping[str, str]]) -> Iterator[Seen]:
    exchange, told = found
    asked = case.trace.settings.get("response_type", "token").split()
    needed = ["access_token", "token_type", *(["id_token"] if "id_token" in asked else [])]
    for name in needed:
        if not told.get(name):
            seen = ", ".join(sorted(set(told) - set(TOKENS))) or "no parameters"
            summary = f"The response of the implicit grant has no {name}."
            yield Seen(exchange, "url", name, f"only {seen}" if told else seen, summary)


@rule(
    "implicit-answer-in-query",
    step="callback",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The token comes in the query of the redirect URI, where servers and their logs see it.",
    fix="Send the token in the fragment of the redirect URI.",
    spec=IMPLICIT,
    over=ANSWER,
)
def _(case: Case, found: tuple[Exchange, Mapping[str, str]]) -> Iterator[Seen]:
    exposed = [name for name in TOKENS if name in query(found[0])]
    if exposed:
        yield Seen(found[0], "url", "the token in the fragment", f"{exposed[0]} in the query")


@rule(
    "implicit-refresh-token",
    step="callback",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="A refresh token comes with the redirect, which the implicit grant must not issue.",
    fix="Issue no refresh token with the implicit grant; offer the authorization code with PKCE in its place.",
    spec=IMPLICIT,
    over=ANSWER,
)
def _(case: Case, found: tuple[Exchange, Mapping[str, str]]) -> Iterator[Seen]:
    if "refresh_token" in dict(parse_qsl(found[0].request.url.partition("#")[2])):
        yield Seen(found[0], "url", "no refresh_token", "a refresh_token")
