"""Reads the debug log of mcp-remote (``--debug``, ``~/.mcp-auth/.../<hash>_debug.log``): sentences about what it did.

Only some of its lines tell what went over the wire: challenges, metadata documents (some members, or all), the
authorization request, refusals, and which JSON-RPC messages were answered. These become exchanges, and all that the log
does not say of them is named as such. Of what it says only that it worked, a registration or a token answer, the
request is kept and the answer is not: that is *not tested*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from mcp_oauth_nb.evidence.mcp_remote_log import Log
from mcp_oauth_nb.evidence.mcpjam import Artifact
from mcp_oauth_nb.records import NEVER
from mcp_oauth_nb.vault import Vault

_LINE = re.compile(r"^\[(\d{4}-\d\d-\d\dT[\d:.]{8,15}Z)\]\[(\d{1,10})\] ", re.MULTILINE)
_OURS = re.compile(_LINE.pattern + r"(?:Starting mcp-remote|.{0,40}Connecting to remote server:|Starting OAuth server|"
                   r"Reading OAuth tokens|Probing MCP server)", re.MULTILINE)  # fmt: skip


def is_mcp_remote(text: str) -> bool:
    """Whether it looks like a debug log of mcp-remote."""
    return bool(_OURS.search(text))


def read_mcp_remote(text: str, vault: Vault) -> Artifact:
    """What a log tells; what it does not, is named in each exchange."""
    log = Log(vault)
    for when, said in _entries(text):
        log.take(when, said)
    told = {"url": log.url, "protocol": log.protocol}
    settings = {name: one for name, one in told.items() if one}
    return Artifact(tuple(log.found), settings, log.came_back, log.refused)


def _entries(text: str) -> Iterator[tuple[datetime, str]]:
    starts = list(_LINE.finditer(text))
    for one, following in zip(starts, [*starts[1:], None], strict=True):
        yield _time(one[1]), text[one.end() : following.start() if following else len(text)].rstrip()


def _time(told: str) -> datetime:
    try:
        return datetime.fromisoformat(told).astimezone(UTC)
    except (ValueError, OverflowError):
        return NEVER
