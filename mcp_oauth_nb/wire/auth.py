"""`TokenAuth`: tokens in the requests of somebody else's httpx client.

It decides nothing: which token to use, whether to refresh it first, and what to do after a refusal is asked of whoever
holds the tokens. httpx takes the header away itself where a redirect leads to another origin; a token in the URL's
query stays with the URL that it was put into, and out of httpx's log.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Generator
from typing import NamedTuple, Protocol, TypeVar

import httpx

from mcp_oauth_nb.protocol.choices import TokenPlace
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.vault import living_vaults

T = TypeVar("T")
PARAMETER = "access_token"
"""RFC 6750 2.3."""


class Bearing(NamedTuple):
    """How a token goes along: in the header behind a prefix, or in the URL's query."""

    token: str
    prefix: str = "Bearer"
    place: TokenPlace = "header"

    def __repr__(self) -> str:
        return f"<Bearing in the {self.place}>"

    def put_into(self, request: httpx.Request) -> None:
        """Put the token into a request, in the place of one that is there already."""
        if self.place == "url":
            request.url = request.url.copy_set_param(PARAMETER, self.token)
        else:
            request.headers["Authorization"] = f"{self.prefix} {self.token}".strip()


class Holder(Protocol):
    """Who holds tokens. Both calls may take as long as a request, and are made from any thread."""

    def bearing(self) -> Bearing:
        """The token to use now, refreshed where that is due."""

    def after_refusal(self, used: Bearing) -> Bearing | None:
        """Another token, after this one was refused with 401; None where there is no other."""


class TokenAuth(httpx.Auth):
    """For ``httpx.Client(auth=...)`` and ``httpx.AsyncClient(auth=...)``: uses the token, refreshed before it expires.

    A request that is refused with 401 is sent once more where there is a newer token by then, and where its body can
    be sent again.
    """

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        _keep_quiet()

    def __repr__(self) -> str:
        return "<TokenAuth>"

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        used = self._holder.bearing()
        used.put_into(request)
        response = yield request
        if _may_be_sent_again(request, response):
            newer = self._holder.after_refusal(used)
            if newer is not None:
                newer.put_into(request)
                yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        used = await _in_a_thread(self._holder.bearing)
        used.put_into(request)
        response = yield request
        if _may_be_sent_again(request, response):
            newer = await _in_a_thread(self._holder.after_refusal, used)
            if newer is not None:
                newer.put_into(request)
                yield request


async def _in_a_thread(ask: Callable[..., T], *given: object) -> T:
    """What may take as long as a request must not stop the loop; `anyio` does for asyncio and trio, as in httpx."""
    from anyio import to_thread  # noqa: PLC0415 - only who is asynchronous needs it

    return await to_thread.run_sync(ask, *given)


def _may_be_sent_again(request: httpx.Request, response: httpx.Response) -> bool:
    """A body that was read off a stream is gone."""
    return response.status_code == 401 and isinstance(request.stream, httpx.ByteStream)


class _Masked(logging.Filter):
    """httpx logs the URL of every request; one that carries a token of ours is masked first."""

    def filter(self, record: logging.LogRecord) -> bool:
        if PARAMETER in (message := record.getMessage()):
            for vault in living_vaults():
                message = mask_text(vault, message)
            record.msg, record.args = message, ()
        return True


_MASKED = _Masked()


def _keep_quiet() -> None:
    """Adding the same filter again changes nothing."""
    logging.getLogger("httpx").addFilter(_MASKED)
