"""Rules for the device authorization grant (RFC 8628): the codes, and the asking until a person has typed one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mcp_oauth_nb.protocol.device import (
    EXPIRED,
    INTERVAL_S,
    LONGEST_INTERVAL_S,
    RAN_OUT,
    SLOW_DOWN,
    SLOWER_S,
    seconds_of,
)
from mcp_oauth_nb.protocol.grants import DEVICE_CODE
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.records import Exchange, Run
from mcp_oauth_nb.rules.evidence import Members, answered, documents, form, is_pending, oauth_error, text
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.tokens import refused
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, shown

ANSWER = Spec("RFC 8628", "3.2")
POLLING = Spec("RFC 8628", "3.5")
TOLERANCE_S = 0.25
"""How much sooner than allowed a question may seem to come: clocks are read on this side alone."""
DEVICE_DOCUMENT = documents("device", missing="no device authorization was answered yet")


def questions(case: Case) -> list[Exchange]:
    """What was asked of the token endpoint with a device code."""
    return [one for one in case.exchanges("token") if form(one).get("grant_type") == DEVICE_CODE]


@rule(
    "device-refused",
    step="device",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The device authorization endpoint gave no code.",
    fix="Allow this client the device authorization grant at the authorization server.",
    spec=Spec("RFC 8628", "3.1"),
    over=answered("device", missing="no device authorization was answered yet"),
    explains=("unexpected-answer",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 200 or oauth_error(exchange):
        yield refused(exchange, "200 with a user code", "The device authorization endpoint gave no code and answered")
    elif exchange.document is None:
        yield Seen(exchange, "body:", "a JSON object with a user code", came(exchange))


@rule(
    "device-answer-incomplete",
    step="device",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The device authorization answer lacks a member that it must have.",
    fix="Answer with device_code, user_code, verification_uri and expires_in.",
    spec=ANSWER,
    over=DEVICE_DOCUMENT,
    explains=("unexpected-answer",),
)
def _(case: Case, found: tuple[Exchange, Members]) -> Iterator[Seen]:
    exchange, document = found
    for name in ("device_code", "user_code", "verification_uri"):
        old = text(document.get("verification_url")) if name == "verification_uri" else None
        if not text(document.get(name)):
            seen = "verification_url, its old name" if old else _instead(document, name)
            yield Seen(exchange, f"body:/{name}", name, seen, level=SHOULD if old else MUST)
    lifetime = seconds_of(document.get("expires_in"))
    if lifetime is None or lifetime <= 0:
        summary = "The device authorization answer does not say in seconds how long its codes are good."
        yield Seen(
            exchange, "body:/expires_in", "a number of seconds", _instead(document, "expires_in"), summary, level=SHOULD
        )


def _instead(document: Members, name: str) -> str:
    return shown(document[name]) if name in document else f"no {name}"


@rule(
    "device-uri-unusable",
    step="device",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The verification URI is none that a person could open.",
    fix="Answer with a short https URL as verification_uri.",
    spec=ANSWER,
    over=DEVICE_DOCUMENT,
)
def _(case: Case, found: tuple[Exchange, Members]) -> Iterator[Seen]:
    exchange, document = found
    for name in ("verification_uri", "verification_uri_complete"):
        value = text(document.get(name))
        parts = split(value) if value else None
        if value and (parts is None or "@" in parts.origin):
            yield Seen(exchange, f"body:/{name}", "an https URL", shown(value))


@rule(
    "device-pending-status",
    step="token",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The token endpoint tells a device to go on asking, but not with 400.",
    fix="Answer authorization_pending and slow_down with 400, like every other error of the token endpoint.",
    spec=POLLING,
    over=Selector(
        lambda case: [one for one in questions(case) if is_pending(one)], "no device was told to go on asking"
    ),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 400:
        yield Seen(exchange, "status", "400", str(exchange.status))


@rule(
    "device-asked-too-often",
    step="token",
    level=MUST,
    who="client",
    summary="The token endpoint was asked again sooner than the authorization server allows.",
    fix="Wait for the interval of the answer, or 5 s without one, and 5 s longer after each slow_down.",
    spec=POLLING,
    over=Selector(
        lambda case: list(pairwise(questions(case))), "the token endpoint was not asked twice with a device code"
    ),
    explains=("token-refused",),
)
def _(case: Case, pair: tuple[Exchange, Exchange]) -> Iterator[Seen]:
    earlier, later = pair
    if (earlier.started.tzinfo is None) != (later.started.tzinfo is None):
        return
    slowed = sum(oauth_error(one) == SLOW_DOWN for one in questions(case) if one.id <= earlier.id)
    allowed_s = _interval_s(case) + slowed * SLOWER_S
    waited_s = (later.started - earlier.started).total_seconds()
    if 0 <= waited_s < allowed_s - TOLERANCE_S:
        yield Seen(later, "body:", f"{allowed_s:g} s between two questions", f"{waited_s:.1f} s")


def _given_up(case: Case) -> list[tuple[Run, Exchange]]:
    """Runs that asked with a device code and are over, each with the answer that gave the code."""
    answers = [exchange for exchange, _ in case.documents("device")]
    run = case.runs.get("token")
    return [(run, answers[-1])] if run is not None and answers else []


@rule(
    "device-code-expired",
    step="token",
    level=MUST,
    who="user",
    summary="Nobody typed the user code before it had expired.",
    fix="Run dbg.device() for another code, open its link at once, type the code there, and run dbg.token().",
    spec=ANSWER,
    over=Selector(_given_up, "no tokens were asked for with a device code yet"),
    explains=("unexpected-answer",),
)
def _(case: Case, found: tuple[Run, Exchange]) -> Iterator[Seen]:
    """By the clock of this machine. Where the authorization server says it, `token-refused` tells."""
    run, given = found
    asked = questions(case)
    if run.stopped == RAN_OUT and not (asked and oauth_error(asked[-1]) == EXPIRED):
        lifetime_s = seconds_of((given.document or {}).get("expires_in"))
        wanted = "the code typed in time" if lifetime_s is None else f"the code typed within {lifetime_s:g} s"
        seen = f"not typed by then; questions asked: {len(asked)}"
        yield Seen(given, "body:/expires_in", wanted, seen, step="token")


def _interval_s(case: Case) -> float:
    """The interval of the last device authorization, in seconds."""
    asked = [document for _, document in case.documents("device")]
    interval = seconds_of(asked[-1].get("interval")) if asked else None
    return INTERVAL_S if interval is None or interval < 0 else min(interval, LONGEST_INTERVAL_S)
