"""The suspects, by the step in which they show. Importing this package declares them all."""

from mcp_oauth_nb.rules.causes import addresses, challenge, resource_metadata

AREAS: tuple[object, ...] = (addresses, challenge, resource_metadata)
"""The modules in which suspects stand, in the order of the flow."""
