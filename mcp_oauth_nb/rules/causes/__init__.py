"""The suspects, by the step in which they show. Importing this package declares them all."""

AREAS: tuple[object, ...] = ()
"""The modules in which suspects stand, in the order of the flow."""
