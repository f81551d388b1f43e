"""Rules for the form of a token request: where its parameters stand, and which ones it must have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.pkce import s256
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    form,
    is_at_idp,
    oauth_error,
    query,
    redirect,
    server_document,
    shows_verifier,
    text,
)
from mcp_oauth_nb.rules.rule import MUST, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.token_client import client_shown
from mcp_oauth_nb.rules.words import quoted

FORM = "application/x-www-form-urlencoded"
SECRET_PARAMETERS = ("code", "code_verifier", "client_secret", "client_assertion", "refresh_token", "assertion")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
REFUSALS = ("invalid_grant", "invalid_request", "invalid_client", "invalid_target", "unsupported_grant_type")


def token_requests(case: Case) -> list[Exchange]:
    """The requests to the authorization server's token endpoint in the token step."""
    sent = [one for one in case.exchanges("token") if one.request.method == "POST" or one.response is not None]
    return [one for one in sent if one.direction == "out" and not is_at_idp(one)]


def code_requests(case: Case) -> list[Exchange]:
    """Those of them that redeem the code of an authorization request of this session."""
    return token_requests(case) if authorization_request(case) else []


def redeems_as_asked(case: Case, exchange: Exchange) -> bool:
    """Whether a token request repeats, in all that both show, what was asked for and what came back, once.

    Then no line shows what the client could have done wrong: the code is the one of the redirect and was not sent
    before, and client, redirect URI and verifier fit the authorization request.
    """
    asked, back, sent = authorization_request(case), redirect(case), form(exchange)
    if asked is None or back is None or exchange.edited or asked.edited or back.edited or not shows_verifier(exchange):
        return False
    told, shown = query(asked), client_shown(exchange)
    earlier = [one for one in case.trace.exchanges[: exchange.id - 1] if one.step == "token"]
    return (
        bool(sent.get("code"))
        and sent.get("code") == query(back).get("code")
        and not any(form(one).get("code") == sent["code"] for one in earlier)
        and shown in ("", told.get("client_id"))
        and sent.get("redirect_uri") == told.get("redirect_uri")
        and s256(sent.get("code_verifier", "")) == told.get("code_challenge")
    )


TOKEN_REQUEST = Selector(token_requests, "no token request was made yet")
CODE_REQUEST = Selector(code_requests, "no token request was made for an authorization request of this session")


def refused_with(exchange: Exchange, *errors: str) -> tuple[str, ...]:
    """A wrong request explains the refusal where its error is one of these, or where there is none to read."""
    error = oauth_error(exchange)
    return ("token-refused",) if error in errors or (not error and exchange.status != 200) else ()


