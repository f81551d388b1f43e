"""The leg through the browser: no request of the client, yet the client's own handlers see where it begins and ends.

The MCP SDK gives the authorization URL to one handler and is given the parts of the redirect by another. Both are
wrapped: they do what they did, and what passes through them is noted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

RedirectHandler = Callable[[str], Awaitable[None]]
"""Takes the authorization URL and opens it somewhere."""
CallbackHandler = Callable[[], Awaitable[Any]]
"""Waits for the redirect; its result has ``code``, ``state`` and ``iss``, or is the pair of code and state."""


class Handlers(NamedTuple):
    """The two that a client of the MCP SDK is made with."""

    redirect_handler: RedirectHandler
    callback_handler: CallbackHandler


class Noting(Protocol):
    """Who notes the leg."""

    def sent(self, url: str) -> None:
        """The authorization URL that is opened in a browser."""

    def came_back(self, result: object) -> None:
        """What the client's handler made of the redirect."""


def wrapped(redirect_handler: RedirectHandler, callback_handler: CallbackHandler, noting: Noting) -> Handlers:
    """The same handlers, noted; what is wrapped for this one already stays as it is."""

    async def to_browser(url: str) -> None:
        noting.sent(url)
        await redirect_handler(url)

    async def from_browser() -> Any:
        result = await callback_handler()
        noting.came_back(result)
        return result

    return Handlers(
        redirect_handler if _is_noted(redirect_handler, noting) else _marked(to_browser, noting),
        callback_handler if _is_noted(callback_handler, noting) else _marked(from_browser, noting),
    )


def hook_provider(auth: object, noting: Noting) -> Callable[[], None] | None:
    """Wrap the handlers that an OAuth provider of the MCP SDK or of FastMCP holds; returns the call that ends it.

    None where it holds none. Both keep them in a ``context``; the MCP SDK reads them from there for each authorization.
    """
    context: Any = getattr(auth, "context", None)
    own = getattr(context, "redirect_handler", None), getattr(context, "callback_handler", None)
    if not callable(own[0]) or not callable(own[1]):
        return None
    ours = wrapped(own[0], own[1], noting)
    context.redirect_handler, context.callback_handler = ours

    def end() -> None:
        for name, mine, before in zip(Handlers._fields, ours, own, strict=True):
            if getattr(context, name) is mine:
                setattr(context, name, before)

    return end


def redirect_from(result: object, redirect_uri: str) -> str:
    """The redirect that a callback handler's result tells of, in so far as it does; empty where it tells too little.

    Without ``code`` or ``state`` it cannot be told whether the server left it out or the handler.
    """
    if isinstance(result, tuple):
        parts = dict(zip(("code", "state"), result, strict=False))
    else:
        parts = {name: getattr(result, name, None) for name in ("code", "state", "iss")}
    told = {name: value for name, value in parts.items() if isinstance(value, str) and value}
    if not redirect_uri or not {"code", "state"} <= told.keys():
        return ""
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(told)}"


def _marked(handler: Any, noting: Noting) -> Any:
    handler.noted_by = noting
    return handler


def _is_noted(handler: Any, noting: Noting) -> bool:
    return getattr(handler, "noted_by", None) is noting
