"""Reading a JSON Web Token that somebody else wrote: its header and claims, never its signature (RFC 7519).

Nothing here verifies anything, and nothing raises: whatever does not read as a JWT is none.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_oauth_nb.records import read_json

LONGEST = 1 << 20
"""Characters; what is longer is not taken apart. Tokens travel in a header, which ends far below."""
FRAGMENT = 12
"""So many characters of a token in a row are a part of it, and not shown."""
_PART = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Jwt:
    """Header and claims of a signed token (JWS), as they read; `claims` is empty where they are no JSON object."""

    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)


def read_jwt(token: str) -> Jwt | None:
    """Take a JWT in its compact form apart (RFC 7515 7.1); None for anything else."""
    parts = token.split(".", 3) if len(token) <= LONGEST else []
    header = _object(parts[0]) if len(parts) == 3 else None
    return Jwt(header, _object(parts[1]) or {}) if header is not None else None


def is_encrypted(token: str) -> bool:
    """Whether this looks like an encrypted token, which only its receiver can read (RFC 7516 7.1)."""
    parts = token.split(".") if len(token) <= LONGEST else []
    return len(parts) == 5 and "enc" in (_object(parts[0]) or {})


def repeats(value: str, token: str) -> bool:
    """Whether so many characters of a token stand in a text that they are a part of it; all of a shorter token."""
    if len(token) < FRAGMENT:
        return token in value
    return any(value[at : at + FRAGMENT] in token for at in range(len(value) - FRAGMENT + 1))


def numeric_date(value: object) -> float | None:
    """A NumericDate in seconds since 1970 (RFC 7519 2); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def _object(part: str) -> Mapping[str, Any] | None:
    if not _PART.fullmatch(part):
        return None
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return None
    value = read_json(raw).value
    return value if isinstance(value, dict) else None
