"""Rules for clients that act for themselves, and for the declaration of an extension in use."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

from mcp_oauth_nb.protocol.grants import EXTENSIONS
from mcp_oauth_nb.protocol.proofs import ASSERTION_TYPE
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange, read_json
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import form, jwt_claims, sent_json, server_document, text, texts
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.timeline import token_requests
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, quoted, shown

CLIENT_CREDENTIALS = "client_credentials"
META = "io.modelcontextprotocol/"
READ_ONLY = "(read, not verified)"


def jwt_header(token: str) -> Mapping[str, Any]:
    """The header of a JWT, read without any check; empty for anything else."""
    first, dot, _ = token.partition(".")
    try:
        value = read_json(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4))).value if dot else None
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def of_grant(case: Case, grant: str) -> list[Exchange]:
    """The token requests with this grant."""
    return [one for one, sent in token_requests(case) if sent["grant_type"] == grant]


def _for_machines(case: Case) -> list[Found]:
    """The authorization server metadata, where a client asked for a token in its own name."""
    found = server_document(case)
    return [found] if found and of_grant(case, CLIENT_CREDENTIALS) else []


@rule(
    "client-credentials-undocumented",
    step="server_metadata",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The metadata does not say how a client that acts for itself authenticates.",
    fix="List private_key_jwt or client_secret_basic in token_endpoint_auth_methods_supported, and with the former "
    "the algorithms in token_endpoint_auth_signing_alg_values_supported.",
    spec=Spec("RFC 8414", "2"),
    over=Selector(_for_machines, "no token was asked for with client credentials"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    methods, part = document.get("token_endpoint_auth_methods_supported"), "token_endpoint_auth_methods_supported"
    # Left out means client_secret_basic (RFC 8414 2).
    named = ("client_secret_basic",) if methods is None else texts(methods)
    if not {"private_key_jwt", "client_secret_basic"} & set(named):
        yield Seen(exchange, f"body:/{part}", "private_key_jwt or client_secret_basic", shown(methods))
    elif "private_key_jwt" in named and not texts(document.get("token_endpoint_auth_signing_alg_values_supported")):
        part = "token_endpoint_auth_signing_alg_values_supported"
        yield Seen(exchange, f"body:/{part}", "the algorithms of private_key_jwt", "none")


@rule(
    "client-credentials-malformed",
    step=ANY,
    level=MUST,
    who="client",
    summary="The client does not authenticate as the client credentials grant asks.",
    fix="Authenticate in one way: client_assertion with its type, or client id and secret.",
    spec=Spec("RFC 7523", "2.2"),
    over=Selector(lambda case: of_grant(case, CLIENT_CREDENTIALS), "no token was asked for with client credentials"),
    explains=("token-refused",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    sent = form(exchange)
    basic = (exchange.request.header("authorization") or "").lower().startswith("basic ")
    by_key = "client_assertion" in sent
    if by_key and sent.get("client_assertion_type") != ASSERTION_TYPE:
        seen = quoted(sent.get("client_assertion_type", "")) if "client_assertion_type" in sent else "none"
        who = sender(exchange, "client_assertion_type")
        yield Seen(exchange, "body:/client_assertion_type", quoted(ASSERTION_TYPE), seen, who=who)
    ways = [name for name, used in (("HTTP Basic", basic), ("client_secret", bool(sent.get("client_secret")))) if used]
    ways += ["client_assertion"] if by_key else []
    if len(ways) != 1:
        seen = " and ".join(ways) or "none"
        yield Seen(exchange, "body:", "one way to authenticate", seen, who="user" if exchange.edited else None)


def _assertions(case: Case) -> list[tuple[Exchange, str]]:
    return [(one, sent["client_assertion"]) for one, sent in token_requests(case) if sent.get("client_assertion")]


@rule(
    "client-assertion-claims",
    step=ANY,
    level=MUST,
    who="client",
    summary="The assertion that the client authenticates with does not say what it has to.",
    fix="Sign iss and sub with the client id, aud with the issuer or token endpoint, exp in the near future, and jti.",
    spec=Spec("RFC 7523", "3"),
    over=Selector(_assertions, "no client authenticated with an assertion"),
    explains=("token-refused", "refresh-refused"),
)
def _(case: Case, found: tuple[Exchange, str]) -> Iterator[Seen]:
    exchange, assertion = found
    claims, part = jwt_claims(assertion), "body:/client_assertion"
    who = sender(exchange, "client_assertion")
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not issuer or issuer != subject:
        yield Seen(
            exchange, part, "iss and sub alike", f"iss={shown(issuer)}, sub={shown(subject)} {READ_ONLY}", who=who
        )
    named = audience_of(claims)
    if not set(named) & set(names_of_server(case, exchange)):
        yield Seen(
            exchange, part, "aud with the issuer or the token endpoint", f"aud={shown(claims.get('aud'))}", who=who
        )
    expires = claims.get("exp")
    if isinstance(expires, bool) or not isinstance(expires, (int, float)):
        yield Seen(exchange, part, "exp, a number of seconds", "no exp", who=who)
    elif expires <= _seconds(exchange):
        yield Seen(exchange, part, "exp in the future", f"exp in the past {READ_ONLY}", who=who)


def audience_of(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Whom a JWT is for."""
    audience = claims.get("aud")
    return (audience,) if isinstance(audience, str) else texts(audience)


def names_of_server(case: Case, exchange: Exchange) -> tuple[str, ...]:
    """What an authorization server goes by: its issuer, and the URL that was asked."""
    found = server_document(case)
    issuer = text(found[1].get("issuer")) if found else None
    url = exchange.request.url
    return (url, url.partition("?")[0], *((issuer,) if issuer else ()))


def _seconds(exchange: Exchange) -> float:
    started = exchange.started
    return (started if started.tzinfo else started.replace(tzinfo=UTC)).timestamp()


def _declaring(case: Case) -> list[Exchange]:
    """MCP requests that are complete in themselves, of a grant that is an extension."""
    if case.trace.settings.get("grant") not in EXTENSIONS:
        return []
    return [one for one in case.exchanges("mcp", "call") if _meta(one)]


def _meta(exchange: Exchange) -> Mapping[str, Any]:
    params = sent_json(exchange).get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return meta if isinstance(meta, dict) else {}


@rule(
    "extension-not-declared",
    step="mcp",
    level=SHOULD,
    who="client",
    summary="The client uses an extension that it does not declare.",
    fix="Name the extension in _meta under clientCapabilities.extensions of every request.",
    spec=Spec("MCP 2026-07-28", "Authorization Extensions"),
    over=Selector(_declaring, "no extension was in use in a version whose requests declare it"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    wanted = EXTENSIONS[case.trace.settings["grant"]]
    capabilities = _meta(exchange).get(f"{META}clientCapabilities")
    declared = capabilities.get("extensions") if isinstance(capabilities, dict) else None
    if not isinstance(declared, dict) or wanted not in declared:
        yield Seen(exchange, "body:/params/_meta", wanted, "no such extension", who=sender(exchange, "params"))
