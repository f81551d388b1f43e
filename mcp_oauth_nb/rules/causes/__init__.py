"""The suspects, by the step in which they show. Importing this package declares them all."""

from mcp_oauth_nb.rules.causes import later, step_up

AREAS: tuple[object, ...] = (step_up, later)
"""The modules in which suspects stand, in the order of the flow."""
