"""Solve MCP OAuth incidents in a notebook: walk the flow, see every exchange, learn which step breaks and why."""

from __future__ import annotations

import importlib
from typing import Any

from mcp_oauth_nb.debugger import Debugger
from mcp_oauth_nb.errors import BadSetting, CallbackTimeout, McpOAuthError, NotOurs, NotYet
from mcp_oauth_nb.protocol.flow import Client
from mcp_oauth_nb.protocol.grants import Enterprise
from mcp_oauth_nb.records import Exchange, Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.rule import Finding, Report

__version__ = "0.1.0"
__all__ = [
    "BadSetting",
    "CallbackTimeout",
    "Client",
    "Debugger",
    "DemoServer",
    "Enterprise",
    "Exchange",
    "Finding",
    "FlowRunner",
    "McpOAuthError",
    "NotOurs",
    "NotYet",
    "Report",
    "Trace",
    "diagnose",
]

_LAZY = {"DemoServer": "mcp_oauth_nb.demo", "FlowRunner": "mcp_oauth_nb.widgets"}
"""Reached when they are asked for: one imports the MCP SDK, the other ipywidgets."""


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
