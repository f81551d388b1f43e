"""Words for what came back, the same in every rule, and as different from each other as the answers are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from mcp_oauth_nb.protocol.jsonrpc import EVENT_STREAM
from mcp_oauth_nb.records import Exchange, Response, origin_of
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.untold import NotTold

Kind = Literal[
    "no answer",
    "redirect",
    "asks for credentials",
    "forbidden",
    "not found",
    "too many requests",
    "proxy login",
    "gateway error",
    "server error",
    "refused",
    "empty",
    "page",
    "not JSON",
    "not an object",
    "object",
]

LONGEST = 300
_UNFINISHED = re.compile(r"[^\s&?,;\"'<>(){}\[\]]*\Z")
_PAGE = re.compile(rb"(?i)\s*(\xef\xbb\xbf)?\s*(<!--.{0,200}?-->\s*)?<(!doctype html|html|head|body)", re.DOTALL)
_TITLE = re.compile(rb"(?is)<title[^>]{0,100}>(.{1,200}?)</title")

MCP_SERVER: Who = "MCP server"
AUTHORIZATION_SERVER: Who = "authorization server"
ASKED_OF_MCP_SERVER = ("challenge", "resource_metadata", "mcp", "call", "revoked", "api")

_FIXES: dict[Kind, str] = {
    "no answer": "Make the server reachable at this URL, then run the step again.",
    "redirect": "Serve {what} at this very URL, or publish the URL it moved to: clients do not follow the redirect.",
    "asks for credentials": "Serve {what} without asking for credentials at this URL.",
    "forbidden": "Let this request pass: a firewall, an address list or a host check refuses it.",
    "not found": "Serve {what} at this URL, or correct the URL wherever it is published.",
    "too many requests": "Wait{pause}, then run the step again; the limit is set at the server that answered.",
    "proxy login": "Log in to the proxy between: put name and password into HTTPS_PROXY in the environment of the "
    "notebook's kernel, or list the host in NO_PROXY.",
    "gateway error": "Bring up the server behind the gateway, or correct the gateway's route to it.",
    "server error": "Read the log of the server that answered: it failed while it handled this request.",
    "refused": "Make the server accept this request; the body of its answer may say what it misses.",
    "empty": "Send {what} in the body of the answer.",
    "page": "Route this URL to {what}: a page for people answers in its place, such as a login or catch-all page.",
    "not JSON": "Send {what} as valid JSON.",
    "not an object": "Send {what} as one JSON object.",
    "object": "Send {what} with all members that it must have.",
}


_BY_STATUS: dict[int, Kind] = {
    401: "asks for credentials",
    403: "forbidden",
    404: "not found",
    407: "proxy login",
    410: "not found",
    429: "too many requests",
}


def _is_json(response: Response) -> bool:
    """Whether the body is known to be JSON."""
    try:
        return not response.parsed.problem
    except NotTold:
        return False


def kind_of(exchange: Exchange) -> Kind:
    """What sort of answer this is, for choosing words."""
    response = exchange.response
    if response is None:
        return "no answer"
    status = response.status
    if 300 <= status < 400:
        return "redirect"
    if status in (502, 504) or (status == 503 and not _is_json(response)):
        return "gateway error"  # a 503 in JSON is the word of the server itself (RFC 9110 15.6.4)
    if status >= 500:
        return "server error"
    if status >= 400:
        return _BY_STATUS.get(status, "refused")
    return _body_kind(response)


def _body_kind(response: Response) -> Kind:
    if not response.body.strip():
        return "empty"
    if is_page(response):
        return "page"
    if response.parsed.problem:
        return "not JSON"
    return "object" if isinstance(response.parsed.value, dict) else "not an object"


def is_page(response: Response) -> bool:
    """Whether the body is an HTML page, by its first characters or its media type."""
    return bool(_PAGE.match(response.body[:600])) or (
        response.parsed.value is None and response.media_type in ("text/html", "application/xhtml+xml")
    )


def came(exchange: Exchange) -> str:
    """What came back from which URL, in one phrase."""
    url = exchange.request.url.partition("?")[0]
    response = exchange.response
    if exchange.direction == "in":
        return f"a redirect in the browser to {url}"
    if response is None:
        return f"{answer(exchange)} ({url})"
    return f"{_status(response)} from {url}, {_body(exchange, response)}"


def answer(exchange: Exchange) -> str:
    """What came back, without the URL."""
    response = exchange.response
    if response is None:
        return exchange.failure.message if exchange.failure else "no answer"
    return f"{_status(response)}, {_body(exchange, response)}"


def _status(response: Response) -> str:
    return f"{response.status} {response.reason}".strip()


def _body(exchange: Exchange, response: Response) -> str:
    try:
        return _read_body(exchange, response)
    except NotTold:
        return "of which the recording does not hold the rest"


def _read_body(exchange: Exchange, response: Response) -> str:
    kind = kind_of(exchange)
    if kind == "redirect":
        location = response.header("location")
        return f"redirecting to {location.partition('?')[0]}" if location else "a redirect without a Location"
    if kind == "asks for credentials" and response.header("www-authenticate") is None:
        return f"without a challenge, {_content(response)}"
    return _content(response)


def _content(response: Response) -> str:
    kind = _body_kind(response)
    if kind not in ("object", "page") and response.media_type == EVENT_STREAM:
        return "with an event stream"
    if kind == "page":
        title = _TITLE.search(response.body[:4000])
        return f"with an HTML page{_named(title[1]) if title else ''}"
    if kind == "not JSON":
        cut = ", cut off at the size limit" if response.truncated else ""
        return f"with {response.media_type or 'no media type'}: {response.parsed.problem}{cut}"
    if kind == "not an object":
        return f"with JSON that is {shown(response.parsed.value)} and no object"
    return "with an empty body" if kind == "empty" else _object(response.parsed.value)


def _object(document: Mapping[str, Any]) -> str:
    error, description = document.get("error"), document.get("error_description")
    if not isinstance(error, str):
        return "with a JSON object"
    return f"with error={error}" + (f": {description}" if isinstance(description, str) and description else "")


def _named(title: bytes) -> str:
    return f" titled {quoted(' '.join(title.decode('utf-8', 'replace').split()))}"


def fix_for(exchange: Exchange, what: str) -> str:
    """What to do about an answer that is not `what`."""
    return _FIXES[kind_of(exchange)].format(what=what, pause=_pause(exchange))


def _pause(exchange: Exchange) -> str:
    """How long to wait, as far as an answer says (RFC 9110 10.2.3); of a recording without headers nothing is known."""
    try:
        after = exchange.response.header("retry-after") if exchange.response else None
    except NotTold:
        return ""
    if not after:
        return " some minutes"
    return f" {after} s, as Retry-After says" if after.isdecimal() and len(after) < 9 else f" until {quoted(after, 40)}"


def party(step: str) -> Who:
    """Whom a step asks."""
    return MCP_SERVER if step in ASKED_OF_MCP_SERVER else AUTHORIZATION_SERVER


def who_answered(exchange: Exchange) -> Who:
    """Whose answer this is, as far as it shows: a gateway's or a proxy's, else that of the party which was asked."""
    between: dict[Kind, Who] = {"gateway error": "gateway", "proxy login": "network"}
    return between.get(kind_of(exchange)) or party(exchange.step)


def shown(value: object) -> str:
    """A JSON value in few words: strings quoted, containers counted, arrays of strings listed."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        strings = [one for one in value[:8] if isinstance(one, str)]
        listed = ", ".join(quoted(one) for one in strings)
        return f"[{listed}]" if len(strings) == len(value) else f"an array of {len(value)}"
    if isinstance(value, dict):
        return f"an object with {len(value)} members"
    return str(value).lower() if isinstance(value, bool) else f"the number {value}"


def quoted(value: str, longest: int = 160) -> str:
    """Text of somebody else's in quotes, cut where it is long."""
    return f'"{capped(value, longest)}"'


def capped(value: str, longest: int = LONGEST) -> str:
    """At most so many characters. A word that would be cut is left out: half a secret can no longer be masked."""
    if len(value) <= longest:
        return value
    return _UNFINISHED.sub("", value[: longest - 1]) + "…"


def with_error(error: str) -> str:
    """The end of a sentence that names an OAuth error; empty where there is none."""
    return f" with error={quoted(error, 60)}" if error else ""


def origin(exchange: Exchange) -> str:
    """Scheme, host and port that a request went to."""
    return origin_of(exchange.request.url)
