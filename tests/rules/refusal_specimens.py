"""Flows in which a token is issued, presented to the MCP server and refused; and what the diagnosis makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from factories import Piece, asm, failed, mcp_request, rpc, server_document, tflow, token_answer, token_request

from mcp_oauth_nb.records import Exchange, Headers, Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding

INVALID = 'Bearer error="invalid_token"'
DATE = "Sun, 01 Mar 2026 12:00:{:02} GMT"


def challenged(said: str = INVALID, *others: tuple[str, str]) -> Headers:
    return (("WWW-Authenticate", said), *others)


def refusing(
    token: str, headers: Headers | None = None, status: int = 401, body: bytes = b"{}", **rest: Any
) -> Exchange:
    return mcp_request(
        rpc("initialize"), status, body, token=token, headers=challenged() if headers is None else headers, **rest
    )


def flow(
    token: str,
    *sent: Exchange,
    answered: Headers | None = None,
    asm_changes: Mapping[str, Any] | None = None,
    **answer: Any,
) -> Trace:
    """A flow in which this token was issued, then presented, and refused in the last of these requests."""
    issued = token_request(body=token_answer(access_token=token, **answer))
    if answered is not None and issued.response is not None:
        issued = replace(issued, response=replace(issued.response, headers=answered))
    return tflow(
        Piece("server_metadata", (server_document(asm(**(asm_changes or {}))),)),
        Piece("token", (issued,)),
        failed("mcp", *(sent or (refusing(token),))),
        upto="mcp",
    )


def lead(trace: Trace) -> Finding:
    found = diagnose(trace).cause
    assert found is not None
    return found


def suspects(trace: Trace, rule: str) -> dict[str, str]:
    """The suspects behind the first finding of a rule, with how likely they are."""
    finding = next(one for one in diagnose(trace).findings if one.rule == rule)
    return {one.cause: one.confidence for one in finding.suspects}
