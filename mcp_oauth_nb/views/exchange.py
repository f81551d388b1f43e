"""One exchange: a line that says what was asked and what came, and folded under it everything that was seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mcp_oauth_nb.mime import Bundle, render
from mcp_oauth_nb.records import Exchange, Headers
from mcp_oauth_nb.redact import Shown, redact
from mcp_oauth_nb.views.body import Body, Pairs, read_body, read_pairs
from mcp_oauth_nb.views.html import (
    LONGEST_BODY,
    LONGEST_VALUE,
    Html,
    badge,
    bundle,
    card,
    clip,
    details,
    heading,
    is_link,
    link,
    one_line,
    pre,
    quiet,
    stack,
    strong,
    table,
    tag,
    text,
    unbroken,
    visible,
    wire,
    words,
)

KEPT_BYTES = 262_144
"""Bytes of a body that are masked and laid out; what is shown of them is capped once more, behind the layout."""
URL_IN_LINE = 100
"""Characters of a URL in the one-line summary."""

OUTCOME_IN_LINE = 200
"""Characters of the outcome there: a reason phrase is server text and has no limit."""
_QUERY = re.compile(r"^[^?#]*\?((?:‹[^›]*›|[^#])+)")
"""The query of a masked URL: a tag holds a ``#`` that starts no fragment."""


@dataclass(frozen=True)
class Part:
    """One titled part of an exchange: pairs, or a body."""

    title: str
    pairs: Pairs = ()
    body: Body | None = None

    @property
    def note(self) -> str:
        """What is to be said of the body: its kind and what is odd about it."""
        return "; ".join((self.body.kind, *self.body.notes)) if self.body else ""

    @property
    def rows(self) -> Pairs:
        """The pairs, wherever they come from."""
        return self.body.pairs if self.body else self.pairs

    @property
    def lines(self) -> str:
        """The text of the body."""
        return self.body.text if self.body else ""


def shown_of(exchange: Exchange) -> Shown:
    """An exchange made ready for the views in this package."""
    return redact(exchange, body_bytes=KEPT_BYTES)


def short_url(url: str, most: int = URL_IN_LINE) -> str:
    """A URL for one line, its end left out where it is long."""
    return url if len(url) <= most else url[: most - 1] + "…"


def outcome(shown: Shown) -> str:
    """What came of it, in a few words: ``404 Not Found``, ``tls failure: ...``, ``opened in a browser``."""
    if shown.response is not None:
        return f"{shown.response.status} {shown.response.reason}".strip()
    if shown.failure is not None:
        return f"{shown.failure.kind} failure: {shown.failure.message}"
    if is_open_ended(shown):
        return "no answer known"
    return "redirect received" if shown.direction == "in" else "opened in a browser"


def is_open_ended(shown: Shown) -> bool:
    """Whether it was sent and nobody knows what came; a link that somebody opens is a URL without header fields."""
    return shown.response is None and shown.failure is None and bool(shown.request.headers) and shown.direction == "out"


def took(shown: Shown) -> str:
    """How long it took, in milliseconds; empty where nothing was waited for, or where a recording does not say it."""
    waited = shown.response is not None or shown.failure is not None
    return f"{shown.elapsed_ms:.0f} ms" if waited and shown.elapsed_ms > 0 else ""


def request_line(shown: Shown, most: int = URL_IN_LINE) -> str:
    """Method, URL (at most so many characters of it) and what came of it, on one line of plain text."""
    asked = f"{shown.request.method} {short_url(shown.request.url, most)}"
    line = f"{asked} -> {short_url(outcome(shown), OUTCOME_IN_LINE)}"
    return one_line(f"{line} ({took(shown)})" if took(shown) else line)


def exchange_text(shown: Shown) -> str:
    """The exchange as plain text, one item per line; only the first line starts at the margin."""
    remarks = "".join(f" [{one_line(remark)}]" for remark in _remarks(shown))
    lines = [f"#{shown.id} {request_line(shown)}{remarks}"]
    lines += [f"    {name}: {one_line(value)}" for name, value in _provenance(shown)]
    for part in _parts(shown):
        lines += _part_text(part)
    return "\n".join(lines)


def exchange_html(shown: Shown, *, unfold: bool = False) -> Html:
    """The exchange folded into one line, unfolded at first when asked."""
    provenance = [(quiet(name), _linked(name, value)) for name, value in (*_provenance(shown), *_to_open(shown))]
    parts = [_part_html(part) for part in _parts(shown)]
    return details(_summary(shown), *([table(provenance)] if provenance else []), *parts, unfold=unfold)


