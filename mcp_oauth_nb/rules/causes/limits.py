"""Suspects behind an answer that says nothing of the request: too many of them came, or a proxy wants a login."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import same_origin
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import shown_in
from mcp_oauth_nb.rules.edges import answered_by_edge
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, Kind, came, capped, fix_for, kind_of

LIMITED = Spec("RFC 6585", "4")
MISSING = {"resource-metadata-missing": "resource_metadata", "server-metadata-missing": "server_metadata"}
"""Findings about all answers of a step, with that step."""
MANY, WHILE = 30, timedelta(minutes=1)
"""So many requests to one server in so long a time are more than a client needs."""
PAUSE = "The same request works after a pause."


def _answers(case: Case, finding: Finding) -> Sequence[Exchange]:
    if finding.rule in MISSING:
        return case.answered(MISSING[finding.rule])
    one = shown_in(case, finding)
    return () if one is None or one.response is None else (one,)


def _of_kind(case: Case, finding: Finding, kind: Kind) -> Exchange | None:
    return next((one for one in _answers(case, finding) if kind_of(one) == kind), None)


def _limited(case: Case, finding: Finding) -> Iterator[Fit]:
    one = _of_kind(case, finding, "too many requests")
    if one is None or one.response is None:
        return
    after, sent = one.response.header("retry-after"), _sent_lately(case, one)
    pause = (line(one, "header:Retry-After", capped(after, 60)),) if after else ()
    fix = fix_for(one, "the answer")
    if sent >= MANY:
        fix = f"{fix} Ask less often: {sent} requests went there within a minute."
    edge = answered_by_edge(one)
    yield Fit("possible" if edge else "certain", (line(one, "status", came(one)), *pause, *edge), fix)


def _sent_lately(case: Case, last: Exchange) -> int:
    """How many requests went to the same server within a minute before an answer, that one included."""
    near = [one for one in case.trace.exchanges[: last.id] if same_origin(one.request.url, last.request.url)]
    return sum((one.started.tzinfo is None) == (last.started.tzinfo is None)
               and last.started - one.started <= WHILE for one in near)  # fmt: skip


@suspect(
    "mcp-server-limits",
    of=("unauthenticated-status", "resource-metadata-missing"),
    step="",
    who=MCP_SERVER,
    summary="The MCP server, or a gateway in front of it, takes no more requests for now.",
    fix="Wait, then run the step again; the limit is set at the server.",
    spec=LIMITED,
    apart=PAUSE,
    call="dbg.challenge()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _limited(case, finding)


@suspect(
    "authorization-server-limits",
    of=("server-metadata-missing", "authorization-page", "revocation-refused"),
    step="",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server, or a gateway in front of it, takes no more requests for now.",
    fix="Wait, then run the step again; the limit is set at the server.",
    spec=LIMITED,
    apart=PAUSE,
    call="dbg.server_metadata()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _limited(case, finding)


@suspect(
    "api-limits",
    of="api-refused",
    step="",
    who="API",
    summary="The API, or a gateway in front of it, takes no more requests for now.",
    fix="Wait, then run the step again; the limit is set at the API.",
    spec=LIMITED,
    apart=PAUSE,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _limited(case, finding)


@suspect(
    "proxy-wants-login",
    of=(
        "unauthenticated-status",
        "resource-metadata-missing",
        "server-metadata-missing",
        "registration-refused",
        "authorization-page",
        "token-refused",
        "mcp-error",
        "api-refused",
        "refresh-refused",
        "revocation-refused",
    ),
    step="",
    who="network",
    summary="A proxy between this machine and the server wants a login of its own; the server was not asked.",
    fix="Put the name and password for the proxy into HTTPS_PROXY in the environment of the notebook's kernel, or list "
    "the host in NO_PROXY.",
    spec=Spec("RFC 9110", "15.5.8"),
    apart="Past the proxy, or with its login, the request gets an answer of the server.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    one = _of_kind(case, finding, "proxy login")
    if one is None or one.response is None:
        return
    wanted = one.response.header("proxy-authenticate")
    login = (line(one, "header:Proxy-Authenticate", capped(wanted, 120)),) if wanted else ()
    yield Fit("certain", (line(one, "status", came(one)), *login))
