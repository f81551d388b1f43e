"""Suspects behind a missing refresh token, and behind a refresh that is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import names_other_reasons
from mcp_oauth_nb.rules.causes.refusals import (
    LOGIN_AGAIN,
    REFRESH_AGAIN,
    REFUSALS,
    description,
    edge_of,
    is_of_gateway,
    refused_with,
    said,
    shown_in,
)
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    form,
    oauth_error,
    query,
    sent_json,
    server_document,
    texts,
)
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.timeline import granted, is_refresh, token_form, token_requests
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, kind_of

_RAN_OUT = re.compile(r"(?i)expire|too old|lifetime")
_RESOURCE = re.compile(r"(?i)\bresource\b|unknown param|unsupported param|unrecogni[sz]ed param|unexpected param")


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
    if finding.rule == "refresh-refused" and not refused_with(
        case, finding, "unauthorized_client", "unsupported_grant_type"
    ):
        return
    found = server_document(case)
    offered = texts(found[1].get("grant_types_supported")) if found else ()
    if finding.rule == "refresh-token-missing" and offered and "refresh_token" not in offered:
        return  # a client need not register what is not offered
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
    refused = refused_with(case, finding, "invalid_grant")
    if refused is None:
        return
    told = description(refused)
    says = _RAN_OUT.search(told) and not names_other_reasons(told)
    yield Fit("likely" if says else "possible", (said(refused),))


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
    refused = refused_with(case, finding, "invalid_request", "invalid_target")
    if refused is None or not form(refused).get("resource"):
        return
    without = [one for one in case.trace.exchanges if is_refresh(one) and "resource" not in form(one)]
    worked = next((one for one in without if granted(one, "access_token")), None)
    if worked is not None:
        yield Fit("certain", (said(refused), line(worked, "status", "200 for a refresh without resource")))
        return
    if oauth_error(refused) == "invalid_request":
        says = _RESOURCE.search(description(refused))
        yield Fit(
            "likely" if says else "possible", (said(refused), line(refused, "body:/resource", "resource was sent"))
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
    refused = refused_with(case, finding, "invalid_target", "invalid_request", "invalid_grant")
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
    refused = refused_with(case, finding, "invalid_client", "invalid_request", "unauthorized_client")
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
    refused = refused_with(case, finding, "invalid_client")
    earlier = _origin_of(case, refused) if refused else None
    if refused is None or earlier is None or _credentials(earlier) != _credentials(refused):
        return
    same = token_form(earlier).get("client_id") == form(refused).get("client_id")
    if same:
        yield Fit("likely", (line(earlier, "status", "200 for the same client"), said(refused)))


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
    refused = refused_with(case, finding, "unauthorized_client", "unsupported_grant_type")
    if refused is not None:
        yield Fit("likely", (said(refused),))


@suspect(
    "too-many-refreshes",
    of="refresh-refused",
    step="refresh",
    who="client",
    summary="The authorization server limits how often it is asked, and has not looked at the refresh token.",
    fix="Keep the tokens, wait as Retry-After says, then refresh again; refresh only when the token runs out.",
    spec=Spec("RFC 6585", "4"),
    apart="The same refresh works after a pause.",
    call=REFRESH_AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = shown_in(case, finding)
    if refused is not None and refused.status == 429:
        yield Fit("certain", (line(refused, "status", came(refused)),))


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
    edge = edge_of(refused)
    lines = (line(refused, "status", came(refused)), *((line(refused, f"header:{edge[0]}", edge[1]),) if edge else ()))
    if is_of_gateway(refused):
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
    if refused is not None and failed and not is_of_gateway(refused):
        yield Fit("likely", (line(refused, "status", came(refused)),))
