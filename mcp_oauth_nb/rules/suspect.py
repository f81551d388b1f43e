"""What a suspect is: one cause that fits the evidence of a finding, with the lines that speak for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mcp_oauth_nb.protocol.spec import Spec

Who = Literal["MCP server", "API", "authorization server", "client", "gateway", "network", "user", "nobody known"]
Confidence = Literal["certain", "likely", "possible"]
RANKS: tuple[Confidence, ...] = ("certain", "likely", "possible")
"""From best to least: the evidence allows no other cause; it speaks for this one; it does not speak against it."""


@dataclass(frozen=True, repr=False)
class Line:
    """One line of evidence. `part` is written as in `Seen`; `quote` may hold server text and secrets until masked."""

    exchange: int
    part: str
    quote: str

    def __repr__(self) -> str:
        return f"<Line of exchange {self.exchange} at {self.part}>"


@dataclass(frozen=True, repr=False)
class Suspect:
    """One cause that the evidence of a finding fits.

    Attributes:
        cause: its id, such as ``opaque-token``.
        step: the step in which the mistake was made; it may lie before the one in which it shows.
        apart: what would tell it apart from the other suspects, in words.
        call: the one call that would, such as ``dbg.introspect()``; empty where nothing on the wire would.
    """

    cause: str
    summary: str
    step: str
    who: Who
    fix: str
    spec: Spec
    confidence: Confidence
    lines: tuple[Line, ...]
    apart: str
    call: str

    def __repr__(self) -> str:
        return f"<Suspect {self.cause} {self.confidence}>"
