"""Kept tokens as they are shown: a row for each, and a note on what a call has done. No part of a token is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.protocol.flow import Tokens
from mcp_oauth_nb.protocol.jwt import is_encrypted, read_jwt
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.html import Html, badge, bundle, card, one_line, quiet, strong, table, tag, text, words

COLUMNS = ("name", "kind", "scope", "expires", "refresh token", "auto-refresh", "used as", "kept in")
NOTHING = "No token is kept: tokens.add('name', dbg) keeps the one of a flow."


@dataclass(frozen=True, repr=False)
class TokenRow:
    """One kept token.

    Attributes:
        name: as the user called it.
        is_selected: it is the one that goes out.
        kind: a JWT, an encrypted one, or opaque.
        scope: what was granted; None where nobody said.
        expires_at_s: when the token that is used expires, in seconds since 1970; None where nobody knows.
        now_s: the time at which it is looked at.
        has_refresh_token: whether new tokens can be had with it.
        auto_refresh: whether it is refreshed before it expires.
        used_as: which token, where.
        kept_in: memory, or the keyring too.
        problem: what went wrong with the keyring.
        why_not_refreshed: why it cannot be refreshed before it expires, or no longer; empty where it can.
        vault: the secrets of its flow.
    """

    name: str
    is_selected: bool
    kind: str
    scope: str | None
    expires_at_s: float | None
    now_s: float
    has_refresh_token: bool
    auto_refresh: bool
    used_as: str
    kept_in: str
    problem: str = ""
    vault: Vault = field(default_factory=Vault)
    why_not_refreshed: str = ""

    @property
    def values(self) -> Mapping[str, str]:
        """What it says in each column; every server's word masked."""
        auto = "on" if self.auto_refresh else self.why_not_refreshed or "off"
        said = (
            f"{self.name} (selected)" if self.is_selected else self.name,
            self.kind,
            mask_text(self.vault, self.scope) if self.scope else "(not said)",
            self._expires(),
            "yes" if self.has_refresh_token else "none",
            auto,
            self.used_as,
            self.kept_in + (f" ({self.problem})" if self.problem else ""),
        )
        return dict(zip(COLUMNS, said, strict=True))

    @property
    def is_over(self) -> bool:
        """Whether the token has expired."""
        return self.expires_at_s is not None and self.expires_at_s <= self.now_s

    def _expires(self) -> str:
        """The time, and how far away it is at the moment of looking: a saved page counts no further."""
        if self.expires_at_s is None:
            return "(not said)"
        left = self.expires_at_s - self.now_s
        away = f"in {left:,.0f} s" if left > 0 else f"expired {-left:,.0f} s ago"
        try:
            at = datetime.fromtimestamp(self.expires_at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        except (ValueError, OverflowError, OSError):
            at = "(out of range)"
        return f"{away} ({at})"


def kind_of_token(held: Tokens) -> str:
    """What an access token is, as far as it can be seen from outside."""
    if read_jwt(held.access_token) is not None:
        return "JWT"
    return "encrypted JWT" if is_encrypted(held.access_token) else "opaque"


@dataclass(frozen=True, repr=False)
class TokenTable(Displayable):
    """Kept tokens, one line each; `problems` says what is not here that should be."""

    rows: tuple[TokenRow, ...]
    problems: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<TokenTable of {len(self.rows)}>"


@dataclass(frozen=True)
class Note(Displayable):
    """What a call has done, and what it has not.

    Attributes:
        status: ``passed``, or ``warned`` where something is still to be known.
        title: the outcome in a few words.
        said: what follows from it.
    """

    status: str
    title: str
    said: str


@render.register
def _(made: TokenTable) -> Bundle:
    missing = [tag("div", words(badge("warned"), text(one))) for one in made.problems]
    told = [one_line(one) for one in made.problems]
    if not made.rows:
        return bundle(card(tag("div", text(NOTHING)), *missing), "\n".join((NOTHING, *told)))
    cells = [[_cell(row, name, value) for name, value in row.values.items()] for row in made.rows]
    looked = datetime.fromtimestamp(made.rows[0].now_s, UTC).strftime("As of %H:%M:%S UTC.")
    markup = card(tag("div", strong("Kept tokens")), table(cells, COLUMNS), tag("div", quiet(looked)), *missing)
    lines = (line for row in made.rows for line in _lines(row))
    return bundle(markup, "\n".join((f"Kept tokens. {looked}", *lines, *told)))


def _cell(row: TokenRow, name: str, value: str) -> Html:
    if name == "name" and row.is_selected:
        return strong(value)
    if name == "expires" and row.is_over:
        return strong(value)
    return text(value)


def _lines(row: TokenRow) -> Iterator[str]:
    name, *others = row.values.items()
    yield f"  {one_line(name[1])}"
    yield from (f"    {column}: {one_line(value)}" for column, value in others)


@render.register
def _(made: Note) -> Bundle:
    head = tag("div", words(badge(made.status), strong(made.title)))
    return bundle(card(head, tag("div", text(made.said))), f"{one_line(made.title)}: {made.status}\n{made.said}")
