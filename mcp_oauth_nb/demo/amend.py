"""What a strict reader of the RFCs asks of the SDK's answers."""

from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from .answers import Answer, Asked
from .jwts import JWKS
from .management import managed
from .oauth import (
    AUTHORIZE,
    INTROSPECT,
    MCP,
    REGISTER,
    RESOURCE_METADATA,
    REVOKE,
    SERVER_METADATA,
    TOKEN,
    UNSPEAKABLE,
    oauth_error,
    redirected,
    unknown_client,
)
from .provider import CLIENT_CREDENTIALS, GRANT_TYPES, SCOPE, Provider


def amended(asked: Asked, answer: Answer, provider: Provider) -> Answer:
    """The SDK's answer, mended."""
    mend = AMENDMENTS.get(asked.path)
    return mend(asked, answer, provider) if mend else answer


def _speakable(answer: Answer) -> Answer:
    """The error with a description of permitted characters, never stored."""
    document = answer.json
    if answer.status < 400 or not isinstance(document, dict) or "error" not in document:
        return answer
    said = UNSPEAKABLE.sub(" ", str(document.get("error_description", "")))
    return answer.patched(error_description=said or None).with_header("cache-control", "no-store")


def _amend_server_metadata(asked: Asked, answer: Answer, provider: Provider) -> Answer:
    """Say that public clients are welcome (RFC 8414 section 2) and that iss comes along (RFC 9207 section 3).

    Introspection is the exception: there a client has to authenticate (RFC 7662 section 2.1).
    """
    methods = ["none", "client_secret_basic", "client_secret_post"]
    return _unstored(asked, answer, provider).patched(
        response_modes_supported=["query"],
        grant_types_supported=[*GRANT_TYPES, CLIENT_CREDENTIALS],
        token_endpoint_auth_methods_supported=methods,
        revocation_endpoint_auth_methods_supported=methods,
        introspection_endpoint=f"{provider.issuer}{INTROSPECT}",
        introspection_endpoint_auth_methods_supported=methods[1:],
        authorization_response_iss_parameter_supported=True,
        client_id_metadata_document_supported=True,
        jwks_uri=f"{provider.issuer}{JWKS}" if provider.reads_tokens() else None,
    )


def _amend_resource_metadata(asked: Asked, answer: Answer, provider: Provider) -> Answer:
    """Name the other issuers before our own, where there are any (RFC 9728 section 2)."""
    issuers = [*provider.other_issuers, provider.issuer]
    return _unstored(asked, answer, provider).patched(authorization_servers=issuers)


def _unstored(asked: Asked, answer: Answer, provider: Provider) -> Answer:
    """Metadata that a fault may change at any moment must not be cached."""
    return answer.with_header("cache-control", "no-store") if answer.status == 200 else answer


def _amend_authorize(asked: Asked, answer: Answer, provider: Provider) -> Answer:
    """Errors go to the redirect URI as written, with iss; the way to the consent page stays."""
    if not answer.is_redirect:
        return _speakable(answer)
    params = dict(asked.query)
    client = provider.clients.get(params.get("client_id", ""))
    target = client.redirect_text(params.get("redirect_uri")) if client else None
    said = dict(parse_qsl(urlsplit(answer.header("location")).query))
    if "error" not in said or target is None:
        return answer
    return redirected(target, params.get("state"), provider, said["error"], said.get("error_description", ""))


def _amend_token(asked: Asked, answer: Answer, provider: Provider) -> Answer:
    """Failed client authentication gets its challenge; a grant offered, but not to this client, gets its right name."""
    document = answer.json
    error = document.get("error") if isinstance(document, dict) else None
    if answer.status == 401:
        return unknown_client(UNSPEAKABLE.sub(" ", str(document.get("error_description", ""))))
    if error == "unsupported_grant_type":
        return oauth_error(400, "unauthorized_client", "this client is not registered for that grant type")
    return _speakable(answer)


def _amend_register(asked: Asked, answer: Answer, provider: Provider) -> Answer:
    """The redirect URIs come back as written, and the credentials are not stored (RFC 7591 section 3.2.1).

    The client hears where its registration can be read and removed (RFC 7592 section 3).
    """
    if answer.status != 201:
        return _speakable(answer)
    extra = managed(str(answer.json["client_id"]), provider)
    return answer.patched(redirect_uris=asked.json["redirect_uris"], **extra).with_header("cache-control", "no-store")


def _amend_mcp(asked: Asked, answer: Answer, provider: Provider) -> Answer:
    """The challenge: no error where no token came (RFC 6750 section 3.1), the scope that is needed, the metadata."""
    known = f'resource_metadata="{provider.issuer}{RESOURCE_METADATA}", scope="{SCOPE}"'
    if answer.status == 401 and asked.bearer is None:
        plain = Answer.of_json(401, {"message": "Authorization required"})
        return _shared(asked, plain.with_header("www-authenticate", f"Bearer {known}"))
    if answer.status == 401:
        error, reason = "invalid_token", provider.refusal(asked.bearer or "") or "The access token was refused"
    elif answer.status == 403 and "insufficient_scope" in answer.header("www-authenticate"):
        error, reason = "insufficient_scope", f"The scope {SCOPE} is needed"
    else:
        return answer
    challenge = f'Bearer error="{error}", error_description="{reason}", {known}'
    return oauth_error(answer.status, error, reason).with_header("www-authenticate", challenge)


def _shared(asked: Asked, answer: Answer) -> Answer:
    """The refusal, with its challenge readable for a page in a browser (CORS)."""
    if not asked.header("origin"):
        return answer
    exposed = answer.with_header("access-control-expose-headers", "WWW-Authenticate, Mcp-Session-Id")
    return exposed.with_header("access-control-allow-origin", "*")


AMENDMENTS: dict[str, Callable[[Asked, Answer, Provider], Answer]] = {
    SERVER_METADATA: _amend_server_metadata,
    RESOURCE_METADATA: _amend_resource_metadata,
    AUTHORIZE: _amend_authorize,
    TOKEN: _amend_token,
    REVOKE: _amend_token,
    REGISTER: _amend_register,
    MCP: _amend_mcp,
}
