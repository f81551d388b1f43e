"""`Looker`: the calls that look at what was seen, and those that carry it away. None of them sends anything.

A report is worked out when it is looked at, so that a run costs little more than its requests.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.facts import FLOW, every_table, table_of
from mcp_oauth_nb.peers.outlook import Outlooks
from mcp_oauth_nb.protocol.flow import Authorization, Client, Tokens
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.stepping import Stepper
from mcp_oauth_nb.steps import AFTERWARDS, STEPS
from mcp_oauth_nb.views.config import Config
from mcp_oauth_nb.views.script import Script
from mcp_oauth_nb.views.support import Support
from mcp_oauth_nb.views.tables import TableView
from mcp_oauth_nb.views.token_details import TokenDetails


class Looker(Stepper):
    """A stepper that can be looked at."""

    _same: Callable[[Mapping[str, Any]], Any]
    """Makes another one with the same settings, but for these."""

    def diagnose(self) -> Report:
        """The verdict over everything so far: failing step, probable cause, who must act, the fix."""
        ran = {run.step for run in self._driver.runs}
        return self._report(None, self.route() + tuple(name for name in AFTERWARDS if name in ran))

    @property
    def config(self) -> Config:
        """What the server advertises: endpoints, capabilities, supported values. ``config.frame`` for pandas."""
        flow = self._flow
        return Config(flow.resource_metadata, flow.server_metadata, self._vault, has_resource=flow.profile is not PLAIN)

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
        from mcp_oauth_nb.evidence.save import save_script  # noqa: PLC0415 - what only scripts need

        return Script(curl_script(self.trace, step), partial(save_script, self._vault))

    def save(self, path: str | Path, *, scrub: bool = False) -> Path:
        """Write everything so far to a file, without a secret: ``.ipynb``, ``.json``, ``.md`` or ``.html``.

        `mcp_oauth_nb.load` reads the first two, and ``diagnose(load(path))`` gives the report that is given now. The
        file is for its owner alone, and written whole or not at all. What `check` would refuse is not written.

        Args:
            path: where to.
            scrub: put tags in the places of what would be refused.

        Raises:
            BadSetting: another suffix, a file that cannot be written, or ``.html`` without nbconvert.
            HoldsSecret: `check` would find a secret in the file; nothing was written.
        """
        from mcp_oauth_nb.evidence.save import save  # noqa: PLC0415 - what only saving needs, and a good deal of it

        return save(self.diagnose(), path, scrub=scrub)

    def har(self, path: str | Path | None = None, *, scrub: bool = False) -> dict[str, Any]:
        """Every exchange as an HTTP archive (HAR 1.2) for other tools, secrets masked; with a path it is written there.

        Args:
            path: where to.
            scrub: put tags in the places of what would be refused.

        Raises:
            BadSetting: it cannot be written there.
            HoldsSecret: `check` would find a secret in the file; nothing was written.
        """
        from mcp_oauth_nb.evidence.har import har_of  # noqa: PLC0415 - reaches rules, which a flow does without

        return har_of(self.trace, path, scrub=scrub)

    def other_clients(self) -> Outlooks:
        """What other clients and each protocol revision would do with this server, and where each would stop.

        Worked out of what was recorded; `well_known` and `run` before it leave less unknown. ``.frame`` for pandas.
        """
        from mcp_oauth_nb.evidence.given import other_clients  # noqa: PLC0415 - reaches what a flow does without

        return other_clients(self)

    def support(self, *, hosts: bool = True) -> Support:
        """What maintainers ask for in an issue, as Markdown to be pasted, without a secret: ``.text``.

        Args:
            hosts: keep the names of hosts; False puts the role of each in its place.

        Raises:
            BadSetting: `hosts` is no flag.
        """
        from mcp_oauth_nb.evidence.given import support  # noqa: PLC0415 - reaches what a flow does without

        return support(self, hosts=hosts)

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
