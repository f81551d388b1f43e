"""Clients for those who ask for a factory: the MCP SDK and FastMCP call ``httpx_client_factory`` themselves."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from mcp_oauth_nb.wire.failing import LIBRARIES
from mcp_oauth_nb.wire.tap import library_of

SDK = "mcp.shared._httpx_utils"
"""Where the MCP SDK makes its clients; imported by then, or nobody of the SDK is asking."""
OF_THE_SDK = ("headers", "timeout", "auth")
"""What the SDK's own factory takes."""


def new_client(**given: Any) -> Any:
    """An asynchronous client as the MCP SDK would make it, of the library that the SDK speaks with.

    Args:
        given: as the client takes them; those that are None are left out.
    """
    told = {name: value for name, value in given.items() if value is not None}
    sdk = sys.modules.get(SDK)
    follow = told.pop("follow_redirects", None)
    if sdk is not None and set(told) <= set(OF_THE_SDK):
        client = sdk.create_mcp_http_client(**told)
    else:
        client = importlib.import_module(_library(sdk, told)).AsyncClient(**told)
    if follow is not None:
        client.follow_redirects = follow
    return client


def _library(sdk: object, told: dict[str, Any]) -> str:
    """That of the arguments, else that of the SDK, else httpx."""
    of_arguments = (name for value in told.values() if (name := library_of(value)))
    of_the_sdk = (name for name in reversed(LIBRARIES) if hasattr(sdk, name))
    return next(of_arguments, None) or next(of_the_sdk, None) or LIBRARIES[0]
