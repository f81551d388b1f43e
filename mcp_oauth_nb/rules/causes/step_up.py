"""Suspects behind a refusal for scope, or for what may be scope."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.refusals import EDGES, shown_in
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    challenges,
    query,
    resource_document,
    sent_token,
    server_document,
    texts,
)
from mcp_oauth_nb.rules.resource import error_of
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Confidence, Line
from mcp_oauth_nb.rules.timeline import (
    asked_scopes,
    challenged_scope,
    granted,
    granted_scopes,
    is_authorization,
    operation,
    timeline,
)
from mcp_oauth_nb.rules.words import MCP_SERVER, came, is_page, quoted

HANDLING = Spec("MCP 2025-11-25", "Scope Challenge Handling")
_DENIED = re.compile(
    r"(?i)forbidden|permission|denied|not (allowed|permitted|authori[sz]ed)|unauthori[sz]ed|scope|polic"
)


def _held(case: Case, exchange: Exchange) -> tuple[Exchange, frozenset[str]] | None:
    """The scopes of the token that a request carried, with the answer that granted them."""
    token = sent_token(exchange)
    found = [pair for pair in granted_scopes(case) if granted(pair[0], "access_token") == token]
    return found[-1] if found else None


def _refused(case: Case, finding: Finding) -> tuple[Exchange, frozenset[str]] | None:
    """The refusal for scope behind a finding, with the scopes it asks for; None where it asks for none."""
    one = shown_in(case, finding)
    if one is not None and finding.rule == "authorization-error":
        one = _asked_for_after(case, one)
    scope = challenged_scope(one) if one is not None else None
    return (one, scope) if one is not None and scope else None


def _asked_for_after(case: Case, back: Exchange) -> Exchange | None:
    """The last refusal before an error in the redirect whose scope that very authorization request then asks for."""
    request = authorization_request(case)
    asked = set(query(request).get("scope", "").split()) if request else set()
    earlier = (one for one in reversed(case.trace.exchanges[: back.id - 1]) if one.status == 403)
    return next((one for one in earlier if asked & (challenged_scope(one) or frozenset())), None)


@suspect(
    "scope-never-asked",
    of="insufficient-scope",
    step="authorize",
    who="client",
    summary="The operation needs a scope that the token was never asked to have.",
    fix="Authorize again with the scopes of the challenge and those granted so far.",
    spec=Spec("MCP 2025-11-25", "Step-Up Authorization Flow"),
    apart="With the challenged scope in the authorization request the operation works.",
    call="dbg.authorize(params={'scope': '...'})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = _refused(case, finding)
    if refused is None:
        return
    exchange, challenged = refused
    asked = [one for one in timeline(case) if is_authorization(one) and one.id < exchange.id]
    ever = frozenset[str]().union(*(asked_scopes(one) for one in asked))
    later = [one for one in timeline(case) if is_authorization(one) and one.id > exchange.id]
    if asked and not challenged <= ever and not later:
        sent = query(asked[-1]).get("scope")
        asked_for = f"scope={sent}" if sent is not None else "no scope"
        wanted = " ".join(sorted(challenged | asked_scopes(asked[-1])))
        fix = f"Authorize again with scope={quoted(wanted, 200)}."
        yield Fit("likely", (line(asked[-1], "url", asked_for), _told(exchange)), fix)


@suspect(
    "scope-not-granted",
    of="insufficient-scope",
    step="token",
    who="user",
    summary="The scope was asked for, but the authorization server granted less.",
    fix="Grant the user or the client that scope at the authorization server, then authorize again.",
    spec=Spec("RFC 6749", "3.3"),
    apart="The member scope of the token answer says what was granted.",
    call="dbg.token()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = _refused(case, finding)
    if refused is None:
        return
    challenged = refused[1]
    # Who authorizes once more for the challenge and is refused again learns from the second token what was granted.
    later = (one for one in timeline(case) if one.id > refused[0].id and one.status == refused[0].status)
    exchange = [refused[0], *(one for one in later if challenged_scope(one) == challenged)][-1]
    held = _held(case, exchange)
    if held is None:
        return
    asked = [one for one in timeline(case) if is_authorization(one) and one.id < held[0].id]
    if asked and challenged <= asked_scopes(asked[-1]) and not challenged <= held[1]:
        granted_as = f"scope={' '.join(sorted(held[1]))}"
        # A scope that came up with the challenge may be one that the authorization server does not have.
        sure: Confidence = "certain" if exchange is refused[0] else "likely"
        yield Fit(sure, (line(held[0], "body:/scope", granted_as), _told(exchange)))


@suspect(
    "scope-unknown-to-authorization-server",
    of=("insufficient-scope", "authorization-error"),
    step="mcp",
    who=MCP_SERVER,
    summary="The MCP server asks for a scope that the authorization server refuses.",
    fix="Define the scope at the authorization server, or name one in the challenge that it has.",
    spec=HANDLING,
    apart="A scope that is known stands in scopes_supported, and an authorization request with it is not refused.",
    call="dbg.config",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = _refused(case, finding)
    if refused is None:
        return
    exchange, challenged = refused
    back = [one for one in timeline(case) if one.direction == "in" and one.id > exchange.id]
    errors = [one for one in back if query(one).get("error") == "invalid_scope"]
    if errors:
        yield Fit("certain", (_told(exchange), line(errors[0], "url", "error=invalid_scope")))
        return
    documents = [found for found in (server_document(case), resource_document(case)) if found]
    lists = [(one, texts(document.get("scopes_supported"))) for one, document in documents]
    lists = [(one, scopes) for one, scopes in lists if scopes]
    if lists and all(not challenged & set(scopes) for _, scopes in lists):
        listed_at, scopes = lists[0]
        yield Fit("possible", (_told(exchange), line(listed_at, "body:/scopes_supported", " ".join(scopes))))


def _told(exchange: Exchange) -> Line:
    bearer = challenges(exchange).bearer()
    scope = (bearer.get("scope") if bearer else None) or ""
    return line(exchange, "header:WWW-Authenticate", f"error=insufficient_scope, scope={scope}")


@suspect(
    "gateway-forbids",
    of="insufficient-scope",
    step="mcp",
    who="gateway",
    summary="A firewall or gateway in front of the MCP server forbids the request, whatever the token may do.",
    fix="Let the gateway pass requests to the MCP endpoint: see its log for the rule that matched.",
    spec=Spec("RFC 9110", "15.5.4"),
    apart="The same request works when it is sent to the server directly.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    if one is None or one.response is None or challenges(one).items:
        return
    edges = [(name, value) for name, value in one.response.headers if name.lower() in EDGES]
    page = is_page(one.response)
    lines = (line(one, "status", came(one)), *(line(one, f"header:{name}", value) for name, value in edges[:1]))
    if page or edges:
        yield Fit("likely" if page else "possible", lines)


@suspect(
    "denial-as-error",
    of="mcp-error",
    step="mcp",
    who=MCP_SERVER,
    summary="The MCP server, or a gateway in front of it, reports a missing permission as an internal error.",
    fix="Answer a denied request with 403 and a challenge that names the scope, not with a failure of the server.",
    spec=Spec("RFC 9110", "15.5.4"),
    apart="Only some tools fail, and always the same ones, while others work with the same token.",
    call="dbg.mcp('tools/call', {'name': '...', 'arguments': {}})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = shown_in(case, finding)
    asked = operation(one) if one is not None else None
    if one is None or one.response is None or asked is None or asked.method != "tools/call":
        return
    error = error_of(one) or {}
    failed = one.response.status in (500, 501) or error.get("code") == -32603
    token = sent_token(one)
    others = [
        other
        for other in case.answered("mcp", "call")
        if other.id != one.id and sent_token(other) == token and (other.status or 0) // 100 == 2
    ]
    if not failed or not others:
        return
    said = f"{error.get('message', '')} {one.response.body[:2000].decode('utf-8', 'replace')}"
    lines = (line(one, "status", came(one)), line(others[-1], "status", f"{others[-1].status} with the same token"))
    yield Fit("likely" if _DENIED.search(said) else "possible", lines)
