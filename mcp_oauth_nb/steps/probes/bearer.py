"""What the MCP server makes of tokens: none, one that cannot be good, one in the wrong place, one for somebody else."""

from __future__ import annotations

from dataclasses import replace

from mcp_oauth_nb.protocol.flow import Flow, Tokens
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Stopped, Wants, step
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.steps.messages import later_call, opening_call
from mcp_oauth_nb.steps.probes.fresh import fresh_tokens, not_tested, tested
from mcp_oauth_nb.steps.sending import is_bound, send_to_resource

USAGE = Spec("MCP 2025-11-25", "Token Handling")
NO_TOKEN = "there is no access token yet (dbg.token())"


def dressed(call: Call, *headers: tuple[str, str], without: tuple[str, ...] = ()) -> Call:
    """The call with these headers in place of its own of the same name, and without some."""
    gone = {name.lower() for name, _ in headers} | {name.lower() for name in without}
    kept = tuple(pair for pair in call.headers if pair[0].lower() not in gone)
    return replace(call, headers=(*kept, *headers))


def garbage(flow: Flow) -> str:
    """A token that nobody has issued: well formed, and new every time."""
    return "garbage-" + flow.settings.entropy(18).hex()


@step(title="List tools without a token", spec=Spec("MCP 2025-11-25", "Error Handling"), probe=True)
def without_token(flow: Flow) -> Wants:
    """Another request than the first one, also without a token: protection must not stop at ``initialize``."""
    why = "tools/list without a token; a healthy server answers 401, whatever the method"
    exchange = yield Send(later_call(flow, None, None, "tools/list", {}, 1, why), answer_id=1)
    return tested(flow, exchange)


@step(title="Send a token that nobody issued", spec=USAGE, probe=True)
def garbage_token(flow: Flow) -> Wants:
    """A server that looks at tokens answers 401 with ``error="invalid_token"`` (RFC 6750 3.1)."""
    kind = flow.tokens.token_type if flow.tokens else "Bearer"
    made = Tokens(garbage(flow), token_type=kind)
    why = 'a token that nobody issued; a healthy server answers 401 with error="invalid_token"'
    _, exchange = yield from send_to_resource(flow, made, opening_call(flow, flow.profile, made, why), 1)
    return tested(flow, exchange)


@step(title="Send malformed credentials", spec=Spec("RFC 6750", "3.1"), probe=True)
def malformed_authorization(flow: Flow) -> Wants:
    """The scheme without a token, and then two tokens in two places. No token in it is a good one."""
    why = "the scheme Bearer without a token; a healthy server answers 400 or 401"
    plain = opening_call(flow, flow.profile, None, why)
    bare = yield Send(dressed(plain, ("Authorization", "Bearer")), answer_id=1)
    both = replace(plain, why="two tokens in two places, neither a good one; a healthy server answers 400 or 401")
    both = replace(
        dressed(both, ("Authorization", f"Bearer {garbage(flow)}")), params=(("access_token", garbage(flow)),)
    )
    exchange = yield Send(both, answer_id=1)
    return tested(flow, bare if bare.response is None else exchange)


@step(title="Write the scheme in small letters", spec=Spec("RFC 9110", "11.1"), probe=True)
def wrong_scheme_case(flow: Flow) -> Wants:
    """``bearer`` is the same scheme as ``Bearer``: names of schemes know no case."""
    if flow.tokens is None:
        return not_tested(NO_TOKEN)
    if is_bound(flow, flow.tokens):
        return not_tested("the token is bound to a key and is not sent as a Bearer token")
    why = "the good token behind `bearer` in small letters; a healthy server answers as to `Bearer`"
    call = opening_call(flow, flow.profile, flow.tokens, why)
    exchange = yield Send(dressed(call, ("Authorization", f"bearer {flow.tokens.access_token}")), answer_id=1)
    return tested(flow, exchange)


@step(title="Send the token in the URL", spec=Spec("MCP 2025-11-25", "Token Requirements"), probe=True)
def token_in_query(flow: Flow) -> Wants:
    """A token of its own in the query, where logs and proxies keep it, and nowhere else."""
    fresh = yield from fresh_tokens(flow)
    if isinstance(fresh, Stopped) or fresh.tokens is None:
        return fresh
    why = "a good token in the query of the URL, no Authorization header; a healthy server answers 400 or 401"
    call = opening_call(flow, flow.profile, None, why)
    params = (("access_token", fresh.tokens.access_token),)
    exchange = yield Send(replace(call, params=params), answer_id=1)
    return tested(flow, exchange)


@step(title="Look for the server at another route", spec=Spec("MCP 2025-11-25", "Access Token Usage"), probe=True)
def token_elsewhere(flow: Flow) -> Wants:
    """The same request without a token at the root of the origin: an MCP server there must be protected as well."""
    parts = split(flow.settings.url)
    if parts is None or parts.path in ("", "/"):
        return not_tested("the URL has no path, so there is no other route to look at")
    why = "the root of the origin, without a token; a healthy server has no unprotected twin there"
    call = replace(opening_call(flow, flow.profile, None, why), url=f"{parts.origin}/")
    exchange = yield Send(call, answer_id=1)
    return tested(flow, exchange)


@step(title="Use the session without its token", spec=Spec("MCP 2025-11-25", "Access Token Usage"), probe=True)
def session_only(flow: Flow) -> Wants:
    """The session id alone: it says which session is meant, and not who speaks."""
    session = flow.session
    if session is None or not session.id:
        return not_tested("the server keeps no session")
    why = "the id of the session without a token; a healthy server answers 401"
    exchange = yield Send(later_call(flow, None, session, "tools/list", {}, 1, why), answer_id=1)
    return tested(flow, exchange)


@step(
    title="Send a foreign token",
    spec=Spec("MCP 2025-11-25", "Token Audience Binding and Validation"),
    probe=True,
)
def wrong_audience(flow: Flow) -> Wants:
    """A token of the same authorization server that was asked for another resource; it must not work here."""
    parts = split(flow.settings.url)
    if parts is None or not flow.profile.sends_resource:
        return not_tested("this protocol version knows no resource indicator")
    other = replace(flow.settings, resource=f"{parts.origin}/another-resource")
    fresh = yield from fresh_tokens(replace(flow, settings=other))
    if isinstance(fresh, Stopped) or fresh.tokens is None:
        return fresh
    why = "a token that was asked for another resource; a healthy server answers 401"
    call = opening_call(flow, flow.profile, fresh.tokens, why)
    _, exchange = yield from send_to_resource(flow, fresh.tokens, call, 1)
    return tested(flow, exchange)
