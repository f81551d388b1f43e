"""Rules for the members of the authorization server metadata: URLs, lists and switches (RFC 8414 2)."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.grants import DEVICE_CODE, JWT_BEARER
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import OPENID_CONFIGURATION, is_loopback, split
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import (
    CODE_SERVER_DOCUMENT,
    SERVER_DOCUMENT,
    is_at_idp,
    oauth_error,
    server_document,
    text,
    texts,
)
from mcp_oauth_nb.rules.hosts import host_of, is_out_of_reach
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.server_metadata import ENDPOINTS
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, shown

ASKED_FOR = (*ENDPOINTS, "jwks_uri")
MEMBERS = Spec("RFC 8414", "2")
_OF_ISSUER = Selector(
    lambda case: [one] if (one := server_document(case)) and text(one[1].get("issuer")) else [],
    "no authorization server metadata with an issuer was found",
)


@rule(
    "issuer-malformed",
    step="server_metadata",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The issuer is no https URL without query and fragment.",
    fix="Choose as issuer an https URL without query and fragment, and use it in the metadata, in iss and in "
    "authorization_servers.",
    spec=MEMBERS,
    over=_OF_ISSUER,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    issuer = text(document.get("issuer")) or ""
    insecure = not issuer.lower().startswith("https:") and not is_loopback(issuer)
    if split(issuer) is not None and (insecure or "?" in issuer or "#" in issuer):
        seen = "plain http" if insecure else "a query or fragment"
        yield Seen(exchange, "body:/issuer", "an https URL without query and fragment", f"{seen}: {shown(issuer)}")


@rule(
    "endpoint-malformed",
    step="server_metadata",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="An endpoint of the authorization server is no absolute URL without fragment.",
    fix="Publish every endpoint as an absolute https URL without fragment.",
    spec=Spec("OAuth 2.1", "3.1"),
    over=SERVER_DOCUMENT,
    explains=("unreachable", "unexpected-answer", "registration-endpoint-missing"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    """What lacks altogether, and the two endpoints that must be there, are another rule's to tell."""
    exchange, document = found
    for name in ENDPOINTS:
        url = text(document.get(name))
        required = name in ("authorization_endpoint", "token_endpoint")
        if url is None or ("#" not in url and (required or split(url) is not None)):
            continue
        what = "has a fragment" if "#" in url else "is no absolute URL"
        yield Seen(exchange, f"body:/{name}", "an absolute URL without fragment", shown(url), f"The {name} {what}.")


