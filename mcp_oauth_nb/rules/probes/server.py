"""Rules for what the authorization server makes of codes, verifiers, redirect URIs and clients that must not pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from mcp_oauth_nb.protocol.pkce import s256
from mcp_oauth_nb.protocol.probes import PLAIN_REDIRECT, UNKNOWN_CLIENT, UNREGISTERED_REDIRECT
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import form, query, sent_json, shows_verifier
from mcp_oauth_nb.rules.probes.evidence import gives_token, probed, redeems
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, shown

GRANTED = "200 with an access token"


# --- the code and its verifier ----------------------------------------------------------------------------------------


def _challenges(case: Case, step: str) -> set[str | None]:
    return {query(one).get("code_challenge") for one in case.exchanges(step)} - {None}


def _judged(exchange: Exchange) -> bool:
    """Only a token or a refusal decides: an error of the server leaves the question open."""
    return redeems(exchange) and (gives_token(exchange) or exchange.status in (400, 401, 403))


def _with_wrong_verifier(case: Case, exchange: Exchange) -> bool:
    verifier = form(exchange).get("code_verifier")
    challenges = _challenges(case, exchange.step)
    shows = verifier is not None and shows_verifier(exchange) and bool(challenges)
    return _judged(exchange) and shows and s256(verifier or "") not in challenges


@rule(
    "wrong-verifier-accepted",
    step="wrong_verifier",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="A code is redeemed with a wrong code_verifier: PKCE protects nothing, a stolen code is enough.",
    fix="Keep the code_challenge with the code, and refuse with invalid_grant where the verifier's hash differs.",
    spec=Spec("RFC 7636", "4.6"),
    over=probed("wrong_verifier", _with_wrong_verifier),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if gives_token(exchange):
        yield Seen(exchange, "status", "400 with error=invalid_grant", GRANTED)


@rule(
    "missing-verifier-accepted",
    step="without_verifier",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="A code is redeemed without its code_verifier: PKCE protects nothing, a stolen code is enough.",
    fix="Refuse a code that was asked for with a code_challenge where no code_verifier comes along.",
    spec=Spec("OAuth 2.1", "4.1.3"),
    over=probed(
        "without_verifier",
        lambda case, one: (
            _judged(one) and "code_verifier" not in form(one) and bool(_challenges(case, "without_verifier"))
        ),
    ),
    explains=("wrong-verifier-accepted",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if gives_token(exchange):
        yield Seen(exchange, "status", "400", GRANTED)


def _second_uses(case: Case) -> list[Exchange]:
    """Redemptions of a code that had given a token before."""
    spent: set[str] = set()
    found = []
    for exchange in case.answered("code_replay"):
        code = form(exchange).get("code") if redeems(exchange) else None
        if code is None:
            continue
        if code in spent and _judged(exchange):
            found.append(exchange)
        if gives_token(exchange):
            spent.add(code)
    return found


@rule(
    "code-works-twice",
    step="code_replay",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="An authorization code works twice, so whoever reads it later can use it, too.",
    fix="Refuse a code that was redeemed with invalid_grant, and revoke the tokens that came of it.",
    spec=Spec("OAuth 2.1", "4.1.3"),
    over=Selector(_second_uses, "no code was redeemed a second time (dbg.probe('code_replay'))"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if gives_token(exchange):
        yield Seen(exchange, "status", "400 with error=invalid_grant", GRANTED)


# --- redirect URIs and clients ----------------------------------------------------------------------------------------


def _location(exchange: Exchange) -> str:
    response = exchange.response
    location = response.header("location") if response is not None and response.status // 100 == 3 else None
    try:
        return urljoin(exchange.request.url, location) if location else ""
    except ValueError:
        return ""


def _ends_at(case: Case, step: str, target: str) -> list[Exchange]:
    """How an authorization request ended: refused, or with a redirect to `target`; a page or a login leaves it open."""
    answered = case.answered(step)
    asked = [one for one in answered if query(one).get("redirect_uri") or query(one).get("client_id")]
    sent_back = [one for one in answered if _leads_to(one, target)]
    refused = [one for one in asked[:1] if one.status is not None and 400 <= one.status < 500 and one.status != 429]
    return sent_back or refused


def _leads_to(exchange: Exchange, target: str) -> bool:
    return exchange.request.method == "GET" and _location(exchange).partition("?")[0].partition("#")[0] == target


@rule(
    "unregistered-redirect-taken",
    step="unregistered_redirect",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server redirects to a URI that is not registered: it would send codes to anybody.",
    fix="Compare redirect_uri with the registered ones as strings, and show an error instead of redirecting.",
    spec=Spec("OAuth 2.1", "2.3.1"),
    over=Selector(
        lambda case: _ends_at(case, "unregistered_redirect", UNREGISTERED_REDIRECT),
        "no unregistered redirect URI was tried, or a page for people came, which leaves it open "
        "(dbg.probe('unregistered_redirect'))",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if _leads_to(exchange, UNREGISTERED_REDIRECT):
        yield Seen(exchange, "header:Location", "an error page, no redirect", f"a redirect to {UNREGISTERED_REDIRECT}")


def _unknown_clients(case: Case) -> list[Exchange]:
    stranger = [one for one in case.answered("unknown_client") if query(one).get("client_id") == UNKNOWN_CLIENT]
    return [one for one in stranger if (one.status or 500) < 500 and (one.status or 0) // 100 in (3, 4)]


@rule(
    "unknown-client-redirected",
    step="unknown_client",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server redirects for a client that it does not know.",
    fix="Show an error to the user where the client_id is unknown, and never redirect to the URI it came with.",
    spec=Spec("RFC 6749", "4.1.2.1"),
    over=Selector(
        _unknown_clients,
        "no authorization request of an unknown client was refused or redirected (dbg.probe('unknown_client'))",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    target = query(exchange).get("redirect_uri")
    if target and _leads_to(exchange, target):
        yield Seen(exchange, "header:Location", "an error page, no redirect", "a redirect to the redirect_uri")


def _registers_plainly(case: Case, exchange: Exchange) -> bool:
    """A refusal of the whole registration says nothing of the redirect URI."""
    asked = sent_json(exchange).get("redirect_uris") == [PLAIN_REDIRECT]
    return asked and exchange.status in (200, 201, 400)


@rule(
    "plain-redirect-registered",
    step="http_redirect_registration",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="A redirect URI over plain http on another machine is registered: codes would travel in the clear.",
    fix="Refuse redirect URIs with http, except on loopback addresses, with invalid_redirect_uri.",
    spec=Spec("RFC 9700", "2.6"),
    over=probed("http_redirect_registration", _registers_plainly),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    document: Any = exchange.document or {}
    kept = document.get("redirect_uris", [PLAIN_REDIRECT])
    if exchange.status in (200, 201) and isinstance(kept, list) and PLAIN_REDIRECT in kept:
        yield Seen(exchange, "body:/redirect_uris", "400 with error=invalid_redirect_uri", shown(kept))


# --- introspection and keys -------------------------------------------------------------------------------------------


@rule(
    "introspection-open",
    step="introspect_anonymous",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The introspection endpoint answers anybody, so that tokens can be tried out against it.",
    fix="Demand authentication of whoever introspects, and answer 401 without it.",
    spec=Spec("RFC 7662", "2.1"),
    over=probed(
        "introspect_anonymous",
        lambda case, one: one.request.header("authorization") is None and (one.status or 500) < 500,
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status == 200 and "active" in (exchange.document or {}):
        yield Seen(exchange, "status", "401", came(exchange))


PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "k"))
"""Members of a key that only its owner may know (RFC 7518 6)."""
JWKS = probed("jwks", lambda case, one: True)


@rule(
    "keys-unreadable",
    step="jwks",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The metadata names a jwks_uri, but there is no JWK set there.",
    fix="Publish the signing keys at jwks_uri as a JSON object with the member keys, or leave jwks_uri out.",
    spec=Spec("RFC 7517", "5"),
    over=JWKS,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 200 or not isinstance((exchange.document or {}).get("keys"), list):
        yield Seen(exchange, "body:/keys", "200 with an array of keys", came(exchange))


@rule(
    "keys-private",
    step="jwks",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The published key set holds private keys: anybody can issue tokens in this server's name.",
    fix="Take the private members out, and replace the keys: they are known now.",
    spec=Spec("RFC 8414", "2"),
    over=JWKS,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    keys = (exchange.document or {}).get("keys")
    for at, key in enumerate(keys if isinstance(keys, list) else ()):
        if isinstance(key, dict) and (told := PRIVATE & key.keys()):
            names = ", ".join(sorted(told))
            yield Seen(exchange, f"body:/keys/{at}", "public keys only", f"a key with the members {names}")
            return
