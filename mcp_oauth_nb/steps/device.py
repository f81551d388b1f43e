"""The device authorization grant (RFC 8628): a code for a person elsewhere, and asking until that person is done."""

from __future__ import annotations

from dataclasses import replace

from mcp_oauth_nb.protocol.device import DENIED, EXPIRED, PENDING, RAN_OUT, SLOW_DOWN, SLOWER_S, Device, device_of
from mcp_oauth_nb.protocol.flow import Flow, need
from mcp_oauth_nb.protocol.grants import DEVICE_CODE
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Pause, Send, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.asking import (
    NO_TOKEN_ENDPOINT,
    ask_token_endpoint,
    client_call,
    endpoint_of,
    issued,
    misplaced_client,
    neither,
    refused,
    unnamed,
)
from mcp_oauth_nb.steps.authorization import wanted_resources, wanted_scope

MOST_QUESTIONS = 720
"""An hour of asking every five seconds, for a server that never says when its code ends."""
ENDINGS = {
    DENIED: "the person said no, or a policy did, for the authorization server answered access_denied",
    EXPIRED: RAN_OUT,
}


@step(title="Device authorization request", spec=Spec("RFC 8628", "3.1"))
def device(flow: Flow) -> Wants:
    """Ask for a code that a person types elsewhere, and for one to ask the token endpoint with."""
    endpoint, why = endpoint_of(flow, "device_authorization_endpoint")
    if endpoint is None:
        return Stopped(unnamed(flow, "device_authorization_endpoint"))
    if strange := misplaced_client(flow):
        return Stopped(strange)
    form = (("scope", wanted_scope(flow)), *_targets(flow))
    exchange = yield Send(client_call(flow, endpoint, form, why))
    if exchange.failure is not None or exchange.status != 200:
        return Stopped(neither(exchange, "200 with a user code"))
    found = device_of(exchange.document or {}, now=flow.settings.clock(), exchange=exchange.id)
    if found is None:
        return Stopped("the answer lacks a device_code, a user_code or a verification_uri")
    return flow.learn(device=found)


def by_device(flow: Flow) -> Wants:
    """Ask the token endpoint until the person is done (RFC 8628 3.4, 3.5): never faster than the server allows.

    A question that fails on its way is asked again after twice the time, as the RFC wants it.
    """
    held = need(flow.device, "device code", "dbg.device()")
    endpoint, _ = endpoint_of(flow, "token_endpoint")
    if endpoint is None:
        return Stopped(NO_TOKEN_ENDPOINT)
    if strange := misplaced_client(flow):
        return Stopped(strange)
    choices, scope, interval_s = flow.settings.choices, wanted_scope(flow), held.interval_s
    form = (
        ("grant_type", DEVICE_CODE),
        ("device_code", held.device_code),
        *_targets(flow),
    )
    for _ in range(MOST_QUESTIONS):
        if _is_over(flow, held):
            return Stopped(RAN_OUT)
        yield Pause(interval_s, held.complete_uri or held.verification_uri)
        flow, exchange = yield from ask_token_endpoint(flow, endpoint, form, choices.token_parameters)
        tokens = issued(exchange)
        if tokens is not None and exchange.failure is None:
            return flow.learn(tokens=replace(tokens, scope=tokens.scope or scope, asked_scope=scope))
        slower = _slower(exchange, interval_s)
        if slower is None:
            return Stopped(ENDINGS.get(_error(exchange), refused(exchange)))
        interval_s = slower
    return Stopped(f"the person was not done after {MOST_QUESTIONS} questions")


def _targets(flow: Flow) -> tuple[tuple[str, str], ...]:
    """What the tokens are for: said when the grant is asked for, and again when it is shown (RFC 8707 2.1, 2.2)."""
    return (
        *(("resource", one) for one in wanted_resources(flow)),
        *(("audience", one) for one in flow.settings.choices.audiences),
    )


def _slower(exchange: Exchange, interval_s: float) -> float | None:
    """The interval to go on with, in seconds; None where there is no going on."""
    if exchange.failure is not None:
        return 2 * max(interval_s, 1) if exchange.failure.kind == "timeout" else None
    return {PENDING: interval_s, SLOW_DOWN: interval_s + SLOWER_S}.get(_error(exchange))


def _error(exchange: Exchange) -> str:
    error = (exchange.document or {}).get("error")
    return error if isinstance(error, str) else ""


def _is_over(flow: Flow, held: Device) -> bool:
    """Whether the code has run out by our clock; the server's word comes first as long as it may be good."""
    return held.expires_in_s is not None and flow.settings.clock() > held.asked_at_s + held.expires_in_s
