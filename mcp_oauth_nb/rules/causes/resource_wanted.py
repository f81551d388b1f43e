"""A server that wants a resource indicator, asked in the words of a protocol version that knows none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.protocol.profiles import PLAIN, PROFILES
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.rules.cause import Fit, suspect
from mcp_oauth_nb.rules.causes.answers import quoting, shown_in
from mcp_oauth_nb.rules.causes.authorization_errors import error_of
from mcp_oauth_nb.rules.evidence import authorization_request, form, query
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.unknown import ADD_RESOURCE

_RESOURCE = re.compile(r"(?i)\bresource\b(?![ _-]?(owner|server))")


@suspect(
    "version-sends-no-resource",
    of=("authorization-error", "token-refused"),
    step="authorize",
    who="user",
    summary="The authorization server wants a resource indicator, and the chosen protocol version sends none.",
    fix="Add it by hand: dbg.authorize(params={'resource': url}); or choose a version that sends it: Debugger(url, "
    "protocol='2025-11-25').",
    spec=Spec("RFC 8707", "2"),
    apart="The same request with the resource indicator gets through.",
    call=ADD_RESOURCE[0],
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    profile = PROFILES.get(case.version, PLAIN)
    exchange, asked = shown_in(case, finding), authorization_request(case)
    if profile is PLAIN or profile.sends_resource or exchange is None or (asked and query(asked).get("resource")):
        return
    if exchange.step == "token" and form(exchange).get("resource"):
        return
    told = quoting(exchange, _RESOURCE)
    if told and error_of(exchange) in ("invalid_request", "invalid_target"):
        yield Fit("likely", told)
