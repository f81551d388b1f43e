"""`Stepper`: runs one step after another, and forgets a step when it is run again.

Running a step again starts from the flow as it stood before that step and forgets what later steps learned; nothing
that was recorded is ever lost. What stands aside (an extra call, a question about the token, a probe) starts from the
flow as it is now and rewinds nothing; what a probe learns is not kept.

What was done to the tokens cannot be undone at the server: an old refresh token that is shown again ends the grant. So
what uses tokens and is run again takes those that are left, and no refresh or revocation is forgotten for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from mcp_oauth_nb import views
from mcp_oauth_nb.facts import tables_for
from mcp_oauth_nb.holding import TokenHolder
from mcp_oauth_nb.link import AuthorizationLink
from mcp_oauth_nb.mime import Bundle
from mcp_oauth_nb.protocol.flow import Flow
from mcp_oauth_nb.protocol.grants import Grant
from mcp_oauth_nb.protocol.proofs import proof_key
from mcp_oauth_nb.protocol.step import Edits, Override, Step
from mcp_oauth_nb.records import Request, Trace
from mcp_oauth_nb.rules import judge
from mcp_oauth_nb.rules.rule import Report, StepStatus
from mcp_oauth_nb.steps import AFTERWARDS, STEPS, route_for
from mcp_oauth_nb.wire.driver import Driver, Running
from mcp_oauth_nb.wire.learning import LearningVault
from mcp_oauth_nb.wire.surroundings import surroundings

DONE_TO_TOKENS = ("refresh", "replay", "revoke")
"""What the server keeps in mind, whichever step is run again."""
ALONE = ("refresh", "revoke")
"""The steps that need the newest tokens, wherever they are, and nobody else who refreshes meanwhile."""
USING_TOKENS = ("mcp", "api", *DONE_TO_TOKENS, "revoked")
"""The steps that begin with tokens."""


class Stepper(TokenHolder):
    """The flow so far, what drives it, and what was recorded. A `Debugger` puts a named call on each step."""

    def __init__(self, flow: Flow, driver: Driver, vault: LearningVault, verify: bool | str | Path) -> None:
        super().__init__(flow, driver, vault, verify)
        self._before: dict[str, Flow] = {}
        self._shown_link: AuthorizationLink | None = None

    @property
    def trace(self) -> Trace:
        """Everything that was tried."""
        return self._driver.trace(self._settings_shown())

    # -- for the runner -------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The MCP server's URL as typed. It may hold a key, so it is not for display."""
        return self._flow.settings.url

    @property
    def grant(self) -> Grant:
        """What a token is asked for with."""
        return self._flow.settings.grant

    def route(self, *, afterwards: bool = False) -> tuple[str, ...]:
        """The steps of this flow in order; with `afterwards` also what a token goes through later."""
        return route_for(self.grant, afterwards=afterwards)

    @property
    def authorization_url(self) -> str | None:
        """The link a person has to open; None before `authorize`. It holds ``state``, so it is not for display."""
        return self._flow.authorization.url if self._flow.authorization else None

    @property
    def user_code(self) -> str:
        """What a person has to type at another device; empty where there is nothing to type. Not for display."""
        return self._flow.device.user_code if self._flow.device else ""

    @property
    def redirect_problem(self) -> str:
        """Why the redirect must be pasted; empty where it reaches the listener."""
        return self._driver.listener.problem

    @property
    def is_automatic(self) -> bool:
        """Whether the redirect can be fetched without a person."""
        return self._driver.browser is not None

    def begin(self, name: str) -> Running:
        """Prepare a step without sending anything, so that its request can be shown first.

        Raises:
            NotYet: an earlier step has to run first.
        """
        self.catch_up()
        return self._driver.begin(STEPS[name], self._flow_before(name), Override())

    def is_current(self, running: Running) -> bool:
        """Whether a prepared step still starts from the flow as it stands."""
        self.catch_up()
        return running.flow == self._flow_before(running.step.name)

    def finish(
        self, running: Running, *, person: bool = False, announce: Callable[[str], None] | None = None
    ) -> Report:
        """Carry out a prepared step.

        Args:
            running: the step, as `begin` prepared it.
            person: wait for a redirect even where it could be fetched.
            announce: shows the link that is waited for; it may come up in the middle of a later step.

        Raises:
            CallbackTimeout: no redirect came, or `interrupt` was called.
        """
        self._driver.person, self._driver.announce = person, announce
        name = running.step.name
        try:
            with self.renewing() if name in ALONE else contextlib.nullcontext():
                self._finish(running if name not in ALONE or self.is_current(running) else self.begin(name))
        finally:
            self._driver.person = False
        return self._report(running.step.name)

    def interrupt(self) -> None:
        """Stop waiting for the redirect, from any thread."""
        self._driver.stop.set()

    def stop_after(self, time_s: float) -> None:
        """Let no request begin any more when so many seconds have passed: a step that wants to raises `TimeUp`."""
        self._driver.wire.end_in(time_s)

    def offer(self, pasted: str) -> None:
        """Hand in a redirect that was pasted, as if it had reached the listener.

        Raises:
            BadSetting: it holds neither code nor error.
        """
        self._driver.listener.offer(pasted)

    def card(
        self, name: str, route: tuple[str, ...], *, preview: Request | None = None, status: StepStatus | None = None
    ) -> Bundle:
        """The display of one step of a route, also before it has run; `status` where the run is not recorded yet."""
        report = self._report(name, route)
        step, run = STEPS[name], self.trace.run(name)
        return views.step_card(
            number=route.index(name) + 1,
            total=len(route),
            title=step.title,
            spec=step.spec.at(self._flow.profile.version),
            status=status or report.status_of(name),
            run=run,
            exchanges=report.exchanges,
            findings=report.findings,
            vault=self._vault,
            preview=preview,
            tables=tables_for(self.trace, name),
        )

    # -- inside ---------------------------------------------------------------------------------------------------

    def _run(self, name: str, *, step: Step | None = None, **edits: Edits | None) -> Report:
        override = Override(**{part: edit for part, edit in edits.items() if edit is not None})
        with self._alone(name):  # else another thread could run the step again before it is reported
            self._carry_out(name, step=step, override=override)
            return self._report(name)

    def _alone(self, name: str) -> contextlib.AbstractContextManager[object]:
        """Hold the lock; waiting for a person is no reason to keep others waiting for a token that is there."""
        return contextlib.nullcontext() if name == "callback" else self.lock

    def _carry_out(self, name: str, *, step: Step | None = None, override: Override | None = None) -> None:
        with self._alone(name), self.renewing() if name in ALONE else contextlib.nullcontext():
            self.catch_up()
            self._finish(self._driver.begin(step or STEPS[name], self._flow_before(name), override or Override()))

    def _finish(self, running: Running) -> None:
        name = running.step.name
        self._driver.stop.clear()
        self._rewind(name)
        if _is_aside(name):  # it stands behind all that has run by now, so that it goes when any of that is run again
            self._before.pop(name, None)
        self._before.setdefault(name, running.flow)
        self._driver.announce = self._driver.announce or self._show_link
        try:
            learned = running.finish()
            self._flow = self._flow if running.step.probe and _is_aside(name) else learned
        finally:
            self._driver.announce = None

    def _flow_before(self, name: str) -> Flow:
        """The flow as it stood before a step last ran; as it stands now for a new step and for one that is aside."""
        now, before = self._flow, self._before.get(name)
        if before is None or _is_aside(name) or name in (*DONE_TO_TOKENS, "revoked"):
            return now
        if name in USING_TOKENS and (self._caught_up or any(one in self._before for one in DONE_TO_TOKENS)):
            return before.learn(
                tokens=now.tokens,
                old_refresh_token=now.old_refresh_token,
                replayed=now.replayed,
                revoked=now.revoked,
            )
        return before

    def _rewind(self, name: str) -> None:
        """Forget this step's run and those of all later steps, but no exchange. What is aside forgets nothing."""
        if name not in self._before or _is_aside(name):
            return
        order = list(self._before)
        later = set(order[order.index(name) :])
        if name in USING_TOKENS:
            later = {name} | (later - set(DONE_TO_TOKENS))
        self._flow = self._flow_before(name)
        self._before = {step: flow for step, flow in self._before.items() if step not in later}
        self._driver.forget(later)

    def _link(self, url: str | None = None) -> AuthorizationLink:
        """The link for a person as a display that hides its state, or its code, once the answer is here."""
        if self._shown_link is not None:
            self._shown_link.close()
        self._shown_link = AuthorizationLink(
            self.trace,
            "device" if self.grant == "device" else "authorize",
            self.route(),
            judge,
            url=url or (self.authorization_url if self._driver.browser is None else None),
            redirect_uri=self._flow.settings.redirect_uri,
            problem=self._driver.listener.problem,
            user_code=self.user_code,
        )
        return self._shown_link

    def _show_link(self, url: str) -> None:
        """Show the link that is waited for, unless a cell above shows it already."""
        if self._shown_link is None or self._shown_link.url != url or not self._shown_link.is_shown:
            self._link(url).show()

    def _listen(self) -> None:
        if self._driver.browser is None:
            self._driver.listener.start()

    def _report(self, step: str | None, route: tuple[str, ...] | None = None) -> Report:
        return Report(self.trace, step, route or self.route(), judge)

    def _settings_shown(self) -> dict[str, str]:
        settings = self._flow.settings
        shown = {
            "url": settings.url,
            "protocol": self._flow.profile.version,
            "protocol told": self._flow.era.why if self._flow.era else "not told yet" if settings.auto else "",
            "client_id": settings.client.client_id if settings.client else None,
            "grant": settings.grant if settings.grant != "authorization_code" else None,
            "identity provider": settings.enterprise.idp_token_endpoint if settings.enterprise else None,
            "dpop": f"key made for this run, {key.algorithm}" if (key := proof_key(self._flow)) else None,
            "dpop algorithm chosen": key.algorithm if key and settings.dpop_keys is None else None,
            "issuer chosen": settings.authorization_server,
            "path_scoped_issuer": "tried as well" if settings.path_scoped_issuer else None,
            "client_metadata_url": settings.client_metadata_url,
            "scope": settings.scope,
            "resource": settings.resource,
            "redirect_uri": settings.redirect_uri,
            "left out": ", ".join(name for name in ("scope", "resource") if getattr(settings, name) == ""),
            "registration": settings.registration if settings.registration != "auto" else None,
            "client_auth_method": settings.client_auth_method,
            "browser": "a function" if callable(self._driver.browser) else self._driver.browser,
            "on_violation": settings.on_violation,
            "verify": "" if self._verify is True else "off" if self._verify is False else "own CA bundle",
            "custom headers": ", ".join(self._driver.custom),
            **surroundings(self._driver.listener, self._verify),
        }
        return {name: value for name, value in shown.items() if value}


def _is_aside(name: str) -> bool:
    """Whether a step stands beside the route: an extra call, or a probe that does not belong to what comes after."""
    return STEPS[name].aside or (STEPS[name].probe and name not in AFTERWARDS)
