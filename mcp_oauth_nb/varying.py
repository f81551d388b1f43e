"""`Varier`: what if? One step with one parameter varied, everything else as it was.

Each variant goes on from the flow as it stood before the step, in a branch of its own: the flow itself is left as it
is, and every variant has a trace that can be judged, compared and saved by itself. What a variant spends, such as a
code or a refresh token, it authorizes for itself. A client that it registers is removed again, if it can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from json import dumps as json_text
from math import prod
from typing import Any, NamedTuple

from mcp_oauth_nb import views
from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.auditing import Auditor
from mcp_oauth_nb.branching import Branch
from mcp_oauth_nb.errors import BadSetting, CallbackTimeout, NotYet
from mcp_oauth_nb.facts.table import said
from mcp_oauth_nb.protocol.step import Edits, Override
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.rules.evidence import challenges, oauth_error, query
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.vault import Vault

MOST = 24
"""Variants of one call: each of them may be a whole flow, with an authorization and tokens of its own."""
PARTS = ("params", "form", "headers", "json")
GRANT = ("pkce", "authorize", "callback")
OMITTED, KEPT = "(omitted)", "(as it is)"


class Varied(NamedTuple):
    """How a step is varied.

    Attributes:
        part: where a parameter that is given by its name alone goes.
        before: the steps that each variant needs anew, because what they supply can be used once.
        until: the last step that has to run for an outcome.
    """

    part: str
    before: tuple[str, ...] = ()
    until: str = ""


VARIED: Mapping[str, Varied] = {
    "challenge": Varied("headers"),
    "resource_metadata": Varied("headers"),
    "server_metadata": Varied("headers"),
    "register": Varied("json"),
    "authorize": Varied("params", ("pkce",), "mcp"),
    "token": Varied("form", GRANT, "mcp"),
    "mcp": Varied("json"),
    "refresh": Varied("form", (*GRANT, "token")),
}
"""The steps that can be varied."""


class Varier(Auditor):
    """An auditor that can also vary a step."""

    def vary(
        self,
        step: str,
        *,
        until: str | None = None,
        params: Mapping[str, Sequence[Any]] | None = None,
        form: Mapping[str, Sequence[Any]] | None = None,
        headers: Mapping[str, Sequence[Any]] | None = None,
        json: Mapping[str, Sequence[Any]] | None = None,
        **values: Sequence[Any],
    ) -> views.Variants:
        """Run a step once for each value of a parameter, the rest as it was, and see what each leads to.

        ``dbg.vary("authorize", resource=[url, url + "/", None])`` runs the authorization request with each of the
        three, and the callback, token and MCP steps behind it. This debugger's flow and tokens stay as they are.

        Args:
            step: the step, such as ``"authorize"``.
            until: the last step to run for each variant; None takes what proves the outcome.
            params: query parameters to vary, name to values.
            form: form members to vary.
            headers: header fields to vary.
            json: members of the JSON body to vary.
            **values: parameters to vary by their name: of the query of ``authorize``, the form of ``token`` and
                ``refresh``, the JSON body of ``register`` and ``mcp``, the header fields of ``challenge``. None leaves
                the parameter out, ``...`` keeps what the step would send. Of several parameters every combination runs.

        Raises:
            BadSetting: the step cannot be varied, nothing is varied, there are too many variants, or each needs an
                authorization of its own and nobody is there to consent.
            NotYet: an earlier step has to run first.
        """
        if not isinstance(step, str) or step not in VARIED:
            raise BadSetting("vary(step)", brief(step), "one of " + ", ".join(VARIED))
        how = VARIED[step]
        given = {"params": params, "form": form, "headers": headers, "json": json}
        wanted = [*_wanted(how.part, values), *(one for part in PARTS for one in _wanted(part, given[part] or {}))]
        _check(wanted)
        before, steps = self._plan(step, how, until)
        made = []
        for chosen in product(*(one.values for one in wanted)):
            override = _override([one for one in zip(wanted, chosen, strict=True) if one[1] is not ...])
            branch = Branch(self, before[0] if before else step)
            report = _carried_out(branch, before, step, override, steps)
            vault = report.trace.vault
            shown = tuple(_shown(vault, one.name, value) for one, value in zip(wanted, chosen, strict=True))
            made.append(_variant(report, shown, steps))
        parameters = tuple(f"{one.part}.{one.name}" for one in wanted)
        return views.Variants(step, parameters, steps, tuple(made), tuple(self._told(before, steps)))

    def _plan(self, step: str, how: Varied, until: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The steps that each variant repeats before the step, and those from the step on."""
        route = self.route()
        before = tuple(name for name in how.before if name in route)
        if step != "authorize" and "authorize" in before and not self.is_automatic:
            raise BadSetting(
                f"vary({step!r})",
                "a person for a browser",
                "somebody who consents for each variant: what it spends can be used once",
                "Make Debugger(url, browser='follow').",
            )
        if step not in route:
            if step != "refresh" or "authorize" not in route:
                raise BadSetting("vary(step)", repr(step), f"a step of the grant {self.grant}: " + ", ".join(route))
            return before, (step,)
        last = until or (how.until if how.until in route else step)
        if last not in route or route.index(last) < route.index(step):
            raise BadSetting("vary(until=)", brief(last), f"{step} or a step behind it: " + ", ".join(route))
        steps = route[route.index(step) : route.index(last) + 1]
        if "callback" in steps and not self.is_automatic:
            steps = steps[: steps.index("callback")]
        return before, steps

    def _told(self, before: tuple[str, ...], steps: tuple[str, ...]) -> Iterator[str]:
        ran = ", ".join((*before, *steps))
        yield f"Each variant ran {ran}, as far as it came; what stands before was taken from the flow as it was."
        if steps[-1] == "authorize":
            yield "Nobody followed the links, so nothing was sent; Debugger(url, browser='follow') follows them."


