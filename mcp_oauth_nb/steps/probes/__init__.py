"""Probes: steps beside the route, which ask what an ordinary client would not ask.

A probe is declared with ``@step(probe=True)`` in a module of this package and is named in `protocol.probes`. It starts
from the flow as it is, with whatever is known, and what it returns changes nothing of that flow: what it found out is
in its exchanges, where rules and tables read it.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcp_oauth_nb.protocol.step import Step
from mcp_oauth_nb.steps.probes import client_document, locations

PROBES: Mapping[str, Step] = {
    declared.name: declared for declared in (locations.well_known, client_document.client_document_check)
}
"""Every probe by name."""
