"""Rules for how a client speaks to the MCP server: its headers, the order of its messages, what each of them carries.

Some hold for the protocol with a handshake, some for the one in which every request is complete in itself; which of
the two a request belongs to is told by the request itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_oauth_nb.protocol.jsonrpc import messages
from mcp_oauth_nb.protocol.mirroring import NAMED, Mirrored, argument_text, mirrored_arguments, plain_text
from mcp_oauth_nb.protocol.profiles import KNOWN_VERSIONS, is_per_request
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization import sender
from mcp_oauth_nb.rules.evidence import OPENINGS, sent_json, text, without_version_questions
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import MCP_SERVER, came, quoted, shown

TYPES = ("application/json", "text/event-stream")
META = "io.modelcontextprotocol/"


def posted(case: Case) -> list[Exchange]:
    """The JSON-RPC messages that were posted after authorization, in order."""
    return case.once(_posted)


def _posted(case: Case) -> list[Exchange]:
    sent = (one for one in case.exchanges("mcp", "call") if one.request.method == "POST")
    return [one for one in sent if one.request.body[:1] == b"{" and text(sent_json(one).get("method"))]


def meta(exchange: Exchange) -> Mapping[str, Any]:
    """What a request says of itself in ``_meta``; empty where it says nothing."""
    params = sent_json(exchange).get("params")
    value = params.get("_meta") if isinstance(params, dict) else None
    return value if isinstance(value, dict) else {}


def is_modern(case: Case, exchange: Exchange) -> bool:
    """Whether a request is one that must be complete in itself (MCP 2026-07-28).

    A version that nobody published tells nothing of it: then the one in force does.
    """
    if sent_json(exchange).get("method") == "initialize":
        return False
    told = exchange.request.header("mcp-protocol-version") or text(meta(exchange).get(f"{META}protocolVersion"))
    return is_per_request(told if told in KNOWN_VERSIONS else case.version)


def modern(case: Case) -> list[Exchange]:
    """The requests of the protocol without a handshake."""
    return [one for one in posted(case) if is_modern(case, one)]


MODERN_REQUESTS = Selector(modern, "no MCP request of the protocol without a handshake was made after authorization")


@rule(
    "accept-incomplete",
    step="mcp",
    level=MUST,
    who="client",
    summary="The client does not accept both kinds of answer that the MCP server may give.",
    fix="Send Accept: application/json, text/event-stream with every POST.",
    spec=Spec("MCP 2025-11-25", "Sending Messages to the Server"),
    over=Selector(posted, "no MCP request was made after authorization yet"),
    explains=("mcp-error",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    accepted = exchange.request.header("accept")
    if not accepts_both(accepted):
        seen = quoted(accepted) if accepted is not None else "no such header"
        yield Seen(exchange, "header:Accept", ", ".join(TYPES), seen, who=sender(exchange, "accept"))


def accepts_both(header: str | None) -> bool:
    """Whether an Accept header lists JSON and event streams."""
    listed = {part.partition(";")[0].strip().lower() for part in (header or "").split(",")}
    return listed.issuperset(TYPES)


# --- with a handshake -------------------------------------------------------------------------------------------------


def _of_handshake(case: Case) -> list[list[Exchange]]:
    """The messages of the step in which the session was opened, where the protocol has a handshake.

    A first request that names a session, or the version that was negotiated, goes on with what was opened before.
    """
    sent = [one for one in without_version_questions(case, posted(case)) if one.step == "mcp"]
    foreign = any(is_modern(case, one) or sent_json(one).get("method") == OPENINGS[1] for one in sent)
    named = [sent[0].request.header(name) for name in ("mcp-session-id", "mcp-protocol-version")] if sent else []
    return [sent] if sent and not foreign and not any(named) else []


@rule(
    "initialize-not-first",
    step="mcp",
    level=MUST,
    who="client",
    summary="The client does not open the session as it must.",
    fix="Send initialize, then notifications/initialized, and only then other requests.",
    spec=Spec("MCP 2025-11-25", "Initialization"),
    over=Selector(_of_handshake, "no session with a handshake was begun after authorization"),
    explains=("mcp-error",),
)
def _(case: Case, sent: list[Exchange]) -> Iterator[Seen]:
    first = sent[0]
    if sent_json(first).get("method") != OPENINGS[0]:
        seen, who = shown(sent_json(first).get("method")), sender(first, "method")
        yield Seen(first, "body:/method", "initialize", seen, "The first request is not initialize.", who=who)
        return
    later = [one for one in sent[1:] if sent_json(one).get("method") not in (*OPENINGS, "ping")]
    wanted = "notifications/initialized"
    if first.status == 200 and later and sent_json(later[0]).get("method") != wanted:
        seen, who = shown(sent_json(later[0]).get("method")), sender(later[0], "method")
        summary = "Behind initialize comes another request, and not the notification that it worked."
        yield Seen(later[0], "body:/method", wanted, seen, summary, who=who)


def _without_version(case: Case) -> list[Exchange]:
    """Later requests that say nothing of the version, which the server knows from the session."""
    sent = [one for messages in _of_handshake(case) for one in messages]
    later = [one for one in sent if sent_json(one).get("method") != OPENINGS[0] and one.response is not None]
    return [one for one in later if one.request.header("mcp-protocol-version") is None]


@rule(
    "version-header-demanded",
    step="mcp",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The MCP server refuses a request because it does not name the protocol version.",
    fix="Take the version that was negotiated in the session, else 2025-03-26, where the header is missing.",
    spec=Spec("MCP 2025-11-25", "Protocol Version Header"),
    over=Selector(_without_version, "no request without MCP-Protocol-Version was made in a session"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    body = exchange.response.body[:2000].lower() if exchange.response else b""
    if exchange.status == 400 and b"version" in body:
        yield Seen(exchange, "status", "the answer of version 2025-03-26", came(exchange))


def _after_its_end(case: Case) -> list[tuple[Exchange, bool]]:
    """Requests in a session, each with whether the server had said before that it does not know it any more."""
    ended: set[str] = set()
    found = []
    for one in sorted(posted(case), key=lambda sent: sent.id):
        session = one.request.header("mcp-session-id")
        if session is None or one.step != "mcp":
            continue
        found.append((one, session in ended))
        if one.status == 404 and "id" in sent_json(one):
            ended.add(session)
    return found


@rule(
    "dead-session-reused",
    step="mcp",
    level=MUST,
    who="client",
    summary="The client goes on with a session that the MCP server does not know any more.",
    fix="After 404 to a request in a session, send initialize without Mcp-Session-Id and go on in the new session.",
    spec=Spec("MCP 2025-11-25", "Session Management"),
    over=Selector(_after_its_end, "no MCP request in a session with an id was made yet"),
)
def _(case: Case, found: tuple[Exchange, bool]) -> Iterator[Seen]:
    if found[1]:
        yield Seen(found[0], "header:Mcp-Session-Id", "initialize without it", "the id that was answered with 404")


# --- complete in itself -----------------------------------------------------------------------------------------------


@rule(
    "meta-missing",
    step="mcp",
    level=MUST,
    who="client",
    summary="A request does not say protocol version and capabilities of the client in _meta.",
    fix="Put protocolVersion and clientCapabilities, under io.modelcontextprotocol/, into _meta of every request.",
    spec=Spec("MCP 2026-07-28", "Request Metadata"),
    over=Selector(
        lambda case: [one for one in modern(case) if "id" in sent_json(one)],
        "no MCP request of the protocol without a handshake was made after authorization",
    ),
    explains=("mcp-error",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    missing = [name for name in ("protocolVersion", "clientCapabilities") if f"{META}{name}" not in meta(exchange)]
    if missing:
        wanted = f"{META}{missing[0]}"
        yield Seen(exchange, "body:/params/_meta", wanted, f"no {' and no '.join(missing)}", who=_who(exchange))


def _who(exchange: Exchange) -> Who:
    edited = any(part.startswith("json") for part in exchange.edited)
    return "user" if edited else "client"


@rule(
    "method-header-differs",
    step="mcp",
    level=MUST,
    who="client",
    summary="The headers of a request do not repeat what its body asks for.",
    fix="Repeat the method in Mcp-Method, the tool, prompt or resource in Mcp-Name, and every argument that the tool's "
    "schema marks with x-mcp-header in its Mcp-Param header.",
    spec=Spec("MCP 2026-07-28", "Standard Request Headers"),
    over=MODERN_REQUESTS,
    explains=("mcp-error",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    sent = sent_json(exchange)
    method, params = text(sent.get("method")) or "", sent.get("params")
    subject = text(params.get(NAMED.get(method, ""))) if isinstance(params, dict) else None
    for header, wanted in (("Mcp-Method", method), ("Mcp-Name", subject)):
        told = exchange.request.header(header)
        if wanted is not None and (told is None or plain_text(told) != wanted):
            seen = quoted(plain_text(told)) if told is not None else "no such header"
            yield Seen(exchange, f"header:{header}", quoted(wanted), seen, who=sender(exchange, header))
    if method == "tools/call" and isinstance(params, dict):
        yield from _arguments_not_repeated(case, exchange, params)


def _arguments_not_repeated(case: Case, exchange: Exchange, params: Mapping[str, Any]) -> Iterator[Seen]:
    """Arguments that the tool's schema, as listed before, wants in a header, and that stand there otherwise."""
    listed = [
        mirrored for at, tool, mirrored in case.once(_declared) if tool == params.get("name") and at < exchange.id
    ]
    for path, header in listed[-1].items() if listed else ():
        wanted, told = argument_text(params.get("arguments"), path), exchange.request.header(header)
        if (told is None and wanted is None) or (told is not None and wanted == plain_text(told)):
            continue
        expected = quoted(wanted) if wanted is not None else "no such header, as the argument is absent"
        seen = quoted(plain_text(told)) if told is not None else "no such header"
        yield Seen(exchange, f"header:{header}", expected, seen, who=sender(exchange, header))


def _declared(case: Case) -> list[tuple[int, str, Mirrored]]:
    """What the lists of tools say of headers: by exchange and tool, which argument each header repeats."""
    found: list[tuple[int, str, Mirrored]] = []
    for one in sorted(posted(case), key=lambda sent: sent.id):
        if sent_json(one).get("method") != "tools/list" or one.response is None:
            continue
        results = [message.get("result") for message in messages(one.response)]
        tools = [tool for result in results if isinstance(result, dict) for tool in _list(result.get("tools"))]
        named = [tool for tool in tools if isinstance(tool, dict) and isinstance(tool.get("name"), str)]
        found += [(one.id, tool["name"], mirrored_arguments(tool.get("inputSchema"))) for tool in named]
    return found


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
