"""The faults the demo server can be given, in the order of the flow. How to write one is told in `fault`."""

from ..fault import FAULTS, Fault, in_order, named
from . import (
    authorization,
    challenge,
    client_documents,
    later,
    mcp,
    registration,
    registration_values,
    resource_metadata,
    server_members,
    server_metadata,
    tokens,
)

__all__ = ["AREAS", "FAULTS", "Fault", "named"]

AREAS = (
    challenge,
    resource_metadata,
    server_metadata,
    server_members,
    registration,
    registration_values,
    client_documents,
    authorization,
    tokens,
    mcp,
    later,
)
"""Where the faults stand."""
in_order()
