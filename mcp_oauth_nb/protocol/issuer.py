"""The ``iss`` parameter of the authorization response (RFC 9207): four rows, and what each of them leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ADVERTISED = "authorization_response_iss_parameter_supported"


@dataclass(frozen=True)
class IssuerCheck:
    """The check as it was made before the code went anywhere.

    Strings are compared as they are: no case folding, no default port, no slash is forgiven (RFC 3986 6.2.1).

    Attributes:
        advertised: the metadata promises ``iss`` in every response; only ``true`` does.
        received: the ``iss`` that came; None where there was none.
        expected: the issuer of the metadata that the request was built from.
        level: how grave a breach is in the protocol version in force.
        version: that version.
    """

    advertised: bool
    received: str | None
    expected: str | None
    level: str = ""
    version: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the response may be used: what came must fit, and what was promised must come (RFC 9207 2.4)."""
        return self.received == self.expected if self.received is not None else not self.advertised

    @property
    def told(self) -> str:
        """The row of the table: ``advertised yes, present yes, equal no: rejected (MUST in MCP 2026-07-28)``."""
        equal = f", equal {_yes(self.received == self.expected)}" if self.received is not None else ""
        row = f"advertised {_yes(self.advertised)}, present {_yes(self.received is not None)}{equal}"
        force = f" ({self.level} in MCP {self.version})" if self.version else ""
        return f"{row}: {'accepted' if self.accepted else 'rejected'}{force}"

    def shown(self) -> tuple[tuple[str, str], ...]:
        return (("issuer check", self.told),)


def issuer_check(
    metadata: Mapping[str, Any], expected: str | None, received: str | None, *, level: str = "", version: str = ""
) -> IssuerCheck:
    """Hold the ``iss`` of a response against the metadata; what it is expected to be was recorded with the request."""
    return IssuerCheck(metadata.get(ADVERTISED) is True, received, expected, level, version)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
