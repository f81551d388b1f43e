"""Every derived table there is: importing this module declares them, in the order in which they are shown."""

from __future__ import annotations

from mcp_oauth_nb.facts import (
    answerers,
    binding,
    clients,
    environment,
    issuers,
    lifetimes,
    locations,
    redirects,
    scopes,
    tokens,
    urls,
)
from mcp_oauth_nb.facts.table import TABLES

MODULES = (answerers, binding, clients, environment, issuers, lifetimes, locations, redirects, scopes, tokens, urls)
"""Where the tables stand."""
ORDER = (
    "urls",
    "issuers",
    "client",
    "redirects",
    "scopes",
    "binding",
    "lifetimes",
    "tokens",
    "answerers",
    "environment",
    "locations",
    "copies",
)
"""The tables in the order in which they are shown."""
for _name in ORDER:
    TABLES[_name] = TABLES.pop(_name)
