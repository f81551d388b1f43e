"""Rules for requests to an API with the token, and for its answers (RFC 6750)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import answered, challenges, is_edited, query, returned, text
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.token_claims import issued_tokens
from mcp_oauth_nb.rules.words import Kind, came, fix_for, kind_of, quoted
from mcp_oauth_nb.vault import TAG

API: Who = "API"
ANSWERED = answered("api", missing="no request to an API was answered yet")
SCHEMES = ("bearer", "dpop")


@rule(
    "api-refused",
    step="api",
    level=MUST,
    who=API,
    summary="The API did not serve the request.",
    fix="Read the answer and the API's log: it says what it misses.",
    spec=Spec("RFC 6750", "3.1"),
    over=ANSWERED,
    explains=("unexpected-answer",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    status = exchange.status or 0
    if status // 100 == 2 or exchange.failure is not None:
        return
    who, summary, fix = _why(case, exchange)
    yield Seen(exchange, "status", "an answer in the 200s", came(exchange) + _told(exchange), summary, fix, who)


_UNASKED: dict[Kind, tuple[Who | None, str]] = {
    "gateway error": ("gateway", "A gateway answered in the place of the API."),
    "too many requests": (None, "The API takes no more requests for now."),
    "proxy login": ("network", "A proxy wants a login before it lets the request through."),
}
"""Answers that say nothing of the request itself: who gave them, and what they mean."""


def _why(case: Case, exchange: Exchange) -> tuple[Who | None, str, str]:
    """Who must act on a refusal, what it is, and what to do; the rule's own words where nothing more is known."""
    status = exchange.status or 0
    if kind_of(exchange) in _UNASKED:
        who, summary = _UNASKED[kind_of(exchange)]
        return who, summary, fix_for(exchange, "the API's answer")
    if status == 401:
        return _why_unauthorized(case, exchange)
    if status == 403:
        return _why_forbidden(exchange)
    if 300 <= status < 400:
        fix = "Ask the URL that it redirects to, if it is the API's own: a redirect is not followed with a token."
        return "user", "The API redirects the request elsewhere.", fix
    if status >= 500:
        return None, "The API failed over the request.", fix_for(exchange, "the API's answer")
    fix = "The token was not what it refused: correct the URL, the method or the parameters of the request."
    return "user", "The API does not take the request itself.", fix


def _why_forbidden(exchange: Exchange) -> tuple[Who | None, str, str]:
    wanted = _bearer(exchange, "scope")
    if _bearer(exchange, "error") == "insufficient_scope":
        more = f": ask for {quoted(wanted, 100)}" if wanted else ""
        fix = f"Get a token with more scope{more}, in scope= and with a new authorization."
        return "user", "The access token has too little scope for this request.", fix
    fix = "Have the user or the client allowed at the API; a token with more scope may do, if the API knows scopes."
    return None, "The API knows the token and does not allow this request.", fix


def _why_unauthorized(case: Case, exchange: Exchange) -> tuple[Who | None, str, str]:
    if is_edited(exchange, "authorization"):
        return "user", "The API refused the Authorization header that was changed by hand.", "Send it unchanged."
    late_s = _seconds_too_late(case, exchange)
    if late_s is not None:
        summary = f"The access token had expired {late_s:.0f} s before it was used."
        return "user", summary, f"Get a new one: {_renewed_by(case)}."
    scheme = _scheme(exchange)
    if scheme is not None and scheme.lower() not in SCHEMES:
        fix = "Send the token with the prefix that the API documents; the standard one is header_prefix='Bearer'."
        return "user", "The API refused a token that was shown with an unusual prefix.", fix
    if case.trace.settings.get("use") == "id_token":
        fix = "Send the access token: use='access_token'. An ID token is meant for the client itself."
        return "user", "The API refused the ID token that was sent in the place of an access token.", fix
    if _bearer(exchange, "error"):
        fix = (
            "Find out at the API why: issuer, audience (see audience= and resource=), signature key or expiry. "
            "dbg.introspect() asks the authorization server what the token is good for."
        )
        return None, "The API refused the access token.", fix
    fix = "See whether a proxy removes the Authorization header, and in what way the API wants the token."
    return None, "The API answered as if no token had been sent.", fix


def _renewed_by(case: Case) -> str:
    """The calls that bring a new token; without a refresh token there is nothing to refresh with (RFC 6749 1.5)."""
    answers = [*(one.document or {} for one in case.exchanges()), *(returned(case, one) for one in case.exchanges())]
    if any(text(one.get("refresh_token")) for one in answers):
        return "dbg.refresh(), or the steps of the grant again"
    return "dbg.run(), which takes the steps of the grant again, for no refresh token was issued"


