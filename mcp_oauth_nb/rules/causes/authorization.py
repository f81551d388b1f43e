"""What may stand behind a page in place of the redirect, an error in it, or a redirect that answers something else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import same_origin
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import is_other_port, registered_redirects
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import quoting, shown_in
from mcp_oauth_nb.rules.evidence import authorization_request, is_edited, query
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, capped, is_page

PAGE, ERROR = "authorization-page", "authorization-error"
REQUEST, RESPONSE = Spec("RFC 6749", "4.1.1"), Spec("RFC 6749", "4.1.2.1")
AGAIN = "dbg.authorize()"

_UNKNOWN_CLIENT = re.compile(
    r"(?i)(client|application|app)[ _]?(id)?['\" :\w-]{0,60}"
    r"(not (be )?(found|recogni[sz]ed|registered)|unknown|does ?n.t exist)"
    r"|(unknown|unregistered|unrecogni[sz]ed)[ _](oauth )?(client|application)|invalid client|aadsts700016"
)
_REDIRECT_URI = re.compile(r"(?i)redirect[ _-]?ur[il]|callback[ _-]?ur[il]|reply[ _-]?ur[il]|aadsts50011")
_SESSION = re.compile(
    r"(?i)(state|session|cookie|csrf)\b[^.]{0,40}(mismatch|missing|not found|expired|invalid|lost|no longer)"
    r"|(missing|no|invalid|expired|lost) (login )?(state|session|cookie)"
)


def is_client_error(exchange: Exchange | None) -> bool:
    """Whether an answer is a refusal, and not a failure of the server."""
    return exchange is not None and exchange.status is not None and 400 <= exchange.status < 500


def was_registered_here(case: Case) -> bool:
    """Whether the client of this session was registered in it, and not given to it."""
    return any(one.document and one.document.get("client_id") for one in case.answered("register"))


# --- which client, and where to ---------------------------------------------------------------------------------------


@suspect(
    "loopback-port-compared",
    of=PAGE,
    step="authorize",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server compares the port of a loopback redirect URI with the registered one.",
    fix="Ignore the port of redirect URIs on 127.0.0.1, [::1] and localhost: clients take a free one each time.",
    spec=Spec("RFC 8252", "7.3"),
    apart="The same request with the registered port goes through.",
    call=AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    asked, registered = authorization_request(case), registered_redirects(case)
    used = query(asked).get("redirect_uri", "") if asked else ""
    if asked is not None and is_client_error(shown_in(case, finding)) and is_other_port(used, registered):
        yield Fit("likely", (line(asked, "url", f"redirect_uri={used}; registered: {', '.join(registered[:3])}"),))


@suspect(
    "registration-lost",
    of=(PAGE, "token-refused"),
    step="register",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server does not know the client any more that it registered itself.",
    fix="Keep registrations beyond restarts and share them between instances; until then register again.",
    spec=Spec("RFC 7591", "3.2.1"),
    apart="A client that is registered anew works for a while.",
    call="dbg.register()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is None or not is_client_error(exchange) or not was_registered_here(case):
        return
    told = quoting(exchange, _UNKNOWN_CLIENT)
    asked = authorization_request(case)
    if told and not (asked and is_edited(asked, "client_id")):
        yield Fit("likely", told)


@suspect(
    "client-id-unknown",
    of=PAGE,
    step="register",
    who="user",
    summary="The authorization server does not know the client id that was given to it.",
    fix="Check the client id and that it belongs to this very authorization server, or register the client anew.",
    spec=RESPONSE,
    apart="A client that is registered dynamically gets through.",
    call="Debugger(url).run()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange, asked = shown_in(case, finding), authorization_request(case)
    if exchange is None or asked is None or not is_client_error(exchange):
        return
    changed = is_edited(asked, "client_id")
    if (told := quoting(exchange, _UNKNOWN_CLIENT)) and (changed or not was_registered_here(case)):
        yield Fit("likely", told)


@suspect(
    "redirect-uri-refused",
    of=PAGE,
    step="register",
    who="user",
    summary="The authorization server does not have the redirect URI among those of the client that was given.",
    fix="Enter the redirect URI that is sent, letter by letter, at the authorization server, or give a registered one: "
    "Debugger(url, redirect_uri=...).",
    spec=RESPONSE,
    apart="A redirect URI that is registered for the client gets through.",
    call=AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is None or not is_client_error(exchange) or was_registered_here(case):
        return
    if told := quoting(exchange, _REDIRECT_URI):
        yield Fit("likely", told)


# --- what the page needs ----------------------------------------------------------------------------------------------


def _form_action(exchange: Exchange) -> str | None:
    """The sources that the page's policy lets a form lead to; None where it says nothing of forms."""
    policy = exchange.response.header("content-security-policy") if exchange.response else None
    for part in (policy or "").split(";"):
        name, _, sources = part.strip().partition(" ")
        if name.lower() == "form-action":
            return sources.strip()
    return None


