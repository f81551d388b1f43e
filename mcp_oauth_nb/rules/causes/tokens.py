"""What may stand behind a token endpoint that refuses the code with an OAuth error."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.pkce import s256
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import NEVER, Exchange
from mcp_oauth_nb.rules.authorization_request import opened
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import names_other_reasons, quoting, shown_in, words
from mcp_oauth_nb.rules.evidence import form, is_edited, oauth_error, query, redirect, sent_json
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.token_claims import clock_of, date_of
from mcp_oauth_nb.rules.token_client import methods
from mcp_oauth_nb.rules.token_form import code_requests, redeems_as_asked
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, kind_of

REFUSED = "token-refused"
CODE, ERRORS = Spec("RFC 6749", "4.1.2"), Spec("RFC 6749", "5.2")
ANEW = "dbg.authorize()"
LONG_S, SHORT_S = 25.0, 10.0
"""Seconds between redirect and token request: from the first on some servers have let a code expire; below the second
none should have."""
_EXPIRED = re.compile(r"(?i)\bexpire|\btoo old\b|no longer valid|aadsts70008")

_MISSES_SECRET = re.compile(
    r"(?i)aadsts7000218"
    r"|\b(client_|client )?(secret|assertion)\b[^.]{0,40}\b(missing|required|not (sent|present|provided))"
    r"|\b(missing|requires?|must (contain|include|provide|send)|no|without)\b[^.]{0,60}\b(client_)?(secret|assertion)\b"
)
_WANTS_SECRET = re.compile(r"(?i)secret|authentication|authenticate|credentials")


def _refused_grant(case: Case, finding: Finding) -> Exchange | None:
    """The code request that was refused with invalid_grant."""
    exchange = shown_in(case, finding)
    is_code = exchange is not None and exchange in code_requests(case) and bool(form(exchange).get("code"))
    return exchange if exchange is not None and is_code and oauth_error(exchange) == "invalid_grant" else None


def age_s(case: Case, exchange: Exchange) -> float | None:
    """Seconds between the arrival of the redirect and the token request; None where the times are not known."""
    back = redirect(case)
    if back is None or back.edited or NEVER in (back.started, exchange.started):
        return None
    try:
        return (exchange.started - back.started).total_seconds() - back.elapsed_ms / 1000
    except TypeError:  # one of them without a time zone
        return None


def _earlier(case: Case, exchange: Exchange) -> list[Exchange]:
    """The requests before this one that showed the same code."""
    code = form(exchange).get("code")
    before = case.trace.exchanges[: exchange.id - 1]
    return [
        one for one in before if one.request.method == "POST" and one.step == "token" and form(one).get("code") == code
    ]


@suspect(
    "code-spent",
    of=REFUSED,
    step="token",
    who="client",
    summary="The code had been sent to the token endpoint before, and a code works once.",
    fix="Send each code once, and never repeat a token request by itself; run authorize and callback for a new code.",
    spec=CODE,
    apart="The same code stands in an earlier token request of this session.",
    call=ANEW,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused_grant(case, finding)
    for one in _earlier(case, exchange) if exchange else ():
        answer = one.status if one.status is not None else "no answer"
        same = line(one, "body:", f"the same code, answered with {answer}")
        yield Fit("certain" if one.status == 200 else "likely", (same,))
        return


@suspect(
    "code-expired",
    of=REFUSED,
    step="token",
    who="user",
    summary="The code was too old when it was redeemed: codes live for some seconds to some minutes.",
    fix="Run authorize and callback again and token right after them, without a pause in between.",
    spec=CODE,
    apart="A code that is redeemed at once works.",
    call=ANEW,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused_grant(case, finding)
    seconds = age_s(case, exchange) if exchange else None
    if exchange is None or seconds is None or seconds < SHORT_S or _earlier(case, exchange):
        return
    told = quoting(exchange, _EXPIRED)
    aged = line(exchange, "body:", f"the code was {seconds:.0f} s old")
    yield Fit("likely" if told or seconds >= LONG_S else "possible", (aged, *told))


@suspect(
    "code-lifetime-short",
    of=REFUSED,
    step="callback",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server calls a code expired that was redeemed within seconds.",
    fix="Let codes live for a minute or more, ten at most, and compare the clocks of the server's instances.",
    spec=CODE,
    apart="A code that is redeemed at once is refused again.",
    call=ANEW,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused_grant(case, finding)
    seconds = age_s(case, exchange) if exchange else None
    if exchange is None or seconds is None or seconds >= SHORT_S or _earlier(case, exchange):
        return
    if told := quoting(exchange, _EXPIRED):
        aged = line(exchange, "body:", f"the code was {seconds:.1f} s old")
        yield Fit("possible" if names_other_reasons(words(exchange)) else "likely", (aged, *told))


@suspect(
    "code-not-shared",
    of=REFUSED,
    step="callback",
    who=AUTHORIZATION_SERVER,
    summary="The instance that was asked for the token may not know the codes of the one that issued it.",
    fix="Keep codes where all instances of the authorization server find them.",
    spec=ERRORS,
    apart="Some attempts work and others do not, with nothing changed.",
    call=ANEW,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused_grant(case, finding)
    if exchange is not None and not exchange.edited and not _earlier(case, exchange):
        yield Fit("possible", (line(exchange, "body:/error", "invalid_grant for a code as it came"),))


@suspect(
    "values-compared-otherwise",
    of=REFUSED,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server compares redirect URI or code verifier in another way than they were sent.",
    fix="Compare redirect_uri as text with that of the authorization request, and the S256 hash of code_verifier, "
    "base64url without padding, with its code_challenge.",
    spec=Spec("RFC 7636", "4.6"),
    apart="Every code is refused, also one that is redeemed at once, and the log names the value.",
    call=ANEW,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused_grant(case, finding)
    if exchange is not None and redeems_as_asked(case, exchange):
        yield Fit(
            "possible", (line(exchange, "body:", "redirect_uri and code_verifier fit the authorization request"),)
        )


# --- the pair of PKCE -------------------------------------------------------------------------------------------------


@suspect(
    "bad-pair-crashes",
    of="pkce-mismatch",
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The token endpoint fails where the verifier does not fit the challenge, instead of refusing it.",
    fix="Check the form of code_challenge at the authorization endpoint, and answer a verifier that does not fit with "
    "invalid_grant.",
    spec=Spec("RFC 7636", "4.6"),
    apart="A verifier that fits the challenge gets a token.",
    call=ANEW,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is not None and exchange.status is not None and kind_of(exchange) == "server error":
        yield Fit("likely", (line(exchange, "status", str(exchange.status)),))


@suspect(
    "verifier-of-another-flow",
    of="pkce-mismatch",
    step="pkce",
    who="client",
    summary="The verifier belongs to another authorization request: two flows share the place where it is kept.",
    fix="Keep each verifier under the state of its own request, and run one flow per server at a time.",
    spec=Spec("RFC 7636", "4.5"),
    apart="The hash of the verifier is the challenge of another authorization request of this session.",
    call=ANEW,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    verifier = form(exchange).get("code_verifier") if exchange else None
    if not verifier:
        return
    made = s256(verifier)
    for one in opened(case):
        if query(one).get("code_challenge") == made:
            yield Fit("certain", (line(one, "url", f"the challenge of the request in exchange {one.id} is its hash"),))
            return


@suspect(
    "verifier-newer",
    of="pkce-mismatch",
    step="pkce",
    who="client",
    summary="The verifier belongs to no request of this session, as if made anew after the browser was opened.",
    fix="Make the pair once for each authorization request, and keep it over reloads until the code is redeemed.",
    spec=Spec("RFC 7636", "4.1"),
    apart="Whether the client was reloaded, or connected again, between the link and the redirect.",
    call=ANEW,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    verifier = form(exchange).get("code_verifier") if exchange else None
    if exchange is None or not verifier or is_edited(exchange, "code_verifier"):
        return
    challenges = {query(one).get("code_challenge") for one in opened(case)}
    if s256(verifier) not in challenges and kind_of(exchange) != "server error":
        yield Fit("likely", (line(exchange, "body:", "a code_verifier whose hash no request of this session carried"),))


# --- the client -------------------------------------------------------------------------------------------------------


@suspect(
    "secret-demanded",
    of=REFUSED,
    step="register",
    who=AUTHORIZATION_SERVER,
    summary="The client registered as a public one, and the token endpoint demands a secret of it all the same.",
    fix="Honour token_endpoint_auth_method none: issue no secret to such a client, and ask none of it.",
    spec=Spec("RFC 7591", "2"),
    apart="The same code with the secret of the registration answer, if there is one.",
    call="dbg.token(form={'client_secret': getpass()})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is None or exchange.edited or oauth_error(exchange) not in ("invalid_client", "unauthorized_client"):
        return
    for one in case.answered("register"):
        if sent_json(one).get("token_endpoint_auth_method") == "none" and methods(exchange) == ["none"]:
            document = one.document or {}
            if document.get("client_secret"):
                yield Fit("likely", (line(one, "body:/client_secret", "a secret, although none was asked for"),))
            else:
                quote = "registered with token_endpoint_auth_method none"
                told = quoting(exchange, _WANTS_SECRET)
                registered = line(one, "body:/token_endpoint_auth_method", quote)
                yield Fit("likely" if told else "possible", (registered, *told))
            return


@suspect(
    "secret-expired",
    of=REFUSED,
    step="register",
    who="client",
    summary="The client secret had expired when it was used.",
    fix="Register the client again, or ask for a new secret, before client_secret_expires_at.",
    spec=Spec("RFC 7591", "3.2.1"),
    apart="client_secret_expires_at of the registration against the time of the token request.",
    call="dbg.register()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    now = clock_of(exchange) if exchange else None
    if exchange is None or now is None or oauth_error(exchange) != "invalid_client" or exchange.started == NEVER:
        return
    for one in case.answered("register"):
        ends = (one.document or {}).get("client_secret_expires_at")
        if isinstance(ends, (int, float)) and 1 < ends < now:
            yield Fit(
                "certain" if date_of(exchange) is not None else "likely",
                (line(one, "body:/client_secret_expires_at", str(ends)),),
            )
            return


@suspect(
    "secret-not-given",
    of=REFUSED,
    step="register",
    who="user",
    summary="The client was given without a secret, and the authorization server has it as one that must show it.",
    fix="Give its secret: Debugger(url, client=Client('id', secret=getpass())); or have the client registered as a "
    "public one, for programs on a person's machine.",
    spec=Spec("RFC 6749", "2.3"),
    apart="The same request with the secret of this client gets a token.",
    call="Debugger(url, client=Client('id', secret=getpass()))",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is not None and _lacks_secret(case, exchange):
        sent = line(exchange, "body:", "neither client_secret nor client_assertion")
        yield Fit("likely", (*quoting(exchange, _MISSES_SECRET), sent))


def _lacks_secret(case: Case, exchange: Exchange) -> bool:
    """Whether a client that was given without a secret is refused for showing none, by the server's own words."""
    refused = oauth_error(exchange) in ("invalid_client", "unauthorized_client", "invalid_request")
    given = case.trace.settings.get("client_id") and not case.answered("register")
    return bool(refused and given and methods(exchange) == ["none"] and quoting(exchange, _MISSES_SECRET))


@suspect(
    "credentials-wrong",
    of=REFUSED,
    step="register",
    who="user",
    summary="The client id or the secret that was given is not what the authorization server has.",
    fix="Check client id and secret, and that they belong to this very authorization server: "
    "Debugger(url, client=Client('id', secret=getpass())).",
    spec=ERRORS,
    apart="A client that is registered dynamically gets a token.",
    call="Debugger(url).run()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is None or oauth_error(exchange) != "invalid_client" or case.answered("register"):
        return
    if _lacks_secret(case, exchange):
        return
    if case.trace.settings.get("client_id"):
        shown = " and ".join(methods(exchange))
        yield Fit("likely", (line(exchange, "body:/error", f"invalid_client for a given client, by {shown}"),))