@rule(
    "token-request-form",
    step="token",
    level=MUST,
    who="client",
    summary="The token request is no form in the body of a POST.",
    fix="POST the parameters as application/x-www-form-urlencoded in the body, and none of them in the URL.",
    spec=Spec("OAuth 2.1", "3.2"),
    over=TOKEN_REQUEST,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    request = exchange.request
    explains = refused_with(exchange, *REFUSALS)
    inside = [name for name in SECRET_PARAMETERS if name in query(exchange)]
    if inside:
        summary, seen = "The token request carries secrets in its URL, where logs keep them.", ", ".join(inside)
        who = sender(exchange, inside[0])
        yield Seen(exchange, "url", "a URL without parameters", seen, summary, who=who, explains=explains)
    if request.method != "POST":
        yield Seen(exchange, "url", "POST", request.method, explains=explains)
        return
    media = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if media != FORM:
        who = sender(exchange, "content-type")
        seen = quoted(media) if media else "no Content-Type"
        yield Seen(exchange, "header:Content-Type", FORM, seen, who=who, explains=explains)


@rule(
    "token-request-incomplete",
    step="token",
    level=MUST,
    who="client",
    summary="The token request lacks a parameter that it must have.",
    fix="Send grant_type=authorization_code, code and, unless the client authenticates in another way, client_id.",
    spec=Spec("OAuth 2.1", "4.1.3"),
    over=CODE_REQUEST,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    sent = form(exchange)
    is_named = client_shown(exchange) or sent.get("client_assertion")
    names = ["grant_type", "code", *(() if is_named else ("client_id",))]
    for name in names:
        value = sent.get(name, "")
        wrong = value != "authorization_code" if name == "grant_type" else not value
        if wrong:
            wanted = "grant_type=authorization_code" if name == "grant_type" else name
            seen = quoted(value, 60) if name == "grant_type" and value else f"no {name}"
            summary = f"The token request asks for another {name}." if value else f"The token request has no {name}."
            explains = refused_with(exchange, *REFUSALS, "unauthorized_client")
            yield Seen(exchange, "body:", wanted, seen, summary, who=sender(exchange, name), explains=explains)


@rule(
    "code-differs",
    step="token",
    level=MUST,
    who="client",
    summary="The token request carries another code than the redirect.",
    fix="Decode the code of the redirect once, keep every character, and encode it once in the form.",
    spec=Spec("OAuth 2.1", "4.1.3"),
    over=Selector(
        lambda case: [one for one in code_requests(case) if redirect(case) and form(one).get("code")],
        "no code was redeemed behind a redirect of this session",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    back = redirect(case)
    if back is not None and query(back).get("code") and form(exchange)["code"] != query(back)["code"]:
        explains = refused_with(exchange, "invalid_grant", "invalid_request")
        who = sender(exchange, "code")
        yield Seen(exchange, "body:", "the code of the redirect", "another code", who=who, explains=explains)


@rule(
    "client-differs",
    step="token",
    level=MUST,
    who="client",
    summary="The token request comes from another client than the authorization request.",
    fix="Redeem the code with the client_id that asked for it.",
    spec=Spec("RFC 6749", "4.1.3"),
    over=Selector(
        lambda case: [one for one in code_requests(case) if client_shown(one)],
        "no token request that names its client was made for an authorization request of this session",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    asked = authorization_request(case)
    first, second = query(asked).get("client_id") if asked else None, client_shown(exchange)
    if first and second and first != second:
        explains = refused_with(exchange, "invalid_grant", "invalid_client", "unauthorized_client")
        who = sender(exchange, "client_id")
        yield Seen(exchange, "body:", quoted(first), quoted(second), who=who, explains=explains)


@rule(
    "resource-differs",
    step="token",
    level=MUST,
    who="client",
    summary="The token request names another resource than the authorization request.",
    fix="Send the same resource in both requests, letter by letter.",
    spec=Spec("RFC 8707", "2.2"),
    over=Selector(
        lambda case: [one for one in code_requests(case) if form(one).get("resource")],
        "no token request with a resource was made for an authorization request of this session",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    asked, second = authorization_request(case), form(exchange)["resource"]
    first = query(asked).get("resource") if asked else None
    if first and first != second:
        explains = (*refused_with(exchange, "invalid_target", "invalid_grant", "invalid_request"), "token-audience")
        who = sender(exchange, "resource")
        yield Seen(exchange, "body:", quoted(first), quoted(second), who=who, explains=explains)


@rule(
    "verifier-malformed",
    step="token",
    level=MUST,
    who="client",
    summary="The code verifier has a length or characters that a verifier must not have.",
    fix="Generate verifiers of 43 to 128 letters, digits and the characters - . _ ~, such as 32 random bytes in "
    "base64url.",
    spec=Spec("RFC 7636", "4.1"),
    over=Selector(
        lambda case: [one for one in code_requests(case) if form(one).get("code_verifier") and shows_verifier(one)],
        "no code verifier was sent yet",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    verifier = form(exchange)["code_verifier"]
    if not _VERIFIER.fullmatch(verifier):
        explains = refused_with(exchange, "invalid_grant", "invalid_request")
        seen = f"{len(verifier)} characters" if not 43 <= len(verifier) <= 128 else "other characters"
        who = sender(exchange, "code_verifier")
        yield Seen(exchange, "body:", "43 to 128 unreserved characters", seen, who=who, explains=explains)


@rule(
    "token-endpoint-differs",
    step="token",
    level=MUST,
    who="client",
    summary="The token request went to another URL than the token endpoint of the authorization server.",
    fix="Send the code only to the token_endpoint of the issuer that the authorization request went to.",
    spec=Spec("OAuth 2.1", "7.14"),
    over=Selector(
        lambda case: token_requests(case) if _token_endpoint(case) else [],
        "no token request was made with a known token endpoint",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    wanted, used = _token_endpoint(case), exchange.request.url.partition("?")[0]
    if wanted.partition("?")[0] != used:
        yield Seen(exchange, "url", quoted(wanted), quoted(used), explains=refused_with(exchange, *REFUSALS))


def _token_endpoint(case: Case) -> str:
    """What was typed goes before what is published."""
    found = server_document(case)
    typed = case.trace.settings.get("token_url")
    return typed or (text(found[1].get("token_endpoint")) if found else None) or ""
