"""The request for which all of it was done: one to the API, with the token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_oauth_nb.protocol.flow import Flow, Outcome, Tokens, need
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Pairs, Step, Stopped, Wants
from mcp_oauth_nb.steps.asking import neither
from mcp_oauth_nb.steps.sending import send_to_resource
from mcp_oauth_nb.steps.words import answered

WHY = "the API's URL in the settings"
TYPED = "the URL you typed"


def api_step(
    method: str = "GET",
    url: str | None = None,
    *,
    params: Pairs = (),
    headers: Pairs = (),
    form: Pairs | None = None,
    json: Mapping[str, Any] | None = None,
) -> Step:
    """A step that sends this with the token; to the URL of the settings where none is given."""

    def run(flow: Flow) -> Wants:
        tokens = need(flow.tokens, "access token", "dbg.token()")
        target = need(url or flow.settings.api_url, "URL of an API", "OAuth2(..., api_url='https://...')")
        value = tokens.id_token if flow.settings.choices.use == "id_token" else tokens.access_token
        if value is None:
            return Stopped("no ID token was issued, so that there is none to send")
        shown, added = _shown(flow, tokens, value)
        accept: Pairs = () if any(name.lower() == "accept" for name, _ in headers) else (("Accept", "*/*"),)
        why = WHY if url is None else TYPED
        call = Call(method, target, (*accept, *headers, *shown), (*params, *added), form, json, why)
        flow, exchange = yield from send_to_resource(flow, tokens, call)
        if exchange.failure is not None or (exchange.status or 0) // 100 != 2:
            return Stopped(neither(exchange, "an answer of the API in the 200s"))
        return flow.learn(api=Outcome(f"the API answered {answered(exchange)}", exchange.id))

    return Step("api", "Request to the API", Spec("RFC 6750", "2"), run)


def _shown(flow: Flow, tokens: Tokens, value: str) -> tuple[Pairs, Pairs]:
    """Header fields and query parameters that show the token (RFC 6750 2.1 and 2.3)."""
    choices = flow.settings.choices
    if choices.token_in == "url":
        return (), (("access_token", value),)
    prefix = choices.header_prefix
    return (("Authorization", f"{prefix} {value}" if prefix else value),), ()
