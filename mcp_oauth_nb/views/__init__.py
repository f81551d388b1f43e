"""What a reader sees.

What a flow only returns when it is looked at is reached here when it is asked for, because importing the displays takes
longer than many a flow; ``__init__.pyi`` says the same to type checkers.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "ClientDocument": "views.client_document",
    "Config": "views.config",
    "LinkView": "views.link",
    "Outlooks": "peers.outlook",
    "Script": "views.script",
    "Support": "views.support",
    "TableView": "views.tables",
    "TokenDetails": "views.token_details",
    "Variant": "views.variants",
    "Variants": "views.variants",
    "step_card": "views.step",
}
"""The module that each name lives in."""

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"mcp_oauth_nb.{_HOME[name]}"), name)
    globals()[name] = value
    return value
