"""`Auditor`: runs the flow where it has not run, then every probe that applies, and hands out an `Audit`."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.audit import Audit
from mcp_oauth_nb.calling import Caller
from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.protocol.flow import Flow
from mcp_oauth_nb.protocol.probes import FRESH, FRESH_GRANT, NOT_TESTED, PROBES, SPENDING
from mcp_oauth_nb.protocol.step import Override
from mcp_oauth_nb.steps import AFTERWARDS, STEPS
from mcp_oauth_nb.steps.probes.fresh import GRANTED

WRITTEN = ("junit", "sarif")
"""The formats for machines; each has a module of its name, which only audits need."""
NOBODY = "it needs an authorization of its own, so somebody who consents: Debugger(url, browser='follow')"
LEFT_OUT = "it may end a grant, and the audit was told to leave such checks out (destructive=False)"
ONLY = "the audit was limited to other checks (only=)"
LATER = (("refresh", "replay"), ("revoke", "revoked"))
DISCOVERY = ("challenge", "resource_metadata", "server_metadata")


class Auditor(Caller):
    """A caller that can audit."""

    def audit(self, *, only: str | Iterable[str] | None = None, destructive: bool = True) -> Audit:
        """Check everything that can be checked: the flow, where it has not run, then every probe that applies.

        What a check spends it has authorized for itself; tokens of the flow stay alive. What probes register is
        deleted again where the server says how; the audit names what is left. The score and how it is made stand at
        `Audit`.

        Args:
            only: names of probes to run, one or several; None runs all, and what a token goes through later.
            destructive: also run what may end a grant: a code and a refresh token used twice, revocation.

        Raises:
            BadSetting: there is no such probe, or a flow is needed first and nobody is there to consent.
        """
        wanted = _wanted(only)
        if not self._has_flow():
            self._begin_flow()
        skipped = {name: ONLY for name in (*PROBES, *AFTERWARDS) if only is not None and name not in wanted}
        for name in (name for name in wanted if name != FRESH_GRANT):
            if name in SPENDING and not destructive:
                skipped[name] = LEFT_OUT
            elif name in FRESH and not self._consents:
                skipped[name] = NOBODY
            else:
                skipped.update(self._tried(name))
        if only is None or FRESH_GRANT in wanted:
            skipped.update(self._later(destructive=destructive))
        writers = {name: getattr(importlib.import_module(f"mcp_oauth_nb.evidence.{name}"), name) for name in WRITTEN}
        return Audit(self.trace, wanted if only is not None else (), skipped, writers)

    @property
    def _consents(self) -> bool:
        """Whether an authorization can be had without a person."""
        return self.is_automatic or self.grant != "authorization_code"

    def _has_flow(self) -> bool:
        done = {run.step for run in self._driver.runs if run.achieved}
        return "mcp" in done and set(DISCOVERY[-1:]) <= done

    def _begin_flow(self) -> None:
        """The whole route; with a token of the user's only what leads to it, since it needs no other one."""
        if self._flow.tokens is not None:
            done = {run.step for run in self._driver.runs if run.achieved}
            for name in (name for name in DISCOVERY if name not in done):  # to run one again forgets the client
                self._carry_out(name)
                if not self._driver.run(name).achieved:
                    break
            self._carry_out("mcp")
            return
        if not self._consents:
            raise BadSetting(
                "audit()",
                "no token yet, and a person for a browser",
                "a flow that has run, or somebody who consents",
                "Call dbg.run() first, or make Debugger(url, browser='follow').",
            )
        for name in self.route():
            self._carry_out(name)
            if not self._driver.run(name).achieved:
                break

    def _tried(self, name: str) -> dict[str, str]:
        """Run a probe; why not, where it could not begin."""
        try:
            self._carry_out(name)
        except NotYet as error:
            return {name: str(error)}
        return {}

    def _later(self, *, destructive: bool) -> dict[str, str]:
        """Refresh, replay and revocation, with tokens of their own. What the user ran is left as it is.

        Two grants, because a replay may end the first one: a token that is refused then would show no revocation.
        """
        skipped: dict[str, str] = {}
        for names in LATER:
            wanted = [name for name in names if self.trace.run(name) is None]
            if not destructive or not self._consents:
                skipped.update(dict.fromkeys(wanted, NOBODY if destructive else LEFT_OUT))
            elif wanted:
                skipped.update(self._with_grant(wanted))
        return skipped

    def _with_grant(self, names: Iterable[str]) -> dict[str, str]:
        """Carry out steps beside the flow, with a grant of their own; why not, for those that lack something.

        They begin without the grant of the flow: where none of their own is had, the tokens of the user are not theirs.
        """
        skipped: dict[str, str] = {}
        bare = self._flow.learn(**dict.fromkeys(GRANTED))
        flow = self._driver.begin(STEPS[FRESH_GRANT], bare, Override()).finish()
        for name in names:
            reason = _missing(flow, name, self._driver.run(FRESH_GRANT).stopped)
            if reason:
                skipped[name] = reason
            else:
                flow = self._driver.begin(STEPS[name], flow, Override()).finish()
        return skipped


def _missing(flow: Flow, name: str, why_no_grant: str) -> str:
    """What a step of a token's later life lacks; empty where it can run. None of it is anybody's duty to offer."""
    if flow.tokens is None:
        return why_no_grant.removeprefix(f"{NOT_TESTED}: ") or "no tokens of its own were issued"
    if name in ("refresh", "replay") and flow.tokens.refresh_token is None:
        return "no refresh token was issued"
    if name == "replay" and flow.old_refresh_token is None:
        return "no refresh token was replaced"
    if name == "revoke" and not (flow.server_metadata and flow.server_metadata.text("revocation_endpoint")):
        return "the metadata names no revocation_endpoint"
    if name == "revoked" and flow.revoked is None:
        return "nothing was revoked"
    return ""


def _wanted(only: str | Iterable[str] | None) -> tuple[str, ...]:
    """The probes to run, in their order."""
    if only is None:
        return PROBES
    names = (only,) if isinstance(only, str) else tuple(only) if isinstance(only, Iterable) else (None,)
    unknown = next((name for name in names if name not in PROBES), None)
    if unknown is not None or not names or None in names:
        raise BadSetting("audit(only=)", brief(unknown), "names of probes: " + ", ".join(PROBES))
    return tuple(name for name in PROBES if name in names)
