"""The hosts of two runs by what they are for, so that the same run against another instance reads as the same.

A host is known by its part: the MCP server, the authorization server whose metadata was read, the redirect URI on this
machine. What a server merely names is nobody's part, so that a wrong host in a document stays a difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from mcp_oauth_nb.protocol.wellknown import is_loopback, split
from mcp_oauth_nb.records import Exchange, Trace, current_exchanges

RESOURCE, SERVER, REDIRECT = "MCP server", "authorization server", "redirect URI"
Parts = Mapping[str, str]
"""The authority (host and port) of each part."""
Rename = Callable[[str], str]


def parts_of(trace: Trace) -> dict[str, str]:
    """The authority of each part that a run shows."""
    redirect = trace.settings.get("redirect_uri", "")
    found = {
        RESOURCE: authority_of(trace.settings.get("url", "")),
        SERVER: next((authority_of(one.request.url) for one in current_exchanges(trace) if _is_metadata(one)), ""),
        REDIRECT: authority_of(redirect) if is_loopback(redirect) else "",
    }
    return {part: authority for part, authority in found.items() if authority}


def renamings(ours: Parts, theirs: Parts, *, align: bool | None) -> tuple[Rename, Rename]:
    """For each run, what puts the name of its part in the place of an authority.

    Args:
        ours: the parts of one run.
        theirs: those of the other.
        align: name them, or leave every host as it is; None names those that differ. The port of a redirect URI on this
            machine is named in any case: it is a free one, taken anew.
    """
    both = [part for part in ours if part in theirs and (align is not False or part == REDIRECT)]
    differing = [part for part in both if ours[part] != theirs[part]]
    return _renaming(ours, differing), _renaming(theirs, differing)


def placed_alike(ours: Parts, theirs: Parts) -> bool:
    """Whether MCP server and authorization server share a host in both runs or in neither."""
    return SERVER not in ours or SERVER not in theirs or _is_one(ours) == _is_one(theirs)


def _is_one(parts: Parts) -> bool:
    return parts.get(RESOURCE) == parts[SERVER]


def _renaming(parts: Parts, named: list[str]) -> Rename:
    wanted = {parts[part]: part for part in reversed(named)}  # one host with two parts goes by the first
    if not wanted:
        return str
    longest_first = sorted(wanted, key=len, reverse=True)
    places = re.compile(
        "|".join(rf"(?:(?<![\w.-])|(?<=%2F)){_written(one)}(?![\w-]|\.\w|:\d)" for one in longest_first), re.I
    )
    folded = {_plain(authority): f"⟦{part}⟧" for authority, part in wanted.items()}
    return lambda text: places.sub(lambda match: folded.get(_plain(match[0]), match[0]), text)


def _written(authority: str) -> str:
    """The authority as it may stand in a text: its colon also percent-encoded."""
    return re.escape(authority).replace(":", "(?::|%3A)")


def _plain(authority: str) -> str:
    return authority.lower().replace("%3a", ":")


def authority_of(url: str) -> str:
    """Host and port of a URL as written, without user information; empty for what has none."""
    parts = split(url)
    if parts is not None:
        return parts.origin.partition("://")[2].rpartition("@")[2]
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _is_metadata(one: Exchange) -> bool:
    return one.step == "server_metadata" and one.status == 200 and one.document is not None
