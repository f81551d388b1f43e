"""How grave a breach of a rule is in each protocol version.

A rule says so itself where versions differ in how much they ask. Where it names one level only, the requirements that
it decides tell in which versions there is such a duty at all: in a version that knows none of them, a broken MUST is a
warning at most, because nobody has promised anything.
"""

from __future__ import annotations

from functools import cache

from mcp_oauth_nb.rules.requirements import decided_by
from mcp_oauth_nb.rules.requirements.row import VERSIONS
from mcp_oauth_nb.rules.rule import MUST, RULES, SHOULD, Level, Levels

UNKNOWN = "-"
"""The level of a requirement in a version that does not have it."""


@cache
def levels_of(rule: str) -> Level | Levels:
    """The level of a rule, or its levels by the version from which on each holds."""
    declared, rows = RULES[rule].level, decided_by(rule)
    if declared != MUST or not rows:
        return declared
    by_version = [
        (version, SHOULD if all(row.level(version) == UNKNOWN for row in rows) else MUST) for version in VERSIONS
    ]
    before = ("", *(level for _, level in by_version))
    changes = {version: level for at, (version, level) in enumerate(by_version) if level != before[at]}
    return MUST if set(changes.values()) == {MUST} else changes
