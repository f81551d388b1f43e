"""`Looker`: the calls that look at what was seen, and those that carry it away. None of them sends anything.

A report is worked out when it is looked at, so that a run costs little more than its requests.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.facts import FLOW, every_table, table_of
from mcp_oauth_nb.protocol.flow import Authorization, Client, Tokens
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.stepping import Stepper
from mcp_oauth_nb.steps import AFTERWARDS, STEPS
from mcp_oauth_nb.views.config import Config
from mcp_oauth_nb.views.script import Script
from mcp_oauth_nb.views.tables import TableView
from mcp_oauth_nb.views.token_details import TokenDetails


class Looker(Stepper):
    """A stepper that can be looked at."""

    _same: Callable[[], Any]
    """Makes another one with the same settings."""

    def diagnose(self) -> Report:
        """The verdict over everything so far: failing step, probable cause, who must act, the fix."""
        ran = {run.step for run in self._driver.runs}
        return self._report(None, self.route() + tuple(name for name in AFTERWARDS if name in ran))

    @property
    def config(self) -> Config:
        """What the server advertises: endpoints, capabilities, supported values. ``config.frame`` for pandas."""
        return Config(self._flow.resource_metadata, self._flow.server_metadata, self._vault)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every exchange so far, also those of runs that were run again since."""
        return tuple(self._driver.exchanges)

    @property
    def tokens(self) -> Tokens | None:
        """The tokens as they were issued last; None before. Their repr shows none of them."""
        return self._flow.tokens

    @property
    def details(self) -> TokenDetails:
        """What the access token and the ID token say of themselves: their claims, read and not verified."""
        return TokenDetails(self._flow.tokens, self._vault, self._flow.settings.clock())

    @property
    def client(self) -> Client | None:
        """The client that was registered or given; None before. Its repr shows no secret."""
        return self._flow.client or self._flow.settings.client

    @property
    def authorization(self) -> Authorization | None:
        """The authorization request made last: issuer, resource and scope; None before."""
        return self._flow.authorization

    def table(self, name: str) -> TableView:
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
        return TableView(made, self._vault)

    def curl(self, step: str | None = None) -> Script:
        """One step, or the whole flow, as a bash script with curl. Secrets are shell variables in it.

        Raises:
            NotYet: that step has not run.
        """
        if step is not None and (not isinstance(step, str) or step not in STEPS):
            raise BadSetting("curl(step)", brief(step), "one of " + ", ".join(STEPS))
        from mcp_oauth_nb.evidence.curl import curl_script  # noqa: PLC0415 - what only scripts need

        return Script(curl_script(self.trace, step))

    def save(self, path: str | Path) -> Path:
        """Write everything so far to a file, without a secret: ``.ipynb``, ``.json``, ``.md`` or ``.html``.

        `mcp_oauth_nb.load` reads the first two, and ``diagnose(load(path))`` gives the report that is given now. The
        file is for its owner alone, and written whole or not at all.

        Raises:
            BadSetting: another suffix, a file that cannot be written, or ``.html`` without nbconvert.
        """
        from mcp_oauth_nb.evidence.save import save  # noqa: PLC0415 - what only saving needs, and a good deal of it

        return save(self.diagnose(), path)

    def har(self, path: str | Path | None = None) -> dict[str, Any]:
        """Every exchange as an HTTP archive (HAR 1.2) for other tools, secrets masked; with a path it is written there.

        Raises:
            BadSetting: it cannot be written there.
        """
        from mcp_oauth_nb.evidence.har import har_of  # noqa: PLC0415 - reaches rules, which a flow does without

        return har_of(self.trace, path)

    def again(self) -> Self:
        """A new one with the same settings, before its first step."""
        made: Self = self._same()
        return made

    def runner(self, *, afterwards: bool = False) -> Any:
        """The buttons for this flow: a `FlowRunner` that goes on from here."""
        # The one door that opens upward, by name: the buttons need ipywidgets, and know the debugger.
        widgets = importlib.import_module("mcp_oauth_nb.widgets")
        return widgets.FlowRunner(self, afterwards=afterwards)
