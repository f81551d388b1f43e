"""What may stand behind a refusal at the authorization endpoint: consent, scopes, the resource."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import same_origin
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization_aim import (
    asked_scopes,
    challenged_scopes,
    listed_scopes,
    published_resource,
    server_scopes,
)
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import quoting, shown_in, words
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    form,
    is_edited,
    oauth_error,
    query,
    resource_document,
    without_token,
)
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER

PAGE, ERROR, REFUSED = "authorization-page", "authorization-error", "token-refused"
RESPONSE = Spec("RFC 6749", "4.1.2.1")
AGAIN = "dbg.authorize()"

_ADMIN = re.compile(
    r"(?i)\badmin(istrator)?s?\b|polic(y|ies)|organi[sz]ation|tenant|not (been )?assigned"
    r"|aadsts(65001|90094|90008|50105)"
)
_PERSON = re.compile(r"(?i)\b(user|resource[ _-]?owner|you)\b[^.]{0,40}(denied|refused|declined|cancel|reject|did not)"
                     r"|(denied|refused|declined|cancel\w*|rejected) by (the )?(end-?)?user")  # fmt: skip
_RESOURCE_AND_SCOPE = re.compile(r"(?i)aadsts(9010010|901002)\b|resource[^.]{0,60}\bscopes?\b")
_RESOURCE = re.compile(r"(?i)aadsts(9010010|901002)|resource[^.]{0,60}(supported|unknown|valid)")


def error_of(exchange: Exchange | None) -> str:
    """The OAuth error that an exchange shows, in the redirect or in a body; empty where there is none."""
    if exchange is None:
        return ""
    return query(exchange).get("error", "") if exchange.direction == "in" else oauth_error(exchange)


def _asking(exchange: Exchange, case: Case) -> Exchange | None:
    """The request that an error answers: the token request itself, else the authorization request."""
    return exchange if exchange.step == "token" else authorization_request(case)


# --- consent ----------------------------------------------------------------------------------------------------------


@suspect(
    "denied-by-policy",
    of=(ERROR, PAGE),
    step="authorize",
    who="user",
    summary="A policy of the authorization server does not let this user agree; an administrator has to.",
    fix="Have an administrator of the authorization server allow the client, or assign the user to it.",
    spec=RESPONSE,
    apart="An administrator's account gets through.",
    call=AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    refused = finding.rule == PAGE or error_of(exchange) in ("access_denied", "consent_required")
    if exchange is not None and refused and (told := quoting(exchange, _ADMIN)):
        yield Fit("likely", told)


@suspect(
    "denied-by-user",
    of=ERROR,
    step="authorize",
    who="user",
    summary="The user did not agree.",
    fix="Run authorize again and agree.",
    spec=RESPONSE,
    apart="Whether the page of the authorization server asked for consent at all.",
    call=AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is None or error_of(exchange) != "access_denied":
        return
    told = quoting(exchange, _PERSON)
    if told:
        yield Fit("likely", told)
    else:
        yield Fit("possible", (line(exchange, "url", "error=access_denied"),))


# --- scopes -----------------------------------------------------------------------------------------------------------


def _foreign(case: Case) -> frozenset[str]:
    """The requested scopes that the MCP server names nowhere."""
    return asked_scopes(case) - challenged_scopes(case) - listed_scopes(case)


def _scope_line(case: Case, names: frozenset[str]) -> tuple[Line, ...]:
    asked = authorization_request(case)
    return (line(asked, "url", f"scope: {' '.join(sorted(names))}"),) if asked else ()


def _unknown(case: Case) -> frozenset[str]:
    """The requested scopes that the authorization server does not list; empty where it lists none."""
    known = server_scopes(case)
    return asked_scopes(case) - known if known else frozenset()


def _refuses_scope(case: Case, finding: Finding) -> bool:
    return error_of(shown_in(case, finding)) == "invalid_scope"


@suspect(
    "scope-chosen-unknown",
    of=ERROR,
    step="authorize",
    who="user",
    summary="The scope that was set by hand is not one that the authorization server grants.",
    fix="Leave scope to the server: Debugger(url) without scope=, or ask for what its metadata lists.",
    spec=RESPONSE,
    apart="The same request with the scope that the MCP server names.",
    call=AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    if _refuses_scope(case, finding) and (extra := _foreign(case)) and _is_set(case):
        yield Fit("likely", _scope_line(case, extra))


@suspect(
    "scope-invented",
    of=ERROR,
    step="authorize",
    who="client",
    summary="The client asks for a scope that neither the MCP server nor the authorization server names.",
    fix="Ask for the scope of the challenge, else for all of scopes_supported of the resource, else send no scope.",
    spec=Spec("MCP 2025-11-25", "Scope Selection Strategy"),
    apart="The same request with the scope that the MCP server names.",
    call=AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    if _refuses_scope(case, finding) and (extra := _foreign(case)) and not _is_set(case):
        yield Fit("likely", _scope_line(case, extra))


def _is_set(case: Case) -> bool:
    asked = authorization_request(case)
    by_hand = asked is not None and is_edited(asked, "scope")
    return by_hand or bool(case.trace.settings.get("scope"))


@suspect(
    "scope-advertised-refused",
    of=ERROR,
    step="resource_metadata",
    who=MCP_SERVER,
    summary="The protected resource metadata lists a scope that its authorization server does not grant.",
    fix="List in scopes_supported only what the authorization server grants, or define the scope there.",
    spec=Spec("RFC 9728", "2"),
    apart="The scopes_supported of the two documents, side by side.",
    call="dbg.config",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = resource_document(case)
    if found is None or not _refuses_scope(case, finding) or _foreign(case) or challenged_scopes(case) & _unknown(case):
        return
    if wrong := _unknown(case) & listed_scopes(case):
        yield Fit("likely", (line(found[0], "body:/scopes_supported", " ".join(sorted(wrong))),))


@suspect(
    "scope-challenged-refused",
    of=ERROR,
    step="challenge",
    who=MCP_SERVER,
    summary="The challenge asks for a scope that the authorization server does not grant.",
    fix="Name in the challenge only what the authorization server grants, or define the scope there.",
    spec=Spec("RFC 6750", "3"),
    apart="The scope of the challenge against scopes_supported of the authorization server.",
    call="dbg.config",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = without_token(case)
    if exchange is None or not _refuses_scope(case, finding) or _foreign(case):
        return
    if wrong := _unknown(case) & challenged_scopes(case):
        yield Fit("likely", (line(exchange, "header:WWW-Authenticate", f"scope={' '.join(sorted(wrong))}"),))


@suspect(
    "scope-not-allowed",
    of=ERROR,
    step="register",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server does not allow this client a scope that the MCP server needs.",
    fix="Allow the client the scope that the MCP server names, or define it if it does not exist.",
    spec=RESPONSE,
    apart="Another client gets the same scope.",
    call="dbg.register()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    if not _refuses_scope(case, finding) or _foreign(case) or _unknown(case) or not asked_scopes(case):
        return
    yield Fit("likely" if server_scopes(case) else "possible", _scope_line(case, asked_scopes(case)))


# --- the resource -----------------------------------------------------------------------------------------------------


@suspect(
    "resource-against-scopes",
    of=(ERROR, PAGE, REFUSED),
    step="authorize",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server reads the resource out of the scopes, and refuses the parameter beside them.",
    fix="Define the scopes under the identifier of the MCP server's resource; until then ask without the parameter: "
    "Debugger(url, resource='').",
    spec=Spec("RFC 8707", "2"),
    apart="The same request without resource goes through.",
    call="dbg.authorize(params={'resource': None})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange, asked = shown_in(case, finding), authorization_request(case)
    if exchange is None or asked is None or not query(asked).get("resource") or _at_upstream(case, exchange):
        return
    if told := quoting(exchange, _RESOURCE_AND_SCOPE):
        sent = query(asked)
        seen = f"resource={sent['resource']} scope={sent.get('scope', '')}"
        yield Fit("likely", (*told, line(asked, "url", seen)))


@suspect(
    "resource-sent-upstream",
    of=PAGE,
    step="authorize",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server passes resource on to the identity provider behind it, which refuses it.",
    fix="Keep resource at the authorization server, and do not forward it to the identity provider.",
    spec=Spec("RFC 8707", "2"),
    apart="The host that shows the error is not the one of the authorization endpoint.",
    call="dbg.authorize(params={'resource': None})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is not None and _at_upstream(case, exchange) and (told := quoting(exchange, _RESOURCE)):
        yield Fit("likely", (*told, line(exchange, "url", "another host than that of the authorization endpoint")))


def _at_upstream(case: Case, exchange: Exchange) -> bool:
    """Whether the browser had been sent on to another origin than that of the authorization endpoint."""
    asked = authorization_request(case)
    is_page = exchange.direction == "out" and exchange.step == "callback"
    return is_page and asked is not None and not same_origin(exchange.request.url, asked.request.url)


@suspect(
    "resource-unknown",
    of=(ERROR, REFUSED),
    step="authorize",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server does not know the MCP server's resource.",
    fix="Register the MCP server's resource with the authorization server, spelled exactly as it is published.",
    spec=Spec("RFC 8707", "2"),
    apart="The identifiers that the authorization server has for its resources.",
    call=AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    asking = _asking(exchange, case) if exchange else None
    if exchange is None or asking is None or not error_of(exchange):
        return
    sent = (form(asking) if asking.step == "token" else query(asking)).get("resource", "")
    if error_of(exchange) != "invalid_target" and not (sent and sent in words(exchange)):
        return  # some servers refuse it with another error, and name it in the description
    wanted = published_resource(case)
    if sent and resource_match(sent, wanted, wanted) == "same":
        part = "body:" if asking.step == "token" else "url"
        yield Fit("likely", (line(asking, part, f"resource={sent}, as published"),))
