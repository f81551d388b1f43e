"""The suspects, by the step in which they show. Importing this package declares them all."""

from mcp_oauth_nb.rules.causes import (
    addresses,
    audience,
    challenge,
    mcp,
    mcp_answers,
    resource_metadata,
    token_checks,
)

AREAS: tuple[object, ...] = (addresses, challenge, resource_metadata, audience, token_checks, mcp, mcp_answers)
"""The modules in which suspects stand, in the order of the flow."""
