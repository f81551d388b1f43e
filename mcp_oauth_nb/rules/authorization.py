"""Rules for the authorization request in the browser and the redirect that answers it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import BARE_CODE
from mcp_oauth_nb.protocol.wellknown import is_loopback
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import (
    CODE_AUTHORIZATION_REQUEST,
    CODE_REDIRECT,
    REDIRECT,
    authorization_request,
    is_edited,
    query,
    redirect,
    returned,
    sent_json,
    texts,
)
from mcp_oauth_nb.rules.issuer import checked
from mcp_oauth_nb.rules.rule import MUST, Case, Seen, Selector, rule, since
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, fix_for, kind_of, quoted, shown, who_answered

_PORT = re.compile(r"^(https?://[^/?#]*?):\d{1,5}(?=[/?#]|$)")


def sender(exchange: Exchange, name: str) -> Who:
    """Who is behind a wrong value in a request: the user who changed it, else the client."""
    return "user" if is_edited(exchange, name) else "client"


@rule(
    "pkce-not-sent",
    step="authorize",
    level=MUST,
    who="client",
    summary="The authorization request does not use PKCE with S256.",
    fix="Send code_challenge with code_challenge_method=S256.",
    spec=Spec("MCP 2025-11-25", "Authorization Code Protection"),
    over=CODE_AUTHORIZATION_REQUEST,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    sent = query(exchange)
    for name, fits in (("code_challenge", bool), ("code_challenge_method", "S256".__eq__)):
        if not fits(sent.get(name, "")):
            seen = quoted(sent[name]) if name in sent else f"no {name}"
            wanted = "code_challenge" if name == "code_challenge" else "code_challenge_method=S256"
            yield Seen(exchange, "url", wanted, seen, who=sender(exchange, name), explains=_if_refused(case))


def _if_refused(case: Case) -> tuple[str, ...]:
    """What a wrong authorization request explains: an error about the request, not the user's refusal."""
    back = redirect(case)
    if back is None:
        return ("authorization-page",)
    return ("authorization-error",) if query(back).get("error") in ("invalid_request", "invalid_target") else ()


def registered_redirects(case: Case) -> tuple[str, ...]:
    """The redirect URIs that the registration of this trace allows; the answer counts, else what was sent."""
    for exchange in case.answered("register"):
        if exchange.document is not None and exchange.document.get("client_id"):
            return texts(exchange.document.get("redirect_uris")) or texts(sent_json(exchange).get("redirect_uris"))
    return ()


def is_other_port(used: str, registered: tuple[str, ...]) -> bool:
    """Whether only the port tells a loopback redirect URI from a registered one: servers must allow that (RFC 8252)."""
    wanted = {_PORT.sub(r"\1", one) for one in registered if is_loopback(one)}
    return used not in registered and is_loopback(used) and _PORT.sub(r"\1", used) in wanted


