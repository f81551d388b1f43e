"""The names of the probes: what an ordinary client would not send, each run by name and beside the route.

The steps stand in `steps.probes`, the rules about them beside the other rules. Both floors read the names from here, as
they read the route from `grants`.
"""

from __future__ import annotations

WELL_KNOWN = "well_known"
CLIENT_DOCUMENT = "client_document_check"
PROBES = (WELL_KNOWN, CLIENT_DOCUMENT)
"""Every probe off the route, in the order in which their findings are told."""
