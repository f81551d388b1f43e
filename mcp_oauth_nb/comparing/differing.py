"""Collects in what two runs differ, in the order of the flow, and counts in what they do not."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.comparing.aligning import Pair, aligned
from mcp_oauth_nb.comparing.derived import tables, verdicts
from mcp_oauth_nb.comparing.fields import Half, fields_of, folded
from mcp_oauth_nb.comparing.hosts import REDIRECT, parts_of, placed_alike, renamings
from mcp_oauth_nb.comparing.sameness import Sameness, is_noisy
from mcp_oauth_nb.records import NEVER, Exchange, Trace
from mcp_oauth_nb.redact import mask_text, redact
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.steps import STEPS
from mcp_oauth_nb.views.comparison import ABSENT, Difference, Sort

OF_THE_MACHINE = ("listener", "redirect host", "certificates", "package", "python", "system", "proxy", "no proxy for",
                  "browser")  # fmt: skip
"""Settings that say where and by whom a run was made, not what was asked."""
TOLD = ("protocol", "protocol told")
"""Settings that come of an answer where the version is told from it."""
CLAIMS = {"form": "is of another form", "claims": "has other claims", "lifetime_s": "lives for another time"}
"""What to say of what a token does not say by a claim of its own."""
SLOWER, SLOWER_MS = 10, 1000
"""So many times and milliseconds longer is worth a word, and no more."""


class Differing:
    """Two runs, and what is different between them.

    Args:
        reports: those on the two runs.
        names: what the runs are called.
        align_hosts: see `compare`.
    """

    def __init__(self, reports: tuple[Report, Report], names: tuple[str, str], *, align_hosts: bool | None) -> None:
        self.reports, self.names = reports, names
        self.traces = reports[0].trace, reports[1].trace
        self.parts = parts_of(self.traces[0]), parts_of(self.traces[1])
        renames = renamings(*self.parts, align=align_hosts)
        vaults = self.traces[0].vault, self.traces[1].vault
        self.sameness = Sameness(vaults, renames, names, one_run=_are_one_run(*self.traces))
        self.aligned_hosts = align_hosts is not False
        self.equal = self.renewed = 0

    def all(self) -> Iterator[Difference]:
        """Every difference, in the order of the flow; tables last."""
        self._learn_ids()
        yield from self._settings()
        steps = [{run.step for run in trace.runs} for trace in self.traces]
        for step in STEPS:
            if step in steps[0] & steps[1]:
                yield from self._step(step)
        yield from self._not_run(*([step for step in STEPS if step in one] for one in steps))
        for one in (*verdicts(self.reports, self.names), *tables(self.traces)):
            if one is None:
                self.equal += 1
            else:
                yield one

    def notes(self) -> Iterator[str]:
        """What stands for what, in sentences."""
        ours, theirs = self.parts
        for part in ours:
            if part in theirs and part != REDIRECT and self.aligned_hosts and ours[part] != theirs[part]:
                a, b = self._masked(ours[part], theirs[part])
                yield f"The {part} is {a} in {self.names[0]} and {b} in {self.names[1]}; the two are taken for one."

    # -- settings ---------------------------------------------------------------------------------------------------

    def _settings(self) -> Iterator[Difference]:
        ours, theirs = (trace.settings for trace in self.traces)
        told = "protocol told" in ours or "protocol told" in theirs
        for name in dict.fromkeys((*ours, *theirs)):
            a, b = self._masked(ours.get(name, ABSENT), theirs.get(name, ABSENT))
            plain = self.sameness.plain(0, a), self.sameness.plain(1, b)
            noisy = name in OF_THE_MACHINE
            sort: Sort = "noise" if noisy else "outcome" if told and name in TOLD else "setting"
            if plain[0] == plain[1]:
                self.equal += 1
            else:
                yield Difference(sort, "", f"setting {name}", f"The setting {name} differs.", (a, b))
        if self.aligned_hosts and not placed_alike(*self.parts):
            a, b = (" and ".join(dict.fromkeys(parts.values())) for parts in self.parts)
            what = "MCP server and authorization server share a host in one run only."
            yield Difference("setting", "", "hosts", what, self._masked(a, b))

    def _learn_ids(self) -> None:
        """The client ids that registration gave out stand for each other."""
        given = [
            next(
                (one.document.get("client_id") for one in trace.exchanges if _is_registration(one) and one.document),
                None,
            )
            for trace in self.traces
        ]
        if isinstance(given[0], str) and isinstance(given[1], str):
            self.sameness.given_out("client_id", given[0], given[1])

    # -- steps ------------------------------------------------------------------------------------------------------

    def _step(self, step: str) -> Iterator[Difference]:
        ours, theirs = self.traces[0].run(step), self.traces[1].run(step)
        assert ours is not None, "asked for only where both ran it"
        assert theirs is not None, "asked for only where both ran it"
        for pair in aligned(self.traces[0].of(ours), self.traces[1].of(theirs)):
            yield from self._pair(step, pair)
        said = self._masked(ours.stopped, theirs.stopped)
        ends = tuple("achieved" if run.achieved else text for run, text in zip((ours, theirs), said, strict=True))
        if self.sameness.plain(0, ends[0]) != self.sameness.plain(1, ends[1]):
            what = (
                "One run got what this step is for." if "achieved" in ends else "The step stopped for another reason."
            )
            yield Difference("outcome", step, "outcome", what, (ends[0], ends[1]))
        else:
            self.equal += 1

    def _not_run(self, ours: list[str], theirs: list[str]) -> Iterator[Difference]:
        """The steps that one run alone has, in one line for each run."""
        for has, others, names in ((ours, theirs, self.names), (theirs, ours, self.names[::-1])):
            alone = [step for step in has if step not in others]
            if alone:
                sides = (", ".join(alone), "did not run")
                what = f"Only {names[0]} ran these steps."
                yield Difference("outcome", alone[0], "steps", what, sides if has is ours else (sides[1], sides[0]))

    def _pair(self, step: str, pair: Pair) -> Iterator[Difference]:
        ours, theirs = pair
        if ours is None or theirs is None:
            yield self._alone(step, pair)
            return
        numbers = ours.id, theirs.id
        a, b = folded(fields_of(redact(ours)), fields_of(redact(theirs)))
        for half, part in sorted(dict.fromkeys((*a, *b)), key=lambda key: key[0] == "answer"):
            yield from self._field(step, half, part, a.get((half, part)), b.get((half, part)), numbers)
        slow = sorted((ours.elapsed_ms, theirs.elapsed_ms))
        if slow[1] - slow[0] > SLOWER_MS and slow[1] > SLOWER * slow[0]:
            sides = f"{ours.elapsed_ms:.0f} ms", f"{theirs.elapsed_ms:.0f} ms"
            yield Difference("noise", step, "time", "One answer took much longer.", sides, numbers)

    def _field(
        self, step: str, half: Half, part: str, ours: str | None, theirs: str | None, numbers: tuple[int, int]
    ) -> Iterator[Difference]:
        place = f"{step} ({half}, {part})"
        if ours is None or theirs is None:
            has, lacks = self.names if theirs is None else self.names[::-1]
            sort: Sort = "noise" if is_noisy(half, part) else half
            what = f"Only {has} has {_called(part)} in the {half}; {lacks} has none."
            yield Difference(sort, step, part, what, (_or_absent(ours), _or_absent(theirs)), numbers)
            return
        outcome = self.sameness.compare(half, part, ours, theirs, place)
        if outcome.sort == "equal":
            self.equal += 1
        elif outcome.sort == "renewed":
            self.renewed += 1
        else:
            what = f"{_called(part, big=True)} of the {half} differs{f': {outcome.said}' if outcome.said else ''}."
            yield Difference("noise" if outcome.sort == "noise" else half, step, part, what, (ours, theirs), numbers)
        for claim, a, b in self.sameness.claims(ours, theirs):
            what = f"The token in {_called(part)} {CLAIMS.get(claim, f'has another {claim}')}."
            yield Difference(half, step, f"{part} → {claim}", what, (a, b), numbers)

    def _alone(self, step: str, pair: Pair) -> Difference:
        """A request that the other run has no counterpart of."""
        ours, theirs = (self._line(one) for one in pair)
        has, lacks = self.names if pair[1] is None else self.names[::-1]
        numbers = tuple(one.id if one else 0 for one in pair)
        what = f"{has} sends a request in this step that {lacks} does not send."
        return Difference("request", step, "request", what, (ours, theirs), (numbers[0], numbers[1]))

    def _line(self, one: Exchange | None) -> str:
        if one is None:
            return ABSENT
        shown = redact(one)
        came = shown.status or (shown.failure.kind if shown.failure else "no answer")
        return f"{shown.request.method} {shown.request.url} → {came}"

    def _masked(self, ours: str, theirs: str) -> tuple[str, str]:
        return mask_text(self.traces[0].vault, ours), mask_text(self.traces[1].vault, theirs)


def _called(part: str, *, big: bool = False) -> str:
    """A part in a sentence."""
    if part == "edited":
        part = "user's edit"
    kind, _, name = part.partition(" ")
    article = "The" if big else "the"
    match kind:
        case "body" if not name:
            return f"{article} whole body"
        case "header" | "query" | "form" if name:
            noun = {"header": "header", "query": "query parameter", "form": "form member"}[kind]
            return f"{article} {noun} {name}"
        case "body" if name:
            return f"{article} member {name} of the body"
        case "url":
            return f"{article} {name or ''} of the URL".replace("  ", " ")
    return f"{article} {part}"


def _are_one_run(ours: Trace, theirs: Trace) -> bool:
    """Whether two traces hold the same exchanges, to the microsecond."""
    begun = [[one.started for one in trace.exchanges] for trace in (ours, theirs)]
    return begun[0] == begun[1] and any(moment != NEVER for moment in begun[0])


def _or_absent(value: str | None) -> str:
    return ABSENT if value is None else value


def _is_registration(one: Exchange) -> bool:
    return one.step == "register" and one.status in (200, 201)
