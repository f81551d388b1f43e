"""The suspects, by the step in which they show. Importing this package declares them all."""

from mcp_oauth_nb.rules.causes import audience, mcp, mcp_answers, token_checks

AREAS: tuple[object, ...] = (audience, token_checks, mcp, mcp_answers)
"""The modules in which suspects stand, in the order of the flow."""
