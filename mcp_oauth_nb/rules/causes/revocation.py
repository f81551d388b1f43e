"""Suspects behind a token that was revoked: it is refused although it looks good, or works all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.presented import quoting
from mcp_oauth_nb.rules.causes.refusals import LOGIN_AGAIN, description, said, shown_in
from mcp_oauth_nb.rules.evidence import (
    form,
    jwt_claims,
    oauth_error,
    sent_token,
)
from mcp_oauth_nb.rules.named_checks import CHECKS, names_only
from mcp_oauth_nb.rules.revocation import replay_refused_before, revocations
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.timeline import grant_began, granted, token_requests
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, came

_ENDED = re.compile(r"(?i)revok|withdrawn|logged out|signed out|session.{0,20}(end|terminat|inactive|not active)")


# --- a token of a grant that was ended is refused ---


@suspect(
    "grant-revoked",
    of=("refresh-refused", "token-rejected", "api-refused"),
    step="revoke",
    who="user",
    summary="The grant is over, by a revocation or with the login behind it: no token of it works any more.",
    fix="Authorize again: neither a refresh nor a retry brings a revoked grant back.",
    spec=Spec("RFC 7009", "2.1"),
    apart="After a revocation both tokens are refused while the client is still known: a new authorization works.",
    call=LOGIN_AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = _refused_for_the_grant(case, finding)
    if refused is None:
        return
    began = grant_began(case, refused)
    known = {token for one, _ in token_requests(case) for token in (granted(one, "access_token"),) if token}
    known |= {form(refused).get("refresh_token", ""), sent_token(refused) or ""}
    known |= {token for one, _ in token_requests(case) if (token := granted(one, "refresh_token"))}
    before = [one for one in revocations(case) if began < one.id < refused.id and form(one)["token"] in known]
    if before:
        yield Fit("certain", (line(before[-1], "status", "revocation answered 200"),))
    elif finding.rule == "token-rejected" and names_only(refused, "grant"):
        if replay_refused_before(case, refused) is None:  # else what ended it is known
            yield Fit("likely", quoting(refused, CHECKS["grant"]))
    elif finding.rule == "refresh-refused" and _ENDED.search(description(refused)):
        yield Fit("likely", (said(refused), *_refused_at_mcp(case, refused)))
    elif finding.rule == "refresh-refused":
        both = _refused_at_mcp(case, refused)
        yield Fit("likely" if both else "possible", (said(refused), *both))


def _refused_for_the_grant(case: Case, finding: Finding) -> Exchange | None:
    """The refusal, where it can be due to the end of the grant; an API says so with 401 (RFC 6750 3.1)."""
    refused = shown_in(case, finding)
    if refused is None or (finding.rule == "refresh-refused" and oauth_error(refused) != "invalid_grant"):
        return None
    return None if finding.rule == "api-refused" and refused.status != 401 else refused


def _refused_at_mcp(case: Case, refused: Exchange) -> tuple[Line, ...]:
    """The MCP server refused an access token of the same trace before, so that both tokens are gone."""
    used = [
        one for one in case.answered("mcp", "call") if one.status == 401 and sent_token(one) and one.id < refused.id
    ]
    return (line(used[-1], "status", "401 for the access token"),) if used else ()


@suspect(
    "grant-ended-by-replay",
    of=("refresh-refused", "token-rejected", "api-refused"),
    step="replay",
    who="user",
    summary="An old refresh token was presented before, upon which a careful server ends the whole grant.",
    fix="Authorize again: the probe has done its work, and the server defended itself.",
    spec=Spec("OAuth 2.1", "4.3.1"),
    apart="A new authorization that is not followed by a replay goes on working.",
    call=LOGIN_AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = _refused_for_the_grant(case, finding)
    if refused is None:
        return
    before = replay_refused_before(case, refused)
    if before is not None:
        yield Fit("likely", (line(before, "status", came(before)),))


@suspect(
    "revocation-endpoint-dead",
    of="revocation-refused",
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The metadata names a revocation endpoint at which there is none.",
    fix="Serve the revocation endpoint at this URL, or correct revocation_endpoint in the metadata.",
    spec=Spec("RFC 8414", "2"),
    apart="Another URL of the same server takes a revocation.",
    call="dbg.config",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    refused = shown_in(case, finding)
    if refused is not None and refused.status in (404, 405, 410) and not oauth_error(refused):
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
