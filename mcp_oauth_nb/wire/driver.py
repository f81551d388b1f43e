"""Drives one step: merges the user's overrides, carries out what the step wants, records every try.

The driver is the only keeper of what changes: the list of exchanges and the list of runs. A step that has been begun
but not finished has sent nothing, so its first request can be shown before it goes out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import httpx

from mcp_oauth_nb.errors import CallbackTimeout
from mcp_oauth_nb.protocol.flow import Flow
from mcp_oauth_nb.protocol.step import AwaitRedirect, Call, Open, Override, Send, Step, Stopped, Want
from mcp_oauth_nb.protocol.wellknown import same_origin, split
from mcp_oauth_nb.records import Exchange, Failure, Request, Response, Run, Trace
from mcp_oauth_nb.redact import learn
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.wire.callback import Arrived, Listener, read_pasted
from mcp_oauth_nb.wire.http import Sent, Wire

MOST_HOPS = 10
Browser = Callable[[str], str] | str | None
"""Who fetches the redirect: None a person, ``"follow"`` this process, or a function from authorization URL to redirect
URL."""


class Driver:
    """Carries out steps and keeps the trace.

    Args:
        wire: what sends.
        listener: where the redirect arrives.
        vault: the secrets of the trace.
        custom: headers of the user, for the MCP server's origin and nowhere else.
        browser: who fetches the redirect.
        callback_timeout_s: how long to wait for a person, in seconds.

    Attributes:
        stop: set from any thread, it ends the waiting for a redirect.
        person: wait for a person even where `browser` could fetch the redirect.
    """

    def __init__(
        self,
        wire: Wire,
        listener: Listener,
        vault: Vault,
        *,
        custom: Mapping[str, str],
        browser: Browser = None,
        callback_timeout_s: float = 300,
    ) -> None:
        self.wire, self.listener, self.vault = wire, listener, vault
        self.custom, self.browser = dict(custom), browser
        self.callback_timeout_s = callback_timeout_s
        self.exchanges: list[Exchange] = []
        self.runs: list[Run] = []
        self.stop = threading.Event()
        self.person = False

    def begin(self, step: Step, flow: Flow, override: Override) -> Running:
        """Start a step up to its first want; nothing is sent.

        Raises:
            NotYet: the step needs what an earlier one has not supplied.
        """
        return Running(self, step, flow, override)

    def trace(self, settings: Mapping[str, str]) -> Trace:
        """Everything so far, frozen."""
        return Trace(tuple(self.exchanges), tuple(self.runs), settings, self.vault)

    def keep(self, run: Run) -> None:
        """Put a run in the place of the earlier run of the same step."""
        self.runs = [*(earlier for earlier in self.runs if earlier.step != run.step), run]

    def record(self, step: str, request: Request, **rest: Any) -> Exchange:
        """Record one try and learn its secrets."""
        exchange = Exchange(id=len(self.exchanges) + 1, step=step, request=request, vault=self.vault, **rest)
        learn(exchange)
        self.exchanges.append(exchange)
        return exchange


class Running:
    """A step between its beginning and its end.

    Attributes:
        step: the step.
        preview: the first request as it will be sent; None where the step sends none.
    """

    def __init__(self, driver: Driver, step: Step, flow: Flow, override: Override) -> None:
        self.step, self.flow = step, flow
        self._driver, self._override = driver, override
        self._first = len(driver.exchanges)
        self._steps = step.run(flow)
        self._want: Want | None = None
        self._result: Flow | Stopped | None = None
        self._advance(None)

    @property
    def preview(self) -> Request | None:
        if isinstance(self._want, (Send, Open)):
            return self._prepared(self._want.call).request()
        return None

    @property
    def waits_for_redirect(self) -> bool:
        """The next thing it wants is the browser's coming back."""
        return isinstance(self._want, AwaitRedirect)

    def finish(self) -> Flow:
        """Carry out the rest and record the run. Returns the flow with what was learned.

        Raises:
            CallbackTimeout: no redirect came; the exchanges so far are kept.
        """
        try:
            while self._want is not None:
                self._advance(self._carry_out(self._want))
        except CallbackTimeout as error:
            self._keep("waiting for the redirect: " + str(error), self.flow)
            raise
        result = self._result
        if isinstance(result, Stopped):
            flow = result.flow or self.flow
            self._keep(result.reason, flow)
            return flow
        assert result is not None, "a generator ends with a result"
        self._keep("", result)
        return result

    def _advance(self, exchange: Exchange | None) -> None:
        try:
            self._want = next(self._steps) if exchange is None else self._steps.send(exchange)
        except StopIteration as ended:
            self._want, self._result = None, ended.value

    def _keep(self, stopped: str, flow: Flow) -> None:
        ids = tuple(range(self._first + 1, len(self._driver.exchanges) + 1))
        achieved = not stopped
        self._driver.keep(Run(self.step.name, ids, achieved, stopped, flow.news(self.flow)))

    def _carry_out(self, want: Want) -> Exchange:
        if isinstance(want, Send):
            return self._send(want)
        if isinstance(want, Open):
            return self._open(want)
        return self._await(want)

    def _prepared(self, call: Call) -> Call:
        """The call with the user's custom headers, if it goes to the MCP server, and then the overrides."""
        if same_origin(call.url, self.flow.settings.url):
            given = {name.lower() for name, _ in call.headers}
            custom = tuple((name, value) for name, value in self._driver.custom.items() if name.lower() not in given)
            call = replace(call, headers=(*call.headers, *custom))
        return self._override.apply(call)

    def _send(self, want: Send) -> Exchange:
        call = self._prepared(want.call)
        sent = self._driver.wire.send(call.request(), answer_id=want.answer_id)
        return self._record(sent, edited=call.edited, why=call.why)

    def _record(self, sent: Sent, **rest: Any) -> Exchange:
        return self._driver.record(
            self.step.name,
            sent.request,
            response=sent.response,
            failure=sent.failure,
            started=sent.started,
            elapsed_ms=sent.elapsed_ms,
            **rest,
        )

    def _open(self, want: Open) -> Exchange:
        """A link for the browser: recorded as sent, without an answer of its own."""
        call = self._override.apply(want.call)
        request = Request("GET", call.full_url())
        failure = None if is_openable(request.url) else Failure("url", "this is no http(s) URL that a browser may open")
        now = datetime.now(UTC)
        return self._driver.record(
            self.step.name, request, failure=failure, started=now, edited=call.edited, why=call.why
        )

    def _await(self, want: AwaitRedirect) -> Exchange:
        authorization = self.flow.authorization
        url = authorization.url if authorization else ""
        driver = self._driver
        arrived: Arrived | None = None
        automatic = driver.listener.arrived.empty() and not driver.person
        if automatic and driver.browser == "follow":
            return self._follow(url, want.redirect_uri)
        if automatic and callable(driver.browser):
            arrived = read_pasted(driver.browser(url), want.redirect_uri)
        started = datetime.now(UTC)
        arrived = arrived or driver.listener.wait(driver.callback_timeout_s, driver.stop)
        if arrived is None:
            raise CallbackTimeout(driver.callback_timeout_s, want.redirect_uri)
        elapsed_ms = (datetime.now(UTC) - started).total_seconds() * 1000
        return self._arrived(arrived, started, elapsed_ms)

    def _arrived(self, arrived: Arrived, started: datetime, elapsed_ms: float, hop: int = 0) -> Exchange:
        return self._driver.record(
            self.step.name,
            arrived.request,
            direction="in",
            started=started,
            elapsed_ms=elapsed_ms,
            hop=hop,
            edited=arrived.note,
            why="redirect of the authorization response",
        )

    def _follow(self, url: str, redirect_uri: str) -> Exchange:
        """Go through the redirects as a browser without a person would; each hop is an exchange."""
        cookies = httpx.Cookies()
        for hop in range(MOST_HOPS):
            exchange = self._hop(url, hop, cookies)
            location = _location(exchange.response, url)
            if location is None:
                return exchange
            if location.partition("?")[0] == redirect_uri.partition("?")[0]:
                return self._arrived(read_or_keep(location, redirect_uri), exchange.started, 0.0, hop + 1)
            url = location
        failure = Failure("protocol", f"more than {MOST_HOPS} redirects without reaching the redirect URI")
        return self._driver.record(self.step.name, Request("GET", url), failure=failure, started=datetime.now(UTC))

    def _hop(self, url: str, hop: int, cookies: httpx.Cookies) -> Exchange:
        headers: tuple[tuple[str, str], ...] = (("Accept", "*/*"),)
        if hop and not is_openable(url):
            failure = Failure("url", "a redirect leads to a URL that is not http(s)")
            return self._driver.record(self.step.name, Request("GET", url), failure=failure, hop=hop)
        jar = httpx.Request("GET", url if split(url) else "http://invalid.invalid")
        cookies.set_cookie_header(jar)
        if "cookie" in jar.headers:
            headers = (*headers, ("Cookie", jar.headers["cookie"]))
        sent = self._driver.wire.send(Request("GET", url, headers))
        why = "Location of the hop before" if hop else "the authorization URL, followed without a browser"
        exchange = self._record(sent, hop=hop, why=why)
        if sent.response is not None:
            cookies.extract_cookies(httpx.Response(200, headers=list(sent.response.headers), request=jar))
        return exchange


def is_openable(url: str) -> bool:
    """Whether a browser may be sent to a URL: http or https, without control characters or user information."""
    parts = split(url)
    return parts is not None and "@" not in parts.origin and not any(ord(c) < 33 or ord(c) == 127 for c in url)


def read_or_keep(location: str, redirect_uri: str) -> Arrived:
    """The redirect as the listener would have kept it; one without code and error is kept whole, to be shown."""
    try:
        return read_pasted(location, redirect_uri)
    except ValueError:
        return Arrived(Request("GET", location))


def _location(response: Response | None, url: str) -> str | None:
    location = response.header("location") if response and response.status // 100 == 3 else None
    try:
        return urljoin(url, location) if location else None
    except ValueError:
        return location
