"""Rules for dynamic client registration (RFC 7591)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange, Run
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import answered, is_edited, oauth_error, sent_json, server_document, texts
from mcp_oauth_nb.rules.rule import MAY, MUST, SHOULD, Case, Seen, Selector, rule, since
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, fix_for, shown, who_answered, with_error

REPEATED = ("redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method", "scope")
"""What a client must know of its registration."""
ANSWERED = answered("register", missing="no registration request was answered yet")


def accepted(case: Case) -> list[Found]:
    """Registrations that were granted, with what was registered."""
    return [
        (one, one.document)
        for one in case.answered("register")
        if one.status in (200, 201) and one.document is not None and "client_id" in one.document
    ]


ACCEPTED = Selector(accepted, "no client was registered yet")


def _unregistered(case: Case) -> list[Run]:
    """The registration, where there was metadata in which to look for an endpoint."""
    run = case.runs.get("register")
    return [run] if run is not None and server_document(case) else []


@rule(
    "registration-endpoint-missing",
    step="register",
    level={"2025-03-26": SHOULD, "2025-11-25": MAY},
    who="user",
    summary="The authorization server does not offer dynamic registration, so a client must be given.",
    fix="Register a client by hand with the authorization server and give it: Debugger(url, client=Client('id')).",
    spec=Spec("MCP 2025-11-25", "Client Registration Approaches"),
    over=Selector(_unregistered, "no client was registered or given yet for known authorization server metadata"),
)
def _(case: Case, run: Run) -> Iterator[Seen]:
    found = server_document(case)
    if found is None or case.exchanges("register"):
        return
    exchange, document = found
    value = document.get("registration_endpoint")
    if not isinstance(value, str):
        seen = shown(value) if "registration_endpoint" in document else "no registration_endpoint"
        wanted = "a registration_endpoint, or a client of your own"
        if run.achieved:
            summary = "The authorization server offers no dynamic registration: every client is registered by hand."
            fix = "Offer dynamic registration (RFC 7591); from MCP 2025-11-25 on a server may do without."
            yield Seen(exchange, "body:/registration_endpoint", wanted, seen, summary, fix, AUTHORIZATION_SERVER)
        else:
            yield Seen(exchange, "body:/registration_endpoint", wanted, seen, level=MUST)


@rule(
    "application-type-missing",
    step="register",
    level=since("2026-07-28", before=MAY),
    who="client",
    summary="The registration does not say whether the client is a native or a web application.",
    fix='Send "application_type": "native" for redirects to this machine or to an app, else "web".',
    spec=Spec("MCP 2026-07-28", "Application Type and Redirect URI Constraints"),
    over=Selector(
        lambda case: [one for one in case.exchanges("register") if one.request.method == "POST"],
        "no registration request was made yet",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    sent = sent_json(exchange)
    if sent.get("application_type") not in ("native", "web"):
        seen = shown(sent["application_type"]) if "application_type" in sent else "no application_type"
        who: Who | None = "user" if is_edited(exchange, "application_type") else None
        yield Seen(exchange, "body:", 'application_type, "native" or "web"', seen, who=who)


_REFUSALS: dict[str, tuple[Who, str]] = {
    "invalid_redirect_uri": (
        "client",
        (
            "Choose a redirect URI that the server's policy allows: try http://127.0.0.1 in place of localhost or the "
            "other way round, or have the URI allowed."
        ),
    ),
    "invalid_client_metadata": (
        "client",
        (
            "The server does not accept a value that was sent; its description may name it: authentication method, "
            "grant types or scope."
        ),
    ),
    "invalid_software_statement": ("client", "Send a software statement that this server trusts, or none."),
    "unapproved_software_statement": (
        AUTHORIZATION_SERVER,
        "Have the software statement approved by the authorization server's operator.",
    ),
}


@rule(
    "registration-refused",
    step="register",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server refused to register the client.",
    fix="Open dynamic registration, or register a client by hand and give it: Debugger(url, client=Client('id')).",
    spec=Spec("RFC 7591", "3.2.2"),
    over=ANSWERED,
    explains=("registration-error-malformed",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status in (200, 201):
        return
    who, fix = _why_refused(exchange)
    error = oauth_error(exchange)
    yield Seen(
        exchange,
        "body:/error" if error else "status",
        expected="201 with a client_id",
        observed=came(exchange),
        summary=f"The registration was refused: {exchange.status}{with_error(error)}.",
        fix=fix,
        who=who,
    )


def _why_refused(exchange: Exchange) -> tuple[Who, str]:
    error = oauth_error(exchange)
    if error in _REFUSALS:
        return _REFUSALS[error]
    by_hand = "register a client by hand and give it: Debugger(url, client=Client('id'))."
    if exchange.status in (401, 403):
        return AUTHORIZATION_SERVER, f"Registration is not open to everybody. Open it for MCP clients, or {by_hand}"
    if exchange.status in (404, 405, 501):
        return AUTHORIZATION_SERVER, (
            f"The endpoint is advertised but does not work. Enable it or stop advertising it; meanwhile {by_hand}"
        )
    if exchange.status == 429:
        return AUTHORIZATION_SERVER, f"Too many registrations: wait and try again, or {by_hand}"
    return who_answered(exchange), fix_for(exchange, "the registered client")


@rule(
    "registration-answer-invalid",
    step="register",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The registration succeeded by its status, but the answer holds no client_id.",
    fix="Answer 201 with a JSON object that has client_id and all registered metadata.",
    spec=Spec("RFC 7591", "3.2.1"),
    over=ANSWERED,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status not in (200, 201):
        return
    if exchange.document is None:
        fix = fix_for(exchange, "the registered client")
        yield Seen(exchange, "body:", "a JSON object with a client_id", came(exchange), fix=fix)
        return
    client_id = exchange.document.get("client_id")
    if not isinstance(client_id, str) or not client_id.strip():
        seen = shown(client_id) if "client_id" in exchange.document else came(exchange) + " without client_id"
        yield Seen(exchange, "body:/client_id", "client_id, a string that is not empty", seen)


@rule(
    "registration-status",
    step="register",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The registration was answered 200 in place of 201.",
    fix="Answer a successful registration with 201 Created.",
    spec=Spec("RFC 7591", "3.2.1"),
    over=ACCEPTED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    if found[0].status != 201:
        yield Seen(found[0], "status", "201", str(found[0].status))


@rule(
    "registration-secret-expiry",
    step="register",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="A client secret was issued without saying when it expires.",
    fix="Add client_secret_expires_at, in seconds since 1970, or 0 for a secret that does not expire.",
    spec=Spec("RFC 7591", "3.2.1"),
    over=Selector(
        lambda case: [found for found in accepted(case) if found[1].get("client_secret")],
        "no client secret was issued",
    ),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    expires = document.get("client_secret_expires_at")
    if not isinstance(expires, (int, float)) or isinstance(expires, bool):
        seen = shown(expires) if "client_secret_expires_at" in document else "no client_secret_expires_at"
        yield Seen(exchange, "body:/client_secret_expires_at", "a number of seconds, or 0", seen)
    elif 0 < expires < exchange.started.replace(tzinfo=exchange.started.tzinfo or UTC).timestamp():
        summary = "The client secret had expired already when it was issued."
        fix = "Set client_secret_expires_at in seconds since 1970 (not in seconds from now, nor in the past), or to 0."
        wanted = "a time to come, or 0"
        yield Seen(exchange, "body:/client_secret_expires_at", wanted, shown(expires), summary, fix, level=MUST)


@rule(
    "registration-changed",
    step="register",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The client was registered with other values than those that were sent.",
    fix="Register the values as sent, or use those that the answer gives.",
    spec=Spec("RFC 7591", "3.2.1"),
    over=ACCEPTED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    sent = sent_json(exchange)
    if not any(name in document for name in REPEATED):
        if any(name in sent for name in REPEATED):
            summary = (
                "The answer repeats nothing of what was registered, so that the client cannot tell what is in force."
            )
            fix = "Answer with all registered metadata beside the client_id, defaults included."
            wanted = ", ".join(name for name in REPEATED if name in sent)
            yield Seen(exchange, "body:", wanted, "none of them", summary, fix)
        return
    yield from _lost_redirects(exchange, texts(sent.get("redirect_uris")), document.get("redirect_uris"))
    for name in REPEATED[1:]:
        if name not in sent or (name == "scope" and name not in document):
            continue
        if _as_set(document.get(name)) != _as_set(sent[name]):
            seen = shown(document[name]) if name in document else f"no {name}"
            yield Seen(exchange, f"body:/{name}", shown(sent[name]), seen, f"The server registered another {name}.")


def _lost_redirects(exchange: Exchange, sent: tuple[str, ...], registered: object) -> Iterator[Seen]:
    if registered is None:
        if sent:
            seen, summary = "no redirect_uris", "The answer does not say which redirect URIs are registered."
            yield Seen(exchange, "body:/redirect_uris", shown(list(sent)), seen, summary)
    elif lost := [uri for uri in sent if uri not in texts(registered)]:
        yield Seen(
            exchange,
            "body:/redirect_uris",
            expected=shown(lost),
            observed=shown(registered),
            summary="The redirect URI that was sent is not among those registered.",
            fix="Register redirect URIs exactly as the client sends them.",
            level=MUST,
            explains=("authorization-page", "authorization-error"),
        )


def _as_set(value: object) -> object:
    """Order does not count in lists, nor in a scope."""
    if isinstance(value, list):
        return frozenset(texts(value)) if len(texts(value)) == len(value) else None
    return frozenset(value.split()) if isinstance(value, str) else value if isinstance(value, (int, float)) else None
