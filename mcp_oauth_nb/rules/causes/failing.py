"""Suspects behind a server error: the server that was asked failed, or what stands in front of it found nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import shown_in
from mcp_oauth_nb.rules.edges import edge_lines
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, Kind, came, kind_of

OF_THE_MCP_SERVER = ("unauthenticated-status", "resource-metadata-missing", "mcp-error")
SHOWN_TO_PEOPLE = "authorization-page"
FAILED = Spec("RFC 9110", "15.6")
IN_ITS_LOG = "The log of the server has an entry for this request, with the error."
NOT_IN_ITS_LOG = "The log of the server has no entry for this request, that of the gateway has."


def _answered(case: Case, finding: Finding, kind: Kind) -> Iterator[Fit]:
    one = shown_in(case, finding)
    if one is not None and kind_of(one) == kind:
        yield Fit("likely", (line(one, "status", came(one)), *edge_lines(one)))


@suspect(
    "mcp-server-crashes",
    of=OF_THE_MCP_SERVER,
    step="",
    who=MCP_SERVER,
    summary="The MCP server failed while it handled this request.",
    fix="Read the MCP server's log at the time of this request and mend what raised the error.",
    spec=FAILED,
    apart=IN_ITS_LOG,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    works = any((one.status or 0) // 100 == 2 for one in case.answered("mcp", "call"))
    for fit in _answered(case, finding, "server error"):
        yield replace(fit, confidence="possible") if works else fit


@suspect(
    "gateway-without-mcp-server",
    of=OF_THE_MCP_SERVER,
    step="",
    who="gateway",
    summary="A gateway answers for the MCP server, because it cannot reach it.",
    fix="Start the MCP server behind the gateway, or correct the address, port and time limit of the gateway's route.",
    spec=FAILED,
    apart=NOT_IN_ITS_LOG,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _answered(case, finding, "gateway error")


@suspect(
    "authorization-endpoint-crashes",
    of=SHOWN_TO_PEOPLE,
    step="",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server failed while it handled the authorization request.",
    fix="Read the authorization server's log at the time of this request and mend what raised the error.",
    spec=FAILED,
    apart=IN_ITS_LOG,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _answered(case, finding, "server error")


@suspect(
    "gateway-without-authorization-endpoint",
    of=SHOWN_TO_PEOPLE,
    step="",
    who="gateway",
    summary="A gateway answers for the authorization endpoint, because it cannot reach the authorization server.",
    fix="Start the authorization server behind the gateway, or correct the gateway's route to it.",
    spec=FAILED,
    apart=NOT_IN_ITS_LOG,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    yield from _answered(case, finding, "gateway error")
