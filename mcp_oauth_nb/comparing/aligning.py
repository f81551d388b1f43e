"""Which exchange of one run stands beside which of the other: by the step and by its role in the step, not by number.

A role is what a request is for: which way it goes, its method, what it asks for (the JSON-RPC method, the grant, the
kind of well-known document). A request that the other run has no counterpart of stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from urllib.parse import parse_qsl

from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.vault import TAG

Pair = tuple[Exchange | None, Exchange | None]
Role = tuple[str, ...]


def aligned(ours: Sequence[Exchange], theirs: Sequence[Exchange]) -> list[Pair]:
    """The exchanges of one step of two runs, side by side; None where one has no counterpart."""
    pairs: list[Pair] = []
    matcher = SequenceMatcher(None, [_role(one) for one in ours], [_role(one) for one in theirs], autojunk=False)
    for kind, begin, end, first, last in matcher.get_opcodes():
        if kind == "equal":
            pairs += zip(ours[begin:end], theirs[first:last], strict=True)
        else:
            pairs += _loosely(list(ours[begin:end]), list(theirs[first:last]))
    return pairs


def _loosely(ours: list[Exchange], theirs: list[Exchange]) -> list[Pair]:
    """Those whose roles differ: side by side as long as they go the same way with the same purpose."""
    pairs: list[Pair] = []
    while ours and theirs:
        one = ours.pop(0)
        at = _counterpart(one, theirs)
        if at is None:
            pairs.append((one, None))
        else:
            pairs += [(None, other) for other in theirs[:at]]
            pairs.append((one, theirs[at]))
            theirs = theirs[at + 1 :]
    return [*pairs, *((one, None) for one in ours), *((None, other) for other in theirs)]


def _counterpart(one: Exchange, others: Sequence[Exchange]) -> int | None:
    """The first one with the same purpose; else the first one that goes to the same place."""
    for alike in (_purpose, _place):
        found = next((at for at, other in enumerate(others) if alike(other) == alike(one)), None)
        if found is not None:
            return found
    return None


def _role(one: Exchange) -> Role:
    """What a request is for and where it goes; the path counts, its host and query do not."""
    return (*_purpose(one), _path(one.request.url))


def _purpose(one: Exchange) -> Role:
    """Which way it goes and what it asks for."""
    request = one.request
    document = request.parsed.value if request.body else None
    asked = document.get("method") if isinstance(document, dict) else None
    if not isinstance(asked, str) and b"grant_type=" in request.body:
        asked = dict(parse_qsl(request.body.decode("utf-8", "replace"))).get("grant_type", "")
    hop = "hop" if one.hop else "first"
    return (
        one.direction,
        request.method if one.direction == "out" else "",
        asked if isinstance(asked, str) else "",
        hop,
    )


def _place(one: Exchange) -> Role:
    return one.direction, one.request.method, _path(one.request.url)


def _path(url: str) -> str:
    rest = TAG.sub("", url).partition("?")[0].partition("#")[0].partition("://")[2]
    return "/" + rest.partition("/")[2]