def _seconds_too_late(case: Case, exchange: Exchange) -> float | None:
    """How long after its end the token was used; None for one that was good, or of which nobody knows."""
    found = issued_tokens(case).get(_shown(exchange))
    lifetime = found[1].get("expires_in") if found else None
    if found is None or isinstance(lifetime, bool) or not isinstance(lifetime, (int, float)) or not 0 <= lifetime < 1e9:
        return None
    if (found[0].started.tzinfo is None) != (exchange.started.tzinfo is None):
        return None
    late = exchange.started - found[0].started - timedelta(seconds=lifetime)
    return late.total_seconds() if late > timedelta(0) else None


def _shown(exchange: Exchange) -> str:
    """The token that a request shows, in its header or in its query."""
    header = exchange.request.header("authorization")
    if not header:
        return query(exchange).get("access_token", "")
    tag = TAG.search(header)  # a tag has blanks in it
    return tag[0] if tag else _parted(header)[1]


def _scheme(exchange: Exchange) -> str | None:
    """What stands before the token in the header; None where there is no header."""
    header = exchange.request.header("authorization")
    return _parted(TAG.sub("-", header))[0] if header is not None else None


def _parted(header: str) -> tuple[str, str]:
    """What stands before the token and the token: behind a known scheme all is token, whatever is in it."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() in SCHEMES:
        return scheme, token
    scheme, _, token = header.rpartition(" ")
    return scheme, token


def _bearer(exchange: Exchange, name: str) -> str:
    bearer = challenges(exchange).bearer()
    return (text(bearer.get(name)) or "") if bearer else ""


def _told(exchange: Exchange) -> str:
    """What the challenge says, to be put behind what came."""
    names = [name for name in ("error", "error_description", "scope") if _bearer(exchange, name)]
    said = ", ".join(f"{name}={quoted(_bearer(exchange, name), 100)}" for name in names)
    return f", challenge with {said}" if said else ""


@rule(
    "api-challenge-missing",
    step="api",
    level=MUST,
    who=API,
    summary="The API refuses the token without a challenge, so that no client learns why.",
    fix="Send WWW-Authenticate: Bearer with error and error_description along with every 401.",
    spec=Spec("RFC 6750", "3"),
    over=Selector(
        lambda case: [one for one in case.answered("api") if one.status == 401], "the API refused no token with 401"
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.response is not None and not exchange.response.header_lines("www-authenticate"):
        yield Seen(exchange, "header:WWW-Authenticate", "Bearer and an error", "no WWW-Authenticate")


@rule(
    "api-scheme-unusual",
    step="api",
    level=SHOULD,
    who="client",
    summary="The token is shown with a prefix that no standard knows.",
    fix="Send Authorization: Bearer and the token where the API takes it; else leave the prefix that it documents.",
    spec=Spec("RFC 6750", "2.1"),
    over=Selector(
        lambda case: [one for one in case.exchanges("api") if one.request.header("authorization")],
        "no request to an API carried an Authorization header yet",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    scheme = _scheme(exchange) or ""
    if scheme.lower() not in SCHEMES:
        seen = quoted(scheme, 40) if scheme else "no prefix"
        yield Seen(exchange, "header:Authorization", "Bearer", seen, who=sender(exchange, "authorization"))


@rule(
    "id-token-shown-to-api",
    step="api",
    level=SHOULD,
    who="client",
    summary="The ID token is sent to the API in the place of the access token.",
    fix="Send the access token; the ID token tells the client who logged in, and is made out to the client.",
    spec=Spec("RFC 9068", "4"),
    over=Selector(
        lambda case: [(one, found) for one in case.exchanges("api") if (found := id_tokens_known(case))],
        "no request to an API was made with an ID token at hand",
    ),
)
def _(case: Case, found: tuple[Exchange, frozenset[str]]) -> Iterator[Seen]:
    exchange, known = found
    if _shown(exchange) in known:
        yield Seen(exchange, "header:Authorization", "the access token", "the ID token")


def id_tokens_known(case: Case) -> frozenset[str]:
    """The ID tokens that were issued, at the token endpoint or with the redirect."""
    answers = [one.document or {} for one in case.answered("token", "refresh") if one.status == 200]
    told = [returned(case, one) for one in case.exchanges("callback") if one.direction == "in"]
    return frozenset(token for one in (*answers, *told) if (token := text(one.get("id_token"))))
