"""Solve MCP OAuth incidents in a notebook: walk the flow, see every exchange, learn which step breaks and why.

Every public name is reached when it is asked for, so that importing the package costs next to nothing, and the demo
server and the widgets, which need the MCP SDK and ipywidgets, cost only those who use them. ``__init__.pyi`` says the
same to type checkers and editors.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Audit": "audit",
    "BadSetting": "errors",
    "CallbackTimeout": "errors",
    "Client": "protocol.flow",
    "Comparison": "views.comparison",
    "Debugger": "debugger",
    "DemoServer": "demo",
    "Enterprise": "protocol.grants",
    "Exchange": "records",
    "Finding": "rules.rule",
    "FlowRunner": "widgets",
    "HoldsSecret": "errors",
    "McpOAuthError": "errors",
    "NotOurs": "errors",
    "NotYet": "errors",
    "OAuth2": "oauth2",
    "OAuth2Form": "forms.form",
    "Parameter": "protocol.parameters",
    "PlainServer": "demo",
    "Recording": "recording.record",
    "Report": "rules.rule",
    "TimeUp": "errors",
    "Trace": "records",
    "check": "evidence.search",
    "compare": "comparing.runs",
    "diagnose": "rules",
    "load": "evidence.load",
    "load_har": "evidence.har",
    "metadata": "single",
    "other_clients": "evidence.given",
    "record": "recording.record",
    "replay": "replaying",
    "request": "single",
    "scrub": "evidence.scrub",
    "support": "evidence.given",
    "tokens": "keeping.tokens",
}
"""The module that each public name lives in."""

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
