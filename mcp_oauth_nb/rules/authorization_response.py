"""Rules for the authorization response: its form, and what a client makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from urllib.parse import parse_qsl, urljoin

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange, Run
from mcp_oauth_nb.rules.authorization_request import S256_CHALLENGE
from mcp_oauth_nb.rules.evidence import (
    REDIRECT,
    authorization_request,
    form,
    is_implicit,
    oauth_error,
    query,
    redirect,
    text,
)
from mcp_oauth_nb.rules.rule import ANY, MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, quoted

RESPONSE = Spec("RFC 6749", "4.1.2")


@rule(
    "redirect-not-received",
    step="callback",
    level=SHOULD,
    who="user",
    summary="The browser did not come back to the redirect URI while it was waited for.",
    fix="Finish in the browser and run callback again; if the browser stands at an address with code= in it, paste "
    "that one: dbg.callback(paste=True).",
    spec=RESPONSE,
    over=Selector(
        lambda case: [case.runs["callback"]] if "callback" in case.runs and authorization_request(case) else [],
        "no redirect was waited for yet",
    ),
)
def _(case: Case, run: Run) -> Iterator[Seen]:
    if not run.achieved and run.stopped.startswith("waiting for the redirect: "):
        yield Seen(None, "url", "a redirect to the redirect URI", run.stopped)


def _redirects_back(case: Case) -> list[Exchange]:
    """The answers that lead to the redirect URI of the request."""
    asked = authorization_request(case)
    target = query(asked).get("redirect_uri", "").partition("?")[0] if asked else ""
    return [one for one in case.answered("authorize", "callback") if target and _location(one) == target]


def _location(exchange: Exchange) -> str:
    named = exchange.response.header("location") if exchange.response and exchange.status in range(300, 400) else None
    try:
        return urljoin(exchange.request.url, named or "").partition("#")[0].partition("?")[0] if named else ""
    except ValueError:
        return ""


@rule(
    "redirect-resends-form",
    step="callback",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The redirect back has a status with which a browser sends the form of the page on to the client.",
    fix="Redirect with 302 or 303: 307 and 308 repeat the POST with whatever was typed into the page.",
    spec=Spec("RFC 9700", "4.12"),
    over=Selector(_redirects_back, "no redirect to the redirect URI was followed here"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status in (307, 308):
        yield Seen(exchange, "status", "302 or 303", str(exchange.status))


@rule(
    "code-and-error",
    step="callback",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The redirect carries a code and an error at once.",
    fix="Send either code or error.",
    spec=RESPONSE,
    over=REDIRECT,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    back = query(exchange)
    if back.get("code") and "error" in back:
        yield Seen(exchange, "url", "code or error", "both")


ANSWERED_BY = ("code", "state", "iss", "error")
"""Parameters of the response by which a client decides what to do."""


@rule(
    "response-parameter-repeated",
    step="callback",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The redirect carries a parameter more than once.",
    fix="Send each parameter of the response once. Where somebody else added one, the code must not be redeemed.",
    spec=Spec("RFC 6749", "3.1"),
    over=REDIRECT,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    """What the redirect URI brings along in its own query is the client's affair (RFC 6749 3.1.2)."""
    asked = authorization_request(case)
    own = dict(_parameters(query(asked).get("redirect_uri", ""))) if asked else {}
    for name, times in Counter(name for name, _ in _parameters(exchange.request.url)).items():
        if times > 1 and name not in own:
            summary = f"The redirect carries the parameter {quoted(name, 60)} more than once."
            explains = REPEATED_LEADS_TO if name in ANSWERED_BY else ()
            yield Seen(exchange, "url", "each parameter once", f"{name} {times} times", summary, explains=explains)


REPEATED_LEADS_TO = (
    *("authorization-error", "code-and-error", "code-missing", "iss-mismatch"),
    *("state-mismatch", "state-ignored", "token-refused"),
)
"""What follows where one side reads the first of two values, and the other side the last."""


def _parameters(url: str) -> list[tuple[str, str]]:
    """The parameters of a response: of the query, and of the fragment where an implicit one has them."""
    base, _, fragment = url.partition("#")
    return parse_qsl(base.partition("?")[2], keep_blank_values=True) + parse_qsl(fragment, keep_blank_values=True)


def _errors(case: Case) -> list[tuple[Exchange, dict[str, str]]]:
    """What errors say, in the redirect and in answers of the token endpoint."""
    names = ("error", "error_description")
    found = [(one, query(one)) for one in REDIRECT.pick(case) if "error" in query(one)]
    found += [(one, one.document or {}) for one in case.answered("token") if oauth_error(one)]
    return [(one, {name: text(said.get(name)) or "" for name in names}) for one, said in found]


@rule(
    "error-characters",
    step=ANY,
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="An error holds characters that it must not hold.",
    fix="Write error and error_description in printable ASCII, without quotation marks, backslashes and line breaks.",
    spec=Spec("RFC 6749", "5.2"),
    over=Selector(_errors, "no OAuth error was received"),
)
def _(case: Case, found: tuple[Exchange, dict[str, str]]) -> Iterator[Seen]:
    exchange, said = found
    for name, value in said.items():
        wrong = sorted({character for character in value if not _may_stand(character)})
        if wrong:
            part = "url" if exchange.direction == "in" else f"body:/{name}"
            seen = ", ".join(f"U+{ord(one):04X}" for one in wrong[:4])
            yield Seen(exchange, part, "printable ASCII without quotation mark and backslash", f"{name} with {seen}")


def _may_stand(character: str) -> bool:
    return " " <= character <= "~" and character not in '"\\'


@rule(
    "pkce-not-required",
    step="callback",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server gives a code to a request that is not protected by PKCE with S256.",
    fix="Refuse authorization requests without code_challenge and code_challenge_method=S256 with invalid_request.",
    spec=Spec("OAuth 2.1", "4.1.2.1"),
    over=Selector(
        lambda case: [one] if not is_implicit(case) and (one := redirect(case)) and _is_unprotected(case) else [],
        "no authorization request without PKCE was answered",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if query(exchange).get("code"):
        yield Seen(exchange, "url", "error=invalid_request", "a code")


def _is_unprotected(case: Case) -> bool:
    asked = authorization_request(case)
    sent = query(asked) if asked else {}
    method, challenge = sent.get("code_challenge_method"), sent.get("code_challenge", "")
    return asked is not None and (method != "S256" or not S256_CHALLENGE.fullmatch(challenge))


@rule(
    "state-ignored",
    step="token",
    level=SHOULD,
    who="client",
    summary="The client redeemed a code that came with another state than the one it sent.",
    fix="Compare state before anything else, and discard a response whose state is not the one that was sent.",
    spec=Spec("MCP 2025-11-25", "Open Redirection"),
    over=Selector(
        lambda case: [one for one in case.exchanges("token") if redirect(case) and _sent_state(case)],
        "no token request was made behind a redirect for a request with state",
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    back = redirect(case)
    if back is None or back.edited or form(exchange).get("code") != query(back).get("code"):
        return
    if query(back).get("state") != _sent_state(case):
        yield Seen(exchange, "body:", "no token request", "the code of that response")


def _sent_state(case: Case) -> str:
    asked = authorization_request(case)
    return query(asked).get("state", "") if asked else ""
