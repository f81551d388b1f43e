"""`Branch`: goes on from where another flow stood before a step, and leaves that flow as it is."""

from __future__ import annotations

from mcp_oauth_nb.protocol.step import Override
from mcp_oauth_nb.records import Run
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.stepping import Stepper
from mcp_oauth_nb.wire.driver import Driver


class Branch(Stepper):
    """A stepper that begins with what another one knows.

    It has all exchanges so far, the runs before the step, the secrets and the wire; what it records is its own.

    Args:
        trunk: the stepper to go on from.
        name: the step before which it begins; the flow as it is now where that step has not run.
    """

    def __init__(self, trunk: Stepper, name: str) -> None:
        order = list(trunk._before)
        earlier = order[: order.index(name)] if name in order else order
        super().__init__(trunk._flow_before(name), _driver_of(trunk, earlier), trunk._vault, trunk._verify)
        self._before = {step: trunk._before[step] for step in earlier}

    def go_on(self, name: str, override: Override) -> Run:
        """Carry out a step with these changes.

        Raises:
            NotYet: an earlier step has to run first.
            CallbackTimeout: no redirect came.
        """
        self._carry_out(name, override=override)
        return self._driver.run(name)

    @property
    def has_removable_client(self) -> bool:
        """Whether the flow has a client that it registered and can remove again (RFC 7592 2.3)."""
        return self._flow.client is not None and self._flow.client.is_managed

    def so_far(self) -> Report:
        """The report on the whole flow as far as it has come."""
        return self._report(None)


def _driver_of(trunk: Stepper, earlier: list[str]) -> Driver:
    """A driver on the same wire, with records of its own that begin with those of the trunk."""
    old = trunk._driver
    new = Driver(
        old.wire,
        old.listener,
        old.vault,
        custom=old.custom,
        browser=old.browser,
        callback_timeout_s=old.callback_timeout_s,
    )
    new.exchanges = list(old.exchanges)
    new.runs = [run for run in old.runs if run.step in earlier]
    return new
