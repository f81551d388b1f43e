"""What becomes of the rules in a flow without MCP: which of them hold, how grave they are, and whom they speak of.

What only MCP asks for is *not tested* there. A duty of an RFC that MCP repeats, or makes graver, holds with the RFC's
own word. The protected resource is an API there, so that is what findings call it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules.rule import MAY, MUST, SHOULD, Case, Finding, Level, Rule, level_in
from mcp_oauth_nb.rules.suspect import Suspect

NO_MCP = "no MCP server in this flow"
PLACES: Mapping[str, tuple[Level, Spec]] = {
    "endpoint-not-https": (MUST, Spec("RFC 6749", "3.1")),
    "iss-mismatch": (MUST, Spec("RFC 9207", "2.4")),
    "issuer-mismatch": (MUST, Spec("RFC 8414", "3.3")),
    "pkce-not-required": (MAY, Spec("RFC 9700", "2.1.1")),
    "pkce-not-sent": (SHOULD, Spec("RFC 9700", "2.1.1")),
    "redirect-uri-insecure": (SHOULD, Spec("RFC 6749", "3.1.2.1")),
    "refresh-not-rotated": (SHOULD, Spec("RFC 9700", "4.14.2")),
    "server-metadata-missing": (MUST, Spec("RFC 8414", "3")),
    "state-ignored": (SHOULD, Spec("RFC 6749", "10.12")),
    "state-weak": (SHOULD, Spec("RFC 6749", "10.12")),
    "token-in-url": (SHOULD, Spec("RFC 9700", "4.3.2")),
    "unexpected-answer": (MUST, Spec("RFC 6749", "1.2")),
}
"""Level and place of rules whose own word is MCP's, or whose level by version is."""
MCP_STEPS = frozenset(("challenge", "resource_metadata", "register", "mcp", "call", "revoked"))
"""Steps that no flow without MCP has: no mistake is looked for there."""
CALLS = frozenset(
    """server_metadata pkce authorize callback device token api request refresh replay revoke introspect userinfo run
    diagnose exchanges details config curl table""".split()
)
"""What can be called on a flow without MCP."""
_CALL = re.compile(r"dbg\.(\w+)")


def is_outside(case: Case) -> bool:
    """Whether there is no MCP server in this flow."""
    return case.version == PLAIN.version


def held_by(rule: Rule) -> tuple[Level, Spec] | None:
    """How grave a breach of this rule is without MCP, and where that is written; None where only MCP asks for it."""
    if rule.id in PLACES:
        return PLACES[rule.id]
    if rule.spec.document.startswith("MCP"):
        return None
    return level_in(rule.level, PLAIN.version), rule.spec


def told_outside(finding: Finding) -> Finding:
    """The finding in the words of a flow without MCP, with the suspects that there can be."""
    return replace(
        finding,
        summary=reworded(finding.summary),
        expected=reworded(finding.expected),
        fix=reworded(finding.fix),
        who="API" if finding.who == "MCP server" else finding.who,
        versions="",
        suspects=tuple(_told(one) for one in finding.suspects),
    )


def can_be_called(trace: Trace, call: str) -> bool:
    """Whether the object behind a trace has this call: without MCP there are no probes and no registration."""
    named = _CALL.match(call)
    return trace.settings.get("protocol") != PLAIN.version or (named is not None and named[1] in CALLS)


def is_possible(step: str, spec: Spec) -> bool:
    """Whether a mistake of this step, against this place, can be behind a flow without MCP."""
    return step not in MCP_STEPS and not spec.document.startswith("MCP")


def reworded(text: str) -> str:
    """A sentence about MCP, about any API."""
    return text.replace("MCP server", "API").replace("Debugger(url, ", "OAuth2(..., ")


def _told(suspect: Suspect) -> Suspect:
    named = _CALL.match(suspect.call)
    call = "" if named and named[1] not in CALLS else reworded(suspect.call)
    summary, fix, apart = reworded(suspect.summary), reworded(suspect.fix), reworded(suspect.apart)
    who = "API" if suspect.who == "MCP server" else suspect.who
    return replace(suspect, summary=summary, fix=fix, apart=apart, call=call, who=who)
