"""Drives one step: merges the user's overrides, carries out what the step wants, records every try.

The driver is the only keeper of what changes: the list of exchanges and the list of runs. A step that has been begun
but not finished has sent nothing, so its first request can be shown before it goes out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import httpx

from mcp_oauth_nb.errors import CallbackTimeout, DeviceTimeout, McpOAuthError
from mcp_oauth_nb.protocol.flow import Flow
from mcp_oauth_nb.protocol.step import AwaitRedirect, Call, Open, Override, Pause, Send, Step, Stopped, Want
from mcp_oauth_nb.protocol.wellknown import same_origin, split
from mcp_oauth_nb.records import Exchange, Failure, Request, Response, Run, Trace
from mcp_oauth_nb.wire.callback import Arrived, Listener, read_pasted
from mcp_oauth_nb.wire.http import Sent, Wire
from mcp_oauth_nb.wire.learning import LearningVault

MOST_HOPS = 10
FROM_HOP = "Location of the hop before"
"""Who sent us to a further hop."""
STALE_S = 60.0
"""A request that was shown for longer is prepared anew before it is sent: what is signed in it may have run out."""
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
        stop: set from any thread, it ends the waiting for a redirect or for a person at another device.
        person: wait for a person even where `browser` could fetch the redirect.
        announce: shows a person the link that is waited for; it may come up in the middle of a later step.
    """

    def __init__(
        self,
        wire: Wire,
        listener: Listener,
        vault: LearningVault,
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
        self._recording = threading.RLock()
        self.stop = threading.Event()
        self.person = False
        self.announce: Callable[[str], None] | None = None

    def begin(self, step: Step, flow: Flow, override: Override) -> Running:
        """Start a step up to its first want; nothing is sent.

        Raises:
            NotYet: the step needs what an earlier one has not supplied.
        """
        return Running(self, step, flow, override)

    def trace(self, settings: Mapping[str, str]) -> Trace:
        """Everything so far, frozen."""
        return Trace(tuple(self.exchanges), tuple(self.runs), settings, self.vault)

    def serve_documents(self, asked: str | None = None) -> None:
        """Answer at the documents beside the redirect URI: before a server, or we at this URL, may ask for one."""
        listener = self.listener
        if listener.documents and (asked is None or asked in map(listener.beside, listener.documents)):
            listener.start()

    def run(self, step: str) -> Run:
        """The current run of a step that has run."""
        return next(run for run in self.runs if run.step == step)

    def keep(self, run: Run) -> None:
        """Put a run in the place of the earlier run of the same step."""
        with self._recording:
            self.runs = [*(earlier for earlier in self.runs if earlier.step != run.step), run]

    def forget(self, steps: Collection[str]) -> None:
        """Forget the runs of these steps, but no exchange."""
        with self._recording:
            self.runs = [run for run in self.runs if run.step not in steps]

    def record(self, step: str, request: Request, **rest: Any) -> Exchange:
        """Record one try; its secrets are learned before anything is shown. From any thread."""
        with self._recording:
            exchange = Exchange(id=len(self.exchanges) + 1, step=step, request=request, vault=self.vault, **rest)
            self.vault.note(exchange)
            self.exchanges.append(exchange)
        return exchange

    def overhear(self, step: str, heard: Exchange, why: str, refused: Collection[int]) -> None:
        """Record what somebody else's client did with our token, behind what is there of that step. From any thread.

        Args:
            step: the step that it counts to.
            heard: what was heard.
            why: what sent it, in words.
            refused: the statuses that say no to the token.
        """
        response, failure = heard.response, heard.failure
        with self._recording:
            kept = self.record(
                step,
                heard.request,
                response=response,
                failure=failure,
                started=heard.started,
                elapsed_ms=heard.elapsed_ms,
                why=heard.why or why,
            )
            earlier = next((run.exchanges for run in self.runs if run.step == step), ())
            is_refused = response is not None and response.status in refused
            stopped = failure.message if failure else f"refused with {response.status}" if is_refused else ""  # type: ignore[union-attr]
            self.keep(Run(step, (*earlier, kept.id), not stopped, stopped))


class Running:
    """A step between its beginning and its end.

    Attributes:
        step: the step.
        preview: the first request as it will be sent; None where the step sends none.
    """

    def __init__(self, driver: Driver, step: Step, flow: Flow, override: Override) -> None:
        self.step, self.flow = step, flow
        self._driver, self._override = driver, override
        self._ids: list[int] = []
        self._paused_s: float | None = None
        self._want: Want | None = None
        self._result: Flow | Stopped | None = None
        self._prepare()

    def _prepare(self) -> None:
        """Go to the first want. Nothing is sent by that, so it can be done again."""
        self._prepared_at_s = time.monotonic()
        self._steps = self.step.run(self.flow)
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
            CallbackTimeout: no redirect came. As with any other interruption the exchanges so far are kept.
        """
        if not self._ids and time.monotonic() - self._prepared_at_s > STALE_S:
            self._prepare()
        try:
            while self._want is not None:
                self._advance(self._carry_out(self._want))
        except CallbackTimeout as error:
            what = "the person" if isinstance(error, DeviceTimeout) else "the redirect"
            self._keep(f"waiting for {what}: {error}", self.flow)
            raise
        except BaseException as error:
            self._keep(f"waiting to be run again: interrupted by {type(error).__name__}", self.flow)
            raise
        result = self._result
        if isinstance(result, Flow):
            self._keep("", result)
            return result
        flow = (result.flow if result else None) or self.flow
        self._keep(result.reason if result else "the step ended without a result", flow)
        return flow

    def _advance(self, exchange: Exchange | None) -> None:
        """Go on to the next want. A step that trips over what a server sent has stopped; it has not failed the user."""
        try:
            self._want = next(self._steps) if exchange is None else self._steps.send(exchange)
        except StopIteration as ended:
            self._want, self._result = None, ended.value
        except McpOAuthError:
            raise
        except Exception as error:  # noqa: BLE001 - hostile data must become a reason, never a traceback
            self._want, self._result = None, Stopped(f"the answer could not be read ({type(error).__name__})")

    def _keep(self, stopped: str, flow: Flow) -> None:
        run = Run(self.step.name, tuple(self._ids), not stopped, stopped, flow.news(self.flow))
        self._driver.keep(run)

    def _note(self, request: Request, **rest: Any) -> Exchange:
        """Record one try of this step."""
        exchange = self._driver.record(self.step.name, request, **{"started": datetime.now(UTC), **rest})
        self._ids.append(exchange.id)
        return exchange

    def _carry_out(self, want: Want) -> Exchange | None:
        if isinstance(want, Send):
            return self._send(want)
        if isinstance(want, Open):
            return self._open(want)
        if isinstance(want, Pause):
            self._pause(want)
            return None
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
        self._driver.serve_documents(call.url)
        sent = self._driver.wire.send(call.request(), answer_id=want.answer_id, opening=want.opening)
        return self._record(sent, edited=call.edited, why=call.why)

    def _record(self, sent: Sent, **rest: Any) -> Exchange:
        return self._note(
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
        self._driver.serve_documents()
        failure = None if is_openable(request.url) else Failure("url", "this is no http(s) URL that a browser may open")
        return self._note(request, failure=failure, edited=call.edited, why=call.why)

    def _pause(self, want: Pause) -> None:
        """Wait for a person at another device, who is told of it at the first pause; `stop` ends the waiting."""
        driver = self._driver
        if not want.url:  # nobody is waited for but a server
            driver.stop.wait(want.seconds)
            return
        if self._paused_s is None:
            if callable(driver.browser) and not driver.person and is_openable(want.url):
                driver.browser(want.url)
            elif driver.announce is not None:
                driver.announce(want.url)
        paused_s = self._paused_s or 0.0
        left = driver.callback_timeout_s - paused_s
        self._paused_s = paused_s + want.seconds
        if driver.stop.wait(min(want.seconds, max(left, 0))) or want.seconds > left:
            raise DeviceTimeout(driver.callback_timeout_s)

    def _await(self, want: AwaitRedirect) -> Exchange:
        driver, url = self._driver, want.url
        arrived: Arrived | None = None
        automatic = driver.listener.arrived.empty() and not driver.person
        if automatic and driver.browser == "follow":
            return self._follow(url, want.redirect_uri)
        if automatic and callable(driver.browser):
            arrived = read_pasted(driver.browser(url), want.redirect_uri, in_fragment=driver.listener.in_fragment)
        started = datetime.now(UTC)
        if arrived is None:
            driver.listener.start()
            if driver.announce is not None:
                driver.announce(url)
        arrived = arrived or driver.listener.wait(driver.callback_timeout_s, driver.stop)
        if arrived is None:
            raise CallbackTimeout(driver.callback_timeout_s, want.redirect_uri)
        elapsed_ms = (datetime.now(UTC) - started).total_seconds() * 1000
        return self._arrived(arrived, started, elapsed_ms)

    def _arrived(self, arrived: Arrived, started: datetime, elapsed_ms: float, hop: int = 0) -> Exchange:
        return self._note(
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
            if _bare(location) == _bare(redirect_uri):
                back = read_or_keep(location, redirect_uri, in_fragment=self._driver.listener.in_fragment)
                return self._arrived(back, exchange.started, 0.0, hop + 1)
            url = location
        failure = Failure("protocol", f"more than {MOST_HOPS} redirects without reaching the redirect URI")
        return self._note(Request("GET", url), failure=failure, hop=MOST_HOPS, why=FROM_HOP)

    def _hop(self, url: str, hop: int, cookies: httpx.Cookies) -> Exchange:
        if hop and not is_openable(url):
            failure = Failure("url", "a redirect leads to a URL that is not http(s)")
            return self._note(Request("GET", url), failure=failure, hop=hop, why=FROM_HOP)
        sent = self._driver.wire.send(Request("GET", url, (("Accept", "*/*"), *_cookie(cookies, url))))
        why = FROM_HOP if hop else "the authorization URL, followed without a browser"
        exchange = self._record(sent, hop=hop, why=why)
        lines = exchange.response.header_lines("set-cookie") if exchange.response else ()
        if lines:
            baked = [(b"set-cookie", line.encode("utf-8", "replace")) for line in lines]
            cookies.extract_cookies(httpx.Response(200, headers=baked, request=_cookie_request(url)))
        return exchange


def _bare(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _cookie(cookies: httpx.Cookies, url: str) -> tuple[tuple[str, str], ...]:
    """The Cookie header for a URL, if there is one to send."""
    if not cookies:
        return ()
    request = _cookie_request(url)
    cookies.set_cookie_header(request)
    return tuple(("Cookie", value) for value in request.headers.get_list("cookie"))


def _cookie_request(url: str) -> httpx.Request:
    """A request to ask a cookie jar about; one to nowhere for a URL that is none."""
    try:
        return httpx.Request("GET", url)
    except (httpx.InvalidURL, ValueError):
        return httpx.Request("GET", "http://invalid.invalid")


def is_openable(url: str) -> bool:
    """Whether a browser may be sent to a URL: http or https, without control characters or user information."""
    parts = split(url)
    return parts is not None and "@" not in parts.origin and not any(ord(c) < 33 or ord(c) == 127 for c in url)


def read_or_keep(location: str, redirect_uri: str, *, in_fragment: bool = False) -> Arrived:
    """The redirect as the listener would have kept it; one without code and error is kept whole, to be shown."""
    try:
        return read_pasted(location, redirect_uri, in_fragment=in_fragment)
    except ValueError:
        return Arrived(Request("GET", location))


def _location(response: Response | None, url: str) -> str | None:
    location = response.header("location") if response and response.status // 100 == 3 else None
    try:
        return urljoin(url, location) if location else None
    except ValueError:
        return location
