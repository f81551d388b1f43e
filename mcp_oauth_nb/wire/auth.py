"""`TokenAuth`: tokens in the requests of somebody else's httpx client.

It decides nothing: which token to use, whether to refresh it first, and what to do after a refusal is asked of whoever
holds the tokens. httpx takes the header away itself where a redirect leads to another origin; a token in the URL's
query stays with the URL that it was put into, and out of httpx's log.

A URL is what errors and displays of httpx quote. So the token stands in it while the request is on its way, and no
longer: with the answer, or with the error in its place, the request has the caller's own URL again.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, unquote_plus

import httpx

from mcp_oauth_nb.protocol.choices import TokenPlace
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.vault import living_vaults
from mcp_oauth_nb.wire.incoming import BODY_BYTES
from mcp_oauth_nb.wire.overheard import Overheard
from mcp_oauth_nb.wire.passing import Note, PassingAsync, PassingSync

T = TypeVar("T")
PARAMETER = "access_token"
"""RFC 6750 2.3."""
HIDDEN = "(hidden)"


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
            kept = _pairs_but(request.url, lambda name, _: name == PARAMETER)
            added = f"{PARAMETER}={quote(self.token, safe='')}".encode()
            request.url = request.url.copy_with(query=b"&".join((*kept, added)))
        else:
            request.headers["Authorization"] = f"{self.prefix} {self.token}".strip()


class Holder(Protocol):
    """Who holds tokens. The first two calls may take as long as a request; all are made from any thread."""

    def bearing(self) -> Bearing:
        """The token to use now, refreshed where that is due."""

    def after_refusal(self, used: Bearing) -> Bearing | None:
        """Another token, after this one was refused with 401; None where there is no other."""

    def heard(self, overheard: Overheard, used: Bearing) -> None:
        """A request that used this token is over."""


class TokenAuth(httpx.Auth):
    """For ``httpx.Client(auth=...)`` and ``httpx.AsyncClient(auth=...)``: uses the token, refreshed before it expires.

    A request that is refused with 401 is sent once more where there is a newer token by then, and where its body can
    be sent again. Each request is recorded when its answer has been read, or when there will be none.
    """

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        _keep_quiet()

    def __repr__(self) -> str:
        return "<TokenAuth>"

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        used = self._holder.bearing()
        response = yield from self._sent(request, used)
        if _may_be_sent_again(request, response):
            newer = self._holder.after_refusal(used)
            if newer is not None:
                yield from self._sent(request, newer)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        bearing: Bearing | None = await _in_a_thread(self._holder.bearing)
        for is_last in (False, True):
            assert bearing is not None, "asked for only while there is one"
            heard = _Hearing(request, bearing, self._holder)
            response = None
            with contextlib.suppress(GeneratorExit):
                response = yield request
            if response is None:  # httpx ends the flow while it raises; only here is to be seen what it raises
                heard.broke(sys.exc_info()[1] or GeneratorExit())
                return
            response.stream = heard.passing(response, _PassingAsync)
            if is_last or not _may_be_sent_again(request, response):
                return
            bearing = await _in_a_thread(self._holder.after_refusal, bearing)
            if bearing is None:
                return

    def _sent(
        self, request: httpx.Request, bearing: Bearing
    ) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
        heard = _Hearing(request, bearing, self._holder)
        try:
            response = yield request
        except GeneratorExit as left:  # httpx ends the flow while it raises: what it raises stands behind this
            heard.broke(left.__context__ or left)
            raise
        response.stream = heard.passing(response, _PassingSync)
        return response


class _Hearing(Note):
    """One request on its way: tells the holder of it once, when it is over."""

    def __init__(self, request: httpx.Request, bearing: Bearing, holder: Holder) -> None:
        self._request, self._url = request, request.url
        bearing.put_into(request)
        self.overheard, self._is_told = Overheard(request, httpx), False
        self._bearing, self._holder = bearing, holder
        with contextlib.suppress(httpx.RequestNotRead):
            self.overheard.sends(request.content)

    def passing(self, response: httpx.Response, kind: type[_PassingSync | _PassingAsync]) -> Any:
        """The stream to put in the place of the response's own."""
        self.overheard.is_answered(response)
        self._take_back(*_requests_of(response))
        return kind(response.stream, self)

    def chunk(self, chunk: bytes) -> None:
        self.overheard.receives(chunk, BODY_BYTES)

    def ended(self) -> None:
        self.overheard.ends()
        self.over()

    def broke(self, error: BaseException) -> None:
        self.overheard.breaks(error)
        self._take_back(*_requests_of(error))
        if self._bearing.place == "url":  # a hook of the client may have quoted the URL while the token stood in it
            error.args = tuple(self._without_token(one) for one in error.args)
        self.over()

    def _take_back(self, *made: httpx.Request) -> None:
        """Give the request its own URL back; a redirect may have copied the token into those that httpx `made`."""
        if self._bearing.place == "header":
            return
        self._request.url = self._url
        for request in made:
            if request is not self._request:
                kept = _pairs_but(request.url, lambda _, value: value == self._bearing.token)
                request.url = request.url.copy_with(query=b"&".join(kept) if kept else None)

    def _without_token(self, told: object) -> object:
        if not isinstance(told, str):
            return told
        shown = told.replace(quote(self._bearing.token, safe=""), HIDDEN)
        return shown.replace(self._bearing.token, HIDDEN)

    def over(self) -> None:
        """Nothing more will come."""
        if not self._is_told:
            self._is_told = True
            self._holder.heard(self.overheard, self._bearing)


class _PassingSync(PassingSync, httpx.SyncByteStream):
    """httpx asserts that a stream is one of its own."""

    def close(self) -> None:
        super().close()
        self._note.over()  # type: ignore[attr-defined]


class _PassingAsync(PassingAsync, httpx.AsyncByteStream):
    """The same for a client with ``await``."""

    async def aclose(self) -> None:
        await super().aclose()
        self._note.over()  # type: ignore[attr-defined]


def _pairs_but(url: httpx.URL, is_left_out: Callable[[str, str], bool]) -> list[bytes]:
    """The parameters of a URL's query as they are written, but those whose name and value are to be left out."""
    named = [(pair, pair.decode("ascii").partition("=")) for pair in url.query.split(b"&")] if url.query else []
    return [pair for pair, (name, _, value) in named if not is_left_out(unquote_plus(name), unquote_plus(value))]


def _requests_of(told: httpx.Response | BaseException) -> list[httpx.Request]:
    """Every request that an answer, or an error of httpx, carries along."""
    found = []
    if isinstance(told, (httpx.RequestError, httpx.HTTPStatusError)):
        with contextlib.suppress(RuntimeError):  # httpx has not said yet what it was about
            found.append(told.request)
    response = told.response if isinstance(told, httpx.HTTPStatusError) else told
    if isinstance(response, httpx.Response):
        found += [one.request for one in (*response.history, response)]
        found += [response.next_request] if response.next_request else []
    return found


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
