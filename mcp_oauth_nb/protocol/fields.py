"""What HTTP lets stand in a header field (RFC 9110 5.1, 5.5, 5.6.2).

Whoever hands in a header field is told before anything is sent. What a server hands out for one is judged by a rule.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FRAMING = frozenset(("content-length", "transfer-encoding"))
"""Fields that say where a body ends: they are worked out of the body, and another value would break the message."""


def is_token(text: str) -> bool:
    """Whether it can be the name of a field, or an authentication scheme (RFC 9110 5.6.2, 11.1)."""
    return _TOKEN.fullmatch(text) is not None


def is_field_value(text: str) -> bool:
    """Whether it can be the value of a field: one line without control characters, and no blank around it."""
    return text == text.strip(" \t") and not any((ord(c) < 32 and c != "\t") or ord(c) == 127 for c in text)