@rule(
    "endpoint-internal",
    step="server_metadata",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="An endpoint lies where only the authorization server's own machine or network can reach it.",
    fix="Set the authorization server's public base URL, so that every endpoint it publishes is built from that.",
    spec=MEMBERS,
    over=_OF_ISSUER,
    explains=("unreachable", "endpoint-not-https", "registration-refused", "token-refused", "authorization-page"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    issuer = text(document.get("issuer")) or ""
    beside = exchange.request.url  # it answered here, whatever the document says of itself
    for name in ASKED_FOR:
        url = text(document.get(name)) or ""
        if split(url) is not None and is_out_of_reach(url, beside) and not _is_public(case, url):
            summary = f"The {name} is on {host_of(url)}, where only the server's own machine or network gets to."
            yield Seen(exchange, f"body:/{name}", f"a URL that is public like {shown(issuer)}", shown(url), summary)


def _is_public(case: Case, url: str) -> bool:
    """Whether an answer came from this host: then it is within reach, whatever it is called."""
    host = host_of(url)
    return any(one.response is not None and host_of(one.request.url) == host for one in case.exchanges())


@rule(
    "plain-pkce-offered",
    step="server_metadata",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server offers PKCE with plain beside S256, which protects nothing.",
    fix='Publish "code_challenge_methods_supported": ["S256"], and refuse plain.',
    spec=Spec("RFC 9700", "2.1.1"),
    over=CODE_SERVER_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    methods = texts(document.get("code_challenge_methods_supported"))
    if "plain" in methods and "S256" in methods:
        yield Seen(exchange, "body:/code_challenge_methods_supported", '["S256"]', shown(list(methods)))


@rule(
    "old-grants-offered",
    step="server_metadata",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server offers a grant that is no longer to be used.",
    fix="Switch off the implicit and the password grant, and take them out of the metadata.",
    spec=Spec("RFC 9700", "2.1.2"),
    over=SERVER_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    for name, old in (("grant_types_supported", ("implicit", "password")), ("response_types_supported", ("token",))):
        offered = [one for one in texts(document.get(name)) if one in old]
        if offered:
            yield Seen(exchange, f"body:/{name}", f"a list without {' and '.join(old)}", shown(offered))


@rule(
    "openid-members-missing",
    step="server_metadata",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The OpenID Connect document lacks members that OpenID Connect clients must find.",
    fix="Add them, or publish the document at /.well-known/oauth-authorization-server, where they are not asked for.",
    spec=Spec("OIDC Discovery", "3"),
    over=Selector(
        lambda case: [one] if (one := server_document(case)) and OPENID_CONFIGURATION in one[0].request.url else [],
        "the metadata was not taken from an OpenID Connect document",
    ),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    wanted = ("jwks_uri", "subject_types_supported", "id_token_signing_alg_values_supported")
    missing = [name for name in wanted if name not in document]
    if missing:
        yield Seen(exchange, f"body:/{missing[0]}", ", ".join(wanted), f"no {', no '.join(missing)}")


@rule(
    "server-metadata-empty-members",
    step="server_metadata",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server metadata sends members without a value, at which strict parsers fail.",
    fix="Leave members without a value out of the document.",
    spec=Spec("RFC 8414", "3.2"),
    over=SERVER_DOCUMENT,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    told = ("code_challenge_methods_supported", "response_types_supported", "grant_types_supported")
    for name, value in document.items():
        if value is None or (value == [] and name not in told):
            seen = "null" if value is None else "an empty list"
            yield Seen(exchange, "body:", "members with a value only", f"{name} is {seen}")


@rule(
    "document-flag-malformed",
    step="server_metadata",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The member that announces client ID metadata documents is not true or false.",
    fix="Publish client_id_metadata_document_supported as the JSON value true, without quotes, or leave it out.",
    spec=Spec("CIMD", "5"),
    over=SERVER_DOCUMENT,
    explains=("registration-endpoint-missing", "client-document-unannounced"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    yield from _no_boolean(found, "client_id_metadata_document_supported")


def _no_boolean(found: Found, name: str) -> Iterator[Seen]:
    value = found[1].get(name, False)
    if not isinstance(value, bool):
        yield Seen(found[0], f"body:/{name}", "true or false", shown(value))


_WANTED = {
    "client_credentials": "client_credentials",
    "jwt_bearer": JWT_BEARER,
    "enterprise": JWT_BEARER,
    "implicit": "implicit",
    "password": "password",
    "device": DEVICE_CODE,
}


_NOT_ALLOWED = ("unsupported_grant_type", "unauthorized_client")


def _of_grant(case: Case) -> list[tuple[Found, str]]:
    wanted = _WANTED.get(case.trace.settings.get("grant", ""))
    found = server_document(case)
    return [(found, wanted)] if found and wanted else []


@rule(
    "grant-not-offered",
    step="server_metadata",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server does not list the grant with which tokens are asked for here.",
    fix="Enable the grant for this client and list it in grant_types_supported, or ask with one that is listed.",
    spec=MEMBERS,
    over=Selector(_of_grant, "no authorization server metadata was found for a grant without a browser"),
    explains=("token-refused",),
)
def _(case: Case, piece: tuple[Found, str]) -> Iterator[Seen]:
    """Without the member the authorization code and the implicit grant are all there is (RFC 8414 2).

    Many servers list less than they serve, so that only a refusal of the grant makes a breach of it.
    """
    (exchange, document), wanted = piece
    name = "grant_types_supported"
    refused = any(oauth_error(one) in _NOT_ALLOWED and not is_at_idp(one) for one in case.answered("token"))
    if refused and wanted not in texts(document.get(name)):
        seen = shown(document[name]) if name in document else f"no {name}, which stands for authorization_code"
        yield Seen(exchange, f"body:/{name}", f'a list with "{wanted}"', seen)
