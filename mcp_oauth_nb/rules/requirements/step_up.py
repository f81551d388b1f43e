"""Scopes and step-up."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "SU-01",
        "MCP server",
        "- - S S",
        "Too little scope is told by 403 with error=insufficient_scope, scope and resource_metadata.",
        rules=("insufficient-scope", "scope-challenge-incomplete", "tool-failed"),
    ),
    Requirement(
        "SU-02",
        "MCP server",
        "- - S S",
        "One challenge names every scope that the operation needs.",
        rules=("scope-challenged-again",),
    ),
    Requirement(
        "SU-03",
        "client",
        "- - - S",
        "A client that asks for more scope also asks for the scopes that it had asked for before.",
        rules=("step-up-scope-dropped",),
    ),
    Requirement(
        "SU-04",
        "client",
        "- - S S",
        "A client tries to step up, counts its tries, and gives up after a few.",
        rules=("step-up-not-tried", "step-up-endless"),
    ),
    Requirement(
        "SU-05",
        "MCP server",
        "- - - M",
        "A broader scope counts where a narrower one is needed.",
        unobservable="which scope includes which other one is written in nothing that goes over the wire",
    ),
    Requirement(
        "SU-06",
        "MCP server",
        "M M M M",
        "A missing or bad token is refused with 401, a missing permission with 403.",
        rules=("refusal-status-swapped",),
    ),
)
