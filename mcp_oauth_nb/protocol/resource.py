"""Is this the resource that was meant? One grading for the step that must stop and the rule that must say why."""

from __future__ import annotations

from typing import Literal

from mcp_oauth_nb.protocol.wellknown import same_origin, split

Match = Literal["same", "spelling", "parent", "other"]
"""``same`` string; differs in ``spelling`` only (slash, case of the host, default port); a ``parent`` path on the same
origin, which covers whole segments and any query; ``other``."""


def resource_match(resource: str | None, identifier: str, url: str) -> Match:
    """Grade `resource` against the identifier its document was built from, and against the URL that was typed.

    RFC 9728 3.3 wants the identifier code point for code point. A parent path, or a mere difference in spelling, is
    common among servers and accepted by common clients, so it is told apart from a wrong resource.
    """
    if resource is None:
        return "other"
    if resource in (identifier, url):
        return "same"
    ours, theirs = split(url), split(resource)
    if ours is None or theirs is None or not same_origin(resource, url) or "#" in resource:
        return "other"
    our_path, their_path = ours.path.removesuffix("/"), theirs.path.removesuffix("/")
    if theirs.query:
        return "spelling" if (our_path, ours.query) == (their_path, theirs.query) else "other"
    if our_path == their_path:
        return "parent" if ours.query else "spelling"
    return "parent" if our_path.startswith(f"{their_path}/") else "other"
