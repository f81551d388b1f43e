"""`Looker`: the calls that look at what was seen, beside those that carry it away. None of them sends anything.

A report is worked out when it is looked at, so that a run costs little more than its requests.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

from mcp_oauth_nb import views
from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.carrying import Carrier
from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.facts import FLOW, every_table, table_of
from mcp_oauth_nb.protocol.flow import Authorization, Client, Tokens
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.stepping import Stepper
from mcp_oauth_nb.steps import AFTERWARDS, STEPS


class Looker(Stepper, Carrier):
    """A stepper that can be looked at."""

    _same: Callable[[Mapping[str, Any]], Any]
    """Makes another one with the same settings, but for these."""

    def diagnose(self) -> Report:
        """The verdict over everything so far: failing step, probable cause, who must act, the fix."""
        ran = {run.step for run in self._driver.runs}
        return self._report(None, self.route() + tuple(name for name in AFTERWARDS if name in ran))

    @property
    def config(self) -> views.Config:
        """What the server advertises: endpoints, capabilities, supported values. ``config.frame`` for pandas."""
        flow = self._flow
        return views.Config(
            flow.resource_metadata, flow.server_metadata, self._vault, has_resource=flow.profile is not PLAIN
        )

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every exchange so far, also those of runs that were run again since."""
        return tuple(self._driver.exchanges)

    @property
    def tokens(self) -> Tokens | None:
        """The tokens as they were issued last; None before. Their repr shows none of them."""
        return self._flow.tokens

    @property
    def details(self) -> views.TokenDetails:
        """What the access token and the ID token say of themselves: their claims, read and not verified."""
        return views.TokenDetails(self._flow.tokens, self._vault, self._flow.settings.clock())

    @property
    def client(self) -> Client | None:
        """The client that was registered or given; None before. Its repr shows no secret."""
        return self._flow.client or self._flow.settings.client

    @property
    def authorization(self) -> Authorization | None:
        """The authorization request made last: issuer, resource and scope; None before."""
        return self._flow.authorization

    def table(self, name: str) -> views.TableView:
        """One derived table by itself, such as ``"locations"`` after `well_known`; its ``.frame`` is for pandas.

        Raises:
            BadSetting: there is no such table; the message lists those there are.
            NotYet: nothing has run that it could be worked out of.
        """
        if not isinstance(name, str) or name not in every_table():
            raise BadSetting("table(name)", brief(name), "one of " + ", ".join(every_table()))
        made = table_of(self.trace, name)
        if made is None:
            step = next((step for step in every_table()[name].steps if step != FLOW), "run")
            raise NotYet(f"table {name}", f"dbg.{step}()")
        return views.TableView(made, self._vault)

    def curl(self, step: str | None = None) -> views.Script:
        """One step, or the whole flow, as a bash script with curl. Secrets are shell variables in it.

        Raises:
            NotYet: that step has not run.
        """
        if step is not None and (not isinstance(step, str) or step not in STEPS):
            raise BadSetting("curl(step)", brief(step), "one of " + ", ".join(STEPS))
        from mcp_oauth_nb.evidence.curl import curl_script  # noqa: PLC0415 - what only scripts need
        from mcp_oauth_nb.evidence.save import save_script  # noqa: PLC0415 - what only scripts need

        return views.Script(curl_script(self.trace, step), partial(save_script, self._vault))

    def again(self, **changes: Any) -> Self:
        """A new one with the same settings, before its first step.

        Args:
            **changes: settings that are to be others.

        Raises:
            BadSetting: there is no such setting, or it cannot work.
        """
        known = inspect.signature(type(self)).parameters
        unknown = next((name for name in changes if name not in known), None)
        if unknown is not None:
            raise BadSetting("again()", brief(unknown), "one of " + ", ".join(known))
        made: Self = self._same(changes)
        return made

    def runner(self, *, afterwards: bool = False) -> Any:
        """The buttons for this flow: a `FlowRunner` that goes on from here."""
        # The one door that opens upward, by name: the buttons need ipywidgets, and know the debugger.
        widgets = importlib.import_module("mcp_oauth_nb.widgets")
        return widgets.FlowRunner(self, afterwards=afterwards)