def _lets_through(sources: str, redirect_uri: str, page: str) -> bool:
    """Whether a form may lead to the redirect URI: by ``*``, scheme, origin, or as the page's own origin."""
    scheme, _, rest = redirect_uri.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].lower()
    bare = host.rpartition(":")[0] or host
    for source in sources.lower().split():
        if source in ("*", f"{scheme.lower()}:") or (source == "'self'" and same_origin(redirect_uri, page)):
            return True
        named = source.partition("://")[2] or source
        if named.rstrip("/") in (host, f"{bare}:*") and not source.endswith(":"):
            return True
    return False


@suspect(
    "consent-form-blocked",
    of=PAGE,
    step="callback",
    who=AUTHORIZATION_SERVER,
    summary="The page's own policy forbids browsers to follow its form to the redirect URI: the button does nothing.",
    fix="Add the origin or scheme of the validated redirect URI to form-action in the page's Content-Security-Policy.",
    spec=Spec("RFC 6749", "4.1.2"),
    apart="The console of a browser based on Chromium names form-action when the button is pressed.",
    call="dbg.callback()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange, asked = shown_in(case, finding), authorization_request(case)
    if exchange is None or asked is None or exchange.status != 200:
        return
    sources, target = _form_action(exchange), query(asked).get("redirect_uri", "")
    if sources is not None and target and not _lets_through(sources, target, exchange.request.url):
        quote = f"form-action {sources}; redirect_uri={target}"
        yield Fit("likely", (line(exchange, "header:Content-Security-Policy", quote),))


_DISABLED = re.compile(rb"(?is)<(button|input)\b[^>]{0,400}\bdisabled\b[^>]{0,400}>")


@suspect(
    "consent-disabled",
    of=PAGE,
    step="callback",
    who="user",
    summary="The page cannot be agreed to yet: its button is disabled.",
    fix="Open the link in a browser and do first what the page asks for, such as connecting an account of a service "
    "behind the gateway.",
    spec=Spec("RFC 6749", "4.1.2"),
    apart="The page in a browser says what it waits for.",
    call=AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is None or exchange.response is None or exchange.status != 200 or not is_page(exchange.response):
        return
    body = exchange.response.body
    buttons = re.findall(rb"(?is)<button\b|<input\b[^>]{0,400}type=[\"']?submit", body)
    if (found := _DISABLED.search(body)) and len(_DISABLED.findall(body)) >= len(buttons) - 1:
        yield Fit("likely", (line(exchange, "body:", capped(found[0].decode("utf-8", "replace"), 200)),))


@suspect(
    "session-cookie-lost",
    of=PAGE,
    step="authorize",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server lost its own login session on the way: a cookie did not come back.",
    fix="Set the session cookie with SameSite=Lax, or None with Secure where a POST from elsewhere comes back, and "
    "keep one host name.",
    spec=Spec("RFC 6749", "10.12"),
    apart="The Set-Cookie lines of the hops against the cookies of the request that failed.",
    call=AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is None or exchange.response is None or not is_client_error(exchange):
        return
    told = quoting(exchange, _SESSION)
    baked = [one for one in case.answered("callback") if one.response and one.response.header("set-cookie")]
    if told and exchange.hop and (not exchange.request.header("cookie") or not baked):
        cookie = exchange.request.header("cookie")
        said = "no Cookie was sent" if cookie is None else "a Cookie was sent"
        yield Fit("likely", (*told, line(exchange, "header:Cookie", said)))
