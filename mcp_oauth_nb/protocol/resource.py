"""Is this the resource that was meant? One grading for the step that must stop and the rule that must say why."""

from __future__ import annotations

from typing import Literal

from mcp_oauth_nb.protocol.wellknown import same_origin, split

Match = Literal["same", "spelling", "parent", "other"]
"""``same`` string; differs in ``spelling`` only (slash, case of the host, default port); a ``parent`` path on the same
origin, which covers whole segments; ``other``."""


def resource_match(resource: str | None, identifier: str, url: str) -> Match:
    """Grade `resource` against the identifier its document was built from, and against the URL that was typed.

    RFC 9728 3.3 wants the identifier code point for code point. A parent path, or a mere difference in spelling, is
    common among servers and accepted by common clients, so it is told apart from a wrong resource.
    """
    if resource is None:
        return "other"
    if resource in (identifier, url):
        return "same"
    if not same_origin(resource, url):
        return "other"
    ours, theirs = _path(url), _path(resource)
    if ours == theirs:
        return "spelling"
    return "parent" if ours.startswith(theirs.rstrip("/") + "/") else "other"


def _path(url: str) -> str:
    parts = split(url)
    return (parts.path.removesuffix("/") + parts.query) if parts else url
