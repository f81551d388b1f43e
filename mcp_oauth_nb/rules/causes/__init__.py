"""The suspects, by the step in which they show. Importing this package declares them all."""

from mcp_oauth_nb.rules.causes import refresh, revocation, step_up

AREAS: tuple[object, ...] = (step_up, refresh, revocation)
"""The modules in which suspects stand, in the order of the flow."""
