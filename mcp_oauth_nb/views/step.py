"""The card of one step: how it went and why, what is wrong, what was learned, what will be sent next, all exchanges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from mcp_oauth_nb.facts import Table
from mcp_oauth_nb.mime import Bundle
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange, Request, Run
from mcp_oauth_nb.redact import Shown, mask_text, redact
from mcp_oauth_nb.rules.rule import Finding
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.body import Pairs, mask_pair
from mcp_oauth_nb.views.exchange import (
    exchange_text,
    exchanges_html,
    request_html,
    request_line,
    request_text,
    shown_of,
)
from mcp_oauth_nb.views.finding import finding_html, finding_text
from mcp_oauth_nb.views.html import (
    Html,
    badge,
    block,
    bundle,
    card,
    details,
    heading,
    link,
    one_line,
    quiet,
    stack,
    strong,
    table,
    tag,
    text,
    words,
)
from mcp_oauth_nb.views.tables import ShownTable, folded_html, shown_table, table_html, table_lines

URL_IN_TITLE = 42
"""Characters of a URL in the title line of a card."""


@dataclass(frozen=True)
class Card:
    """All that the card of a step shows, not yet masked.

    Attributes:
        number: its place in the route, counted from 1; 0 for a step off the route.
        total: how many steps the route has.
        status: the status word.
        preview: the request that goes out when the step is run, for a step that has not sent it.
        note: a sentence of the caller's, shown under the title.
        tables: what can be worked out of the trace for this step.
    """

    number: int
    total: int
    title: str
    spec: Spec
    status: str
    run: Run | None
    exchanges: Sequence[Exchange]
    findings: Sequence[Finding]
    vault: Vault
    preview: Request | None = None
    note: str = ""
    tables: Sequence[Table] = ()

    @property
    def name(self) -> str:
        """Number and title, as in a table of contents."""
        return f"{self.number}. {self.title}" if self.number else self.title

    @property
    def reason(self) -> str:
        """Why the step stopped, masked; empty where it got what it is for."""
        return mask_text(self.vault, self.run.stopped) if self.run else ""

    @property
    def learned(self) -> Pairs:
        """What the step learned, masked by name and by value."""
        pairs = self.run.learned if self.run else ()
        return tuple((mask_text(self.vault, name), mask_pair(self.vault, name, value)) for name, value in pairs)

    @cached_property
    def shown_tables(self) -> tuple[ShownTable, ...]:
        """The tables, masked."""
        return tuple(shown_table(one, self.vault) for one in self.tables)

    def shown(self) -> tuple[Shown, ...]:
        """The exchanges, masked."""
        return tuple(map(shown_of, self.exchanges))

    def shown_preview(self) -> Shown | None:
        """The request to come, masked like any other."""
        return redact(Exchange(0, "", self.preview, vault=self.vault)) if self.preview else None


def step_card(
    *,
    number: int,
    total: int,
    title: str,
    spec: Spec,
    status: str,
    run: Run | None,
    exchanges: Sequence[Exchange],
    findings: Sequence[Finding],
    vault: Vault,
    preview: Request | None = None,
    note: str = "",
    tables: Sequence[Table] = (),
) -> Bundle:
    """The display of one step; see `Card` for what is handed in."""
    made = Card(number, total, title, spec, status, run, exchanges, findings, vault, preview, note, tables)
    shown = made.shown()
    return bundle(card(card_html(made, shown)), card_text(made, shown))


def card_html(made: Card, shown: Sequence[Shown], *, unfold: bool | None = None) -> Html:
    """The card as markup: its title line, and folded under it everything else.

    A step that passed is one line, so that a whole flow fits on a page; one that did not, that shows what it is
    about to send, or that stands beside the route with a table, is unfolded unless told otherwise.
    """
    reason = [tag("div", text(made.reason))] if made.reason else []
    note = [tag("div", quiet(mask_text(made.vault, made.note)))] if made.note else []
    findings = [finding_html(finding, made.vault) for finding in made.findings]
    tables = [_table_html(made, one) for one in made.shown_tables]
    parts = [*_preview_html(made), *tables, *_learned_html(made), *_exchanges_html(made, shown)]
    inside = block(*note, *reason, *findings, *parts, _spec_html(made), status=made.status)
    if unfold is None:
        shows_tables = bool(made.tables) and not made.number
        unfold = made.status not in ("passed", "not run", "running") or made.preview is not None or shows_tables
    return details(_title(made, shown), inside, unfold=unfold)


def card_text(made: Card, shown: Sequence[Shown]) -> str:
    """The card as plain text: the status and the last exchange on its first line, everything else below."""
    return "\n".join(_lines(made, shown))


def title_line(made: Card, shown: Sequence[Shown]) -> str:
    """Status, number, title and the last exchange, on one line."""
    last = f"  {request_line(shown[-1])}" if shown else ""
    return f"[{made.status.upper()}] {one_line(made.name)}{last}"


def _lines(made: Card, shown: Sequence[Shown]) -> Iterator[str]:
    yield title_line(made, shown)
    if made.note:
        yield f"  {one_line(mask_text(made.vault, made.note))}"
    if made.reason:
        yield f"  reason: {one_line(made.reason)}"
    for finding in made.findings:
        yield _indented(finding_text(finding, made.vault))
    for one in made.shown_tables:
        yield from (f"  {line}" for line in table_lines(one))
    if made.learned:
        yield "  learned"
        yield from (f"      {one_line(name)}: {one_line(value)}" for name, value in made.learned)
    if shown:
        yield "  exchanges"
        yield from (_indented(exchange_text(one)) for one in shown)
    preview = made.shown_preview()
    if preview is not None:
        yield "  Continue will send"
        yield _indented(request_text(preview))
    yield f"  spec: {made.spec} {made.spec.url}"


def _indented(content: str) -> str:
    return "\n".join(f"  {line}" for line in content.split("\n"))


def _title(made: Card, shown: Sequence[Shown]) -> Html:
    """One line: a step off the page's width would take the room of two. The exchange has the URL in full."""
    last = [quiet(request_line(shown[-1], URL_IN_TITLE))] if shown else []
    return words(badge(made.status), strong(made.name), *last)


def _table_html(made: Card, one: ShownTable) -> Html:
    """What a probe was run for stands open; beside a step of the route a table does where it says what is wrong."""
    return folded_html(one, unfold=one.mark == "bad") if made.number else table_html(one)


def _spec_html(made: Card) -> Html:
    return tag("div", quiet("see"), text(" "), tag("small", link(made.spec.url, str(made.spec))))


def _learned_html(made: Card) -> list[Html]:
    rows = [(text(name), text(value)) for name, value in made.learned]
    return [heading("Learned"), table(rows, wires=(1,))] if rows else []


def _exchanges_html(made: Card, shown: Sequence[Shown]) -> list[Html]:
    if not shown:
        return []
    return [heading("Exchanges"), exchanges_html(shown, unfold_last=made.status in ("failed", "stopped"))]


def _preview_html(made: Card) -> list[Html]:
    preview = made.shown_preview()
    return [heading("Continue will send"), stack(request_html(preview))] if preview is not None else []