@rule(
    "redirect-uri-unregistered",
    step="authorize",
    level=since("2025-06-18"),
    who="client",
    summary="The authorization request uses a redirect URI that was not registered.",
    fix="Use the registered redirect URI letter by letter, or register again with this one.",
    spec=Spec("MCP 2025-11-25", "Open Redirection"),
    over=Selector(
        lambda case: [one] if (one := authorization_request(case)) and registered_redirects(case) else [],
        "no authorization request by a client registered here was made yet",
    ),
    explains=("authorization-page",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    registered, used = registered_redirects(case), query(exchange).get("redirect_uri")
    if used not in registered and not is_other_port(used or "", registered):
        who = sender(exchange, "redirect_uri")
        yield Seen(exchange, "url", shown(list(registered)), shown(used or "no redirect_uri"), who=who)


@rule(
    "authorization-page",
    step="callback",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server answered with a page in place of a redirect.",
    fix="Open the authorization link in a browser: a person may have to sign in or agree. If the page is an error "
    "about the client or the redirect URI, register exactly the redirect URI that is sent.",
    spec=Spec("RFC 6749", "4.1.2"),
    over=Selector(
        lambda case: [one for one in case.answered("authorize", "callback") if one.direction == "out"],
        "the authorization request was not followed here",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    status = exchange.status or 0
    if 300 <= status < 400 or redirect(case) is not None:
        return
    if status // 100 == 2:
        summary = "The authorization server shows a page: a person has to sign in or agree, which needs a browser."
        yield Seen(exchange, "status", "a redirect with a code", came(exchange), summary, who="user")
        return
    if status >= 500 or kind_of(exchange) in ("too many requests", "proxy login"):
        fix = fix_for(exchange, "the redirect")
    else:
        fix = (
            "Check client_id and redirect_uri: where the server does not know them, it must not redirect. Register "
            "exactly the redirect URI that is sent, port and slash included."
        )
    yield Seen(exchange, "status", "a redirect with a code", came(exchange), fix=fix, who=who_answered(exchange))


def _sent_state(case: Case) -> str | None:
    asked = authorization_request(case)
    return query(asked).get("state") if asked else None


def _state_differs(case: Case, back: Exchange) -> bool:
    sent = _sent_state(case)
    return bool(sent) and returned(case, back).get("state") != sent


_ERRORS: dict[str, tuple[Who, str]] = {
    "access_denied": (
        "user",
        (
            "The user, or a policy of the authorization server, said no. Run authorize again and agree; if nobody was "
            "asked, have the client or the user allowed."
        ),
    ),
    "invalid_request": (
        AUTHORIZATION_SERVER,
        (
            "A parameter is missing, repeated or not understood: compare the authorization URL with the server's "
            "documentation."
        ),
    ),
    "unauthorized_client": (AUTHORIZATION_SERVER, "Allow the client the authorization code grant."),
    "unsupported_response_type": (AUTHORIZATION_SERVER, "Allow the client response_type=code."),
    "invalid_scope": (
        AUTHORIZATION_SERVER,
        "Ask for a scope that this authorization server knows, or have the one that the MCP server asks for defined.",
    ),
    "invalid_target": (
        AUTHORIZATION_SERVER,
        "Register the MCP server's resource with the authorization server, spelled exactly as it is sent.",
    ),
    "server_error": (AUTHORIZATION_SERVER, "Read the authorization server's log."),
    "temporarily_unavailable": (AUTHORIZATION_SERVER, "Wait, then run authorize again."),
    "login_required": ("user", "Sign in to the authorization server, then run authorize again."),
    "consent_required": ("user", "Open the link in a browser and agree."),
    "interaction_required": ("user", "Open the link in a browser and finish what the server asks for."),
    "account_selection_required": ("user", "Open the link in a browser and choose the account to go on with."),
    "unmet_authentication_requirements": (
        "user",
        "Sign in with the stronger method that the authorization server asks for, such as a second factor.",
    ),
    "request_not_supported": ("client", "Send the parameters in the query and not in a signed request object."),
    "request_uri_not_supported": ("client", "Send the parameters in the query and not by reference."),
    "invalid_request_object": ("client", "Send the parameters in the query and not in a signed request object."),
    "invalid_request_uri": ("client", "Send the parameters in the query; what was pushed before may have expired."),
    "registration_not_supported": ("client", "Register the client before it sends an authorization request."),
}


@rule(
    "authorization-error",
    step="callback",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server sent the browser back with an error.",
    fix="Look the error up in the authorization server's documentation, or in its log.",
    spec=Spec("RFC 6749", "4.1.2.1"),
    over=REDIRECT,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    """Text of a response that belongs to another request or comes from another issuer is not repeated."""
    back = returned(case, exchange)
    error = back.get("error")
    forged = _state_differs(case, exchange) and "state" in back
    check = checked(case, exchange)
    if error is None or forged or (check is not None and not check.accepted):
        return
    who, fix = _ERRORS.get(error, (None, ""))
    said = f": {back['error_description']}" if back.get("error_description") else ""
    yield Seen(
        exchange,
        "url",
        expected="a code",
        observed=f"error={error}{said}",
        summary=f"The authorization server sent the browser back with error={quoted(error, 60)}.",
        fix=fix,
        who=who,
    )


@rule(
    "state-mismatch",
    step="callback",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The redirect carries another state than the one that was sent, so it answers another request.",
    fix="Return state unchanged. If the browser came back from an older link, open the newest authorization link.",
    spec=Spec("RFC 6749", "4.1.2"),
    over=Selector(
        lambda case: [one] if (one := redirect(case)) and _sent_state(case) and BARE_CODE not in one.edited else [],
        "no redirect has come back yet for a request with state",
    ),
    explains=("state-ignored",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if not _state_differs(case, exchange):
        return
    seen = "another state" if "state" in returned(case, exchange) else "no state"
    yield Seen(
        exchange,
        "url",
        expected="the state of the authorization request",
        observed=seen,
        summary="" if seen == "another state" else "The redirect does not return the state that was sent.",
    )


@rule(
    "code-missing",
    step="callback",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The redirect carries neither a code nor an error.",
    fix="Send code in the query of the redirect URI, not in its fragment and not in a form.",
    spec=Spec("RFC 6749", "4.1.2"),
    over=CODE_REDIRECT,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    back = query(exchange)
    if not back.get("code") and "error" not in back:
        names = ", ".join(sorted(back)) or "no parameters"
        explains = () if back else ("state-mismatch", "iss-mismatch")
        yield Seen(exchange, "url", "code in the query of the redirect URI", names, explains=explains)
