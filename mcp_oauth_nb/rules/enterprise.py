"""Rules for enterprise-managed authorization, and for assertions that somebody else has signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_oauth_nb.protocol.grants import ID_JAG, JWT_BEARER, TOKEN_EXCHANGE
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import form, is_at_idp, jwt_claims, oauth_error, server_document, text
from mcp_oauth_nb.rules.extensions import READ_ONLY, audience_of, jwt_header, names_of_server, of_grant
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.timeline import timeline, token_form
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, quoted, shown

ID_JAG_TYPE = "oauth-id-jag+jwt"
EXCHANGED = Selector(lambda case: of_grant(case, TOKEN_EXCHANGE), "no token was exchanged at an identity provider")
ENTERPRISE = Spec("RFC 8693", "2.1")


@rule(
    "token-exchange-malformed",
    step=ANY,
    level=MUST,
    who="client",
    summary="The request to the identity provider lacks what makes the grant it asks for one for this server.",
    fix="Ask for an id-jag, with the issuer of the authorization server as audience, the MCP server as resource, and "
    "the subject token with its type.",
    spec=ENTERPRISE,
    over=EXCHANGED,
    explains=("token-refused", "token-exchange-answer"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    sent = form(exchange)
    found = server_document(case)
    wanted = {
        "requested_token_type": ID_JAG,
        "audience": text(found[1].get("issuer")) if found else None,
        "resource": None,
        "subject_token": None,
        "subject_token_type": None,
    }
    for name, value in wanted.items():
        if not sent.get(name) or (value is not None and sent[name] != value):
            seen = "another value" if sent.get(name) else f"no {name}"
            yield Seen(exchange, f"body:/{name}", value or name, seen, who=sender(exchange, name))


def _exchanged(case: Case) -> list[Found]:
    answered = [(one, one.document) for one in of_grant(case, TOKEN_EXCHANGE) if one.status == 200]
    return [(one, document) for one, document in answered if document is not None]


@rule(
    "token-exchange-answer",
    step=ANY,
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The identity provider did not answer with an identity assertion grant as it should be.",
    fix="Answer with issued_token_type id-jag, token_type N_A, and a JWT of type oauth-id-jag+jwt with iss, sub, aud, "
    "client_id, jti, exp and iat.",
    spec=Spec("RFC 8693", "2.2.1"),
    over=Selector(_exchanged, "no identity provider answered an exchange with a JSON object"),
    explains=("token-refused", "unexpected-answer"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    if document.get("issued_token_type") != ID_JAG:
        seen = shown(document.get("issued_token_type")) if "issued_token_type" in document else "no issued_token_type"
        yield Seen(exchange, "body:/issued_token_type", ID_JAG, seen)
    if (text(document.get("token_type")) or "").upper() != "N_A":
        seen = shown(document.get("token_type")) if "token_type" in document else "no token_type"
        yield Seen(exchange, "body:/token_type", "N_A", seen)
    grant = text(document.get("access_token")) or ""
    if str(jwt_header(grant).get("typ", "")).lower() != ID_JAG_TYPE:
        seen = f"typ={shown(jwt_header(grant)['typ'])}" if "typ" in jwt_header(grant) else "no typ"
        yield Seen(exchange, "body:/access_token", f"a JWT with typ {ID_JAG_TYPE}", f"{seen} {READ_ONLY}")
    missing = [
        name for name in ("iss", "sub", "aud", "client_id", "jti", "exp", "iat") if name not in jwt_claims(grant)
    ]
    if missing:
        yield Seen(exchange, "body:/access_token", "all claims of an id-jag", f"no {', '.join(missing)} {READ_ONLY}")


def _identity_grants(case: Case) -> list[tuple[Exchange, Mapping[str, Any]]]:
    sent = [(one, form(one).get("assertion", "")) for one in of_grant(case, JWT_BEARER)]
    return [(one, jwt_claims(grant)) for one, grant in sent if jwt_header(grant).get("typ") == ID_JAG_TYPE]


@rule(
    "identity-grant-differs",
    step=ANY,
    level=MUST,
    who="client",
    summary="The identity assertion grant was made out to another client or another authorization server.",
    fix="Ask the identity provider for a grant for this authorization server and for the client that shows it.",
    spec=Spec("RFC 7523", "3"),
    over=Selector(_identity_grants, "no identity assertion grant was shown to an authorization server"),
    explains=("token-refused",),
)
def _(case: Case, found: tuple[Exchange, Mapping[str, Any]]) -> Iterator[Seen]:
    exchange, claims = found
    if not set(audience_of(claims)) & set(names_of_server(case, exchange)):
        seen = f"aud={shown(claims.get('aud'))} {READ_ONLY}"
        yield Seen(exchange, "body:/assertion", "aud with the issuer of this server", seen)
    shown_as = form(exchange).get("client_id")
    if shown_as and claims.get("client_id") != shown_as:
        seen = f"client_id={shown(claims.get('client_id'))} {READ_ONLY}"
        yield Seen(exchange, "body:/assertion", f"client_id={quoted(shown_as)}", seen)


def _after_refused_assertion(case: Case) -> list[tuple[Exchange, Exchange | None]]:
    """Every refused assertion, with the token request that came after it."""
    sent = [one for one in timeline(case) if token_form(one) and not is_at_idp(one)]
    pairs = [(one, sent[place + 1] if place + 1 < len(sent) else None) for place, one in enumerate(sent)]
    return [
        (one, later)
        for one, later in pairs
        if token_form(one)["grant_type"] == JWT_BEARER
        and one.status in (400, 401, 403)
        and oauth_error(one) != "use_dpop_nonce"
    ]


@rule(
    "assertion-retried",
    step=ANY,
    level=SHOULD,
    who="client",
    summary="After its assertion was refused the client tried again.",
    fix="Stop after the refusal and report it: neither the same assertion nor another grant will do better.",
    spec=Spec("RFC 7523", "2.1"),
    over=Selector(_after_refused_assertion, "no assertion was refused"),
)
def _(case: Case, found: tuple[Exchange, Exchange | None]) -> Iterator[Seen]:
    refused, later = found
    if later is not None:
        grant = token_form(later)["grant_type"]
        yield Seen(later, "body:/grant_type", f"nothing after the refusal in exchange {refused.id}", quoted(grant, 80))
