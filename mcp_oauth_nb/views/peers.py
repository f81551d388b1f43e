"""What other clients would do, as a matrix: who gets through and who stops on top, then a row per decision point.

In the page the clients stand beside each other with a badge and a few words in each cell; the requests, the sentences
and the sources of each client are folded below. In plain text a client follows the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp_oauth_nb.mime import Bundle, frame_of, render
from mcp_oauth_nb.peers.outlook import POINTS, Outlook, Outlooks
from mcp_oauth_nb.peers.rows import NOT_KNOWN
from mcp_oauth_nb.peers.walk import Decision
from mcp_oauth_nb.records import origin_of
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.views import frames
from mcp_oauth_nb.views.html import (
    Html,
    badge,
    below,
    bundle,
    card,
    details,
    one_line,
    pre,
    quiet,
    stack,
    strong,
    table,
    tag,
    text,
    wire,
    words,
)

COLUMNS = ("point", "client", "version", "outcome", "told", "message", "does", "source", "read")
TITLES = {
    "resource metadata": "protected resource metadata",
    "resource": "is it this resource?",
    "server metadata": "authorization server metadata",
    "issuer": "is it this issuer?",
    "S256": "S256 advertised?",
    "registration": "client registration",
    "scope": "scope",
    "resource parameter": "resource indicator",
    "iss": "iss in the redirect",
    "token endpoint": "token endpoint",
    "authentication": "client authentication",
    "with the token": "with the token",
    "403 insufficient_scope": "403 insufficient_scope",
    "refresh": "refresh",
}
LONGEST = 160
"""Characters of a cell; the folded part has all of it."""
LONGEST_SOURCES = 12_000
PRESUMED = (
    "Presumed of each client: nothing stored, nothing configured but the URL. Where it registers with other members "
    "than the recorded client, the server may answer otherwise."
)
MORE = "Would tell more: dbg.well_known() asks every location, dbg.run() goes on to the token."


@dataclass(frozen=True)
class _Shown:
    """The outlooks with every text masked."""

    outlooks: Outlooks

    def masked(self, content: str) -> str:
        return mask_text(self.outlooks.trace.vault, content)

    @property
    def title(self) -> str:
        return f"What other clients would do with {origin_of(self.outlooks.trace.settings.get('url', ''))}"

    @property
    def counted(self) -> str:
        fates = ("gets through", "stops", "unknown")
        words_of = {"gets through": "get through", "stops": "stop", "unknown": "not known from this recording"}
        return ", ".join(f"{count} {words_of[fate]}" for fate in fates if (count := self.outlooks.count(fate)))

    def fate(self, one: Outlook) -> tuple[str, str, str]:
        """How it ends, at which point, and why."""
        decision = one.stop or one.open
        if decision is None:
            return one.fate, "", ""
        why = self.masked(decision.told)
        if decision.message:
            why += f"; its user sees: {self.masked(decision.message)}"
        return one.fate, TITLES[decision.point], why


@render.register
def _(outlooks: Outlooks) -> Bundle:
    shown = _Shown(outlooks)
    open_yet = any(one.open for one in outlooks.each)
    parts = [
        tag("div", words(strong(f"{shown.title}:"), text(shown.counted))),
        table(
            ([strong(str(one.peer)), badge(one.fate), text(_where(shown, one), LONGEST * 4)] for one in outlooks.each),
            ("client", "comes to", "where and why"),
        ),
        tag("div", quiet(PRESUMED)),
    ]
    if open_yet:
        parts.append(tag("div", quiet(MORE)))
    parts.append(details(text("Decision by decision"), _matrix(shown)))
    parts += [details(words(text(str(one.peer)), quiet(one.fate)), *_folded(shown, one)) for one in outlooks.each]
    return bundle(card(stack(*parts)), "\n".join(_lines(shown, open_yet=open_yet)))


def _where(shown: _Shown, one: Outlook) -> str:
    _, point, why = shown.fate(one)
    return f"{point}: {why}" if point else ""


def _matrix(shown: _Shown) -> Html:
    each = shown.outlooks.each
    rows = ([strong(TITLES[point]), *(_cell(shown, one.at(point)) for one in each)] for point in POINTS)
    return table(rows, ("", *(str(one.peer) for one in each)))


def _cell(shown: _Shown, decision: Decision) -> Html:
    if decision.outcome == "not reached":
        return quiet("not reached")
    told = text(shown.masked(decision.told), LONGEST)
    if decision.outcome == "told":
        return told
    return below(badge(decision.outcome), told)


def _folded(shown: _Shown, one: Outlook) -> Iterator[Html]:
    peer = one.peer
    yield tag("div", quiet(f"{peer.origin}, read {peer.read}"))
    if peer.remarks:
        yield tag("div", text(peer.remarks))
    asked = [[text(ask.method), wire(shown.masked(ask.url)), text(ask.came)] for ask in one.asked]
    yield table(asked, ("requests up to the registration", "URL", "recorded answer"))
    yield pre("\n".join(_read(one)), LONGEST_SOURCES)


def _read(one: Outlook) -> Iterator[str]:
    """What was read of a client, a line for each row."""
    for point in POINTS:
        for row in one.rows(point):
            yield f"{TITLES[point]}: {row.sentence}  [{row.source or NOT_KNOWN}]"


def _lines(shown: _Shown, *, open_yet: bool) -> Iterator[str]:
    yield f"{shown.title}: {shown.counted}"
    for one in shown.outlooks.each:
        where = _where(shown, one)
        yield f"  [{one.fate.upper()}] {one.peer}" + (f"  {one_line(where, LONGEST * 4)}" if where else "")
    yield PRESUMED
    if open_yet:
        yield MORE
    yield "Decision by decision:"
    for one in shown.outlooks.each:
        yield f"{one.peer} ({one.peer.origin}, read {one.peer.read})"
        yield from (f"  {one_line(' '.join((ask.method, shown.masked(ask.url), ask.came)))}" for ask in one.asked)
        for point in POINTS:
            decision = one.at(point)
            told = one_line(shown.masked(decision.told), LONGEST * 4)
            yield f"  {TITLES[point]}: {f'[{decision.outcome}] ' if decision.outcome != 'told' else ''}{told}".rstrip()
        yield from filter(None, (one.peer.remarks and f"  {one_line(one.peer.remarks, LONGEST_SOURCES)}",))
        yield from (f"    read: {one_line(line, LONGEST_SOURCES)}" for line in _read(one))


@frame_of.register
def outlooks_frame(outlooks: Outlooks) -> Any:
    """A DataFrame with one row per client and decision point, every text masked."""
    shown = _Shown(outlooks)
    rows = [
        {
            "point": point,
            "client": one.peer.name,
            "version": one.peer.version,
            "outcome": one.at(point).outcome,
            "told": shown.masked(one.at(point).told),
            "message": shown.masked(one.at(point).message),
            "does": "; ".join(row.sentence for row in one.rows(point)),
            "source": "; ".join(dict.fromkeys(row.source for row in one.rows(point) if row.source)),
            "read": one.peer.read,
        }
        for one in outlooks.each
        for point in POINTS
    ]
    return frames.frame(rows, COLUMNS)
