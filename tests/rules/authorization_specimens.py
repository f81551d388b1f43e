"""Traces that break the rules about authorization requests, their responses and the token endpoint, and clean ones."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from factories import (
    HEALTHY,
    HTML,
    ISSUER,
    NO_STORE,
    NOON,
    PAGE,
    REDIRECT_URI,
    URL,
    Piece,
    asm,
    authorized,
    came_back,
    failed,
    registered,
    server_document,
    texchange,
    tflow,
    token_answer,
    token_request,
    ttrace,
)

from mcp_oauth_nb.records import Exchange, Trace


def asked(**changes: str | None) -> Trace:
    """A flow that ends with an authorization request with these parameters."""
    return tflow(authorized(**changes), upto="authorize")


def back(exchange: Exchange, *others: Piece) -> Trace:
    """A flow that ends with this redirect or page."""
    return tflow(*others, Piece("callback", (exchange,)), upto="callback")


def redeemed(exchange: Exchange, *others: Piece) -> Trace:
    """A flow that ends with this token request."""
    return tflow(*others, Piece("token", (exchange,), exchange.status == 200, ""), upto="token")


def returned(status: int) -> Exchange:
    """The hop that leads back to the redirect URI."""
    return texchange("callback", f"{ISSUER}/consent", status, headers=(("Location", f"{REDIRECT_URI}?code=x"),))


def came_twice(repeated: str) -> Exchange:
    """The redirect that reached us, with a further parameter in front of the others."""
    whole = came_back()
    url = whole.request.url.replace("?", f"?{repeated}&", 1)
    return replace(whole, request=replace(whole.request, url=url))


def basic(pair: str, **form: Any) -> Exchange:
    """A token request with this pair in a Basic header."""
    header = ("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    members = {"grant_type": "authorization_code", "code": "code-9fK2", "client_id": None, **form}
    sent = urlencode({name: value for name, value in members.items() if value is not None}).encode()
    media = ("Content-Type", "application/x-www-form-urlencoded")
    return texchange("token", f"{ISSUER}/token", 200, token_answer(), method="POST", sent=sent,
                     sent_headers=(media, header), headers=NO_STORE)  # fmt: skip


def behind_the_flow(probe: Piece) -> Trace:
    """The healthy flow up to the token, and then a probe."""
    route = [piece for piece in HEALTHY if piece.step not in ("mcp", "call", "refresh", "replay", "revoke", "revoked")]
    return ttrace(*route, probe)


def probed(step: str, status: int, document: dict[str, Any]) -> Trace:
    """A flow behind which a code was redeemed once more, in a probe."""
    again = token_request(status, document)
    probe = texchange(step, f"{ISSUER}/token", status, document, method="POST", sent=again.request.body)
    return behind_the_flow(Piece(step, (probe,)))


def tried(location: str | None) -> Trace:
    """A flow behind which an unregistered redirect URI was tried."""
    params = urlencode({"client_id": "client-1", "redirect_uri": "https://evil.example/cb"})
    headers = (("Location", location),) if location else HTML
    status = 302 if location else 400
    one = texchange("unregistered_redirect", f"{ISSUER}/authorize?{params}", status, PAGE, headers=headers)
    return behind_the_flow(Piece("unregistered_redirect", (one,)))


OWN_QUERY = Piece("server_metadata", (server_document(asm(authorization_endpoint=f"{ISSUER}/authorize?tenant=a")),))
DOUBLED = Piece("authorize", (texchange("authorize", f"{ISSUER}/authorize?tenant=a?response_type=code", None),))
TWICE = Piece("authorize", (texchange("authorize", f"{authorized().exchanges[0].request.url}&scope=other", None),))
SECOND = Piece("authorize", (*authorized(state="s" * 43).exchanges, *authorized().exchanges))
OTHER = "https://else.example/mcp"
POSTED = Piece("register", (registered(token_endpoint_auth_method="client_secret_post", client_secret="s3cret",
                                       client_secret_expires_at=0),))  # fmt: skip
BEARER_WITH_PROOF = texchange("token", f"{ISSUER}/token", 200, token_answer(), method="POST", headers=NO_STORE,
                              form={"grant_type": "authorization_code"}, sent_headers=(("DPoP", "a.b.c"),))  # fmt: skip
BOUND = texchange("token", f"{ISSUER}/token", 200, token_answer(token_type="DPoP"), method="POST", headers=NO_STORE,
                  form={"grant_type": "authorization_code"}, sent_headers=(("DPoP", "a.b.c"),))  # fmt: skip
TIMED_OUT = "waiting for the redirect: no redirect came within 300 s"
REFUSED = {"error": "invalid_grant"}

BREAKING: dict[str, Trace] = {
    "authorization-request-incomplete": asked(response_type=None),
    "authorization-url-unsafe": tflow(
        Piece("server_metadata", (server_document(asm(authorization_endpoint="javascript:alert(1)")),)),
        upto="server_metadata",
    ),
    "endpoint-query-lost": tflow(OWN_QUERY, DOUBLED, upto="authorize"),
    "parameter-repeated": tflow(TWICE, upto="authorize"),
    "code-challenge-malformed": asked(code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="),
    "code-challenge-reused": tflow(SECOND, upto="authorize"),
    "state-weak": asked(state="abc"),
    "resource-sent-wrong": asked(resource=OTHER),
    "resource-sent-spelling": asked(resource=f"{URL}/"),
    "unknown-resource-error": back(came_back(code=None, error="server_error"), authorized(resource=OTHER)),
    "scope-selection": asked(scope="mcp:tools openid"),
    "redirect-not-received": tflow(failed("callback", stopped=TIMED_OUT), upto="callback"),
    "redirect-resends-form": tflow(Piece("callback", (returned(307), came_back())), upto="callback"),
    "code-and-error": back(came_back(error="server_error")),
    "response-parameter-repeated": back(came_twice("state=another")),
    "error-characters": back(came_back(code=None, error="access_denied", error_description='no\r\n"reason"')),
    "pkce-not-required": back(came_back(), authorized(code_challenge=None, code_challenge_method=None)),
    "state-ignored": tflow(Piece("callback", (came_back(state="another"),)), upto="token"),
    "token-error-malformed": redeemed(token_request(400, b"[]")),
    "scope-narrowed": redeemed(token_request(body=token_answer(scope="other"))),
    "token-scope-malformed": redeemed(token_request(body=token_answer(scope=["mcp:tools"]))),
    "token-and-error": redeemed(token_request(body=token_answer(error="invalid_grant"))),
    "code-lives-long": redeemed(replace(token_request(), started=NOON + timedelta(minutes=25))),
    "token-not-bound": redeemed(BEARER_WITH_PROOF),
    "verifier-not-checked": redeemed(token_request(code_verifier="x" * 43)),
    "client-authenticated-twice": redeemed(basic("client-1:s", client_secret="s")),
    "client-authentication-differs": redeemed(basic("client-1:s"), POSTED),
    "basic-not-encoded": redeemed(basic("client-1:a:b%")),
    "token-request-form": redeemed(texchange("token", f"{ISSUER}/token?code=x", 400, REFUSED)),
    "token-request-incomplete": redeemed(token_request(400, REFUSED, client_id=None)),
    "code-differs": redeemed(token_request(400, REFUSED, code="code-9fK2%")),
    "client-differs": redeemed(token_request(400, REFUSED, client_id="client-2")),
    "resource-differs": redeemed(token_request(400, {"error": "invalid_target"}, resource=OTHER)),
    "verifier-malformed": redeemed(token_request(400, REFUSED, code_verifier="short")),
    "token-endpoint-differs": redeemed(
        texchange("token", "https://else.example/token", 400, REFUSED, method="POST", form={"code": "x"})
    ),
}
"""By rule id: a trace in which this rule, perhaps among others, finds something."""

CLEAN: dict[str, Trace] = {
    "endpoint-query-lost": tflow(
        OWN_QUERY,
        Piece("authorize", (texchange("authorize", f"{ISSUER}/authorize?tenant=a&response_type=code", None),)),
        upto="authorize",
    ),
    "code-challenge-reused": tflow(
        Piece("authorize", (*authorized(code_challenge="y" * 43, state="t" * 43).exchanges, *authorized().exchanges)),
        upto="authorize",
    ),
    "unknown-resource-error": back(came_back(code=None, error="invalid_target"), authorized(resource=OTHER)),
    "redirect-resends-form": tflow(Piece("callback", (returned(302), came_back())), upto="callback"),
    "error-characters": back(came_back(code=None, error="access_denied", error_description="no reason")),
    "pkce-not-required": back(came_back(code=None, error="invalid_request"), authorized(code_challenge=None)),
    "token-error-malformed": redeemed(token_request(400, REFUSED)),
    "scope-narrowed": redeemed(token_request(body=token_answer(scope="mcp:tools more"))),
    "token-not-bound": redeemed(BOUND),
    "verifier-not-checked": redeemed(token_request(400, REFUSED, code_verifier="x" * 43)),
    "basic-not-encoded": redeemed(basic("client-1:a%3Ab")),
}
"""By rule id: a trace in which this rule was really tested, and found nothing; a healthy flow tests the others."""