class _Wanted(NamedTuple):
    """One parameter, where it goes, and its values."""

    part: str
    name: str
    values: tuple[Any, ...]


def _wanted(part: str, given: object) -> Iterator[_Wanted]:
    example = "vary('authorize', resource=['https://host/mcp', None])"
    if not isinstance(given, Mapping):
        raise BadSetting(
            f"vary({part}=)", f"a {type(given).__name__}", "a mapping of names to lists of values", example
        )
    for name, values in given.items():
        if not isinstance(values, (list, tuple)) or not values:
            seen = "an empty list" if isinstance(values, (list, tuple)) else f"a {type(values).__name__}"
            raise BadSetting(f"vary({name}=)", seen, "a list of the values to try", example)
        unsent = next((value for value in values if value is not ... and not _is_sendable(value)), None)
        if unsent is not None:
            expected = "text, numbers, lists or mappings of them, None to leave it out, or ... to keep it"
            seen = f"a value that JSON cannot hold, a {type(unsent).__name__}"
            raise BadSetting(f"vary({name}=)", seen, expected, example)
        yield _Wanted(part, str(name), tuple(values))


def _is_sendable(value: object) -> bool:
    """Whether what is sent of a value can be told: what JSON holds."""
    try:
        json_text(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _check(wanted: Sequence[_Wanted]) -> None:
    if not wanted:
        raise BadSetting("vary()", "no parameter", "one with the values to try", "vary('token', resource=[None])")
    count = prod(len(one.values) for one in wanted)
    if count > MOST:
        raise BadSetting("vary()", f"{count} variants", f"{MOST} at most", "Vary fewer parameters at once.")


def _override(chosen: Sequence[tuple[_Wanted, Any]]) -> Override:
    edits: dict[str, dict[str, Any]] = {}
    for one, value in chosen:
        edits.setdefault(one.part, {})[one.name] = value
    typed: dict[str, Edits] = dict(edits)
    return Override(**typed)


def _carried_out(
    branch: Branch, before: tuple[str, ...], step: str, override: Override, steps: tuple[str, ...]
) -> Report:
    """The report on the branch, as far as it came; NotYet only where it cannot even begin."""
    for at, name in enumerate((*before, *steps)):
        try:
            run = branch.go_on(name, override if name == step else Override())
        except CallbackTimeout:
            break
        except NotYet:
            if at == 0:
                raise
            break
        if not run.achieved:
            break
    report = branch.so_far()
    if step == "register" and branch.has_removable_client:
        branch.go_on("unregister", Override())
    return report


def _variant(report: Report, shown: tuple[str, ...], steps: tuple[str, ...]) -> views.Variant:
    vault, cause = report.trace.vault, report.cause
    outcomes = tuple(report.status_of(name) for name in steps)
    runs = [run for name in steps if (run := report.trace.run(name))]
    run = next((run for run in runs if not run.achieved), runs[-1] if runs else None)
    answer = _deciding(report.trace.of(run)) if run else None
    return views.Variant(
        shown,
        outcomes,
        answer.status if answer else None,
        mask_text(vault, _error(answer)) if answer else "",
        f"{cause.rule}: {mask_text(vault, cause.summary)}" if cause else "",
        report,
    )


def _deciding(exchanges: Sequence[Exchange]) -> Exchange | None:
    """The last exchange that says how it went: an answer, or the redirect that came back."""
    return next((one for one in reversed(exchanges) if one.response is not None or one.direction == "in"), None)


def _error(one: Exchange) -> str:
    """The error code of an answer, of a redirect, or of a challenge; empty for none."""
    bearer = challenges(one).bearer()
    in_redirect = query(one).get("error", "") if one.direction == "in" else ""
    return oauth_error(one) or in_redirect or (bearer.get("error") if bearer else None) or ""


def _shown(vault: Vault, name: str, value: Any) -> str:
    return OMITTED if value is None else KEPT if value is ... else said(vault, name, value)
