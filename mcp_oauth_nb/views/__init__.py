"""What a reader sees. Importing the package registers a display for every record that has one."""

from __future__ import annotations

from mcp_oauth_nb.views import (
    audit,
    check,
    client_document,
    config,
    exchange,
    peers,
    report,
    support,
    tables,
    token_details,
)

__all__ = [
    "audit",
    "check",
    "client_document",
    "config",
    "exchange",
    "peers",
    "report",
    "support",
    "tables",
    "token_details",
]
