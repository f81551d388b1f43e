"""Rules for how a client shows the token endpoint who it is."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import form, is_at_idp, is_edited, jwt_claims, oauth_error, text
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import quoted
from mcp_oauth_nb.vault import TAG

_ENCODED = re.compile(r"(?:[^%:]|%[0-9A-Fa-f]{2})*")
NONE, BASIC, POST, ASSERTION = "none", "client_secret_basic", "client_secret_post", "a client assertion"
_NAMES = {"private_key_jwt": ASSERTION, "client_secret_jwt": ASSERTION, "tls_client_auth": NONE,
          "self_signed_tls_client_auth": NONE}  # fmt: skip


def basic_pair(exchange: Exchange) -> tuple[str, str] | None:
    """Client id and secret of a Basic header as they stand in it, still encoded; None where there is none to read."""
    scheme, _, encoded = (exchange.request.header("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return None
    return (name, secret) if colon else None


def client_shown(exchange: Exchange) -> str:
    """The client id that a request shows, in its body, in a Basic header, or as the subject of a client assertion.

    Beside an assertion no client_id is needed (RFC 7521 4.2, RFC 7523 3). Empty where none is to be read.
    """
    pair, (scheme, _, shown) = basic_pair(exchange), (exchange.request.header("authorization") or "").partition(" ")
    if pair is None and scheme.lower() == "basic" and TAG.search(shown):  # as an archive of ours shows it
        return shown.partition(":")[0]
    if pair is not None:
        return unquote_plus(pair[0])
    sent = form(exchange)
    return sent.get("client_id") or text(jwt_claims(sent.get("client_assertion", "")).get("sub")) or ""


def methods(exchange: Exchange) -> list[str]:
    """How a request authenticates its client; ``none`` alone where it does not."""
    sent = form(exchange)
    used = [BASIC] if (exchange.request.header("authorization") or "").lower().startswith("basic ") else []
    used += [POST] if sent.get("client_secret") else []
    used += [ASSERTION] if sent.get("client_assertion") else []
    return used or [NONE]


def _requests(case: Case) -> list[Exchange]:
    return [one for one in case.exchanges("token") if one.request.method == "POST" and not is_at_idp(one)]


def _explains(exchange: Exchange) -> tuple[str, ...]:
    return ("token-refused",) if oauth_error(exchange) in ("invalid_client", "invalid_request") else ()


def _sender(exchange: Exchange) -> Who:
    names = ("authorization", "client_secret", "client_assertion", "client_id")
    return "user" if any(is_edited(exchange, name) for name in names) else "client"


@rule(
    "client-authenticated-twice",
    step="token",
    level=MUST,
    who="client",
    summary="The client authenticates in two ways in one request.",
    fix="Use the registered authentication method, and that one alone.",
    spec=Spec("RFC 6749", "2.3"),
    over=Selector(_requests, "no token request was made yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    used = methods(exchange)
    if len(used) > 1:
        seen, who = " and ".join(used), _sender(exchange)
        yield Seen(exchange, "body:", "one method", seen, who=who, explains=_explains(exchange))


def registered_method(case: Case) -> str:
    """The authentication method that the registration answer gives this client; empty where it leaves it open.

    An answer that names a method with a secret and gives none contradicts itself, and no client can do as it says.
    """
    for exchange in case.answered("register"):
        document = exchange.document
        if document is not None and document.get("client_id"):
            named = text(document.get("token_endpoint_auth_method"))
            if named is None:
                return "" if document.get("client_secret") else NONE
            wanted = _NAMES.get(named, named)
            return "" if wanted in (BASIC, POST) and not document.get("client_secret") else wanted
    return ""


@rule(
    "client-authentication-differs",
    step="token",
    level=MUST,
    who="client",
    summary="The client authenticates in another way than it is registered for.",
    fix="Authenticate with the token_endpoint_auth_method of the registration answer.",
    spec=Spec("RFC 7591", "3.2.1"),
    over=Selector(
        lambda case: _requests(case) if registered_method(case) in (NONE, BASIC, POST, ASSERTION) else [],
        "no token request by a client registered here was made yet",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    used, wanted = methods(exchange), registered_method(case)
    if wanted not in used:
        part = "header:Authorization" if BASIC in (*used, wanted) else "body:"
        seen, who = " and ".join(used), _sender(exchange)
        yield Seen(exchange, part, wanted, seen, who=who, explains=_explains(exchange))


@rule(
    "basic-not-encoded",
    step="token",
    level=SHOULD,
    who="client",
    summary="Client id and secret stand in the Basic header without being form-encoded first.",
    fix="Form-encode client id and secret, join them with a colon, and only then write them in base64.",
    spec=Spec("RFC 6749", "2.3.1"),
    over=Selector(
        lambda case: [one for one in _requests(case) if basic_pair(one)], "no client authenticated with Basic yet"
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    pair = basic_pair(exchange)
    if pair is not None and not all(_ENCODED.fullmatch(one) for one in pair):
        seen = f"{quoted(':')} or {quoted('%')} as such"
        yield Seen(exchange, "header:Authorization", "form-encoded id and secret", seen, explains=_explains(exchange))
