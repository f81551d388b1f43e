"""An authorization of a probe's own: what it spends, replays or revokes is nobody else's."""

from __future__ import annotations

from collections.abc import Iterable

from mcp_oauth_nb.protocol.flow import Flow
from mcp_oauth_nb.protocol.probes import NOT_TESTED
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Pairs, Step, Stopped, Wants, step
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.authorization import authorize, callback, pkce
from mcp_oauth_nb.steps.credentials import credentials
from mcp_oauth_nb.steps.sending import Sent, send_to_server
from mcp_oauth_nb.steps.tokens import token
from mcp_oauth_nb.steps.words import unanswered

GRANTED = ("pkce", "authorization", "code", "tokens", "old_refresh_token", "replayed", "revoked", "after_revocation")
"""What a flow knows of its own grant, none of which may be spent for another one's sake."""


def not_tested(reason: str) -> Stopped:
    """The probe could not ask, or learned nothing by asking."""
    return Stopped(f"{NOT_TESTED}: {reason}")


def tested(flow: Flow, exchange: Exchange) -> Flow | Stopped:
    """The flow unchanged where an answer came: what it means is for rules to say."""
    if exchange.response is None or exchange.failure is not None:
        return not_tested(unanswered(exchange))
    return flow


def fresh_code(flow: Flow) -> Wants:
    """A code of the probe's own, by a whole authorization request with PKCE of its own."""
    return (yield from _walked(flow, (pkce, authorize, callback)))


def fresh_tokens(flow: Flow) -> Wants:
    """Tokens of the probe's own."""
    if flow.settings.grant != "authorization_code":
        return (yield from _walked(flow, (token,)))
    return (yield from _walked(flow, (pkce, authorize, callback, token)))


def _walked(flow: Flow, steps: Iterable[Step]) -> Wants:
    missing = _missing(flow, steps)
    if missing:
        return not_tested(missing)
    current = flow.learn(**dict.fromkeys(GRANTED))
    for one in steps:
        after = yield from one.run(current)
        if isinstance(after, Stopped):
            return not_tested(f"no authorization of its own: {after.reason}")
        current = after
    return current


def _missing(flow: Flow, steps: Iterable[Step]) -> str:
    if flow.server_metadata is None:
        return "the authorization server is not known yet (dbg.run())"
    if flow.client is None:
        return "there is no client yet (dbg.run())"
    if callback in steps and flow.settings.grant != "authorization_code":
        return f"the grant {flow.settings.grant} has no authorization code"
    return ""


@step(title="Authorize once more, for probes that end a grant", spec=Spec("RFC 6749", "4.1"), probe=True)
def fresh_grant(flow: Flow) -> Wants:
    """Tokens of their own for refresh, replay and revocation, so that those of the flow stay alive."""
    return (yield from fresh_tokens(flow))


def redeeming(flow: Flow, verifier: str | None) -> Pairs:
    """The form that redeems the code of a flow with this verifier; with none where it is None."""
    assert flow.code is not None, "asked for only where a code came"
    assert flow.authorization is not None, "a code came of an authorization request"
    members = (
        ("grant_type", "authorization_code"),
        ("code", flow.code.code),
        ("redirect_uri", flow.authorization.redirect_uri),
        ("code_verifier", verifier),
        ("resource", flow.authorization.resource),
    )
    return tuple((name, value) for name, value in members if value is not None)


def post_as_client(flow: Flow, endpoint: str, form: Pairs, why: str) -> Sent:
    """A form POST to the authorization server in the client's name, authenticated as it is registered."""
    client = flow.client
    assert client is not None, "asked for only where there is a client"

    def made() -> Call:
        headers, members = credentials(flow, client, endpoint)
        return Call.post_form(endpoint, (*form, *members), why=why, headers=headers)

    return send_to_server(flow, made)
