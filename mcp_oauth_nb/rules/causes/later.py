"""Suspects behind a refusal of what is done with tokens later: refresh, revocation, use after revocation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    form,
    jwt_claims,
    oauth_error,
    query,
    sent_json,
    sent_token,
    server_document,
    text,
    texts,
)
from mcp_oauth_nb.rules.revocation import replay_refused_before, revocations
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.timeline import granted, is_refresh, token_form, token_requests
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, came, is_page, kind_of

REFRESHING = Spec("RFC 6749", "6")
REFUSALS = Spec("RFC 6749", "5.2")
REFRESH_AGAIN = "dbg.refresh()"
LOGIN_AGAIN = "dbg.authorize()"
EDGES = ("cf-ray", "via", "x-amzn-requestid", "x-azure-ref", "x-amz-cf-id", "x-served-by")
"""Headers that proxies and content networks add to what passes them."""
_ENDED = re.compile(r"(?i)revok|withdrawn|logged out|signed out|session.{0,20}(end|terminat|inactive|not active)")
_RAN_OUT = re.compile(r"(?i)expire|too old|lifetime")
_RESOURCE = re.compile(r"(?i)\bresource\b|unknown param|unsupported param|unrecogni[sz]ed param|unexpected param")


def shown_in(case: Case, finding: Finding) -> Exchange | None:
    """The exchange that shows a finding."""
    known = finding.exchange in range(1, len(case.trace.exchanges) + 1)
    return case.trace.exchanges[finding.exchange - 1] if known else None


def _description(exchange: Exchange) -> str:
    return text((exchange.document or {}).get("error_description")) or ""


def _refused_with(case: Case, finding: Finding, *errors: str) -> Exchange | None:
    one = shown_in(case, finding)
    return one if one is not None and oauth_error(one) in errors else None


def _said(exchange: Exchange) -> Line:
    return line(exchange, "body:/error", f"error={oauth_error(exchange)} {_description(exchange)}".strip())


def _origin_of(case: Case, refused: Exchange) -> Exchange | None:
    """The token request that the refused refresh token came from."""
    token = form(refused).get("refresh_token")
    return next((one for one, _ in token_requests(case) if token and granted(one, "refresh_token") == token), None)


def _credentials(exchange: Exchange) -> Mapping[str, object]:
    """How a client authenticated: the way, never the secret itself."""
    sent, header = form(exchange), (exchange.request.header("authorization") or "").partition(" ")[0].lower()
    members = tuple(name for name in ("client_secret", "client_assertion") if sent.get(name))
    return {"header": header, "members": members}


# --- no refresh token -------------------------------------------------------------------------------------------------


@suspect(
    "refresh-grant-not-registered",
    of=("refresh-token-missing", "refresh-refused"),
    step="register",
    who="client",
    summary="The client was registered without the refresh_token grant.",
    fix="Register with grant_types authorization_code and refresh_token, then authorize again.",
    spec=Spec("RFC 7591", "2"),
    apart="The answer to the registration lists the grant types that the client may use.",
    call="dbg.register()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    if finding.rule == "refresh-refused" and not _refused_with(
        case, finding, "unauthorized_client", "unsupported_grant_type"
    ):
        return
    for one in case.answered("register"):
        document = one.document or {}
        allowed = document.get("grant_types", sent_json(one).get("grant_types"))
        # Left out means authorization_code alone (RFC 7591 2).
        if one.status in (200, 201) and "refresh_token" not in texts(allowed):
            named = " ".join(texts(allowed)) or "none, which means authorization_code"
            yield Fit("certain", (line(one, "body:/grant_types", f"grant_types: {named}"),))


@suspect(
    "offline-access-not-asked",
    of="refresh-token-missing",
    step="authorize",
    who="client",
    summary="The client did not ask for offline_access, for which this server issues refresh tokens.",
    fix="Add offline_access to the scope of the authorization request.",
    spec=Spec("MCP 2026-07-28", "Refresh Tokens"),
    apart="Ask once with offline_access in the scope.",
    call="dbg.authorize(params={'scope': '... offline_access'})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found, asked = server_document(case), authorization_request(case)
    if found is None or asked is None or "offline_access" not in texts(found[1].get("scopes_supported")):
        return
    scope = query(asked).get("scope")
    if "offline_access" not in (scope or "").split():
        sent = f"scope={scope}" if scope is not None else "no scope"
        yield Fit("likely", (line(found[0], "body:/scopes_supported", "offline_access"), line(asked, "url", sent)))


@suspect(
    "refresh-grant-not-offered",
    of="refresh-token-missing",
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server does not offer the refresh_token grant.",
    fix="Enable refresh tokens at the authorization server, or authorize again whenever the access token runs out.",
    spec=Spec("RFC 8414", "2"),
    apart="The metadata lists refresh_token in grant_types_supported where it is offered.",
    call="dbg.config",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = server_document(case)
    if found is None:
        return
    offered = texts(found[1].get("grant_types_supported"))
    if "refresh_token" not in offered:
        quote = f"grant_types_supported: {' '.join(offered)}" if offered else "no grant_types_supported"
        yield Fit("likely" if offered else "possible", (line(found[0], "body:/grant_types_supported", quote),))


# --- a refresh is refused ---------------------------------------------------------------------------------------------


@suspect(
    "grant-revoked",
    of=("refresh-refused", "token-rejected"),
    step="revoke",
    who="user",
    summary="The grant had been revoked before: no token of it works any more.",
    fix="Authorize again: neither a refresh nor a retry brings a revoked grant back.",
    spec=Spec("RFC 7009", "2.1"),
    apart="After a revocation both tokens are refused while the client is still known: a new authorization works.",
    call=LOGIN_AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = shown_in(case, finding)
    if refused is None or (finding.rule == "refresh-refused" and oauth_error(refused) != "invalid_grant"):
        return
    known = {token for one, _ in token_requests(case) for token in (granted(one, "access_token"),) if token}
    known |= {form(refused).get("refresh_token", ""), sent_token(refused) or ""}
    known |= {token for one, _ in token_requests(case) if (token := granted(one, "refresh_token"))}
    before = [one for one in revocations(case) if one.id < refused.id and form(one)["token"] in known]
    if before:
        yield Fit("certain", (line(before[-1], "status", "revocation answered 200"),))
    elif finding.rule == "refresh-refused" and _ENDED.search(_description(refused)):
        yield Fit("likely", (_said(refused), *_refused_at_mcp(case, refused)))
    elif finding.rule == "refresh-refused":
        both = _refused_at_mcp(case, refused)
        yield Fit("likely" if both else "possible", (_said(refused), *both))


def _refused_at_mcp(case: Case, refused: Exchange) -> tuple[Line, ...]:
    """The MCP server refused an access token of the same trace before, so that both tokens are gone."""
    used = [
        one for one in case.answered("mcp", "call") if one.status == 401 and sent_token(one) and one.id < refused.id
    ]
    return (line(used[-1], "status", "401 for the access token"),) if used else ()


@suspect(
    "grant-ended-by-replay",
    of=("refresh-refused", "token-rejected"),
    step="replay",
    who="user",
    summary="An old refresh token was presented before, upon which a careful server ends the whole grant.",
    fix="Authorize again: the probe has done its work, and the server defended itself.",
    spec=Spec("OAuth 2.1", "4.3.1"),
    apart="A new authorization that is not followed by a replay goes on working.",
    call=LOGIN_AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = shown_in(case, finding)
    if refused is None or (finding.rule == "refresh-refused" and oauth_error(refused) != "invalid_grant"):
        return
    before = replay_refused_before(case, refused)
    if before is not None:
        yield Fit("likely", (line(before, "status", came(before)),))


@suspect(
    "refresh-token-expired",
    of="refresh-refused",
    step="refresh",
    who="user",
    summary="The refresh token has run out, by age or because it was not used for long.",
    fix="Authorize again; for longer pauses let the authorization server give its refresh tokens a longer life.",
    spec=REFUSALS,
    apart="A refresh token that was issued just now is accepted.",
    call=LOGIN_AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = _refused_with(case, finding, "invalid_grant")
    if refused is None:
        return
    says = _RAN_OUT.search(_description(refused))
    yield Fit("likely" if says else "possible", (_said(refused),))


@suspect(
    "resource-refused-at-refresh",
    of="refresh-refused",
    step="refresh",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server refuses the refresh because it does not know the parameter resource.",
    fix="Ignore parameters that the server does not know, or understand resource (RFC 8707) at refresh too.",
    spec=Spec("RFC 6749", "3.2"),
    apart="The same refresh without resource is accepted.",
    call="dbg.refresh(form={'resource': None})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = _refused_with(case, finding, "invalid_request", "invalid_target")
    if refused is None or not form(refused).get("resource"):
        return
    without = [one for one in case.trace.exchanges if is_refresh(one) and "resource" not in form(one)]
    worked = next((one for one in without if granted(one, "access_token")), None)
    if worked is not None:
        yield Fit("certain", (_said(refused), line(worked, "status", "200 for a refresh without resource")))
        return
    if oauth_error(refused) == "invalid_request":
        says = _RESOURCE.search(_description(refused))
        yield Fit(
            "likely" if says else "possible", (_said(refused), line(refused, "body:/resource", "resource was sent"))
        )


@suspect(
    "other-resource-at-refresh",
    of="refresh-refused",
    step="refresh",
    who="client",
    summary="The refresh names another resource than the one that the grant is for.",
    fix="Send the resource of the authorization request with every refresh, letter by letter.",
    spec=Spec("RFC 8707", "2.2"),
    apart="The resource of both requests can be compared as it was sent.",
    call=REFRESH_AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = _refused_with(case, finding, "invalid_target", "invalid_request", "invalid_grant")
    if refused is None:
        return
    asked, earlier = authorization_request(case), _origin_of(case, refused)
    before = (query(asked).get("resource") if asked else None) or (form(earlier).get("resource") if earlier else None)
    now = form(refused).get("resource")
    if before and now and before != now:
        at = asked or refused
        lines = (line(at, "url", f"resource={before}"), line(refused, "body:/resource", f"resource={now}"))
        yield Fit("certain" if oauth_error(refused) == "invalid_target" else "likely", lines)


@suspect(
    "authenticates-differently-at-refresh",
    of="refresh-refused",
    step="refresh",
    who="client",
    summary="The client authenticates differently at refresh than when it redeemed the code.",
    fix="Authenticate at refresh in the same way, and with the same secret or key, as at the first token request.",
    spec=Spec("RFC 6749", "2.3"),
    apart="The headers and members of both requests can be compared.",
    call=REFRESH_AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = _refused_with(case, finding, "invalid_client", "invalid_request", "unauthorized_client")
    earlier = _origin_of(case, refused) if refused else None
    if refused is None or earlier is None or _credentials(earlier) == _credentials(refused):
        return
    lines = tuple(line(one, "body:", _way(one)) for one in (earlier, refused))
    yield Fit("certain" if oauth_error(refused) == "invalid_client" else "likely", lines)


def _way(exchange: Exchange) -> str:
    sent = _credentials(exchange)
    names = [str(sent["header"]).capitalize()] if sent["header"] else []
    members = sent["members"]
    names += [str(name) for name in members] if isinstance(members, tuple) else []
    return f"authenticates by {' and '.join(names) or 'its client id alone'}"


@suspect(
    "client-forgotten",
    of="refresh-refused",
    step="register",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server does not know the client any more that got this refresh token.",
    fix="Keep registered clients as long as their refresh tokens, also through restarts; the client has to register "
    "and authorize again.",
    spec=REFUSALS,
    apart="A new registration works, and so does the refresh of what is authorized with it.",
    call="dbg.register()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = _refused_with(case, finding, "invalid_client")
    earlier = _origin_of(case, refused) if refused else None
    if refused is None or earlier is None or _credentials(earlier) != _credentials(refused):
        return
    same = token_form(earlier).get("client_id") == form(refused).get("client_id")
    if same:
        yield Fit("likely", (line(earlier, "status", "200 for the same client"), _said(refused)))


@suspect(
    "refresh-grant-not-allowed",
    of="refresh-refused",
    step="refresh",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server issues refresh tokens to this client but does not let it use them.",
    fix="Allow the client the refresh_token grant at the authorization server.",
    spec=REFUSALS,
    apart="The registration of the client, at the server's console, lists its grants.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = _refused_with(case, finding, "unauthorized_client", "unsupported_grant_type")
    if refused is not None:
        yield Fit("likely", (_said(refused),))


@suspect(
    "too-many-refreshes",
    of="refresh-refused",
    step="refresh",
    who="client",
    summary="The authorization server limits how often it is asked; the refresh token is still good.",
    fix="Keep the tokens, wait as Retry-After says, then refresh again; refresh only when the token runs out.",
    spec=Spec("RFC 6585", "4"),
    apart="The same refresh works after a pause.",
    call=REFRESH_AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = shown_in(case, finding)
    if refused is not None and refused.status == 429:
        yield Fit("certain", (line(refused, "status", came(refused)),))


def _edge(exchange: Exchange) -> tuple[str, str] | None:
    """A header by which a proxy or content network gives itself away."""
    for name, value in exchange.response.headers if exchange.response else ():
        if name.lower() in EDGES:
            return name, value
    return None


def _is_of_gateway(exchange: Exchange) -> bool:
    """Whether somebody in front of the server answered: 503 is also what a server says itself (RFC 7009 2.2.1)."""
    page = exchange.response is not None and is_page(exchange.response)
    edge = _edge(exchange) is not None
    return exchange.status in (502, 504) or (page and edge) or (exchange.status == 503 and (page or edge))


@suspect(
    "token-endpoint-behind-failing-gateway",
    of=("refresh-refused", "revocation-refused"),
    step="refresh",
    who="gateway",
    summary="What stands in front of the authorization server answered in its place; the tokens are still good.",
    fix="Bring up the server behind the gateway, or let the gateway pass the request; the client keeps its tokens.",
    spec=REFUSALS,
    apart="The same request works later, or when it is sent to the server directly.",
    call=REFRESH_AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = shown_in(case, finding)
    if refused is None or oauth_error(refused) or refused.status == 429:
        return
    edge = _edge(refused)
    lines = (line(refused, "status", came(refused)), *((line(refused, f"header:{edge[0]}", edge[1]),) if edge else ()))
    if _is_of_gateway(refused):
        yield Fit("likely", lines)


@suspect(
    "authorization-server-failing",
    of="refresh-refused",
    step="refresh",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server failed while it handled the refresh; that says nothing about the refresh token.",
    fix="Read the server's log for this request; the client keeps its tokens and tries again with growing pauses.",
    spec=REFUSALS,
    apart="The same refresh works later.",
    call=REFRESH_AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = shown_in(case, finding)
    failed = refused is not None and (kind_of(refused) == "server error" or refused.status == 503)
    if refused is not None and failed and not _is_of_gateway(refused):
        yield Fit("likely", (line(refused, "status", came(refused)),))


# --- a revoked token works --------------------------------------------------------------------------------------------


@suspect(
    "self-contained-token",
    of="revoked-token-accepted",
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The access token is a JWT, which the MCP server reads without asking whether it was revoked.",
    fix="Give access tokens a short life, or let the MCP server ask by introspection whether they were revoked.",
    spec=Spec("RFC 7009", "3"),
    apart="It works until the time in its claim exp, and not a moment longer.",
    call="dbg.revoked()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    used = shown_in(case, finding)
    claims = jwt_claims(sent_token(used) or "") if used else {}
    if used is not None and claims:
        expires = claims.get("exp")
        quote = f"a JWT with exp={expires}" if isinstance(expires, (int, float)) else "a JWT without exp"
        yield Fit("likely", (line(used, "header:Authorization", quote),))


@suspect(
    "revocation-not-carried-out",
    of="revoked-token-accepted",
    step="revoke",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server answers the revocation with 200 and revokes nothing.",
    fix="End the tokens when they are revoked, and answer 200 only then.",
    spec=Spec("RFC 7009", "2.2"),
    apart="Where the revocation did nothing, the revoked refresh token still works.",
    call="dbg.refresh()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    used = shown_in(case, finding)
    done = [one for one in revocations(case) if used is not None and one.id < used.id]
    if not done:
        return
    sent = {form(one)["token"] for one in done}
    refreshed = [
        one for one in case.answered("refresh") if one.id > done[0].id and form(one).get("refresh_token") in sent
    ]
    worked = next((one for one in refreshed if granted(one, "access_token")), None)
    if worked is not None:
        yield Fit("certain", (line(worked, "status", "200 for the revoked refresh token"),))
    elif not refreshed:
        yield Fit("possible", (line(done[-1], "status", "revocation answered 200"),))


@suspect(
    "revocation-not-looked-up",
    of="revoked-token-accepted",
    step="revoked",
    who=MCP_SERVER,
    summary="The MCP server does not look up whether a token was revoked, or remembers an earlier answer.",
    fix="Ask the authorization server by introspection, and keep its answer for seconds only.",
    spec=Spec("RFC 7009", "3"),
    apart="A token that is only remembered is refused some minutes later.",
    call="dbg.revoked()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    used = shown_in(case, finding)
    if used is not None and not jwt_claims(sent_token(used) or ""):
        yield Fit("possible", (line(used, "status", came(used)),))
