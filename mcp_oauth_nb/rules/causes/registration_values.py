"""Suspects behind a registration that is refused for what it asks: redirect URIs, methods, scopes, statements."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import is_loopback, split
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import words
from mcp_oauth_nb.rules.causes.registration import REFUSED, answer, refused
from mcp_oauth_nb.rules.evidence import oauth_error, sent_json, server_document, text, texts
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, capped, shown

METADATA, REDIRECTS = Spec("RFC 7591", "2"), Spec("RFC 8252", "7")
METHOD, METHODS = "token_endpoint_auth_method", "token_endpoint_auth_methods_supported"
_OF_REDIRECT = re.compile(r"(?i)redirect|\buri\b|scheme")
_OF_TYPE = re.compile(r"(?i)\bweb\b|application.type|native")
_OF_METHOD = re.compile(r"(?i)auth\w*[ _]method|client authentication|public client|confidential|\bnone\b")
_OF_SCOPE = re.compile(r"(?i)\bscopes?\b")
_OF_GRANT = re.compile(r"(?i)grant|response.type")
_OF_STATEMENT = re.compile(r"(?i)software.statement")


def _refused(case: Case, finding: Finding) -> Exchange | None:
    return refused(case, finding, 400, 422)


def _redirects(case: Case, finding: Finding) -> tuple[Exchange, tuple[str, ...]] | None:
    """The registration that was refused for a redirect URI, with those it asked for."""
    exchange = _refused(case, finding)
    if exchange is None:
        return None
    named = oauth_error(exchange) == "invalid_redirect_uri" or _OF_REDIRECT.search(words(exchange))
    return (exchange, texts(sent_json(exchange).get("redirect_uris"))) if named else None


def _sent(exchange: Exchange, name: str) -> Line:
    sent = sent_json(exchange)
    return line(exchange, f"body:/{name}", capped(f"sent: {shown(sent[name]) if name in sent else f'no {name}'}", 160))


def _private(uris: tuple[str, ...]) -> list[str]:
    return [uri for uri in uris if split(uri) is None and ":" in uri]


@suspect(
    "redirect-on-plain-http",
    of=REFUSED,
    step="register",
    who="user",
    summary="The redirect URI is on plain http and on another machine than the browser's, which no server may accept.",
    fix="Use an https redirect URI, or one on this machine: http://127.0.0.1 with any port.",
    spec=Spec("MCP 2025-11-25", "Communication Security"),
    apart="The redirect URI begins with http: and its host is no loopback address.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _redirects(case, finding)
    uris = [one for one in found[1] if one.lower().startswith("http:") and not is_loopback(one)] if found else []
    if found and uris:
        yield Fit("certain", (_sent(found[0], "redirect_uris"), *answer(found[0])))


@suspect(
    "application-type-unsaid",
    of=REFUSED,
    step="register",
    who="client",
    summary="The registration does not say that the client is a native application, so that it is held to the rules "
    "for web applications.",
    fix='Send "application_type": "native" where the browser comes back to this machine or to an app.',
    spec=Spec("MCP 2026-07-28", "Application Type and Redirect URI Constraints"),
    apart='The same registration with application_type "native" is accepted.',
    call="dbg.register(json={'application_type': 'native'})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _redirects(case, finding)
    if found is None or sent_json(found[0]).get("application_type") == "native":
        return
    exchange, uris = found
    if _private(uris) or any(uri.startswith("http:") and is_loopback(uri) for uri in uris):
        likely = _OF_TYPE.search(words(exchange))
        rows = (_sent(exchange, "application_type"), _sent(exchange, "redirect_uris"), *answer(exchange))
        yield Fit("likely" if likely else "possible", rows)


@suspect(
    "private-scheme-refused",
    of=REFUSED,
    step="register",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server takes no redirect URI with an app's own scheme, and one of them refuses all.",
    fix="Accept redirect URIs with a private-use scheme for native clients, with PKCE and compared letter by letter.",
    spec=Spec("RFC 8252", "7.1"),
    apart="With a redirect URI on http://127.0.0.1 alone the registration is accepted.",
    call="dbg.register(json={'redirect_uris': ['http://127.0.0.1:8765/callback']})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _redirects(case, finding)
    if found and _private(found[1]):
        yield Fit("likely", (_sent(found[0], "redirect_uris"), *answer(found[0])))


@suspect(
    "loopback-refused",
    of=REFUSED,
    step="register",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server takes no redirect URI on the user's own machine, or not in this spelling.",
    fix="Accept http://127.0.0.1, http://[::1] and http://localhost with any port as redirect URIs of native clients.",
    spec=Spec("RFC 8252", "7.3"),
    apart="With localhost in place of 127.0.0.1, or the other way round, it is accepted.",
    call="dbg.register(json={'redirect_uris': ['http://localhost:8765/callback']})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _redirects(case, finding)
    if found and found[1] and all(is_loopback(uri) for uri in found[1]):
        yield Fit("possible", (_sent(found[0], "redirect_uris"), *answer(found[0])))


def _methods(case: Case, exchange: Exchange) -> tuple[str, tuple[str, ...], tuple[Line, ...]]:
    """The method that was asked for, those that the metadata lists, and the lines for both."""
    found = server_document(case)
    asked = text(sent_json(exchange).get(METHOD)) or "client_secret_basic"
    listed = texts(found[1].get(METHODS)) if found else ()
    rows = (line(found[0], f"body:/{METHODS}", shown(list(listed))),) if found and METHODS in found[1] else ()
    return asked, listed, (*rows, _sent(exchange, METHOD), *answer(exchange))


def _is_about(exchange: Exchange, pattern: re.Pattern[str]) -> bool:
    """Whether the refusal, which is not about redirect URIs, speaks of this."""
    return oauth_error(exchange) != "invalid_redirect_uri" and bool(pattern.search(words(exchange)))


@suspect(
    "method-listed-but-refused",
    of=REFUSED,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The metadata lists a way for clients to authenticate that registration then refuses.",
    fix="List in token_endpoint_auth_methods_supported exactly what registration accepts, or accept what is listed.",
    spec=Spec("RFC 8414", "2"),
    apart="With another method of the list the registration is accepted.",
    call="dbg.register(json={'token_endpoint_auth_method': 'client_secret_post'})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused(case, finding)
    if exchange is not None and _is_about(exchange, _OF_METHOD):
        asked, listed, rows = _methods(case, exchange)
        if asked in listed:
            yield Fit("likely", rows)


@suspect(
    "method-not-listed",
    of=REFUSED,
    step="register",
    who="client",
    summary="The client asks for a way to authenticate that the metadata does not list.",
    fix="Register with one of token_endpoint_auth_methods_supported; without that member with client_secret_basic.",
    spec=METADATA,
    apart="With a method of the list the registration is accepted.",
    call="dbg.register(json={'token_endpoint_auth_method': 'client_secret_basic'})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused(case, finding)
    if exchange is None or oauth_error(exchange) == "invalid_redirect_uri":
        return
    asked, listed, rows = _methods(case, exchange)
    if listed and asked not in listed:
        yield Fit("likely" if _is_about(exchange, _OF_METHOD) else "possible", rows)


@suspect(
    "scope-refused-at-registration",
    of=REFUSED,
    step="register",
    who="client",
    summary="The registration asks for a scope that the authorization server does not know.",
    fix="Register with scopes of the challenge or of scopes_supported only, or leave scope out.",
    spec=METADATA,
    apart="Without scope the registration is accepted.",
    call="dbg.register(json={'scope': None})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused(case, finding)
    if exchange is not None and "scope" in sent_json(exchange) and _of_scope(exchange):
        yield Fit("likely", (_sent(exchange, "scope"), *answer(exchange)))


@suspect(
    "scope-wanted-at-registration",
    of=REFUSED,
    step="register",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server refuses a registration without scope, which clients may leave out.",
    fix="Take the default scopes where a registration names none.",
    spec=METADATA,
    apart="With a scope the registration is accepted.",
    call="dbg.register(json={'scope': '...'})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused(case, finding)
    if exchange is not None and "scope" not in sent_json(exchange) and _of_scope(exchange):
        yield Fit("likely", (_sent(exchange, "scope"), *answer(exchange)))


def _of_scope(exchange: Exchange) -> bool:
    return oauth_error(exchange) == "invalid_scope" or _is_about(exchange, _OF_SCOPE)


@suspect(
    "grant-refused-at-registration",
    of=REFUSED,
    step="register",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server does not allow a client the grants that MCP clients need.",
    fix="Allow authorization_code and refresh_token with the response type code, or register the client with those "
    "that are allowed and say so in the answer.",
    spec=METADATA,
    apart="With the grant authorization_code alone the registration is accepted.",
    call="dbg.register(json={'grant_types': ['authorization_code']})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused(case, finding)
    if exchange is not None and _is_about(exchange, _OF_GRANT):
        yield Fit("likely", (_sent(exchange, "grant_types"), *answer(exchange)))


@suspect(
    "software-statement-wanted",
    of=REFUSED,
    step="register",
    who="user",
    summary="The authorization server registers only software that somebody it trusts has vouched for.",
    fix="Get a software statement that this server trusts: Debugger(url, software_statement=...).",
    spec=Spec("RFC 7591", "2.3"),
    apart="With a software statement that is trusted the registration is accepted.",
    call="Debugger(url, software_statement=...)",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused(case, finding)
    statement = exchange is not None and "software_statement" in sent_json(exchange)
    if exchange is not None and not statement and _of_statement(exchange):
        yield Fit("likely", answer(exchange))


@suspect(
    "software-statement-refused",
    of=REFUSED,
    step="register",
    who="user",
    summary="The software statement is not accepted: it is expired, broken, or from nobody the server trusts.",
    fix="Get a fresh software statement from somebody this server trusts, or have its operator approve this one.",
    spec=Spec("RFC 7591", "2.3"),
    apart="Without the software statement the answer is another one.",
    call="dbg.register(json={'software_statement': None})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _refused(case, finding)
    if exchange is not None and "software_statement" in sent_json(exchange) and _of_statement(exchange):
        yield Fit("likely", answer(exchange))


def _of_statement(exchange: Exchange) -> bool:
    named = oauth_error(exchange) in ("invalid_software_statement", "unapproved_software_statement")
    return named or _is_about(exchange, _OF_STATEMENT)
