"""One requirement of the specifications, and which rules decide it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Duty = Literal["MCP server", "authorization server", "client", "both"]
VERSIONS = ("2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
"""The order of the levels in a row; ``draft`` reads the last one."""
LEVELS = frozenset({"M", "MN", "S", "SN", "Y", "Yd", "m", "mn", "s", "sn", "D", "-"})


@dataclass(frozen=True)
class Requirement:
    """A duty that the specifications put on somebody.

    Attributes:
        id: its number, such as ``CH-01``.
        who: whose duty it is.
        levels: one word per version of `VERSIONS`: M must, MN must not, S should, SN should not, Y may, Yd may and
            deprecated; in small letters where the duty comes from an RFC and is not repeated by MCP; D follows from the
            flow and is written nowhere; ``-`` is no duty in that version; a star marks one of two ways to fulfil it.
        says: the duty in one sentence.
        rules: the rules that decide it from what was captured.
        unobservable: why captured HTTP cannot decide it; empty where rules do.
        probe_only: whether an ordinary flow leaves it open, because its rules read what probes have asked alone.
    """

    id: str
    who: Duty
    levels: str
    says: str
    rules: tuple[str, ...] = ()
    unobservable: str = ""
    probe_only: bool = False

    def level(self, version: str) -> str:
        """The level in a protocol version, without the star."""
        words = self.levels.split()
        return words[VERSIONS.index(version) if version in VERSIONS else -1].rstrip("*")
