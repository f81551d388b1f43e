"""Faults of MCP sessions, and of clients that leave out what a request must carry."""

from hashlib import sha256

from ..answers import Answer, Asked
from ..fault import asked_wrongly, instead
from ..oauth import MCP
from .mcp import HANDSHAKE, challenged

INVALID = 'error="invalid_token", '


# --- the session ------------------------------------------------------------------------------------------------------


@instead(
    "sessions-not-shared",
    MCP,
    phase="mcp",
    summary="Several instances answer, and only one of them knows the session.",
    trips="session-lost",
    cause="sessions-not-shared",
    who="MCP server",
    how=HANDSHAKE,
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(404, {"message": "no such session"}) if asked.header("mcp-session-id") else None


@instead(
    "session-unknown-as-401",
    MCP,
    phase="mcp",
    summary="The MCP server answers 401 to a session that it does not know, although the token is good.",
    trips="token-rejected",
    cause="session-unknown-as-401",
    who="MCP server",
    how=HANDSHAKE,
)
def _(asked: Asked) -> Answer | None:
    return challenged(asked, INVALID) if asked.header("mcp-session-id") else None


_owners: dict[str, str] = {}
"""By the id of a session: a hash of the token that used it first."""


@instead(
    "session-bound-to-token",
    MCP,
    phase="call",
    summary="The MCP server binds a session to the token that opened it, so that a refresh ends it.",
    trips="token-rejected",
    cause="session-bound-to-token",
    caused_in="refresh",
    who="MCP server",
    how=HANDSHAKE,
    then=("refresh", "call"),
)
def _(asked: Asked) -> Answer | None:
    session, owner = asked.header("mcp-session-id"), sha256((asked.bearer or "").encode()).hexdigest()
    if not session or _owners.setdefault(session, owner) == owner:
        return None
    return challenged(asked, f'{INVALID}error_description="The caller does not own the session", ')


asked_wrongly(
    "session-left-out",
    phase="mcp",
    summary="The client does not repeat the session id.",
    trips="session-not-sent",
    who="user",
    how=HANDSHAKE,
    edits={"mcp": {"headers": {"Mcp-Session-Id": None}}},
)

# --- what a request must carry ----------------------------------------------------------------------------------------

asked_wrongly(
    "token-left-out",
    phase="mcp",
    summary="The client does not send its token with MCP requests.",
    trips="token-not-sent",
    who="user",
    edits={"mcp": {"headers": {"Authorization": None}}},
)
asked_wrongly(
    "accept-incomplete",
    phase="mcp",
    summary="The client accepts JSON only.",
    trips="accept-incomplete",
    who="user",
    edits={"mcp": {"headers": {"Accept": "text/html"}}},
)
asked_wrongly(
    "version-header-left-out",
    phase="mcp",
    summary="The client does not repeat the protocol version in its header.",
    trips="version-header-missing",
    who="user",
    edits={"mcp": {"headers": {"MCP-Protocol-Version": None}}},
)
asked_wrongly(
    "meta-left-out",
    phase="mcp",
    summary="The client does not say version and capabilities with its requests.",
    trips="meta-missing",
    who="user",
    edits={"mcp": {"json": {"params": {}}}},
)
asked_wrongly(
    "method-header-differs",
    phase="mcp",
    summary="The client names another method in the header than in the body.",
    trips="method-header-differs",
    who="user",
    edits={"mcp": {"headers": {"Mcp-Method": "ping"}}},
)


@instead(
    "origin-refused",
    MCP,
    phase="mcp",
    summary="The MCP server does not allow the web page that the client runs in.",
    trips="insufficient-scope",
    cause="origin-refused",
    who="MCP server",
    edits={"mcp": {"headers": {"Origin": "https://client.example"}}},
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(403, {"message": "Invalid Origin"}) if asked.header("origin") and asked.bearer else None
