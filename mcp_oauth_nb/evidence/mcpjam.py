"""Reads the debug artifact of MCPJam: what ``mcpjam oauth login --debug-out`` writes, and the trace that it exports.

Its ``httpHistory`` holds the exchanges with their bodies as JSON, secrets replaced by a mark. The authorization request
stands beside it, as the address that was opened; the redirect that came back is not kept, so it is *not tested*.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from mcp_oauth_nb.evidence.har_entries import failure_said
from mcp_oauth_nb.records import NEVER, Exchange, Headers, Part, Request, Response
from mcp_oauth_nb.rules.classify import OTHER
from mcp_oauth_nb.vault import Vault

HISTORY = "httpHistory"
DEEPEST = 6
"""Levels below which no history is looked for: the artifact of the command line has it on the fourth."""
MOST = 10_000
_MARKED = re.compile(r"(?i)\[redacted\]")
CODE_STEPS = ("received_authorization_code", "token_request", "received_access_token", "complete")


@dataclass(frozen=True)
class Artifact:
    """What an artifact tells.

    Attributes:
        exchanges: in the order of sending.
        settings: the server's URL, the protocol version and the redirect URI, as far as they are told.
        came_back: a code was received, though the redirect itself is not kept.
        refused: what the tool says of an authorization that failed, in its words.
    """

    exchanges: tuple[Exchange, ...]
    settings: Mapping[str, str]
    came_back: bool
    refused: str = ""


def is_mcpjam(value: object) -> bool:
    """Whether a JSON value looks like an artifact of MCPJam."""
    return _flow(value) is not None


def read_mcpjam(value: object, vault: Vault) -> Artifact:
    """What an artifact tells; nothing in it is taken on trust, and nothing raises."""
    flow = _flow(value) or {}
    around = _result(value)
    found = [one for entry in flow[HISTORY][:MOST] if (one := _exchange(entry, vault)) is not None]
    opened = next((url for one in (flow, around) if (url := _text(one.get("authorizationUrl")))), "")
    if opened and not any("response_type=" in one.request.url for one in found):
        asked = Exchange(1, OTHER, Request("GET", opened), vault=vault)
        found.insert(_place(flow[HISTORY], found), asked)
    told = {
        "url": _text(flow.get("serverUrl")) or _text(around.get("serverUrl")),
        "redirect_uri": _text(around.get("redirectUrl")),
    }
    came_back = bool(flow.get("authorizationCode")) or any(one.get("step") in CODE_STEPS for one in _entries(flow))
    return Artifact(tuple(found), {name: one for name, one in told.items() if one}, bool(opened) and came_back)


def _place(history: list[Any], found: list[Exchange]) -> int:
    """Before the first token request, else at the end."""
    steps = [_text(one.get("step")) for one in history if isinstance(one, dict) and _request(one.get("request"))]
    return next((at for at, step in enumerate(steps) if step in CODE_STEPS[1:] or (step.startswith("auth")
                 and step != "authorization_request")), len(found))  # fmt: skip


def _flow(value: object) -> Mapping[str, Any] | None:
    """The object that holds the history, the first that has entries; else an empty one."""
    empty = None
    level = [value]
    for _ in range(DEEPEST):
        for one in level:
            if isinstance(one, dict) and isinstance(one.get(HISTORY), list):
                if any(isinstance(entry, dict) and "request" in entry for entry in one[HISTORY]):
                    return one
                empty = empty or one
        level = [inner for one in level for inner in _inner(one)][:MOST]
    return empty


def _inner(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _result(value: object) -> Mapping[str, Any]:
    outcome = value.get("outcome") if isinstance(value, dict) else None
    result = outcome.get("result") if isinstance(outcome, dict) else None
    return result if isinstance(result, dict) else value if isinstance(value, dict) else {}


def _entries(flow: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in flow[HISTORY][:MOST] if isinstance(one, dict)]


# --- one entry --------------------------------------------------------------------------------------------------------


def _exchange(entry: object, vault: Vault) -> Exchange | None:
    if not isinstance(entry, dict) or (request := _request(entry.get("request"))) is None:
        return None
    response, untold = _response(entry.get("response"))
    error, took = entry.get("error"), entry.get("duration")
    said = _text(error.get("message")) if isinstance(error, dict) else ""
    return Exchange(
        1,
        OTHER,
        request,
        response,
        failure_said(said) if said and response is None else None,
        started=_time(entry.get("timestamp")),
        elapsed_ms=float(took) if isinstance(took, (int, float)) and 0 <= took < 1e9 else 0.0,
        untold=untold,
        vault=vault,
    )


def _request(told: object) -> Request | None:
    if not isinstance(told, dict) or not _text(told.get("url")) or not _text(told.get("method")):
        return None
    headers = tuple((name, _credentials(name, value)) for name, value in _headers(told.get("headers")))
    media = next((value for name, value in headers if name.lower() == "content-type"), "")
    return Request(told["method"].upper(), told["url"], headers, _body(told.get("body"), media))


def _credentials(name: str, value: str) -> str:
    """A mark in the place of credentials; MCPJam sends no others than bearer tokens to an MCP server."""
    if not _MARKED.search(value):
        return value
    return f"Bearer {_mark('access_token')}" if name.lower() == "authorization" else _mark(name)


def _mark(name: str) -> str:
    """One mark for each name: what stands under different names must not look like the same secret."""
    return f"[redacted {name.replace('_', ' ')}]"


def _marked(value: Any, name: str = "") -> Any:
    """A body with its marks told apart by name."""
    if isinstance(value, dict):
        return {key: _marked(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_marked(member, name) for member in value]
    return _mark(name) if isinstance(value, str) and name and _MARKED.search(value) else value


def _response(told: object) -> tuple[Response | None, tuple[Part, ...]]:
    if not isinstance(told, dict) or type(told.get("status")) is not int or not 100 <= told["status"] <= 999:
        return None, ()
    headers = _headers(told.get("headers"))
    body = _body(told.get("body"), "")
    length = next((value for name, value in headers if name.lower() == "content-length"), "")
    is_left_out = told.get("body") is None and length != "0"
    response = Response(told["status"], _text(told.get("statusText")), headers, body)
    return response, ("response body",) if is_left_out and told["status"] // 100 == 2 else ()


def _body(told: object, media_type: str) -> bytes:
    """A body as it went, as far as JSON tells: members in their order, blanks and escapes unknown."""
    if told is None or told == "":
        return b""
    if isinstance(told, str):
        return told.encode("utf-8", "replace")
    told = _marked(told)
    if "form-urlencoded" in media_type.lower() and isinstance(told, dict):
        return urlencode({name: value for name, value in told.items() if isinstance(value, str)}).encode()
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")


def _headers(told: object) -> Headers:
    if not isinstance(told, dict):
        return ()
    return tuple((name, value) for name, value in told.items() if isinstance(value, str) and name)


def _time(told: object) -> datetime:
    """Milliseconds since 1970."""
    try:
        return datetime.fromtimestamp(told / 1000, UTC) if isinstance(told, (int, float)) else NEVER
    except (ValueError, OverflowError, OSError):
        return NEVER


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
