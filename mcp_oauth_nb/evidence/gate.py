"""The last look at a text before it becomes a file: what `check` would find in the file is found before there is one.

Redaction hides what a session knows and what stands under a telling name. This is the second pair of eyes, with another
way of looking: fragments, what is split by quotes and markup, base64 within base64, and the secrets of every other
session of this process.
"""

from __future__ import annotations

from mcp_oauth_nb.errors import HoldsSecret
from mcp_oauth_nb.evidence.scrub import scrubbed
from mcp_oauth_nb.evidence.search import file_vault, leaks, search
from mcp_oauth_nb.vault import Vault, living_vaults

MOST = 5
"""Finds that an error names; the rest is counted."""


def let_out(text: str, vault: Vault, call: str, *, scrub: bool = False, mend: str = "") -> str:
    """The text, once nothing is found in it.

    Args:
        text: all that a file will hold.
        vault: the secrets of the session that it is of; those of all other live sessions are searched for as well.
        call: what was called, as an error names it, such as ``dbg.save(path)``.
        scrub: put tags in the places of what is found.
        mend: the call that mends it; the same call with ``scrub=True`` unless given.

    Raises:
        HoldsSecret: there is a secret in it; it tells kind, place and tag of each.
    """
    vaults = tuple(dict.fromkeys((vault, *living_vaults())))
    if scrub:
        text, _ = scrubbed(text, vaults)
    made, found = search(text, vaults)
    if not found:
        return text
    told = [
        f"{'' if one.cell is None else f'cell {one.cell}, '}{one.place}: {one.kind}, {one.tag}"
        for one in leaks(made, found, file_vault(text, found))
    ]
    rest = [f"and {len(told) - MOST} more"] if len(told) > MOST else []
    raise HoldsSecret(
        call, [*told[:MOST], *rest], mend or f"Run {call[:-1]}, scrub=True) to have tags in their places."
    )
