"""The faults the demo server can be given, in the order of the flow. How to write one is told in `fault`."""

from ..fault import FAULTS, Fault, in_order, named
from . import (
    access_tokens,
    authorization,
    challenge,
    later,
    mcp,
    metadata_url,
    registration,
    resource_metadata,
    server_metadata,
    sessions,
    tokens,
)

__all__ = ["AREAS", "FAULTS", "Fault", "named"]

AREAS = (
    challenge,
    metadata_url,
    resource_metadata,
    server_metadata,
    registration,
    authorization,
    tokens,
    access_tokens,
    mcp,
    sessions,
    later,
)
"""Where the faults stand."""
in_order()
