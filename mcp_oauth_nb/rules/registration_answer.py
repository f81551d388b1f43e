"""Rules for what the answer to a registration holds beside the client id (RFC 7591 3.2, RFC 7592 3)."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.flow import AUTH_METHODS
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.discovery import Found, wrong_media_type
from mcp_oauth_nb.rules.evidence import form, oauth_error, sent_json, text
from mcp_oauth_nb.rules.registration import ACCEPTED, ANSWERED, accepted
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, kind_of, quoted, shown

MANAGEMENT = ("registration_access_token", "registration_client_uri")


@rule(
    "registration-media-type",
    step="register",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The registered client is not sent as application/json.",
    fix="Send Content-Type: application/json with the answer.",
    spec=Spec("RFC 7591", "3.2.1"),
    over=ACCEPTED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    yield from wrong_media_type(found[0])


@rule(
    "registration-method-contradicted",
    step="register",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The answer to the registration contradicts itself about how the client authenticates.",
    fix="Issue a client_secret for the methods that need one, and none for token_endpoint_auth_method none.",
    spec=Spec("RFC 7591", "2"),
    over=ACCEPTED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    """Without the member it stands for client_secret_basic, which needs a secret (RFC 7591 2)."""
    exchange, document = found
    method, has_secret = text(document.get("token_endpoint_auth_method")), bool(document.get("client_secret"))
    if method == "none" and has_secret:
        yield Seen(exchange, "body:/client_secret", "no client_secret for the method none", "a client_secret")
    elif method in ("client_secret_basic", "client_secret_post") and not has_secret:
        yield Seen(exchange, "body:", f"a client_secret for {quoted(method)}", "no client_secret")


@rule(
    "registration-method-replaced",
    step="register",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The client is registered for a way to authenticate that it did not ask for and does not have.",
    fix="Register the token_endpoint_auth_method that the client asks for, or refuse the registration.",
    spec=Spec("RFC 7591", "3.2.1"),
    over=ACCEPTED,
    explains=("token-refused",),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    """A server may replace what was asked for, but a method with a key is no use to a client that showed none."""
    exchange, document = found
    sent, method = sent_json(exchange), text(document.get("token_endpoint_auth_method"))
    asked = text(sent.get("token_endpoint_auth_method")) or "client_secret_basic"
    if method and method not in (*AUTH_METHODS, asked) and not {"jwks", "jwks_uri"} & sent.keys():
        wanted = f"{quoted(asked)}, as it was asked for, or another of {', '.join(AUTH_METHODS)}"
        yield Seen(exchange, "body:/token_endpoint_auth_method", wanted, quoted(method))


def _unsaid(case: Case) -> list[tuple[Exchange, bool]]:
    """Registrations that were granted, each with whether this client went on without authenticating itself."""
    asked = [one for one in case.exchanges("token") if one.request.method == "POST"]
    public = any(not _shows_secret(one) for one in asked)
    return [(found[0], public) for found in accepted(case)] if asked else []


def _shows_secret(exchange: Exchange) -> bool:
    sent = form(exchange)
    return bool(exchange.request.header("authorization") or sent.get("client_secret") or sent.get("client_assertion"))


@rule(
    "public-client-unsaid",
    step="register",
    level=SHOULD,
    who="client",
    summary="A client that has no secret did not say so when it registered.",
    fix='Register a public client with "token_endpoint_auth_method": "none": left out, it stands for a secret.',
    spec=Spec("RFC 7591", "2"),
    over=Selector(_unsaid, "no client that was registered here asked for a token"),
    explains=("token-refused",),
)
def _(case: Case, piece: tuple[Exchange, bool]) -> Iterator[Seen]:
    exchange, public = piece
    sent = sent_json(exchange)
    if public and "token_endpoint_auth_method" not in sent:
        seen = "no token_endpoint_auth_method"
        yield Seen(exchange, "body:", 'token_endpoint_auth_method "none" in the request', seen)


@rule(
    "registration-cacheable",
    step="register",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The answer holds credentials of the client, but may be stored on the way.",
    fix="Send Cache-Control: no-store with answers that hold a secret or a registration access token.",
    spec=Spec("RFC 7591", "3.2.1"),
    over=Selector(
        lambda case: [one for one in accepted(case) if one[1].get("client_secret") or one[1].get(MANAGEMENT[0])],
        "no registration with credentials was answered yet",
    ),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    control = (found[0].response.header("cache-control") or "") if found[0].response else ""
    if "no-store" not in control.lower():
        yield Seen(found[0], "header:Cache-Control", "no-store", control or "no Cache-Control")


@rule(
    "registration-management-halved",
    step="register",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The registration comes with half of what it takes to manage it.",
    fix="Send registration_client_uri and registration_access_token together, or neither.",
    spec=Spec("RFC 7592", "3"),
    over=ACCEPTED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    has = [name for name in MANAGEMENT if document.get(name)]
    if len(has) == 1:
        missing = next(name for name in MANAGEMENT if name not in has)
        yield Seen(exchange, "body:", f"{missing} beside {has[0]}", f"no {missing}")


@rule(
    "registration-error-malformed",
    step="register",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The refusal does not have the form from which a client could read the reason.",
    fix="Answer 400 with a JSON object that has error and error_description.",
    spec=Spec("RFC 7591", "3.2.2"),
    over=Selector(
        lambda case: [one for one in ANSWERED.pick(case) if one.status in (400, 422)],
        "no registration was refused for what it asked yet",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    """Other statuses than these are not answers to what was asked: who may ask, how often, and at which URL."""
    if exchange.status != 400:
        yield Seen(exchange, "status", "400", str(exchange.status))
    elif not oauth_error(exchange):
        part = "body:/error" if kind_of(exchange) == "refused" and exchange.document else "body:"
        name = "error" if "error" not in (exchange.document or {}) else shown((exchange.document or {})["error"])
        seen = f"error is {name}" if name != "error" else came(exchange)
        yield Seen(exchange, part, "a JSON object with error", seen)
