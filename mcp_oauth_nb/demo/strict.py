"""What a strict reader of the RFCs asks of a request, before the SDK's handlers see it.

`refusal` answers what the SDK would let through, `adapted` rewrites what it would wrongly refuse; `amend` mends its
answers. Each function covers one endpoint and names its source. Written against mcp 2.3.0; what a later SDK makes
needless can simply be deleted.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .answers import FORM, Answer, Asked, Pairs
from .clients import unusable_redirect
from .oauth import AUTHORIZE, BASIC, MCP, REGISTER, REVOKE, TOKEN, oauth_error, redirected, unknown_client
from .provider import CLIENT_CREDENTIALS, GRANT_TYPES, Provider


def refusal(asked: Asked, provider: Provider) -> Answer | None:
    """The error for a request that the SDK would accept, or would refuse in other words; None to let it pass."""
    check = REFUSALS.get((asked.method, asked.path))
    return check(asked, provider) if check else None


def adapted(asked: Asked) -> Asked:
    """The request as the SDK can read it."""
    if asked.path in (AUTHORIZE, TOKEN, REVOKE):
        # A parameter without a value counts as left out (RFC 6749 section 3.1).
        asked = asked.with_params(pair for pair in asked.params if pair[1])
    if asked.path in (TOKEN, REVOKE) and asked.method == "POST":
        asked = _with_client(asked)
    if asked.path == REGISTER and isinstance(document := asked.json, dict):
        # Left out means client_secret_basic (RFC 7591 section 2); the SDK takes client_secret_post.
        document.setdefault("token_endpoint_auth_method", BASIC)
        return replace(asked, body=Answer.of_json(200, document).body)
    return asked


def _repeated(params: Pairs, *allowed: str) -> set[str]:
    """Parameters given more than once, which RFC 6749 section 3.1 forbids."""
    return {name for name, times in Counter(name for name, _ in params).items() if times > 1} - set(allowed)


def _refuse_authorize(asked: Asked, provider: Provider) -> Answer | None:
    twice = _repeated(asked.query, "resource")
    params = dict(asked.query)
    client = provider.clients.get(params.get("client_id", ""))
    target = client.redirect_text(params.get("redirect_uri")) if client else None
    if twice & {"client_id", "redirect_uri"}:
        return oauth_error(400, "invalid_request", "client_id and redirect_uri may be given once only")
    if target is None:
        return None  # the SDK says so, and does not redirect (RFC 6749 section 4.1.2.1)
    error = None
    if twice:
        error = "invalid_request", "a parameter is given more than once"
    elif not params.get("response_type"):
        error = "invalid_request", "the parameter response_type is missing"
    elif len({value for name, value in asked.query if name == "resource"}) > 1:
        error = "invalid_target", "this server issues tokens for one resource only"
    elif params["response_type"] == "code" and params.get("code_challenge_method") != "S256":
        # Left out means plain (RFC 7636 section 4.3); the SDK takes S256.
        error = "invalid_request", "code_challenge_method must be S256"
    return redirected(target, params.get("state"), provider, *error) if error else None


def _refuse_form(asked: Asked) -> Answer | None:
    """The checks that token and revocation requests share."""
    if asked.media_type != FORM:
        return oauth_error(400, "invalid_request", f"the body must be {FORM}")
    if _repeated(asked.form, "resource"):
        return oauth_error(400, "invalid_request", "a parameter is given more than once")
    if not asked.header("authorization"):
        return None
    if asked.basic is None:
        return unknown_client("the Authorization header is not readable as Basic")
    if "client_secret" in dict(asked.form):
        return oauth_error(400, "invalid_request", "only one client authentication method may be used")
    return None


def _refuse_token(asked: Asked, provider: Provider) -> Answer | None:
    form = dict(asked.form)
    if (error := _refuse_form(asked) or _refuse_method(asked, provider)) is not None:
        return error
    offered = (*GRANT_TYPES, CLIENT_CREDENTIALS)
    if form.get("grant_type") and form["grant_type"] not in offered:
        return oauth_error(400, "unsupported_grant_type", f"offered are {', '.join(offered)}")
    if form.get("grant_type") and not form.get("resource") and provider.requires_resource:
        return oauth_error(400, "invalid_request", "the parameter resource is missing")
    if any(value and not provider.serves(value) for name, value in asked.form if name == "resource"):
        return oauth_error(400, "invalid_target", "this server does not issue tokens for that resource")
    code = provider.codes.get(form.get("code", ""))
    if code is not None and form.get("redirect_uri", "") not in ("", provider.redirects[code.code]):
        # RFC 6749 section 5.2 names invalid_grant for this; the SDK says invalid_request.
        return oauth_error(400, "invalid_grant", "redirect_uri is not the one of the authorization request")
    return None


def _refuse_method(asked: Asked, provider: Provider) -> Answer | None:
    """A Basic header from a client that is not registered for it."""
    if asked.basic is None:
        return None
    client = provider.clients.get(asked.basic[0])
    if client is None or client.token_endpoint_auth_method == BASIC:
        return None
    return unknown_client("this client is not registered for client_secret_basic")


def _refuse_revoke(asked: Asked, provider: Provider) -> Answer | None:
    return _refuse_form(asked) or _refuse_method(asked, provider)


def _refuse_register(asked: Asked, provider: Provider) -> Answer | None:
    document: Any = asked.json
    if asked.media_type != "application/json" or not isinstance(document, dict):
        return oauth_error(400, "invalid_client_metadata", "the body must be a JSON object")
    uris = document.get("redirect_uris")
    if not isinstance(uris, list) or not uris:
        return oauth_error(400, "invalid_redirect_uri", "redirect_uris must name at least one URI")
    reason = next((why for uri in uris if (why := unusable_redirect(uri))), None)
    return oauth_error(400, "invalid_redirect_uri", reason) if reason else None


def _refuse_second_token(asked: Asked, provider: Provider) -> Answer | None:
    """A token comes in one way only (RFC 6750 section 2)."""
    twice = asked.bearer is not None and any(name == "access_token" for name, _ in asked.query)
    return oauth_error(400, "invalid_request", "the access token was sent in two ways") if twice else None


REFUSALS: dict[tuple[str, str], Callable[[Asked, Provider], Answer | None]] = {
    ("GET", AUTHORIZE): _refuse_authorize,
    ("POST", AUTHORIZE): lambda asked, provider: oauth_error(405, "invalid_request", "use GET").with_header(
        "allow", "GET"
    ),
    ("POST", MCP): _refuse_second_token,
    ("POST", TOKEN): _refuse_token,
    ("POST", REVOKE): _refuse_revoke,
    ("POST", REGISTER): _refuse_register,
}


def _with_client(asked: Asked) -> Asked:
    """The form with the members the SDK insists on.

    It wants client_id in the body even beside a Basic header (RFC 6749 section 2.3.1 does not), and at the revocation
    endpoint a client_secret even of public clients; a token_type_hint it does not know it refuses, where RFC 7009
    section 2.1 only sees a hint.
    """
    form = dict(asked.form)
    if asked.basic is not None:
        form.setdefault("client_id", asked.basic[0])
    if asked.path == REVOKE:
        form.setdefault("client_secret", "")
        if form.get("token_type_hint") not in ("access_token", "refresh_token"):
            form.pop("token_type_hint", None)
    return asked.with_params(form.items())
