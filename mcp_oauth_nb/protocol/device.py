"""`Device`: the answer to a device authorization request (RFC 8628 3.2), read leniently."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

INTERVAL_S = 5.0
"""How long to wait between two questions where the answer does not say (RFC 8628 3.2)."""
SLOWER_S = 5.0
"""So much longer after ``slow_down`` (RFC 8628 3.5)."""
LONGEST_INTERVAL_S = 300.0
"""What a server may ask for at most; nobody waits for longer at a screen."""
PENDING, SLOW_DOWN = "authorization_pending", "slow_down"
DENIED, EXPIRED = "access_denied", "expired_token"

RAN_OUT = "nobody typed the user code in time: the device code has expired, and dbg.device() asks for another"
"""Why asking ends, whether the authorization server says so or our own clock does."""


@dataclass(frozen=True, repr=False)
class Device:
    """One device authorization.

    Attributes:
        device_code: what the token endpoint is shown; a secret.
        user_code: what the person types; a secret while it is good.
        verification_uri: where the person types it.
        complete_uri: the same with the code in it; None where there is none.
        expires_in_s: how long both codes are good, in seconds; None where the answer does not say.
        interval_s: how long to wait between two questions, in seconds.
        asked_at_s: when the answer came, in seconds since 1970.
        exchange: id of the exchange.
    """

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    verification_uri: str
    complete_uri: str | None
    expires_in_s: float | None
    interval_s: float
    asked_at_s: float
    exchange: int

    def __repr__(self) -> str:
        return f"<Device of exchange {self.exchange}>"

    def shown(self) -> tuple[tuple[str, str], ...]:
        """What a reader should see of it, once masked."""
        lifetime = "(not said)" if self.expires_in_s is None else f"{self.expires_in_s:g} s"
        return (
            ("device_code", self.device_code),
            ("user_code", self.user_code),
            ("verification_uri", self.verification_uri),
            ("expires in", lifetime),
            ("interval", f"{self.interval_s:g} s"),
        )


def device_of(answer: Mapping[str, Any], *, now: float, exchange: int) -> Device | None:
    """The device authorization that an answer holds; None where it lacks a code or the URI to type it at."""
    device_code, user_code = _text(answer, "device_code"), _text(answer, "user_code")
    # Google has called it verification_url since before the RFC.
    uri = _text(answer, "verification_uri") or _text(answer, "verification_url")
    interval = seconds_of(answer.get("interval"))
    if not (device_code and user_code and uri):
        return None
    return Device(
        device_code=device_code,
        user_code=user_code,
        verification_uri=uri,
        complete_uri=_text(answer, "verification_uri_complete") or None,
        expires_in_s=seconds_of(answer.get("expires_in")),
        interval_s=INTERVAL_S if interval is None or interval < 0 else min(interval, LONGEST_INTERVAL_S),
        asked_at_s=now,
        exchange=exchange,
    )


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    return value if isinstance(value, str) else ""


def seconds_of(value: object) -> float | None:
    """A number of seconds, also from a server that sends it as text; None for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None
