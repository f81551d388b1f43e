"""The faults the demo server can be given, in the order of the flow. How to write one is told in `fault`."""

from ..fault import FAULTS, Fault, in_order, named
from . import (
    access_tokens,
    authorization,
    callback,
    challenge,
    client_documents,
    later,
    mcp,
    metadata_url,
    probes,
    refresh,
    registration,
    registration_values,
    resource_metadata,
    server_members,
    server_metadata,
    sessions,
    step_up,
    token_answers,
    tokens,
)

__all__ = ["AREAS", "FAULTS", "Fault", "named"]

AREAS = (
    challenge,
    metadata_url,
    resource_metadata,
    server_metadata,
    server_members,
    registration,
    registration_values,
    client_documents,
    authorization,
    callback,
    tokens,
    token_answers,
    access_tokens,
    mcp,
    sessions,
    step_up,
    refresh,
    later,
    probes,
)
"""Where the faults stand."""
in_order()
