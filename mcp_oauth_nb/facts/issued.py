"""The tokens of a trace, each taken apart once for all tables, and what of their claims may be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_oauth_nb.protocol.jwt import Jwt, is_encrypted, read_jwt, repeats
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import is_at_idp, sent_token, text, texts
from mcp_oauth_nb.rules.rule import Case
from mcp_oauth_nb.rules.words import capped

LONGEST_CLAIM = 200
"""Characters shown of a claim."""
COVERED = "(not shown: it repeats a part of a token)"
_ISSUING = ("token", "refresh")
_USING = ("mcp", "call")


@dataclass(frozen=True)
class Issued:
    """One token and the exchange that brought it (or used it, where nothing in the trace brought it).

    `jwt` is None for whatever does not read as a signed JWT.
    """

    name: str
    token: str = field(repr=False)
    exchange: Exchange
    jwt: Jwt | None = field(repr=False)

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims, not verified; empty where there are none to read."""
        return self.jwt.claims if self.jwt else {}

    @property
    def kind(self) -> str:
        """What sort of token it is, by its looks."""
        if self.jwt is not None:
            return "JWT (signed, 3 parts)"
        if is_encrypted(self.token):
            return "JWE (encrypted, 5 parts)"
        dots = self.token.count(".")
        return f"opaque ({dots + 1} parts, no JWT)" if dots else "opaque (1 part)"

    @property
    def looks(self) -> str:
        """Its kind in one word."""
        return self.kind.partition(" ")[0]


def token_answers(case: Case) -> tuple[Exchange, ...]:
    """The answers of the authorization server that brought tokens, in their order."""
    return case.once(_token_answers)


def _token_answers(case: Case) -> tuple[Exchange, ...]:
    return tuple(
        one
        for one in case.answered(*_ISSUING, *_USING)  # a step-up gets its token in the middle of a call
        if one.status == 200
        and b"grant_type=" in one.request.body
        and text((one.document or {}).get("access_token"))
        and not is_at_idp(one)
    )


def issued(case: Case) -> tuple[Issued, ...]:
    """The access tokens and ID tokens of a trace, in the order in which they came, each value once."""
    return case.once(_issued)


def _issued(case: Case) -> tuple[Issued, ...]:
    found: dict[str, Issued] = {}
    for exchange in token_answers(case):
        document = exchange.document or {}
        how = " (refreshed)" if exchange.step == "refresh" else " (stepped up)" if exchange.step in _USING else ""
        for member, name in (("access_token", "access token"), ("id_token", "ID token")):
            token = text(document.get(member))
            if token and token not in found:
                found[token] = Issued(name + how, token, exchange, read_jwt(token))
    if not found:
        given = next(((token, one) for one in case.exchanges(*_USING) if (token := sent_token(one))), None)
        if given is not None:
            found[given[0]] = Issued("access token (given)", *given, read_jwt(given[0]))
    return tuple(found.values())


def said_claim(case: Case, value: object) -> str:
    """A claim as text: an array of texts with blanks between, anything else but text by its kind alone.

    What repeats a part of a token is covered: a token may carry a piece of itself, or of another one.
    """
    if isinstance(value, list) and value and len(texts(value)) == len(value):
        value = " ".join(texts(value))
    if not isinstance(value, str):
        return f"({'null' if value is None else type(value).__name__}, expected text)"
    shown = capped(value, LONGEST_CLAIM)
    return COVERED if any(repeats(shown, secret) for secret in _secrets(case)) else shown or "(empty)"


def is_covered(case: Case, value: str) -> bool:
    """Whether a text repeats a part of a token of the trace."""
    return said_claim(case, value) == COVERED


def _secrets(case: Case) -> tuple[str, ...]:
    return case.once(_read_secrets)


def _read_secrets(case: Case) -> tuple[str, ...]:
    refresh = (text((one.document or {}).get("refresh_token")) for one in token_answers(case))
    return tuple(dict.fromkeys(filter(None, (*(one.token for one in issued(case)), *refresh))))
