"""What may stand behind a refused token where the MCP server says which check failed, and the token speaks against it.

Its words alone make no cause certain: they are one side of a difference of which the token is the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.jwt import is_encrypted
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.presented import Presented, presented, quoting, refusal
from mcp_oauth_nb.rules.evidence import is_masked, server_document
from mcp_oauth_nb.rules.named_checks import CHECKS, DECODED, named_checks, names_only, said, speaks_of_a_jwt
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.token_claims import (
    SLACK_S,
    TIMES,
    ahead_of_issuer,
    clock_of,
    has_expired,
    left_by_issuer,
    seconds,
)
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, shown

REJECTED = "token-rejected"
HANDLING = Spec("MCP 2025-11-25", "Token Handling")
_ANY = re.compile("(?s).+")
_CLAIM = re.compile(
    r"(?i)\bclaims?\b[\s:]*['\"`]?([\w:/.-]+)['\"`]?|['\"`]([\w:/.-]+)['\"`] claim"
    r"|(?:missing|required) (?!required\b)(\w+) claim"
)


def _refused(case: Case, finding: Finding) -> tuple[Presented, Exchange] | None:
    token = presented(case, finding)
    refused = refusal(case, token.token) if token else None
    return (token, refused) if token is not None and refused is not None else None


def _is_opaque(token: Presented) -> bool:
    return token.jwt is None and not is_encrypted(token.token) and not is_masked(token.token)


@suspect(
    "expected-issuer-differs",
    of=REJECTED,
    step="resource_metadata",
    who=MCP_SERVER,
    summary="The token names exactly the issuer whose metadata is published, and the MCP server trusts another.",
    fix="Set up the MCP server with the issuer that its own metadata names, letter by letter; or publish in "
    "authorization_servers the one that it trusts.",
    spec=Spec("RFC 9068", "4"),
    apart="The MCP server's words or its log name the issuer that it expected.",
    call="dbg.config",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found, document = _refused(case, finding), server_document(case)
    if found is None or document is None or not names_only(found[1], "issuer"):
        return
    token, refused = found
    published = document[1].get("issuer")
    if token.jwt is not None and published is not None and token.jwt.claims.get("iss") == published:
        lines = (line(document[0], "body:/issuer", shown(published)), token.claim("iss"))
        yield Fit("likely", (*quoting(refused, CHECKS["issuer"]), *lines))


@suspect(
    "times-read-otherwise",
    of=REJECTED,
    step="",
    who=MCP_SERVER,
    summary="The MCP server calls the access token expired or not yet valid, and by every clock that is told it is "
    "good: it goes by another clock than its Date, or by another rule than the token's own times.",
    fix="Compare the clock of the machine that checks the token, log which exp and nbf it reads there, and see whether "
    "a rule of its own ends tokens early.",
    spec=HANDLING,
    apart="The log of the MCP server shows the times that it read and the moment it took for now.",
    call="dbg.introspect()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _refused(case, finding)
    if found is None or not names_only(found[1], "end", "begin"):
        return
    token, refused = found
    if _is_opaque(token) and speaks_of_a_jwt(refused):
        return
    if good := _good_by_all_clocks(case, token, refused):
        yield Fit("likely", (*quoting(refused, _ANY), *good))


def _good_by_all_clocks(case: Case, token: Presented, refused: Exchange) -> tuple[Line, ...]:
    """The lines that show a token within its times when it was refused; empty where it was not, or nothing tells."""
    claims = token.jwt.claims if token.jwt else {}
    left, apart = left_by_issuer(case, refused, token.token), ahead_of_issuer(case, refused, token.token)
    ends, now = seconds(claims.get("exp")), clock_of(refused)
    begins = [at for name in TIMES if (at := seconds(claims.get(name))) is not None]
    if now is None or has_expired(case, refused, token.token) is not None or any(at > now + SLACK_S for at in begins):
        return ()
    if left is not None and apart is not None and apart > left:
        return ()
    if left is None and ends is None:
        return ()
    told = left if left is not None else (ends or now) - now
    return (token.told(f"{told:.0f} s were left"),) if told > SLACK_S else ()


@suspect(
    "another-token-read",
    of=REJECTED,
    step="",
    who="gateway",
    summary="The MCP server speaks of another token than the one that was sent: what it says cannot be said of this "
    "one. Something on the way, or the server itself, puts another token in its place.",
    fix="See whether a gateway exchanges or replaces the Authorization header, and which header or session the MCP "
    "server reads the token from.",
    spec=HANDLING,
    apart="The log of the MCP server shows the first characters of the token that it read.",
    call="dbg.probe('garbage_token')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _refused(case, finding)
    if found is None or not _is_opaque(found[0]):
        return
    token, refused = found
    named = named_checks(refused) & DECODED
    if named and speaks_of_a_jwt(refused):
        confidence = "likely"
    elif named & {"begin", "signature"}:
        confidence = "possible"  # some servers say this of everything that they cannot read
    else:
        return
    parts = token.told(f"{token.token.count('.') + 1} part(s), no JSON Web Token")
    yield Fit("likely" if confidence == "likely" else "possible", (*quoting(refused, _ANY), parts))


@suspect(
    "person-unknown",
    of=REJECTED,
    step="",
    who=MCP_SERVER,
    summary="The MCP server finds nobody for whom the access token stands: it refuses the person, and not the token.",
    fix="Create or enable the account at the MCP server, or look it up by a claim that the token holds (sub, email, "
    "oid); a token of a client alone stands for no person.",
    spec=HANDLING,
    apart="A token of somebody whom the MCP server knows is accepted.",
    call="dbg.authorize()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _refused(case, finding)
    if found is not None and names_only(found[1], "person"):
        yield Fit("likely", quoting(found[1], CHECKS["person"]))


@suspect(
    "claim-demanded",
    of=REJECTED,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The access token lacks a claim that the MCP server demands.",
    fix="Map the claim into the access tokens of this client at the authorization server; or have the MCP server do "
    "without it.",
    spec=Spec("RFC 9068", "2.2"),
    apart="A token that holds the claim is accepted.",
    call="dbg.details",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = _refused(case, finding)
    if found is None or found[0].jwt is None or "claim" not in named_checks(found[1]):
        return
    token, refused = found
    for match in _CLAIM.finditer(said(refused)):
        name = next(one for one in match.groups() if one)
        if token.jwt is not None and name not in token.jwt.claims and name.lower() not in _NO_NAMES:
            yield Fit("likely", (*quoting(refused, CHECKS["claim"]), token.told(f"no {name} (read, not verified)")))
            return


_NO_NAMES = frozenset(("is", "was", "are", "missing", "required", "not", "in", "from", "of", "the", "must", "s"))
"""Words that stand beside the word claim without being the name of one."""
