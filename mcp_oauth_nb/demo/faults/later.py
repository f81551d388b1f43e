"""Faults of refreshing and revoking."""

from dataclasses import replace

from ..fault import behaves
from ..grants import Behaviour


@behaves(
    "no-rotation",
    phase="refresh",
    summary="Refreshing gives the same refresh token back instead of a new one.",
    trips="refresh-not-rotated",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, rotates_refresh_tokens=False)


@behaves(
    "replay-accepted",
    phase="replay",
    summary="A refresh token that was already replaced still works.",
    trips="replay-accepted",
    who="authorization server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, refuses_spent_refresh_tokens=False)


@behaves(
    "revocation-ignored",
    phase="revoked",
    summary="The revocation endpoint answers 200, but the revoked token goes on working.",
    trips="revoked-token-accepted",
    who="MCP server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, honours_revocation=False)
