"""The suspects, by the step in which they show. Importing this package declares them all."""

from mcp_oauth_nb.rules.causes import (
    addresses,
    audience,
    authorization,
    authorization_errors,
    authorization_response,
    challenge,
    mcp,
    mcp_answers,
    no_redirect,
    refresh,
    resource_metadata,
    revocation,
    step_up,
    token_answers,
    token_checks,
    tokens,
)

AREAS: tuple[object, ...] = (
    addresses,
    challenge,
    resource_metadata,
    authorization,
    authorization_errors,
    authorization_response,
    no_redirect,
    tokens,
    token_answers,
    audience,
    token_checks,
    mcp,
    mcp_answers,
    step_up,
    refresh,
    revocation,
)
"""The modules in which suspects stand, in the order of the flow."""
