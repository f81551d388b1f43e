"""What may stand behind a refused token that is made out to somebody else, or issued by somebody else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import same_origin
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.presented import Presented, presented, quoting, refusal
from mcp_oauth_nb.rules.evidence import resource_document, server_document, text
from mcp_oauth_nb.rules.named_checks import CHECKS, Check, may_be_for
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.token_claims import audiences, is_url, resources
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, shown

AUDIENCE, ISSUER, REJECTED = "token-audience", "token-issuer", "token-rejected"
VALIDATION = Spec("MCP 2025-11-25", "Token Audience Binding and Validation")
LOOK = "dbg.details"
_GUID = re.compile(r"(?i)(api://)?\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?(/.*)?")


def _misnamed(case: Case, finding: Finding) -> tuple[Presented, tuple[str, ...], tuple[str, ...]] | None:
    """A refused token none of whose audiences is this server: the token, its audiences, and what was expected."""
    token = presented(case, finding)
    if token is None or token.jwt is None or not token.jwt.claims or not _may_be_for(case, token, "audience"):
        return None
    named, ours = audiences(token.jwt.claims), resources(case, token.source)
    return None if any(one in ours for one in named) else (token, named, ours)


def _may_be_for(case: Case, token: Presented, check: Check) -> bool:
    """Whether the refusal of a token may be due to this check: not where it names another, or is another's answer."""
    refused = refusal(case, token.token)
    return refused is not None and may_be_for(refused, check)


def _grades(named: tuple[str, ...], ours: tuple[str, ...], url: str) -> set[str]:
    return {resource_match(one, mine, url) for one in named for mine in ours}


def _lines(token: Presented, ours: tuple[str, ...]) -> tuple[Line, ...]:
    asked = () if token.source is None else (line(token.source, "body:", f"resource={shown(ours[0])}"),)
    return (token.claim("aud"), *asked)


