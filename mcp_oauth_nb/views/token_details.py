"""What a token says of itself: its kind, and of a JWT those claims that tell for whom, by whom and how long it is.

Claims are read and not verified. Who the user is stays covered, and so does what makes a token one of a kind (``jti``);
no part of the token itself is shown, not even where one of its claims repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.protocol.flow import Tokens
from mcp_oauth_nb.protocol.jwt import is_encrypted, numeric_date, read_jwt, repeats
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.html import Html, bundle, card, details, one_line, quiet, strong, table, tag, text, words

HEADER = ("typ", "alg", "kid")
CLAIMS = ("iss", "aud", "azp", "client_id", "scope", "scp")
TIMES = ("iat", "nbf", "exp")
NOT_VERIFIED = "signature not verified"
LONGEST = 200
"""Characters shown of a claim."""
MOST_NAMES = 12
"""Names shown of claims whose values are not."""
_COVERED = "(not shown: it repeats a part of a token)"


class Row(NamedTuple):
    """One line: a name and what is said under it, both masked."""

    name: str
    value: str


@dataclass(frozen=True)
class TokenView:
    """One token: what it is called, of what kind it is, and what it says of itself."""

    name: str
    kind: str
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, repr=False)
class TokenDetails(Displayable):
    """The tokens that the flow holds, taken apart as far as they can be read.

    Attributes:
        tokens: as they were issued; None before.
        vault: the secrets of the trace.
        now_s: the time in seconds since 1970, to which times are set in relation; None leaves that out.
    """

    tokens: Tokens | None
    vault: Vault = field(default_factory=Vault)
    now_s: float | None = None

    def __repr__(self) -> str:
        return f"<TokenDetails of {len(self.views)} tokens>"

    @property
    def views(self) -> tuple[TokenView, ...]:
        """The access token and, where one was issued, the ID token."""
        held = self.tokens
        if held is None:
            return ()
        named = (("access token", held.access_token), ("ID token", held.id_token))
        return tuple(self._view(name, token) for name, token in named if token)

    def _view(self, name: str, token: str) -> TokenView:
        jwt = read_jwt(token)
        if jwt is None:
            kind = "encrypted JWT: only its receiver can read it" if is_encrypted(token) else "opaque: no JWT"
            return TokenView(name, f"{kind}, {len(token)} characters")
        said = (*self._header(jwt.header), *self._claims(jwt.claims))
        return TokenView(name, f"JWT, {NOT_VERIFIED}", said)

    def _header(self, header: Mapping[str, Any]) -> Iterator[Row]:
        yield from (Row(member, self._said(header[member])) for member in HEADER if member in header)

    def _claims(self, claims: Mapping[str, Any]) -> Iterator[Row]:
        yield from (Row(claim, self._said(claims[claim])) for claim in CLAIMS if claim in claims)
        yield from (Row(claim, self._time(claims[claim])) for claim in TIMES if claim in claims)
        if "sub" in claims:
            yield Row("sub", "present, not shown")
        others = [name for name in claims if name not in (*CLAIMS, *TIMES, "sub")]
        if others:
            more = f" and {len(others) - MOST_NAMES} more" if len(others) > MOST_NAMES else ""
            yield Row("other claims, not shown", ", ".join(map(self._safe, others[:MOST_NAMES])) + more)

    def _said(self, value: object) -> str:
        """Text as it is, an array of texts with blanks between; anything else by its kind alone."""
        if isinstance(value, str):
            return self._safe(value) or "(empty)"
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            return self._safe(" ".join(value))
        return f"({'null' if value is None else type(value).__name__}, expected text)"

    def _time(self, value: object) -> str:
        """A NumericDate (RFC 7519 2) as a time, and how far from now it is."""
        seconds = numeric_date(value)
        if seconds is None:
            return "(no number of seconds)"
        try:
            said = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        except (ValueError, OverflowError, OSError):
            return "(out of range)"
        if self.now_s is None:
            return said
        away = seconds - self.now_s
        return f"{said}, in {away:.0f} s" if away >= 0 else f"{said}, {-away:.0f} s ago"

    def _safe(self, value: str) -> str:
        """A claim's text, clipped and masked; what repeats a part of a token is covered as a whole."""
        clipped = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
        if any(repeats(clipped, token) for token in self._tokens()):
            return _COVERED
        return mask_text(self.vault, clipped, cut=len(value) > LONGEST)

    def _tokens(self) -> Iterator[str]:
        held = self.tokens
        if held is not None:
            yield from filter(None, (held.access_token, held.refresh_token, held.id_token))


@render.register
def _(made: TokenDetails) -> Bundle:
    views = made.views
    if not views:
        nothing = "No token was issued yet: dbg.token() gets one."
        return bundle(card(tag("div", text(nothing))), nothing)
    markup = card(tag("div", strong("Tokens")), *map(_html, views))
    return bundle(markup, "\n".join(("Tokens", *(line for view in views for line in _lines(view)))))


def _html(view: TokenView) -> Html:
    head = words(strong(view.name), quiet(view.kind))
    if not view.rows:
        return tag("div", head)
    rows = [(text(row.name), text(row.value)) for row in view.rows]
    return details(head, table(rows, wires=(1,)), unfold=True)


def _lines(view: TokenView) -> Iterator[str]:
    yield f"  {view.name}: {view.kind}"
    yield from (f"    {one_line(row.name)}: {one_line(row.value)}" for row in view.rows)
