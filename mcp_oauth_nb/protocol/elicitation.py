"""A server that wants something of the user before it answers: read from its message, and answered by asking again.

Two shapes. In MCP 2025-11-25 a request fails with JSON-RPC error -32042 and the addresses to open; afterwards the same
request is sent again. From 2026-07-28 on it succeeds with ``resultType`` ``input_required``, named ``inputRequests``
and an opaque ``requestState``; the request is sent again with ``inputResponses`` and that state. Some gateways send
the error with one ``authUrl`` in its data. None of it says anything about the access token, and nothing is opened here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.wellknown import split

URL_ELICITATION = -32042
INPUT_REQUIRED = "input_required"
LONGEST = 300
"""Characters shown of a server's message."""
Shape = Literal["error -32042", "input_required"]


@dataclass(frozen=True, repr=False)
class Wish:
    """One thing that the server wants.

    Attributes:
        key: the name under which it is answered; for an error the elicitation's id, or nothing.
        message: the server's words.
        url: the address to open; None where there is none that is http(s).
        wants: what it is about, in our words.
    """

    key: str
    message: str
    url: str | None
    wants: str


@dataclass(frozen=True, repr=False)
class InputNeeded:
    """What the server wants before it goes on, and the request that is waiting for it.

    Attributes:
        state: ``requestState`` as received, to be sent back as it is; None where there was none.
    """

    shape: Shape
    wishes: tuple[Wish, ...]
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    state: str | None = None
    exchange: int = 0

    def __repr__(self) -> str:
        return f"<InputNeeded {self.shape} of exchange {self.exchange}>"

    @property
    def told(self) -> str:
        """Why the step waits, in words without any of the server's."""
        return f"waiting for you: the server wants input before it answers {self.method} ({self.shape})"

    def shown(self) -> tuple[tuple[str, str], ...]:
        rows = [("the server needs you", wish.message or "(it does not say why)") for wish in self.wishes[:1]]
        for wish in self.wishes:
            name = "open it yourself, if you trust it" + (f" ({wish.key})" if wish.key else "")
            rows.append((name, wish.url) if wish.url else ("it wants", wish.wants))
        again = "send the same request again" if self.shape != INPUT_REQUIRED else _BY_ANSWER
        return (*rows, ("then", again))

    def answered(self, responses: Mapping[str, Mapping[str, Any]] | None = None) -> tuple[str, dict[str, Any]]:
        """Method and parameters of the request to send again: ``dbg.mcp(*dbg.input_needed.answered({...}))``.

        Args:
            responses: by the name of each wish what is answered, such as
                ``{"login": {"action": "accept", "content": {...}}}``. An error of the older shape takes none.

        Raises:
            BadSetting: the names are not those that the server asked under.
        """
        params = {name: value for name, value in self.params.items() if name not in ("inputResponses", "requestState")}
        given = dict(responses or {})
        known = {wish.key for wish in self.wishes} if self.shape == INPUT_REQUIRED else set()
        if set(given) != known:
            seen = ", ".join(map(repr, sorted(map(str, given)))) or "none"
            wanted = ", ".join(map(repr, sorted(known))) or "none: do what the server asks, then send the request again"
            raise BadSetting("answered(responses)", seen, wanted, "answered({'name': {'action': 'accept'}})")
        if given:
            params["inputResponses"] = given
        if self.state is not None:
            params["requestState"] = self.state
        return self.method, params


_BY_ANSWER = "dbg.mcp(*dbg.input_needed.answered({name: {'action': 'accept', 'content': {...}}}))"


def needed(
    message: Mapping[str, Any], method: str, params: Mapping[str, Any] | None = None, exchange: int = 0
) -> InputNeeded | None:
    """What a JSON-RPC answer wants of the user; None where it wants nothing."""
    error, result = message.get("error"), message.get("result")
    if isinstance(error, dict) and error.get("code") == URL_ELICITATION:
        wishes = tuple(_of_error(error)) or (Wish("", _text(error.get("message")), None, _NOTHING),)
        return InputNeeded("error -32042", wishes, method, params or {}, None, exchange)
    if isinstance(result, dict) and result.get("resultType") == INPUT_REQUIRED:
        requests, state = result.get("inputRequests"), result.get("requestState")
        named = requests.items() if isinstance(requests, dict) else ()
        wishes = tuple(_of_request(str(name), wanted) for name, wanted in named)
        return InputNeeded(
            "input_required", wishes, method, params or {}, state if isinstance(state, str) else None, exchange
        )
    return None


_NOTHING = "the server does not say what to open"


def _of_error(error: Mapping[str, Any]) -> Iterator[Wish]:
    data = error.get("data")
    if not isinstance(data, dict):
        return
    listed = data.get("elicitations")
    for one in listed if isinstance(listed, list) else [data]:
        if isinstance(one, dict):
            address = one.get("url") or one.get("authUrl")
            said = _text(one.get("message")) or _text(error.get("message"))
            yield Wish(_text(one.get("elicitationId")), said, _web(address), _of_address(address))


def _of_request(name: str, wanted: object) -> Wish:
    """A request that would have been sent to the client: an elicitation by URL or form, or something else."""
    wanted = wanted if isinstance(wanted, dict) else {}
    method, params = _text(wanted.get("method")), wanted.get("params")
    params = params if isinstance(params, dict) else {}
    said = _text(params.get("message"))
    if method != "elicitation/create":
        return Wish(name, said, None, f"{name}: {method or 'a request without a method'}")
    if params.get("mode") == "url" or "url" in params:
        return Wish(name, said, _web(params.get("url")), f"{name}: {_of_address(params.get('url'))}")
    schema = params.get("requestedSchema")
    members = schema.get("properties") if isinstance(schema, dict) else None
    fields = ", ".join(map(_text, members)) if isinstance(members, dict) else ""
    return Wish(name, said, None, f"{name}: a form with {fields or 'no fields'}")


def _web(url: object) -> str | None:
    """An address that may be shown as one to open: http(s), and nothing unseen in it."""
    fits = isinstance(url, str) and split(url) is not None and all(32 < ord(c) < 127 for c in url)
    return url if fits and isinstance(url, str) else None


def _of_address(url: object) -> str:
    return "an address to open" if _web(url) else "an address that is no http(s) URL, so that it must not be opened"


def _text(value: object) -> str:
    """A server's word in one line; empty for anything that is no text."""
    return " ".join(value.split())[:LONGEST] if isinstance(value, str) else ""
