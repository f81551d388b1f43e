"""Every display. Importing this registers one for each record that has one; `mime` does so with the first display."""

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
