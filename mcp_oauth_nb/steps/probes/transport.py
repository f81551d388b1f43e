"""What the MCP endpoint makes of HTTP: other origins, other methods, other headers than a client would send."""

from __future__ import annotations

from dataclasses import replace

from mcp_oauth_nb.protocol.flow import Flow
from mcp_oauth_nb.protocol.jsonrpc import EVENT_STREAM
from mcp_oauth_nb.protocol.probes import INVALID_ORIGIN, UNKNOWN_METHOD, UNKNOWN_VERSION
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Wants, step
from mcp_oauth_nb.steps.messages import ACCEPT, META, later_call, opening_call
from mcp_oauth_nb.steps.probes.bearer import NO_TOKEN, dressed
from mcp_oauth_nb.steps.probes.fresh import not_tested, tested
from mcp_oauth_nb.steps.sending import send_to_resource

TRANSPORT = Spec("MCP 2025-11-25", "Streamable HTTP")


@step(title="Come from a foreign web page", spec=Spec("MCP 2025-11-25", "Security Warning"), probe=True)
def origin(flow: Flow) -> Wants:
    """A page of somebody else's in the user's browser, without and then with a token (DNS rebinding)."""
    why = f"Origin: {INVALID_ORIGIN} without a token; a healthy server answers 403 (401 leaves it open)"
    foreign = ("Origin", INVALID_ORIGIN)
    exchange = yield Send(dressed(opening_call(flow, flow.profile, None, why), foreign), answer_id=1)
    if flow.tokens is not None:
        why = f"Origin: {INVALID_ORIGIN} with the good token; a healthy server answers 403"
        call = dressed(opening_call(flow, flow.profile, flow.tokens, why), foreign)
        _, exchange = yield from send_to_resource(flow, flow.tokens, call, 1)
    return tested(flow, exchange)


@step(title="Spell the end of the URL the other way", spec=Spec("RFC 9110", "15.4"), probe=True)
def slash(flow: Flow) -> Wants:
    """With a slash where none was typed, without one where one was. No token goes there."""
    base, question, query = flow.settings.url.partition("?")
    other = base.removesuffix("/") if base.endswith("/") else f"{base}/"
    why = (
        "the same URL with the other spelling of its end, without a token; a healthy server redirects to no plain http"
    )
    call = replace(opening_call(flow, flow.profile, None, why), url=other + question + query)
    exchange = yield Send(call, answer_id=1)
    return tested(flow, exchange)


@step(title="Accept JSON alone", spec=TRANSPORT, probe=True)
def accept(flow: Flow) -> Wants:
    """An Accept header without event streams: a server may refuse it with 406, and must not fall over it."""
    if flow.tokens is None:
        return not_tested(NO_TOKEN)
    why = "Accept: application/json alone; a healthy server answers JSON or 406"
    call = dressed(opening_call(flow, flow.profile, flow.tokens, why), ("Accept", "application/json"))
    _, exchange = yield from send_to_resource(flow, flow.tokens, call, 1)
    return tested(flow, exchange)


@step(title="Open the stream by GET", spec=TRANSPORT, probe=True)
def get_stream(flow: Flow) -> Wants:
    """The token that works for POST works for GET: an event stream, or 405 where there is none."""
    if flow.tokens is None:
        return not_tested(NO_TOKEN)
    if flow.profile.conversation == "per request":
        return not_tested("this protocol version has no stream by GET")
    why = "GET with the good token; a healthy server opens an event stream or answers 405"
    call = _bodiless("GET", flow, later_call(flow, flow.tokens, flow.session, "tools/list", None, 1, why))
    _, exchange = yield from send_to_resource(flow, flow.tokens, call, opening=True)
    return tested(flow, exchange)


@step(title="GET without a token", spec=Spec("MCP 2025-11-25", "Access Token Usage"), probe=True)
def post_get(flow: Flow) -> Wants:
    """What POST refuses without a token, GET must not give."""
    why = "GET without a token; a healthy server answers as to POST, or 405"
    call = _bodiless("GET", flow, later_call(flow, None, None, "tools/list", None, 1, why))
    exchange = yield Send(call, opening=True)
    return tested(flow, exchange)


@step(title="GET and DELETE the endpoint", spec=Spec("MCP 2026-07-28", "Streamable HTTP"), probe=True)
def get_and_delete(flow: Flow) -> Wants:
    """Without sessions and streams there is nothing to get and nothing to delete: 405."""
    if flow.tokens is None:
        return not_tested(NO_TOKEN)
    if flow.profile.conversation != "per request":
        return not_tested("GET and DELETE have a meaning in this protocol version")
    for method in ("GET", "DELETE"):
        why = f"{method} with the good token; a healthy server answers 405"
        call = _bodiless(method, flow, later_call(flow, flow.tokens, None, "tools/list", None, 1, why))
        _, exchange = yield from send_to_resource(flow, flow.tokens, call, opening=True)
    return tested(flow, exchange)


@step(
    title="Name an unknown version",
    spec=Spec("MCP 2025-11-25", "Protocol Version Header"),
    probe=True,
)
def unknown_version(flow: Flow) -> Wants:
    """The header names another version; a healthy server answers 400."""
    if flow.tokens is None or (flow.session is None and flow.profile.conversation == "handshake"):
        return not_tested("there is no conversation with the server yet (dbg.mcp())")
    header = flow.profile.version_header
    if not header:
        return not_tested("this protocol version has no such header")
    why = f"{header}: {UNKNOWN_VERSION}; a healthy server answers 400"
    call = later_call(flow, flow.tokens, flow.session, "tools/list", {}, 1, why)
    call = _with_version(dressed(call, (header, UNKNOWN_VERSION)))
    _, exchange = yield from send_to_resource(flow, flow.tokens, call, 1)
    return tested(flow, exchange)


@step(title="Call a method that there is not", spec=Spec("MCP 2026-07-28", "Streamable HTTP"), probe=True)
def unknown_method(flow: Flow) -> Wants:
    """A healthy server answers JSON-RPC error -32601, from 2026-07-28 on with 404."""
    if flow.tokens is None or (flow.session is None and flow.profile.conversation == "handshake"):
        return not_tested("there is no conversation with the server yet (dbg.mcp())")
    why = f"the method {UNKNOWN_METHOD}; a healthy server answers error -32601, from 2026-07-28 on with 404"
    call = later_call(flow, flow.tokens, flow.session, UNKNOWN_METHOD, {}, 1, why)
    _, exchange = yield from send_to_resource(flow, flow.tokens, call, 1)
    return tested(flow, exchange)


def _bodiless(method: str, flow: Flow, call: Call) -> Call:
    """The request of another method: who speaks, which session and version, and nothing else."""
    kept = tuple(pair for pair in call.headers if pair[0] in ("Mcp-Session-Id", flow.profile.version_header))
    carried = tuple(pair for pair in call.headers if pair[0] == "Authorization")
    accepted = ("Accept", EVENT_STREAM) if method == "GET" else ACCEPT
    return Call(method, call.url, (accepted, *carried, *kept), why=call.why)


def _with_version(call: Call) -> Call:
    """Where the message repeats the version, it names the same one: the header must be wrong, not the two differ."""
    params = dict((call.json or {}).get("params") or {})
    meta = params.get("_meta")
    if not isinstance(meta, dict):
        return call
    params["_meta"] = {**meta, f"{META}protocolVersion": UNKNOWN_VERSION}
    return replace(call, json={**(call.json or {}), "params": params})
