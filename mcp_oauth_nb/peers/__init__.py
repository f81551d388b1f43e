"""What other clients would do with a server: their rules as rows with sources, played on what a recording holds.

`values` has the words that a rule is written with, `clients` and `revisions` the rules of each client that was read,
`walk` plays them. Only answers that stand in the recording are used: where a client would ask for something else, that
is said and nothing is presumed. A fact that was not read in a client's source is *not known*.
"""

from __future__ import annotations

from mcp_oauth_nb.peers.clients import CLIENTS
from mcp_oauth_nb.peers.outlook import Outlooks, outlooks
from mcp_oauth_nb.peers.revisions import REVISIONS
from mcp_oauth_nb.peers.rows import NOT_KNOWN, Peer, Row

PEERS: tuple[Peer, ...] = (*CLIENTS, *REVISIONS)
"""Every client and protocol revision, in the order shown."""

__all__ = ["CLIENTS", "NOT_KNOWN", "PEERS", "REVISIONS", "Outlooks", "Peer", "Row", "outlooks"]
