"""What a reader sees. Importing the package registers a display for every record that has one.

That of audits is imported with the first of them, because nothing else needs it.
"""

from __future__ import annotations

from mcp_oauth_nb.views import client_document, config, exchange, report, tables, token_details

__all__ = ["client_document", "config", "exchange", "report", "tables", "token_details"]