def request_html(shown: Shown) -> Html:
    """A request that was not sent yet: everything but an outcome."""
    asked = tag("div", wire(f"{shown.request.method} {shown.request.url}"))
    return stack(asked, *(_part_html(part) for part in _parts(shown)))


def request_text(shown: Shown) -> str:
    """A request that was not sent yet, as plain text."""
    lines = [f"  {one_line(f'{shown.request.method} {shown.request.url}')}"]
    for part in _parts(shown):
        lines += _part_text(part)
    return "\n".join(lines)


def exchanges_html(exchanges: Iterable[Shown], *, unfold_last: bool = False) -> Html:
    """Several exchanges below each other, the last one unfolded when asked."""
    many = list(exchanges)
    return stack(*(exchange_html(one, unfold=unfold_last and one is many[-1]) for one in many))


@render.register
def _(exchange: Exchange) -> Bundle:
    shown = shown_of(exchange)
    return bundle(card(exchange_html(shown, unfold=True)), exchange_text(shown))


def _summary(shown: Shown) -> Html:
    request = wire(f"{shown.request.method} {short_url(shown.request.url)}")
    came = strong(short_url(outcome(shown), OUTCOME_IN_LINE))
    marks = [badge("edited"), quiet(", ".join(shown.edited))] if shown.edited else []
    hop = [quiet(f"redirect {shown.hop}")] if shown.hop else []
    return words(quiet(f"#{shown.id}"), *hop, request, text("→"), came, unbroken(quiet(took(shown))), *marks)


def _remarks(shown: Shown) -> Iterator[str]:
    if shown.hop:
        yield f"redirect {shown.hop}"
    if shown.edited:
        yield "edited: " + ", ".join(shown.edited)


def _provenance(shown: Shown) -> Iterator[tuple[str, str]]:
    """Where the exchange comes from, and what of its line was too long for one."""
    if shown.why:
        yield "known" if is_open_ended(shown) else "why", shown.why
    if len(shown.request.url) > URL_IN_LINE:
        yield "URL", shown.request.url
    if len(outcome(shown)) > OUTCOME_IN_LINE:
        yield "outcome", outcome(shown)
    if shown.untold:
        yield "not in the recording, or not whole", ", ".join(shown.untold)
    if shown.started.year > 1:
        yield "started", f"{shown.started:%Y-%m-%d %H:%M:%S} UTC"


def _to_open(shown: Shown) -> Iterator[tuple[str, str]]:
    """A document that was fetched can be opened in the browser as well; nothing else is worth a click."""
    if shown.request.method == "GET" and shown.response is not None and is_link(shown.request.url):
        yield "open", shown.request.url


def _linked(name: str, value: str) -> Html:
    return link(value) if name == "open" else wire(value) if name == "URL" else text(value)


def _parts(shown: Shown) -> Iterator[Part]:
    """The parts that there are, in the order of the conversation."""
    request, response = shown.request, shown.response
    query = _QUERY.search(request.url)
    if query:
        yield Part("Query parameters", read_pairs(shown.vault, query[1]))
    yield from _message("Request", shown, request.headers, request.body, request.header("content-type") or "")
    if response is not None:
        media_type = response.media_type
        yield from _message("Response", shown, response.headers, response.body, media_type, response.truncated)


def _message(
    whose: str, shown: Shown, headers: Headers, raw: bytes, media_type: str, truncated: bool = False
) -> Iterator[Part]:
    if headers:
        yield Part(f"{whose} headers", headers)
    body = read_body(shown.vault, raw, media_type.lower(), truncated=truncated)
    if body is not None:
        yield Part(f"{whose} body", body=body)


def _part_html(part: Part) -> Html:
    """Pairs as lines of one block: a table with a style in every cell would be most of a saved notebook."""
    pieces = [pre("\n".join(f"{one_line(name)}: {one_line(value)}" for name, value in part.rows))] if part.rows else []
    return stack(heading(part.title, part.note), *pieces, *([pre(part.lines)] if part.lines else []))


def _part_text(part: Part) -> Iterator[str]:
    note = f" ({one_line(part.note)})" if part.note else ""
    yield f"    {part.title}{note}"
    for name, value in part.rows:
        yield f"        {one_line(name, LONGEST_VALUE)}: {one_line(value, LONGEST_VALUE)}"
    if part.lines:
        shown, rest = clip(part.lines, LONGEST_BODY)
        yield from (f"        {line}" for line in visible(shown, lines=True).split("\n"))
        if rest:
            yield f"        {rest}"