@suspect(
    "audience-respelled",
    of=(AUDIENCE, REJECTED),
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The audience of the access token and the resource differ in their spelling only, such as a slash at the "
    "end, and the MCP server compares letter by letter.",
    fix="Put the requested resource into aud as it was sent, without adding or removing a slash; at the MCP server "
    "accept the other spelling.",
    spec=VALIDATION,
    apart="A token whose aud is spelled like the resource is accepted.",
    call=LOOK,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _misnamed(case, finding)
    if found and _grades(found[1], found[2], case.url) & {"spelling", "parent"}:
        yield Fit("likely", _lines(found[0], found[2]))


@suspect(
    "audience-default",
    of=(AUDIENCE, REJECTED),
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server does not heed resource: the token is made out to a default or to nobody, and not "
    "to the MCP server.",
    fix="Enable resource indicators at the authorization server, or map the MCP server's URL into aud; else configure "
    "the MCP server for the audience that comes.",
    spec=Spec("RFC 8707", "2.2"),
    apart="With an audience mapper for this client the token names the MCP server.",
    call=LOOK,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _misnamed(case, finding)
    if found and not any(is_url(one) or _GUID.fullmatch(one) for one in found[1]):
        yield Fit("likely", _lines(found[0], found[2]))


@suspect(
    "audience-application",
    of=(AUDIENCE, REJECTED),
    step="token",
    who=MCP_SERVER,
    summary="The identity provider makes tokens out to the id of an application, never to a URL, and the MCP server "
    "expects its URL.",
    fix="Accept the application's id, plain and as api://, as an audience of the MCP server as well.",
    spec=VALIDATION,
    apart="The aud of the token is the id under which the MCP server is registered at the identity provider.",
    call=LOOK,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _misnamed(case, finding)
    if found and found[1] and all(_GUID.fullmatch(one) for one in found[1]):
        yield Fit("likely", _lines(found[0], found[2]))


@suspect(
    "audience-of-another",
    of=(AUDIENCE, REJECTED),
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The access token is made out to another resource than the one that was asked for.",
    fix="Issue the token for the resource that the request names, or refuse with invalid_target.",
    spec=Spec("RFC 8707", "2.2"),
    apart="Which resource the authorization and the token request name.",
    call="dbg.token()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _misnamed(case, finding)
    if found is None or _grades(found[1], found[2], case.url) != {"other"}:
        return
    named = [one for one in found[1] if is_url(one)]
    if named:
        beside = any(same_origin(one, case.url) for one in named)
        fix = "The token is bound to another route of this host: authorize for the one that is asked." if beside else ""
        yield Fit("likely", _lines(found[0], found[2]), fix)


@suspect(
    "expected-audience-differs",
    of=REJECTED,
    step="resource_metadata",
    who=MCP_SERVER,
    summary="The token names exactly the resource that the metadata publishes, and the MCP server expects another: it "
    "does not know its own public URL.",
    fix="Derive the published resource and the expected audience from one setting: the public URL, with the path that "
    "the proxy adds.",
    spec=Spec("RFC 9728", "3.3"),
    apart="The log of the MCP server names the audience that it expected.",
    call="dbg.introspect()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token, found = presented(case, finding), resource_document(case)
    published = text(found[1].get("resource")) if found else None
    refused = refusal(case, token.token) if token else None
    if token is None or found is None or refused is None or published is None:
        return
    told = quoting(refused, CHECKS["audience"])
    named = audiences(token.jwt.claims) if token.jwt else ()
    if published in named or (not token.jwt and told):
        lines = (line(found[0], "body:/resource", shown(published)), token.claim("aud"), *told)
        yield Fit("likely" if told else "possible", lines if token.jwt else (lines[0], *told))


# --- the issuer -------------------------------------------------------------------------------------------------------


def _issuers(case: Case, finding: Finding) -> tuple[Presented, str, str] | None:
    """A refused token of another issuer: the token, its issuer, and the published one."""
    token, found = presented(case, finding), server_document(case)
    named = text(token.jwt.claims.get("iss")) if token and token.jwt else None
    published = text(found[1].get("issuer")) if found else None
    if token is None or not named or not published or named == published or not _may_be_for(case, token, "issuer"):
        return None
    return token, named, published


def _issuer_lines(case: Case, token: Presented) -> tuple[Line, ...]:
    found = server_document(case)
    beside = (line(found[0], "body:/issuer", shown(found[1].get("issuer"))),) if found else ()
    version = (token.claim("ver"),) if token.jwt and "ver" in token.jwt.claims else ()
    return (token.claim("iss"), *version, *beside)


def _is_first_version(token: Presented, issuer: str) -> bool:
    """Whether it is a token of the first version of an identity provider that has two, with an issuer each."""
    version = token.jwt.claims.get("ver") if token.jwt else None
    return version == "1.0" or issuer.startswith("https://sts.windows.net/")


@suspect(
    "issuer-of-older-version",
    of=(ISSUER, REJECTED),
    step="token",
    who="user",
    summary="The identity provider issues tokens of its first version, under another issuer than its metadata of the "
    "second one names.",
    fix="Set requestedAccessTokenVersion to 2 in the manifest of the MCP server's application, or accept both issuers.",
    spec=Spec("RFC 9068", "2.2"),
    apart="The claim ver of a token after the change.",
    call=LOOK,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _issuers(case, finding)
    if found and _is_first_version(found[0], found[1]):
        yield Fit("likely", _issuer_lines(case, found[0]))


@suspect(
    "issuer-of-another-tenant",
    of=(ISSUER, REJECTED),
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The access token names another issuer, or tenant, than the one whose metadata was published.",
    fix="Issue tokens under the issuer of the metadata; else publish the issuer or tenant that the tokens name, and "
    "have the MCP server trust it.",
    spec=Spec("RFC 9068", "2.2"),
    apart="A token whose iss is the published issuer is accepted.",
    call=LOOK,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _issuers(case, finding)
    if found and not _is_first_version(found[0], found[1]):
        yield Fit("likely", _issuer_lines(case, found[0]))
