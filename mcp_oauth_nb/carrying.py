"""`Carrier`: what was seen, carried away: as a file, a HAR, a block for an issue, a look through other clients' eyes.

A flow of ours and a recording of somebody else's client are carried away by the same calls. What those need is reached
when they are called: a flow does without it.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from mcp_oauth_nb import views
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.rules.rule import Report


class Carrier:
    """Whoever has a trace and a verdict over it."""

    @property
    @abstractmethod
    def trace(self) -> Trace:
        """Everything that was recorded."""

    @abstractmethod
    def diagnose(self) -> Report:
        """The verdict over everything so far: failing step, probable cause, who must act, the fix."""

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
        from mcp_oauth_nb.evidence.har import har_of  # noqa: PLC0415 - what only a HAR needs

        return har_of(self.trace, path, scrub=scrub)

    def other_clients(self) -> views.Outlooks:
        """What other clients and each protocol revision would do with this server, and where each would stop.

        Worked out of what was recorded; `well_known` and `run` before it leave less unknown. ``.frame`` for pandas.
        """
        from mcp_oauth_nb.evidence.given import other_clients  # noqa: PLC0415 - what only a look needs

        return other_clients(self)

    def support(self, *, hosts: bool = True) -> views.Support:
        """What maintainers ask for in an issue, as Markdown to be pasted, without a secret: ``.text``.

        Args:
            hosts: keep the names of hosts; False puts the role of each in its place.

        Raises:
            BadSetting: `hosts` is no flag.
        """
        from mcp_oauth_nb.evidence.given import support  # noqa: PLC0415 - what only an issue needs

        return support(self, hosts=hosts)
